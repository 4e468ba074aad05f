// Package sandbox is the rail on which nothing is paid: it answers by a script that the account number chooses, so that a
// merchant's developer can see each end of a withdrawal.
package sandbox

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/galla-gateway/galla/internal/payout"
)

// The last four digits of the account number choose the script; all others are paid at once.
const (
	EndFails        = "0001" // the bank refuses it
	EndPaidLate     = "0002" // no answer, then paid
	EndFailsLate    = "0003" // no answer, then failed
	EndStaysUnknown = "0004" // never an answer: two people must resolve it
	EndSlow         = "0005" // taken on, then paid
)

// Rail is the sandbox. It keeps nothing: the script and the reference say all.
type Rail struct{}

// Pay answers the first line of the script.
func (Rail) Pay(_ context.Context, i payout.Instruction) payout.Answer {
	switch script(i) {
	case EndFails:
		return failed
	case EndPaidLate, EndFailsLate, EndStaysUnknown:
		return silent
	case EndSlow:
		return payout.Answer{Outcome: payout.Sent, Code: "sandbox_taken", RailID: "sandbox-" + i.Reference}
	}
	return paid(i)
}

// Find answers the second line.
func (Rail) Find(_ context.Context, i payout.Instruction, _ string) payout.Answer {
	switch script(i) {
	case EndFails, EndFailsLate:
		return failed
	case EndStaysUnknown:
		return silent
	}
	return paid(i)
}

var (
	failed = payout.Answer{Outcome: payout.Failed, Code: "sandbox_failed", Reason: "The beneficiary's bank refused it (sandbox)"}
	silent = payout.Answer{Outcome: payout.Unknown, Code: "sandbox_silent", Reason: "No answer within the limit (sandbox)"}
)

func paid(i payout.Instruction) payout.Answer {
	return payout.Answer{Outcome: payout.Paid, Code: "sandbox_paid", RailID: "sandbox-" + i.Reference, UTR: utr(i.Reference)}
}

func script(i payout.Instruction) string {
	for _, end := range []string{EndFails, EndPaidLate, EndFailsLate, EndStaysUnknown, EndSlow} {
		if strings.HasSuffix(i.AccountNumber, end) {
			return end
		}
	}
	return ""
}

// utr is the number that the bank would have given: twelve digits, the same for a reference for ever.
func utr(reference string) string {
	sum := sha256.Sum256([]byte("galla.sandbox.utr|" + reference))
	const numbers = 1_000_000_000_000
	return fmt.Sprintf("%012d", binary.BigEndian.Uint64(sum[:8])%numbers)
}
