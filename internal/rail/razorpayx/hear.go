package razorpayx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail/wire"
)

// errForged says that a webhook isn't RazorpayX's, and no more: whoever sends it learns nothing.
var errForged = errors.New("razorpayx: the webhook's signature is wrong or missing")

// events are the webhooks that tell of a payout, by webhooks/payouts, with the states that a payout may have in them. An
// event with another state is a mistake of somebody's, and one that isn't here can't be read: both are Unknown.
var events = map[string][]string{
	"payout.pending":   {"pending"},
	"payout.rejected":  {"rejected"},
	"payout.queued":    {"queued"},
	"payout.initiated": {"processing"},
	"payout.processed": {"processed"},
	"payout.reversed":  {"reversed"},
	"payout.failed":    {"failed"},
	"payout.updated":   {"pending", "queued", "scheduled", "processing", "processed", "reversed", "cancelled", "rejected", "failed"},
}

// Hear verifies the signature over the body as it came, and reads the body only then. Reference "" is an event of
// something else: a transaction, a downtime, a payout made by hand.
//
// Webhooks come more than once, and in any order. The amount and the account aren't held against the instruction, which
// Hear isn't given.
func (r *Rail) Hear(header http.Header, body []byte) (reference string, answer payout.Answer, err error) {
	if !r.genuine(header.Values("X-Razorpay-Signature"), body) {
		return "", payout.Answer{}, errForged
	}
	var event struct {
		Event   string `json:"event"`
		Payload struct {
			Payout struct {
				Entity entity `json:"entity"`
			} `json:"payout"`
		} `json:"payload"`
		CreatedAt int64 `json:"created_at"` // seconds since 1970
	}
	if json.Unmarshal(body, &event) != nil || !strings.HasPrefix(event.Event, "payout.") {
		return "", payout.Answer{}, nil
	}
	e := event.Payload.Payout.Entity
	if e.Entity != "payout" || !id.MatchString(e.ID) || !wire.Ours(e.ReferenceID) {
		return "", payout.Answer{}, nil
	}
	answer = payout.Answer{RailID: e.ID, Raw: r.wire.Scrub(body)}
	answer.Outcome, answer.Code, answer.Reason, answer.UTR = r.state(e)
	if event.CreatedAt > 0 && event.CreatedAt < maxSeconds {
		answer.At = time.Unix(event.CreatedAt, 0).UTC()
	}
	if !slices.Contains(events[event.Event], e.Status) {
		answer.Outcome, answer.UTR = payout.Unknown, ""
		answer.Reason = r.wire.Text("the event " + event.Event + " came with the state " + e.Status)
	}
	return e.ReferenceID, answer.Clip(), nil
}

// maxSeconds is the year 2200. A later time is none.
const maxSeconds = 7_258_118_400

// genuine tells whether there is one signature and it is the body's: hexadecimal HMAC-SHA256 keyed with the webhook
// secret.
func (r *Rail) genuine(signatures []string, body []byte) bool {
	if r.hook == "" || len(signatures) != 1 {
		return false
	}
	given, err := hex.DecodeString(signatures[0])
	mac := hmac.New(sha256.New, []byte(r.hook.Reveal()))
	mac.Write(body)
	return err == nil && hmac.Equal(given, mac.Sum(nil))
}
