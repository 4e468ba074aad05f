package deposit

import (
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
)

// Observed gives the transfer as what the evidence package merges.
func (t Transfer) Observed() evidence.Observed {
	var conflicts []string
	if t.Marks&MarkAmount != 0 {
		conflicts = append(conflicts, evidence.ConflictAmount)
	}
	if t.Marks&MarkAccount != 0 {
		conflicts = append(conflicts, evidence.ConflictAccount)
	}
	return evidence.Observed{
		Fact: evidence.Fact{
			Amount: t.Amount, AccountID: int64(t.AccountID), OccurredAt: t.OccurredAt, Precision: t.Precision, Payer: t.Payer,
			Strength: t.Strength, Reversed: t.Marks&MarkReversed != 0, Internal: t.Marks&MarkInternal != 0,
		},
		Conflict: strings.Join(conflicts, ","), Quarantined: len(conflicts) > 0,
	}
}

// Apply returns the transfer after one more observation. t may be the zero Transfer but for its ids: then the
// observation is the first. A credited transfer keeps its money whatever comes (invariant E-2): evidence against it
// turns it Disputed. What a person overruled speaks against it again when an observation contradicts what was released.
// An observation that the transfer's own outweigh changes nothing.
func (t Transfer) Apply(fact evidence.Fact, now time.Time) Transfer {
	if t.State == TransferNew {
		t.ObservedAt = now
		return t.become(evidence.Observe(fact))
	}
	if t.Strength.Outweighs(fact.Strength) {
		return t
	}
	known := t.Observed()
	if fact.Strength.Outweighs(t.Strength) {
		switch t.State {
		case Credited, Disputed:
			known.Strength = fact.Strength // a person credited it: now it is contradicted as by its equal
		case Rejected:
			t.State, t.Released = Observed, 0 // a person didn't believe a text; this is the bank
		}
	}
	if t.Amount != fact.Amount {
		t.Released &^= MarkAmount
	}
	if t.AccountID != AccountID(fact.AccountID) {
		t.Released &^= MarkAccount
	}
	return t.become(evidence.Merge(known, evidence.Observe(fact)))
}

// become takes over what all observations say together, as far as the transfer's state allows.
func (t Transfer) become(observed evidence.Observed) Transfer {
	t.Marks = marksOf(observed)
	t.OccurredAt, t.Precision = observed.OccurredAt, observed.Precision
	t.Payer, t.Strength = observed.Payer, observed.Strength
	switch t.State {
	case Credited, Disputed:
		if t.Marks&^t.Released != 0 {
			t.State = Disputed
		}
	case Rejected:
	default:
		t.Amount, t.AccountID = observed.Amount, AccountID(observed.AccountID)
		t.State = StateOf(t.Marks, t.Released)
	}
	return t
}

// Reverse returns the transfer after the bank took it back, also after a person released what it took back before.
func (t Transfer) Reverse() Transfer {
	t.Marks |= MarkReversed
	t.Released &^= MarkReversed
	switch t.State {
	case Credited, Disputed:
		t.State = Disputed
	case Rejected:
	default:
		t.State = StateOf(t.Marks, t.Released)
	}
	return t
}

// Release returns the transfer after a person overruled what speaks against it.
func (t Transfer) Release() Transfer {
	t.Released |= t.Marks
	if t.State == Disputed {
		t.State = Credited
	} else {
		t.State = Observed
	}
	return t
}

// OnBooks reports whether the money stands in the books: not once the bank took it back or it was found unreal.
func (s TransferState) OnBooks() bool { return s != TransferNew && s != Reversed && s != Rejected }

// Open reports whether stronger evidence may still decide what the transfer is: it isn't credited.
func (s TransferState) Open() bool { return s != Credited && s != Disputed }

func marksOf(o evidence.Observed) Mark {
	var marks Mark
	if strings.Contains(o.Conflict, evidence.ConflictAmount) {
		marks |= MarkAmount
	}
	if strings.Contains(o.Conflict, evidence.ConflictAccount) {
		marks |= MarkAccount
	}
	if o.Reversed {
		marks |= MarkReversed
	}
	if o.Internal {
		marks |= MarkInternal
	}
	return marks
}
