package sim

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

// The vectors of the protocol: additional_data as it stands in the body, and its signature.
var legacyVectors = []struct {
	name, accessKey, privateKey, data, signature string
}{
	{
		"the page's sample", "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", "test_private_access_key",
		`[{"activated_datetime":"2023-08-25 18:12:46","exchanger_identifier":"81230207429","comment":"","amount":"700",` +
			`"currency_code":"INR","wallet_type":"phone_pe","stockpiling_id":1431219,"transaction_id":"323748622123",` +
			`"transaction_type":0,"plugin_custom_order_id":"ikDhBnLY123tx3G6H","withdrawal_id":null,"withdrawal_status":null,` +
			`"account_number":"","account_name":"","account_email":"","bank_details":{"bank_code":"","branch_code":""}}]`,
		"9f3cef16a07cb042778e16dda73b9f73ca5f8a89",
	},
	{
		"with what must be escaped, or must not", "pub", "priv",
		`[{"activated_datetime":"2023-08-25 18:12:46","exchanger_identifier":"81230207429","comment":"paid / ₹700 \"ok\" <b>é😀\n","amount":"700",` +
			`"currency_code":"INR","wallet_type":"phone_pe","stockpiling_id":1431219,"transaction_id":"323748622123",` +
			`"transaction_type":0,"plugin_custom_order_id":"ord/1&2","withdrawal_id":null,"withdrawal_status":null,` +
			`"account_number":"","account_name":"","account_email":"","bank_details":{"bank_code":"","branch_code":""}}]`,
		"392333ba5ae5eb41129eebaab0d667d389118892",
	},
}

func bodyOf(accessKey, data, signature string) []byte {
	return fmt.Appendf(nil, `{"signature":"%s","wallet_type":"phone_pe","amount":700,"currency_code":"INR","label":"1230142",`+
		`"direction":"ingoing","created_datetime":"2023-08-25 15:12:49","access_key":"%s","additional_data":%s}`, signature, accessKey, data)
}

func TestVerifyLegacy(t *testing.T) {
	for _, v := range legacyVectors {
		t.Run(v.name, func(t *testing.T) {
			keys := Keys{AccessKey: v.accessKey, PostbackKey: v.privateKey}
			if err := keys.VerifyLegacy(bodyOf(v.accessKey, v.data, v.signature)); err != nil {
				t.Error(err)
			}
			for what, body := range map[string][]byte{
				"changed data":      bodyOf(v.accessKey, strings.Replace(v.data, "700", "701", 1), v.signature),
				"changed signature": bodyOf(v.accessKey, v.data, strings.Repeat("0", 40)),
				"other access key":  bodyOf("other", v.data, v.signature),
				"no JSON":           []byte("{"),
			} {
				if keys.VerifyLegacy(body) == nil {
					t.Errorf("%s is taken", what)
				}
			}
			keys.PostbackKey = "other"
			if keys.VerifyLegacy(bodyOf(v.accessKey, v.data, v.signature)) == nil {
				t.Error("another private key fits")
			}
		})
	}
}

// TestVerifyWebhook uses the sample of the Standard Webhooks project.
func TestVerifyWebhook(t *testing.T) {
	keys := Keys{WebhookSecret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
	const body, right = `{"test": 2432232314}`, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	at := time.Unix(1614265330, 0)
	for _, c := range []struct {
		name, id, timestamp, signature, body string
		now                                  time.Time
		ok                                   bool
	}{
		{"right", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", right, body, at, true},
		{"right among others", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", "v1,AAAA v2,BBBB " + right, body, at, true},
		{"changed body", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", right, body + " ", at, false},
		{"other id", "msg_other", "1614265330", right, body, at, false},
		{"other time", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265331", right, body, at, false},
		{"old", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", right, body, at.Add(6 * time.Minute), false},
		{"from the future", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", right, body, at.Add(-6 * time.Minute), false},
		{"other version", "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", strings.Replace(right, "v1", "v2", 1), body, at, false},
		{"no headers", "", "", "", body, at, false},
	} {
		header := http.Header{}
		header.Set("webhook-id", c.id)
		header.Set("webhook-timestamp", c.timestamp)
		header.Set("webhook-signature", c.signature)
		if err := keys.VerifyWebhook(header, []byte(c.body), c.now); (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if (Keys{WebhookSecret: "plain"}).VerifyWebhook(http.Header{}, nil, at) == nil {
		t.Error("a secret without whsec_ is taken")
	}
}

var testKeys = Keys{"FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK", "test_private_access_key", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}

// notify posts the first vector to the merchant with right webhook headers.
func notify(t *testing.T, m *Merchant, id string, now time.Time) (int, string) {
	t.Helper()
	v := legacyVectors[0]
	body := bodyOf(v.accessKey, v.data, v.signature)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/postback", strings.NewReader(string(body)))
	key, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	timestamp := strconv.FormatInt(now.Unix(), 10)
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s.%s.%s", id, timestamp, body)
	r.Header.Set("webhook-id", id)
	r.Header.Set("webhook-timestamp", timestamp)
	r.Header.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	w := httptest.NewRecorder()
	m.ServeHTTP(w, r)
	return w.Code, w.Body.String()
}

func TestMerchantReplies(t *testing.T) {
	clock := testkit.NewClock()
	replies := []Reply{ReplyFault, ReplyWrongBody, ReplyFail, ReplyCapitals, ReplyOK}
	credits := 0
	m := NewMerchant(testKeys, clock.Now, func(p Postback) Reply { return replies[p.Attempt-1] }, func(Postback) { credits++ })
	for i, want := range []struct {
		status  int
		answer  string
		credits int
	}{
		{500, "<h1>500 Internal Server Error</h1>", 0},
		{200, "ok", 0},
		{200, `{"status":"fail"}`, 0},
		{200, `{"status":"OK","message":"thank you"}`, 1},
		{200, `{"status":"ok"}`, 1}, // a repeat credits nothing
	} {
		status, answer := notify(t, m, "pb_1", clock.Now())
		if status != want.status || answer != want.answer || credits != want.credits {
			t.Errorf("%d: %d %q with %d credits, want %+v", i, status, answer, credits, want)
		}
	}
	received := m.Received()
	last := received[len(received)-1]
	if len(received) != 5 || last.Attempt != 5 || !last.Taken || received[0].Taken || m.Credited() != 1 || !last.Right() {
		t.Errorf("%d received, the last %+v, %d credited", len(received), last, m.Credited())
	}
	if last.Order != "ikDhBnLY123tx3G6H" || last.Number != "323748622123" || last.Amount != "700" || last.Payer != "1230142" || last.DepositID != 1431219 {
		t.Errorf("read as %+v", last)
	}
}

func TestMerchantRefusesWrongSignatures(t *testing.T) {
	clock := testkit.NewClock()
	for what, keys := range map[string]Keys{
		"private key":    {testKeys.AccessKey, "other", testKeys.WebhookSecret},
		"webhook secret": {testKeys.AccessKey, testKeys.PostbackKey, "whsec_AAAA"},
	} {
		m := NewMerchant(keys, clock.Now, nil, func(p Postback) { t.Errorf("wrong %s: credited %+v", what, p) })
		if _, answer := notify(t, m, "pb_1", clock.Now()); answer != `{"status":"fail"}` || m.Received()[0].Right() {
			t.Errorf("wrong %s: answered %s", what, answer)
		}
	}
	m := NewMerchant(testKeys, clock.Now, nil, nil)
	w := httptest.NewRecorder()
	m.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/", strings.NewReader(`[]`)))
	if w.Body.String() != `{"status":"fail"}` {
		t.Errorf("to no postback at all it answered %s", w.Body)
	}
}

func TestMerchantWait(t *testing.T) {
	clock := testkit.NewClock()
	m := NewMerchant(testKeys, clock.Now, nil, nil)
	came := make(chan Postback)
	go func() {
		p, err := m.Wait(t.Context(), "ikDhBnLY123tx3G6H")
		if err != nil {
			t.Error(err)
		}
		came <- p
	}()
	notify(t, m, "pb_1", clock.Now())
	if p := <-came; p.WebhookID != "pb_1" {
		t.Errorf("waited for %+v", p)
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := m.Wait(ended, "other"); err == nil {
		t.Errorf("another order has %+v", p)
	}
}
