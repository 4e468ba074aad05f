package simulator

import (
	"context"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
)

// action is one kind of thing that may happen in a step: how likely, and the call of it, nil when there is nothing to do.
type action struct {
	weight int
	call   func() *call
}

// act draws what happens in this step.
func (w *world) act(ctx context.Context) error {
	w.alone = false
	switch n := w.draw.IntN(100); {
	case n < 10:
		w.tick()
		return nil
	case n < 24:
		w.pay()
		return nil
	case n < 40 && w.swarm[interleaving]:
		return w.duel(ctx, [2]call{w.drawCall(), w.drawCall()})
	case n < 46 && w.swarm[sharedBatch] && w.oneWriter: // a second writer would begin when the first one is held for long
		return w.share(ctx, pick(w.draw, w.instances[:]), [3]call{w.drawCall(), w.deliver(), w.claimNow()})
	}
	i := pick(w.draw, w.instances[:])
	w.befall(i)
	w.alone = true
	c := w.drawCall()
	w.say("%s: %s", i.name, c.what)
	if learn := c.run(i); learn != nil {
		learn()
	}
	i.plan = plan{dieAt: i.plan.dieAt} // death waits for the next operation, whenever that is
	return nil
}

// befall draws what happens to the instance while it does the next thing.
func (w *world) befall(i *instance) {
	if w.swarm[crash] && i.plan.dieAt == 0 && w.draw.percent(12) {
		i.plan.dieAt = 1 + w.draw.IntN(24)
	}
	if w.swarm[lostCommit] && w.draw.percent(8) {
		i.plan.loseCommit = true
	}
	if w.swarm[outage] && w.draw.percent(6) {
		i.plan.away = 1 + w.draw.IntN(4)
	}
}

// mostPause is how long nothing may happen: longer than a claim waits.
const mostPause = 96 * time.Hour

// tick lets time go by: mostly a little, sometimes days.
func (w *world) tick() {
	d := w.draw.delay(mostPause)
	w.clock.advance(d)
	w.say("%s go by", d.Round(time.Second))
}

// drawCall draws a call. There always is one: the background always has something to look for.
func (w *world) drawCall() call {
	actions := []action{
		{30, func() *call { c := w.claimNow(); return &c }},
		{26, func() *call { c := w.deliver(); return &c }},
		{8, w.repeat},
		{5, w.correct},
		{10, w.send},
		{5, w.recordLate},
		{11, w.withdraw},
		{14, w.serve},
		{7, w.decide},
		{9, func() *call { c := w.background(); return &c }},
	}
	total := 0
	for _, a := range actions {
		total += a.weight
	}
	n := w.draw.IntN(total)
	for _, a := range actions {
		if n -= a.weight; n < 0 {
			if c := a.call(); c != nil {
				return *c
			}
			break
		}
	}
	return w.background()
}

// background is one of the things that a process does by itself.
func (w *world) background() call {
	work := []struct {
		name string
		run  func(*gateway.Gateway, context.Context) error
	}{
		{"expire", (*gateway.Gateway).Expire}, {"roll up", (*gateway.Gateway).RollUp}, {"sweep", (*gateway.Gateway).Sweep},
		{"number events", (*gateway.Gateway).NumberEvents}, {"reload", (*gateway.Gateway).Reload},
	}
	chosen := pick(w.draw, work)
	return call{what: chosen.name, run: func(i *instance) func() {
		err := chosen.run(i.gateway, context.Background())
		return func() { w.mayFail(chosen.name, err) }
	}}
}

// mayFail tells of an error. Which errors there may be, the faults say: a call may always be told that nothing is known.
func (w *world) mayFail(what string, err error) {
	if err != nil {
		w.say("  %s: %v", what, err)
	}
}
