package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/bench"
)

func newBench(a *app) *cobra.Command {
	return inGroup(groupHouse, group("bench", "Measure this machine: how many deposits a second, and how near to what the database can",
		newBenchActivate(a), newBenchPostback(a), newBenchStart(a), newBenchGrow(a), newBenchInstances(a), newBenchFsync(a)))
}

func newBenchActivate(a *app) *cobra.Command {
	var opts bench.Options
	var profile string
	c := a.verb("activate", "Measure the whole way of a deposit beside the raw limit of the database", cobra.NoArgs,
		func(c *cobra.Command, _ []string) (err error) {
			if opts.Database, err = a.benchDatabase(c); err != nil {
				return err
			}
			if err := opts.Check(); err != nil {
				return usagef("%v", err)
			}
			if profile != "" {
				file, err := os.Create(profile)
				if err != nil {
					return err
				}
				defer func() { err = errors.Join(err, file.Close()) }()
				opts.Profile = file
			}
			steps := a.showSteps()
			opts.Progress = steps.begin
			report, err := bench.Activate(c.Context(), opts)
			steps.end()
			if err != nil {
				return err
			}
			return a.print(report, func(w io.Writer) { writeBench(w, report) })
		})
	c.Long = `Evidence and activations go through real HTTP on loopback to a gateway in this process, in a database of its
own that is dropped at the end: temporary files, or with --database a folder beside that SQLite file or
new databases on that PostgreSQL server. A database that holds data is refused. GALLA_DATABASE is ignored.

Beside it, in turns of a few seconds, run the raw limit (the same SQL with the same rows and nothing else,
one commit each and batched) and the barest API (net/http, JSON, batched commits of that SQL, no rules).
The load client runs on the same cores. It is a hand-written one: a full client costs more than the server.`
	flags := c.Flags()
	flags.DurationVar(&opts.Duration, "duration", 20*time.Second, "how long activations are measured; the whole run takes about five times as long")
	flags.IntVar(&opts.Clients, "clients", 64, "connections that send at once")
	flags.BoolVar(&opts.Batch, "batch", false, "send evidence in arrays of 100")
	flags.IntVar(&opts.Merchants, "merchants", 1, "merchants that are credited in turn")
	flags.Int64Var(&opts.Rate, "rate", 0, "activations per second at a constant rate, latency counted from when each was due; 0: as fast as answered")
	flags.BoolVar(&opts.InProcess, "in-process", false, "without HTTP: batches of 100 claims beside the batched raw limit")
	flags.StringVar(&profile, "cpuprofile", "", "write a CPU profile of the last turn of activations to this file")
	return c
}

// benchDatabase is --database when it was given. What is set for the server isn't meant for a measurement.
func (a *app) benchDatabase(c *cobra.Command) (string, error) {
	if !c.Flags().Changed("database") {
		return "", nil
	}
	cfg, err := a.settings(c)
	return cfg.Database.Reveal(), err
}

func newBenchStart(a *app) *cobra.Command {
	var opts bench.StartOptions
	c := a.verb("start", "Measure how long galla serve takes from its start to ready, on an existing database", cobra.NoArgs,
		func(c *cobra.Command, _ []string) (err error) {
			if opts.Database, err = a.benchDatabase(c); err != nil {
				return err
			}
			if opts.Program, err = os.Executable(); err != nil {
				return err
			}
			opts.Args, opts.Log = []string{"serve"}, a.stderr
			report, err := bench.Start(c.Context(), opts)
			if err != nil {
				return err
			}
			return a.print(report, func(w io.Writer) {
				pairs(w, [2]string{"engine", report.Engine}, [2]string{"start to ready", milliseconds(report.MedianMS) + " (median of " + strconv.Itoa(len(report.AllMS)) + ")"},
					[2]string{"fastest", milliseconds(report.FastestMS)}, [2]string{"slowest", milliseconds(report.SlowestMS)})
			})
		})
	c.Flags().IntVar(&opts.Runs, "runs", 5, "how often")
	return c
}

func writeBench(w io.Writer, r *bench.Report) {
	requests, evidence := fmt.Sprintf("%d clients", r.Clients), "one by one"
	if r.InProcess {
		requests = fmt.Sprintf("%d callers, in process", r.Clients)
	}
	if r.EvidenceBatch > 1 {
		evidence = fmt.Sprintf("%d at once", r.EvidenceBatch)
	}
	fmt.Fprintf(w, "%s, %s, %d merchants, simulated; %d rounds, %.2f s of activations each\n\n",
		r.Engine, requests, r.Merchants, r.Rounds, time.Duration(r.SliceMS*int64(time.Millisecond)).Seconds())
	rows := [][]string{
		{"activations", rate(r.PerSecond), milliseconds(r.P50MS), milliseconds(r.P95MS), milliseconds(r.P99MS), micros(r.CPUMicros), ""},
		{"evidence, " + evidence, rate(r.EvidencePerSecond), milliseconds(r.EvidenceP50MS), milliseconds(r.EvidenceP95MS), milliseconds(r.EvidenceP99MS), "", ""},
	}
	if r.BarestAPIPerSecond > 0 {
		rows = append(rows, []string{"barest API", rate(r.BarestAPIPerSecond), "", "", "", micros(r.BarestAPICPUMicros), share(r.RatioBarestAPI)})
	}
	if r.RawBatchPerSecond > 0 {
		rows = append(rows, []string{"raw limit, batched", rate(r.RawBatchPerSecond), "", "", "", micros(r.RawBatchCPUMicros), share(r.RatioRawBatch)},
			[]string{"raw limit, one by one", rate(r.RawSinglePerSecond), "", "", "", "", ""})
	}
	table(w, []string{"what", "per second", "p50", "p95", "p99", "own CPU", "activations are"}, rows)
	fmt.Fprintf(w, "\nresident memory %d MiB, up to %d MiB of it page cache; %d activations, %.1f per commit, %d errors\n",
		r.RSSBytes>>20, r.PageCacheBytes>>20, r.Activations, r.PerCommit, r.Errors)
}

func rate(perSecond float64) string { return strconv.FormatFloat(perSecond, 'f', 0, 64) }

func milliseconds(ms float64) string { return strconv.FormatFloat(ms, 'f', 2, 64) + " ms" }

func micros(us float64) string { return strconv.FormatFloat(us, 'f', 0, 64) + " µs" }

func share(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return strconv.FormatFloat(ratio, 'f', 2, 64) + " of it"
}

// steps shows how far a measurement is: a bar with the time left on a terminal, else a line per step.
type steps struct {
	app    *app
	bar    *progressBar
	moves  chan bench.Step
	closed chan struct{}
}

func (a *app) showSteps() *steps {
	s := &steps{app: a, bar: a.progressBar("bench"), moves: make(chan bench.Step), closed: make(chan struct{})}
	go s.follow()
	return s
}

func (s *steps) begin(step bench.Step) { s.moves <- step }

func (s *steps) end() {
	close(s.moves)
	<-s.closed
	s.bar.end()
}

// follow moves the bar with the clock, at most to the end of the step.
func (s *steps) follow() {
	defer close(s.closed)
	ticker := time.NewTicker(time.Second / 4)
	defer ticker.Stop()
	var step bench.Step
	began := s.app.now()
	for {
		select {
		case next, open := <-s.moves:
			if !open {
				return
			}
			step, began = next, s.app.now()
			if !isTerminal(s.app.stderr) {
				fmt.Fprintf(s.app.stderr, "%3d%% %s\n", int64(step.Done)*100/int64(step.Total), step.Name)
			}
		case <-ticker.C:
		}
		if step.Total > 0 {
			done := step.Done + min(s.app.now().Sub(began), step.Length)
			s.bar.set(done.Milliseconds(), step.Total.Milliseconds())
		}
	}
}
