package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"slices"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/lane"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
)

// Shape of the measure beside sick receivers.
const (
	fleetRounds  = 5   // turns without the fleet, and as many with it
	fleetBacklog = 200 // postbacks that wait for each of it
	// fleetQuiet is how long the fleet may take to fall silent: what hangs ends at its limit, what is probed then hangs once more.
	fleetQuiet = 3 * lane.RequestLimit
	// fleetShare is the part of a turn in which one after the other comes to life, so that there are such that fail for the
	// first time until then, and first probes until the end.
	fleetShare = 2
)

// sickFleet is a merchant for each kind of receiver that never takes a postback.
type sickFleet struct {
	fleet *sim.Fleet
	slugs []string
}

var deposits = []gateway.PostbackKind{gateway.PostbackDeposit}

// measuredWithout is why the fleet is paused.
const measuredWithout = "measured without"

// addFleet starts the fleet, and pauses it.
func (d *deliveries) addFleet(ctx context.Context) error {
	before := log.Writer()
	log.SetOutput(io.Discard) // net/http tells there of answers that come before their request
	d.base.later(func() error { log.SetOutput(before); return nil })
	fleet, err := sim.NewFleet(sim.FleetOptions{Now: time.Now, MaxPostbacks: fleetBacklog, Kinds: d.opts.fleetKinds})
	if err != nil {
		return err
	}
	d.base.later(func() error { fleet.Close(); return nil })
	d.sick.fleet = fleet
	sick := slices.DeleteFunc(slices.Clone(fleet.Receivers()), func(r *sim.Receiver) bool { return r.Healthy })
	added := make([]gateway.NewMerchant, len(sick))
	for i, r := range sick {
		added[i] = gateway.NewMerchant{Slug: fmt.Sprintf("sick-%d", i+1), PostbackURL: r.URL}
		d.sick.slugs = append(d.sick.slugs, added[i].Slug)
	}
	g := d.base.engine.gateway
	merchants, err := g.AddMerchants(ctx, added...)
	if err != nil {
		return fmt.Errorf("add sick merchants: %w", err)
	}
	for i, r := range sick {
		if r.CA != "" {
			if err := g.SetEndpoints(ctx, added[i].Slug, deposits, gateway.EndpointChange{CA: &r.CA, Pin: &r.Pin}); err != nil {
				return fmt.Errorf("%s: %w", r.Name, err)
			}
		}
		if err := g.PauseEndpoints(ctx, added[i].Slug, deposits, measuredWithout); err != nil {
			return err
		}
		if err := d.fleetBacklog(ctx, int64(merchants[i].ID)); err != nil {
			return err
		}
	}
	d.report.FleetKinds = len(sick)
	return nil
}

func (d *deliveries) fleetBacklog(ctx context.Context, merchantID int64) error {
	at := time.Now().UnixMicro()
	rows := make([]postbackRow, fleetBacklog)
	for i := range rows {
		d.last++
		id := backlogIDs + d.last
		rows[i] = postbackRow{id, merchantID, string(gateway.PostbackDeposit), id, fmt.Sprintf("msg_%032d", id), postbackPacked(), at, at}
	}
	return d.base.engine.store.Write(ctx, func(ctx context.Context, q *store.Queries) error { return q.InsertPostbacks(ctx, store.Rows(rows)) })
}

// besideFleet measures the latency of those who are well, in turns without the sick and with them.
func (d *deliveries) besideFleet(ctx context.Context) error {
	var without, with []float64
	for round := range 2 * fleetRounds {
		sick := round%4 == 1 || round%4 == 2 // so that none always follows the other
		name := "latency without the fleet"
		if sick {
			name = "latency beside the fleet"
		}
		d.step(name, d.opts.Duration)
		p99, err := d.turnBeside(ctx, sick)
		if err != nil {
			return err
		}
		if sick {
			with = append(with, p99)
		} else {
			without = append(without, p99)
		}
	}
	r := &d.report
	r.HealthyP99MS, r.HealthyP99WithFleetMS = median(without), median(with)
	if r.HealthyP99MS > 0 {
		r.FleetRatio = round(r.HealthyP99WithFleetMS/r.HealthyP99MS, 3)
	}
	if n := d.sick.fleet.Followed(); n > 0 {
		return fmt.Errorf("%d redirects were followed", n)
	}
	return nil
}

// turnBeside is one turn. Without the sick they are paused once more instead of resumed, as that costs the same.
func (d *deliveries) turnBeside(ctx context.Context, sick bool) (p99 float64, err error) {
	g, failed := d.base.engine.gateway, d.lane.Load().Counters().Failed.Load()
	pause := func(ctx context.Context, slug string) error {
		return g.PauseEndpoints(ctx, slug, deposits, measuredWithout)
	}
	act := pause
	if sick {
		act = func(ctx context.Context, slug string) error { return g.ResumeEndpoints(ctx, slug, deposits) }
	}
	acted := make(chan error, 1)
	go func() { acted <- d.forSick(ctx, d.opts.Duration/fleetShare, act) }()
	_, p99, err = d.latency(ctx, d.opts.Rate, d.opts.Duration)
	if err = errors.Join(err, <-acted); err != nil || !sick {
		return p99, err
	}
	// On a busy machine those who came to life last may not have been sent anything yet.
	counters, all := d.lane.Load().Counters(), int64(len(d.sick.slugs))
	reached := func() int64 { return counters.Failed.Load() - failed + counters.Open.Load() }
	if !within(ctx, fleetQuiet, func() bool { return reached() >= all }) {
		return 0, fmt.Errorf("only %d requests were made to a fleet of %d", reached(), all)
	}
	if err := d.forSick(ctx, 0, pause); err != nil {
		return 0, err
	}
	if !within(ctx, fleetQuiet, func() bool { return counters.Open.Load() == 0 }) {
		return 0, errors.New("the fleet doesn't fall silent")
	}
	return p99, nil
}

// within waits until something holds, at most so long.
func within(ctx context.Context, limit time.Duration, holds func() bool) bool {
	for start := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(start) > limit || ctx.Err() != nil {
			return false
		}
	}
	return true
}

// forSick does something for each sick merchant, evenly spread over the time.
func (d *deliveries) forSick(ctx context.Context, over time.Duration, act func(context.Context, string) error) error {
	start := time.Now()
	for i, slug := range d.sick.slugs {
		time.Sleep(time.Until(start.Add(over * time.Duration(i) / time.Duration(len(d.sick.slugs)))))
		if err := act(ctx, slug); err != nil {
			return fmt.Errorf("%s: %w", slug, err)
		}
	}
	return nil
}

// median is the middle of an odd number of values.
func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}
