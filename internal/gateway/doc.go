// Package gateway holds the verbs: every write of Galla is one of them, and each is load → decide → save in one
// transaction. The verbs take slices; what arrives while a transaction commits forms the next batch (group commit), so
// durable throughput grows with load and one request is a batch of one.
//
//	Offer     which wallet a payer is shown
//	Activate  claims: a payer's transaction number
//	Observe   evidence: what phones, statements and providers report
//	Resolve   a person's decision on a held claim or a quarantined transfer
//
// The decision itself is deposit.Judge; this package loads what it needs and saves what it says.
package gateway

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

// Limits of one process.
const (
	// MaxBatch is how many requests one transaction serves at most.
	MaxBatch = 100
	// MaxQueue is how many requests may wait for a transaction; more are answered 503.
	MaxQueue = 8192
)

// Faults that an edge answers with 503.
var (
	// ErrBusy: the queue is full. Nothing was decided.
	ErrBusy = errors.New("too many requests wait; repeat with the same id")
	// ErrUnknown: the database gave no clear answer in time. Repeat with the same id.
	ErrUnknown = errors.New("the outcome is unknown; repeat with the same id")
	// ErrClosed: the process is shutting down.
	ErrClosed = errors.New("shutting down; repeat with the same id")
)

// Refusal is an outcome that is the caller's fault. Its message is for the caller and holds nothing secret.
type Refusal struct {
	Code    string // machine-readable, such as not_found
	Message string
}

func (r *Refusal) Error() string { return r.Message }

func refuse(code, format string, args ...any) error {
	return &Refusal{Code: code, Message: fmt.Sprintf(format, args...)}
}

// ClaimRequest is one payer's claim, decoded and checked by an edge. The method exists and takes deposits, the amount's
// currency is the method's and the ids are within the limits of protocol section 4.
type ClaimRequest struct {
	MerchantID merchant.ID
	OrderID    string
	Payer      string
	Method     method.Method
	Key1       string // as the payer typed it
	Amount     money.Money
	From       netip.Addr // of the payer, where the payer asks and not the merchant's server; else zero
}

// ClaimResult is the truth about a claim at the moment of the answer.
type ClaimResult struct {
	ClaimID deposit.ClaimID // 0: nothing is stored
	State   deposit.State
	Reason  deposit.Reason
	Hint    method.Hint // for a number of the wrong shape
	Amount  money.Money // credited amount, when accepted
	Message string      // what a fail tells, "" otherwise
}

// Answer is the result on the wire.
func (r ClaimResult) Answer() galla.Answer {
	switch r.State {
	case deposit.Accepted:
		return galla.Answer{Status: galla.StatusOK, Amount: r.Amount}
	case deposit.Held:
		return galla.Answer{Status: galla.StatusPending}
	case deposit.Waiting:
		return galla.Answer{Status: galla.StatusPossible}
	}
	return galla.Answer{Status: galla.StatusFail, Message: r.Message}
}

// EvidenceItem is one observation, read and fingerprinted.
type EvidenceItem struct {
	SourceID    int64
	AccountID   deposit.AccountID // the receiving account that the source watches
	Fingerprint [32]byte
	Raw         []byte // as it came
	Sender      string
	ReceivedAt  time.Time // when we received it
	Outcome     evidence.Outcome
	Reason      evidence.Reason
	Rail        method.Rail
	Number      string // of the transfer, or of the reversed one
	Amount      money.Money
	OccurredAt  time.Time
	Precision   evidence.Precision
	Payer       string
	Strength    evidence.Strength
	Template    string
}

// EvidenceResult is what the sender of an item is told.
type EvidenceResult struct {
	EvidenceID int64              // 0: not stored (an OTP text)
	Status     EvidenceStatus     // created, duplicate, unparsed, refused
	Reason     evidence.Reason    // of unparsed and refused
	TransferID deposit.TransferID // of created and duplicate
	Reference  string             // likewise
	Amount     money.Money        // likewise
}

// EvidenceStatus is the member status of a result.
type EvidenceStatus string

// The statuses of protocol section 8.
const (
	EvidenceCreated   EvidenceStatus = "created"
	EvidenceDuplicate EvidenceStatus = "duplicate"
	EvidenceUnparsed  EvidenceStatus = "unparsed"
	EvidenceRefused   EvidenceStatus = "refused"
)

// Messages of fails. Those that would help a guesser are one text.
const (
	MessageRefused     = "The transaction could not be confirmed. Check the transaction number and the amount"
	MessageTooMany     = "Too many transactions are being checked"
	MessageExpired     = "The transfer was not seen in time. If you have paid, send the transaction number again or contact support"
	MessageOrderUsed   = "custom_transaction_id is already used for another transaction"
	MessageCorrections = "The transaction was corrected too often"
)

// failMessage is what a refused claim's merchant is told.
func failMessage(reason deposit.Reason) string {
	switch reason {
	case deposit.ReasonTooManyWaiting:
		return MessageTooMany
	case deposit.ReasonExpired:
		return MessageExpired
	}
	return MessageRefused
}
