package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

const (
	// numberEvents bounds the events that one transaction numbers, numberMerchants the merchants that these are of.
	numberEvents    = 500
	numberMerchants = 50
)

// Event is one postback of a merchant in the merchant's feed.
type Event struct {
	Position  int64 // from 1, without gaps but for those that a restore leaves
	Type      galla.EventType
	WebhookID string
	CreatedAt time.Time
	Body      []byte // the exact bytes that every attempt sends
}

// Events reads a merchant's feed behind a position, 0 for all of it, oldest first and at most limit (1 or more). more:
// there are others. A position appears after all below it, so who has read up to one has missed nothing.
func (g *Gateway) Events(ctx context.Context, id merchant.ID, after int64, limit int) (events []Event, more bool, err error) {
	rows, err := g.store.Read().ListEvents(ctx, store.ListEventsParams{MerchantID: int64(id), After: after, Size: int32(limit + 1)})
	if err != nil {
		return nil, false, fmt.Errorf("list events: %w", err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, row := range rows {
		body, err := postback.StoredBody(row.ID, row.Body, row.Packed)
		if err != nil {
			return nil, false, fmt.Errorf("list events: %w", err)
		}
		events = append(events, Event{
			Position: row.Position, Type: eventType(PostbackKind(row.Kind), body), WebhookID: row.WebhookID,
			CreatedAt: fromMicro(row.CreatedAt), Body: body,
		})
	}
	return events, more, nil
}

// LastEvent is the position of a merchant's last event, 0 when there is none yet.
func (g *Gateway) LastEvent(ctx context.Context, id merchant.ID) (int64, error) {
	last, err := g.store.Read().GetLastPosition(ctx, int64(id))
	if err != nil && !isNoRows(err) {
		return 0, fmt.Errorf("read last event: %w", err)
	}
	return last, nil
}

// eventType says what a postback tells about.
func eventType(kind PostbackKind, body []byte) galla.EventType {
	if kind != PostbackWithdrawal {
		return galla.EventDepositOK
	}
	var told struct {
		Data []struct {
			Status int `json:"withdrawal_status"`
		} `json:"additional_data"`
	}
	// A body that can't be read tells of no payment.
	if json.Unmarshal(body, &told) == nil && len(told.Data) == 1 && told.Data[0].Status == galla.WithdrawalPaid {
		return galla.EventWithdrawalPaid
	}
	return galla.EventWithdrawalFailed
}

// NumberEvents gives a position to every postback that has none yet. It may run in any number of instances: the row of a
// merchant's feed is held from the look at its last position until the new ones are committed, so positions become
// visible in their order and without gaps, whatever order the postbacks were written or committed in.
func (g *Gateway) NumberEvents(ctx context.Context) error {
	for {
		merchants, err := g.store.Read().ListNewEventMerchants(ctx)
		if err != nil {
			return fmt.Errorf("number events: %w", err)
		}
		if len(merchants) == 0 {
			return nil
		}
		// Whoever has a large backlog, as after an upgrade, must not keep the others waiting.
		rand.Shuffle(len(merchants), func(i, j int) { merchants[i], merchants[j] = merchants[j], merchants[i] })
		chosen := merchants[:min(len(merchants), numberMerchants)]
		slices.Sort(chosen) // two instances take the rows of feeds in the same order
		full := len(chosen) < len(merchants)
		err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
			used, err := g.number(ctx, q, chosen)
			full = full || used
			return err
		})
		if err != nil {
			return fmt.Errorf("number events: %w", err)
		}
		if !full || ctx.Err() != nil {
			return ctx.Err()
		}
	}
}

// number numbers events of these merchants, each an equal share. full: a share was used up, so there may be more.
func (g *Gateway) number(ctx context.Context, q *store.Queries, merchants []int64) (full bool, err error) {
	ids := make([]idRow, len(merchants))
	for i, id := range merchants {
		ids[i] = idRow{id}
	}
	locked, err := q.LockFeeds(ctx, store.Rows(ids))
	if err != nil {
		return false, fmt.Errorf("lock feeds: %w", err)
	}
	share, now := numberEvents/len(merchants), g.now().UnixMicro()
	var events []eventRow
	var feeds []feedRow
	for _, feed := range locked {
		postbacks, err := q.TakeNewEvents(ctx, store.TakeNewEventsParams{MerchantID: feed.MerchantID, Most: int32(share)})
		if err != nil {
			return false, fmt.Errorf("take new events: %w", err)
		}
		if len(postbacks) == 0 {
			continue // another instance was faster
		}
		full = full || len(postbacks) == share
		slices.Sort(postbacks)
		last := feed.LastPosition
		for _, id := range postbacks {
			last++
			events = append(events, eventRow{feed.MerchantID, last, id, now})
		}
		feeds = append(feeds, feedRow{feed.MerchantID, last})
	}
	if len(events) == 0 {
		return full, nil
	}
	if err := q.InsertEvents(ctx, store.Rows(events)); err != nil {
		return false, fmt.Errorf("insert events: %w", err)
	}
	return full, q.MoveFeeds(ctx, store.Rows(feeds))
}

// eventRow and feedRow are named like the columns of queries/event.sql.
type eventRow struct {
	MerchantID int64 `json:"merchant_id"`
	Position   int64 `json:"position"`
	PostbackID int64 `json:"postback_id"`
	At         int64 `json:"at"`
}

type feedRow struct {
	MerchantID   int64 `json:"merchant_id"`
	LastPosition int64 `json:"last_position"`
}

// skipPositions moves every feed ahead after a restore. Events that came after the backup had positions that merchants may
// have read up to; others that got these again would lie behind their cursors, unread for ever.
func skipPositions(ctx context.Context, q *store.Queries) error {
	if err := q.EnsureFeeds(ctx); err != nil {
		return fmt.Errorf("add feeds: %w", err)
	}
	if err := q.SkipPositions(ctx, RestoreIDGap); err != nil {
		return fmt.Errorf("move positions ahead: %w", err)
	}
	return nil
}
