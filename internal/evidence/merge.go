package evidence

import (
	"cmp"
	"strings"
	"time"

	"github.com/galla-gateway/galla/money"
)

// Fact is what one observation says about the transfer of a reference.
type Fact struct {
	Amount     money.Money
	AccountID  int64 // receiving account
	OccurredAt time.Time
	Precision  Precision
	Payer      string
	Strength   Strength
	Reversed   bool // the bank took it back
	Internal   bool // the payer is one of our accounts
}

// Observed is what all observations of a reference say together. It depends on the set of the observations only, not on
// their order or on how often each came (invariant E-2).
type Observed struct {
	Fact
	Quarantined bool   // observations contradict each other; never claimable by itself
	Conflict    string // what differs: "", "amount", "account" or "amount,account"
}

// Conflicts, as parts of Observed.Conflict.
const (
	ConflictAmount  = "amount"
	ConflictAccount = "account"
)

// Observe is the Observed of a single observation. Its time is cut to microseconds UTC, as it is stored.
func Observe(f Fact) Observed {
	f.OccurredAt = microseconds(f.OccurredAt)
	return Observed{Fact: f}
}

// Outweighs reports whether an observation of strength a silences one of strength b. Anybody may send a phone a text or
// choose the name that an app shows; such weak evidence says nothing against a bank's.
func (a Strength) Outweighs(b Strength) bool { return b == StrengthWeak && a > StrengthWeak }

// Merge joins two observed sets. It is commutative, associative and idempotent: where amounts or accounts differ the
// result is quarantined and has the smallest amount and the lowest account; the more precise time wins, then the
// earlier; a payer that is a VPA wins over a name, a longer text over a shorter, then the first by bytes; strength is
// the greatest; reversed and internal stay once said. Beside evidence that is more than weak, weak evidence counts for
// nothing.
func Merge(a, b Observed) Observed {
	switch {
	case a.Strength.Outweighs(b.Strength):
		return a.over(b)
	case b.Strength.Outweighs(a.Strength):
		return b.over(a)
	}
	amountDiffers := a.Amount != b.Amount || conflictHas(a, ConflictAmount) || conflictHas(b, ConflictAmount)
	accountDiffers := a.AccountID != b.AccountID || conflictHas(a, ConflictAccount) || conflictHas(b, ConflictAccount)
	merged := Observed{Fact: Fact{
		Amount:    smallestAmount(a.Amount, b.Amount),
		AccountID: min(a.AccountID, b.AccountID),
		Payer:     betterPayer(a.Payer, b.Payer),
		Strength:  max(a.Strength, b.Strength),
		Reversed:  a.Reversed || b.Reversed,
		Internal:  a.Internal || b.Internal,
	}}
	merged.OccurredAt, merged.Precision = betterTime(a.Fact, b.Fact)
	merged.Conflict = conflictText(amountDiffers, accountDiffers)
	merged.Quarantined = merged.Conflict != ""
	return merged
}

// over is the join with what doesn't count beside it. That the bank took the money back isn't known from observations of
// the credit, so it stays.
func (o Observed) over(silenced Observed) Observed {
	o.OccurredAt = microseconds(o.OccurredAt)
	o.Reversed = o.Reversed || silenced.Reversed
	return o
}

func conflictHas(o Observed, part string) bool { return strings.Contains(o.Conflict, part) }

func conflictText(amount, account bool) string {
	switch {
	case amount && account:
		return ConflictAmount + "," + ConflictAccount
	case amount:
		return ConflictAmount
	case account:
		return ConflictAccount
	}
	return ""
}

func smallestAmount(a, b money.Money) money.Money {
	if cmp.Or(cmp.Compare(a.Currency, b.Currency), cmp.Compare(a.Minor, b.Minor)) <= 0 {
		return a
	}
	return b
}

func betterPayer(a, b string) string {
	rank := func(payer string) int {
		switch {
		case payer == "":
			return 0
		case !strings.Contains(payer, "@"):
			return 1
		}
		return 2
	}
	if cmp.Or(cmp.Compare(rank(b), rank(a)), cmp.Compare(len(b), len(a)), cmp.Compare(a, b)) <= 0 {
		return a
	}
	return b
}

func microseconds(t time.Time) time.Time { return time.UnixMicro(t.UnixMicro()).UTC() }

// betterTime compares in UTC microseconds, which is what is stored, so that a stored Observed merges as a fresh one.
func betterTime(a, b Fact) (time.Time, Precision) {
	if a.Precision != b.Precision {
		if a.Precision < b.Precision {
			a = b
		}
	} else if b.OccurredAt.UnixMicro() < a.OccurredAt.UnixMicro() {
		a = b
	}
	return microseconds(a.OccurredAt), a.Precision
}
