package evidence

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const testSecret = "src_test_secret"

// decoded is what of a Message a test compares.
type decoded struct {
	Sender, Text, App, Title, GivenTime, Raw string
	ReceivedAt                               time.Time
	Problem                                  Reason
}

func decodedOf(messages []Message) []decoded {
	list := []decoded{}
	for _, m := range messages {
		list = append(list, decoded{m.Sender, m.Text, m.App, m.Title, m.GivenTime, string(m.Raw), m.ReceivedAt, m.Problem})
	}
	return list
}

func bodySignature(body, timestamp string) string {
	mac := hmac.New(sha256.New, []byte(testSecret))
	mac.Write([]byte(body + timestamp))
	return hex.EncodeToString(mac.Sum(nil))
}

// forwarderSign is the sign of SmsForwarder as it puts it into its request: base64, URL-encoded.
func forwarderSign(timestamp, secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp + "\n" + secret))
	return url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
}

func mustDecode(t *testing.T, kind SourceKind, header http.Header, body string) []decoded {
	t.Helper()
	messages, err := DecodeMessages(kind, "", header, []byte(body), testSecret, testNow)
	if err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return decodedOf(messages)
}

func TestDecodeOwnMessages(t *testing.T) {
	at := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	one := `{"sender":"VM-HDFCBK-S","text":"a \"b\" \u20b9","received_at":"2026-11-22T15:30:00+05:30"}`
	want := decoded{Sender: "VM-HDFCBK-S", Text: `a "b" ₹`, GivenTime: "2026-11-22T15:30:00+05:30", ReceivedAt: at, Raw: one}
	if diff := cmp.Diff([]decoded{want}, mustDecode(t, SourceSMS, nil, "\ufeff "+one+"\n")); diff != "" {
		t.Error(diff)
	}
	items := []string{
		one, `{"sender":"X","text":"y","unknown":{"deep":[1,{"text":"z"}]}}`, `{"sender":"X"}`, `{"text":"y"}`, `7`, `{"sender":"X",}`,
		`{"sender":"X","text":"y","TEXT":"z"}`, `{"sender":"X","text":["y"]}`, `{"sender":"X","text":"y","received_at":"yesterday"}`,
		`{"sender":"` + strings.Repeat("X", MaxFieldChars+1) + `","text":"y"}`, `{"sender":"X","text":"` + strings.Repeat("y", MaxTextBytes+1) + `"}`,
		"{\"sender\":\"X\",\"text\":\"\xff\"}", `{"sender":"com.phonepe.app","text":"has sent","title":"PhonePe - RAM"}`, one,
	}
	got := mustDecode(t, SourceSMS, nil, "["+strings.Join(items, " ,\n")+"]")
	if len(got) != len(items) {
		t.Fatalf("%d items became %d messages", len(items), len(got))
	}
	problems := []Reason{"", "", ReasonMalformed, ReasonMalformed, ReasonMalformed, ReasonMalformed, ReasonMalformed, ReasonMalformed,
		ReasonBadTime, ReasonTooLong, ReasonTooLong, ReasonMalformed, "", ""}
	for i, m := range got {
		if m.Problem != problems[i] || m.Raw != items[i] {
			t.Errorf("item %d: problem %q, raw %q; want %q, %q", i, m.Problem, m.Raw, problems[i], items[i])
		}
	}
	if app := got[12]; app.App != "com.phonepe.app" || app.Title != "PhonePe - RAM" {
		t.Errorf("app notification: %+v", app)
	}
	if got := mustDecode(t, SourceSMS, nil, " [ ] "); len(got) != 0 {
		t.Errorf("empty array: %+v", got)
	}
}

func TestDecodeIncomeSMSGateway(t *testing.T) {
	body := "{\n  \"from\":\"VM-HDFCBK\",\n  \"text\":\"hello\",\n  \"sentStamp\":1768556698000,\n  \"receivedStamp\":1768556699500,\n  \"sim\":\"sim1\"\n}"
	want := decoded{Sender: "VM-HDFCBK", Text: "hello", GivenTime: "1768556698000/1768556699500", Raw: body,
		ReceivedAt: time.UnixMilli(1768556699500).UTC()}
	if diff := cmp.Diff([]decoded{want}, mustDecode(t, SourceIncomeSMS, nil, body)); diff != "" {
		t.Error(diff)
	}
	signed := http.Header{"X-Signature": {bodySignature(body, "")}}
	if diff := cmp.Diff([]decoded{want}, mustDecode(t, SourceIncomeSMS, signed, body)); diff != "" {
		t.Error(diff)
	}
	notification := `{"from":"VM-HDFCBK","text":"hello","sim":"notification"}`
	if got := mustDecode(t, SourceIncomeSMS, nil, notification)[0]; got.App != unnamedApp || got.Title != "VM-HDFCBK" {
		t.Errorf("a notification must not pass for an SMS: %+v", got)
	}
	quoted := `{"from":"VM-HDFCBK","text":"hello","sentStamp":"1768556698000","receivedStamp":"2026-06-07 14:30:00"}`
	if got := mustDecode(t, SourceIncomeSMS, nil, quoted)[0]; !got.ReceivedAt.Equal(time.UnixMilli(1768556698000)) {
		t.Errorf("edited template: received at %s", got.ReceivedAt)
	}
}

func TestDecodeSMSGate(t *testing.T) {
	body := `{"deviceId":"ffffffffceb0b1db0000018e937c815b","event":"sms:received","id":"Ey6ECgOkVVFjz3CL48B8C",` +
		`"payload":{"messageId":"abc123","message":"hello","sender":"VM-HDFCBK-S","recipient":null,"simNumber":1,` +
		`"receivedAt":"2026-06-22T15:46:11.000+05:30"},"webhookId":"w"}`
	want := decoded{Sender: "VM-HDFCBK-S", Text: "hello", GivenTime: "2026-06-22T15:46:11.000+05:30", Raw: body,
		ReceivedAt: time.Date(2026, 6, 22, 10, 16, 11, 0, time.UTC)}
	signed := http.Header{"X-Signature": {bodySignature(body, "1768556698")}, "X-Timestamp": {"1768556698"}}
	for _, header := range []http.Header{nil, signed} {
		if diff := cmp.Diff([]decoded{want}, mustDecode(t, SourceSMSGate, header, body)); diff != "" {
			t.Error(diff)
		}
	}
	older := strings.ReplaceAll(strings.Replace(body, `"recipient":null,`, "", 1), `"sender"`, `"phoneNumber"`)
	want.Raw = older
	if diff := cmp.Diff([]decoded{want}, mustDecode(t, SourceSMSGate, nil, older)); diff != "" {
		t.Error(diff)
	}
	batch := `{"event":"sms:batch:received","payload":{"messages":[{"message":"a","sender":"X"},{"message":7.5,"sender":"X"},5]}}`
	got := mustDecode(t, SourceSMSGate, nil, batch)
	if len(got) != 3 || got[0].Text != "a" || got[1].Text != "7.5" || got[2].Problem != ReasonMalformed {
		t.Errorf("batch: %+v", got)
	}
	for _, body := range []string{`{"event":"system:ping","payload":{"health":{}}}`, `{"event":"sms:sent","payload":{}}`} {
		if got := mustDecode(t, SourceSMSGate, nil, body); len(got) != 0 {
			t.Errorf("%s gave %+v", body, got)
		}
	}
	for _, body := range []string{`{}`, `{"event":"sms:received"}`, `{"event":"sms:received","payload":7}`,
		`{"event":"sms:batch:received","payload":{"messages":7}}`} {
		if got := mustDecode(t, SourceSMSGate, nil, body); len(got) != 1 || got[0].Problem != ReasonMalformed {
			t.Errorf("%s gave %+v", body, got)
		}
	}
}

func TestDecodeSMSForwarder(t *testing.T) {
	const stamp = "1768556698000"
	at := time.UnixMilli(1768556698000).UTC()
	sign := forwarderSign(stamp, testSecret)
	rawSign, _ := url.QueryUnescape(sign)
	// The app's form library encodes the already encoded sign once more.
	form := url.Values{"from": {"VM-HDFCBK-S"}, "content": {"line 1\nline 2 & more"}, "timestamp": {stamp}, "sign": {sign}}.Encode()
	onceEncoded := url.Values{"from": {"VM-HDFCBK-S"}, "content": {"line 1\nline 2 & more"}, "timestamp": {stamp}, "sign": {rawSign}}.Encode()
	unsigned := url.Values{"from": {"VM-HDFCBK-S"}, "content": {"line 1\nline 2 & more"}, "timestamp": {stamp}}.Encode()
	jsonBody := `{"from":"VM-HDFCBK-S","content":"line 1\nline 2 & more","timestamp":` + stamp + `,"sign":"` + sign + `"}`
	jsonMsg := `{"from":"VM-HDFCBK-S","msg":"line 1\nline 2 & more","timestamp":"` + stamp + `","sign":""}`
	for _, body := range []string{form, onceEncoded, unsigned, jsonBody, jsonMsg} {
		want := decoded{Sender: "VM-HDFCBK-S", Text: "line 1\nline 2 & more", GivenTime: stamp, ReceivedAt: at, Raw: body}
		if diff := cmp.Diff([]decoded{want}, mustDecode(t, SourceSMSForward, nil, body)); diff != "" {
			t.Errorf("%s: %s", body, diff)
		}
	}
}

func TestSMSForwardersDefaultTemplateIsTakenOff(t *testing.T) {
	for _, test := range []struct{ name, from, content, text, title string }{
		{"text", "VM-HDFCBK-S", "VM-HDFCBK-S\nhello\nworld\nSIM1_Airtel\nSubId：1\n2026-01-16 15:14:58\nPixel 5", "hello\nworld", ""},
		{"no device name", "VM-HDFCBK-S", "VM-HDFCBK-S\nhello\nSIM1_Airtel\nSubId：1\n2026-01-16 15:14:58", "hello", ""},
		{"notification", "com.phonepe.app", "com.phonepe.app\nhas sent ₹5\nPhonePe - RAM\n2026-01-16 15:14:58\nPixel 5", "has sent ₹5", "PhonePe - RAM"},
		{"own template", "VM-HDFCBK-S", "hello\n2026-01-16 15:14:58\nmore", "hello\n2026-01-16 15:14:58\nmore", ""},
		{"other first line", "VM-HDFCBK-S", "HDFC\nhello\nSIM1\nSubId：1\n2026-01-16 15:14:58", "HDFC\nhello\nSIM1\nSubId：1\n2026-01-16 15:14:58", ""},
	} {
		body := url.Values{"from": {test.from}, "content": {test.content}}.Encode()
		got := mustDecode(t, SourceSMSForward, nil, body)[0]
		if got.Text != test.text || got.Title != test.title {
			t.Errorf("%s: text %q, title %q; want %q, %q", test.name, got.Text, got.Title, test.text, test.title)
		}
	}
}

func TestDecodeRefusesWholeRequests(t *testing.T) {
	sms := `{"from":"X","text":"y"}`
	gate := `{"event":"sms:received","payload":{"message":"a","sender":"X"}}`
	form := "from=X&content=y&timestamp=1768556698000"
	for _, test := range []struct {
		name   string
		kind   SourceKind
		header http.Header
		body   string
		status int
	}{
		{"empty", SourceSMS, nil, " ", 422},
		{"text", SourceSMS, nil, "hello", 422},
		{"cut object", SourceSMS, nil, `{"sender":"X"`, 422},
		{"cut array", SourceSMS, nil, `[{"sender":"X"}`, 422},
		{"two objects", SourceSMS, nil, `{} {}`, 422},
		{"wrong bracket", SourceSMS, nil, `[{"a":1]}`, 422},
		{"too deep", SourceSMS, nil, strings.Repeat("[", 100) + strings.Repeat("]", 100), 422},
		{"too many", SourceSMS, nil, "[" + strings.Repeat("{},", MaxItems) + "{}]", 422},
		{"too large", SourceSMS, nil, strings.Repeat(" ", MaxBodyBytes+1), 413},
		{"structured source", SourceTransfers, nil, "{}", 422},
		{"income: wrong signature", SourceIncomeSMS, http.Header{"X-Signature": {strings.Repeat("00", 32)}}, sms, 401},
		{"income: empty signature", SourceIncomeSMS, http.Header{"X-Signature": {""}}, sms, 401},
		{"income: no hex", SourceIncomeSMS, http.Header{"X-Signature": {"zz"}}, sms, 401},
		{"income: two signatures", SourceIncomeSMS, http.Header{"X-Signature": {bodySignature(sms, ""), "00"}}, sms, 401},
		{"gate: other timestamp", SourceSMSGate, http.Header{"X-Signature": {bodySignature(gate, "1")}, "X-Timestamp": {"2"}}, gate, 401},
		{"gate: other body", SourceSMSGate, http.Header{"X-Signature": {bodySignature(gate, "1")}, "X-Timestamp": {"1"}}, gate + " ", 401},
		{"forwarder: sign of another time", SourceSMSForward, nil, form + "&sign=" + url.QueryEscape(forwarderSign("1", testSecret)), 401},
		{"forwarder: sign of another secret", SourceSMSForward, nil, form + "&sign=" + url.QueryEscape(forwarderSign("1768556698000", "x")), 401},
		{"forwarder: sign is no base64", SourceSMSForward, nil, form + "&sign=%25", 401},
		{"forwarder: sign without time", SourceSMSForward, nil, `{"from":"X","content":"y","sign":"AAAA"}`, 401},
		{"forwarder: broken form", SourceSMSForward, nil, "from=%zz", 422},
		{"forwarder: other form", SourceSMSForward, nil, "a=b", 422},
		{"forwarder: field twice", SourceSMSForward, nil, "from=X&from=Y&content=z", 422},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := DecodeMessages(test.kind, "", test.header, []byte(test.body), testSecret, testNow)
			var failure *DecodeError
			if !errors.As(err, &failure) || failure.Status != test.status {
				t.Fatalf("got %v, want status %d", err, test.status)
			}
			if strings.Contains(failure.Message, testSecret) {
				t.Errorf("the message tells the secret: %s", failure.Message)
			}
		})
	}
}

func TestMalformedItemsWithOneTimePasswordsAreNotStored(t *testing.T) {
	for _, body := range []string{`{"sender":"X","text":["Your OTP is 123456"]}`, `{"text":"Your OTP is 123456"}`} {
		messages, err := DecodeMessages(SourceSMS, "", nil, []byte(body), testSecret, testNow)
		if err != nil {
			t.Fatal(err)
		}
		if reading := NewReader(nil).Read(messages[0], testNow); reading.Outcome != OTP {
			t.Errorf("%s: %s", body, reading.Outcome)
		}
	}
}

func TestParseSourceKind(t *testing.T) {
	for _, kind := range SourceKinds() {
		if got, err := ParseSourceKind(string(kind)); got != kind || err != nil {
			t.Errorf("%s: got %s, %v", kind, got, err)
		}
		if kind.Messages() != (kind != SourceTransfers) {
			t.Errorf("%s sends messages: %t", kind, kind.Messages())
		}
	}
	if _, err := ParseSourceKind("SMS"); err == nil {
		t.Error("kinds are exact words")
	}
}

func TestFingerprintFramesItsParts(t *testing.T) {
	base := Fingerprint(1, "ab", "cd", "ef")
	if base != Fingerprint(1, "ab", "cd", "ef") {
		t.Error("not the same for the same parts")
	}
	for _, other := range [][32]byte{
		Fingerprint(2, "ab", "cd", "ef"), Fingerprint(1, "abc", "d", "ef"), Fingerprint(1, "ab", "cde", "f"),
		Fingerprint(1, "", "abcd", "ef"), Fingerprint(1, "ab", "cd", ""), Fingerprint(1, "ab", "cdef", ""),
	} {
		if other == base {
			t.Error("different parts, same fingerprint")
		}
	}
	// Fingerprints are stored: this value never changes.
	const golden = "c480b142a8d3488a0dcda5a09456c0cd539dbe062e871a54e512b2cf0270e62a"
	if got := hex.EncodeToString(base[:]); got != golden {
		t.Errorf("fingerprint %s, want %s", got, golden)
	}
}

// Batches in an array don't multiply the limit on items.
func TestSMSGateBatchesInAnArray(t *testing.T) {
	message := `{"message":"x","sender":"y"}`
	batch := `{"event":"sms:batch:received","payload":{"messages":[` + strings.Repeat(message+",", MaxItems/2-1) + message + `]}}`
	for batches, ok := range map[int]bool{1: true, 2: true, 3: false} {
		body := "[" + strings.Repeat(batch+",", batches-1) + batch + "]"
		messages, err := DecodeMessages(SourceSMSGate, "", nil, []byte(body), "secret", time.Now())
		var refused *DecodeError
		if ok && (err != nil || len(messages) != batches*MaxItems/2) || !ok && (!errors.As(err, &refused) || refused.Status != 422) {
			t.Errorf("%d batches: %d messages, %v", batches, len(messages), err)
		}
	}
}

// What was taken is read again as it was: without its request's signature, whatever the source's token is now, and also
// a message of a batch, of which nothing but its own item is stored.
func TestDecodeStored(t *testing.T) {
	form := url.Values{"from": {"VM-HDFCBK-S"}, "content": {"hello"}, "timestamp": {"1768556698000"}, "sign": {forwarderSign("1768556698000", testSecret)}}.Encode()
	asJSON := `{"from":"VM-HDFCBK-S","content":"hello","timestamp":"1768556698000","sign":"` + forwarderSign("1768556698000", testSecret) + `"}`
	single := `{"event":"sms:received","payload":{"sender":"VM-HDFCBK-S","message":"hello"}}`
	batch := `{"event":"sms:batch:received","payload":{"messages":[{"message":"hello","sender":"VM-HDFCBK-S"},{"message":"b","sender":"X"}]}}`
	for _, test := range []struct {
		kind SourceKind
		body string
	}{
		{SourceSMSForward, form}, {SourceSMSForward, asJSON}, {SourceSMSGate, single}, {SourceSMSGate, batch},
		{SourceSMS, `{"sender":"VM-HDFCBK-S","text":"hello"}`}, {SourceIncomeSMS, `{"from":"VM-HDFCBK-S","text":"hello"}`},
	} {
		first, err := DecodeMessages(test.kind, "", http.Header{}, []byte(test.body), testSecret, time.Now())
		if err != nil {
			t.Fatal(test.body, err)
		}
		again, ok := DecodeStored(test.kind, first[0].Raw, time.Now())
		if diff := cmp.Diff(first[0], again); !ok || again.Text != "hello" || diff != "" {
			t.Errorf("%s: %v %s", test.body, ok, diff)
		}
	}
	for _, broken := range []string{"", "7", "{}", "[]", single + single, `{"event":"sms:sent","payload":{}}`} {
		for _, kind := range []SourceKind{SourceSMS, SourceSMSGate, SourceIncomeSMS, SourceSMSForward, SourceTransfers} {
			if m, ok := DecodeStored(kind, []byte(broken), time.Now()); ok {
				t.Errorf("%s: %q gave %+v", kind, broken, m)
			}
		}
	}
}
