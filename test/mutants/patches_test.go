package mutants

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit/mutant"
)

const root = "../.."

// atLeast is how many mutants there are to be: who deletes one makes another.
const atLeast = 44

// Every patch fits the code as it is, leaves Go that can be read, and names tests that exist.
func TestPatchesFit(t *testing.T) {
	all, err := mutant.Load(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < atLeast {
		t.Errorf("%d mutants, want %d or more", len(all), atLeast)
	}
	tests := map[string]string{} // package → the sources of its tests
	for _, m := range all {
		changed, err := m.Apply(root)
		if err != nil {
			t.Errorf("%s doesn't apply: %v", m.Name, err)
			continue
		}
		for path, text := range changed {
			if strings.HasSuffix(path, "_test.go") {
				t.Errorf("%s changes a test", m.Name)
			}
			if !strings.HasSuffix(path, ".go") {
				continue
			}
			if _, err := parser.ParseFile(token.NewFileSet(), path, text, parser.SkipObjectResolution); err != nil {
				t.Errorf("%s: %v", m.Name, err)
			}
		}
		for _, c := range m.Catch {
			if tests[c.Package] == "" {
				tests[c.Package] = sources(t, c.Package)
			}
			for _, alternative := range strings.Split(c.Run, "|") {
				name, _, _ := strings.Cut(strings.Trim(alternative, "^()$"), "/")
				if !regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(strings.TrimSuffix(name, "$")) + `\(`).MatchString(tests[c.Package]) {
					t.Errorf("%s is to be caught by %s of %s, which isn't there", m.Name, name, c.Package)
				}
			}
		}
	}
}

func sources(t *testing.T, folder string) string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(root, folder, "*_test.go"))
	if err != nil || len(paths) == 0 {
		t.Fatal(folder, "has no tests", err)
	}
	var all strings.Builder
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(text)
	}
	return all.String()
}
