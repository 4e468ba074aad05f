package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/bench"
)

func newBenchPostback(a *app) *cobra.Command {
	var opts bench.PostbackOptions
	var profile string
	c := a.verb("postback", "Measure the delivery of postbacks beside a bare loop of the same requests", cobra.NoArgs,
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
			report, err := bench.Postbacks(c.Context(), opts)
			steps.end()
			if err != nil {
				return err
			}
			return a.print(report, func(w io.Writer) { writePostbackBench(w, report) })
		})
	c.Long = `Postbacks go from a database of its own (as in bench activate) to receivers on loopback, each on a port of its own.
First backlogs are delivered: durable row, signed POST, recorded answer; beside it, in turns, a bare loop posts
the same without a database. Then activations over HTTP make postbacks at a constant rate, and the time from
an activation's request to the arrival of its postback is taken. Receivers and load run on the same cores.

With --fleet the same is measured in turns without and beside a fleet of receivers that hang, break off, flood,
redirect, refuse, or show the wrong certificate: one merchant for each kind, with postbacks waiting.`
	flags := c.Flags()
	flags.IntVar(&opts.Endpoints, "endpoints", 100, "merchants that are told, each at a port of its own")
	flags.DurationVar(&opts.Duration, "duration", 12*time.Second, "how long deliveries are measured; the bare loop and the latency as long")
	flags.Int64Var(&opts.Rate, "rate", 500, "activations per second while latency is measured")
	flags.DurationVar(&opts.Sustain, "sustain", 0, "how long clients then activate as fast as they are answered while postbacks are delivered")
	flags.BoolVar(&opts.Fleet, "fleet", false, "measure the latency also beside sick receivers of every kind; takes ten times --duration and a minute more")
	flags.IntVar(&opts.Clients, "clients", 512, "connections that activate at once")
	flags.StringVar(&profile, "cpuprofile", "", "write a CPU profile of the last backlog's delivery, or of --sustain, to this file")
	return c
}

func writePostbackBench(w io.Writer, r *bench.PostbackReport) {
	fmt.Fprintf(w, "%s, %d endpoints, simulated; %d postbacks\n\n", r.Engine, r.Endpoints, r.Postbacks)
	table(w, []string{"what", "per second", "own CPU", "deliveries are"}, [][]string{
		{"delivered and recorded", rate(r.PerSecond), micros(r.CPUMicros), ""},
		{"bare loop", rate(r.RawPerSecond), micros(r.RawCPUMicros), share(r.Ratio)},
	})
	fmt.Fprintln(w)
	table(w, []string{"activated → received", "p50", "p99"}, [][]string{
		{"idle", milliseconds(r.IdleP50MS), milliseconds(r.IdleP99MS)},
		{fmt.Sprintf("at %d/s", r.Rate), milliseconds(r.P50MS), milliseconds(r.P99MS)},
	})
	if r.FleetKinds > 0 {
		fmt.Fprintf(w, "\nat %d/s, medians of turns: p99 %s without, %s beside %d kinds of sick receivers: %.2f times\n", r.Rate,
			milliseconds(r.HealthyP99MS), milliseconds(r.HealthyP99WithFleetMS), r.FleetKinds, r.FleetRatio)
	}
	if r.SustainedSeconds > 0 {
		fmt.Fprintf(w, "\nsustained for %.0f s: %s activated, %s of them received meanwhile, a second\n", r.SustainedSeconds,
			rate(r.ActivatedPerSecond), rate(r.SustainedPerSecond))
	}
	fmt.Fprintf(w, "\nresident memory %d MiB\n", r.RSSBytes>>20)
}
