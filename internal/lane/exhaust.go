package lane

import (
	"context"
	"slices"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
)

// exhausted is what was given up because nothing was sent to its endpoint for too long.
type exhausted struct {
	counts map[gateway.Endpoint]int
	err    error
}

// exhaust gives up what is too old in lanes that nothing is sent in, every now and then. It takes as long as many dead
// endpoints have much to look through, so no errand waits for it.
func (l *Lane) exhaust(ctx context.Context, lanes []gateway.LaneStatus) {
	now := l.config.Now()
	if l.givingUp || l.stopping || now.Sub(l.exhaustedAt) < exhaustEvery {
		return
	}
	l.exhaustedAt = now
	lanes = slices.DeleteFunc(slices.Clone(lanes), func(lane gateway.LaneStatus) bool { return lane.State == postback.Closed })
	if len(lanes) == 0 {
		return
	}
	l.givingUp = true
	go func() {
		counts, err := l.config.Gateway.ExhaustPostbacks(ctx, lanes)
		l.exhausted <- exhausted{counts, err}
	}()
}

// gaveUp tells of what was given up.
func (l *Lane) gaveUp(ctx context.Context, x exhausted) {
	l.givingUp = false
	if x.err != nil && ctx.Err() == nil {
		l.counters.Faults.Add(1)
		l.log.Error("postback.exhaust_failed", "error", x.err)
	}
	for e, count := range x.counts {
		l.counters.Exhausted.Add(int64(count))
		l.log.Error("postback.exhausted", "merchant", l.slug(e), "kind", string(e.Kind), "count", count)
	}
}
