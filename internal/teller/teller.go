// Package teller takes approved withdrawals to their rails and asks what became of those that aren't known to have ended.
// What is to happen, and what follows from an answer, the gateway decides; the teller only calls.
package teller

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

const (
	// lookEvery is how often due withdrawals are looked for.
	lookEvery = time.Second
	// callLimit is when a call ends, whatever the rail does: well within the time for which one process has a withdrawal.
	callLimit = 45 * time.Second
)

// Config of a Teller. Gateway, Rails and Now are required.
type Config struct {
	Gateway *gateway.Gateway
	Rails   func(name string) (rail.Rail, bool)
	Now     func() time.Time
	Logger  *slog.Logger
}

// Counters are running totals since start, and the calls under way, for metrics.
type Counters struct {
	Calls, Faults, Open                           atomic.Int64
	Paid, Failed, Sent, Unknown, Absent, Unserved atomic.Int64
}

// Teller is the work on the rails of one process. It is made by New and runs once.
type Teller struct {
	config   Config
	log      *slog.Logger
	wake     chan struct{}
	counters Counters
}

// New returns a Teller that waits for Run.
func New(c Config) *Teller {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Teller{config: c, log: c.Logger, wake: make(chan struct{}, 1)}
}

// Counters are the running totals.
func (t *Teller) Counters() *Counters { return &t.counters }

// Wake makes Run look now. It never blocks.
func (t *Teller) Wake() {
	select {
	case t.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Run works until ctx ends; calls under way then end, and what they answered is stored. It looks for what is due whatever
// calls are under way.
func (t *Teller) Run(ctx context.Context) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	s := t.newShift(ctx)
	defer s.group.Wait()
	for {
		due, err := t.config.Gateway.DuePayouts(ctx)
		if err != nil && ctx.Err() == nil {
			t.counters.Faults.Add(1)
			t.log.Error("payout.look_failed", "error", err)
		}
		s.add(due)
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		case <-t.wake:
		}
	}
}

// Turn sees to all that is due now, and to what becomes due by that, once each, and returns when it is done.
func (t *Teller) Turn(ctx context.Context) error {
	seen := map[gateway.DuePayout]bool{}
	for {
		due, err := t.config.Gateway.DuePayouts(ctx)
		if err != nil {
			return err
		}
		due = slices.DeleteFunc(due, func(d gateway.DuePayout) bool { return seen[d] })
		if len(due) == 0 {
			return ctx.Err()
		}
		for _, d := range due {
			seen[d] = true
		}
		s := t.newShift(ctx)
		s.add(due)
		s.group.Wait()
	}
}

// Serve makes one call for a withdrawal. The intent is stored before, the answer after it, whatever ctx does meanwhile.
func (t *Teller) Serve(ctx context.Context, id withdrawal.ID) error {
	var by rail.Rail
	p, ok, err := t.config.Gateway.BeginPayout(ctx, id, func(name string) (served bool) {
		if by, served = t.config.Rails(name); !served {
			t.counters.Unserved.Add(1)
			t.log.LogAttrs(ctx, slog.LevelWarn, "payout.unserved", slog.Int64("withdrawal", int64(id)), slog.String("rail", name))
		}
		return served
	})
	if err != nil || !ok {
		return err
	}
	ctx = context.WithoutCancel(ctx)
	answer, err := t.call(ctx, by, p)
	if err != nil {
		return err
	}
	if answer.Outcome == payout.Failed && !t.config.Now().Before(p.Until) {
		// This process slept since it asked. Somebody else may have asked after it, and been told that it is paid.
		answer.Outcome, answer.Reason = payout.Unknown, "said so too long ago: "+answer.Reason
	}
	t.count(answer.Outcome)
	state, err := t.config.Gateway.RecordPayout(ctx, id, p.Rail, p.Lease, answer)
	if err != nil {
		return fmt.Errorf("record answer: %w", err)
	}
	t.log.LogAttrs(ctx, slog.LevelInfo, "payout.answered", slog.Int64("withdrawal", int64(id)), slog.String("rail", p.Rail),
		slog.Bool("pay", p.Pay), slog.String("outcome", string(answer.Outcome)), slog.String("code", answer.Code), slog.String("state", string(state)))
	return nil
}

func (t *Teller) call(ctx context.Context, by rail.Rail, p gateway.Payout) (payout.Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	t.counters.Calls.Add(1)
	t.counters.Open.Add(1)
	defer t.counters.Open.Add(-1)
	if p.Pay {
		return t.pay(ctx, by, p)
	}
	answer := by.Find(ctx, p.Instruction, p.RailID)
	if answer.Outcome != payout.Absent {
		return answer, nil
	}
	until, again, err := t.config.Gateway.PayAgain(ctx, p)
	if err != nil || !again {
		return answer, err
	}
	p.Until = until
	return t.pay(ctx, by, p)
}

// errSlept: this process slept since it took the payout, and somebody else may be about to see to it. Nothing was sent.
var errSlept = errors.New("too little time is left to tell the rail")

// pay tells the rail, if the answer will be here while the payout is still ours.
func (t *Teller) pay(ctx context.Context, by rail.Rail, p gateway.Payout) (payout.Answer, error) {
	if p.Until.Sub(t.config.Now()) < callLimit+callLimit/3 {
		return payout.Answer{}, errSlept
	}
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	return by.Pay(ctx, p.Instruction), nil
}

func (t *Teller) count(o payout.Outcome) {
	switch o {
	case payout.Paid:
		t.counters.Paid.Add(1)
	case payout.Failed:
		t.counters.Failed.Add(1)
	case payout.Sent:
		t.counters.Sent.Add(1)
	case payout.Absent:
		t.counters.Absent.Add(1)
	default:
		t.counters.Unknown.Add(1)
	}
}
