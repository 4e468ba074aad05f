package proof

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAppendedResultsAreRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results.jsonl")
	want := []Result{
		{Campaign: "simulate", Engine: "sqlite", Unit: "seeds", Count: 3, Hits: map[string]int64{"crash": 2}, Commit: "abc", Date: "2026-01-02", Command: "galla simulate"},
		{Campaign: "torture power", NotRun: "no /dev/fuse", Commit: "abc", Date: "2026-01-02"},
	}
	for _, r := range want {
		if err := Append(path, r); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read(path)
	if err != nil || len(got) != 2 || got[0].Hits["crash"] != 2 || got[1].NotRun == "" {
		t.Errorf("read %+v, %v", got, err)
	}
	if err := os.WriteFile(path, []byte("{}\nno\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(path); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a broken line gives %v", err)
	}
}

func TestPassed(t *testing.T) {
	for name, c := range map[string]struct {
		r    Result
		want bool
	}{
		"clean":         {Result{Count: 1}, true},
		"violated":      {Result{Count: 1, Violations: 1}, false},
		"control":       {Result{Count: 1, Violations: 1, Expected: true}, true},
		"blind control": {Result{Count: 1, Expected: true}, false},
		"not run":       {Result{NotRun: "no strace"}, false},
	} {
		if got := c.r.Passed(); got != c.want {
			t.Errorf("%s: passed is %v, want %v", name, got, c.want)
		}
	}
}

func TestPage(t *testing.T) {
	var b strings.Builder
	err := Page(&b, []Result{
		{Campaign: "simulate", Engine: "sqlite", Unit: "seeds", Count: 1_200_000, Hits: map[string]int64{"crash": 7}, Milliseconds: 61_000, Commit: "abc", Date: "2026-01-02", Command: "galla simulate --count 1200000"},
		{Campaign: "simulate", Engine: "sqlite", Unit: "seeds", Count: 5, Hits: map[string]int64{"crash": 1}, Violations: 2, Note: "two lost, mended.", Commit: "abc", Date: "2026-01-03", Command: "galla simulate --count 5"},
		{Campaign: "torture control", Engine: "sqlite", Unit: "power losses", Count: 9, Violations: 3, Expected: true, Commit: "abc", Date: "2026-01-02", Command: "galla torture"},
		{Campaign: "grow", Engine: "sqlite", Unit: "transactions", Count: 10, Measured: map[string]int64{"balance": 1083, "bytes": 1775_000}, Missed: 2, Commit: "abc", Date: "2026-01-02", Command: "galla bench grow"},
		{Campaign: "grow", Engine: "sqlite", Unit: "transactions", Count: 10, Measured: map[string]int64{"balance": 900}, Commit: "def", Date: "2026-01-02", Command: "galla bench grow"},
		{Campaign: "torture cut", Engine: "postgres", Unit: "cuts", NotRun: "no namespaces", Commit: "abc", Date: "2026-01-02", Command: "galla torture"},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| simulate | sqlite | 1,200,005 seeds | 2 | 1 of 2 runs failed |",
		"| torture control | sqlite | 9 power losses | 3 | yes |",
		"| torture cut | postgres | 0 cuts | 0 | not run |",
		"| sqlite | abc | 2026-01-03 | 2 | 1,200,005 seeds | 2 | 1m1s |",
		"| grow | sqlite | 20 transactions | 0 | yes; goals missed: 2 |", "| 10 transactions | 0; goals missed: 2 |",
		"\nWhat failed on sqlite, abc: two lost, mended.\n",
		"\nMeasured on sqlite, abc: balance 1.083, bytes 1775.\n", "\nMeasured on sqlite, def: balance 0.9.\n",
		"crash 8.", "3 (had to be found)", "Not run on postgres (2026-01-02): no namespaces.", "    galla simulate --count 5\n",
	} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("the page hasn't %q:\n%s", want, b.String())
		}
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", -1234567: "-1,234,567"} {
		if got := Grouped(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

// The page that is in the repository is made of the results that are beside it.
func TestPageIsOfItsResults(t *testing.T) {
	paths, err := filepath.Glob("../../docs/proof/*.jsonl")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no results: %v", err)
	}
	results, err := Read(paths...)
	if err != nil {
		t.Fatal(err)
	}
	var want strings.Builder
	if err := Page(&want, results); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile("../../docs/proof.md")
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want.String() {
		t.Error("docs/proof.md isn't made of docs/proof: run go run ./scripts/proof -page")
	}
}
