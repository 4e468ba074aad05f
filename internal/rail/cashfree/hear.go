package cashfree

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail/wire"
)

// errForged says that a webhook isn't Cashfree's, and no more: whoever sends it learns nothing.
var errForged = errors.New("cashfree: the webhook's signature is wrong or missing")

// events are the webhooks that tell of a transfer, by webhooks/webhooks-v2, with the statuses that a transfer may have in
// them. An event with another status is a mistake of somebody's, and one that isn't here can't be read: both are Unknown.
var events = map[string][]string{
	"TRANSFER_SUCCESS":      {"SUCCESS"},
	"TRANSFER_ACKNOWLEDGED": {"SUCCESS"}, // the beneficiary's bank confirmed
	"TRANSFER_FAILED":       {"FAILED"},
	"TRANSFER_REVERSED":     {"REVERSED"},
	"TRANSFER_REJECTED":     {"REJECTED", "MANUALLY_REJECTED"},
	"TRANSFER_APPROVED":     {"RECEIVED", "QUEUED", "PENDING"}, // by hand; it goes on from there
}

// Hear verifies the signature over the timestamp and the body as they came, and reads the body only then. Reference "" is
// an event of something else: a batch, a balance, a transfer made by hand.
//
// Webhooks come more than once, and in any order. The amount and the account aren't held against the instruction, which
// Hear isn't given.
func (r *Rail) Hear(header http.Header, body []byte) (reference string, answer payout.Answer, err error) {
	if !r.genuine(header.Values("x-webhook-signature"), header.Values("x-webhook-timestamp"), body) {
		return "", payout.Answer{}, errForged
	}
	var event struct {
		Type      string   `json:"type"`
		EventTime string   `json:"event_time"`
		Data      transfer `json:"data"`
	}
	if json.Unmarshal(body, &event) != nil || !strings.HasPrefix(event.Type, "TRANSFER_") {
		return "", payout.Answer{}, nil
	}
	t := event.Data
	if !wire.Ours(t.TransferID) || t.ID != "" && !id.MatchString(t.ID) {
		return "", payout.Answer{}, nil
	}
	answer = r.state(payout.Answer{Raw: r.wire.Scrub(body)}, t)
	// The samples have times without a zone, which tell no moment. One with a zone would.
	if at, err := time.Parse(time.RFC3339, event.EventTime); err == nil {
		answer.At = at.UTC()
	}
	if !slices.Contains(events[event.Type], t.Status) {
		answer.Outcome, answer.UTR = payout.Unknown, ""
		answer.Reason = r.wire.Text("the event " + event.Type + " came with the status " + t.Status)
	}
	return t.TransferID, answer.Clip(), nil
}

// genuine tells whether there is one signature and one timestamp and they are the body's: base64 of HMAC-SHA256 over the
// timestamp and the body, keyed with the client secret.
func (r *Rail) genuine(signatures, timestamps []string, body []byte) bool {
	if len(signatures) != 1 || len(timestamps) != 1 || timestamps[0] == "" {
		return false
	}
	if len(signatures[0]) != base64.StdEncoding.EncodedLen(sha256.Size) {
		return false // the decoder reads over the ends of lines
	}
	given, err := base64.StdEncoding.Strict().DecodeString(signatures[0])
	mac := hmac.New(sha256.New, []byte(r.hook.Reveal()))
	mac.Write([]byte(timestamps[0]))
	mac.Write(body)
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}
