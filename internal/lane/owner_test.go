package lane

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/testkit"
)

// delivers is a Send that needs no network.
func delivers(context.Context, sender.Request) sender.Result {
	return sender.Result{Status: 200, Answer: []byte(`{"status":"ok"}`), Delivered: true}
}

// lease takes the lane of merchant 1's deposits, and what is due in it.
func (w *world) lease(g *gateway.Gateway) (gateway.LeasedLane, gateway.Postback) {
	w.t.Helper()
	return w.leaseAs(g, func() {})
}

// leaseAs leases after something happened, which is repeated as long as somebody else has the lane.
func (w *world) leaseAs(g *gateway.Gateway, happened func()) (gateway.LeasedLane, gateway.Postback) {
	w.t.Helper()
	lease := gateway.NewLaneLease(gateway.Endpoint{MerchantID: 1, Kind: gateway.PostbackDeposit})
	var leased []gateway.LeasedLane
	w.eventually("the lane is leased", func() bool {
		happened()
		var err error
		if leased, err = g.LeaseLanes(context.Background(), []gateway.LaneLease{lease}); err != nil {
			w.t.Fatal(err)
		}
		return len(leased) == 1
	})
	due, err := g.DuePostbacks(context.Background(), []gateway.LaneLease{lease}, 1)
	if err != nil || len(due) != 1 {
		w.t.Fatalf("%d due: %v", len(due), err)
	}
	return leased[0], due[0]
}

// sendsAlone makes the request for the first postback of merchant 1 as a lane's process would, and records nothing.
func (w *world) sendsAlone(l *Lane) {
	w.t.Helper()
	lane, p := w.lease(l.config.Gateway)
	l.slots.take(lane.Endpoint)
	l.deliver(context.Background(), &owned{LeasedLane: lane}, work{Postback: p}, lane.LaneLease, lane.Until)
}

// A process that dies between the request and its record leaves a lease behind: the postback is sent again when it
// ends, on SQLite already when the next process starts.
func TestCrashBeforeTheRecord(t *testing.T) {
	eachWorld(t, func(w *world) {
		r := w.receiver(ok)
		w.merchant(1, r.URL, "")
		id := w.postbacks(1, 1, gateway.PostbackDeposit)
		dead := New(Config{Gateway: w.instance(), Now: w.now, Send: w.sender(0).Send})
		w.sendsAlone(dead) // its result is never recorded
		if len(r.got()) != 1 {
			t.Fatal("nothing was sent")
		}
		if w.g.Store().Engine() == "postgres" {
			w.clock.Advance(gateway.PostbackLease)
		}
		l, _ := w.start(Config{})
		l.Wake()
		w.delivered(1)
		requests := r.got()
		if len(requests) != 2 || requests[1].body != requests[0].body || requests[1].id != requests[0].id {
			t.Errorf("%d requests: %+v", len(requests), requests)
		}
		if state, attempts := w.stored(id); state != "delivered" || len(attempts) != 1 {
			t.Errorf("%s after %d attempts", state, len(attempts))
		}
	})
}

// A lane that froze past its lease: another has the postback now, and what the first one records is refused.
func TestStaleRecordIsRefused(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.merchant(1, "http://127.0.0.1:1/", "")
		id := w.postbacks(1, 1, gateway.PostbackDeposit)
		sending, goOn := make(chan struct{}, 9), make(chan struct{})
		log := &lines{}
		frozen := func() time.Duration { return time.Hour } // else it would renew its lease
		l, stop := w.start(Config{Logger: log.logger(), poll: frozen, Send: func(context.Context, sender.Request) sender.Result {
			sending <- struct{}{}
			<-goOn
			return sender.Result{Status: 500}
		}})
		release := sync.OnceFunc(func() { close(goOn) })
		t.Cleanup(release)
		<-sending
		owner := w.instance()
		// What it still had to read renews its lease once more, if the machine is slow.
		lane, p := w.leaseAs(owner, func() { w.clock.Advance(gateway.PostbackLease) })
		release()
		w.eventually("the record was refused", func() bool { return l.Counters().Stale.Load() == 1 })
		results, err := owner.RecordAttempts(t.Context(), []gateway.Attempt{{Postback: p, Lease: lane.Lease, StartedAt: w.now(), Status: 200, Delivered: true}}, nil)
		if err != nil || results[0].State != gateway.PostbackDelivered {
			t.Errorf("the owner's record: %+v, %v", results, err)
		}
		stop()
		if state, attempts := w.stored(id); state != "delivered" || len(attempts) != 1 || attempts[0].Status != 200 {
			t.Errorf("%s, %+v", state, attempts)
		}
		if !strings.Contains(log.String(), "level=WARN msg=postback.record_refused postback=1") {
			t.Errorf("log: %s", log)
		}
		if c := l.Counters(); c.Delivered.Load() != 0 || c.Failed.Load() != 0 {
			t.Errorf("the refused attempt was counted: %d delivered, %d failed", c.Delivered.Load(), c.Failed.Load())
		}
	})
}

// A process that slept between the lease and the request sends nothing.
func TestNothingIsSentLateInTheLease(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.merchant(1, "http://127.0.0.1:1/", "")
	w.postbacks(1, 1, gateway.PostbackDeposit)
	sent := 0
	l := New(Config{Gateway: w.g, Now: w.now, Send: func(ctx context.Context, r sender.Request) sender.Result {
		sent++
		return delivers(ctx, r)
	}})
	lane, p := w.lease(w.g)
	for _, test := range []struct {
		left time.Duration
		made bool
	}{{MinLeaseLeft - time.Microsecond, false}, {MinLeaseLeft, true}} {
		o := &owned{LeasedLane: lane, held: map[int64]bool{p.ID: true}, open: 1}
		l.slots.take(lane.Endpoint)
		l.running++
		l.deliver(t.Context(), o, work{Postback: p}, lane.LaneLease, w.now().Add(test.left))
		e := <-l.ended
		if e.made != test.made || sent > 0 != test.made {
			t.Errorf("with %v left: made %v, %d requests", test.left, e.made, sent)
		}
		if l.end(e); l.slots.free() != DefaultConcurrency || o.held[p.ID] == !test.made {
			t.Errorf("with %v left: %d slots are free, held %v", test.left, l.slots.free(), o.held)
		}
	}
}

// A lease that runs out while its lane is sent in is renewed, and never used beyond.
func TestLeaseIsRenewed(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.merchant(1, "http://127.0.0.1:1/", "")
		const count = 20
		w.postbacks(count, 1, gateway.PostbackDeposit)
		var sent atomic.Int64
		l, _ := w.start(Config{PerEndpoint: 1, Send: func(ctx context.Context, r sender.Request) sender.Result {
			w.clock.Advance(10 * time.Second) // the whole takes longer than four leases
			if w.count("SELECT count(*) FROM endpoint WHERE lease_until > "+fmt.Sprint(w.now().UnixMicro())) != 1 {
				t.Error("a request is under way without a lease")
			}
			sent.Add(1)
			return delivers(ctx, r)
		}})
		l.Wake()
		w.delivered(count)
		if sent.Load() != count || l.Counters().Stale.Load() != 0 {
			t.Errorf("%d requests, %d records refused", sent.Load(), l.Counters().Stale.Load())
		}
	})
}

// P-6: lanes on one database share the work, and never have two requests open for one postback.
func TestLanesShareTheWork(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	const merchants, each = 2 * leaseSize, 10
	var receivers []*receiver
	for id := merchant.ID(1); id <= merchants; id++ {
		r := w.receiver(func(rw http.ResponseWriter, in *http.Request, n int) {
			time.Sleep(time.Millisecond) // holds the request open, so that an overlap would be seen
			if n == 1 && strings.HasSuffix(in.Header.Get("webhook-id"), "7") {
				rw.WriteHeader(500)
				return
			}
			ok(rw, in, n)
		})
		receivers = append(receivers, r)
		w.merchant(id, r.URL, "")
	}
	var lanes []*Lane
	for range 3 {
		l, _ := w.start(Config{Gateway: w.instance()})
		lanes = append(lanes, l)
	}
	for id := merchant.ID(1); id <= merchants; id++ {
		w.postbacks(each, id, gateway.PostbackDeposit)
	}
	wake := func() {
		for _, l := range lanes {
			l.Wake()
		}
	}
	wake()
	const failing = merchants * each / 10
	w.delivered(merchants*each - failing)
	w.eventually("the others failed once", func() bool { return w.count("SELECT count(*) FROM postback_attempt WHERE status = 500") == failing })
	w.clock.Advance(10 * time.Second)
	wake()
	w.delivered(merchants * each)
	requests, overlaps, sending := 0, 0, 0
	for _, r := range receivers {
		requests += len(r.got())
		overlaps += r.overlaps
	}
	if requests != merchants*each+failing || overlaps != 0 {
		t.Errorf("%d requests, of which %d overlap; want %d", requests, overlaps, merchants*each+failing)
	}
	for id := int64(1); id <= merchants*each; id++ {
		w.stored(id) // checks the numbers
	}
	var shares []int64
	for _, l := range lanes {
		shares = append(shares, l.Counters().Sent.Load())
		if l.Counters().Stale.Load() > 0 {
			t.Errorf("%d records were refused", l.Counters().Stale.Load())
		}
		if l.Counters().Sent.Load() > 0 {
			sending++
		}
	}
	if t.Log("requests of each:", shares); sending < 2 {
		t.Errorf("%d of them had work", sending)
	}
}

// A graceful stop leases nothing more, lets the open request end and records it.
func TestStopLetsOpenRequestsEnd(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.merchant(1, "http://127.0.0.1:1/", "")
		w.postbacks(2, 1, gateway.PostbackDeposit)
		sending, goOn := make(chan struct{}, 2), make(chan struct{})
		l := New(Config{Gateway: w.g, Now: w.now, Send: func(ctx context.Context, r sender.Request) sender.Result {
			sending <- struct{}{}
			<-goOn
			if ctx.Err() != nil {
				t.Error("the stop reached an open request")
			}
			return delivers(ctx, r)
		}})
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error)
		go func() { done <- l.Run(ctx) }()
		<-sending // the first of an endpoint that nothing is known of goes alone
		cancel()
		select {
		case <-done:
			t.Error("Run did not wait for the request")
		case <-time.After(20 * time.Millisecond):
		}
		close(goOn)
		if err := <-done; err != nil {
			t.Error(err)
		}
		if n := w.count("SELECT count(*) FROM postback WHERE state = 'delivered'"); n != 1 || len(sending) != 0 {
			t.Errorf("%d delivered, %d more sent", n, len(sending))
		}
	})
}

// An attempt that the database refuses costs its neighbours nothing.
func TestRefusedRecordIsAlone(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	const count = 40
	for id := merchant.ID(1); id <= count; id++ {
		w.merchant(id, "http://127.0.0.1:1/", "")
		w.postbacks(1, id, gateway.PostbackDeposit)
	}
	var all sync.WaitGroup
	all.Add(count)
	l := New(Config{Gateway: w.g, Now: w.now, Send: func(ctx context.Context, r sender.Request) sender.Result {
		all.Done()
		all.Wait() // so that they are recorded in groups
		result := delivers(ctx, r)
		if r.Header.Get("webhook-id") == webhookID(20) {
			result.Status = 1 << 20 // does not fit its column
		}
		return result
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- l.Run(ctx) }()
	w.delivered(count - 1)
	cancel()
	if err := <-done; err == nil || !strings.Contains(err.Error(), "1 attempts") {
		t.Errorf("Run = %v", err)
	}
	if state, attempts := w.stored(20); state != "pending" || len(attempts) != 0 {
		t.Errorf("the refused one: %s after %d attempts", state, len(attempts))
	}
}

// While the database is away results are kept, and recorded when it is back.
func TestDatabaseOutage(t *testing.T) {
	server := testkit.DurablePostgres(t)
	w := newWorld(t, server.DSN("postgres"))
	w.merchant(1, "http://127.0.0.1:1/", "")
	id := w.postbacks(1, 1, gateway.PostbackDeposit)
	sending, goOn := make(chan struct{}, 9), make(chan struct{})
	l, _ := w.start(Config{Send: func(ctx context.Context, r sender.Request) sender.Result {
		sending <- struct{}{}
		<-goOn
		return delivers(ctx, r)
	}})
	<-sending
	if err := server.Crash(); err != nil {
		t.Fatal(err)
	}
	close(goOn)
	w.eventually("a record failed", func() bool { return l.Counters().Faults.Load() > 0 && l.Counters().Sent.Load() == 1 })
	if err := server.Restart(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.eventually("recorded", func() bool { return l.Counters().Delivered.Load() == 1 })
	if state, attempts := w.stored(id); state != "delivered" || len(attempts) != 1 || len(sending) != 0 {
		t.Errorf("%s after %d attempts, %d more sent", state, len(attempts), len(sending))
	}
}

// Endpoints that hang delay nobody who answers, however many they are: neither one that has answered before nor a
// newcomer.
func TestDeadEndpointsDelayNobody(t *testing.T) {
	eachWorld(t, func(w *world) {
		const dead, slots = 40, 16
		var hanging atomic.Bool
		end := make(chan struct{})
		sick := w.receiver(func(rw http.ResponseWriter, _ *http.Request, _ int) {
			if hanging.Load() {
				<-end
			}
			rw.WriteHeader(500)
		})
		defer close(end)
		healthy := w.receiver(ok)
		for id := merchant.ID(1); id <= dead; id++ {
			w.merchant(id, fmt.Sprintf("%s/%d", sick.URL, id), "")
			w.postbacks(10, id, gateway.PostbackDeposit)
		}
		for id := merchant.ID(dead + 1); id <= dead+2; id++ {
			w.merchant(id, healthy.URL, "")
		}
		w.postbacks(1, dead+1, gateway.PostbackDeposit)
		l, _ := w.start(Config{Concurrency: slots})
		l.Wake()
		w.eventually("all breakers are open", func() bool {
			return w.count("SELECT count(*) FROM endpoint WHERE state = 'open' AND lease = 0") == dead && l.Counters().Delivered.Load() == 1
		})
		if sent := l.Counters().Sent.Load(); sent != postback.Strikes*dead+1 {
			t.Errorf("%d requests", sent)
		}
		hanging.Store(true)
		w.clock.Advance(10 * time.Second) // all are to be probed, and theirs is due longer than what comes now
		l.Wake()
		w.eventually("they hang", func() bool { return l.Counters().Open.Load() == slots/2 })
		w.clock.Advance(time.Second)
		w.postbacks(50, dead+1, gateway.PostbackDeposit)
		w.postbacks(50, dead+2, gateway.PostbackDeposit)
		l.Wake()
		w.delivered(101)
		if open, leased := l.Counters().Open.Load(), w.count("SELECT count(*) FROM endpoint WHERE lease <> 0 AND state = 'open'"); open != slots/2 || leased != slots/2 {
			t.Errorf("%d requests hang and %d lanes are leased, of %d slots", open, leased, slots)
		}
	})
}

// A slow endpoint is filled up to its limit and not beyond, and each request that ends makes room without waiting for
// the next look at the database.
func TestLimitPerEndpoint(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	var open, most atomic.Int64
	r := w.receiver(func(rw http.ResponseWriter, in *http.Request, n int) {
		now := open.Add(1)
		for seen := most.Load(); now > seen && !most.CompareAndSwap(seen, now); seen = most.Load() {
		}
		time.Sleep(2 * time.Millisecond)
		open.Add(-1)
		io.WriteString(rw, `{"status":"ok"}`)
	})
	w.merchant(1, r.URL, "")
	w.postbacks(300, 1, gateway.PostbackDeposit)
	l, _ := w.start(Config{PerEndpoint: 5, poll: func() time.Duration { return time.Hour }})
	l.Wake()
	w.delivered(300)
	if most.Load() > 5 || most.Load() < 2 {
		t.Errorf("%d requests were open at once", most.Load())
	}
}
