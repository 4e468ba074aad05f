package evidence

import (
	"time"

	"github.com/galla-gateway/galla/money"
)

// Outcome is what a message turned out to be.
type Outcome uint8

// The outcomes. Only Credit is money that can be claimed; OTP texts must not be stored at all.
const (
	Unparsed Outcome = iota // kept and shown; a later template may read it
	Credit                  // an incoming transfer with its reference
	Reversal                // the bank took a transfer back; ReversalOf names it
	Refused                 // not an incoming transfer; Reason says why
	OTP                     // a one-time password
)

var outcomeNames = [...]string{"unparsed", "credit", "reversal", "refused", "otp"}

func (o Outcome) String() string { return outcomeNames[o] }

// Precision is how exactly the time of a transfer is known. More is better.
type Precision uint8

// The precisions.
const (
	PrecisionNone  Precision = iota // the bank gave no time: OccurredAt is when the message was received
	PrecisionDay                    // the bank gave the day
	PrecisionExact                  // the bank gave the time
)

var precisionNames = [...]string{"none", "day", "exact"}

func (p Precision) String() string { return precisionNames[p] }

// Strength is how far an observation is believed on its own. More is stronger.
type Strength uint8

// The strengths.
const (
	StrengthWeak Strength = iota + 1 // unknown sender, or an app notification: never enough alone
	StrengthSMS                      // message from a header known for a bank: enough alone up to a limit
	StrengthAny                      // statement, structured transfer, payment provider: enough for any amount
)

var strengthNames = [...]string{"none", "weak", "sms", "any"}

func (s Strength) String() string { return strengthNames[s] }

// Reading is what a Reader found in a message.
type Reading struct {
	Outcome     Outcome
	Reason      Reason      // why it is refused or unparsed, else ""
	Number      string      // 12 digits on Credit, else ""
	Amount      money.Money // on Credit, and on no_reference where the text told it
	OccurredAt  time.Time   // UTC; see OccurredAt. Zero unless there is an amount
	Precision   Precision
	Payer       string      // VPA or name as the bank printed it, "" when it didn't
	Tail        string      // last digits of our account, as printed, "" when not printed
	Balance     money.Money // as printed after the credit, zero when it isn't; for people, decides nothing
	Bank        string      // name of the bank by header, else by template
	Template    string      // name of the template that read it; GenericTemplate for the generic one
	HeaderKnown bool        // the sender is a header known for a bank
	App         bool        // it is an app notification
	ReversalOf  string      // number named by a Reversal
}

// GenericTemplate is the name of the template that reads banks without a sample.
const GenericTemplate = "generic"

// Strength of the reading as evidence.
func (r Reading) Strength() Strength {
	if r.HeaderKnown && !r.App {
		return StrengthSMS
	}
	return StrengthWeak
}
