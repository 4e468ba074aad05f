// Package rail is the way on which money leaves: one small interface, implemented for each provider in a package below.
package rail

import (
	"context"
	"net/http"

	"github.com/galla-gateway/galla/internal/payout"
)

// Rail hands payouts to a bank or a provider. Its methods may be called from many goroutines.
//
// An error is never returned: whatever goes wrong on the way is payout.Unknown with a Reason, since the money may have
// moved all the same. Payout.Failed is for words of the bank that can't mean anything else.
type Rail interface {
	// Pay hands over an instruction. However often it is called with the same Reference, the bank pays at most once: the
	// Reference is the idempotency key. Where the bank refused before it took anything on, that is payout.Failed.
	Pay(ctx context.Context, instruction payout.Instruction) payout.Answer
	// Find asks what became of an instruction. railID is what the bank called it, "" if it never said.
	Find(ctx context.Context, instruction payout.Instruction, railID string) payout.Answer
}

// Hearer is a Rail whose provider tells of changes by itself.
type Hearer interface {
	Rail
	// Hear verifies a webhook and reads it. An error says that it isn't the provider's; reference "" that it is, but tells of no payout.
	Hear(header http.Header, body []byte) (reference string, answer payout.Answer, err error)
}
