package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/galla-gateway/galla/internal/testkit/mutant"
)

// testLimit ends a test that hangs: to hang is a way to be caught. The longest of the tests needs a few seconds.
const testLimit = 60 * time.Second

// quick is how to compile a package that is run once: nothing is optimised, and no debugger will read it.
const quick = "-gcflags=-N -l -dwarf=false"

// States of a mutant. Only caught is good.
const (
	caught     = "caught"
	survived   = "SURVIVED"
	notApplied = "DOESN'T APPLY"
	notBuilt   = "DOESN'T BUILD"
	noTest     = "NO TEST RAN"
)

// outcome is what became of a mutant.
type outcome struct {
	Mutant  string  `json:"mutant"`
	State   string  `json:"state"`
	Package string  `json:"package,omitempty"` // whose test saw it
	Test    string  `json:"test,omitempty"`    // that saw it
	How     string  `json:"how,omitempty"`     // assertion, panic or timeout
	Message string  `json:"message,omitempty"` // its first line, or what is wrong
	Breaks  string  `json:"breaks"`
	Mistake string  `json:"mistake"`
	Seconds float64 `json:"seconds"`
}

// tester runs tests on the tree as it is or as an overlay changes it.
type tester struct {
	limit       time.Duration
	environment []string
}

// try makes one mutant and runs its tests until one fails.
func (t *tester) try(ctx context.Context, m mutant.Mutant) (o outcome) {
	began := time.Now()
	o = outcome{Mutant: m.Name, Breaks: m.Breaks, Mistake: m.Mistake}
	defer func() { o.Seconds = time.Since(began).Seconds() }()
	folder, err := os.MkdirTemp("", "galla-mutant-")
	if err != nil {
		o.State, o.Message = notApplied, err.Error()
		return o
	}
	defer os.RemoveAll(folder)
	replaced, err := write(m, folder)
	if err != nil {
		o.State, o.Message = notApplied, err.Error()
		return o
	}
	o.State = survived
	for n, c := range m.Catch {
		run, err := t.mutated(ctx, c, replaced, filepath.Join(folder, fmt.Sprint("overlay", n, ".json")))
		if err != nil {
			o.State, o.Message = notBuilt, err.Error()
			return o
		}
		if o.take(c.Package, run) {
			return o
		}
	}
	return o
}

// mutated runs the tests of one catch on the changed files, without the test files that they don't need.
func (t *tester) mutated(ctx context.Context, c mutant.Catch, replaced map[string]string, overlay string) (testRun, error) {
	few := maps.Clone(replaced)
	root, err := os.Getwd()
	if err != nil {
		return testRun{}, err
	}
	rest, err := needless(filepath.Join(root, c.Package), c.Run)
	if err != nil {
		return testRun{}, err
	}
	for _, path := range rest {
		few[path] = ""
	}
	if err := writeOverlay(few, overlay); err != nil {
		return testRun{}, err
	}
	run := t.test(ctx, c.Package, c.Run, "-overlay="+overlay, "-failfast", quick)
	if !run.buildFailed || len(rest) == 0 {
		return run, nil
	}
	if err := writeOverlay(replaced, overlay); err != nil {
		return testRun{}, err
	}
	return t.test(ctx, c.Package, c.Run, "-overlay="+overlay, "-failfast", quick), nil
}

// take notes what a run says of a mutant. done: nothing need be run after it.
func (o *outcome) take(pkg string, run testRun) (done bool) {
	switch {
	case run.buildFailed:
		o.State, o.Message = notBuilt, run.message
	case run.failed != "":
		o.State, o.Package, o.Test, o.How, o.Message = caught, pkg, run.failed, run.how, run.message
	case run.passed == 0:
		o.State, o.Message = noTest, run.message
	default:
		return false
	}
	return true
}

// soundLimit is how much longer all tests of a package may take than those of one mutant.
const soundLimit = 10

// sound runs all tests that are to catch something, without a mutant.
func (t *tester) sound(ctx context.Context, mutants []mutant.Mutant, atOnce int) error {
	runs := map[string][]string{}
	for _, m := range mutants {
		for _, c := range m.Catch {
			if !slices.Contains(runs[c.Package], c.Run) {
				runs[c.Package] = append(runs[c.Package], c.Run)
			}
		}
	}
	var mu sync.Mutex
	var errs []error
	packages := slices.Sorted(maps.Keys(runs))
	patient := *t
	patient.limit *= soundLimit
	var group errgroup.Group
	group.SetLimit(max(atOnce, 1))
	for i := range packages {
		group.Go(func() error {
			// Subtests can't be joined with |, so each top name is run as a whole.
			var names []string
			for _, run := range runs[packages[i]] {
				for _, alternative := range strings.Split(run, "|") {
					name, _, _ := strings.Cut(strings.Trim(alternative, "^$"), "/")
					names = append(names, "^"+name+"$")
				}
			}
			slices.Sort(names)
			run := patient.test(ctx, packages[i], strings.Join(slices.Compact(names), "|"))
			if run.buildFailed || run.failed != "" || run.passed == 0 {
				mu.Lock()
				defer mu.Unlock()
				errs = append(errs, fmt.Errorf("without a mutant %s %s fails: %s", packages[i], run.failed, run.message))
			}
			return nil
		})
	}
	_ = group.Wait() // none of them has an error
	return errors.Join(errs...)
}

// write writes the changed files and says which they replace. Files that are embedded are overlaid as well.
func write(m mutant.Mutant, folder string) (map[string]string, error) {
	root, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	changed, err := m.Apply(root)
	if err != nil {
		return nil, err
	}
	replaced := map[string]string{}
	for path, text := range changed {
		to := filepath.Join(folder, strings.ReplaceAll(path, "/", "_"))
		if err := os.WriteFile(to, []byte(text), 0o600); err != nil {
			return nil, err
		}
		replaced[filepath.Join(root, path)] = to
	}
	return replaced, nil
}

// writeOverlay tells the go command what replaces which file; "" leaves one out.
func writeOverlay(replaced map[string]string, path string) error {
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		return err
	}
	return os.WriteFile(path, list, 0o600)
}

// testRun is one run of go test.
type testRun struct {
	buildFailed bool
	passed      int
	names       []string // of the tests that ran
	failed      string   // the test that failed, the innermost
	how         string
	message     string // its first line, or what the build said
}

func (t *tester) test(ctx context.Context, pkg, run string, more ...string) testRun {
	arguments := append([]string{"test", "-json", "-count=1", "-vet=off", "-ldflags=-s -w", "-timeout=" + t.limit.String(), "-run=" + run}, more...)
	command := exec.CommandContext(ctx, "go", append(arguments, pkg)...)
	command.Env = append(os.Environ(), t.environment...)
	var stderr bytes.Buffer
	command.Stderr = &stderr
	command.WaitDelay = 10 * time.Second
	stdout, err := command.Output()
	got := readRun(stdout)
	if missing := got.missing(run); missing != "" && got.failed == "" && !got.buildFailed {
		return testRun{message: missing + " isn't there"}
	}
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) && got.failed == "" {
		return testRun{buildFailed: true, message: err.Error()}
	}
	if err != nil && got.failed == "" && !got.buildFailed { // go itself gave up, as for a wrong overlay
		got.buildFailed, got.message = true, strings.TrimSpace(stderr.String())
	}
	return got
}

// missing is a test, or a subtest of it, that was to run and didn't: go test says nothing when no subtest has such a name.
func (r testRun) missing(run string) string {
	for _, wanted := range strings.Split(run, "|") {
		name := strings.Trim(wanted, "^$")
		if !slices.ContainsFunc(r.names, func(ran string) bool { return strings.HasPrefix(ran, name) }) {
			return name
		}
	}
	return ""
}

// testEvent is one line of `go test -json`.
type testEvent struct{ Action, Package, Test, Output, FailedBuild string }

// readRun finds in the stream what failed first, and how.
func readRun(stream []byte) (run testRun) {
	output, build := map[string][]string{}, ""
	var failed []string
	packageFailed := false
	for line := range bytes.Lines(stream) {
		var e testEvent
		if json.Unmarshal(line, &e) != nil {
			continue
		}
		switch {
		case e.Action == "build-output":
			if build == "" && !strings.HasPrefix(e.Output, "#") {
				build = strings.TrimSpace(e.Output)
			}
		case e.FailedBuild != "":
			run.buildFailed = true
		case e.Action == "output":
			output[e.Test] = append(output[e.Test], e.Output)
		case e.Action == "run":
			run.names = append(run.names, e.Test)
		case e.Action == "pass" && e.Test != "":
			run.passed++
		case e.Action == "fail" && e.Test != "":
			failed = append(failed, e.Test)
		case e.Action == "fail":
			packageFailed = true
		}
	}
	if run.buildFailed {
		run.message = build
		return run
	}
	for _, test := range failed { // inner tests end before the outer ones; a name without lines of its own is an outer one
		if how, message := explain(output[test]); message != "" {
			run.failed, run.how, run.message = test, how, message
			return run
		}
	}
	if packageFailed {
		how, message := explain(output[""])
		run.failed, run.how, run.message = "(the package)", how, message
		if len(failed) > 0 {
			run.failed = failed[0]
		}
	}
	return run
}

// explain gives the first line that says something, and whether the test was ended by an assertion, a panic or the clock.
func explain(lines []string) (how, message string) {
	how = "assertion"
	for _, line := range lines {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") || text == "FAIL" || strings.HasPrefix(text, "FAIL\t") {
			continue
		}
		if strings.HasPrefix(text, "panic: test timed out") {
			return "timeout", text
		}
		if strings.HasPrefix(text, "panic: test executed panic(nil) or runtime.Goexit") {
			continue // an inner test ended an outer one by its assertion, which was printed before
		}
		if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
			return "panic", text
		}
		if message == "" {
			message = text
		}
	}
	return how, message
}
