package gateway

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

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
	Postback   LeasedPostback
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

// outcome applies the delivery rule and the schedule.
func (a Attempt) outcome() AttemptResult {
	if a.Delivered {
		return AttemptResult{State: PostbackDelivered}
	}
	next, exhausted := postback.Next(a.Postback.Attempts+1, a.Postback.CreatedAt, a.endedAt(), a.RetryAfter, uint64(a.Postback.ID))
	if exhausted {
		return AttemptResult{State: PostbackExhausted}
	}
	return AttemptResult{State: PostbackPending, NextAt: fromMicro(next.UnixMicro())}
}

func (a Attempt) endedAt() time.Time { return a.StartedAt.Add(a.Duration) }

// RecordAttempts stores attempts and what follows from each, in one transaction. A lease covers one attempt of each of
// its postbacks. Results come in the order of the attempts.
//
// It may be repeated with the same attempts: what is stored already gives the same result. ErrUnknown: the database
// gave no clear answer; repeat. Any other error means that the database refuses one of them.
func (g *Gateway) RecordAttempts(ctx context.Context, attempts []Attempt) ([]AttemptResult, error) {
	if len(attempts) == 0 {
		return nil, nil
	}
	results := make([]AttemptResult, len(attempts))
	postbacks, rows := make([]recordRow, len(attempts)), make([]attemptRow, len(attempts))
	for i, a := range attempts {
		results[i] = a.outcome()
		postbacks[i], rows[i] = a.rows(results[i])
	}
	var kept map[int64]bool
	err := g.write(ctx, func(ctx context.Context, q *store.Queries) (err error) {
		kept, err = saveAttempts(ctx, q, postbacks, rows)
		return err
	})
	switch {
	case errors.Is(err, store.ErrAmbiguous), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrRetry):
		return nil, fmt.Errorf("record attempts: %w", errors.Join(ErrUnknown, err))
	case err != nil:
		return nil, fmt.Errorf("record attempts: %w", err)
	}
	for i, a := range attempts {
		if !kept[a.Postback.ID] {
			results[i] = AttemptResult{Stale: true}
		}
	}
	return results, nil
}

// saveAttempts moves the postbacks that are still leased to who sent them, and returns the ids of those whose attempt
// is stored: by this call, or by an earlier one whose COMMIT gave no answer.
func saveAttempts(ctx context.Context, q *store.Queries, postbacks []recordRow, rows []attemptRow) (map[int64]bool, error) {
	moved, err := q.RecordPostbacks(ctx, store.Rows(postbacks))
	if err != nil {
		return nil, err
	}
	kept := make(map[int64]bool, len(rows))
	for _, id := range moved {
		kept[id] = true
	}
	var fresh, doubtful []attemptRow
	for _, row := range rows {
		if kept[row.ID] {
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
		for _, id := range stored {
			kept[id] = true
		}
	}
	return kept, nil
}

// recordRow and attemptRow are named like the columns of queries/postback.sql.
type recordRow struct {
	ID      int64  `json:"id"`
	Lease   int64  `json:"lease"`
	Number  int    `json:"number"`
	State   string `json:"state"`
	NextAt  int64  `json:"next_at"`
	EndedAt *int64 `json:"ended_at"`
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

func (a Attempt) rows(result AttemptResult) (recordRow, attemptRow) {
	p, number, ended := a.Postback, a.Postback.Attempts+1, a.endedAt().UnixMicro()
	record := recordRow{ID: p.ID, Lease: p.Lease, Number: number, State: string(result.State), NextAt: ended, EndedAt: &ended}
	attempt := attemptRow{
		ID: p.ID, Number: number, Lease: p.Lease, StartedAt: a.StartedAt.UnixMicro(), Duration: a.Duration.Microseconds(),
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
