package deposit

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

var claimedAt = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func rupees(minor int64) money.Money { return money.Money{Minor: minor, Currency: money.INR} }

// good is a claim that nothing speaks against: paid a minute ago, seen in a statement, on an account of one merchant.
func good() Facts {
	return Facts{
		Now:   claimedAt,
		Claim: Claim{ID: 7, MerchantID: 1, Payer: "p", Amount: rupees(500_00), CreatedAt: claimedAt},
		Transfer: &Transfer{
			ID: 9, AccountID: 3, Amount: rupees(500_00), OccurredAt: claimedAt.Add(-time.Minute),
			Precision: evidence.PrecisionExact, Strength: evidence.StrengthAny, State: Observed,
		},
		Fits:   true,
		Policy: merchant.DefaultPolicy(),
	}
}

// against is one thing that speaks against a claim, and what the rules say when it is the only one.
type against struct {
	name    string
	happens func(*Facts)
	want    Verdict
	// excludes names what can't be at the same time: the state of a transfer, its time, the policy on amounts.
	excludes string
}

// everything that can speak against a claim, in the order in which the rules look at it.
var everything = []against{
	{"credited", func(f *Facts) { f.Transfer.State = Credited }, Verdict{Refuse, 3, ReasonCredited, false}, "state"},
	{"credited and disputed", func(f *Facts) { f.Transfer.State = Disputed }, Verdict{Refuse, 3, ReasonCredited, false}, "state"},
	{"our own money", func(f *Facts) { f.Transfer.State = Internal }, Verdict{Refuse, 3, ReasonUnclaimable, false}, "state"},
	{"taken back by the bank", func(f *Facts) { f.Transfer.State = Reversed }, Verdict{Refuse, 3, ReasonUnclaimable, false}, "state"},
	{"found unreal", func(f *Facts) { f.Transfer.State = Rejected }, Verdict{Refuse, 3, ReasonUnclaimable, false}, "state"},
	{"quarantined", func(f *Facts) { f.Transfer.State = Quarantined }, Verdict{Hold, 4, ReasonQuarantined, true}, "state"},
	{"another payer's claim", func(f *Facts) { f.Contested = true }, Verdict{Hold, 5, ReasonContested, false}, ""},
	{"never shown on a shared account", func(f *Facts) { f.Shared = true }, Verdict{Hold, 7, ReasonNeverShown, false}, "shown"},
	{"never shown where the merchant demands it", func(f *Facts) { f.Policy.RequireOffer = true }, Verdict{Hold, 7, ReasonNeverShown, false}, "shown"},
	{"paid long after the claim", func(f *Facts) {
		f.Transfer.OccurredAt, f.Now = f.Claim.CreatedAt.Add(time.Hour), f.Claim.CreatedAt.Add(2*time.Hour)
	}, Verdict{Hold, 8, ReasonPaidLater, false}, "time"},
	{"paid in the future", func(f *Facts) {
		f.Transfer.OccurredAt, f.Transfer.Precision = f.Now.Add(time.Hour), evidence.PrecisionDay
	}, Verdict{Hold, 8, ReasonFuture, false}, "time"},
	{"paid long before the claim", func(f *Facts) { f.Transfer.OccurredAt = f.Claim.CreatedAt.Add(-73 * time.Hour) },
		Verdict{Hold, 9, ReasonTooOld, false}, "time"},
	{"weak evidence", func(f *Facts) { f.Transfer.Strength = evidence.StrengthWeak }, Verdict{Hold, 10, ReasonWeakEvidence, true}, ""},
	{"a disputed account", func(f *Facts) { f.Disputed = true }, Verdict{Hold, 10, ReasonDisputed, false}, ""},
	{"three wrong amounts before", func(f *Facts) { f.Mismatches = 3 }, Verdict{Hold, 11, ReasonTooManyAmounts, false}, ""},
	{"a wrong amount, held", func(f *Facts) { f.Claim.Amount = rupees(499_00) }, Verdict{Hold, 11, ReasonMismatch, false}, "amounts"},
	{"a wrong amount, refused", func(f *Facts) {
		f.Claim.Amount, f.Policy.Mismatch = rupees(501_00), merchant.MismatchRefuse
	}, Verdict{Refuse, 11, ReasonMismatch, false}, "amounts"},
	{"over a daily limit", func(f *Facts) { f.OverLimit = "daily_amount" }, Verdict{Hold, 12, ReasonLimit, false}, ""},
	{"below the minimum", func(f *Facts) { f.Policy.Minimum = 500_01 }, Verdict{Hold, 12, ReasonLimit, false}, ""},
	{"above the maximum", func(f *Facts) { f.Policy.Maximum = 499_99 }, Verdict{Hold, 12, ReasonLimit, false}, ""},
}

func TestEachRuleAlone(t *testing.T) {
	if got := Judge(good()); got != (Verdict{Accept, 13, ReasonMatched, false}) {
		t.Fatalf("nothing speaks against it: %+v", got)
	}
	for _, a := range everything {
		f := good()
		a.happens(&f)
		if got := Judge(f); got != a.want {
			t.Errorf("%s: %+v, want %+v", a.name, got, a.want)
		}
	}
}

// The first rule that applies decides: whatever two things speak against a claim, the earlier one is told.
func TestTheFirstRuleDecides(t *testing.T) {
	pairs := 0
	for i, first := range everything {
		for _, second := range everything[i+1:] {
			if first.excludes != "" && first.excludes == second.excludes {
				continue
			}
			f := good()
			first.happens(&f)
			second.happens(&f)
			if got := Judge(f); got != first.want {
				t.Errorf("%s, and %s: %+v, want %+v", first.name, second.name, got, first.want)
			}
			pairs++
		}
	}
	if pairs < 140 {
		t.Errorf("only %d pairs were tried", pairs)
	}
}

// Rule 6: without a transfer that fits, nothing that is known of it, or would be, is told.
func TestNoFittingTransferWaits(t *testing.T) {
	wait := Verdict{Wait, 6, ReasonNoTransfer, false}
	for _, test := range []struct {
		name   string
		change func(*Facts)
		want   Verdict
	}{
		{"none was seen", func(f *Facts) { f.Transfer = nil }, wait},
		{"it is on an account of another merchant, method or currency", func(f *Facts) { f.Fits = false }, wait},
		{"internal elsewhere", func(f *Facts) { f.Fits, f.Transfer.State = false, Internal }, wait},
		{"reversed elsewhere", func(f *Facts) { f.Fits, f.Transfer.State = false, Reversed }, wait},
		{"quarantined for its amount elsewhere", func(f *Facts) {
			f.Fits, f.Transfer.State, f.Transfer.Marks = false, Quarantined, MarkAmount
		}, wait},
		{"quarantined because its account is in doubt: it may be this one", func(f *Facts) {
			f.Fits, f.Transfer.State, f.Transfer.Marks = false, Quarantined, MarkAccount
		}, Verdict{Hold, 4, ReasonQuarantined, true}},
		{"credited elsewhere", func(f *Facts) { f.Fits, f.Transfer.State = false, Credited }, Verdict{Refuse, 3, ReasonCredited, false}},
		{"never shown, but there is nothing to be shown", func(f *Facts) { f.Transfer, f.Policy.RequireOffer = nil, true }, wait},
		{"nine others wait", func(f *Facts) { f.Transfer, f.Waiting = nil, 9 }, wait},
		{"ten others wait", func(f *Facts) { f.Transfer, f.Waiting = nil, 10 }, Verdict{Refuse, 6, ReasonTooManyWaiting, false}},
		{"ten others wait, foreign transfer", func(f *Facts) { f.Fits, f.Waiting = false, 10 }, Verdict{Refuse, 6, ReasonTooManyWaiting, false}},
		{"ten others wait, but this one waits already", func(f *Facts) { f.Transfer, f.Waiting, f.Claim.State = nil, 10, Waiting }, wait},
		{"ten others wait, but it is there", func(f *Facts) { f.Waiting = 10 }, Verdict{Accept, 13, ReasonMatched, false}},
		{"another payer waits for it too", func(f *Facts) { f.Transfer, f.Contested = nil, true }, Verdict{Hold, 5, ReasonContested, false}},
		{"limit of two", func(f *Facts) { f.Transfer, f.Waiting, f.Policy.WaitingLimit = nil, 2, 2 }, Verdict{Refuse, 6, ReasonTooManyWaiting, false}},
	} {
		f := good()
		test.change(&f)
		if got := Judge(f); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// The last moment, amount and count that are accepted, and the first that aren't.
func TestBoundaries(t *testing.T) {
	accept := Verdict{Accept, 13, ReasonMatched, false}
	paid := func(after time.Duration) func(*Facts) {
		return func(f *Facts) {
			f.Transfer.OccurredAt, f.Now = f.Claim.CreatedAt.Add(after), f.Claim.CreatedAt.Add(time.Hour)
		}
	}
	shown := func(beforePayment time.Duration) func(*Facts) {
		return func(f *Facts) { f.Shared, f.ShownAt = true, f.Transfer.OccurredAt.Add(-beforePayment) }
	}
	sms := func(minor int64) func(*Facts) {
		return func(f *Facts) {
			f.Transfer.Strength, f.Transfer.Amount, f.Claim.Amount = evidence.StrengthSMS, rupees(minor), rupees(minor)
		}
	}
	for _, test := range []struct {
		name   string
		change func(*Facts)
		want   Verdict
	}{
		{"paid 10 min after the claim", paid(10 * time.Minute), accept},
		{"paid 10 min and a microsecond after", paid(10*time.Minute + time.Microsecond), Verdict{Hold, 8, ReasonPaidLater, false}},
		{"paid 11 min after by a bank that told the day only", func(f *Facts) {
			paid(11 * time.Minute)(f)
			f.Transfer.Precision = evidence.PrecisionDay
		}, accept},
		{"paid 11 min after by a bank that told no time", func(f *Facts) {
			paid(11 * time.Minute)(f)
			f.Transfer.Precision = evidence.PrecisionNone
		}, accept},
		{"a bank's clock 10 min ahead", func(f *Facts) { f.Transfer.OccurredAt = f.Now.Add(10 * time.Minute) }, accept},
		{"a bank's clock further ahead", func(f *Facts) {
			f.Transfer.OccurredAt, f.Policy.PaidAfter = f.Now.Add(10*time.Minute+time.Microsecond), time.Hour
		}, Verdict{Hold, 8, ReasonFuture, false}},
		{"paid 72 h before", paid(-72 * time.Hour), accept},
		{"paid 72 h and a microsecond before", paid(-72*time.Hour - time.Microsecond), Verdict{Hold, 9, ReasonTooOld, false}},
		{"a window of 1 h", func(f *Facts) { paid(-2 * time.Hour)(f); f.Policy.Window = time.Hour }, Verdict{Hold, 9, ReasonTooOld, false}},
		{"shown exactly when it was paid", shown(0), accept},
		{"shown a minute later: banks cut seconds off", shown(-time.Minute), accept},
		{"shown more than a minute later", shown(-time.Minute - time.Microsecond), Verdict{Hold, 7, ReasonNeverShown, false}},
		{"shown long before", shown(300 * 24 * time.Hour), accept},
		{"shown before, as the merchant demands", func(f *Facts) {
			f.Policy.RequireOffer, f.ShownAt = true, f.Transfer.OccurredAt.Add(-time.Second)
		}, accept},
		{"an SMS of ₹50,000.00", sms(50_000_00), accept},
		{"an SMS of ₹50,000.01", sms(50_000_01), Verdict{Hold, 10, ReasonWeakEvidence, true}},
		{"an SMS below a limit of its own", func(f *Facts) { sms(500_00)(f); f.Policy.SMSLimit = 500_00 }, accept},
		{"an SMS where none is trusted", func(f *Facts) { sms(1)(f); f.Policy.SMSLimit = 0 }, Verdict{Hold, 10, ReasonWeakEvidence, true}},
		{"a statement of any amount", func(f *Facts) { f.Transfer.Amount, f.Claim.Amount = rupees(9e15), rupees(9e15) }, accept},
		{"weak evidence of a paisa", func(f *Facts) {
			f.Transfer.Amount, f.Claim.Amount, f.Transfer.Strength = rupees(1), rupees(1), evidence.StrengthWeak
		}, Verdict{Hold, 10, ReasonWeakEvidence, true}},
		{"two wrong amounts before: the third try may be right", func(f *Facts) { f.Mismatches = 2 }, accept},
		{"a paisa less, where the merchant credits what came", func(f *Facts) {
			f.Claim.Amount, f.Policy.Mismatch = rupees(499_99), merchant.MismatchCredit
		}, accept},
		{"another currency is another amount", func(f *Facts) { f.Claim.Amount.Currency = money.BDT }, Verdict{Hold, 11, ReasonMismatch, false}},
		{"the minimum itself", func(f *Facts) { f.Policy.Minimum = 500_00 }, accept},
		{"the maximum itself", func(f *Facts) { f.Policy.Maximum = 500_00 }, accept},
	} {
		f := good()
		test.change(&f)
		if got := Judge(f); got != test.want {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// In recovery nothing is credited by itself and nothing is promised: what would be ok or possible is pending.
func TestRecoveryHoldsWhatWouldBeCreditedOrWait(t *testing.T) {
	f := good()
	f.Recovery = true
	if got := Judge(f); got != (Verdict{Hold, 13, ReasonRecovery, false}) {
		t.Errorf("a match: %+v", got)
	}
	f.Transfer = nil
	if got := Judge(f); got != (Verdict{Hold, 6, ReasonRecovery, false}) {
		t.Errorf("no transfer: %+v", got)
	}
	for _, a := range everything {
		f := good()
		f.Recovery = true
		a.happens(&f)
		if got := Judge(f); got != a.want {
			t.Errorf("%s: %+v, want %+v as ever", a.name, got, a.want)
		}
	}
}

func TestShapeIsRuleTwo(t *testing.T) {
	if got := JudgeShape(); got != (Verdict{Refuse, 2, ReasonShape, false}) {
		t.Errorf("%+v", got)
	}
}

func factsGenerator() *rapid.Generator[Facts] {
	return rapid.Custom(func(t *rapid.T) Facts {
		f := good()
		f.Fits = rapid.Bool().Draw(t, "fits")
		f.Contested = rapid.Bool().Draw(t, "contested")
		f.Mismatches = rapid.IntRange(0, 4).Draw(t, "mismatches")
		f.Waiting = rapid.IntRange(0, 11).Draw(t, "waiting")
		f.Shared = rapid.Bool().Draw(t, "shared")
		f.Disputed = rapid.Bool().Draw(t, "disputed")
		f.Recovery = rapid.Bool().Draw(t, "recovery")
		f.OverLimit = rapid.SampledFrom([]string{"", "", "daily_amount"}).Draw(t, "limit")
		f.Claim.State = rapid.SampledFrom([]State{New, Waiting, Held}).Draw(t, "claim")
		f.Claim.Amount = rupees(rapid.Int64Range(499_99, 500_01).Draw(t, "claimed"))
		if rapid.Bool().Draw(t, "shown") {
			f.ShownAt = claimedAt.Add(time.Duration(rapid.Int64Range(-3, 3).Draw(t, "shown at")) * time.Minute)
		}
		if rapid.Bool().Draw(t, "none") {
			f.Transfer = nil
			return f
		}
		f.Transfer.State = rapid.SampledFrom([]TransferState{Observed, Observed, Credited, Quarantined, Internal, Reversed, Rejected, Disputed}).Draw(t, "state")
		f.Transfer.OccurredAt = claimedAt.Add(time.Duration(rapid.Int64Range(-5000, 30).Draw(t, "paid")) * time.Minute)
		f.Transfer.Strength = rapid.SampledFrom([]evidence.Strength{evidence.StrengthWeak, evidence.StrengthSMS, evidence.StrengthAny}).Draw(t, "strength")
		f.Transfer.Precision = rapid.SampledFrom([]evidence.Precision{evidence.PrecisionNone, evidence.PrecisionDay, evidence.PrecisionExact}).Draw(t, "precision")
		return f
	})
}

// Whatever the facts: there is a verdict, a claim may go where it says, and nothing is accepted that must not be.
func TestJudgeNeverAcceptsWhatItMustNot(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		f := factsGenerator().Draw(t, "facts")
		v := Judge(f)
		if v.Reason == "" || v.Rule < 3 || v.Rule > 13 {
			t.Fatalf("%+v", v)
		}
		if to := v.Decision.State(); to != f.Claim.State && !CanMove(f.Claim.State, to) && !(f.Claim.State == Held && to == Waiting) {
			t.Fatalf("a %s claim can't become %s", f.Claim.State, to)
		}
		if v.UntilEvidence && v.Decision != Hold {
			t.Fatalf("only a hold waits for evidence: %+v", v)
		}
		if v.Decision != Accept {
			return
		}
		switch tr := f.Transfer; {
		case tr == nil, !f.Fits, tr.State != Observed, f.Contested, f.Recovery, f.Disputed, f.OverLimit != "", f.Mismatches > 2:
			t.Fatalf("accepted: %+v", f)
		case f.Claim.Amount != tr.Amount, tr.Strength == evidence.StrengthWeak, f.Shared && f.ShownAt.IsZero():
			t.Fatalf("accepted: %+v", f)
		}
	})
}
