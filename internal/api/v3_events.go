package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// events answers a page of the merchant's own feed.
func (a *api) events(w http.ResponseWriter, r *http.Request) error {
	m, err := a.bearer(w, r)
	if err != nil {
		return err
	}
	given, err := query(r, "after", "limit")
	if err != nil {
		return err
	}
	limit, err := wholeNumber("limit", given["limit"], galla.DefaultEventLimit, 1, galla.MaxEventLimit)
	if err != nil {
		return err
	}
	page := galla.EventPage{Mode: a.mode(m), Merchant: m.Slug}
	after, err := readCursor(m.Slug, given["after"])
	switch {
	case given["after"] == galla.CursorEnd:
		if after, err = a.Gateway.LastEvent(r.Context(), m.ID); err != nil {
			return err
		}
	case err != nil:
		return err
	default:
		var events []gateway.Event
		if events, page.More, err = a.Gateway.Events(r.Context(), m.ID, after, int(limit)); err != nil {
			return err
		}
		if page.Events, err = a.sign(m, events); err != nil {
			return err
		}
	}
	if last := len(page.Events) - 1; last >= 0 {
		after = page.Events[last].Position
	}
	page.Next = cursor(m.Slug, after)
	web.Note(w, slog.Int("events", len(page.Events)), slog.Int64("position", after))
	send(w, http.StatusOK, page)
	return nil
}

// sign gives each event the headers that a postback would carry if it were sent now.
func (a *api) sign(m *gateway.Merchant, events []gateway.Event) ([]galla.Event, error) {
	now := a.Now()
	secrets := m.WebhookSecrets(now)
	signed := make([]galla.Event, len(events))
	for i, e := range events {
		webhook, err := galla.NewWebhook(secrets, e.WebhookID, now, e.Body)
		if err != nil {
			return nil, fmt.Errorf("sign event %d: %w", e.Position, err)
		}
		signed[i] = galla.Event{
			Position: e.Position, Cursor: cursor(m.Slug, e.Position), Type: e.Type, WebhookID: e.WebhookID, CreatedAt: e.CreatedAt,
			Webhook: webhook, Postback: e.Body,
		}
	}
	return signed, nil
}

// mode tells the merchant's developer whose money this is about.
func (a *api) mode(m *gateway.Merchant) galla.Mode {
	switch {
	case a.Gateway.Directory().Simulated:
		return galla.ModeSimulated
	case m.Sandbox:
		return galla.ModeSandbox
	}
	return galla.ModeLive
}

// cursorCheck is the length of a cursor's check, in hexadecimal digits.
const cursorCheck = 8

// cursor is what a merchant keeps of a position: the position and a check over it and the merchant. One that was cut, or
// is another merchant's, would be read as another place in the feed, and events would be missed without a sign.
func cursor(slug string, position int64) string {
	text := strconv.FormatInt(position, 10)
	sum := sha256.Sum256([]byte("galla.cursor.v1|" + slug + "|" + text))
	return text + "-" + hex.EncodeToString(sum[:])[:cursorCheck]
}

// readCursor is the other way of cursor. "" is the start.
func readCursor(slug, text string) (position int64, err error) {
	if text == galla.CursorStart {
		return 0, nil
	}
	number, _, _ := strings.Cut(text, "-")
	position, err = strconv.ParseInt(number, 10, 64)
	if err != nil || position < 0 || cursor(slug, position) != text {
		return 0, badRequest(codeInvalidCursor, "after is no cursor of this merchant's events: leave it out to begin at the start, or use %s for what comes from now on", galla.CursorEnd)
	}
	return position, nil
}
