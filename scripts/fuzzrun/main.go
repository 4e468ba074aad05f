// Command fuzzrun fuzzes every target for a time: fuzzrun [--result FILE] 10s [packages]. Three run at once, since each begins and
// ends with waiting. Each package is built once with the fuzzer's instruments, and the executions of all targets are added up.
// What breaks a target is kept by Go in the package's testdata/fuzz: commit it with the repair.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/galla-gateway/galla/internal/proof"
)

const (
	module = "github.com/galla-gateway/galla"
	// instruments is what -fuzz builds with, for our packages alone: SQLite and the like would take minutes to build anew, and
	// which of their lines run guides nobody.
	instruments = "-gcflags=" + module + "/...=-d=libfuzzer"
	// grace is how much longer than its time a target may take: it starts, and minimises what it has found.
	grace = 2 * time.Minute
)

// options are the flags and arguments.
type options struct {
	duration time.Duration
	packages []string
	result   string
	atOnce   int
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var o options
	flag.StringVar(&o.result, "result", os.Getenv("GALLA_RESULTS"), "append what came of it to this file of results")
	flag.IntVar(&o.atOnce, "at-once", 3, "how many targets run at the same time")
	flag.Parse()
	arguments := flag.Args()
	if len(arguments) == 0 {
		fmt.Fprintln(os.Stderr, "fuzz: the time for each target is missing, such as 10s")
		os.Exit(2)
	}
	var err error
	if o.duration, err = time.ParseDuration(arguments[0]); err == nil && o.duration > 0 {
		o.packages = arguments[1:]
		err = run(ctx, o, os.Stdout)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz:", err)
		os.Exit(1)
	}
}

// target is one fuzz function in a built package.
type target struct {
	pkg, folder, binary, name string
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	began := time.Now()
	folder, err := os.MkdirTemp("", "galla-fuzz-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	targets, err := build(ctx, o.packages, folder, out)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%d targets are built in %s, each runs for %s\n", len(targets), time.Since(began).Round(time.Second), o.duration)
	cache, err := goEnv(ctx, "GOCACHE")
	if err != nil {
		return err
	}
	t := &total{out: out, targets: len(targets)}
	var group errgroup.Group
	group.SetLimit(max(o.atOnce, 1))
	for i := range targets {
		group.Go(func() error {
			if ctx.Err() == nil {
				t.add(targets[i].fuzz(ctx, o.duration, filepath.Join(cache, "fuzz")))
			}
			return nil
		})
	}
	_ = group.Wait() // none of them has an error
	if ctx.Err() != nil {
		return ctx.Err()
	}
	fmt.Fprintf(out, "%d targets fuzzed for %s each, %s executions in %s, %d failed\n",
		len(targets), o.duration, proof.Grouped(t.executions), time.Since(began).Round(time.Second), len(t.failed))
	if o.result != "" {
		err = proof.Append(o.result, proof.Result{
			Campaign: "fuzz", Unit: "executions", Count: t.executions, Hits: map[string]int64{"targets": int64(len(targets))}, Violations: int64(len(t.failed)),
			Milliseconds: time.Since(began).Milliseconds(), Commit: proof.Commit(ctx), Date: proof.Day(began), Command: "make fuzz T=" + o.duration.String(),
		})
	}
	for _, name := range t.failed {
		err = errors.Join(err, errors.New(name+" failed"))
	}
	return err
}

// build builds the test binary of each package that has targets.
func build(ctx context.Context, patterns []string, folder string, out io.Writer) ([]target, error) {
	if len(patterns) == 0 {
		patterns = []string{"./..."}
	}
	found, err := find(ctx, patterns)
	if err != nil {
		return nil, err
	}
	var targets []target
	for n, p := range found {
		binary := filepath.Join(folder, strconv.Itoa(n)+".test")
		fmt.Fprintf(out, "build %s: %d targets\n", p.short(), len(p.targets))
		command := exec.CommandContext(ctx, "go", "test", "-c", "-vet=off", "-ldflags=-s -w", instruments, "-o", binary, p.path)
		if said, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build %s: %w\n%s", p.path, err, said)
		}
		for _, name := range p.targets {
			targets = append(targets, target{pkg: p.path, folder: p.folder, binary: binary, name: name})
		}
	}
	if len(targets) == 0 {
		return nil, errors.New("there are no targets")
	}
	return targets, nil
}

func goEnv(ctx context.Context, name string) (string, error) {
	value, err := exec.CommandContext(ctx, "go", "env", name).Output()
	return strings.TrimSpace(string(value)), err
}
