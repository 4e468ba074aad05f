package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/proof"
)

// fuzzed is a package with targets.
type fuzzed struct {
	path, folder string
	targets      []string
}

func (f fuzzed) short() string {
	if f.path == module {
		return "."
	}
	return strings.TrimPrefix(f.path, module+"/")
}

var fuzzFunction = regexp.MustCompile(`(?m)^func (Fuzz\w+)\(\w+ \*testing\.F\)`)

// find looks for targets in the sources of the tests: to ask the binaries, all packages would have to be built.
func find(ctx context.Context, patterns []string) ([]fuzzed, error) {
	command := exec.CommandContext(ctx, "go", append([]string{"list", "-f", "{{.ImportPath}}\t{{.Dir}}"}, patterns...)...)
	command.Stderr = os.Stderr
	listing, err := command.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	var found []fuzzed
	for line := range strings.Lines(string(listing)) {
		path, folder, _ := strings.Cut(strings.TrimSpace(line), "\t")
		p := fuzzed{path: path, folder: folder}
		files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				return nil, err
			}
			for _, match := range fuzzFunction.FindAllSubmatch(text, -1) {
				p.targets = append(p.targets, string(match[1]))
			}
		}
		if slices.Sort(p.targets); len(p.targets) > 0 {
			found = append(found, p)
		}
	}
	return found, nil
}

// outcome is what came of one target.
type outcome struct {
	target
	executions int64
	err        error
	output     []byte
}

// fuzz runs one target as `go test -fuzz` would: in the package's folder, where what breaks it is kept.
func (t target) fuzz(ctx context.Context, duration time.Duration, cache string) outcome {
	ctx, cancel := context.WithTimeout(ctx, duration+grace)
	defer cancel()
	command := exec.CommandContext(ctx, t.binary, "-test.run=^$", "-test.fuzz=^"+t.name+"$", "-test.fuzztime="+duration.String(),
		"-test.fuzzcachedir="+filepath.Join(cache, t.pkg), "-test.parallel=1", "-test.paniconexit0")
	command.Dir, command.WaitDelay = t.folder, 10*time.Second
	output, err := command.CombinedOutput()
	executions, _ := executionsOf(output) // none: its time was over while it ran what it knew already
	if err != nil && bytes.Contains(output, []byte("    context deadline exceeded\n")) && !bytes.Contains(output, []byte("Failing input")) {
		err = nil // Go's fuzzer tells so when its time ends in the middle of an input
	}
	return outcome{t, executions, err, output}
}

var executionLine = regexp.MustCompile(`(?m)^fuzz: elapsed: \S+, execs: (\d+) `)

// executionsOf is the count that the fuzzer told last: it counts up.
func executionsOf(output []byte) (n int64, counted bool) {
	matches := executionLine.FindAllSubmatch(output, -1)
	if len(matches) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(string(matches[len(matches)-1][1]), 10, 64)
	return n, err == nil
}

// total adds up and prints each target as it ends.
type total struct {
	mu         sync.Mutex
	out        io.Writer
	targets    int
	done       int
	executions int64
	failed     []string
}

func (t *total) add(o outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done++
	t.executions += o.executions
	name := fuzzed{path: o.pkg}.short() + " " + o.name
	if o.err == nil {
		fmt.Fprintf(t.out, "ok    %2d/%d %-50s %12s executions\n", t.done, t.targets, name, proof.Grouped(o.executions))
		return
	}
	t.failed = append(t.failed, name)
	fmt.Fprintf(t.out, "FAIL  %2d/%d %s: %v\n%s\n", t.done, t.targets, name, o.err, bytes.TrimSpace(o.output))
}
