package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/bench"
	"github.com/galla-gateway/galla/internal/proof"
)

func newBenchInstances(a *app) *cobra.Command {
	opts := bench.InstancesOptions{Args: []string{"serve"}, Log: a.stderr}
	var results string
	c := a.verb("instances", "Measure several instances on one PostgreSQL beside one, and count that all is credited once", cobra.NoArgs,
		func(c *cobra.Command, _ []string) (err error) {
			if opts.Database, err = a.benchDatabase(c); err != nil {
				return err
			}
			if err := opts.Check(); err != nil {
				return usagef("%v", err)
			}
			if opts.Program, err = os.Executable(); err != nil {
				return err
			}
			began := a.now()
			steps := a.showSteps()
			opts.Progress = steps.begin
			report, err := bench.Instances(c.Context(), opts)
			steps.end()
			if err != nil {
				return err
			}
			if results != "" {
				if err := proof.Append(results, a.instancesResult(report, began)); err != nil {
					return err
				}
			}
			err = a.print(report, func(w io.Writer) { writeInstances(w, report) })
			if err == nil && report.Once.Wrong() > 0 {
				err = errors.New("not everything was credited just once")
			}
			return err
		})
	c.Long = `Instances of galla serve run as processes of their own on one new database, and the same number of clients
activates, shared out over them; the numbers of instances take turns. After each turn of several, all are asked
to credit the same transfers at the same moment, each for another order. At the end the database is asked, past
the code of Galla, whether every transfer was credited just once.`
	flags := c.Flags()
	flags.IntSliceVar(&opts.Counts, "counts", []int{1, 2, 4}, "numbers of instances")
	flags.IntVar(&opts.Clients, "clients", 512, "connections that activate at once, over all instances: enough to fill the batches of each")
	flags.IntVar(&opts.Rounds, "rounds", 5, "turns of each number of instances")
	flags.DurationVar(&opts.Slice, "slice", 3*time.Second, "how long activations are measured in each turn")
	flags.IntVar(&opts.Races, "races", 200, "transfers that all instances claim at once after each turn")
	flags.StringVar(&results, "result", "", "append the result to this file of JSON lines")
	return c
}

func (a *app) instancesResult(r *bench.InstancesReport, began time.Time) proof.Result {
	measured := map[string]int64{}
	for _, n := range r.Instances {
		measured[strconv.Itoa(n.Count)+" instances"] = thousandths(n.Ratio)
	}
	return a.benchResult(proof.Result{
		Campaign: "instances", Engine: r.Engine, Unit: "deposits", Count: r.Once.Credited,
		Hits: map[string]int64{"races": r.Once.Raced, "answered": r.Once.Answered}, Violations: r.Once.Wrong(), Measured: measured, Missed: bench.Missed(r.Goals),
		Command: "galla bench instances --database postgres://…",
	}, began)
}

func writeInstances(w io.Writer, r *bench.InstancesReport) {
	fmt.Fprintf(w, "%s, %d clients in all; medians of %d rounds, %.1f s each\n\n", r.Engine, r.Clients, r.Rounds, float64(r.SliceMS)/1000)
	rows := make([][]string, len(r.Instances))
	for i, n := range r.Instances {
		rows[i] = []string{strconv.Itoa(n.Count), rate(n.PerSecond), milliseconds(n.P99MS), strconv.FormatFloat(n.Ratio, 'f', 2, 64)}
	}
	table(w, []string{"instances", "per second", "p99", "beside one"}, rows)
	o := r.Once
	fmt.Fprintf(w, "\n%d activations answered ok and %d races: %d credited; %d twice, %d missing, %d without their one postback, %d not moved once\n\n",
		o.Answered, o.Raced, o.Credited, o.Twice, o.Missing, o.Untold, o.Moved)
	writeGoals(w, r.Goals)
}

func writeGoals(w io.Writer, goals []bench.Goal) {
	var rows [][]string
	for _, g := range goals {
		bound, met := "at least", "yes"
		if g.AtMost {
			bound = "at most"
		}
		if !g.Met {
			met = "NO"
		}
		rows = append(rows, []string{g.What, bound, plainNumber(g.Limit), plainNumber(g.Value), met})
	}
	table(w, []string{"goal", "", "", "measured", "met"}, rows)
}

func newBenchFsync(a *app) *cobra.Command {
	opts := bench.FsyncOptions{Args: []string{"serve"}, Log: a.stderr}
	var results string
	c := a.verb("fsync", "Measure activations on a disk that takes longer to sync, with strace", cobra.NoArgs,
		func(c *cobra.Command, _ []string) (err error) {
			if opts.Database, err = a.benchDatabase(c); err != nil {
				return err
			}
			if err := opts.Check(); err != nil {
				return usagef("%v", err)
			}
			if opts.Program, err = os.Executable(); err != nil {
				return err
			}
			began := a.now()
			steps := a.showSteps()
			opts.Progress = steps.begin
			report, err := bench.Fsync(c.Context(), opts)
			steps.end()
			if err != nil {
				return err
			}
			if results != "" {
				if err := proof.Append(results, a.fsyncResult(report, began)); err != nil {
					return err
				}
			}
			return a.print(report, func(w io.Writer) { writeFsync(w, report) })
		})
	c.Long = `galla serve runs as a process of its own, and strace delays every fsync and fdatasync: of galla serve on SQLite,
of the server on PostgreSQL, which must run on this machine under a user that may be traced. Tracing itself
slows what it traces, so the same is also measured under strace without a delay, and without strace.`
	flags := c.Flags()
	flags.DurationVar(&opts.Delay, "delay", 2*time.Millisecond, "how much longer each fsync takes")
	flags.IntVar(&opts.Clients, "clients", 64, "connections that activate at once")
	flags.IntVar(&opts.Rounds, "rounds", 5, "turns of each way")
	flags.DurationVar(&opts.Slice, "slice", 3*time.Second, "how long activations are measured in each turn")
	flags.StringVar(&results, "result", "", "append the result to this file of JSON lines")
	return c
}

func (a *app) fsyncResult(r *bench.FsyncReport, began time.Time) proof.Result {
	result := proof.Result{Campaign: "fsync", Engine: r.Engine, Unit: "turns", NotRun: r.NotRun, Command: "galla bench fsync"}
	if r.NotRun == "" {
		result.Count = int64(3 * r.Rounds)
		result.Measured = map[string]int64{"delayed beside not delayed": thousandths(r.Ratio), "per second without strace": thousandths(math.Round(r.PerSecond)),
			"per second under strace": thousandths(math.Round(r.TracedPerSecond)), "per second delayed": thousandths(math.Round(r.DelayedPerSecond))}
		result.Missed = bench.Missed(r.Goals)
	}
	return a.benchResult(result, began)
}

func writeFsync(w io.Writer, r *bench.FsyncReport) {
	if r.NotRun != "" {
		fmt.Fprintf(w, "%s: not run, %s\n", r.Engine, r.NotRun)
		return
	}
	fmt.Fprintf(w, "%s, %d clients; medians of %d rounds\n\n", r.Engine, r.Clients, r.Rounds)
	table(w, []string{"fsync", "activations per second", "p99"}, [][]string{
		{"as it is, without strace", rate(r.PerSecond), milliseconds(r.P99MS)},
		{"as it is, under strace", rate(r.TracedPerSecond), milliseconds(r.TracedP99MS)},
		{fmt.Sprintf("%d µs longer, under strace", r.DelayMicros), rate(r.DelayedPerSecond), milliseconds(r.DelayedP99MS)},
	})
	fmt.Fprintln(w)
	writeGoals(w, r.Goals)
}
