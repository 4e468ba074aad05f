package main

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
)

// replayNewsEvery is how many replayed postbacks lie between two lines of news where nobody watches a progress bar.
const replayNewsEvery = 10_000

// replayFlags are what replay was told.
type replayFlags struct {
	since, until, slug string
	failed, dryRun     bool
	after              int64
	reason             string
}

func (a *app) postbackReplay() *cobra.Command {
	var f replayFlags
	c := a.verb("replay [ID…]", "Send postbacks again: some, or all that fit", cobra.ArbitraryArgs, func(c *cobra.Command, args []string) error {
		filter, err := a.replayFilter(c, f, args)
		if err != nil {
			return err
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		r := &replay{replayDoc: replayDoc{DryRun: f.dryRun}, app: a, ad: ad, touched: map[gateway.Endpoint]bool{}}
		if r.before, err = ad.Endpoints(c.Context()); err != nil {
			return err
		}
		if len(args) > 0 {
			err = r.named(c.Context(), args)
		} else {
			if filter.MerchantID, err = merchantID(c.Context(), ad.store.Read(), f.slug); err != nil {
				return err
			}
			err = r.bulk(c.Context(), filter, f.after)
		}
		if r.Replayed > 0 {
			a.log(ad, "postback.replayed", "reason", f.reason, "matched", r.Matched, "replayed", r.Replayed)
		}
		if err != nil {
			return err
		}
		return r.print(c.Context())
	})
	c.Long = "Send postbacks again, with the same body and webhook-id: those named by their ids (or webhook ids), or all that fit\n" +
		"--since, --until, --merchant. With --failed only what was given up or failed and is tried again; without it also\n" +
		"what was delivered. They are due at once, and their schedules begin anew. An endpoint that failed is tried again at\n" +
		"once; one that is paused stays paused. It may be interrupted, and be done again."
	c.Flags().StringVar(&f.since, "since", "", "written since this time (RFC 3339), or no longer ago than this, such as 24h")
	c.Flags().StringVar(&f.until, "until", "", "written until this time, or longer ago than this (default: now)")
	c.Flags().StringVar(&f.slug, "merchant", "", "slug of one merchant")
	c.Flags().BoolVar(&f.failed, "failed", false, "only exhausted ones, and pending ones with a failed try")
	c.Flags().BoolVar(&f.dryRun, "dry-run", false, "tell how many would be sent again, and change nothing")
	c.Flags().Int64Var(&f.after, "after", 0, "go on behind this id, where a replay of many was interrupted")
	c.Flags().StringVar(&f.reason, "reason", "", "why; logged with your name")
	return c
}

// replayFilter checks the command line: either ids, or what all of them have in common.
func (a *app) replayFilter(c *cobra.Command, f replayFlags, ids []string) (gateway.PostbackFilter, error) {
	var filter gateway.PostbackFilter
	if len(ids) > 0 {
		for _, name := range []string{"since", "until", "merchant", "failed", "after"} {
			if c.Flags().Changed(name) {
				return filter, usagef("replay: --%s is for many, ids are for some: give one of them", name)
			}
		}
		return filter, nil
	}
	if f.since == "" && f.slug == "" {
		return filter, usagef("replay: expected ids, or --since, or --merchant")
	}
	if f.after < 0 {
		return filter, usagef("--after: expected an id")
	}
	since, until, err := a.moments(f.since, f.until)
	if until.IsZero() {
		until = a.now() // what is written while the command runs is sent anyway
	}
	return gateway.PostbackFilter{Since: since, Until: until, Failed: f.failed}, err
}

// replayDoc is what replay prints. Scripts rely on its members.
type replayDoc struct {
	Matched  int  `json:"matched"`
	Replayed int  `json:"replayed"`
	DryRun   bool `json:"dry_run"`
}

// replay is one run of the command.
type replay struct {
	replayDoc
	app     *app
	ad      *admin
	before  []gateway.EndpointStatus
	touched map[gateway.Endpoint]bool
}

func (r *replay) named(ctx context.Context, texts []string) error {
	rows, err := findPostbacks(ctx, r.ad.store.Read(), texts)
	if err != nil {
		return err
	}
	picked := make([]gateway.PickedPostback, len(rows))
	for i, row := range rows {
		e := gateway.Endpoint{MerchantID: merchant.ID(row.MerchantID), Kind: gateway.PostbackKind(row.Kind)}
		picked[i] = gateway.PickedPostback{ID: row.ID, Endpoint: e}
	}
	return r.replay(ctx, picked)
}

// bulk replays what fits, oldest first, and tells how far it is.
func (r *replay) bulk(ctx context.Context, filter gateway.PostbackFilter, after int64) error {
	bar := r.app.progressBar("replay")
	defer bar.end()
	told, last := 0, after
	err := gateway.WalkPostbacks(ctx, r.ad.store.Read(), filter, after, func(picked []gateway.PickedPostback, done, total int64) error {
		for chunk := range slices.Chunk(picked, gateway.ReplayChunk) {
			if err := r.replay(ctx, chunk); err != nil {
				return err
			}
			last = chunk[len(chunk)-1].ID
		}
		bar.set(done, total)
		if bar.bar == nil && r.Matched >= told+replayNewsEvery {
			told = r.Matched
			fmt.Fprintf(r.app.stderr, "%d postbacks matched, %d %% of all are looked at\n", r.Matched, 100*done/max(total, 1))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("stopped after %d replayed postbacks, go on with --after %d: %w", r.Replayed, last, err)
	}
	return nil
}

// replay takes postbacks that matched.
func (r *replay) replay(ctx context.Context, picked []gateway.PickedPostback) error {
	r.Matched += len(picked)
	for _, p := range picked {
		r.touched[p.Endpoint] = true
	}
	if r.DryRun {
		return ctx.Err()
	}
	replayed, err := r.ad.ReplayPostbacks(ctx, idsOf(picked))
	r.Replayed += replayed
	return err
}

// print tells what was done, and which endpoints are another matter.
func (r *replay) print(ctx context.Context) error {
	after, err := r.ad.Endpoints(ctx)
	if err != nil {
		return err
	}
	var notes []string
	for _, e := range r.before {
		if r.touched[e.Endpoint] && e.State == gateway.EndpointOpen && !r.DryRun {
			notes = append(notes, fmt.Sprintf("%s %s failed since %s and is tried again at once.", e.Merchant, e.Kind, dated(e.ChangedAt)))
		}
	}
	for _, e := range after {
		if r.touched[e.Endpoint] && e.State == gateway.EndpointPaused {
			notes = append(notes, fmt.Sprintf("%s %s is paused (%s), nothing is sent there until: galla postback resume --merchant %s --kind %s",
				e.Merchant, e.Kind, printable(e.Reason), e.Merchant, e.Kind))
		}
	}
	if r.app.json {
		for _, note := range notes {
			fmt.Fprintln(r.app.stderr, note)
		}
	}
	return r.app.print(r.replayDoc, func(w io.Writer) {
		if r.DryRun {
			fmt.Fprintf(w, "%d postbacks match. Nothing was changed.\n", r.Matched)
		} else {
			fmt.Fprintf(w, "%d postbacks matched, %d are due now. Their schedules begin anew; attempts are counted on.\n", r.Matched, r.Replayed)
		}
		if len(notes) > 0 {
			fmt.Fprintln(w, strings.Join(notes, "\n"))
		}
	})
}
