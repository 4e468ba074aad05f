package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/galla-gateway/galla/internal/proof"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/torture"
)

// tortureFlags are how `galla torture` was called.
type tortureFlags struct {
	opts                   torture.Options
	engine, faults, counts string
	result                 string
	require                bool
}

func newTorture(a *app) *cobra.Command {
	var f tortureFlags
	c := a.verb("torture", "Break processes, disks, power and networks under this binary, and look whether anything acknowledged is lost", cobra.NoArgs,
		func(c *cobra.Command, _ []string) error { return a.torture(c, &f) })
	c.Long = `galla serve runs over temporary databases and is sent payments over HTTP on loopback, while what it stands on
fails: it is killed, its disk is full or broken, the power goes, PostgreSQL crashes, the network is cut. After every fault it
has to come back, and in the end what it acknowledged is held against what is stored, what a merchant received, and what a
payout provider was told. Settings of a real installation don't matter to it, and it touches none.

Faults: kill, write (killed at a write or sync of the database, by strace), power (what wasn't synced is lost, by a file
system of its own), disk (full), io (EIO), server and backend (of PostgreSQL), freeze (longer than the leases), cut (one
direction of the network to PostgreSQL, a merchant or a payout provider). Deposits and withdrawals are under way meanwhile. Two
controls run along, with SQLite at synchronous=NORMAL and PostgreSQL at fsync=off: they must be caught losing payments, else
the run has failed.

It needs Linux, and for most faults root: then it runs in namespaces of its own, which take mounts, processes and networks
with them when it ends, however it ends. What can't be made here is told as not run; --require makes that a failure.`
	flags := c.Flags()
	flags.StringVar(&f.engine, "engine", "both", "sqlite, postgres or both")
	flags.StringVar(&f.faults, "faults", strings.Join(torture.Faults(), ","), "which faults, with commas between")
	flags.StringVar(&f.counts, "count", "", "how often each on each engine: a number, or for some faults kill=30,power=10 (default: a few minutes for all)")
	flags.Uint64Var(&f.opts.Seed, "seed", 0, "of all that is drawn (default: the time); moments differ all the same")
	flags.IntVar(&f.opts.Parallel, "parallel", 0, "campaigns that are busy at once (default 2)")
	flags.StringVar(&f.opts.Binary, "binary", "", "the galla that is tortured (default: this one)")
	flags.BoolVar(&f.opts.WithoutControls, "without-controls", false, "leave out the runs that must find losses")
	flags.StringVar(&f.result, "result", "", "append a line of JSON for each fault and engine to this file")
	flags.BoolVar(&f.require, "require", false, "fail when something can't be run here")
	return inGroup(groupHouse, c)
}

// newTortureVictim serves with what must lose payments. Its variable is read here and nowhere else, so no setting of a real
// installation can weaken `galla serve`.
func newTortureVictim(a *app) *cobra.Command {
	return &cobra.Command{
		Use: torture.VictimCommand, Hidden: true, Args: cobra.NoArgs, Short: "Serve as a control of galla torture",
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := a.settings(c)
			if err != nil {
				return err
			}
			return a.serve(c.Context(), cfg, store.Options{SQLiteSynchronous: a.variable(torture.SynchronousVariable)})
		},
	}
}

// torture runs in namespaces of its own where it may.
func (a *app) torture(c *cobra.Command, f *tortureFlags) error {
	if err := f.read(); err != nil {
		return usagef("%v", err)
	}
	if !torture.Isolated() {
		code, err := torture.Isolate(c.Context(), os.Args[1:], a.stdout, a.stderr)
		if err != nil {
			return err
		}
		if a.printed = true; code != exitDone {
			return errors.New("see above")
		}
		return nil
	}
	return a.tortureHere(c, f)
}

// read makes options of the flags.
func (f *tortureFlags) read() error {
	if f.opts.Engines = []string{f.engine}; f.engine == "both" {
		f.opts.Engines = []string{torture.SQLite, torture.Postgres}
	}
	f.opts.Faults = strings.Split(f.faults, ",")
	f.opts.Counts = map[string]int{}
	for part := range strings.SplitSeq(f.counts, ",") {
		name, text, named := strings.Cut(part, "=")
		if part == "" {
			continue
		}
		names := []string{name}
		if !named {
			names, text = f.opts.Faults, part
		}
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("--count %q: expected a number, or fault=number", part)
		}
		for _, name := range names {
			f.opts.Counts[name] = n
		}
	}
	return f.opts.Check()
}

// tortureCommand is what to type for the same again: without the files, which are somebody's own, and the
// settings of an installation, which don't matter.
func tortureCommand(own *pflag.FlagSet) string {
	command := "galla torture"
	own.VisitAll(func(f *pflag.Flag) {
		if f.Changed && !slices.Contains([]string{"binary", "result", "json"}, f.Name) {
			command += " --" + f.Name + "=" + f.Value.String()
		}
	})
	return command
}

func (a *app) tortureHere(c *cobra.Command, f *tortureFlags) (err error) {
	opts := f.opts
	opts.Now, opts.Commit, opts.Command = a.now, shortCommit(), tortureCommand(c.LocalNonPersistentFlags())
	if opts.Seed == 0 {
		opts.Seed = uint64(a.now().UnixNano())
	}
	if opts.Binary == "" {
		if opts.Binary, err = os.Executable(); err != nil {
			return err
		}
	}
	bar := a.progressBar("torture")
	opts.Progress = a.tortureProgress(bar)
	report, runErr := torture.Run(c.Context(), opts)
	bar.end()
	if f.result != "" {
		runErr = errors.Join(runErr, proof.Append(f.result, report.Results...))
	}
	if err := a.print(report, func(w io.Writer) { writeTorture(w, report) }); err != nil {
		return err
	}
	return errors.Join(runErr, tortureVerdict(report, f.require))
}

// tortureProgress shows a bar to people and a line for each campaign to others.
func (a *app) tortureProgress(bar *progressBar) func(torture.Progress) {
	var mu sync.Mutex
	return func(p torture.Progress) {
		mu.Lock()
		defer mu.Unlock()
		bar.set(p.Done, p.Total)
		if p.News != "" && !isTerminal(a.stderr) {
			fmt.Fprintf(a.stderr, "%3d%% %s: %s\n", p.Done*100/p.Total, p.Campaign, p.News)
		}
	}
}

// tortureVerdict is an error unless everything went as it should.
func tortureVerdict(report torture.Report, require bool) error {
	var errs []error
	for _, r := range report.Results {
		switch {
		case r.NotRun != "" && require:
			errs = append(errs, fmt.Errorf("%s on %s was not run: %s", r.Campaign, r.Engine, r.NotRun))
		case r.NotRun == "" && !r.Passed() && r.Expected:
			errs = append(errs, fmt.Errorf("%s on %s found nothing, and had to", r.Campaign, r.Engine))
		case r.NotRun == "" && !r.Passed():
			errs = append(errs, fmt.Errorf("%s on %s found %d violations", r.Campaign, r.Engine, r.Violations))
		}
	}
	return errors.Join(errs...)
}

// writeTorture tells of a run.
func writeTorture(w io.Writer, report torture.Report) {
	var rows [][]string
	for _, r := range report.Results {
		said := "passed"
		switch {
		case r.NotRun != "":
			said = "NOT RUN: " + r.NotRun
		case !r.Passed():
			said = "FAILED"
		}
		rows = append(rows, []string{
			r.Campaign, r.Engine, fmt.Sprintf("%d %s", r.Count, r.Unit), strconv.FormatInt(r.Violations, 10),
			fmt.Sprintf("%d.%d s", r.Milliseconds/1000, r.Milliseconds%1000/100), said,
		})
	}
	table(w, []string{"campaign", "engine", "faults", "violations", "took", "result"}, rows)
	fmt.Fprintln(w)
	for _, r := range report.Results {
		if len(r.Hits) == 0 {
			continue
		}
		var hits []string
		for what, n := range r.Hits {
			hits = append(hits, fmt.Sprintf("%s %d", what, n))
		}
		slices.Sort(hits)
		fmt.Fprintf(w, "%s on %s: %s\n", r.Campaign, r.Engine, strings.Join(hits, ", "))
	}
	for _, text := range report.Violations {
		fmt.Fprintln(w, text)
	}
	for _, folder := range report.Kept {
		fmt.Fprintf(w, "kept for you: %s\n", folder)
	}
}
