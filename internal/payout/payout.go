// Package payout holds what is told to a bank or a provider about money that leaves, and what it answers. Pure: it neither
// calls anybody nor stores anything.
package payout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/galla-gateway/galla/money"
)

// Instruction is all that a rail is told. Nothing of it changes after the approval, which carries its Hash.
type Instruction struct {
	Reference     string
	Amount        money.Money
	AccountNumber string // 9 to 18 digits
	AccountName   string // letters and spaces, at most 30
	IFSC          string // 11 characters
}

// Hash is what an approval names: SHA-256 over all fields, in hexadecimal digits. Lengths go in, so that no two
// instructions read the same.
func (i Instruction) Hash() string {
	h := sha256.New()
	fmt.Fprintf(h, "galla.instruction.v1")
	for _, field := range []string{i.Reference, i.Amount.Text(), string(i.Amount.Currency), i.AccountNumber, i.AccountName, i.IFSC} {
		fmt.Fprintf(h, "|%d:%s", len(field), field)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Outcome is what is known of a payout.
type Outcome string

// The outcomes. Only Paid and Failed are final, and only where the bank said so in words that were understood.
const (
	// Sent: the bank has it and hasn't decided.
	Sent Outcome = "sent"
	// Paid: the beneficiary has the money.
	Paid Outcome = "paid"
	// Failed: the bank says that no money moved, or that it came back.
	Failed Outcome = "failed"
	// Unknown: no answer, or one that wasn't understood. The money may have moved.
	Unknown Outcome = "unknown"
	// Absent: the bank was asked and has nothing of that reference. It may still arrive there: what was sent may be under way.
	Absent Outcome = "absent"
)

// Limits of what is kept of an answer, in bytes.
const (
	maxText = 200
	maxRaw  = 4 << 10
)

// Answer is what a bank said of a payout.
type Answer struct {
	Outcome Outcome
	RailID  string    // the provider's id of the payout, "" if none
	UTR     string    // the bank's transaction number, "" unless Paid, and not always then
	Code    string    // the provider's own word for the state or the error
	Reason  string    // for people, never with a secret or a whole account number
	At      time.Time // when the bank says that it happened; zero: it doesn't
	Raw     []byte    // the answer itself, at most 4 KiB
	// Certain, with Failed: the bank's own books show that this payment left and came back. It need not be said for an hour.
	Certain bool
}

// Clip bounds an answer to what is kept.
func (a Answer) Clip() Answer {
	a.RailID, a.UTR, a.Code, a.Reason = clip(a.RailID), clip(a.UTR), clip(a.Code), clip(a.Reason)
	if len(a.Raw) > maxRaw {
		a.Raw = a.Raw[:maxRaw]
	}
	return a
}

func clip(text string) string {
	text = strings.ToValidUTF8(text, "")
	if len(text) <= maxText {
		return text
	}
	return strings.ToValidUTF8(text[:maxText], "")
}
