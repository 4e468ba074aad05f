package bench

import (
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"time"
)

// serve starts the server that activations go to, and the lane that delivers what they write.
func (d *deliveries) serve(ctx context.Context) (stop func(), err error) {
	stopLane := d.runLane(ctx)
	d.base.server, err = startServer(edge(d.base.engine.gateway))
	if err != nil {
		return nil, errors.Join(err, stopLane())
	}
	return func() {
		_ = d.base.server.stop() // what it measured is known by now
		_ = stopLane()
	}, nil
}

// activate sends activations with a loop and returns when each was sent, by number from the first on.
func (d *deliveries) activate(ctx context.Context, clients int, stock int64, loop func([]worker, *source) *measure) (sent []time.Time, m *measure, err error) {
	e, first := d.base.engine, d.orders
	if missing := first + stock - e.seen; missing > 0 {
		if err := e.observe(ctx, missing); err != nil {
			return nil, nil, err
		}
	}
	tokens := make([]string, len(e.merchants))
	for i, m := range e.merchants {
		tokens[i] = m.secret.Reveal()
	}
	workers, disconnect, err := activators(d.base.server, clients, tokens, appendOrder)
	if err != nil {
		return nil, nil, err
	}
	defer disconnect()
	sent = make([]time.Time, stock)
	for i, w := range workers {
		workers[i] = func(n int64) (int64, error) {
			sent[n-first] = time.Now()
			return w(n)
		}
	}
	from := &source{stock: first + stock, each: 1}
	from.next.Store(first)
	m = loop(workers, from)
	d.orders = min(from.next.Load(), from.stock)
	return sent[:d.orders-first], m, m.first
}

// latency is the time from an activation's request to the arrival of its postback, at a constant rate of activations.
func (d *deliveries) latency(ctx context.Context, perSecond int64, length time.Duration) (p50, p99 float64, err error) {
	first := d.orders
	sent, _, err := d.activate(ctx, min(d.opts.Clients, int(perSecond)), perSecond*int64(length/time.Second+1), func(workers []worker, from *source) *measure {
		return openLoop(ctx, length, perSecond, workers, from)
	})
	if err != nil {
		return 0, 0, err
	}
	if err := d.await(ctx, first, int64(len(sent))); err != nil {
		return 0, 0, err
	}
	var h histogram
	for i, at := range sent {
		h.add(d.received.at(first + int64(i)).Sub(at))
	}
	return milliseconds(h.percentile(500)), milliseconds(h.percentile(990)), nil
}

// await waits until the postbacks of orders have arrived.
func (d *deliveries) await(ctx context.Context, first, count int64) error {
	deadline := time.Now().Add(wireLatency)
	for n := first; n < first+count; {
		switch {
		case !d.received.at(n).IsZero():
			n++
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(deadline):
			return fmt.Errorf("the postback of order %d has not arrived", n)
		default:
			time.Sleep(time.Millisecond)
		}
	}
	return nil
}

// sustain activates as fast as is answered, and counts what was activated and received by the end.
func (d *deliveries) sustain(ctx context.Context) error {
	first := d.orders
	const fastest = 10_000 // a second: transfers are stored for so many
	var end time.Time
	sent, m, err := d.activate(ctx, d.opts.Clients, fastest*int64(d.opts.Sustain/time.Second), func(workers []worker, from *source) *measure {
		if p := d.opts.Profile; p != nil {
			if err := pprof.StartCPUProfile(p); err == nil {
				defer pprof.StopCPUProfile()
			}
		}
		m := closedLoop(ctx, d.opts.Sustain, workers, from)
		end = time.Now()
		return m
	})
	if err != nil {
		return err
	}
	received := 0
	for n := range sent {
		if at := d.received.at(first + int64(n)); !at.IsZero() && !at.After(end) {
			received++
		}
	}
	r := &d.report
	r.SustainedSeconds = round(m.elapsed.Seconds(), 1)
	r.ActivatedPerSecond, r.SustainedPerSecond = round(m.perSecond(), 1), round(float64(received)/m.elapsed.Seconds(), 1)
	return d.await(ctx, first, int64(len(sent)))
}
