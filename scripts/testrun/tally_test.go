package main

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// runOn tallies a real run of go test on packages of the module in testdata.
func runOn(t *testing.T, packages ...string) (output string, good bool) {
	t.Helper()
	command := exec.Command("go", append([]string{"test", "-json", "-vet=off"}, packages...)...)
	command.Dir = "testdata/module"
	stream, runErr := command.Output()
	if exit := (*exec.ExitError)(nil); runErr != nil && !errors.As(runErr, &exit) {
		t.Fatal(runErr)
	}
	var out bytes.Buffer
	tally := newTally(&out, "example.test/module", map[string]string{"skips TestAllowed": "to test the list"})
	for line := range bytes.Lines(stream) {
		tally.read(line, time.Time{})
	}
	good = tally.finish(runErr)
	return out.String(), good
}

// lastLine is the line that scripts read.
func lastLine(output string) string {
	lines := strings.Split(strings.TrimSuffix(output, "\n"), "\n")
	return lines[len(lines)-1]
}

func TestRunThatIsGood(t *testing.T) {
	output, good := runOn(t, "./good", "./empty")
	if !good || lastLine(output) != "2 passed, 0 failed, 0 skipped" {
		t.Errorf("good is %t, output:\n%s", good, output)
	}
	if strings.Contains(output, "says nothing") || !strings.Contains(output, "none  empty: no tests\n") {
		t.Errorf("output is not plain:\n%s", output)
	}
}

func TestRunThatIsBad(t *testing.T) {
	for _, c := range []struct {
		name, packages, count string
		says                  []string
		once                  string
	}{
		{name: "a subtest fails", packages: "fails", count: "1 passed, 2 failed, 0 skipped",
			says: []string{"FAIL  fails\n", "the reason of the failure", "failed: fails TestTable/wrong\n"}},
		{name: "a test panics", packages: "panics", count: "1 passed, 1 failed, 0 skipped",
			says: []string{"panic: the reason of the panic", "failed: panics TestPanics\n"}},
		{name: "no build", packages: "broken above good", count: "2 passed, 2 failed, 0 skipped",
			says: []string{"failed: broken\n", "failed: above\n", "ok    good: 2 in"}, once: "broken.go:5:"},
		{name: "a skip that is not listed", packages: "skips good", count: "2 passed, 0 failed, 2 skipped",
			says: []string{"skip  skips TestAllowed: skips_test.go:5: a listed reason\n",
				"skip  skips TestNotAllowed: skips_test.go:7: an unlisted reason\n",
				"skipped, and everything is required in this run: skips TestNotAllowed\n"}},
		{name: "nothing ran", packages: "empty", count: "0 passed, 0 failed, 0 skipped", says: []string{"no test has passed"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var packages []string
			for _, name := range strings.Fields(c.packages) {
				packages = append(packages, "./"+name)
			}
			output, good := runOn(t, packages...)
			if good || lastLine(output) != c.count {
				t.Errorf("good is %t, last line is %q, want false and %q", good, lastLine(output), c.count)
			}
			for _, want := range c.says {
				if !strings.Contains(output, want) {
					t.Errorf("output doesn't say %q", want)
				}
			}
			if strings.Contains(output, "says nothing") || c.once != "" && strings.Count(output, c.once) != 1 {
				t.Errorf("output repeats itself or shows what passed")
			}
			if t.Failed() {
				t.Log(output)
			}
		})
	}
}

func TestRunThatWasCutOff(t *testing.T) {
	var out bytes.Buffer
	tally := newTally(&out, "example.test/module", nil)
	for _, line := range []string{
		`{"Action":"start","Package":"example.test/module/good"}`,
		`{"Action":"run","Package":"example.test/module/good","Test":"TestA"}`,
		`{"Action":"pass","Package":"example.test/module/good","Test":"TestA"}`,
		`go: words that are not JSON`,
	} {
		tally.read([]byte(line+"\n"), time.Time{})
	}
	if got := tally.running(time.Time{}.Add(90 * time.Second)); got != "good (1m30s)" {
		t.Errorf("running is %q", got)
	}
	if tally.finish(errors.New("signal: killed")) {
		t.Error("a run that was cut off counts as good")
	}
	if want := "go: words that are not JSON\nfailed: good\n"; !strings.Contains(out.String(), want) {
		t.Errorf("output lacks %q:\n%s", want, out.String())
	}
}
