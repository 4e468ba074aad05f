package lane

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
)

// Pauses between tries to record while the database gives no answer.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// triesAfterStop bounds them once the process is to end.
	triesAfterStop = 5
)

// entry is something to record of a lane: an attempt, or what became of it. In the order in which they came: a lane is
// given back after its attempts.
type entry struct {
	lane    *owned
	attempt *gateway.Attempt
	move    *gateway.LaneMove
}

// recorded is what became of a group of entries: a result for each attempt, nil for one that the database refuses.
type recorded struct {
	group   []entry
	results []*gateway.AttemptResult
}

// record stores what came in while the last record ran, so groups grow with the load and a lone result waits for nobody.
func (l *Lane) record(ctx context.Context) {
	if l.recording || len(l.entries) == 0 {
		return
	}
	attempts, n := 0, 0
	for n < len(l.entries) && attempts < recordSize {
		if l.entries[n].attempt != nil {
			attempts++
		}
		n++
	}
	group := l.entries[:n:n]
	l.entries = l.entries[n:]
	l.recording = true
	go func() { l.recorded <- recorded{group, l.save(ctx, group)} }()
}

// save stores a group, for as long as it takes while the database is away. It is its own goroutine and touches only what
// is shared.
func (l *Lane) save(ctx context.Context, group []entry) []*gateway.AttemptResult {
	var attempts []gateway.Attempt
	moves := map[gateway.LaneLease]*gateway.LaneMove{}
	for _, e := range group {
		if e.attempt != nil {
			attempts = append(attempts, *e.attempt)
			continue
		}
		if known := moves[e.move.LaneLease]; known == nil {
			moves[e.move.LaneLease] = e.move
		} else {
			if e.move.Breaker != nil {
				if known.Breaker == nil {
					known.From = e.move.From
				}
				known.Breaker = e.move.Breaker
			}
			known.Hasten = max(known.Hasten, e.move.Hasten)
			known.Release = known.Release || e.move.Release
		}
	}
	list := make([]gateway.LaneMove, 0, len(moves))
	for _, m := range moves {
		list = append(list, *m)
	}
	return l.store(ctx, attempts, list)
}

// store stores attempts and moves, or what the database takes of them: an attempt that it refuses is found by halving. It
// is lost, and its postback is sent again when the lane's lease has run out.
func (l *Lane) store(ctx context.Context, attempts []gateway.Attempt, moves []gateway.LaneMove) []*gateway.AttemptResult {
	results := make([]*gateway.AttemptResult, len(attempts))
	after := 0
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		stored, err := l.config.Gateway.RecordAttempts(ctx, attempts, moves)
		if err == nil {
			for i := range stored {
				results[i] = &stored[i]
			}
			return results
		}
		l.counters.Faults.Add(1)
		l.log.Error("postback.record_failed", "attempts", len(attempts), "error", err)
		if ctx.Err() != nil {
			after++
		}
		unknown := errors.Is(err, gateway.ErrUnknown)
		switch {
		case unknown && after < triesAfterStop:
			time.Sleep(pause)
		case !unknown && len(attempts) > 0 && len(moves) > 0:
			results = l.store(ctx, attempts, nil)
			l.store(ctx, nil, withoutRefused(moves, attempts, results))
			return results
		case !unknown && len(attempts) > 1:
			half := len(attempts) / 2
			return append(l.store(ctx, attempts[:half], nil), l.store(ctx, attempts[half:], nil)...)
		default:
			return results
		}
	}
}

// withoutRefused leaves out the moves of lanes with an attempt that the database refused: they keep their lease until it
// runs out.
func withoutRefused(moves []gateway.LaneMove, attempts []gateway.Attempt, results []*gateway.AttemptResult) (list []gateway.LaneMove) {
	refused := map[gateway.LaneLease]bool{}
	for i, a := range attempts {
		if results[i] == nil {
			refused[gateway.LaneLease{Endpoint: a.Postback.Endpoint, Lease: a.Lease}] = true
		}
	}
	for _, m := range moves {
		if !refused[m.LaneLease] {
			list = append(list, m)
		}
	}
	return list
}

// settleRecord takes note of what was recorded.
func (l *Lane) settleRecord(r recorded) {
	l.recording = false
	i := 0
	for _, e := range r.group {
		if e.attempt == nil {
			if e.move.Hasten != 0 {
				l.came(e.lane.Endpoint)
			}
			if e.move.Release {
				l.left(e.lane)
			}
			continue
		}
		l.recent.add(e.attempt.Postback.ID, l.config.Now())
		result := r.results[i]
		i++
		e.lane.results--
		switch {
		case result == nil:
			l.lost++
			e.lane.leaving = true // not given back: it would be sent again at once
			l.lose(e.lane)
			continue
		case result.Stale:
			l.lose(e.lane)
		case l.errands: // it may have read the postback as it was before
			if len(e.lane.forget) == 0 {
				l.forgetful = append(l.forgetful, e.lane)
			}
			e.lane.forget = append(e.lane.forget, e.attempt.Postback.ID)
		default:
			delete(e.lane.held, e.attempt.Postback.ID)
		}
		l.tryAgain(e.lane.Endpoint, *result)
		l.report(*e.attempt, *result)
	}
}

// tryAgain notes when there is something to send again.
func (l *Lane) tryAgain(e gateway.Endpoint, result gateway.AttemptResult) {
	w := l.watch(e)
	if result.NextAt.IsZero() || w.State == postback.Paused {
		return
	}
	if w.State == postback.Open && w.ProbeAt.After(result.NextAt) {
		l.dueAt(w.ProbeAt)
		return
	}
	l.dueAt(result.NextAt)
}

// left ends the ownership of a lane that was given back.
func (l *Lane) left(o *owned) {
	if o.gone {
		return
	}
	l.lose(o)
	if o.news && !l.stopping {
		l.wanted[o.Endpoint] = true
	}
}

// report counts a recorded attempt and logs it: one line for each, the alarm for the last of a postback in vain.
func (l *Lane) report(a gateway.Attempt, result gateway.AttemptResult) {
	level, event := slog.LevelInfo, "postback.sent"
	switch {
	case result.Stale:
		l.counters.Stale.Add(1)
		level, event = slog.LevelWarn, "postback.record_refused"
	case result.State == gateway.PostbackDelivered:
		l.counters.Delivered.Add(1)
	case result.State == gateway.PostbackExhausted:
		l.counters.Failed.Add(1)
		l.counters.Exhausted.Add(1)
		level, event = slog.LevelError, "postback.exhausted"
	default:
		l.counters.Failed.Add(1)
	}
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	p := a.Postback
	attrs := []slog.Attr{
		slog.Int64("postback", p.ID), slog.String("merchant", l.slug(p.Endpoint)), slog.String("kind", string(p.Endpoint.Kind)),
		slog.Int64("subject", p.SubjectID), slog.String("webhook_id", p.WebhookID), slog.Int("attempt", p.Attempts+1),
		slog.String("state", string(result.State)), slog.Int("status", a.Status), slog.String("address", a.Address),
		slog.Duration("duration", a.Duration),
	}
	if a.Failure != "" {
		attrs = append(attrs, slog.String("failure", a.Failure), slog.String("error", a.Error))
	}
	if !result.NextAt.IsZero() {
		attrs = append(attrs, slog.Time("next_at", result.NextAt))
	}
	l.log.LogAttrs(context.Background(), level, event, attrs...)
}
