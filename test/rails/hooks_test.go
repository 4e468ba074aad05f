package rails

import (
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/sim"
)

// hear returns what the webhooks that are due say, "forged" for those that are refused.
func hear(t *testing.T, j joined) (said []payout.Outcome) {
	t.Helper()
	for _, hook := range j.Due() {
		reference, a, err := j.Hear(hook.Header, hook.Body)
		switch {
		case (err == nil) != hook.Genuine:
			t.Errorf("genuine %v: %v, %s", hook.Genuine, err, hook.Body)
		case err != nil:
			said = append(said, "forged")
		case reference != payout.Reference(7):
			t.Errorf("reference is %q", reference)
		default:
			said = append(said, a.Outcome)
			secretless(t, a)
		}
	}
	return said
}

func equal(a, b []payout.Outcome) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

func TestHooks(t *testing.T) {
	type outcomes = []payout.Outcome
	for name, c := range map[string]struct {
		life       sim.PayoutLife
		fault      sim.HookFault
		now, later outcomes
		muchLater  outcomes
	}{
		"paid":     {"", "", outcomes{payout.Paid}, nil, nil},
		"failed":   {sim.LifeFails, "", outcomes{payout.Failed}, nil, nil},
		"reversed": {sim.LifePaysThenReverses, "", outcomes{payout.Paid}, outcomes{payout.Failed}, nil},
		"queued":   {sim.LifeQueued, "", outcomes{payout.Sent}, outcomes{payout.Paid}, nil},
		"lost":     {"", sim.HookLost, nil, nil, nil},
		"twice":    {"", sim.HookTwice, outcomes{payout.Paid}, outcomes{payout.Paid}, nil},
		"held":     {sim.LifePaysThenReverses, sim.HookHeld, nil, nil, outcomes{payout.Paid}},
		"unsigned": {"", sim.HookUnsigned, outcomes{"forged"}, nil, nil},
		"forged":   {"", sim.HookForged, outcomes{"forged", payout.Paid}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := sim.PayoutOptions{Life: life(c.life), Hooks: map[sim.HookFault]int{c.fault: 1000}}
			join(t, o, func(t *testing.T, j joined) {
				j.Pay(t.Context(), instruction(7))
				for i, want := range []outcomes{c.now, c.later, c.muchLater} {
					if said := hear(t, j); !equal(said, want) {
						t.Errorf("after %d: %v, want %v", i, said, want)
					}
					j.clock.Advance(late)
				}
			})
		})
	}
}

// A webhook that is held comes after a later one: the order says nothing.
func TestHooksOutOfOrder(t *testing.T) {
	shares := map[sim.HookFault]int{sim.HookHeld: 500}
	swapped := 0
	join(t, sim.PayoutOptions{Settle: time.Minute, Hooks: shares, Lives: map[sim.PayoutLife]int{sim.LifePaysThenReverses: 1000}}, func(t *testing.T, j joined) {
		for id := range int64(40) {
			j.Pay(t.Context(), instruction(id+1))
		}
		j.clock.Advance(10 * late)
		last := map[string]payout.Outcome{}
		for _, hook := range j.Due() {
			reference, a, err := j.Hear(hook.Header, hook.Body)
			if err != nil {
				t.Fatal(err)
			}
			if a.Outcome == payout.Paid && last[reference] == payout.Failed {
				swapped++
			}
			last[reference] = a.Outcome
		}
	})
	if swapped == 0 {
		t.Error("no webhook was overtaken")
	}
}
