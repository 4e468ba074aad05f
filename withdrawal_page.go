package galla

import (
	"time"

	"github.com/galla-gateway/galla/money"
)

// Withdrawal is a withdrawal as its merchant sees it.
type Withdrawal struct {
	ID            int64  // ours, the stockpiling_id of its postback
	WithdrawalID  string // the merchant's
	State         WithdrawalState
	Amount        money.Money
	Test          bool
	Label         string
	AccountNumber string // its last four digits
	IFSC          string
	UTR           string // the bank's number, once it is paid
	CreatedAt     time.Time
	EndedAt       time.Time // zero until it has ended
}

// WithdrawalState says how far a withdrawal is. Of the last two the merchant is told by postback.
type WithdrawalState string

// The states.
const (
	WithdrawalPending    WithdrawalState = "pending"    // taken on; it may be cancelled
	WithdrawalProcessing WithdrawalState = "processing" // a bank may have been told
	WithdrawalStatePaid  WithdrawalState = "paid"
	WithdrawalReturned   WithdrawalState = "returned" // refused, cancelled or failed: the amount is the merchant's again
)

// AppendJSON appends the withdrawal as it goes over the wire.
func (w Withdrawal) AppendJSON(b []byte) []byte {
	b = appendInt(append(b, '{'), "id", w.ID)
	b = appendMember(b, "withdrawal_id", w.WithdrawalID)
	b = appendMember(b, "state", string(w.State))
	b = append(w.Amount.AppendText(append(appendName(b, "amount"), '"')), '"')
	b = appendMember(b, "currency_code", string(w.Amount.Currency))
	b = appendBool(b, "test", w.Test)
	b = appendMember(b, "label", w.Label)
	b = appendMember(b, "account_number", w.AccountNumber)
	b = appendMember(b, "ifsc", w.IFSC)
	b = appendMember(b, "utr", w.UTR)
	b = appendMember(b, "created_at", w.CreatedAt.UTC().Format(time.RFC3339Nano))
	if w.EndedAt.IsZero() {
		b = append(appendName(b, "ended_at"), "null"...)
	} else {
		b = appendMember(b, "ended_at", w.EndedAt.UTC().Format(time.RFC3339Nano))
	}
	return append(b, '}')
}

// Numbers of withdrawals on a page.
const (
	DefaultWithdrawalLimit = 100
	MaxWithdrawalLimit     = 500
)

// WithdrawalPage is a part of a merchant's withdrawals, oldest first. To learn how each ended, read the events: what is
// taken on by several servers at once may appear before a page that was read already.
type WithdrawalPage struct {
	Withdrawals []Withdrawal
	Next        int64 // the id to go on behind
	More        bool  // there are others now
	Mode        Mode
	Merchant    string
}

// AppendJSON appends the page as it goes over the wire.
func (p WithdrawalPage) AppendJSON(b []byte) []byte {
	b = append(b, `{"withdrawals":[`...)
	for i, w := range p.Withdrawals {
		if i > 0 {
			b = append(b, ',')
		}
		b = w.AppendJSON(b)
	}
	b = appendInt(append(b, ']'), "next", p.Next)
	b = appendBool(b, "more", p.More)
	b = appendMember(b, "mode", string(p.Mode))
	return append(appendMember(b, "merchant", p.Merchant), '}')
}

// Balance is what a merchant has in one currency.
type Balance struct {
	Available money.Money // can be withdrawn
	Reserved  money.Money // set aside for withdrawals under way
}

// BalancePage are a merchant's balances.
type BalancePage struct {
	Balances []Balance
	Mode     Mode
	Merchant string
}

// AppendJSON appends the balances as they go over the wire.
func (p BalancePage) AppendJSON(b []byte) []byte {
	b = append(b, `{"balances":[`...)
	for i, v := range p.Balances {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(append(b, '{'), "currency_code", string(v.Available.Currency))
		b = append(v.Available.AppendText(append(appendName(b, "available"), '"')), '"')
		b = append(v.Reserved.AppendText(append(appendName(b, "reserved"), '"')), '"')
		b = append(b, '}')
	}
	b = appendMember(append(b, ']'), "mode", string(p.Mode))
	return append(appendMember(b, "merchant", p.Merchant), '}')
}
