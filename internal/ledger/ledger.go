// Package ledger says which postings each business event makes. A posting moves a positive amount from one account to
// another, so every entry sums to zero (invariant M-1) by construction. Pure: ids and times come from the caller.
package ledger

import (
	"fmt"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

// AccountKind is what a ledger account stands for.
type AccountKind string

// The kinds. The owner of Receiving and Unclaimed is a receiving account, of the others a merchant.
const (
	Receiving AccountKind = "receiving" // the outside: money that came in makes it negative
	Unclaimed AccountKind = "unclaimed" // money seen that nobody has claimed yet
	Merchant  AccountKind = "merchant"  // what we owe a merchant
	Fees      AccountKind = "fees"      // what a merchant paid us
	Reserved  AccountKind = "reserved"  // what is set aside for withdrawals under way
	PaidOut   AccountKind = "paid_out"  // the outside: what withdrawals took there
	Treasury  AccountKind = "treasury"  // the outside: what a merchant brought in or was paid out by adjustments
)

// AccountKey names a ledger account by what it stands for.
type AccountKey struct {
	Kind     AccountKind
	OwnerID  int64
	Currency money.Currency
}

// EventKind is what an entry records. With the event's id it is unique in the database: no event is booked twice.
type EventKind string

// The events. The id of a transfer event is the transfer's or, for a revision, the evidence's that caused it.
const (
	EventTransfer        EventKind = "transfer"
	EventTransferRevised EventKind = "transfer_revised"
	EventDeposit         EventKind = "deposit"
	EventDepositFee      EventKind = "deposit_fee"
	EventWithdrawal      EventKind = "withdrawal"
	EventWithdrawalEnd   EventKind = "withdrawal_end"
	EventAdjustment      EventKind = "adjustment"
)

// Posting moves Amount from Source to Destination.
type Posting struct {
	Kind        EventKind
	EventID     int64
	Source      AccountKey
	Destination AccountKey
	Amount      money.Money
}

// Position is money of a receiving account as the books have it.
type Position struct {
	AccountID int64
	Amount    money.Money // zero: not on the books
}

// TransferObserved books money that was seen on a receiving account and that nobody has claimed.
func TransferObserved(transferID int64, p Position) []Posting {
	return []Posting{received(EventTransfer, transferID, p)}
}

// TransferRevised books that more evidence, or a person, changed what a transfer is: the old position is taken back
// and the new one booked. Nothing when both are the same.
func TransferRevised(eventID int64, before, after Position) []Posting {
	if before == after {
		return nil
	}
	var postings []Posting
	if before.Amount.Minor > 0 {
		back := received(EventTransferRevised, eventID, before)
		back.Source, back.Destination = back.Destination, back.Source
		postings = append(postings, back)
	}
	if after.Amount.Minor > 0 {
		postings = append(postings, received(EventTransferRevised, eventID, after))
	}
	return postings
}

func received(kind EventKind, eventID int64, p Position) Posting {
	return Posting{
		Kind: kind, EventID: eventID, Amount: p.Amount,
		Source:      AccountKey{Receiving, p.AccountID, p.Amount.Currency},
		Destination: AccountKey{Unclaimed, p.AccountID, p.Amount.Currency},
	}
}

// DepositCredited books one credit: the whole amount from unclaimed to the merchant, and the fee from the merchant.
func DepositCredited(depositID int64, from Position, to merchant.ID, fee money.Money) []Posting {
	owed := AccountKey{Merchant, int64(to), from.Amount.Currency}
	postings := []Posting{{
		Kind: EventDeposit, EventID: depositID, Amount: from.Amount,
		Source:      AccountKey{Unclaimed, from.AccountID, from.Amount.Currency},
		Destination: owed,
	}}
	if fee.Minor > 0 {
		postings = append(postings, Posting{
			Kind: EventDepositFee, EventID: depositID, Amount: fee,
			Source: owed, Destination: AccountKey{Fees, int64(to), fee.Currency},
		})
	}
	return postings
}

// Fee computes a merchant's fee on a credit: the share, half up to the minor unit, plus the fixed part, at most the
// whole credit.
func Fee(credit money.Money, fee merchant.Fee) (money.Money, error) {
	share, err := credit.Percent(fee.PPM)
	if err != nil {
		return money.Money{}, fmt.Errorf("fee: %w", err)
	}
	total, err := share.Add(money.Money{Minor: fee.Fixed, Currency: credit.Currency})
	if err != nil || total.Minor > credit.Minor {
		return credit, nil
	}
	return total, nil
}

// WithdrawalReserved books that an amount is set aside for a withdrawal: the merchant can't spend it twice.
func WithdrawalReserved(withdrawalID int64, of merchant.ID, amount money.Money) []Posting {
	return []Posting{{
		Kind: EventWithdrawal, EventID: withdrawalID, Amount: amount,
		Source: AccountKey{Merchant, int64(of), amount.Currency}, Destination: AccountKey{Reserved, int64(of), amount.Currency},
	}}
}

// WithdrawalEnded books the one end of a withdrawal: the reserved amount left, or is the merchant's again. Both are the
// same event, so the database takes only one of them.
func WithdrawalEnded(withdrawalID int64, of merchant.ID, amount money.Money, paid bool) []Posting {
	to := Merchant
	if paid {
		to = PaidOut
	}
	return []Posting{{
		Kind: EventWithdrawalEnd, EventID: withdrawalID, Amount: amount,
		Source: AccountKey{Reserved, int64(of), amount.Currency}, Destination: AccountKey{to, int64(of), amount.Currency},
	}}
}

// Adjusted books money that a merchant brought in beside deposits (in), or was paid out beside withdrawals.
func Adjusted(adjustmentID int64, of merchant.ID, amount money.Money, in bool) []Posting {
	from, to := AccountKey{Treasury, int64(of), amount.Currency}, AccountKey{Merchant, int64(of), amount.Currency}
	if !in {
		from, to = to, from
	}
	return []Posting{{Kind: EventAdjustment, EventID: adjustmentID, Amount: amount, Source: from, Destination: to}}
}
