package payout

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/galla-gateway/galla/money"
)

// Way is which way the money of a statement's row went.
type Way uint8

// The ways.
const (
	// Unclear: the row can't be read, or says two things.
	Unclear Way = iota
	// Out: money left the account.
	Out
	// In: money came in, without a word of the bank on why. A payer may have written our reference there.
	In
	// Back: money came in, and the row calls it a reversal.
	Back
)

// Entry is one row of a bank's statement that carries the reference of a payout.
type Entry struct {
	Way    Way
	Amount money.Money // above zero, whatever the way
	Number string      // the bank's, 12 digits; "" where none can be told
	Placed bool        // Number stands where only the bank writes
	At     time.Time
	Given  string // the date as it is printed
	Raw    []byte // the row as it is printed
}

// Codes of what statements say.
const (
	CodeDebited  = "debited"
	CodeReturned = "returned"
	CodeConflict = "conflict"
)

// Finding is what all rows of one reference say together. Outcome is "" when they say nothing of the payout.
type Finding struct {
	Answer
	// Conflict: the rows contradict the payout or each other, and nothing follows but that a person looks. Reason says why.
	Conflict bool
	// Back is the bank's number of what came back, by which it is the very payment that left. "" when that isn't certain.
	Back string
}

// ReadEntries tells what a statement says of a payout of this amount. The entries are all rows of one file with its reference,
// in whatever order: money that came back was never paid, so that a row alone says nothing.
func ReadEntries(entries []Entry, amount money.Money) Finding {
	var out, back, doubtful []Entry
	for i, e := range entries {
		switch {
		case slices.ContainsFunc(entries[:i], func(other Entry) bool { return bytes.Equal(e.Raw, other.Raw) }):
			// A file that was put together has rows twice. Of two payments the balance beside them differs.
		case e.Way == Unclear, e.Way == In && e.Amount != amount:
			doubtful = append(doubtful, e)
		case e.Amount != amount:
			return conflict(e, "the statement has %s, it is of %s", e.Amount, amount)
		case e.Way == Out:
			out = append(out, e)
		default:
			back = append(back, e)
		}
	}
	switch {
	case len(out)+len(back) == 0:
		return Finding{} // a payer may write whatever he likes
	case len(doubtful) > 0:
		return conflict(doubtful[0], "another row of the statement has its reference, too, and can't be read as its return")
	case len(out) > 1 || len(back) > 1:
		return conflict(slices.Concat(out, back)[0], "it left %d times and came back %d times by the statement", len(out), len(back))
	case len(back) == 0:
		return Finding{Answer: Answer{Outcome: Paid, UTR: out[0].Number, Code: CodeDebited, Reason: out[0].Given, At: out[0].At, Raw: out[0].Raw}}
	}
	came := back[0]
	found := Finding{Answer: Answer{Outcome: Failed, Code: CodeReturned, Reason: came.Given, At: came.At, Raw: came.Raw}}
	if len(out) == 0 {
		return found
	}
	found.Raw = slices.Concat(out[0].Raw, []byte("\n"), came.Raw)
	// Only the bank's own number ties the two together: payers may write what looks like a return, and a payout may be told
	// twice, of which one came back.
	if came.Placed && came.Number != "" && came.Number == out[0].Number {
		found.Certain, found.Back = true, came.Number
	}
	return found
}

func conflict(e Entry, format string, args ...any) Finding {
	return Finding{
		Answer:   Answer{Outcome: Unknown, Code: CodeConflict, Reason: fmt.Sprintf(format, args...), At: e.At, Raw: e.Raw},
		Conflict: true,
	}
}
