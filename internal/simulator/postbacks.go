package simulator

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
)

// record is what a sender knows of requests that it made, and hasn't stored yet.
type record struct {
	frozen   bool // nobody tried to store it before
	attempts []gateway.Attempt
	moves    []gateway.LaneMove
}

// mostSent bounds the postbacks of one reading.
const mostSent = 5

// send is one turn of a lane: lease it, read what is due, send it, store what came of it. A frozen sender stores it much later.
func (w *world) send() *call {
	frozen := w.swarm[frozenSender] && w.draw.percent(20)
	release := w.draw.percent(70)
	answers := make([]bool, mostSent) // whether the receiver takes the next ones
	for n := range answers {
		answers[n] = !(w.swarm[deafReceiver] && w.draw.percent(50))
	}
	return &call{what: "send postbacks", run: func(i *instance) func() {
		r, err := w.sendDue(i, answers, release)
		if err == nil && r != nil && !frozen {
			_, err = i.gateway.RecordAttempts(context.Background(), r.attempts, r.moves)
		}
		return func() {
			w.mayFail("send postbacks", err)
			if r == nil {
				return
			}
			for _, m := range r.moves {
				w.leases[m.Endpoint] = m.Lease
			}
			for n, a := range r.attempts {
				w.say("  postback %d of %d: %v", a.Postback.ID, a.Postback.SubjectID, a.Delivered)
				w.arrived(a, r.attempts[n].Delivered)
			}
			if frozen || errors.Is(err, gateway.ErrUnknown) {
				if r.frozen = frozen; frozen {
					w.hit(frozenSender)
				}
				w.records = append(w.records, r)
			}
		}
	}}
}

func (w *world) sendDue(i *instance, answers []bool, release bool) (*record, error) {
	ctx := context.Background()
	lanes, err := i.gateway.Lanes(ctx)
	if err != nil {
		return nil, err
	}
	var wanted []gateway.LaneLease
	for _, l := range lanes {
		if !l.Leased && !l.DueAt.IsZero() && !l.DueAt.After(w.clock.Now()) {
			wanted = append(wanted, gateway.NewLaneLease(l.Endpoint))
		}
	}
	leased, err := i.gateway.LeaseLanes(ctx, wanted)
	if err != nil || len(leased) == 0 {
		return nil, err
	}
	var r record
	leases := map[gateway.Endpoint]int64{}
	var own []gateway.LaneLease
	for _, l := range leased {
		leases[l.Endpoint] = l.Lease
		own = append(own, l.LaneLease)
		r.moves = append(r.moves, gateway.LaneMove{LaneLease: l.LaneLease, Release: release})
	}
	due, err := i.gateway.DuePostbacks(ctx, own, mostSent)
	if err != nil {
		return nil, err
	}
	for n, p := range due[:min(len(due), mostSent)] {
		a := gateway.Attempt{
			Postback: p, Lease: leases[p.Endpoint], StartedAt: w.clock.Now(), Duration: 20 * time.Millisecond, Address: "127.0.0.1:9",
			Status: http.StatusInternalServerError, Delivered: answers[n],
		}
		if a.Delivered {
			a.Status, a.Answer = http.StatusOK, []byte(`{"status":"ok"}`)
		}
		r.attempts = append(r.attempts, a)
	}
	return &r, nil
}

// arrived puts a request into the merchant's book. The merchant checks it with code of its own.
func (w *world) arrived(a gateway.Attempt, acknowledged bool) {
	if !acknowledged {
		w.hit(deafReceiver)
	}
	s := oracle.SeenPostback{Merchant: int64(a.Postback.Endpoint.MerchantID), WebhookID: a.Postback.WebhookID, Body: string(a.Postback.Body), Acknowledged: acknowledged}
	for _, shop := range w.shops {
		if shop.id == a.Postback.Endpoint.MerchantID {
			s.Verified = w.verified(shop, a)
		}
	}
	w.seen.Postbacks = append(w.seen.Postbacks, s)
}

func (w *world) verified(s shop, a gateway.Attempt) bool {
	now := w.clock.Now()
	signature, err := galla.SignWebhook(s.keys.WebhookSecret, a.Postback.WebhookID, now, a.Postback.Body)
	if err != nil {
		return false
	}
	header := http.Header{}
	header.Set("webhook-id", a.Postback.WebhookID)
	header.Set("webhook-timestamp", strconv.FormatInt(now.Unix(), 10))
	header.Set("webhook-signature", signature)
	return s.keys.VerifyLegacy(a.Postback.Body) == nil && s.keys.VerifyWebhook(header, bytes.Clone(a.Postback.Body), now) == nil
}

// recordLate stores what a frozen sender knows. Somebody else may have leased its lane since.
func (w *world) recordLate() *call {
	if len(w.records) == 0 {
		return nil
	}
	n := w.draw.IntN(len(w.records))
	r := w.records[n]
	w.records = append(w.records[:n], w.records[n+1:]...)
	old := make([]bool, len(r.attempts)) // somebody else has leased its lane by now
	for n, a := range r.attempts {
		old[n] = r.frozen && w.leases[a.Postback.Endpoint] != a.Lease
	}
	return &call{what: "record late", run: func(i *instance) func() {
		results, err := i.gateway.RecordAttempts(context.Background(), r.attempts, r.moves)
		return func() {
			w.mayFail("record late", err)
			if err != nil {
				r.frozen = false
				w.records = append(w.records, r)
				return
			}
			for n, a := range r.attempts {
				if old[n] && !results[n].Stale {
					w.fail("P-6", "postback %d: what was sent under an old lease is recorded, though somebody else has leased its lane since", a.Postback.ID)
				}
			}
		}
	}}
}
