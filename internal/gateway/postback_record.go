package gateway

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// Limits of what is kept of an attempt, in bytes.
const (
	maxAttemptAnswer = 4 << 10
	maxAttemptError  = 500
)

// Attempt is one request that was made for a leased postback, and what came of it.
type Attempt struct {
	Postback   Postback
	Lease      int64 // under which it was made
	StartedAt  time.Time
	Duration   time.Duration
	Address    string // that was dialled, "" if none
	TLS        string // "TLS 1.3", "" without
	Status     int    // HTTP status, 0 without an answer
	Failure    string // kind of error, "" when an answer came
	Error      string
	Answer     []byte // its first 4 KiB are kept
	Delivered  bool
	RetryAfter time.Duration // what the receiver asked for
}

// AttemptResult is what became of a postback by an attempt.
type AttemptResult struct {
	State  PostbackState
	NextAt time.Time // of the next try, zero unless State is PostbackPending
	// Stale: another owner had leased the postback since. Nothing is kept of the attempt; the other fields are empty.
	Stale bool
}

// Outcome applies the delivery rule and the schedule: what the record of the attempt says, unless it is refused.
func (a Attempt) Outcome() AttemptResult {
	if a.Delivered {
		return AttemptResult{State: PostbackDelivered}
	}
	p := a.Postback
	next, exhausted := postback.Next(p.Attempts+1-p.ScheduleTries, p.ScheduleAt, a.EndedAt(), a.RetryAfter, uint64(p.ID))
	if exhausted {
		return AttemptResult{State: PostbackExhausted}
	}
	return AttemptResult{State: PostbackPending, NextAt: fromMicro(next.UnixMicro())}
}

// EndedAt is when the request ended.
func (a Attempt) EndedAt() time.Time { return a.StartedAt.Add(a.Duration) }

// LaneMove goes with the attempts of a lane into one record.
type LaneMove struct {
	LaneLease
	Breaker *postback.Breaker // as it is now; nil: unchanged
	From    time.Time         // ChangedAt of the breaker that it was before
	Hasten  int64             // a postback of the lane that is due now, and not when its schedule says; 0: none
	Release bool              // somebody else may take the lane
}

// RecordAttempts stores attempts, what follows from each, and what became of their lanes, in one transaction. Results
// come in the order of the attempts, of which a postback has at most one under the same lease. Of a lane whose lease is
// gone nothing is stored.
//
// It may be repeated with the same arguments: what is stored already gives the same result. ErrUnknown: the database
// gave no clear answer; repeat. Any other error means that the database refuses one of them.
func (g *Gateway) RecordAttempts(ctx context.Context, attempts []Attempt, moves []LaneMove) ([]AttemptResult, error) {
	if len(attempts)+len(moves) == 0 {
		return nil, nil
	}
	results, r := make([]AttemptResult, len(attempts)), newRecord(moves)
	for i, a := range attempts {
		results[i] = a.Outcome()
		r.add(a, results[i])
	}
	r.now = g.now()
	var kept map[attemptKey]bool
	err := g.write(ctx, func(ctx context.Context, q *store.Queries) (err error) {
		kept, err = r.save(ctx, q)
		return err
	})
	switch {
	case errors.Is(err, store.ErrAmbiguous), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrRetry):
		return nil, fmt.Errorf("record attempts: %w", errors.Join(ErrUnknown, err))
	case err != nil:
		return nil, fmt.Errorf("record attempts: %w", err)
	}
	for i, a := range attempts {
		if !kept[attemptKey{a.Postback.ID, a.Lease}] {
			results[i] = AttemptResult{Stale: true}
		}
	}
	return results, nil
}

// attemptKey names an attempt within a record: who leased a postback anew may record it beside what it sent before.
type attemptKey struct{ postback, lease int64 }

// record is what one transaction stores: attempts and moves, each with the lane that it stands and falls with.
type record struct {
	lanes     map[LaneLease]bool
	postbacks []recordRow
	attempts  []attemptRow
	ofLane    []LaneLease // of the attempts
	moves     []LaneMove
	now       time.Time
}

func newRecord(moves []LaneMove) *record {
	r := &record{lanes: map[LaneLease]bool{}, moves: moves}
	for _, m := range moves {
		r.lanes[m.LaneLease] = true
	}
	return r
}

func (r *record) add(a Attempt, result AttemptResult) {
	lane := LaneLease{a.Postback.Endpoint, a.Lease}
	r.lanes[lane] = true
	postbackRow, attemptRow := a.rows(result)
	r.postbacks, r.attempts, r.ofLane = append(r.postbacks, postbackRow), append(r.attempts, attemptRow), append(r.ofLane, lane)
}

// save returns which attempts are stored: by this call, or by an earlier one whose COMMIT gave no answer.
func (r *record) save(ctx context.Context, q *store.Queries) (map[attemptKey]bool, error) {
	held, err := q.LockLanes(ctx, store.Rows(laneRows(slices.Collect(maps.Keys(r.lanes)))))
	if err != nil {
		return nil, err
	}
	holds := make(map[LaneLease]bool, len(held))
	for _, row := range held {
		holds[LaneLease{Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}, row.Lease}] = true
	}
	kept, err := r.saveAttempts(ctx, q, holds)
	if err != nil {
		return nil, err
	}
	return kept, r.saveMoves(ctx, q, holds)
}

func (r *record) saveAttempts(ctx context.Context, q *store.Queries, holds map[LaneLease]bool) (map[attemptKey]bool, error) {
	var mine []recordRow
	for i, row := range r.postbacks {
		if holds[r.ofLane[i]] {
			mine = append(mine, row)
		}
	}
	slices.SortFunc(mine, func(a, b recordRow) int { return cmp.Compare(a.ID, b.ID) }) // as a replay locks them
	moved := make(map[int64]bool, len(mine))
	if len(mine) > 0 {
		ids, err := q.RecordPostbacks(ctx, store.Rows(mine))
		if err != nil {
			return nil, err
		}
		for _, id := range ids {
			moved[id] = true
		}
	}
	kept := make(map[attemptKey]bool, len(r.attempts))
	var fresh, doubtful []attemptRow
	for i, row := range r.attempts {
		if holds[r.ofLane[i]] && moved[row.ID] {
			kept[attemptKey{row.ID, row.Lease}] = true
			fresh = append(fresh, row)
		} else {
			doubtful = append(doubtful, row)
		}
	}
	if len(fresh) > 0 {
		if err := q.InsertPostbackAttempts(ctx, store.Rows(fresh)); err != nil {
			return nil, err
		}
	}
	if len(doubtful) > 0 {
		stored, err := q.FindPostbackAttempts(ctx, store.Rows(doubtful))
		if err != nil {
			return nil, err
		}
		for _, row := range stored {
			kept[attemptKey{row.PostbackID, row.Lease}] = true
		}
	}
	return kept, nil
}

func (r *record) saveMoves(ctx context.Context, q *store.Queries, holds map[LaneLease]bool) error {
	var breakers []breakerRow
	var hastened []idRow
	var released []LaneLease
	for _, m := range r.moves {
		if !holds[m.LaneLease] {
			continue
		}
		if b := m.Breaker; b != nil {
			breakers = append(breakers, breakerRow{
				int64(m.Endpoint.MerchantID), string(m.Endpoint.Kind), micros(m.From), string(b.State), b.Reason, min(b.Failures, math.MaxInt16),
				micros(b.ChangedAt), b.ProbeID, micros(b.ProbeAt), micros(b.ProbedAt),
			})
		}
		if m.Hasten != 0 {
			hastened = append(hastened, idRow{m.Hasten})
		}
		if m.Release {
			released = append(released, m.LaneLease)
		}
	}
	if len(breakers) > 0 {
		if err := q.MoveLanes(ctx, store.Rows(breakers)); err != nil {
			return err
		}
	}
	if len(hastened) > 0 {
		if err := q.HastenPostbacks(ctx, store.HastenPostbacksParams{Now: r.now.UnixMicro(), Batch: store.Rows(hastened)}); err != nil {
			return err
		}
	}
	if len(released) == 0 {
		return nil
	}
	return q.ReleaseLanes(ctx, store.Rows(laneRows(released)))
}

// micros is a time as stored where 0 means none, sometime reads it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func sometime(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return fromMicro(us)
}

// recordRow, attemptRow and breakerRow are named like the columns of queries/postback.sql.
type recordRow struct {
	ID         int64  `json:"id"`
	Number     int    `json:"number"`
	State      string `json:"state"`
	NextAt     int64  `json:"next_at"`
	EndedAt    *int64 `json:"ended_at"`
	ScheduleAt int64  `json:"schedule_at"`
}

type attemptRow struct {
	ID        int64  `json:"id"`
	Number    int    `json:"number"`
	Lease     int64  `json:"lease"`
	StartedAt int64  `json:"started_at"`
	Duration  int64  `json:"duration"`
	Address   string `json:"address"`
	TLS       string `json:"tls"`
	Status    int    `json:"status"`
	Failure   string `json:"failure"`
	Error     string `json:"error"`
	Answer    string `json:"answer"`
	RetryAt   *int64 `json:"retry_at"`
}

type breakerRow struct {
	MerchantID int64  `json:"merchant_id"`
	Kind       string `json:"kind"`
	From       int64  `json:"from_changed_at"`
	State      string `json:"state"`
	Reason     string `json:"reason"`
	Failures   int    `json:"failures"`
	ChangedAt  int64  `json:"changed_at"`
	ProbeID    int64  `json:"probe_id"`
	ProbeAt    int64  `json:"probe_at"`
	ProbedAt   int64  `json:"probed_at"`
}

func (a Attempt) rows(result AttemptResult) (recordRow, attemptRow) {
	p, number, ended := a.Postback, a.Postback.Attempts+1, a.EndedAt().UnixMicro()
	record := recordRow{ID: p.ID, Number: number, State: string(result.State), NextAt: ended, EndedAt: &ended, ScheduleAt: p.ScheduleAt.UnixMicro()}
	attempt := attemptRow{
		ID: p.ID, Number: number, Lease: a.Lease, StartedAt: a.StartedAt.UnixMicro(), Duration: a.Duration.Microseconds(),
		Address: a.Address, TLS: a.TLS, Status: a.Status, Failure: a.Failure, Error: plainText(a.Error, maxAttemptError),
		Answer: hex.EncodeToString(a.Answer[:min(len(a.Answer), maxAttemptAnswer)]),
	}
	if result.State == PostbackPending {
		next := result.NextAt.UnixMicro()
		record.NextAt, record.EndedAt, attempt.RetryAt = next, nil, &next
	}
	return record, attempt
}

// plainText makes a text storable that may quote what a stranger sent: valid UTF-8 without NUL, at most limit bytes.
func plainText(text string, limit int) string {
	text = strings.ReplaceAll(text, "\x00", "")
	return strings.ToValidUTF8(text[:min(len(text), limit)], "")
}
