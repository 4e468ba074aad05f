package lane

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/sender"
)

var errTooSlow = errors.New("no whole answer within " + RequestLimit.String())

// deliver makes one attempt and hands its result to the recorder.
func (l *Lane) deliver(ctx context.Context, p gateway.LeasedPostback) {
	defer l.requests.Done()
	now := l.config.Now()
	m, known := l.config.Gateway.Directory().Merchant(p.Endpoint.MerchantID)
	if !known || p.LeasedUntil.Sub(now) < MinLeaseLeft {
		// This process slept since it leased: another may own the postback soon.
		l.counters.Late.Add(1)
		l.slots.cancel(p.Endpoint)
		return
	}
	request := sender.Request{URL: m.URLOf(p.Endpoint.Kind), Body: p.Body, Header: l.header(m, p, now)}
	l.counters.Open.Add(1)
	result := l.send(ctx, request)
	l.counters.Open.Add(-1)
	l.counters.Sent.Add(1)
	l.results <- attempt(p, now, result)
	l.slots.end(p.Endpoint, result.Delivered)
	if l.backlog.Load() {
		l.Wake()
	}
}

// send makes the request. A graceful stop lets it end, so ctx doesn't cancel it.
func (l *Lane) send(ctx context.Context, request sender.Request) sender.Result {
	ctx, cancel := context.WithTimeoutCause(context.WithoutCancel(ctx), RequestLimit, errTooSlow)
	defer cancel()
	return l.config.Send(ctx, request)
}

// header builds the headers of Standard Webhooks 1.0 (protocol 5.2): one id for all attempts, a new time for each, and
// a signature for every live secret.
func (l *Lane) header(m *gateway.Merchant, p gateway.LeasedPostback, now time.Time) http.Header {
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

func attempt(p gateway.LeasedPostback, started time.Time, result sender.Result) gateway.Attempt {
	a := gateway.Attempt{
		Postback: p, StartedAt: started, Duration: result.Duration, Address: result.RemoteAddr, TLS: result.TLSVersion,
		Status: result.Status, Failure: result.ErrKind, Answer: result.Answer, Delivered: result.Delivered, RetryAfter: result.RetryAfter,
	}
	if result.Err != nil {
		a.Error = result.Err.Error()
	}
	return a
}
