package payouts

import (
	"sync"
	"time"
)

// perStep is how many withdrawals are asked for in one step: a tenth of them after its turn, so that something is left that
// merchants may cancel.
const (
	perStep   = 100
	leastStep = 60 // steps in which withdrawals are asked for
	mostSteps = 3000
)

// Times between two steps, in the shares in which they come. While withdrawals are asked for they are as the gateway's own
// pauses are, afterwards they are longer.
var (
	pauses = []time.Duration{
		3 * time.Second, 3 * time.Second, 6 * time.Second, 6 * time.Second, 20 * time.Second, 20 * time.Second, time.Minute, 2 * time.Minute, 2 * time.Minute,
		6 * time.Minute, 6 * time.Minute, 11 * time.Minute, 11 * time.Minute, 11 * time.Minute, 20 * time.Minute, 35 * time.Minute, 62 * time.Minute,
		62 * time.Minute, 3 * time.Hour, 26 * time.Hour,
	}
	pausesAfter = []time.Duration{11 * time.Minute, time.Hour, 3 * time.Hour, 9 * time.Hour, 26 * time.Hour}
)

// run takes n withdrawals on and brings all of them to their end, then holds the three books against each other. It stops as soon
// as a law is broken.
func (w *world) run(n int) {
	size := max(1, min(perStep, n/leastStep))
	for len(w.orders) < n && w.goesOn() {
		var orders []*order
		for range min(size, n-len(w.orders)) {
			orders = append(orders, w.order())
		}
		w.step(pauses, orders)
	}
	for w.goesOn() && w.open() > 0 {
		w.step(pausesAfter, nil)
	}
	open := w.open()
	w.end()
	for _, v := range w.victims {
		<-v.gone
	}
	if !w.laws.any() {
		w.checkAtTheEnd(open)
	}
}

func (w *world) goesOn() bool {
	return !w.laws.any() && w.ctx.Err() == nil && w.steps.Load() < mostSteps
}

// step lets time pass, and everybody act at once.
func (w *world) step(pauses []time.Duration, orders []*order) {
	step := w.steps.Add(1)
	w.clock.Advance(pauses[w.dice(len(pauses))])
	cancelled := w.rows("state IN ('created', 'approved') ORDER BY id LIMIT $1", w.dice(mostCancels))
	long := w.clock.Now().Add(-peopleAfter).UnixMicro()
	stuck := w.rows("state IN ('submitted', 'unknown', 'failed') AND submitted_at < $1 ORDER BY id LIMIT 50", long)
	if step%killEvery == 0 {
		v := w.anybody()
		generation := v.generation()
		timer := time.AfterFunc(time.Duration(w.dice(int(killWithin))), func() { v.kill(generation, killMoment) })
		defer timer.Stop()
	}
	early := len(orders) - len(orders)/10
	if early > 1 && early == len(orders) {
		early--
	}
	var group sync.WaitGroup
	group.Go(func() { w.ask(orders[:early]) })
	group.Go(w.tell)
	group.Go(func() { w.cancel(cancelled) })
	group.Go(func() { w.resolve(stuck) })
	for _, v := range w.victims {
		group.Go(func() { w.finishTurn(v) })
	}
	group.Wait()
	w.ask(orders[early:])
}
