package galla

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// The example of the Standard Webhooks specification's reference libraries.
const (
	exampleSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	exampleID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	exampleSeconds   = 1614265330
	exampleBody      = `{"test": 2432232314}`
	exampleSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestSignWebhook(t *testing.T) {
	got, err := SignWebhook(exampleSecret, exampleID, time.Unix(exampleSeconds, 0), []byte(exampleBody))
	if err != nil || got != exampleSignature {
		t.Errorf("SignWebhook = %q, %v, want %q", got, err, exampleSignature)
	}
	for _, secret := range []string{"", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_***"} {
		if got, err := SignWebhook(secret, "id", time.Unix(0, 0), nil); err == nil || strings.Contains(err.Error(), "MfKQ") {
			t.Errorf("SignWebhook with secret %q = %q, %v", secret, got, err)
		}
	}
}

func TestVerifyWebhook(t *testing.T) {
	other, err := NewWebhookSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Unix(exampleSeconds, 0)
	secrets := []string{exampleSecret}
	timestamp := strconv.Itoa(exampleSeconds)
	for name, test := range map[string]struct {
		secrets                  []string
		id, timestamp, signature string
		body                     string
		now                      time.Time
		message                  string // "" means accepted
	}{
		"right":               {secrets, exampleID, timestamp, exampleSignature, exampleBody, now, ""},
		"second secret":       {[]string{other, exampleSecret}, exampleID, timestamp, exampleSignature, exampleBody, now, ""},
		"second signature":    {secrets, exampleID, timestamp, "v1,AAAA v2,x " + exampleSignature, exampleBody, now, ""},
		"at the tolerance":    {secrets, exampleID, timestamp, exampleSignature, exampleBody, now.Add(WebhookTolerance), ""},
		"clock behind":        {secrets, exampleID, timestamp, exampleSignature, exampleBody, now.Add(-WebhookTolerance), ""},
		"too old":             {secrets, exampleID, timestamp, exampleSignature, exampleBody, now.Add(WebhookTolerance + 1), "too far"},
		"from the future":     {secrets, exampleID, timestamp, exampleSignature, exampleBody, now.Add(-WebhookTolerance - 1), "too far"},
		"other body":          {secrets, exampleID, timestamp, exampleSignature, exampleBody + " ", now, "does not match"},
		"other id":            {secrets, exampleID + "x", timestamp, exampleSignature, exampleBody, now, "does not match"},
		"other time":          {secrets, exampleID, strconv.Itoa(exampleSeconds + 1), exampleSignature, exampleBody, now, "does not match"},
		"other secret":        {[]string{other}, exampleID, timestamp, exampleSignature, exampleBody, now, "does not match"},
		"other version":       {secrets, exampleID, timestamp, "v2" + exampleSignature[2:], exampleBody, now, "does not match"},
		"no base64":           {secrets, exampleID, timestamp, "v1,?", exampleBody, now, "does not match"},
		"empty signature":     {secrets, exampleID, timestamp, "v1,", exampleBody, now, "does not match"},
		"no secrets":          {nil, exampleID, timestamp, exampleSignature, exampleBody, now, "does not match"},
		"bad secret":          {[]string{"x"}, exampleID, timestamp, exampleSignature, exampleBody, now, "webhook secret"},
		"no id":               {secrets, "", timestamp, exampleSignature, exampleBody, now, "missing"},
		"no time":             {secrets, exampleID, "", exampleSignature, exampleBody, now, "missing"},
		"no signature":        {secrets, exampleID, timestamp, "", exampleBody, now, "missing"},
		"no number":           {secrets, exampleID, "now", exampleSignature, exampleBody, now, "not a time"},
		"padded number":       {secrets, exampleID, "0" + timestamp, exampleSignature, exampleBody, now, "not a time"},
		"far number":          {secrets, exampleID, "9223372036854775807", exampleSignature, exampleBody, now, "too far"},
		"far negative number": {secrets, exampleID, "-9223372036854775808", exampleSignature, exampleBody, now, "too far"},
		"too many":            {secrets, exampleID, timestamp, strings.Repeat("v1,AA ", 11), exampleBody, now, "too many"},
		"too long":            {secrets, exampleID, timestamp, strings.Repeat("x", 1025), exampleBody, now, "too long"},
	} {
		header := http.Header{}
		header.Set(HeaderWebhookID, test.id)
		header.Set(HeaderWebhookTimestamp, test.timestamp)
		header.Set(HeaderWebhookSignature, test.signature)
		err := VerifyWebhook(test.secrets, header, []byte(test.body), test.now, WebhookTolerance)
		switch {
		case test.message == "":
			if err != nil {
				t.Errorf("%s: %v", name, err)
			}
		case err == nil || !strings.Contains(err.Error(), test.message):
			t.Errorf("%s: %v, want %q", name, err, test.message)
		case name != "bad secret" && !errors.Is(err, ErrSignature):
			t.Errorf("%s: %v is not ErrSignature", name, err)
		}
	}
}

func TestNewWebhookSecret(t *testing.T) {
	got, err := NewWebhookSecret(bytes.NewReader(make([]byte, 32)))
	if want := "whsec_" + base64.StdEncoding.EncodeToString(make([]byte, 32)); err != nil || got != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if _, err := NewWebhookSecret(bytes.NewReader(make([]byte, 31))); err == nil {
		t.Error("31 bytes of random were enough")
	}
	first, _ := NewWebhookSecret(nil)
	second, _ := NewWebhookSecret(nil)
	if first == second || len(first) != len(got) {
		t.Errorf("%q and %q", first, second)
	}
}

func TestNewKey(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Za-z0-9]{30}$`)
	seen := map[string]bool{}
	for range 100 {
		key, err := NewKey(nil)
		if err != nil || !shape.MatchString(key) || seen[key] {
			t.Fatalf("%q, %v", key, err)
		}
		seen[key] = true
	}
	// 255 would favour the first letters and is skipped.
	random := append(bytes.Repeat([]byte{255}, 50), bytes.Repeat([]byte{61}, 30)...)
	if key, err := NewKey(bytes.NewReader(random)); err != nil || key != strings.Repeat("9", 30) {
		t.Errorf("%q, %v", key, err)
	}
	if _, err := NewKey(iotest.ErrReader(errors.New("no random"))); err == nil {
		t.Error("a key without random")
	}
}

func TestVerifyPostback(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	for _, v := range vectors() {
		body := v.postback.AppendBody(nil, v.accessKey, v.private)
		keys := PostbackKeys{AccessKey: v.accessKey, PrivateKey: v.private, WebhookSecrets: []string{exampleSecret}}
		header := signed(t, body, now)
		got, err := VerifyPostback(body, header, keys, now)
		want := v.postback
		want.AccessKey = v.accessKey
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v\nwant %+v", v.file, got, err, want)
		}
		if _, err := VerifyPostback(body, http.Header{}, keys, now); !errors.Is(err, ErrSignature) {
			t.Errorf("%s without headers: %v", v.file, err)
		}
		if _, err := VerifyPostback(append([]byte("\xef\xbb\xbf"), body...), nil, PostbackKeys{AccessKey: v.accessKey, PrivateKey: v.private}, now); err != nil {
			t.Errorf("%s with a byte order mark: %v", v.file, err)
		}
	}
}

func signed(t *testing.T, body []byte, now time.Time) http.Header {
	t.Helper()
	return signedAs(t, "id", body, now)
}

func signedAs(t *testing.T, id string, body []byte, now time.Time) http.Header {
	t.Helper()
	signature, err := SignWebhook(exampleSecret, id, now, body)
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{}
	header.Set(HeaderWebhookID, id)
	header.Set(HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	header.Set(HeaderWebhookSignature, signature)
	return header
}

func TestVerifyPostbackRefuses(t *testing.T) {
	v := vectors()[0]
	keys := PostbackKeys{AccessKey: v.accessKey, PrivateKey: v.private}
	body := string(v.postback.AppendBody(nil, v.accessKey, v.private))
	outer, data, _ := strings.Cut(body, `"additional_data":`)
	for name, test := range map[string]struct {
		body string
		keys PostbackKeys
	}{
		"other amount in data":    {outer + `"additional_data":` + strings.Replace(data, `"700"`, `"7000"`, 1), keys},
		"other amount outside":    {strings.Replace(body, `"amount":700`, `"amount":7000`, 1), keys},
		"other wallet outside":    {strings.Replace(body, `phone_pe`, `paytm`, 1), keys},
		"other currency outside":  {strings.Replace(body, `INR`, `BDT`, 1), keys},
		"space in data":           {outer + `"additional_data": ` + strings.Replace(data, `[{`, `[ {`, 1), keys},
		"data sent twice":         {strings.TrimSuffix(body, "}") + `,"additional_data":[]}`, keys},
		"data sent twice by case": {strings.TrimSuffix(body, "}") + `,"ADDITIONAL_DATA":[]}`, keys},
		"no data":                 {`{"signature":"x"}`, keys},
		"other private key":       {body, PostbackKeys{AccessKey: v.accessKey, PrivateKey: "x"}},
		"other access key":        {body, PostbackKeys{AccessKey: "x", PrivateKey: v.private}},
		"shifted keys":            {body, PostbackKeys{AccessKey: v.accessKey + "test_", PrivateKey: "private_access_key"}},
		"no keys":                 {body, PostbackKeys{}},
		"no JSON":                 {"status=ok", keys},
		"empty":                   {"", keys},
		"two elements":            {resign(outer, "[{},{}]", v), keys},
		"no element":              {resign(outer, "[]", v), keys},
		"data is an object":       {resign(outer, "{}", v), keys},
		"element is a number":     {resign(outer, "[1]", v), keys},
		"unknown direction":       {strings.Replace(body, `ingoing`, `sideways`, 1), keys},
		"id is a string":          {resign(outer, strings.TrimSuffix(strings.Replace(data, `1431219`, `"1431219"`, 1), "}"), v), keys},
	} {
		if got, err := VerifyPostback([]byte(test.body), nil, test.keys, time.Time{}); err == nil || got != (Postback{}) {
			t.Errorf("%s: accepted %+v, %v", name, got, err)
		}
	}
}

// resign puts other data behind the outer members with the right signature for it.
func resign(outer, data string, v vector) string {
	signature := LegacySignature(v.accessKey, v.private, []byte(data))
	_, rest, _ := strings.Cut(outer, `",`)
	return fmt.Sprintf(`{"signature":"%s",%s"additional_data":%s}`, signature, rest, data)
}

func TestFormatTime(t *testing.T) {
	manila := time.FixedZone("Asia/Manila", 8*60*60)
	at := time.Date(2023, 8, 25, 7, 12, 49, 999, time.UTC)
	if got := FormatTime(at, manila); got != "2023-08-25 15:12:49" {
		t.Errorf("got %s", got)
	}
}

// FuzzVerifyPostback checks that nothing signed with other keys is ever accepted and that no body panics.
func FuzzVerifyPostback(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.postback.AppendBody(nil, v.accessKey, v.private))
	}
	f.Add([]byte(`{"additional_data":[{"bank_details":{}}],"converted_amount":{"INR":1}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		if got, err := VerifyPostback(body, nil, PostbackKeys{AccessKey: "other", PrivateKey: "keys"}, time.Time{}); err == nil {
			t.Fatalf("accepted %q as %+v", body, got)
		}
		// The same reading without the signature in the way.
		var w postbackWire
		if err := DecodeStrict(body, w.member); err == nil {
			w.finish()
		}
	})
}

// FuzzVerifyWebhook checks that no header passes that we didn't sign.
func FuzzVerifyWebhook(f *testing.F) {
	f.Add("id", "1614265330", exampleSignature)
	f.Add("", "x", "v1,")
	f.Fuzz(func(t *testing.T, id, timestamp, signature string) {
		header := http.Header{
			http.CanonicalHeaderKey(HeaderWebhookID):        {id},
			http.CanonicalHeaderKey(HeaderWebhookTimestamp): {timestamp},
			http.CanonicalHeaderKey(HeaderWebhookSignature): {signature},
		}
		secret := "whsec_AAAA"
		err := VerifyWebhook([]string{secret}, header, []byte("body"), time.Unix(exampleSeconds, 0), WebhookTolerance)
		if err != nil {
			return
		}
		seconds, _ := strconv.ParseInt(timestamp, 10, 64)
		want, _ := SignWebhook(secret, id, time.Unix(seconds, 0), []byte("body"))
		if !strings.Contains(signature, want) {
			t.Fatalf("accepted %q for %q at %q", signature, id, timestamp)
		}
	})
}
