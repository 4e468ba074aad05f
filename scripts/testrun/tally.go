package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"
)

// event is one line of `go test -json`, the union of what `go doc test2json` and `go help buildjson` describe.
type event struct {
	Action      string
	Package     string
	Test        string
	Output      string
	Elapsed     float64 // seconds
	ImportPath  string  // of build-output and build-fail
	FailedBuild string  // import path whose build failed, at the end of a package
}

// tally follows a run of `go test -json`: it prints each package when it ends, whatever failed or was skipped in it in
// full, and keeps the counts. Tests and subtests count alike.
type tally struct {
	out      io.Writer
	module   string            // import path of the module, left out of what is printed
	allowed  map[string]string // tests that may be skipped, "package Test" → reason
	packages map[string]*progress
	builds   map[string]string // output of builds by import path
	shown    map[string]bool   // what was printed of it

	passed, skipped int
	failures        []string // "package Test", or "package" alone when it failed outside its tests
	badSkips        []string
}

// progress is what is known of a package that is still running.
type progress struct {
	started time.Time
	open    map[string]bool   // tests that have not ended
	ended   map[string]string // test → pass, fail or skip
	output  []event
	passed  int
}

func newTally(out io.Writer, module string, allowed map[string]string) *tally {
	return &tally{
		out: out, module: module, allowed: allowed,
		packages: map[string]*progress{}, builds: map[string]string{}, shown: map[string]bool{},
	}
}

// read takes one line of the stream. What isn't JSON is an answer of the go command itself and is passed on.
func (t *tally) read(line []byte, now time.Time) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil {
		fmt.Fprintf(t.out, "%s\n", bytes.TrimSpace(line))
		return
	}
	switch {
	case e.Action == "build-output":
		t.builds[e.ImportPath] += e.Output
	case e.Package == "":
	case e.Test != "":
		t.test(e, now)
	case e.Action == "pass" || e.Action == "fail" || e.Action == "skip":
		t.end(e, now)
	default:
		p := t.progress(e.Package, now)
		p.output = append(p.output, e)
	}
}

// progress returns the state of a package, which begins with its first event.
func (t *tally) progress(name string, now time.Time) *progress {
	p := t.packages[name]
	if p == nil {
		p = &progress{started: now, open: map[string]bool{}, ended: map[string]string{}}
		t.packages[name] = p
	}
	return p
}

// test takes an event of a single test.
func (t *tally) test(e event, now time.Time) {
	p := t.progress(e.Package, now)
	switch e.Action {
	case "run":
		p.open[e.Test] = true
	case "output":
		p.output = append(p.output, e)
	case "pass", "fail", "skip":
		delete(p.open, e.Test)
		p.ended[e.Test] = e.Action
	}
}

// end closes a package: it counts its tests and prints its line, its failures and its skips.
func (t *tally) end(e event, now time.Time) {
	p := t.progress(e.Package, now)
	delete(t.packages, e.Package)
	name := t.short(e.Package)
	for test := range p.open { // a panic or a time limit ended the process under these
		p.ended[test] = "fail"
	}
	failuresBefore := len(t.failures)
	for _, test := range slices.Sorted(maps.Keys(p.ended)) {
		switch p.ended[test] {
		case "pass":
			t.passed++
			p.passed++
		case "fail":
			t.failures = append(t.failures, name+" "+test)
		case "skip":
			t.skip(name, test, p)
		}
	}
	if e.Action == "fail" && len(t.failures) == failuresBefore { // no build, a panic outside tests, a failed TestMain
		t.failures = append(t.failures, name)
	}
	t.print(e, name, p)
}

// skip counts a skipped test and prints why it was skipped.
func (t *tally) skip(name, test string, p *progress) {
	t.skipped++
	reason := strings.Join(strings.Fields(p.text(func(e event) bool {
		return e.Test == test && !strings.HasPrefix(strings.TrimSpace(e.Output), "--- SKIP")
	})), " ")
	fmt.Fprintf(t.out, "skip  %s %s: %s\n", name, test, reason)
	if t.allowed[name+" "+test] == "" {
		t.badSkips = append(t.badSkips, name+" "+test)
	}
}

// print writes the line of a package that ended and, when it failed, all that its failed tests wrote.
func (t *tally) print(e event, name string, p *progress) {
	switch {
	case e.Action == "skip":
		fmt.Fprintf(t.out, "none  %s: no tests\n", name)
	case e.Action == "pass":
		fmt.Fprintf(t.out, "ok    %s: %d in %.1fs\n", name, p.passed, e.Elapsed)
	default:
		fmt.Fprintf(t.out, "FAIL  %s\n", name)
		// The first line names the package in the variant that was built; every package above it has its own.
		_, reason, _ := strings.Cut(t.builds[e.FailedBuild], "\n")
		if !t.shown[reason] {
			t.shown[reason] = true
			fmt.Fprint(t.out, reason)
		}
		fmt.Fprint(t.out, p.text(func(e event) bool { return e.Test == "" || p.ended[e.Test] == "fail" }))
	}
}

// text joins the output that the filter wants, without the marks of tests that start, pause and go on.
func (p *progress) text(want func(event) bool) string {
	var b strings.Builder
	for _, e := range p.output {
		if want(e) && !strings.HasPrefix(e.Output, "=== ") {
			b.WriteString(e.Output)
		}
	}
	return b.String()
}

// running names the packages that have begun and not ended, with their time so far.
func (t *tally) running(now time.Time) string {
	var names []string
	for name, p := range t.packages {
		names = append(names, fmt.Sprintf("%s (%v)", t.short(name), now.Sub(p.started).Round(time.Second)))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// finish prints what decides the run and, alone on the last line, the count. It tells whether the run was good; runErr
// is how the go command ended.
func (t *tally) finish(runErr error) bool {
	for _, name := range slices.Sorted(maps.Keys(t.packages)) { // the go command ended without telling how these did
		t.failures = append(t.failures, t.short(name))
	}
	slices.Sort(t.failures)
	for _, name := range t.failures {
		fmt.Fprintf(t.out, "failed: %s\n", name)
	}
	slices.Sort(t.badSkips)
	for _, name := range t.badSkips {
		fmt.Fprintf(t.out, "skipped, and everything is required in this run: %s\n", name)
	}
	if runErr != nil && len(t.failures) == 0 {
		fmt.Fprintf(t.out, "go test: %v\n", runErr)
	}
	if t.passed == 0 {
		fmt.Fprintln(t.out, "no test has passed")
	}
	fmt.Fprintf(t.out, "%d passed, %d failed, %d skipped\n", t.passed, len(t.failures), t.skipped)
	return runErr == nil && len(t.failures) == 0 && len(t.badSkips) == 0 && t.passed > 0
}

// short is the package's name inside the module.
func (t *tally) short(importPath string) string {
	if importPath == t.module {
		return "."
	}
	return strings.TrimPrefix(importPath, t.module+"/")
}
