// Package deposit decides which claims are credited: claims, transfers, and the matching rules as one table
// (match.go). It is pure: functions of values, without clock or database.
package deposit

import (
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

// Numbers of stored things.
type (
	ClaimID     int64
	TransferID  int64
	ReferenceID int64
	AccountID   int64 // receiving account
	ID          int64 // deposit, the wire's stockpiling_id
)

// State of a claim.
type State string

// The states of a claim. Accepted, Refused, Expired and Withdrawn are terminal.
const (
	New       State = "" // not stored yet
	Waiting   State = "waiting"
	Held      State = "held"
	Accepted  State = "accepted"
	Refused   State = "refused"
	Expired   State = "expired"
	Withdrawn State = "withdrawn"
)

// moves lists every move of a claim that exists.
var moves = map[State][]State{
	New:     {Waiting, Held, Accepted, Refused},
	Waiting: {Held, Accepted, Refused, Expired, Withdrawn},
	Held:    {Accepted, Refused},
}

// CanMove reports whether a claim may go from one state to another.
func CanMove(from, to State) bool {
	for _, state := range moves[from] {
		if state == to {
			return true
		}
	}
	return false
}

// Live claims may still be credited.
func (s State) Live() bool { return s == Waiting || s == Held }

// Limits of corrections and tries.
const (
	// MaxCorrections bounds how often number or amount of one order may be corrected (protocol section 4).
	MaxCorrections = 5
	// MaxMismatches bounds the amounts one payer may try on one number before everything on it is held.
	MaxMismatches = 3
)

// Claim says that a transaction number belongs to a payer's order.
type Claim struct {
	ID          ClaimID
	MerchantID  merchant.ID
	OrderID     string
	Payer       string
	Method      string
	ReferenceID ReferenceID // 0: the number has the wrong shape
	Given       string      // the number, normalised when its shape is right, else as it came
	Amount      money.Money
	State       State
	Reason      Reason
	// UntilEvidence marks a hold that new evidence may end by itself.
	UntilEvidence bool
	Corrections   int
	// Told marks an expired claim whose merchant has been answered fail.
	Told      bool
	CreatedAt time.Time
	DecidedAt time.Time
	ExpiresAt time.Time
}

// SamePayer reports whether both claims are of one payer: merchant and label.
func (c Claim) SamePayer(other Claim) bool {
	return c.MerchantID == other.MerchantID && c.Payer == other.Payer
}

// SameContent reports whether a repeated request says the same, after normalisation.
func (c Claim) SameContent(other Claim) bool {
	return c.SamePayer(other) && c.OrderID == other.OrderID && c.Method == other.Method && c.Given == other.Given && c.Amount == other.Amount
}

// Corrects reports whether c differs from the stored claim in number or amount only.
func (c Claim) Corrects(stored Claim) bool {
	return c.SamePayer(stored) && c.OrderID == stored.OrderID && c.Method == stored.Method && c.Amount.Currency == stored.Amount.Currency
}

// ExpiredAt reports whether a waiting claim's time is over.
func (c Claim) ExpiredAt(now time.Time) bool { return c.State == Waiting && !now.Before(c.ExpiresAt) }

// Contends reports that another payer's claim on the same reference can't be told from a theft: this one is live, or was
// until it was corrected by a link that anybody could have written. Else whoever knows an order could first take its number
// off it, and then claim it for himself.
func (c Claim) Contends(now time.Time) bool {
	return c.Live() && !c.ExpiredAt(now) || c.State == Withdrawn && c.Reason == ReasonCorrectedOpenly && now.Before(c.ExpiresAt)
}

// TransferState is the state of money seen on a receiving account.
type TransferState string

// The states of a transfer. Only Observed can be credited.
const (
	TransferNew TransferState = ""
	Observed    TransferState = "observed"
	Credited    TransferState = "credited"
	Quarantined TransferState = "quarantined" // observations contradict each other
	Internal    TransferState = "internal"    // the payer is one of our accounts
	Reversed    TransferState = "reversed"    // the bank took it back
	Rejected    TransferState = "rejected"    // a person found that it isn't real
	Disputed    TransferState = "disputed"    // credited, and evidence against it came later
)

var transferMoves = map[TransferState][]TransferState{
	TransferNew: {Observed, Quarantined, Internal, Reversed},
	Observed:    {Credited, Quarantined, Internal, Reversed, Rejected},
	Quarantined: {Observed, Internal, Reversed, Rejected},
	Internal:    {Observed, Quarantined, Reversed, Rejected},
	Reversed:    {Observed, Quarantined, Rejected},
	Credited:    {Disputed},
	Disputed:    {Credited},
	Rejected:    {Observed, Quarantined, Internal, Reversed}, // what was weak, once a bank tells of it
}

// CanMoveTransfer reports whether a transfer may go from one state to another.
func CanMoveTransfer(from, to TransferState) bool {
	for _, state := range transferMoves[from] {
		if state == to {
			return true
		}
	}
	return false
}

// Mark is something that speaks against crediting a transfer by itself. Marks are bits, stored for ever.
type Mark int

// The marks.
const (
	MarkAmount   Mark = 1 // observations differ in the amount
	MarkAccount  Mark = 2 // observations differ in the account
	MarkReversed Mark = 4
	MarkInternal Mark = 8
)

// Transfer is money seen on a receiving account under one reference.
type Transfer struct {
	ID          TransferID
	ReferenceID ReferenceID
	AccountID   AccountID
	Amount      money.Money
	OccurredAt  time.Time
	Precision   evidence.Precision
	Strength    evidence.Strength
	Payer       string
	Marks       Mark
	Released    Mark // marks that a person overruled
	State       TransferState
	ObservedAt  time.Time
}

// StateOf is the state that marks give an uncredited transfer.
func StateOf(marks, released Mark) TransferState {
	switch open := marks &^ released; {
	case open&(MarkAmount|MarkAccount) != 0:
		return Quarantined
	case open&MarkReversed != 0:
		return Reversed
	case open&MarkInternal != 0:
		return Internal
	}
	return Observed
}

// Live claims may still be credited.
func (c Claim) Live() bool { return c.State.Live() }
