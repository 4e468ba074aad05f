package store_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

func open(t *testing.T, database string) *store.Store {
	t.Helper()
	s, err := store.Open(context.Background(), database, store.Create, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

var (
	queryName = regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)
	argument  = regexp.MustCompile(`sqlc\.n?arg\((\w+)\)`)
)

// TestEveryStatementPrepares proves that the one SQL text is understood by both engines.
func TestEveryStatementPrepares(t *testing.T) {
	files, err := filepath.Glob("queries/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatal("no query files", err)
	}
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		prepared := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			names := queryName.FindAllStringSubmatchIndex(string(text), -1)
			for i, m := range names {
				end := len(text)
				if i+1 < len(names) {
					end = names[i+1][0]
				}
				name, query := string(text[m[2]:m[3]]), string(text[m[1]:end])
				args := map[string]int{}
				query = argument.ReplaceAllStringFunc(query, func(arg string) string {
					if args[arg] == 0 {
						args[arg] = len(args) + 1
					}
					return "$" + strconv.Itoa(args[arg])
				})
				stmt, err := store.PrepareForTest(s, strings.TrimSpace(query))
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				stmt.Close()
				prepared++
			}
		}
		if prepared < 50 {
			t.Errorf("only %d statements were found", prepared)
		}
	})
}
