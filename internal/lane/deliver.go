package lane

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

var errTooSlow = errors.New("no whole answer within " + RequestLimit.String())

// ended is a request that came to its end, or wasn't made.
type ended struct {
	lane    *owned
	work    work
	made    bool
	attempt gateway.Attempt
}

// deliver makes one attempt. It is its own goroutine and touches only what is shared.
func (l *Lane) deliver(ctx context.Context, o *owned, w work, lease gateway.LaneLease, until time.Time) {
	now := l.config.Now()
	m, known := l.config.Gateway.Directory().Merchant(w.Endpoint.MerchantID)
	if !known || until.Sub(now) < MinLeaseLeft {
		// This process slept since it leased: another may own the lane soon.
		l.ended <- ended{lane: o, work: w}
		return
	}
	if w.Damaged != nil {
		// It counts as an attempt that failed, so that it is seen and doesn't hold up the lane; after a restore of the row a
		// later one delivers it.
		l.log.Error("postback.damaged", "postback", w.ID, "merchant", m.Slug, "error", w.Damaged)
		result := sender.Result{Err: w.Damaged, ErrKind: postback.FailureDamaged}
		l.ended <- ended{lane: o, work: w, made: true, attempt: attempt(w.Postback, lease.Lease, now, result)}
		return
	}
	settings := l.config.Gateway.Directory().EndpointSettings(w.Endpoint)
	request := sender.Request{
		URL: m.URLOf(w.Endpoint.Kind), Body: w.Body, Header: l.header(m, w.Postback, now), Trust: sender.Trust{CA: settings.CA, Pin: settings.Pin},
	}
	l.counters.Open.Add(1)
	result := l.send(ctx, request)
	l.counters.Open.Add(-1)
	l.counters.Sent.Add(1)
	l.ended <- ended{lane: o, work: w, made: true, attempt: attempt(w.Postback, lease.Lease, now, result)}
}

// send makes the request. A graceful stop lets it end, so ctx doesn't cancel it.
func (l *Lane) send(ctx context.Context, request sender.Request) sender.Result {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), RequestLimit, errTooSlow)
	defer cancel()
	return l.config.Send(ctx, request)
}

// end takes note of a request that ended.
func (l *Lane) end(e ended) {
	o := e.lane
	l.running--
	o.open--
	defer l.release(o)
	for _, waiting := range l.starved {
		waiting.ringed = false
		l.ready(waiting)
	}
	l.starved = l.starved[:0]
	if l.freed++; l.freed >= freedAgain || l.running == 0 {
		l.tryKeptOut()
	}
	if !e.made {
		l.counters.Late.Add(1)
		l.slots.cancel(o.Endpoint)
		delete(o.held, e.work.ID)
		l.wants(o)
		l.settle(o)
		return
	}
	l.slots.end(o.Endpoint, e.attempt.Delivered)
	o.results++
	l.entries = append(l.entries, entry{lane: o, attempt: &e.attempt})
	request := endedRequest(e)
	if l.watch(o.Endpoint).End(request) {
		l.moved(o)
	}
	if request.Probe == postback.ProbeScheduled && !request.Delivered && !request.OfEndpoint() && o.Breaker.State == postback.Open {
		o.refused = request.PostbackID
		l.wants(o)
	}
	l.ready(o)
	l.settle(o)
}

// endedRequest is what the breaker sees of a request.
func endedRequest(e ended) postback.Ended {
	a := e.attempt
	return postback.Ended{
		PostbackID: a.Postback.ID, Probe: e.work.probe, StartedAt: a.StartedAt, EndedAt: a.EndedAt(), Delivered: a.Delivered,
		Status: a.Status, Failure: a.Failure, RetryAfter: a.RetryAfter, NextAt: a.Outcome().NextAt,
	}
}

// moved follows the breaker of a lane's endpoint: it is stored with the attempt that moved it.
func (l *Lane) moved(o *owned) {
	breaker := l.watch(o.Endpoint).Breaker
	before := o.Breaker
	o.Breaker = breaker
	move := &gateway.LaneMove{LaneLease: o.LaneLease, Breaker: &breaker, From: before.ChangedAt}
	l.entries = append(l.entries, entry{lane: o, move: move})
	if breaker.State == postback.Closed {
		// What it was probed with is due in hours maybe, for no fault of its own.
		move.Hasten = before.ProbeID
		l.wants(o) // what waited for this
	} else {
		l.clearQueue(o)
		o.more = false
		delete(l.hungry, o)
	}
	if breaker.State == before.State {
		return
	}
	level, event := slog.LevelWarn, "postback.endpoint_opened"
	switch breaker.State {
	case postback.Closed:
		level, event = slog.LevelInfo, "postback.endpoint_closed"
	case postback.Paused:
		level, event = slog.LevelError, "postback.endpoint_paused"
	}
	attrs := []slog.Attr{slog.String("merchant", l.slug(o.Endpoint)), slog.String("kind", string(o.Endpoint.Kind))}
	if breaker.Reason != "" {
		attrs = append(attrs, slog.String("reason", breaker.Reason))
	}
	if !breaker.ProbeAt.IsZero() {
		attrs = append(attrs, slog.Time("probe_at", breaker.ProbeAt))
	}
	l.log.LogAttrs(context.Background(), level, event, attrs...)
}

// slug names the merchant of an endpoint, "" when it is unknown.
func (l *Lane) slug(e gateway.Endpoint) string {
	if m, ok := l.config.Gateway.Directory().Merchant(e.MerchantID); ok {
		return m.Slug
	}
	return ""
}

// header builds the headers of Standard Webhooks 1.0 (protocol 5.2): one id for all attempts, a new time for each, and
// a signature for every live secret.
func (l *Lane) header(m *gateway.Merchant, p gateway.Postback, now time.Time) http.Header {
	var signatures []string
	for _, secret := range m.WebhookSecrets(now) {
		signature, err := galla.SignWebhook(secret, p.WebhookID, now, p.Body)
		if err != nil { // the signature in the body still stands
			l.log.Error("postback.not_signed", "postback", p.ID, "merchant", m.Slug, "error", err)
			continue
		}
		signatures = append(signatures, signature)
	}
	header := http.Header{}
	header.Set("Content-Type", "application/json")
	header.Set(galla.HeaderWebhookID, p.WebhookID)
	header.Set(galla.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	if len(signatures) > 0 {
		header.Set(galla.HeaderWebhookSignature, strings.Join(signatures, " "))
	}
	return header
}

func attempt(p gateway.Postback, lease int64, started time.Time, result sender.Result) gateway.Attempt {
	a := gateway.Attempt{
		Postback: p, Lease: lease, StartedAt: started, Duration: result.Duration, Address: result.RemoteAddr, TLS: result.TLSVersion,
		Status: result.Status, Failure: result.ErrKind, Answer: result.Answer, Delivered: result.Delivered, RetryAfter: result.RetryAfter,
	}
	if result.Err != nil {
		a.Error = result.Err.Error()
	}
	return a
}
