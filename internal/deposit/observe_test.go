package deposit

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/money"
)

// said is one piece of evidence: an observation, or a reversal that names the number.
type said struct {
	fact     evidence.Fact
	reversal bool
}

func saidGenerator() *rapid.Generator[said] {
	return rapid.Custom(func(t *rapid.T) said {
		if rapid.IntRange(0, 5).Draw(t, "kind") == 0 {
			return said{reversal: true}
		}
		return said{fact: evidence.Fact{
			Amount: money.Money{
				Minor:    rapid.Int64Range(1, 3).Draw(t, "minor"),
				Currency: rapid.SampledFrom([]money.Currency{money.INR, money.INR, money.BDT}).Draw(t, "currency"),
			},
			AccountID:  rapid.Int64Range(1, 2).Draw(t, "account"),
			OccurredAt: time.UnixMicro(rapid.Int64Range(0, 5).Draw(t, "micro")),
			Precision:  rapid.SampledFrom([]evidence.Precision{evidence.PrecisionNone, evidence.PrecisionDay, evidence.PrecisionExact}).Draw(t, "precision"),
			Payer:      rapid.SampledFrom([]string{"", "RAM", "ram@ybl", "a@b"}).Draw(t, "payer"),
			Strength:   rapid.SampledFrom([]evidence.Strength{evidence.StrengthWeak, evidence.StrengthSMS, evidence.StrengthAny}).Draw(t, "strength"),
			Internal:   rapid.IntRange(0, 4).Draw(t, "internal") == 0,
		}}
	})
}

// told is a number as evidence makes it: the transfer, and a reversal that came before anything else did.
type told struct {
	transfer Transfer
	reversed bool
}

// hear is what the gateway does with a piece of evidence.
func (n told) hear(t *rapid.T, s said, now time.Time) told {
	before := n.transfer
	switch {
	case !s.reversal:
		n.transfer = n.transfer.Apply(s.fact, now)
		if before.State == TransferNew && n.reversed {
			n.transfer = n.transfer.Reverse()
		}
	case n.transfer.State == TransferNew:
		n.reversed = true
	default:
		n.reversed, n.transfer = true, n.transfer.Reverse()
	}
	if from, to := before.State, n.transfer.State; from != to && !CanMoveTransfer(from, to) {
		t.Fatalf("moved from %q to %q", from, to)
	}
	return n
}

// E-2: as long as nothing is credited, the transfer depends on the set of the evidence, not on order or repetition.
func TestTransferDependsOnTheSetOfEvidence(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(saidGenerator(), 1, 6).Draw(t, "evidence")
		shuffled := append([]said(nil), all...)
		for range rapid.IntRange(0, 4).Draw(t, "repeats") {
			shuffled = append(shuffled, all[rapid.IntRange(0, len(all)-1).Draw(t, "repeated")])
		}
		shuffled = rapid.Permutation(shuffled).Draw(t, "shuffled")
		var want, got told
		for _, s := range all {
			want = want.hear(t, s, claimedAt)
		}
		for _, s := range shuffled {
			got = got.hear(t, s, claimedAt)
		}
		if got != want {
			t.Fatalf("another order or repeats:\n%+v, want\n%+v", got, want)
		}
	})
}

// E-2: credited money never changes, whatever is heard of it later; what speaks against it turns it disputed.
func TestCreditedMoneyNeverChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		first := evidence.Fact{Amount: rupees(2), AccountID: 1, OccurredAt: claimedAt, Strength: evidence.StrengthAny}
		n := told{transfer: Transfer{ID: 5, ReferenceID: 6}.Apply(first, claimedAt)}
		n.transfer.State = Credited
		speaksAgainst := false
		for _, s := range rapid.SliceOfN(saidGenerator(), 1, 5).Draw(t, "evidence") {
			n = n.hear(t, s, claimedAt.Add(time.Hour))
			counts := s.fact.Strength != evidence.StrengthWeak
			speaksAgainst = speaksAgainst || s.reversal || counts && (s.fact.Amount != first.Amount || s.fact.AccountID != 1 || s.fact.Internal)
			if n.transfer.Amount != rupees(2) || n.transfer.AccountID != 1 || n.transfer.ID != 5 || n.transfer.ObservedAt != claimedAt {
				t.Fatalf("credited money changed: %+v", n.transfer)
			}
			if want := map[bool]TransferState{false: Credited, true: Disputed}[speaksAgainst]; n.transfer.State != want {
				t.Fatalf("it is %s, want %s", n.transfer.State, want)
			}
		}
	})
}

// Weak evidence that a person credited is contradicted by a bank as by its equal; the money stays.
func TestCreditOnWeakEvidenceIsDisputedByABank(t *testing.T) {
	fact := func(minor int64, strength evidence.Strength) evidence.Fact {
		return evidence.Fact{Amount: rupees(minor), AccountID: 1, OccurredAt: claimedAt, Strength: strength}
	}
	weak := Transfer{ID: 1}.Apply(fact(500, evidence.StrengthWeak), claimedAt)
	if open := weak.Apply(fact(600, evidence.StrengthSMS), claimedAt); open.State != Observed || open.Amount != rupees(600) || open.Marks != 0 {
		t.Errorf("before the credit: %+v", open)
	}
	weak.State = Credited
	if same := weak.Apply(fact(500, evidence.StrengthSMS), claimedAt); same.State != Credited || same.Strength != evidence.StrengthSMS {
		t.Errorf("the bank says the same: %+v", same)
	}
	if got := weak.Apply(fact(600, evidence.StrengthSMS), claimedAt); got.State != Disputed || got.Amount != rupees(500) || got.Marks != MarkAmount {
		t.Errorf("the bank says another amount: %+v", got)
	}
}

// What a person rejected because only a text told of it is money again once the bank does. A bank's own stays rejected.
func TestRejectedComesBackByABankOnly(t *testing.T) {
	fact := func(minor int64, strength evidence.Strength) evidence.Fact {
		return evidence.Fact{Amount: rupees(minor), AccountID: 1, OccurredAt: claimedAt, Strength: strength}
	}
	rejected := Transfer{ID: 1}.Apply(fact(500, evidence.StrengthWeak), claimedAt)
	rejected.State = Rejected
	if got := rejected.Apply(fact(500, evidence.StrengthWeak), claimedAt); got.State != Rejected {
		t.Errorf("another text: %+v", got)
	}
	if got := rejected.Apply(fact(700, evidence.StrengthAny), claimedAt); got.State != Observed || got.Amount != rupees(700) {
		t.Errorf("the bank: %+v", got)
	}
	rejected.Strength = evidence.StrengthSMS
	if got := rejected.Apply(fact(500, evidence.StrengthAny), claimedAt); got.State != Rejected || got.Amount != rupees(500) {
		t.Errorf("a bank's own that was rejected: %+v", got)
	}
}

// A person's release overrules what was known. What contradicts the released transfer afterwards counts anew.
func TestReleaseOverrulesWhatWasKnown(t *testing.T) {
	fact := func(minor, account int64) evidence.Fact {
		return evidence.Fact{Amount: rupees(minor), AccountID: account, OccurredAt: claimedAt, Strength: evidence.StrengthAny}
	}
	start := Transfer{ID: 1}.Apply(fact(500, 1), claimedAt)
	conflict := start.Apply(fact(600, 1), claimedAt)
	if conflict.State != Quarantined || conflict.Marks != MarkAmount {
		t.Fatalf("%+v", conflict)
	}
	released := conflict.Release()
	if released.State != Observed || released.Released != MarkAmount || released.Amount != rupees(500) {
		t.Fatalf("%+v", released)
	}
	for name, test := range map[string]struct {
		got  Transfer
		want TransferState
	}{
		"the same again":      {released.Apply(fact(500, 1), claimedAt), Observed},
		"a lower amount":      {released.Apply(fact(400, 1), claimedAt), Quarantined},
		"the other amount":    {released.Apply(fact(600, 1), claimedAt), Quarantined},
		"another account":     {released.Apply(fact(500, 2), claimedAt), Quarantined},
		"our own money":       {released.Apply(evidence.Fact{Amount: rupees(500), AccountID: 1, OccurredAt: claimedAt, Internal: true}, claimedAt), Internal},
		"taken back":          {released.Reverse(), Reversed},
		"released once again": {released.Reverse().Release(), Observed},
	} {
		if test.got.State != test.want {
			t.Errorf("%s: %s, want %s (%+v)", name, test.got.State, test.want, test.got)
		}
	}
	credited := released
	credited.State = Credited
	if got := credited.Apply(fact(600, 1), claimedAt); got.State != Disputed || got.Amount != rupees(500) {
		t.Errorf("contradicted after release and credit: %+v", got)
	}
	disputed := credited.Reverse()
	if got := disputed.Release(); disputed.State != Disputed || got.State != Credited {
		t.Errorf("a disputed credit, released: %s, %s", disputed.State, got.State)
	}
	if got := (Transfer{State: Rejected}).Apply(fact(1, 1), claimedAt).Reverse(); got.State != Rejected {
		t.Errorf("what a person rejected stays rejected, got %s", got.State)
	}
}

func TestOnBooks(t *testing.T) {
	off := map[TransferState]bool{TransferNew: true, Reversed: true, Rejected: true}
	for _, s := range transferStates {
		if s.OnBooks() == off[s] {
			t.Errorf("%q on books: %t", s, s.OnBooks())
		}
	}
}

// What a person released is reversed again by the bank's next word.
func TestReverseAfterRelease(t *testing.T) {
	for _, before := range []TransferState{Observed, Credited} {
		reversed := Transfer{ID: 1, State: before}.Reverse()
		if again := reversed.Release().Reverse(); again != reversed {
			t.Errorf("%s: got %+v, want %+v", before, again, reversed)
		}
	}
}
