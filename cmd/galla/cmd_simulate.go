package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/proof"
	"github.com/galla-gateway/galla/internal/simulator"
)

// simulation is the command line of `galla simulate`.
type simulation struct {
	options simulator.Options
	seeds   string // folder in which failing seeds are kept
	result  string
	trace   bool
}

func newSimulate(a *app) *cobra.Command {
	var s simulation
	c := a.verb("simulate", "Live seeds of virtual time over two instances, with every fault, and let the oracle judge each step", cobra.NoArgs,
		func(c *cobra.Command, _ []string) (err error) {
			if s.options.Database, err = a.benchDatabase(c); err != nil {
				return err
			}
			if err := s.check(); err != nil {
				return usagef("%v", err)
			}
			return a.simulate(c, &s)
		})
	c.Long = `Each seed is a life of its own: payers, squatters, phones, merchants and a bank that misbehave as the seed draws,
and instances that die between any two operations on the database. The oracle looks after each step. A seed that
fails is told with its trace, and lives the same again: galla simulate --seed N --trace.

It works in a database of its own: SQLite in memory, or with --database URL new databases on that PostgreSQL
server, which are dropped at the end.`
	flags := c.Flags()
	flags.Uint64Var(&s.options.Seed, "seed", 1, "the first seed")
	flags.IntVar(&s.options.Count, "count", 1, "how many seeds, from the first one on")
	flags.IntVar(&s.options.Steps, "steps", simulator.DefaultSteps, "steps of each life before all faults stop")
	flags.IntVar(&s.options.Workers, "workers", 2, "lives at once, each on a database of its own")
	flags.BoolVar(&s.trace, "trace", false, "print what happens in each step; one life at a time")
	flags.StringVar(&s.seeds, "keep", "", "folder in which a file is written for each seed that fails")
	flags.StringVar(&s.result, "result", "", "file to which a line with the result is added, for make proof")
	return inGroup(groupHouse, c)
}

// Limits of the flags.
const (
	maxSimulatedSteps = 10_000
	maxSimulatedSeeds = 100_000_000
	maxWorkers        = 64
)

func (s *simulation) check() error {
	switch {
	case strings.HasPrefix(s.options.Database, "sqlite:"):
		return fmt.Errorf("--database: SQLite needs none, it is made in memory; give the URL of a PostgreSQL server")
	case s.options.Count < 1 || s.options.Count > maxSimulatedSeeds:
		return fmt.Errorf("--count: expected 1 to %d", maxSimulatedSeeds)
	case s.options.Steps < 1 || s.options.Steps > maxSimulatedSteps:
		return fmt.Errorf("--steps: expected 1 to %d", maxSimulatedSteps)
	case s.options.Workers < 1 || s.options.Workers > maxWorkers:
		return fmt.Errorf("--workers: expected 1 to %d", maxWorkers)
	}
	return nil
}

func (a *app) simulate(c *cobra.Command, s *simulation) error {
	if s.trace {
		s.options.Workers = 1
		s.options.Trace = func(line string) { fmt.Fprintln(a.stderr, line) }
	}
	bar := a.progressBar("seeds")
	s.options.Progress = func(done int) { bar.set(int64(done), int64(s.options.Count)) }
	began := time.Now()
	report, err := simulator.Run(c.Context(), s.options)
	bar.end()
	took := time.Since(began)
	if s.seeds != "" {
		for _, failed := range report.Failures {
			err = firstError(err, keepSeed(s.seeds, s.options, failed))
		}
	}
	if s.result != "" && report.Seeds > 0 {
		err = firstError(err, proof.Append(s.result, s.resultOf(report, began, took)))
	}
	if err != nil {
		return err
	}
	if err := a.print(report, func(w io.Writer) { writeSimulation(w, report, took) }); err != nil {
		return err
	}
	if len(report.Failures) > 0 {
		return fmt.Errorf("%d seeds failed", len(report.Failures))
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *simulation) resultOf(r simulator.Report, began time.Time, took time.Duration) proof.Result {
	server := ""
	if s.options.Database != "" {
		server = " --database URL"
	}
	return proof.Result{
		Campaign: "simulate", Engine: r.Engine, Unit: "seeds", Count: r.Seeds, Hits: r.Hits, Violations: int64(len(r.Failures)),
		Milliseconds: took.Milliseconds(), Commit: shortCommit(), Date: proof.Day(began),
		Command: fmt.Sprintf("galla simulate --seed %d --count %d --steps %d%s", s.options.Seed, s.options.Count, s.options.Steps, server),
	}
}

// keepSeed writes what is needed to live a seed again, and what went wrong in it.
func keepSeed(folder string, o simulator.Options, l simulator.Lived) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d\nsteps %d\n", l.Seed, o.Steps)
	for _, v := range l.Violations {
		fmt.Fprintf(&b, "# %s: %s\n", v.Invariant, v.What)
	}
	return os.WriteFile(filepath.Join(folder, fmt.Sprintf("%d.txt", l.Seed)), []byte(b.String()), 0o644)
}

// traceTail is how many lines of a failed life are printed.
const traceTail = 60

func writeSimulation(w io.Writer, r simulator.Report, took time.Duration) {
	fmt.Fprintf(w, "%s: %d seeds, %d steps in %s, %d seeds a second\n", r.Engine, r.Seeds, r.Steps, took.Round(time.Second), perSecond(r.Seeds, took))
	writeCounts(w, "faults that took place", r.Hits)
	writeCounts(w, "what lives came to", r.Reached)
	for _, l := range r.Failures {
		fmt.Fprintf(w, "\nseed %d failed after %d steps (%s)\n", l.Seed, l.Steps, l.Swarm)
		for _, v := range l.Violations {
			fmt.Fprintf(w, "  %s: %s\n", v.Invariant, v.What)
		}
		for _, line := range l.Trace[max(0, len(l.Trace)-traceTail):] {
			fmt.Fprintf(w, "  | %s\n", line)
		}
	}
	if len(r.Failures) == 0 {
		fmt.Fprintln(w, "No invariant was violated.")
	}
}

func perSecond(n int64, took time.Duration) int64 {
	return n * int64(time.Second) / max(1, int64(took))
}

func writeCounts(w io.Writer, title string, counts map[string]int64) {
	names := make([]string, 0, len(counts))
	for name := range counts {
		names = append(names, name)
	}
	slices.Sort(names)
	fmt.Fprintf(w, "%s:\n", title)
	for _, name := range names {
		fmt.Fprintf(w, "  %-24s %d\n", name, counts[name])
	}
}
