package galla

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// EventType says what an event tells about.
type EventType string

// The types of events. There may be others in later versions: leave alone what you don't know.
const (
	EventDepositOK        EventType = "deposit.ok"        // a deposit was credited
	EventWithdrawalPaid   EventType = "withdrawal.paid"   // a withdrawal has reached its account
	EventWithdrawalFailed EventType = "withdrawal.failed" // it failed or was cancelled
)

// Mode says what money a merchant's events are about.
type Mode string

// The modes.
const (
	ModeLive      Mode = "live"      // real money
	ModeSandbox   Mode = "sandbox"   // a merchant for tries: its transfers are invented
	ModeSimulated Mode = "simulated" // galla demo, where everything is invented
)

// Where a feed of events can be read from, beside the cursors that it gives.
const (
	CursorStart = ""    // the oldest event
	CursorEnd   = "end" // what comes from now on: a page without events, whose Next is a cursor
)

// Numbers of events on a page.
const (
	DefaultEventLimit = 100
	MaxEventLimit     = 500
)

// maxPage bounds an answer of /v3, in bytes: MaxEventLimit of the longest postbacks fit in.
const maxPage = 16 << 20

// Event is one postback in the merchant's feed of events, delivered or not.
type Event struct {
	Position  int64 // 1, 2, 3, … in the order of the feed
	Cursor    string
	Type      EventType
	WebhookID string // as every attempt to deliver the postback names it
	CreatedAt time.Time
	Webhook   Webhook
	// Postback is the exact body of the postback, byte for byte as it is sent.
	Postback json.RawMessage
}

// Verify checks the event as VerifyPostback checks a received postback, and reads it.
func (e Event) Verify(keys PostbackKeys, now time.Time) (Postback, error) {
	return VerifyPostback(e.Postback, e.Webhook.Header(), keys, now)
}

// EventPage is a part of a merchant's feed of events.
type EventPage struct {
	Events []Event // oldest first
	// Next is the cursor behind the last event. It is never empty, and stays the same while nothing new comes.
	Next string
	More bool // there are others behind Next now
	Mode Mode
	// Merchant is the slug of the merchant whose feed it is.
	Merchant string
}

// AppendJSON appends the page as it goes over the wire.
func (p EventPage) AppendJSON(b []byte) []byte {
	b = append(b, `{"events":[`...)
	for i, e := range p.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = e.appendJSON(b)
	}
	b = appendMember(append(b, ']'), "next", p.Next)
	b = strconv.AppendBool(appendName(b, "more"), p.More)
	b = appendMember(b, "mode", string(p.Mode))
	b = appendMember(b, "merchant", p.Merchant)
	return append(b, '}')
}

func (e Event) appendJSON(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"position":`...), e.Position, 10)
	b = appendMember(b, "cursor", e.Cursor)
	b = appendMember(b, "type", string(e.Type))
	b = appendMember(b, "webhook_id", e.WebhookID)
	b = appendMember(b, "created_at", e.CreatedAt.UTC().Format(time.RFC3339Nano))
	b = appendMember(append(appendName(b, "webhook"), '{'), HeaderWebhookID, e.Webhook.ID)
	b = appendMember(b, HeaderWebhookTimestamp, e.Webhook.Timestamp)
	b = append(appendMember(b, HeaderWebhookSignature, e.Webhook.Signature), '}')
	b = append(appendName(b, "postback"), e.Postback...)
	return append(b, '}')
}

// eventPageWire is an EventPage as it is read. Members that it doesn't know are ignored: later versions may have more.
type eventPageWire struct {
	Events []struct {
		Position  int64           `json:"position"`
		Cursor    string          `json:"cursor"`
		Type      EventType       `json:"type"`
		WebhookID string          `json:"webhook_id"`
		CreatedAt time.Time       `json:"created_at"`
		Webhook   Webhook         `json:"webhook"`
		Postback  json.RawMessage `json:"postback"`
	} `json:"events"`
	Next     string `json:"next"`
	More     bool   `json:"more"`
	Mode     Mode   `json:"mode"`
	Merchant string `json:"merchant"`
}

func readEventPage(text []byte) (EventPage, error) {
	var wire eventPageWire
	if err := json.Unmarshal(text, &wire); err != nil {
		return EventPage{}, err
	}
	if wire.Next == "" {
		return EventPage{}, fmt.Errorf("it has no cursor")
	}
	page := EventPage{Next: wire.Next, More: wire.More, Mode: wire.Mode, Merchant: wire.Merchant}
	for _, e := range wire.Events {
		page.Events = append(page.Events, Event(e))
	}
	return page, nil
}

// Events reads the merchant's feed of events behind a cursor: that of a page or of an event, CursorStart or CursorEnd. It
// is how a merchant finds what it missed while its receiver was away: keep the cursor of the last event that you booked,
// and ask again from there. limit is the most that a page has, 1 to MaxEventLimit, or 0 for DefaultEventLimit.
//
// Events come in one order that never changes, oldest first, without gaps: one that is written later never appears before
// a cursor that was given out. One postback is one event, but a restore of the server's backup may bring some again, so
// book by Data.StockpilingID as in a receiver of postbacks. A page without events means that there is nothing new yet.
func (c *Client) Events(ctx context.Context, after string, limit int) (EventPage, error) {
	query := url.Values{}
	if after != CursorStart {
		query.Set("after", after)
	}
	if limit != 0 {
		query.Set("limit", strconv.Itoa(limit))
	}
	path := "/v3/events"
	if encoded := query.Encode(); encoded != "" {
		path += "?" + encoded
	}
	text, err := c.modernText(ctx, http.MethodGet, path)
	if err != nil {
		return EventPage{}, err
	}
	page, err := readEventPage(text)
	if err != nil {
		return EventPage{}, unreadable("no page of events", err)
	}
	return page, nil
}
