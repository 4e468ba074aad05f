package statement

import "github.com/galla-gateway/galla/internal/payout"

// PayoutEntry is the row as it tells of a payout. references is how many payouts it names.
func (r Row) PayoutEntry(references int) payout.Entry {
	e := payout.Entry{
		Amount: r.Amount, Number: r.Number, Placed: r.Placed, At: r.OccurredAt, Given: r.GivenTime, Raw: []byte(r.Raw),
	}
	switch {
	case references > 1: // of which of them it is can't be told
	case r.Direction == Debit && !r.Reversal:
		e.Way = payout.Out
	case r.Direction == Credit && r.Reversal:
		e.Way = payout.Back
	case r.Direction == Credit:
		e.Way = payout.In
	}
	return e
}
