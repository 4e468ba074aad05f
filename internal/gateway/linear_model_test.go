package gateway

import (
	"hash/maphash"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/galla-gateway/galla/internal/deposit"
)

// The sequential model of the claims on one reference: what one clerk with one sheet of paper would say. A history of many
// instances is sound when it could have been his, every operation taking effect at one moment between its call and its return.

// maxOrders bounds the orders of one reference in the model.
const maxOrders = 6

// ordered is one order on a reference: whose it is, and whether the transfer's account serves its merchant.
type ordered struct {
	payer int
	fits  bool
}

// step is one operation on a reference. orders and winner are the same in all steps of a reference. winner is the order that
// anybody was told of as credited, -1 for none: a credit is for ever, so no other can have been credited, and the search has
// one way to go where the clerk may choose among orders that wait.
type step struct {
	kind   stepKind
	order  int
	orders [maxOrders]ordered
	winner int
}

type stepKind int

const (
	stepActivate stepKind = iota // and again: a repeat is the same operation
	stepObserve
	stepLook
)

// sheet is all that the clerk writes down.
type sheet struct {
	observed bool
	credited bool
	claims   [maxOrders]deposit.State // deposit.New: not claimed
}

// answer is what follows from an operation, given what it answered. ok is false when the clerk would never have said so.
func (s sheet) answer(in step, said deposit.State) (next sheet, ok bool) {
	switch in.kind {
	case stepLook:
		return s, s.claims[in.order] == said
	case stepObserve:
		return s.observe(in.orders, in.winner)
	}
	if s.claims[in.order] == deposit.New {
		s = s.claim(in.order, in.orders)
	}
	return s, s.claims[in.order] == said // what is known is answered as it stands
}

// claim judges a new claim.
func (s sheet) claim(order int, orders [maxOrders]ordered) sheet {
	contested := false
	for i, state := range s.claims {
		contested = contested || state.Live() && orders[i].payer != orders[order].payer
	}
	switch {
	case s.credited:
		s.claims[order] = deposit.Refused
	case contested:
		s.claims[order] = deposit.Held
		for i, state := range s.claims {
			if state == deposit.Waiting && orders[i].payer != orders[order].payer {
				s.claims[i] = deposit.Held
			}
		}
	case s.observed && orders[order].fits:
		return s.credit(order)
	default:
		s.claims[order] = deposit.Waiting
	}
	return s
}

func (s sheet) credit(order int) sheet {
	s.credited = true
	for i, state := range s.claims {
		if state.Live() {
			s.claims[i] = deposit.Refused
		}
	}
	s.claims[order] = deposit.Accepted
	return s
}

// observe sees the money. Of several orders that one payer waits with, created at the same moment, any may get it, but one does.
func (s sheet) observe(orders [maxOrders]ordered, winner int) (next sheet, ok bool) {
	if s.observed {
		return s, true
	}
	s.observed = true
	for i, state := range s.claims {
		if state != deposit.Waiting || !orders[i].fits {
			continue
		}
		if winner < 0 || s.claims[winner] != deposit.Waiting || !orders[winner].fits {
			return s, false
		}
		return s.credit(winner), true
	}
	return s, true
}

var hashSeed = maphash.MakeSeed()

var claimModel = porcupine.Model{
	Init: func() any { return sheet{} },
	Hash: func(state any) uint64 { return maphash.Comparable(hashSeed, state.(sheet)) }, // else the search compares with all it has seen
	Step: func(state, in, out any) (bool, any) {
		next, ok := state.(sheet).answer(in.(step), out.(deposit.State))
		return ok, next
	},
}

// linear asks whether a history could have been the clerk's. undecided: there was no time to find out.
func linear(history []porcupine.Operation) (good, undecided bool) {
	const limit = 30 * time.Second
	winner := -1
	for _, op := range history {
		if op.Output.(deposit.State) == deposit.Accepted && winner < 0 {
			winner = op.Input.(step).order
		}
	}
	history = slices.Clone(history)
	for i := range history {
		in := history[i].Input.(step)
		in.winner = winner
		history[i].Input = in
	}
	verdict := porcupine.CheckOperationsTimeout(claimModel, history, limit)
	return verdict == porcupine.Ok, verdict == porcupine.Unknown
}

// The checker rejects what must never happen, in histories that are made up, and takes what may.
func TestBrokenHistoriesAreRejected(t *testing.T) {
	orders := [maxOrders]ordered{{1, true}, {1, true}, {2, true}, {3, false}}
	at := int64(0)
	// after is an operation that begins when the one before has ended, beside one that overlaps it.
	after := func(kind stepKind, order int, said deposit.State) porcupine.Operation {
		at += 10
		return porcupine.Operation{Input: step{kind: kind, order: order, orders: orders}, Output: said, Call: at, Return: at + 5}
	}
	beside := func(kind stepKind, order int, said deposit.State) porcupine.Operation {
		return porcupine.Operation{Input: step{kind: kind, order: order, orders: orders}, Output: said, Call: at + 1, Return: at + 6}
	}
	seen := func() porcupine.Operation { return after(stepObserve, 0, deposit.New) }
	for _, test := range []struct {
		name string
		want bool
		ops  []porcupine.Operation
	}{
		{"seen, then one credited and one refused", true, []porcupine.Operation{seen(), after(stepActivate, 0, deposit.Accepted), after(stepActivate, 2, deposit.Refused)}},
		{"waits, then seen", true, []porcupine.Operation{after(stepActivate, 0, deposit.Waiting), seen(), after(stepLook, 0, deposit.Accepted)}},
		{"two payers before the money", true, []porcupine.Operation{after(stepActivate, 0, deposit.Waiting), after(stepActivate, 2, deposit.Held), seen(), after(stepLook, 0, deposit.Held)}},
		{"either of two of one payer", true, []porcupine.Operation{after(stepActivate, 0, deposit.Waiting), after(stepActivate, 1, deposit.Waiting), seen(), after(stepLook, 0, deposit.Refused), after(stepLook, 1, deposit.Accepted)}},
		{"at the same moment, in either order", true, []porcupine.Operation{seen(), beside(stepActivate, 0, deposit.Waiting), after(stepLook, 0, deposit.Accepted)}},
		{"two are credited", false, []porcupine.Operation{seen(), after(stepActivate, 0, deposit.Accepted), after(stepActivate, 2, deposit.Accepted)}},
		{"two are credited at the same moment", false, []porcupine.Operation{seen(), after(stepActivate, 0, deposit.Accepted), beside(stepActivate, 2, deposit.Accepted)}},
		{"credited without money", false, []porcupine.Operation{after(stepActivate, 0, deposit.Accepted)}},
		{"ok is forgotten", false, []porcupine.Operation{seen(), after(stepActivate, 0, deposit.Accepted), after(stepActivate, 0, deposit.Refused)}},
		{"a credit that nobody reads", false, []porcupine.Operation{seen(), after(stepActivate, 0, deposit.Accepted), after(stepLook, 0, deposit.Waiting)}},
		{"claim and money miss each other", false, []porcupine.Operation{after(stepActivate, 0, deposit.Waiting), seen(), after(stepLook, 0, deposit.Waiting)}},
		{"money of another merchant", false, []porcupine.Operation{seen(), after(stepActivate, 3, deposit.Accepted)}},
		{"a second payer isn't seen", false, []porcupine.Operation{after(stepActivate, 0, deposit.Waiting), after(stepActivate, 2, deposit.Waiting)}},
	} {
		if good, undecided := linear(test.ops); good != test.want || undecided {
			t.Errorf("%s: sound is %t, undecided %t", test.name, good, undecided)
		}
	}
}
