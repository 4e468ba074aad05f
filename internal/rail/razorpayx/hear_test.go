package razorpayx

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
)

const heard = `{"entity":"event","event":"payout.processed","payload":{"payout":{"entity":{"id":"pout_00000000000001","entity":"payout",` +
	`"amount":70050,"currency":"INR","status":"processed","utr":"933815233814","reference_id":"GL00000000000007"}}},"created_at":1580119445}`

func sign(body, secret string) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	h := http.Header{}
	h.Set("X-Razorpay-Signature", hex.EncodeToString(mac.Sum(nil)))
	return h
}

// The signatures are by `openssl dgst -sha256 -hmac hook-secret`.
func TestSignatureVectors(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	for body, signature := range map[string]string{
		heard: "074ad540719140697e0eafe2b118d71533fe3fa4751be87b93d05187b6d961d2",
		`{"entity":"event","event":"payout.downtime.started"}`: "ffe73eb2c337877477a22784b45e30c618ffd259fed05ca279620476fedcead8",
	} {
		if _, _, err := r.Hear(http.Header{"X-Razorpay-Signature": {signature}}, []byte(body)); err != nil {
			t.Errorf("%s: %v", body, err)
		}
	}
}

func TestForgedIsRefused(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	right := sign(heard, hookSecret).Get("X-Razorpay-Signature")
	for name, h := range map[string]http.Header{
		"none": {}, "empty": {"X-Razorpay-Signature": {""}}, "other key": sign(heard, keySecret), "empty key": sign(heard, ""),
		"other body": sign(heard+" ", hookSecret), "cut": {"X-Razorpay-Signature": {right[:62]}}, "not hex": {"X-Razorpay-Signature": {"x" + right[1:]}},
		"two": {"X-Razorpay-Signature": {right, right}}, "longer": {"X-Razorpay-Signature": {right + "00"}},
	} {
		if reference, a, err := r.Hear(h, []byte(heard)); err == nil || reference != "" || a.Outcome != "" || strings.Contains(err.Error(), hookSecret) {
			t.Errorf("%s: %q, %+v, %v", name, reference, a, err)
		}
	}
	deaf, err := New(Config{KeyID: "rzp_live_1", Secret: keySecret, Account: "1"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := deaf.Hear(sign(heard, ""), []byte(heard)); err == nil {
		t.Error("without a webhook secret nobody is to be believed")
	}
}

func TestHear(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	event := func(name, status string, changes ...string) string {
		return strings.NewReplacer(append([]string{"payout.processed", name, `"status":"processed"`, `"status":"` + status + `"`}, changes...)...).Replace(heard)
	}
	for name, c := range map[string]struct {
		body      string
		reference string
		want      payout.Outcome
	}{
		"processed":        {heard, "GL00000000000007", payout.Paid},
		"pending":          {event("payout.pending", "pending"), "GL00000000000007", payout.Sent},
		"queued":           {event("payout.queued", "queued"), "GL00000000000007", payout.Sent},
		"initiated":        {event("payout.initiated", "processing"), "GL00000000000007", payout.Sent},
		"rejected":         {event("payout.rejected", "rejected"), "GL00000000000007", payout.Failed},
		"reversed":         {event("payout.reversed", "reversed"), "GL00000000000007", payout.Failed},
		"failed":           {event("payout.failed", "failed"), "GL00000000000007", payout.Failed},
		"updated":          {event("payout.updated", "processed"), "GL00000000000007", payout.Paid},
		"updated late":     {event("payout.updated", "reversed"), "GL00000000000007", payout.Failed},
		"contradiction":    {event("payout.failed", "processed"), "GL00000000000007", payout.Unknown},
		"new event":        {event("payout.settled", "processed"), "GL00000000000007", payout.Unknown},
		"new state":        {event("payout.updated", "settled"), "GL00000000000007", payout.Unknown},
		"made by hand":     {event("payout.processed", "processed", `"GL00000000000007"`, `null`), "", ""},
		"another's":        {event("payout.processed", "processed", `GL00000000000007`, `Acme 12345`), "", ""},
		"downtime":         {`{"event":"payout.downtime.started","payload":{"payout.downtime":{"entity":{"id":"poutdown_1"}}}}`, "", ""},
		"transaction":      {event("transaction.created", "processed"), "", ""},
		"link":             {event("payout_link.issued", "processed"), "", ""},
		"no payout":        {event("payout.processed", "processed", `"entity":"payout"`, `"entity":"x"`), "", ""},
		"odd id":           {event("payout.processed", "processed", `pout_0`, `../0`), "", ""},
		"not JSON":         {"hello", "", ""},
		"something behind": {heard + "{}", "", ""},
		"amount not whole": {event("payout.processed", "processed", `70050`, `700.50`), "", ""},
	} {
		reference, a, err := r.Hear(sign(c.body, hookSecret), []byte(c.body))
		if err != nil || reference != c.reference || a.Outcome != c.want {
			t.Errorf("%s: %q, %+v, %v; want %q, %s", name, reference, a, err, c.reference, c.want)
		}
		if (a.UTR != "") != (c.want == payout.Paid) {
			t.Errorf("%s: UTR is %q", name, a.UTR)
		}
		if reference != "" && (!a.At.Equal(time.Unix(1580119445, 0)) || a.RailID != "pout_00000000000001") {
			t.Errorf("%s: %+v", name, a)
		}
	}
	if len(events) != 8 {
		t.Errorf("the table has %d events, this test knows 8", len(events))
	}
}

func TestTimesThatAreNone(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	for _, at := range []string{"0", "-1", "9999999999999"} {
		body := strings.Replace(heard, "1580119445", at, 1)
		if _, a, err := r.Hear(sign(body, hookSecret), []byte(body)); err != nil || !a.At.IsZero() {
			t.Errorf("%s: %v, %v", at, a.At, err)
		}
	}
}

// FuzzHear: what isn't signed is never read, and what is signed never panics nor tells a secret.
func FuzzHear(f *testing.F) {
	f.Add([]byte(heard), "074ad540719140697e0eafe2b118d71533fe3fa4751be87b93d05187b6d961d2")
	f.Add([]byte(`{"event":"payout.updated","payload":{"payout":{"entity":null}}}`), "")
	f.Add([]byte(`{"event":"payout.","payload":[]}`), "00")
	r, _ := open(f, reply{200, ""})
	f.Fuzz(func(t *testing.T, body []byte, signature string) {
		reference, a, err := r.Hear(http.Header{"X-Razorpay-Signature": {signature}}, body)
		if right := sign(string(body), hookSecret).Get("X-Razorpay-Signature"); !strings.EqualFold(signature, right) && (err == nil || reference != "" || a.Outcome != "") {
			t.Fatalf("read without a signature: %q, %+v", reference, a)
		}
		reference, a, err = r.Hear(sign(string(body), hookSecret), body)
		if err != nil || (reference == "") != (a.Outcome == "") || a.Outcome == payout.Absent || a.UTR != "" && a.Outcome != payout.Paid {
			t.Fatalf("%q, %+v, %v", reference, a, err)
		}
		secretless(t, a)
	})
}

// FuzzAnswer: whatever is answered, only ours is told as decided.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(paidBody()))
	f.Add(200, []byte(listBody(paidBody())))
	f.Add(200, []byte(listBody()))
	f.Add(200, []byte(`{"entity":"collection","count":0,"items":[]}`))
	f.Add(400, []byte(`{"error":{"code":"BAD_REQUEST_ERROR","description":"x","reason":null}}`))
	f.Add(502, []byte("<html>"))
	r, _ := open(f, reply{200, ""})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		judged := r.judge(replyOf(status, body), instruction, "")
		listed := r.judgeAll(replyOf(status, body), instruction)
		for _, a := range []payout.Answer{judged, listed} {
			decided := a.Outcome == payout.Paid || a.Outcome == payout.Failed || a.Outcome == payout.Sent
			if decided && (status != 200 || a.RailID == "" || !strings.Contains(string(body), "70050")) {
				t.Fatalf("HTTP %d %q is %+v", status, body, a)
			}
			if a.Outcome == payout.Unknown && a.Reason == "" || a.UTR != "" && a.Outcome != payout.Paid || len(a.Reason) > 200 {
				t.Fatalf("%+v", a)
			}
			secretless(t, a)
		}
		if judged.Outcome == payout.Absent || listed.Outcome == payout.Absent && status != 200 {
			t.Fatalf("HTTP %d %q is absent", status, body)
		}
	})
}
