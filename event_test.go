package galla

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/money"
)

// eventPage is a page with one deposit whose body has what a decoder that writes it again would change, and the keys that
// signed it.
func eventPage(t *testing.T, now time.Time) (EventPage, PostbackKeys) {
	t.Helper()
	secret, err := NewWebhookSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	older, err := NewWebhookSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	keys := PostbackKeys{AccessKey: "access", PrivateKey: "private", WebhookSecrets: []string{older}}
	body := Postback{
		WalletType: "phone_pe", Amount: money.Money{Minor: 50050, Currency: money.INR}, Label: `ü/<b>&"` + "\u2028", Direction: DirectionDeposit,
		Data: PostbackData{StockpilingID: 1 << 52},
	}.AppendBody(nil, keys.AccessKey, keys.PrivateKey)
	webhook, err := NewWebhook([]string{secret, older}, "msg_1", now, body)
	if err != nil {
		t.Fatal(err)
	}
	return EventPage{
		Events: []Event{{
			Position: 7, Cursor: "7-x", Type: EventDepositOK, WebhookID: "msg_1", CreatedAt: time.Date(2026, 11, 22, 10, 0, 0, 123456000, time.UTC),
			Webhook: webhook, Postback: body,
		}},
		Next: "7-x", More: true, Mode: ModeSandbox, Merchant: "shop",
	}, keys
}

func TestClientEvents(t *testing.T) {
	now := time.Unix(1795000000, 0)
	page, keys := eventPage(t, now)
	e := &exchange{code: 200, answer: string(page.AppendJSON(nil))}
	client := serve(t, e)
	got, err := client.Events(t.Context(), "6-a&b", 20)
	if diff := cmp.Diff(page, got); err != nil || diff != "" {
		t.Fatalf("%v\n%s", err, diff)
	}
	if e.method != "GET" || e.uri != "/v3/events?after=6-a%26b&limit=20" || e.body != "" {
		t.Errorf("asked %+v", e)
	}
	postback, err := got.Events[0].Verify(keys, now)
	if err != nil || postback.Data.StockpilingID != 1<<52 || postback.Amount.Minor != 50050 {
		t.Errorf("the event reads as %+v, %v", postback, err)
	}
	if _, err := got.Events[0].Verify(keys, now.Add(time.Hour)); !errors.Is(err, ErrSignature) {
		t.Errorf("an hour later: %v", err)
	}
	changed := got.Events[0]
	changed.Postback = append(json.RawMessage(" "), changed.Postback...)
	if _, err := changed.Verify(keys, now); !errors.Is(err, ErrSignature) {
		t.Errorf("a changed body: %v", err)
	}
	if _, err := client.Events(t.Context(), CursorStart, 0); err != nil || e.uri != "/v3/events" {
		t.Errorf("%v, asked %s", err, e.uri)
	}
}

func TestClientEventsWithNothingNew(t *testing.T) {
	e := &exchange{code: 200, answer: string(EventPage{Next: "0-x", Mode: ModeLive, Merchant: "shop"}.AppendJSON(nil))}
	if want := `{"events":[],"next":"0-x","more":false,"mode":"live","merchant":"shop"}`; e.answer != want {
		t.Errorf("the empty page is %s, want %s", e.answer, want)
	}
	got, err := serve(t, e).Events(t.Context(), CursorEnd, 0)
	if err != nil || len(got.Events) != 0 || got.Next != "0-x" || e.uri != "/v3/events?after=end" {
		t.Errorf("%+v, %v, asked %s", got, err, e.uri)
	}
}

func TestClientEventsRefused(t *testing.T) {
	for _, test := range []struct {
		code            int
		answer, message string
		repeat          bool
	}{
		{400, string(Problem{Title: "Bad Request", Status: 400, Code: "invalid_cursor", Detail: "no cursor"}.AppendJSON(nil)), "no cursor", false},
		{401, `{"title":"Unauthorized","status":401,"code":"unauthorized","detail":"who?"}`, "who?", false},
		{404, `{"status":"fail","message":"Not found"}`, "no JSON answer", false},
		{429, `{}`, "no JSON answer", true},
		{500, `{"detail":"sorry"}`, "sorry", true},
		{502, `<html>`, "no JSON answer", true},
		{301, ``, "no JSON answer", true},
		{200, `<html>`, "no page of events: invalid character '<' looking for beginning of value", true},
		{200, `{"status":"ok"}`, "no page of events: it has no cursor", true},
	} {
		_, err := serve(t, &exchange{code: test.code, answer: test.answer}).Events(t.Context(), "", 0)
		var refused *AnswerError
		if !errors.As(err, &refused) || refused.HTTPStatus != test.code || refused.Message != test.message || refused.Repeat() != test.repeat {
			t.Errorf("%d %s: %v, repeat %v", test.code, test.answer, err, refused != nil && refused.Repeat())
		}
	}
}

func TestNewWebhook(t *testing.T) {
	now := time.Unix(1795000000, 0)
	page, keys := eventPage(t, now)
	webhook := page.Events[0].Webhook
	if err := VerifyWebhook(keys.WebhookSecrets, webhook.Header(), page.Events[0].Postback, now, WebhookTolerance); err != nil {
		t.Error(err)
	}
	if _, err := NewWebhook([]string{"none"}, "msg_1", now, nil); err == nil {
		t.Error("an unusable secret signs")
	}
	if unsigned, err := NewWebhook(nil, "msg_1", now, nil); err != nil || unsigned.Signature != "" || unsigned.Timestamp != "1795000000" {
		t.Errorf("%+v, %v", unsigned, err)
	}
}
