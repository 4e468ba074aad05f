// Command proof runs the campaigns that try to make Galla lose money, one after another: the gate of a change (-size gate, some
// minutes) or a whole round by hand (-size proof). Each campaign adds its results to a file, and of the files in docs/proof it
// writes docs/proof.md.
//
// With -page it runs nothing and only writes the page.
package main

import (
	"bytes"
	"cmp"
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
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/galla-gateway/galla/internal/proof"
	"github.com/galla-gateway/galla/internal/testkit/cluster"
)

// size is how much of each campaign is run.
type size struct {
	sqliteSeeds, postgresSeeds int
	steps                      int      // of each seed
	torture                    []string // options: which faults, and how many on each engine
	races                      int
	fuzz                       string
	fixed                      bool // the same seeds each time: a gate tells of the change, not of the day
}

var sizes = map[string]size{
	"gate": { // the faults that wait for long are left to make test; lives are half as long as a proof's
		sqliteSeeds: 2850, postgresSeeds: 150, steps: 30, fuzz: "3s", fixed: true,
		torture: []string{"--faults", "kill,write,power,server,backend", "--count", "kill=10,write=5,power=5,server=8,backend=7"},
	},
	"proof": {
		sqliteSeeds: 18_500, postgresSeeds: 1500, steps: 60, races: 2000, fuzz: "10s",
		torture: []string{"--count", "kill=70,write=30,power=25,server=60,backend=40,freeze=2,disk=5,io=15,cut=10"},
	},
}

const (
	pagePath = "docs/proof.md"
	folder   = "docs/proof"
	kept     = folder + "/results.jsonl"
	// goodbye is how long an interrupted campaign may take to end what it started.
	goodbye = 20 * time.Second
)

// options are the command line.
type options struct {
	size, result, only string
	seed               uint64
	page               bool
}

func main() {
	var o options
	flag.StringVar(&o.size, "size", "proof", "gate or proof")
	flag.StringVar(&o.result, "result", "", "file that results are added to (default: "+kept+" for a proof, a temporary one for a gate)")
	flag.StringVar(&o.only, "only", "", "run one campaign: simulate, torture, mutants, races or fuzz")
	flag.Uint64Var(&o.seed, "seed", 0, "first seed of the simulator (default: 1 for a gate, new ones for a proof)")
	flag.BoolVar(&o.page, "page", false, "only write "+pagePath)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "proof:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	if o.page {
		return writePage()
	}
	s, ok := sizes[o.size]
	if !ok {
		return fmt.Errorf("-size %q: expected gate or proof", o.size)
	}
	if o.seed == 0 {
		if o.seed = 1; !s.fixed {
			o.seed = uint64(time.Now().Unix()) * 1000
		}
	}
	if o.result == "" {
		if o.result = kept; s.fixed {
			scratch, err := os.MkdirTemp("", "galla-proof-")
			if err != nil {
				return err
			}
			defer func() { _ = os.RemoveAll(scratch) }()
			o.result = filepath.Join(scratch, "results.jsonl")
		}
	}
	before, err := proof.Read(existing(o.result)...)
	if err != nil {
		return err
	}
	err = runAll(ctx, o, s)
	results, readErr := proof.Read(existing(o.result)...)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	fmt.Println()
	for _, r := range results[min(len(before), len(results)):] {
		fmt.Printf("%-20s %-9s %8d %-16s %6d violations%s\n", r.Campaign, r.Engine, r.Count, r.Unit, r.Violations, outcome(r))
	}
	if o.result == kept {
		err = errors.Join(err, writePage())
	}
	return err
}

func outcome(r proof.Result) string {
	switch {
	case r.NotRun != "":
		return "  NOT RUN: " + r.NotRun
	case !r.Passed():
		return "  FAILED"
	case r.Expected:
		return "  (had to be found)"
	}
	return ""
}

func existing(path string) []string {
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	return []string{path}
}

// runAll runs every campaign, also when one before it failed.
func runAll(ctx context.Context, o options, s size) (err error) {
	if err := execute(ctx, os.Stdout, "go", "build", "-buildvcs=auto", "-o", "bin/galla", "./cmd/galla"); err != nil {
		return err
	}
	// A test runs in its package's folder.
	result, err := filepath.Abs(o.result)
	if err != nil {
		return err
	}
	o.result = result
	server, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	var alone, waiting []campaign
	for _, c := range campaigns(o, s, server.DSN("postgres")) {
		switch {
		case o.only != "" && c.name != o.only:
		case c.waits && o.only == "":
			waiting = append(waiting, c)
		default:
			alone = append(alone, c)
		}
	}
	// What mostly waits runs beside the others; it tells all at its end, so that lines don't mix.
	var group errgroup.Group
	var told bytes.Buffer
	group.Go(func() error { return inTurn(ctx, waiting, &told) })
	err = inTurn(ctx, alone, os.Stdout)
	err = errors.Join(err, group.Wait())
	_, _ = told.WriteTo(os.Stdout)
	return errors.Join(err, ctx.Err())
}

// inTurn runs campaigns one after another, also when one before failed.
func inTurn(ctx context.Context, list []campaign, out io.Writer) error {
	var errs []error
	for _, c := range list {
		if ctx.Err() != nil {
			break
		}
		began := time.Now()
		fmt.Fprintf(out, "\n=== %s\n", c.name)
		if err := execute(ctx, out, c.command[0], c.command[1:]...); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", c.name, err))
		}
		fmt.Fprintf(out, "=== %s: %s\n", c.name, time.Since(began).Round(time.Second))
	}
	return errors.Join(errs...)
}

type campaign struct {
	name    string
	command []string
	waits   bool // more than it works
}

func campaigns(o options, s size, server string) []campaign {
	n := strconv.Itoa
	simulate := func(seeds int, more ...string) campaign {
		return campaign{name: "simulate", command: append([]string{
			"bin/galla", "simulate", "--seed", strconv.FormatUint(o.seed, 10), "--count", n(seeds), "--steps", n(s.steps), "--keep", "test/seeds", "--result", o.result,
		}, more...)}
	}
	list := []campaign{
		simulate(s.sqliteSeeds),
		simulate(s.postgresSeeds, "--database", server),
		{name: "torture", command: append([]string{"bin/galla", "torture", "--result", o.result}, s.torture...), waits: true},
		// A gate goes with make test, which runs the same tests without a mutant.
		{name: "mutants", command: []string{"go", "run", "./scripts/mutants", "--sound=" + strconv.FormatBool(!s.fixed), "--result", o.result}},
		{name: "fuzz", command: []string{"env", "GALLA_RESULTS=" + o.result, "scripts/fuzz", s.fuzz}},
	}
	if s.races > 0 { // the gate leaves them to make test, which has a few
		list = append(list, campaign{name: "races", command: []string{
			"env", "GALLA_RESULTS=" + o.result, "GALLA_RACES=" + n(s.races), "go", "test", "-count=1", "-timeout=60m", "-run", "TestClaimsAreLinear", "-v", "./internal/gateway",
		}})
	}
	return list
}

// execute runs a program and writes what it says to out. It may take its time to end when we are interrupted.
func execute(ctx context.Context, out io.Writer, name string, arguments ...string) error {
	command := exec.CommandContext(ctx, name, arguments...)
	command.Stdout, command.Stderr = out, out
	command.Env = append(os.Environ(), "REQUIRE_POSTGRES=1")
	command.Cancel = func() error { return command.Process.Signal(os.Interrupt) }
	command.WaitDelay = goodbye
	return command.Run()
}

func writePage() error {
	paths, err := filepath.Glob(folder + "/*.jsonl")
	if err != nil {
		return err
	}
	results, err := proof.Read(paths...)
	if err != nil {
		return err
	}
	f, err := os.Create(pagePath)
	if err != nil {
		return err
	}
	return cmp.Or(proof.Page(f, results), f.Close())
}
