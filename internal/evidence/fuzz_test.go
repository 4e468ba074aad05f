package evidence

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"unicode/utf8"
)

// FuzzRead: whatever a phone sends, what is credited was printed in the text, with a positive amount and twelve digits.
func FuzzRead(f *testing.F) {
	for _, path := range samplePaths(f) {
		m := readSample(f, path)
		f.Add(m.Sender, m.App, m.Title, m.Text)
	}
	reader := NewReader([]SenderHeader{{"TINYBK", "Tiny Bank"}})
	f.Fuzz(func(t *testing.T, sender, app, title, text string) {
		m := Message{Sender: sender, App: app, Title: title, Text: text}
		reading := reader.Read(m, testNow)
		if again := reader.Read(m, testNow); again != reading {
			t.Fatalf("read twice: %+v, %+v", reading, again)
		}
		if (reading.Reason == "") != (reading.Outcome == Credit) {
			t.Fatalf("outcome %s with reason %q", reading.Outcome, reading.Reason)
		}
		if reading.Reason != "" && reading.Reason.Text() == "" {
			t.Fatalf("reason %q has no text", reading.Reason)
		}
		if reading.Outcome != Credit {
			if reading.Number != "" {
				t.Fatalf("a number without a credit: %+v", reading)
			}
			return
		}
		if !twelveDigits.MatchString(reading.Number) || !reading.Amount.IsPositive() || reading.OccurredAt.IsZero() {
			t.Fatalf("credit without its facts: %+v", reading)
		}
		printed := normalize(title + "\n" + text).text
		if !bytes.Contains([]byte(printed), []byte(reading.Number)) {
			t.Fatalf("%s is not in the text", reading.Number)
		}
		if s := parseSender(sender); app == "" && (s.phone || s.promotional) {
			t.Fatalf("credit from %q", sender)
		}
	})
}

func fuzzDecode(f *testing.F, kind SourceKind, seeds ...string) {
	for _, seed := range seeds {
		f.Add([]byte(seed), "", "")
	}
	f.Add([]byte("{}"), bodySignature("{}", "1"), "1")
	f.Fuzz(func(t *testing.T, body []byte, signature, timestamp string) {
		header := http.Header{}
		if signature != "" {
			header.Set("X-Signature", signature)
		}
		header.Set("X-Timestamp", timestamp)
		messages, err := DecodeMessages(kind, "", header, body, testSecret, testNow)
		var failure *DecodeError
		if err != nil && (!errors.As(err, &failure) || failure.Message == "") {
			t.Fatalf("an error of another kind: %v", err)
		}
		if len(messages) > MaxItems*MaxItems {
			t.Fatalf("%d messages", len(messages))
		}
		for _, m := range messages {
			if !bytes.Contains(body, m.Raw) {
				t.Fatalf("raw %q is not of the body", m.Raw)
			}
			if m.Problem == "" && (m.Text == "" || len(m.Text) > MaxTextBytes || !utf8.ValidString(m.Text)) {
				t.Fatalf("text %q", m.Text)
			}
			if (m.Problem == "") != (m.Detail == "") {
				t.Fatalf("problem %q, detail %q", m.Problem, m.Detail)
			}
		}
	})
}

func FuzzDecodeOwn(f *testing.F) {
	fuzzDecode(f, SourceSMS, `{"sender":"X","text":"y","received_at":"2026-11-22T10:00:00Z"}`, `[{"sender":"X"},7,{}]`, `[]`, `[[]]`, `[,]`)
}

func FuzzDecodeIncomeSMS(f *testing.F) {
	fuzzDecode(f, SourceIncomeSMS, `{"from":"X","text":"y","sentStamp":1768556698000,"receivedStamp":1768556699500,"sim":"sim1"}`)
}

func FuzzDecodeSMSGate(f *testing.F) {
	fuzzDecode(f, SourceSMSGate, `{"event":"sms:received","payload":{"message":"a","sender":"X","receivedAt":"2026-06-22T15:46:11.000+05:30"}}`,
		`{"event":"sms:batch:received","payload":{"messages":[{"message":"a","sender":"X"}]}}`, `{"event":"system:ping"}`)
}

func FuzzDecodeSMSForwarder(f *testing.F) {
	fuzzDecode(f, SourceSMSForward, "from=X&content=y&timestamp=1&sign=", `{"from":"X","content":"X\na\nSIM1\nSubId：1\n2026-01-16 15:14:58"}`)
}

func FuzzDecodeTransfers(f *testing.F) {
	f.Add([]byte(`{"reference":"321302038123","amount":"500.00","currency":"INR","occurred_at":"2026-11-22T10:00:00Z","payer":"p@ybl"}`))
	f.Add([]byte(`[{"reference":"321302038123","amount":5e2},null,{"a":"\ud800"}]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		items, err := DecodeTransfers(body, testRules)
		var failure *DecodeError
		if err != nil && !errors.As(err, &failure) {
			t.Fatalf("an error of another kind: %v", err)
		}
		if len(items) > MaxItems {
			t.Fatalf("%d items", len(items))
		}
		for _, item := range items {
			transfer := item.Transfer
			if item.Reason == "" && (!transfer.Amount.IsPositive() || !twelveDigits.MatchString(transfer.Number)) {
				t.Fatalf("taken: %+v", transfer)
			}
			if item.Reason != "" && (item.Detail == "" || item.Reason.Text() == "") {
				t.Fatalf("refused without a word: %+v", item)
			}
		}
	})
}
