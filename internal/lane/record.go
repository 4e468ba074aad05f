package lane

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
)

// Pauses between tries to record while the database gives no answer.
const (
	firstPause   = 50 * time.Millisecond
	longestPause = 2 * time.Second
	// triesAfterStop bounds them once the process is to end.
	triesAfterStop = 5
)

// record stores results until their channel is closed. It takes what came in while the last transaction ran, so groups
// grow with the load and a lone result waits for nobody.
func (l *Lane) record(ctx context.Context) {
	for first := range l.results {
		group := []gateway.Attempt{first}
		for len(group) < recordSize && len(l.results) > 0 {
			group = append(group, <-l.results) // nobody else receives
		}
		l.save(ctx, group)
	}
}

// save stores a group, for as long as it takes while the database is away. An attempt that the database refuses is
// found by halving; it is lost, and its postback is sent again when the lease ends.
func (l *Lane) save(ctx context.Context, group []gateway.Attempt) {
	after := 0
	for pause := firstPause; ; pause = min(2*pause, longestPause) {
		results, err := l.config.Gateway.RecordAttempts(ctx, group)
		if err == nil {
			for i, result := range results {
				l.report(group[i], result)
			}
			return
		}
		l.counters.Faults.Add(1)
		l.log.Error("postback.record_failed", "attempts", len(group), "error", err)
		if ctx.Err() != nil {
			after++
		}
		unknown := errors.Is(err, gateway.ErrUnknown)
		switch {
		case !unknown && len(group) > 1:
			l.save(ctx, group[:len(group)/2])
			l.save(ctx, group[len(group)/2:])
			return
		case !unknown, after == triesAfterStop:
			l.lost += len(group)
			return
		}
		time.Sleep(pause)
	}
}

// report counts a recorded attempt and logs it: one line for each, the alarm for the last of a postback in vain.
func (l *Lane) report(a gateway.Attempt, result gateway.AttemptResult) {
	level, event := slog.LevelInfo, "postback.sent"
	switch {
	case result.Stale:
		l.counters.Stale.Add(1)
		level, event = slog.LevelWarn, "postback.record_refused"
	case result.State == gateway.PostbackDelivered:
		l.counters.Delivered.Add(1)
	case result.State == gateway.PostbackExhausted:
		l.counters.Failed.Add(1)
		l.counters.Exhausted.Add(1)
		level, event = slog.LevelError, "postback.exhausted"
	default:
		l.counters.Failed.Add(1)
	}
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	p := a.Postback
	slug := ""
	if m, ok := l.config.Gateway.Directory().Merchant(p.Endpoint.MerchantID); ok {
		slug = m.Slug
	}
	attrs := []slog.Attr{
		slog.Int64("postback", p.ID), slog.String("merchant", slug), slog.String("kind", string(p.Endpoint.Kind)),
		slog.Int64("subject", p.SubjectID), slog.String("webhook_id", p.WebhookID), slog.Int("attempt", p.Attempts+1),
		slog.String("state", string(result.State)), slog.Int("status", a.Status), slog.String("address", a.Address),
		slog.Duration("duration", a.Duration),
	}
	if a.Failure != "" {
		attrs = append(attrs, slog.String("failure", a.Failure), slog.String("error", a.Error))
	}
	if !result.NextAt.IsZero() {
		attrs = append(attrs, slog.Time("next_at", result.NextAt))
	}
	l.log.LogAttrs(context.Background(), level, event, attrs...)
}
