package deposit

import (
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

// RulesVersion is stored with every verdict. Raise it whenever a rule's meaning changes.
const RulesVersion = 1

const (
	// FutureTolerance is how far a bank's clock may run ahead before its time isn't believed.
	FutureTolerance = 10 * time.Minute
	// ShownTolerance forgives bank times that are cut to the minute.
	ShownTolerance = time.Minute
)

// Decision is what Judge says of a claim.
type Decision string

// The four decisions, in the wire's order: ok, pending, possible_transaction_created, fail.
const (
	Accept Decision = "accept"
	Hold   Decision = "hold"
	Wait   Decision = "wait"
	Refuse Decision = "refuse"
)

// State is the claim state that a decision leads to.
func (d Decision) State() State {
	return map[Decision]State{Accept: Accepted, Hold: Held, Wait: Waiting, Refuse: Refused}[d]
}

// Reason is the machine-readable cause of a verdict; it is stored and shown, never sent to a payer.
type Reason string

// The reasons of verdicts.
const (
	ReasonMatched        Reason = "matched"
	ReasonShape          Reason = "wrong_shape"
	ReasonCredited       Reason = "already_credited"
	ReasonUnclaimable    Reason = "not_claimable" // internal, reversed or rejected
	ReasonQuarantined    Reason = "quarantined"
	ReasonDisputed       Reason = "account_disputed"
	ReasonContested      Reason = "another_payer"
	ReasonNoTransfer     Reason = "no_transfer"
	ReasonTooManyWaiting Reason = "too_many_waiting"
	ReasonNeverShown     Reason = "never_shown"
	ReasonPaidLater      Reason = "paid_after_claim"
	ReasonFuture         Reason = "paid_in_future"
	ReasonTooOld         Reason = "paid_too_early"
	ReasonWeakEvidence   Reason = "evidence_too_weak"
	ReasonMismatch       Reason = "amount_mismatch"
	ReasonTooManyAmounts Reason = "too_many_amounts"
	ReasonLimit          Reason = "over_limit"
	ReasonRecovery       Reason = "recovery"
	ReasonStopped        Reason = "money_stopped" // the books don't hold, and a person hasn't resumed yet
	ReasonExpired        Reason = "expired"
	ReasonCorrected      Reason = "corrected"
	// ReasonCorrectedOpenly: corrected by a link that anybody could have written.
	ReasonCorrectedOpenly Reason = "corrected_openly"
	ReasonOtherAccepted   Reason = "other_claim_accepted"
	ReasonPerson          Reason = "decided_by_person"
)

// Facts is all that a verdict depends on. What Judge isn't given can't matter.
type Facts struct {
	Now   time.Time
	Claim Claim
	// Transfer on the claim's reference, nil when none was seen.
	Transfer *Transfer
	// Fits: the transfer's account has a wallet of the claim's method and currency that serves its merchant.
	Fits bool
	// Contested: another payer's claim on the reference contends, see Claim.Contends.
	Contested bool
	// Mismatches is how many other claims on this reference named a wrong amount.
	Mismatches int
	// Waiting is how many other claims of this payer wait.
	Waiting int
	// Shared: the account serves several merchants. ShownAt is when this payer was first shown a wallet of it, zero if never.
	Shared  bool
	ShownAt time.Time
	// Disputed: a credited transfer of the account is disputed, so nothing on it is credited by itself.
	Disputed bool
	// OverLimit names the first daily limit that this credit would pass, "" for none.
	OverLimit string
	// Recovery: the installation was restored from a backup and a person hasn't ended recovery yet.
	Recovery bool
	// Stopped: the oracle found the books wrong and a person hasn't resumed yet.
	Stopped bool
	Policy  merchant.Policy
}

// Verdict is a decision with the rule that made it.
type Verdict struct {
	Decision Decision
	Rule     int // number of the rule in the table
	Reason   Reason
	// UntilEvidence marks a Hold that more evidence ends by itself.
	UntilEvidence bool
}

// rule is one line of the table. The first whose condition holds decides.
type rule struct {
	number        int
	reason        Reason
	decision      func(f *Facts) Decision
	untilEvidence bool
	applies       func(f *Facts) bool
}

// rules are THE MATCHING RULES, in order. Rule 1 (the order id is known) and rule 2 (the number's shape is wrong) need
// no transfer and are decided before: see Request. Numbers are stored with verdicts and explained in docs/matching.md.
var rules = []rule{
	{3, ReasonCredited, always(Refuse), false, func(f *Facts) bool {
		return f.Transfer != nil && (f.Transfer.State == Credited || f.Transfer.State == Disputed)
	}},
	{3, ReasonUnclaimable, always(Refuse), false, func(f *Facts) bool {
		return f.Transfer != nil && f.Fits && (f.Transfer.State == Internal || f.Transfer.State == Reversed || f.Transfer.State == Rejected)
	}},
	{4, ReasonQuarantined, always(Hold), true, func(f *Facts) bool {
		return f.Transfer != nil && f.Transfer.State == Quarantined && (f.Fits || f.Transfer.Marks&MarkAccount != 0)
	}},
	{5, ReasonContested, always(Hold), false, func(f *Facts) bool { return f.Contested }},
	{6, ReasonTooManyWaiting, always(Refuse), false, func(f *Facts) bool {
		return !f.fitting() && f.Claim.State == New && f.Waiting >= f.Policy.WaitingLimit
	}},
	{6, ReasonNoTransfer, always(Wait), false, func(f *Facts) bool { return !f.fitting() }},
	{7, ReasonNeverShown, always(Hold), false, func(f *Facts) bool {
		return (f.Shared || f.Policy.RequireOffer) && !f.shownBeforePayment()
	}},
	{8, ReasonPaidLater, always(Hold), false, func(f *Facts) bool {
		return f.Transfer.Precision == evidence.PrecisionExact && f.Transfer.OccurredAt.After(f.Claim.CreatedAt.Add(f.Policy.PaidAfter))
	}},
	{8, ReasonFuture, always(Hold), false, func(f *Facts) bool {
		return f.Transfer.OccurredAt.After(f.Now.Add(FutureTolerance))
	}},
	{9, ReasonTooOld, always(Hold), false, func(f *Facts) bool {
		return f.Transfer.OccurredAt.Before(f.Claim.CreatedAt.Add(-f.Policy.Window))
	}},
	{10, ReasonWeakEvidence, always(Hold), true, func(f *Facts) bool { return !f.enough() }},
	{10, ReasonDisputed, always(Hold), false, func(f *Facts) bool { return f.Disputed }},
	{11, ReasonTooManyAmounts, always(Hold), false, func(f *Facts) bool { return f.Mismatches >= MaxMismatches }},
	{11, ReasonMismatch, mismatch, false, func(f *Facts) bool {
		return f.Claim.Amount != f.Transfer.Amount && f.Policy.Mismatch != merchant.MismatchCredit
	}},
	{12, ReasonLimit, always(Hold), false, func(f *Facts) bool { return f.OverLimit != "" || f.outsideAmounts() }},
	{13, ReasonMatched, always(Accept), false, func(*Facts) bool { return true }},
}

// Judge decides one claim. It is the only brain: Activate, Observe, Resolve, Expire and the sweep all ask it.
func Judge(f Facts) Verdict {
	for i := range rules {
		r := &rules[i]
		if !r.applies(&f) {
			continue
		}
		v := Verdict{Decision: r.decision(&f), Rule: r.number, Reason: r.reason, UntilEvidence: r.untilEvidence}
		if f.Recovery && (v.Decision == Accept || v.Decision == Wait) {
			return Verdict{Decision: Hold, Rule: r.number, Reason: ReasonRecovery, UntilEvidence: false}
		}
		if f.Stopped && v.Decision == Accept {
			return Verdict{Decision: Hold, Rule: r.number, Reason: ReasonStopped, UntilEvidence: false}
		}
		return v
	}
	panic("deposit: the last rule always applies")
}

// JudgeShape is rule 2: a number of the wrong shape is refused before anything is looked up.
func JudgeShape() Verdict { return Verdict{Decision: Refuse, Rule: 2, Reason: ReasonShape} }

func always(d Decision) func(*Facts) Decision { return func(*Facts) Decision { return d } }

func mismatch(f *Facts) Decision {
	if f.Policy.Mismatch == merchant.MismatchRefuse {
		return Refuse
	}
	return Hold
}

// fitting: there is a transfer that a claim of this merchant, method and currency may have.
func (f *Facts) fitting() bool { return f.Transfer != nil && f.Fits }

// shownBeforePayment: the payer saw a wallet of the account before the money came. A day without a time counts as its
// end.
func (f *Facts) shownBeforePayment() bool {
	return !f.ShownAt.IsZero() && !f.ShownAt.After(f.Transfer.OccurredAt.Add(ShownTolerance))
}

// enough: the evidence suffices alone for the amount.
func (f *Facts) enough() bool {
	switch f.Transfer.Strength {
	case evidence.StrengthAny:
		return true
	case evidence.StrengthSMS:
		return f.Transfer.Amount.Minor <= f.Policy.SMSLimit
	}
	return false
}

// outsideAmounts: the observed amount is below the merchant's minimum or above its maximum.
func (f *Facts) outsideAmounts() bool {
	amount := f.Transfer.Amount.Minor
	return (f.Policy.Minimum > 0 && amount < f.Policy.Minimum) || (f.Policy.Maximum > 0 && amount > f.Policy.Maximum)
}

// CreditedAmount is what an accepted claim is credited: the observed amount, always (invariant M-4).
func CreditedAmount(t Transfer) money.Money { return t.Amount }
