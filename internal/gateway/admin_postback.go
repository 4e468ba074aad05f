package gateway

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// Bounds of reading and replaying postbacks, of which there may be millions. Nothing indexes the time or the webhook id
// of a postback: each index of its table is paid for on the way of every deposit.
const (
	// ReplayChunk is how many postbacks one transaction replays at most. Between two a running server gets its turn.
	ReplayChunk = 500
	// pickStretch is how many ids one statement looks through, walkStretch how many where progress is shown.
	pickStretch = 20_000
	walkStretch = 5_000
	// maxPickStretches bounds the stretches with postbacks in them that one list looks through.
	maxPickStretches = 25
	// PickReach is how many ids that are, where ids have no gaps.
	PickReach = pickStretch * maxPickStretches
	// webhookStretch is how many ids lie between two marks by which a webhook id is looked for: a server's block of ids.
	webhookStretch = idBlock
	// maxWebhookStretches bounds the stretches that are searched for a webhook id.
	maxWebhookStretches = 50
	// webhookPrefix stands before the UUID of a webhook id.
	webhookPrefix = "msg_"
)

// PostbackPaused is shown in place of PostbackPending while the endpoint is paused. It is never stored.
const PostbackPaused PostbackState = "paused"

// PostbackFilter chooses postbacks. A member that is zero chooses all.
type PostbackFilter struct {
	State        PostbackState // pending doesn't include paused
	MerchantID   merchant.ID
	Since, Until time.Time // when it was written, both inclusive
	// Failed: exhausted, or pending and failed since its schedule began. One that was replayed and not tried yet isn't.
	Failed bool
}

// PickedPostback is a postback that a filter chose.
type PickedPostback struct {
	ID       int64
	Endpoint Endpoint
}

// bounds are the members as the queries take them.
func (f PostbackFilter) bounds() (first, last, since, until int64) {
	first, last, until = 0, math.MaxInt64, math.MaxInt64
	if f.MerchantID != 0 {
		first, last = int64(f.MerchantID), int64(f.MerchantID)
	}
	if !f.Since.IsZero() {
		since = f.Since.UnixMicro()
	}
	if !f.Until.IsZero() {
		until = f.Until.UnixMicro()
	}
	return first, last, since, until
}

// stored is the state as it is stored.
func (f PostbackFilter) stored() PostbackState {
	if f.State == PostbackPaused {
		return PostbackPending
	}
	return f.State
}

// gate tells pending ones from paused ones; "" is for states to which that is nothing.
func (f PostbackFilter) gate() string {
	if f.State == PostbackPending || f.State == PostbackPaused {
		return string(f.State)
	}
	return ""
}

// PickPostbacks chooses up to most postbacks with ids below before, newest first. What is pending or exhausted is found
// by index. All else is looked for among a bounded number of the newest: more then isn't 0 but the id to go on below.
func PickPostbacks(ctx context.Context, q *store.Queries, f PostbackFilter, before int64, most int) (picked []PickedPostback, more int64, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("pick postbacks: %w", err)
		}
	}()
	if !f.Failed && (f.State == "" || f.State == PostbackDelivered) {
		return pickNewest(ctx, q, f, before, most, maxPickStretches)
	}
	// A large backlog is read and sorted by the index as a whole: seldom is it needed, its newest stand among the newest.
	picked, _, err = pickNewest(ctx, q, f, before, most, 1)
	if err != nil || len(picked) == most {
		return picked, 0, err
	}
	picked = nil
	if f.State != PostbackExhausted {
		if picked, err = pickPending(ctx, q, f, before, most); err != nil {
			return nil, 0, err
		}
	}
	if f.State == "" || f.State == PostbackExhausted {
		exhausted, err := pickExhausted(ctx, q, f, before, most)
		if err != nil {
			return nil, 0, err
		}
		picked = append(picked, exhausted...)
		slices.SortFunc(picked, func(a, b PickedPostback) int { return cmp.Compare(b.ID, a.ID) })
	}
	return picked[:min(len(picked), most)], 0, nil
}

func pickPending(ctx context.Context, q *store.Queries, f PostbackFilter, before int64, most int) ([]PickedPostback, error) {
	first, last, since, until := f.bounds()
	rows, err := q.PickPendingPostbacks(ctx, store.PickPendingPostbacksParams{
		FirstMerchant: first, LastMerchant: last, Before: before, Since: since, Until: until,
		Failed: flag(f.Failed), Gate: f.gate(), Rows: int64(most),
	})
	return pickedOf(rows), err
}

func pickExhausted(ctx context.Context, q *store.Queries, f PostbackFilter, before int64, most int) ([]PickedPostback, error) {
	first, last, since, until := f.bounds()
	rows, err := q.PickExhaustedPostbacks(ctx, store.PickExhaustedPostbacksParams{
		Before: before, FirstMerchant: first, LastMerchant: last, Since: since, Until: until, Rows: int64(most),
	})
	return pickedOf(rows), err
}

// pickedOf is the rows of any of the queries that pick: they have the same columns.
func pickedOf[R store.PickPostbacksRow | store.PickPendingPostbacksRow | store.PickExhaustedPostbacksRow](rows []R) []PickedPostback {
	picked := make([]PickedPostback, len(rows))
	for i, r := range rows {
		row := store.PickPostbacksRow(r)
		picked[i] = PickedPostback{row.ID, Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}}
	}
	return picked
}

// pickNewest goes down the ids, stretch by stretch.
func pickNewest(ctx context.Context, q *store.Queries, f PostbackFilter, before int64, most, stretches int) (picked []PickedPostback, more int64, err error) {
	for range stretches {
		top, err := q.GetHighestPostback(ctx, before)
		if err != nil || top == 0 {
			return picked, 0, err
		}
		lowest := max(top-pickStretch+1, 1)
		found, err := pickStretchOf(ctx, q, f, lowest, top+1, most-len(picked))
		if err != nil {
			return nil, 0, err
		}
		if picked = append(picked, found...); len(picked) == most {
			return picked, 0, nil
		}
		before = lowest
	}
	top, err := q.GetHighestPostback(ctx, before)
	if err != nil || top == 0 {
		return picked, 0, err
	}
	return picked, top + 1, nil
}

// pickStretchOf chooses among the ids from lowest to below before, newest first.
func pickStretchOf(ctx context.Context, q *store.Queries, f PostbackFilter, lowest, before int64, most int) ([]PickedPostback, error) {
	first, last, since, until := f.bounds()
	rows, err := q.PickPostbacks(ctx, store.PickPostbacksParams{
		Lowest: lowest, Before: before, FirstMerchant: first, LastMerchant: last, Since: since, Until: until,
		State: string(f.stored()), Gate: f.gate(), Failed: flag(f.Failed), Rows: int64(most),
	})
	return pickedOf(rows), err
}

// WalkPostbacks chooses all postbacks with ids above after, oldest first, and hands them to visit stretch by stretch. It
// goes through all ids there are when it begins; done of total are behind it, by id.
func WalkPostbacks(ctx context.Context, q *store.Queries, f PostbackFilter, after int64, visit func(picked []PickedPostback, done, total int64) error) error {
	end, err := q.GetHighestPostback(ctx, math.MaxInt64)
	if err != nil {
		return fmt.Errorf("walk postbacks: %w", err)
	}
	begin := int64(-1)
	for after < end {
		lowest, err := q.GetLowestPostback(ctx, after)
		if err != nil {
			return fmt.Errorf("walk postbacks: %w", err)
		}
		if lowest == 0 {
			return nil
		}
		if begin < 0 {
			begin = lowest
		}
		before := min(lowest+walkStretch, end+1)
		picked, err := pickStretchOf(ctx, q, f, lowest, before, walkStretch)
		if err != nil {
			return fmt.Errorf("walk postbacks: %w", err)
		}
		slices.Reverse(picked)
		after = before - 1
		if err := visit(picked, before-begin, end+1-begin); err != nil {
			return err
		}
	}
	return nil
}

// FindPostback finds a postback by the id that its receiver saw in the header webhook-id. 0: there is none, or it wasn't
// found.
//
// A webhook id is a UUID that begins with the time of its making, and ids of postbacks grow with time, one server's block
// by block: what was written at about that time is searched first, and no more than a bounded number of blocks.
func FindPostback(ctx context.Context, q *store.Queries, webhookID string) (int64, error) {
	text, ours := strings.CutPrefix(webhookID, webhookPrefix)
	made, err := uuid.Parse(text)
	if !ours || err != nil {
		return 0, nil
	}
	seconds, nanoseconds := made.Time().UnixTime()
	madeAt := time.Unix(seconds, nanoseconds).UnixMicro()
	marks, err := q.ListPostbackMarks(ctx, webhookStretch)
	if err != nil {
		return 0, fmt.Errorf("find postback: %w", err)
	}
	away := func(m store.ListPostbackMarksRow) int64 { return max(m.CreatedAt-madeAt, madeAt-m.CreatedAt) }
	slices.SortFunc(marks, func(a, b store.ListPostbackMarksRow) int { return cmp.Compare(away(a), away(b)) })
	for _, mark := range marks[:min(len(marks), maxWebhookStretches)] {
		id, err := q.FindPostbackByWebhook(ctx, store.FindPostbackByWebhookParams{After: mark.ID - webhookStretch, Until: mark.ID, WebhookID: webhookID})
		if err == nil {
			return id, nil
		}
		if !isNoRows(err) {
			return 0, fmt.Errorf("find postback: %w", err)
		}
	}
	return 0, nil
}

// ReplayPostbacks makes postbacks due now, whatever became of them, and begins their schedules anew; attempts are counted
// on. Their endpoints are closed, so that they are tried at once; one that is paused stays so. Unknown ids are passed
// over.
//
// Each ReplayChunk of them is one transaction. On an error replayed are stored; to repeat the call is harmless.
func (g *Gateway) ReplayPostbacks(ctx context.Context, ids []int64) (replayed int, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	for chunk := range slices.Chunk(ids, ReplayChunk) {
		if err := ctx.Err(); err != nil {
			return replayed, err
		}
		var changed int64
		err := g.write(ctx, func(ctx context.Context, q *store.Queries) (err error) {
			if changed, err = replayChunk(ctx, q, chunk, g.now()); err != nil || changed == 0 {
				return err
			}
			return g.appendAudit(ctx, q, g.now(), g.actor(), auditEntry{
				"postback.replayed", fmt.Sprintf("postback:%d-%d", chunk[0], chunk[len(chunk)-1]), fmt.Sprintf("%d of %d picked", changed, len(chunk)),
			})
		})
		if err != nil {
			return replayed, fmt.Errorf("replay postbacks: %w", err)
		}
		replayed += int(changed)
		if g.opts.OnPostback != nil {
			g.opts.OnPostback(nil)
		}
	}
	return replayed, nil
}

// replayChunk takes endpoints before postbacks, the order in which those take them who send.
func replayChunk(ctx context.Context, q *store.Queries, ids []int64, now time.Time) (int64, error) {
	rows := make([]idRow, len(ids))
	for i, id := range ids {
		rows[i] = idRow{id}
	}
	endpoints, err := q.ListEndpointsOfPostbacks(ctx, store.Rows(rows))
	if err != nil {
		return 0, err
	}
	for _, e := range endpoints {
		if err := closeEndpoint(ctx, q, Endpoint{merchant.ID(e.MerchantID), PostbackKind(e.Kind)}, now, false); err != nil {
			return 0, err
		}
	}
	return q.ReplayPostbacks(ctx, store.ReplayPostbacksParams{Now: now.UnixMicro(), Batch: store.Rows(rows)})
}
