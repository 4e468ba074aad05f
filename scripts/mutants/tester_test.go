package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit/mutant"
)

// stream writes what `go test -json` would.
func stream(lines ...string) []byte { return []byte(strings.Join(lines, "\n") + "\n") }

func line(action, test, output string) string {
	return fmt.Sprintf(`{"Action":%q,"Package":"p","Test":%q,"Output":%q}`, action, test, output)
}

func TestReadRun(t *testing.T) {
	for _, c := range []struct {
		name                 string
		stream               []byte
		failed, how, message string
		build                bool
		passed               int
	}{
		{"passes", stream(line("run", "TestA", ""), line("pass", "TestA", "")), "", "", "", false, 1},
		{"an assertion of the inner test", stream(line("run", "TestA", ""), line("run", "TestA/x", ""), line("output", "TestA/x", "    --- FAIL: TestA/x (0.1s)\n"),
			line("output", "TestA/x", "    a_test.go:5: got 1\n"), line("fail", "TestA/x", ""), line("fail", "TestA", ""), line("fail", "", "")), "TestA/x", "assertion", "a_test.go:5: got 1", false, 0},
		{"a panic", stream(line("run", "TestA", ""), line("output", "TestA", "panic: oh\n"), line("fail", "TestA", "")), "TestA", "panic", "panic: oh", false, 0},
		{"it hangs", stream(line("run", "TestA", ""), line("output", "TestA", "panic: test timed out after 1s\n"), line("fail", "TestA", "")), "TestA", "timeout", "panic: test timed out after 1s", false, 0},
		{"outside of a test", stream(line("run", "TestA", ""), line("output", "", "exit status 2\n"), line("fail", "", "")), "(the package)", "assertion", "exit status 2", false, 0},
		{"no build", stream(`{"ImportPath":"p","Action":"build-output","Output":"# p\n"}`, `{"ImportPath":"p","Action":"build-output","Output":"a.go:1: undefined: x\n"}`,
			`{"Action":"fail","Package":"p","FailedBuild":"p"}`), "", "", "a.go:1: undefined: x", true, 0},
	} {
		got := readRun(c.stream)
		if got.failed != c.failed || got.how != c.how || got.message != c.message || got.buildFailed != c.build || got.passed != c.passed {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestMissingTestIsSeen(t *testing.T) {
	run := testRun{names: []string{"TestA", "TestA/sqlite", "TestB"}}
	for wanted, missing := range map[string]string{"TestA/sqlite": "", "TestA|TestB": "", "TestB/sqlite": "TestB/sqlite", "TestA/sqlite|TestC": "TestC"} {
		if got := run.missing(wanted); got != missing {
			t.Errorf("of %s %q is missing, want %q", wanted, got, missing)
		}
	}
}

// A mutant of a small package is caught, one that its tests can't see survives, and one that isn't Go doesn't build.
func TestTry(t *testing.T) {
	t.Chdir("../..")
	header := "# mistake: m\n# breaks: M-1\n# catch: ./money -run '%s'\n--- a/money/money.go\n+++ b/money/money.go\n@@ -1,1 +1,1 @@\n-%s\n+%s\n"
	const old, wrong = "\tif strings.HasPrefix(text, \"-\") {", "\tif strings.HasPrefix(text, \"+\") {"
	for _, c := range []struct{ run, to, want string }{
		{"TestParseGrouped", wrong, caught}, {"TestRate", wrong, survived}, {"TestParseGrouped", "if {", notBuilt}, {"TestNone", wrong, noTest},
	} {
		m, err := mutant.Parse("x", fmt.Sprintf(header, c.run, old, c.to))
		if err != nil {
			t.Fatal(err)
		}
		if got := (&tester{limit: time.Minute}).try(t.Context(), m); got.State != c.want {
			t.Errorf("%s with %q: %+v", c.run, c.to, got)
		}
	}
}
