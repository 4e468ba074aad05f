package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/bench"
	"github.com/galla-gateway/galla/internal/proof"
)

func newBenchGrow(a *app) *cobra.Command {
	var opts bench.GrowOptions
	var results, plans string
	c := a.verb("grow", "Measure how a database of up to ten million deposits serves, beside one of ten thousand", cobra.NoArgs,
		func(c *cobra.Command, _ []string) (err error) {
			if opts.Database, err = a.benchDatabase(c); err != nil {
				return err
			}
			if err := opts.Check(); err != nil {
				return usagef("%v", err)
			}
			began := a.now()
			steps := a.showSteps()
			opts.Progress = steps.begin
			report, err := bench.Grow(c.Context(), opts)
			steps.end()
			if err != nil {
				return err
			}
			if plans != "" {
				var text strings.Builder
				writePlans(&text, report)
				if err := os.WriteFile(plans, []byte(text.String()), 0o644); err != nil {
					return err
				}
			}
			if results != "" {
				if err := proof.Append(results, a.growResult(report, opts, began)); err != nil {
					return err
				}
			}
			return a.print(report, func(w io.Writer) { writeGrow(w, report) })
		})
	c.Long = `Deposits are written in bulk as the gateway leaves them, credited and told, into a database of its own (as in
bench activate). At each power of ten it is weighed and measured in turns with a database of ten thousand:
activations and evidence through the gateway, reads of single rows, searches, pages of lists. Each ratio is
the median of the turns' ratios. At the end the plans of all these statements are looked at: one that reads
all of a table that grows is a fault. Ten million take about 25 GB of disk, and as much again of
PostgreSQL's log unless it is bounded.`
	flags := c.Flags()
	flags.Int64Var(&opts.To, "to", 10_000_000, "deposits at the end, a power of ten")
	flags.IntVar(&opts.Clients, "clients", 64, "connections that activate at once")
	flags.BoolVar(&opts.InProcess, "in-process", false, "activate without HTTP, in batches of 100")
	flags.IntVar(&opts.Rounds, "rounds", 5, "turns of each database at each size")
	flags.DurationVar(&opts.Slice, "slice", 2*time.Second, "how long activations are measured in each turn")
	flags.Int64Var(&opts.AuditTo, "audit", 100_000, "audit the books at sizes up to this")
	flags.StringVar(&plans, "plans", "", "write the plans of the statements to this file")
	flags.StringVar(&results, "result", "", "append the result to this file of JSON lines")
	return c
}

// growResult is the report as a line of a result file: the ratios of the last size. A violation is one that an audit found.
func (a *app) growResult(r *bench.GrowReport, opts bench.GrowOptions, began time.Time) proof.Result {
	last := r.Sizes[len(r.Sizes)-1]
	measured := map[string]int64{"bytes per transaction": thousandths(math.Round(last.Bytes))}
	for _, m := range last.Measures {
		measured[m.Name] = thousandths(m.Ratio)
	}
	command := fmt.Sprintf("galla bench grow --to %d", opts.To)
	if opts.InProcess {
		command += " --in-process"
	}
	return a.benchResult(proof.Result{
		Campaign: "grow", Engine: r.Engine, Unit: "transactions", Count: opts.To, Violations: r.AuditFailed(), Measured: measured, Missed: r.Missed(), Command: command,
	}, began)
}

// thousandths are what a result file has of a measurement.
func thousandths(value float64) int64 { return int64(math.Round(value * 1000)) }

// benchResult completes the line of a measurement.
func (a *app) benchResult(r proof.Result, began time.Time) proof.Result {
	r.Milliseconds, r.Date, r.Commit = a.now().Sub(began).Milliseconds(), proof.Day(began), shortCommit()
	return r
}

func writeGrow(w io.Writer, r *bench.GrowReport) {
	way := fmt.Sprintf("%d clients", r.Clients)
	if r.InProcess {
		way = "batches of 100 in process"
	}
	fmt.Fprintf(w, "%s, %s, simulated; medians of %d rounds, %.1f s of activations each, in turns with 10000 transfers\n", r.Engine, way, r.Rounds, float64(r.SliceMS)/1000)
	for _, size := range r.Sizes {
		fmt.Fprintf(w, "\n%d transfers, %.0f bytes each, filled in %.0f s%s\n", size.Transfers, size.Bytes, size.FillSeconds, audited(size))
		rows := make([][]string, len(size.Measures))
		for i, m := range size.Measures {
			rows[i] = []string{m.Name, m.Unit, plainNumber(m.Base), plainNumber(m.Grown), strconv.FormatFloat(m.Ratio, 'f', 2, 64)}
		}
		table(w, []string{"what", "unit", "10000", "here", "ratio"}, rows)
	}
	last := r.Sizes[len(r.Sizes)-1]
	fmt.Fprintf(w, "\nbytes per transaction at %d\n", last.Transfers)
	rows := make([][]string, len(last.Tables))
	for i, t := range last.Tables {
		rows[i] = []string{t.Name, plainNumber(t.Rows), plainNumber(t.Indexes)}
	}
	table(w, []string{"table", "rows", "indexes"}, rows)
	fmt.Fprintln(w)
	writeGoals(w, r.Goals)
	for _, p := range r.Plans {
		if p.Scan != "" {
			fmt.Fprintf(w, "\n%s reads a whole table: %s\n", p.Name, p.Scan)
		}
	}
}

func audited(size bench.GrowSize) string {
	switch {
	case !size.Audited:
		return ""
	case size.AuditFailed == 0:
		return ", audit clean"
	}
	return fmt.Sprintf(", audit: %d FAILURES", size.AuditFailed)
}

// plainNumber shows a figure with three digits or more.
func plainNumber(x float64) string {
	if x >= 100 {
		return strconv.FormatFloat(x, 'f', 0, 64)
	}
	return strconv.FormatFloat(x, 'g', 3, 64)
}

func writePlans(w io.Writer, r *bench.GrowReport) {
	fmt.Fprintf(w, "%s, %d transfers\n", r.Engine, r.Sizes[len(r.Sizes)-1].Transfers)
	for _, p := range r.Plans {
		verdict := ""
		if p.Scan != "" {
			verdict = "   READS A WHOLE TABLE"
		}
		fmt.Fprintf(w, "\n%s%s\n  %s\n", p.Name, verdict, strings.Join(p.Lines, "\n  "))
	}
}
