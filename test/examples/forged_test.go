package examples

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
)

// forgery is a postback that the receiver must not take.
type forgery struct {
	name   string
	header http.Header
	body   []byte
}

// tooLong names the forgery with a megabyte behind it.
const tooLong = "far too long"

// refuses sends the receiver what it must refuse, and what it must take again.
func (s *shop) refuses(t *testing.T, genuine delivery) {
	url := s.receiver
	if string(amountIn(genuine.body)) != amount {
		t.Fatalf("the postback has the amount %s", amountIn(genuine.body))
	}
	for _, f := range s.forgeries(t, genuine) {
		code, answer := post(t, url, f.header, f.body)
		// A receiver may hang up on what is too long for it before it has read it all: that is no answer, and no ok.
		silent := code == 0 && f.name != tooLong
		if code == http.StatusOK || silent || strings.Contains(answer, `"ok"`) {
			t.Errorf("%s: the example answered %d %s", f.name, code, answer)
		}
	}
	// Repeats are always possible. While a secret is rotated there are two signatures, and ours may be either.
	fresh := s.signed(t, genuine.body, time.Now())
	both := fresh.Clone()
	both.Set(galla.HeaderWebhookSignature, "v1,b3RoZXI= "+fresh.Get(galla.HeaderWebhookSignature))
	other := bytes.Replace(genuine.body, []byte(`"stockpiling_id":`), []byte(`"stockpiling_id":1000`), 1)
	other = s.resigned(other)
	untouched := s.untouched(t)
	for name, d := range map[string]delivery{
		"the same again":      {header: genuine.header, body: genuine.body},
		"two signatures":      {header: both, body: genuine.body},
		"a credit of its own": {header: s.signed(t, other, time.Now()), body: other},
	} {
		if code, answer := post(t, url, d.header, d.body); code != http.StatusOK || answer != `{"status":"ok"}` {
			t.Errorf("%s: the example answered %d %s", name, code, answer)
		}
	}
	untouched()
}

// untouched returns a check that what is booked now is not written again: the same line twice would look like one.
func (s *shop) untouched(t *testing.T) (check func()) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.credits, "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("nothing is booked: %v", err)
	}
	before := time.Unix(1e9, 0)
	for _, name := range files {
		if err := os.Chtimes(name, before, before); err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		t.Helper()
		for _, name := range files {
			if info, err := os.Stat(name); err != nil || !info.ModTime().Equal(before) {
				t.Errorf("a repeat was booked again (%v)", err)
			}
		}
	}
}

// faults checks that a credit that couldn't be booked isn't answered ok, and is booked when it comes again.
func (s *shop) faults(t *testing.T, genuine delivery) {
	body := s.resigned(bytes.Replace(genuine.body, []byte(`"stockpiling_id":`), []byte(`"stockpiling_id":2000`), 1))
	header, away := s.signed(t, body, time.Now()), s.credits+".away"
	if err := os.Rename(s.credits, away); err != nil {
		t.Fatal(err)
	}
	if code, answer := post(t, s.receiver, header, body); code != http.StatusInternalServerError || !strings.HasPrefix(answer, `{"status":"error"`) {
		t.Errorf("without its bookkeeping, the example answered %d %s", code, answer)
	}
	if err := os.Rename(away, s.credits); err != nil {
		t.Fatal(err)
	}
	if code, answer := post(t, s.receiver, header, body); code != http.StatusOK || answer != `{"status":"ok"}` {
		t.Errorf("with its bookkeeping again, the example answered %d %s", code, answer)
	}
}

func (s *shop) forgeries(t *testing.T, genuine delivery) []forgery {
	body := genuine.body
	changed := func(old, new string) []byte {
		forged := bytes.Replace(body, []byte(old), []byte(new), 1)
		if bytes.Equal(forged, body) {
			t.Fatalf("the postback has no %s: %s", old, body)
		}
		return forged
	}
	without := func(name string) http.Header {
		header := genuine.header.Clone()
		header.Del(name)
		return header
	}
	with := func(name, value string) http.Header {
		header := genuine.header.Clone()
		header.Set(name, value)
		return header
	}
	inside, outside := changed(`"amount":"500.5"`, `"amount":"5000.5"`), changed(`"label":"user`, `"label":"thief`)
	list := []forgery{
		{"another amount", genuine.header, inside},
		{"another label", genuine.header, outside},
		{"another label, signed as the old way does", genuine.header, s.resigned(outside)},
		{"another amount, signed in the headers alone", s.signed(t, inside, time.Now()), inside},
		{"one more space", genuine.header, append(bytes.Clone(body), ' ')},
		{"cut short", genuine.header, body[:len(body)-1]},
		{"nothing", genuine.header, nil},
		{tooLong, genuine.header, append(bytes.Clone(body), bytes.Repeat([]byte(" "), 1<<20)...)},
		{"old", s.signed(t, body, time.Now().Add(-10*time.Minute)), body},
		{"from the future", s.signed(t, body, time.Now().Add(10*time.Minute)), body},
		{"no id", without(galla.HeaderWebhookID), body},
		{"no time", without(galla.HeaderWebhookTimestamp), body},
		{"no signature", without(galla.HeaderWebhookSignature), body},
		{"an empty signature", with(galla.HeaderWebhookSignature, ""), body},
		{"a signature of another version", with(galla.HeaderWebhookSignature, strings.Replace(genuine.header.Get(galla.HeaderWebhookSignature), "v1,", "v2,", 1)), body},
		{"another id", with(galla.HeaderWebhookID, "msg_other"), body},
		{"another time", with(galla.HeaderWebhookTimestamp, strconv.FormatInt(time.Now().Add(time.Minute).Unix(), 10)), body},
		{"another secret", s.signedBy(t, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", body, time.Now()), body},
	}
	// Signed in the headers, so that what follows is looked at: it must be refused and not taken for anything.
	for name, text := range map[string]string{"no object": `[]`, "null": `null`, "a text": `"additional_data"`, "no members": `{}`, "no JSON": `{"status"`} {
		list = append(list, forgery{name, s.signed(t, []byte(text), time.Now()), []byte(text)})
	}
	return list
}

// signed are the headers of Standard Webhooks for a body.
func (s *shop) signed(t *testing.T, body []byte, at time.Time) http.Header {
	return s.signedBy(t, s.keys.WebhookSecret, body, at)
}

func (s *shop) signedBy(t *testing.T, secret string, body []byte, at time.Time) http.Header {
	t.Helper()
	id := fmt.Sprintf("msg_%x", sha256.Sum256(body)) // a message of its own
	signature, err := galla.SignWebhook(secret, id, at, body)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set(galla.HeaderWebhookID, id)
	header.Set(galla.HeaderWebhookTimestamp, strconv.FormatInt(at.Unix(), 10))
	header.Set(galla.HeaderWebhookSignature, signature)
	return header
}

// resigned puts the right legacy signature into a body.
func (s *shop) resigned(body []byte) []byte {
	_, data, _ := bytes.Cut(body, []byte(`"additional_data":`))
	signature := galla.LegacySignature(s.keys.AccessKey, s.keys.PostbackKey, data[:len(data)-1])
	const start = len(`{"signature":"`)
	return append(append([]byte(`{"signature":"`), signature...), body[start+len(signature):]...)
}

// refusesBody is refuses for a check of the body alone.
func (s *shop) refusesBody(t *testing.T, body []byte) {
	for name, forged := range map[string][]byte{
		"another amount":    bytes.Replace(body, []byte(`"amount":"500.5"`), []byte(`"amount":"5000.5"`), 1),
		"another order":     bytes.Replace(body, []byte(`"plugin_custom_order_id":"ord`), []byte(`"plugin_custom_order_id":"odr`), 1),
		"another signature": bytes.Replace(body, []byte(`"signature":"`), []byte(`"signature":"0`), 1),
		"cut short":         body[:len(body)-3], // into additional_data
		"nothing":           nil,
	} {
		if bytes.Equal(forged, body) {
			t.Errorf("%s: the body wasn't changed", name)
		}
		if code, _ := s.checkBody(t, forged); code == http.StatusOK {
			t.Errorf("%s: the example took it", name)
		}
	}
	if code, _ := s.checkBody(t, body); code != http.StatusOK {
		t.Error("the example refused the genuine body")
	}
}
