package evidence

import (
	"time"

	"github.com/galla-gateway/galla/money"
)

// Message is one text that a phone received and passed on.
type Message struct {
	Sender     string    // SMS header or phone number; for app notifications what the forwarder gave
	Text       string    // as received, not normalised
	App        string    // Android package of an app notification ("notification" when not told), else ""
	Title      string    // title of an app notification, else ""
	ReceivedAt time.Time // when the phone got it, as its forwarder says; zero when it doesn't
	GivenTime  string    // the time exactly as given, part of the fingerprint
	Raw        []byte    // the bytes of this item

	// Problem is set when the item can't be taken (no text, too long …); Read then refuses it with this reason.
	Problem Reason
	Detail  string // a sentence for the person who sent it; only with Problem
}

// unnamedApp stands in Message.App for an app notification whose app is not told.
const unnamedApp = "notification"

// Structured is a transfer whose fields its sender named.
type Structured struct {
	Number     string // normalised for the rail
	Amount     money.Money
	OccurredAt time.Time // zero with PrecisionNone
	Precision  Precision
	Payer      string
	Note       string
	GivenTime  string // occurred_at exactly as given
}

// TransferItem is one element of a request with structured transfers: a Transfer, or the Reason why it is refused.
type TransferItem struct {
	Raw      []byte // the bytes of this item
	Transfer Structured
	Reason   Reason // "" when Transfer holds
	Detail   string // a sentence for the person who sent it; only with Reason
}
