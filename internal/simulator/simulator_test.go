package simulator

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
)

// eachEngine runs a test on SQLite and on PostgreSQL: f gets Options.Database.
func eachEngine(t *testing.T, f func(t *testing.T, database string)) {
	t.Run("sqlite", func(t *testing.T) { f(t, "") })
	t.Run("postgres", func(t *testing.T) { f(t, testkit.Postgres(t)) })
}

func TestLives(t *testing.T) {
	eachEngine(t, func(t *testing.T, database string) {
		seeds := 80
		if database != "" {
			seeds = 20 // PostgreSQL is slower, and what is drawn is the same
		}
		r, err := Run(context.Background(), Options{Database: database, Seed: 1, Steps: DefaultSteps, Count: seeds, Workers: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Failures {
			t.Errorf("seed %d: %v", l.Seed, l.Violations)
		}
		if r.Seeds != int64(seeds) {
			t.Errorf("%d seeds were lived, want %d", r.Seeds, seeds)
		}
		for f := range faultCount {
			if database == "" && r.Hits[f.String()] == 0 {
				t.Errorf("%s never took place", f)
			}
		}
		for _, what := range []string{"claim accepted", "claim held", "withdrawal paid", "withdrawal refunded", "postback delivered"} {
			if r.Reached[what] == 0 {
				t.Errorf("no life came to %q: %v", what, r.Reached)
			}
		}
	})
}

// A seed that fails is worth something only if it fails again.
func TestSeedLivesTheSameAgain(t *testing.T) {
	eachEngine(t, func(t *testing.T, database string) {
		ctx := context.Background()
		if database == "" {
			database = "sqlite:" + filepath.Join(t.TempDir(), "galla.db")
		}
		w, err := newWorld(ctx, database, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := w.close(); err != nil {
				t.Error(err)
			}
		}()
		var first [][]string
		const seeds = 12
		for round := range 2 {
			for seed := range uint64(seeds) {
				l, err := w.live(ctx, seed, DefaultSteps, nil)
				if err != nil {
					t.Fatal(err)
				}
				if round == 0 {
					first = append(first, l.Trace)
					continue
				}
				if n := differ(first[seed], l.Trace); n >= 0 {
					t.Errorf("seed %d differs from line %d on:\n%q\n%q", seed, n, first[seed][n:min(n+3, len(first[seed]))], l.Trace[n:min(n+3, len(l.Trace))])
				}
			}
		}
	})
}

// differ is the first line in which two traces differ, -1 when none does.
func differ(a, b []string) int {
	for n := range min(len(a), len(b)) {
		if a[n] != b[n] {
			return n
		}
	}
	if slices.Equal(a, b) {
		return -1
	}
	return min(len(a), len(b)) - 1
}

// Seeds that failed once are lived again.
func TestKeptSeeds(t *testing.T) {
	paths, err := filepath.Glob("../../test/seeds/*.txt")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no seeds: %v", err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var o Options
		if _, err := fmt.Sscanf(string(text), "seed %d\nsteps %d\n", &o.Seed, &o.Steps); err != nil {
			t.Fatalf("%s: expected the lines seed N and steps M: %v", path, err)
		}
		o.Count = 1
		r, err := Run(context.Background(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range r.Failures {
			t.Errorf("%s: %v", path, l.Violations)
		}
	}
}
