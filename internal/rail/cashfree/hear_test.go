package cashfree

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
)

const (
	heard = `{"data":{"transfer_id":"GL00000000000007","cf_transfer_id":"123456","status":"SUCCESS","status_code":"COMPLETED",` +
		`"transfer_amount":700.5,"transfer_utr":"933815233814"},"event_time":"2024-07-25T17:43:37","type":"TRANSFER_ACKNOWLEDGED"}`
	stamp = "1746427759733"
)

func sign(body, timestamp, secret string) http.Header {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + body))
	return signed(base64.StdEncoding.EncodeToString(mac.Sum(nil)), timestamp)
}

func signed(signature, timestamp string) http.Header {
	h := http.Header{}
	h.Set("x-webhook-signature", signature)
	h.Set("x-webhook-timestamp", timestamp)
	return h
}

// The signature is by `openssl dgst -sha256 -hmac client-secret -binary | base64` over the timestamp and the body.
func TestSignatureVector(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	reference, a, err := r.Hear(signed("gyeVahqq+fWXe1zJRr+TTQnL3MvpSk5Q2wZ2opHUTAI=", stamp), []byte(heard))
	if err != nil || reference != "GL00000000000007" || a.Outcome != payout.Paid {
		t.Errorf("%q, %+v, %v", reference, a, err)
	}
}

func TestForgedIsRefused(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	right := sign(heard, stamp, clientSecret).Get("x-webhook-signature")
	two := signed(right, stamp)
	two.Add("x-webhook-signature", right)
	stamps := signed(right, stamp)
	stamps.Add("x-webhook-timestamp", stamp)
	for name, h := range map[string]http.Header{
		"none": {}, "no timestamp": {"X-Webhook-Signature": {right}}, "empty timestamp": sign(heard, "", clientSecret),
		"no signature": {"X-Webhook-Timestamp": {stamp}}, "other key": sign(heard, stamp, "client-secret2"), "empty key": sign(heard, stamp, ""),
		"other time": signed(right, "1746427759734"), "other body": sign(heard+" ", stamp, clientSecret), "cut": signed(right[:40], stamp),
		"not base64": signed("!"+right[1:], stamp), "line": signed(right+"\n", stamp), "two": two, "two times": stamps,
		"key as hex": signed("832795", stamp),
	} {
		if reference, a, err := r.Hear(h, []byte(heard)); err == nil || reference != "" || a.Outcome != "" || strings.Contains(err.Error(), clientSecret) {
			t.Errorf("%s: %q, %+v, %v", name, reference, a, err)
		}
	}
}

func TestWebhookSecretOfItsOwn(t *testing.T) {
	r, err := New(Config{ClientID: "CF123", Secret: clientSecret, WebhookSecret: "oldest"})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := r.Hear(sign(heard, stamp, "oldest"), []byte(heard)); err != nil {
		t.Error(err)
	}
	if _, _, err := r.Hear(sign(heard, stamp, clientSecret), []byte(heard)); err == nil {
		t.Error("the other secret was taken")
	}
}

func TestHear(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	event := func(name, status, code string, changes ...string) string {
		return strings.NewReplacer(append([]string{"TRANSFER_ACKNOWLEDGED", name, `"SUCCESS"`, `"` + status + `"`, `"COMPLETED"`, `"` + code + `"`}, changes...)...).Replace(heard)
	}
	const ours = "GL00000000000007"
	for name, c := range map[string]struct {
		body      string
		reference string
		want      payout.Outcome
	}{
		"acknowledged":     {heard, ours, payout.Paid},
		"success":          {event("TRANSFER_SUCCESS", "SUCCESS", "COMPLETED"), ours, payout.Paid},
		"not confirmed":    {event("TRANSFER_SUCCESS", "SUCCESS", "SENT_TO_BENEFICIARY"), ours, payout.Sent},
		"failed":           {event("TRANSFER_FAILED", "FAILED", "IMPS_MODE_FAIL"), ours, payout.Failed},
		"reversed":         {event("TRANSFER_REVERSED", "REVERSED", "INVALID_ACCOUNT_FAIL"), ours, payout.Failed},
		"rejected":         {event("TRANSFER_REJECTED", "REJECTED", "INVALID_MODE_FOR_PYID"), ours, payout.Failed},
		"rejected by hand": {event("TRANSFER_REJECTED", "MANUALLY_REJECTED", ""), ours, payout.Failed},
		"approved":         {event("TRANSFER_APPROVED", "RECEIVED", "RECEIVED"), ours, payout.Sent},
		"contradiction":    {event("TRANSFER_FAILED", "SUCCESS", "COMPLETED"), ours, payout.Unknown},
		"new event":        {event("TRANSFER_SETTLED", "SUCCESS", "COMPLETED"), ours, payout.Unknown},
		"new status":       {event("TRANSFER_SUCCESS", "SETTLED", "COMPLETED"), ours, payout.Unknown},
		"new code":         {event("TRANSFER_SUCCESS", "SUCCESS", "HALF"), ours, payout.Unknown},
		"no id":            {event("TRANSFER_FAILED", "FAILED", "X", `"cf_transfer_id":"123456",`, ``), ours, payout.Failed},
		"odd id":           {event("TRANSFER_FAILED", "FAILED", "X", `"123456"`, `"../1"`), "", ""},
		"another's":        {event("TRANSFER_FAILED", "FAILED", "X", ours, `JUNOB2018`), "", ""},
		"batch":            {`{"data":{"batch_transfer_id":"b","status":"REJECTED"},"type":"BULK_TRANSFER_REJECTED"}`, "", ""},
		"balance":          {`{"data":{"amount":1},"type":"LOW_BALANCE_ALERT"}`, "", ""},
		"not JSON":         {"hello", "", ""},
		"something behind": {heard + "{}", "", ""},
	} {
		reference, a, err := r.Hear(sign(c.body, stamp, clientSecret), []byte(c.body))
		if err != nil || reference != c.reference || a.Outcome != c.want {
			t.Errorf("%s: %q, %+v, %v; want %q, %s", name, reference, a, err, c.reference, c.want)
		}
		if (a.UTR != "") != (c.want == payout.Paid) || !a.At.IsZero() {
			t.Errorf("%s: UTR is %q, at %v", name, a.UTR, a.At)
		}
	}
	if len(events) != 6 {
		t.Errorf("the table has %d events, this test knows 6", len(events))
	}
}

func TestTimeWithAZone(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	body := strings.Replace(heard, "17:43:37", "17:43:37+05:30", 1)
	if _, a, _ := r.Hear(sign(body, stamp, clientSecret), []byte(body)); !a.At.Equal(time.Date(2024, 7, 25, 12, 13, 37, 0, time.UTC)) {
		t.Errorf("it was at %v", a.At)
	}
}

// FuzzHear: what isn't signed is never read, and what is signed never panics nor tells the secret.
func FuzzHear(f *testing.F) {
	f.Add([]byte(heard), stamp, "gyeVahqq+fWXe1zJRr+TTQnL3MvpSk5Q2wZ2opHUTAI=")
	f.Add([]byte(`{"data":null,"type":"TRANSFER_SUCCESS"}`), "1", "")
	f.Add([]byte(`{"data":[],"type":"TRANSFER_"}`), "1", "AA==")
	r, _ := open(f, reply{200, ""})
	f.Fuzz(func(t *testing.T, body []byte, timestamp, signature string) {
		right := sign(string(body), timestamp, clientSecret)
		reference, a, err := r.Hear(signed(signature, timestamp), body)
		if signature != right.Get("x-webhook-signature") && (err == nil || reference != "" || a.Outcome != "") {
			t.Fatalf("read without a signature: %q, %+v", reference, a)
		}
		reference, a, err = r.Hear(right, body)
		if (err != nil) != (timestamp == "") || (reference == "") != (a.Outcome == "") || a.Outcome == payout.Absent || a.UTR != "" && a.Outcome != payout.Paid {
			t.Fatalf("%q, %+v, %v", reference, a, err)
		}
		secretless(t, a)
	})
}

// FuzzAnswer: whatever is answered, only ours is told as decided.
func FuzzAnswer(f *testing.F) {
	f.Add(200, []byte(transferBody()))
	f.Add(200, []byte(transferBody("COMPLETED", "SENT_TO_BENEFICIARY")))
	f.Add(404, []byte(`{"code":"transfer_not_found"}`))
	f.Add(409, []byte(`{"code":"transfer_id_already_exists"}`))
	f.Add(502, []byte("<html>"))
	r, _ := open(f, reply{200, ""})
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		reply := replyOf(status, body)
		a := r.judge(reply, instruction, "")
		decided := a.Outcome == payout.Paid || a.Outcome == payout.Failed || a.Outcome == payout.Sent
		if decided && (status != 200 || a.RailID == "") || absent(reply) && (decided || status != 404) || taken(reply) && decided {
			t.Fatalf("HTTP %d %q is %+v", status, body, a)
		}
		if a.Outcome == payout.Absent || a.Outcome == payout.Unknown && a.Reason == "" || a.UTR != "" && a.Outcome != payout.Paid || len(a.Reason) > 200 {
			t.Fatalf("%+v", a)
		}
		secretless(t, a)
	})
}
