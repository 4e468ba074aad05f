package withdrawal

import (
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

// FieldBalance is the member of an answer that says that a merchant's balance isn't enough.
const FieldBalance = "withdrawals_sum_amount"

// Facts are all that the decision depends on.
type Facts struct {
	Now     time.Time
	Amount  money.Money
	Policy  merchant.WithdrawalPolicy
	Test    bool // no balance is looked at, nobody approves
	Balance int64
	// What the merchant, and this beneficiary, took today in India, without what was refused, cancelled or given back.
	Today, PayeeToday int64
	// PayeeSince is when the merchant first asked for a payment to this account, zero when it is the first.
	PayeeSince time.Time
	// NoIMPS is why the bank can't be paid by IMPS, "" when it can or nobody knows.
	NoIMPS string
	// Recovery: the database was restored, and what was paid since the backup isn't known here.
	Recovery bool
}

// Verdict is the decision.
type Verdict struct {
	// Field and Message say why it isn't taken on. Message is "" when it is.
	Field, Message string
	Approvals      int       // different people that must say yes
	NotBefore      time.Time // nobody may approve it earlier
}

// Judge decides whether a withdrawal is taken on. The first rule that speaks against it is told.
func Judge(f Facts) Verdict {
	p := f.Policy
	text := func(minor int64) string { return money.Money{Minor: minor, Currency: f.Amount.Currency}.Text() }
	switch {
	case f.Amount.Minor < p.Minimum:
		return Verdict{Field: "amount", Message: fmt.Sprintf("amount is below the minimum of %s.", text(p.Minimum))}
	case p.Maximum > 0 && f.Amount.Minor > p.Maximum:
		return Verdict{Field: "amount", Message: fmt.Sprintf("amount is above the maximum of %s.", text(p.Maximum))}
	case f.NoIMPS != "":
		return Verdict{Field: "bank_details", Message: f.NoIMPS}
	case f.Test:
		return Verdict{}
	case p.DailyAmount > 0 && f.Today+f.Amount.Minor > p.DailyAmount:
		return Verdict{Field: "amount", Message: fmt.Sprintf("the withdrawals of today would be above the limit of %s.", text(p.DailyAmount))}
	case p.PayeeAmount > 0 && f.PayeeToday+f.Amount.Minor > p.PayeeAmount:
		return Verdict{Field: "amount", Message: fmt.Sprintf("the withdrawals of today to this account would be above the limit of %s.", text(p.PayeeAmount))}
	case f.Balance < f.Amount.Minor:
		return Verdict{Field: FieldBalance, Message: "Insufficient balance"}
	}
	v := Verdict{Approvals: Approvals(f.PayeeToday+f.Amount.Minor, p), NotBefore: f.Now}
	if f.Recovery {
		v.Approvals = 2
	}
	since := f.PayeeSince
	if since.IsZero() {
		since = f.Now
	}
	if until := since.Add(p.CoolOff); until.After(f.Now) {
		v.NotBefore = until
	}
	return v
}

// Approvals is how many different people must approve an amount: what an account gets in a day, so that to split it is of no
// use.
func Approvals(minor int64, p merchant.WithdrawalPolicy) int {
	switch {
	case minor <= p.AutoLimit:
		return 0
	case minor <= p.OneLimit:
		return 1
	}
	return 2
}
