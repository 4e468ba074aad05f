package evidence

import "fmt"

// SourceKind is what a source sends and how. Its text is the word of `galla source add --kind`.
type SourceKind string

// The kinds of sources.
const (
	SourceTransfers  SourceKind = "transfers"                  // structured transfers (POST /evidence/v1/transfers)
	SourceSMS        SourceKind = "sms"                        // our own message endpoint
	SourceIncomeSMS  SourceKind = "android_income_sms_gateway" // android_income_sms_gateway_webhook
	SourceSMSGate    SourceKind = "smsgate"                    // SMS Gateway for Android
	SourceSMSForward SourceKind = "smsforwarder"               // SmsForwarder
)

// SourceKinds lists every kind, in the order help texts show them.
func SourceKinds() []SourceKind {
	return []SourceKind{SourceTransfers, SourceSMS, SourceIncomeSMS, SourceSMSGate, SourceSMSForward}
}

// ParseSourceKind reads the exact word of a kind.
func ParseSourceKind(text string) (SourceKind, error) {
	for _, kind := range SourceKinds() {
		if string(kind) == text {
			return kind, nil
		}
	}
	return "", fmt.Errorf("unknown kind of source %q; kinds are %v", text, SourceKinds())
}

// Messages reports whether sources of this kind send messages (free text) rather than structured transfers.
func (k SourceKind) Messages() bool { return k != SourceTransfers && k != "" }

// Limits of one request. What is over MaxBodyBytes is answered 413 and over MaxItems 422 as a whole; an item over one of
// the other limits is refused alone.
const (
	MaxBodyBytes     = 2 << 20
	MaxItems         = 500
	MaxTextBytes     = 2 << 10 // a message; a long SMS has at most 10 parts: 1530 letters, or 670 of other scripts
	MaxFieldChars    = 190     // sender, title, app, payer
	MaxNoteChars     = 1000
	maxJSONDepth     = 32
	maxObjectMembers = 64
)

// DecodeError says why a whole request was not taken. Message is safe to show to the sender.
type DecodeError struct {
	Status  int // 401, 413 or 422
	Message string
}

func (e *DecodeError) Error() string { return e.Message }
