package rails

import (
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/sim"
)

const (
	crowd   = 120
	workers = 16
	rounds  = 16
)

// everything is every fault that doesn't wait, each in a share of its own.
func everything() sim.PayoutOptions {
	o := sim.PayoutOptions{
		Seed: 5, Settle: 10 * time.Minute,
		Lives: map[sim.PayoutLife]int{
			sim.LifeQueued: 50, sim.LifeLate: 50, sim.LifeFails: 100, sim.LifeFailsThenPays: 30, sim.LifePaysThenReverses: 30,
		},
		Hooks: map[sim.HookFault]int{sim.HookLost: 200, sim.HookTwice: 100, sim.HookHeld: 100, sim.HookUnsigned: 50, sim.HookForged: 50},
		Calls: map[sim.CallFault]int{},
	}
	for _, fault := range []sim.CallFault{
		sim.CallDropsBefore, sim.CallDropsAfter, sim.CallBreaksBefore, sim.CallBreaksAfter, sim.CallTooMany, sim.CallUnauthorised,
		sim.CallRefused, sim.CallStale, sim.CallMisses, sim.CallWrongReference, sim.CallWrongAmount, sim.CallWrongAccount,
		sim.CallWrongState, sim.CallGarbage, sim.CallHTML, sim.CallCut, sim.CallLong,
	} {
		o.Calls[fault] = 30
	}
	return o
}

// Many payouts at once, paid and looked for again and again while everything goes wrong: no answer is ever more than the
// book has, and no beneficiary is credited twice.
func TestCrowd(t *testing.T) {
	join(t, everything(), func(t *testing.T, j joined) {
		last := make([]payout.Answer, crowd+1)
		for round := range rounds {
			each(func(id int64) {
				in := instruction(id)
				known := last[id]
				if round == 0 || known.Outcome == payout.Absent || known.Outcome == payout.Unknown && round%2 == 1 {
					last[id] = j.Pay(t.Context(), in)
				} else {
					last[id] = j.Find(t.Context(), in, known.RailID)
				}
				compare(t, j, in, last[id])
			})
			for _, hook := range j.Due() {
				reference, a, err := j.Hear(hook.Header, hook.Body)
				if (err == nil) != hook.Genuine || err == nil && (reference == "" || a.Outcome == payout.Unknown) {
					t.Fatalf("genuine %v: %q, %+v, %v", hook.Genuine, reference, a, err)
				}
			}
			j.clock.Advance(10 * time.Minute)
		}
		if all := j.All(); len(all) != crowd {
			t.Errorf("the book has %d references, want %d", len(all), crowd)
		}
		decided := 0
		for id := range int64(crowd) {
			in := instruction(id + 1)
			e, _ := j.Entry(in.Reference)
			if e.Payouts != 1 || e.Credits > 1 || e.Amount.Minor != 0 && e.Amount != in.Amount {
				t.Errorf("%s: %+v", in.Reference, e)
			}
			if a := last[id+1]; a.Outcome == payout.Paid || a.Outcome == payout.Failed {
				decided++
				if (a.Outcome == payout.Paid) != (e.Amount.Minor > 0) {
					t.Errorf("%s ended as %+v, the book has %+v", in.Reference, a, e)
				}
			}
		}
		if decided < crowd/4 {
			t.Errorf("only %d of %d were decided in the last round", decided, crowd)
		}
		for fault := range everything().Calls {
			if j.Faults()[fault] == 0 {
				t.Errorf("%s never came", fault)
			}
		}
	})
}

// each runs for every payout, on some goroutines.
func each(do func(id int64)) {
	var work sync.WaitGroup
	for worker := range int64(workers) {
		work.Go(func() {
			for id := worker + 1; id <= crowd; id += workers {
				do(id)
			}
		})
	}
	work.Wait()
}

// compare holds an answer against the book. The clock stands meanwhile, so the book is what it was. A request that was
// repeated may get the answer of long ago, when the payout hadn't come back yet, or was still said to have failed.
func compare(t *testing.T, j joined, in payout.Instruction, a payout.Answer) {
	t.Helper()
	e, _ := j.Entry(in.Reference)
	repeated := e.Asked > 1
	switch {
	case e.Credits > 1,
		a.Outcome == payout.Paid && e.Amount != in.Amount && !(repeated && e.Returns == 1),
		a.Outcome == payout.Failed && e.Amount.Minor != 0 && !repeated:
		t.Errorf("%s: %+v, but the book has %+v", in.Reference, a, e)
	}
	secretless(t, a)
}
