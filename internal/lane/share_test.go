package lane

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/testkit"
)

// Requests of a process keep to its limit: in each second no more than that, and a tenth at once.
func TestRateOfTheProcess(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		const rate, endpoints, each = 20, 4, 25
		for id := merchant.ID(1); id <= endpoints; id++ {
			w.merchant(id, fmt.Sprintf("http://shop%d.example/", id), "")
			w.postbacks(each, id, gateway.PostbackDeposit)
		}
		begin := time.Now()
		s := &script{answer: func(string, time.Time) sender.Result { return accepted }}
		l, stop := w.start(Config{Send: s.send, Rate: rate, poll: seldom})
		after(time.Minute)
		stop()
		sent := s.requests()
		if len(sent) != endpoints*each || l.Counters().Late.Load() != 0 {
			t.Fatalf("%d requests, %d late", len(sent), l.Counters().Late.Load())
		}
		for i, r := range sent {
			if earliest := begin.Add(time.Duration(i-rate/10) * time.Second / rate); r.at.Before(earliest) {
				t.Errorf("request %d was made %v too early", i, earliest.Sub(r.at))
			}
		}
		if took, planned := sent[len(sent)-1].at.Sub(begin), time.Second*endpoints*each/rate; took > planned+planned/10 {
			t.Errorf("they took %v", took)
		}
	})
}

// Whoever stops gives all its lanes back, with what is queued in them, so that others go on at once.
func TestStopGivesLanesBack(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	const endpoints = 5
	for id := merchant.ID(1); id <= endpoints; id++ {
		w.merchant(id, fmt.Sprintf("http://shop%d.example/", id), "")
		w.postbacks(10, id, gateway.PostbackDeposit)
	}
	sending, goOn := make(chan struct{}, 10*endpoints), make(chan struct{})
	l := New(Config{Gateway: w.g, Now: w.now, Send: func(ctx context.Context, r sender.Request) sender.Result {
		sending <- struct{}{}
		<-goOn
		return delivers(ctx, r)
	}})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	for range endpoints { // one each, as nothing is known of them
		<-sending
	}
	cancel()
	close(goOn)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if n := w.count("SELECT count(*) FROM endpoint WHERE lease = 0 AND lease_until = 0"); n != endpoints {
		t.Errorf("%d lanes are given back", n)
	}
	if sent := l.Counters().Sent.Load(); sent >= 10*endpoints {
		t.Errorf("%d requests were made before it stopped", sent)
	}
	w.start(Config{Gateway: w.instance(), Send: delivers})
	w.delivered(10 * endpoints)
}

// A stop that breaks a reading off is no fault.
func TestStopWhileReading(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	w.merchant(1, "http://shop.example/", "")
	hold := w.hold("LOCK TABLE postback IN ACCESS EXCLUSIVE MODE")
	log := &lines{}
	l, stop := w.start(Config{Send: delivers, Logger: log.logger()})
	w.eventually("it reads", func() bool {
		return w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
	})
	stop()
	hold()
	if log.String() != "" || l.Counters().Faults.Load() != 0 {
		t.Errorf("%d faults, and the log: %s", l.Counters().Faults.Load(), log)
	}
}

// hold runs a statement beside the product, in a transaction that lasts until the returned function is called.
func (w *world) hold(statement string) (end func()) {
	w.t.Helper()
	tx, err := w.beside().BeginTx(context.Background(), &sql.TxOptions{})
	if err == nil {
		_, err = tx.Exec(statement)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	end = sync.OnceFunc(func() { tx.Rollback() })
	w.t.Cleanup(end)
	return end
}

// A lease of which the database gave no clear answer may be stored: it is given back, or it would keep everybody away.
func TestDoubtfulLeaseIsGivenBack(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.merchant(1, "http://shop.example/", "")
		w.postbacks(1, 1, gateway.PostbackDeposit)
		leased, _ := w.lease(w.g)
		l := New(Config{Gateway: w.g, Now: w.now, Send: delivers})
		l.errands, l.poll = true, time.NewTimer(time.Hour)
		l.use(w.t.Context(), found{asked: []gateway.LaneLease{leased.LaneLease}, err: errors.New("the connection was lost")})
		if len(l.entries) != 1 {
			w.t.Fatalf("%d entries to record", len(l.entries))
		}
		l.record(w.t.Context())
		l.settleRecord(<-l.recorded)
		if n := w.count("SELECT count(*) FROM endpoint WHERE lease <> 0"); n != 0 || len(l.owned) != 0 {
			w.t.Errorf("%d lanes are leased, %d owned", n, len(l.owned))
		}
	})
}

// What comes for an endpoint whose lane is just given back is sent, though nobody looks.
func TestNewsWhileALaneIsGivenBack(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	w.merchant(1, "http://shop.example/", "")
	w.postbacks(1, 1, gateway.PostbackDeposit)
	sending, goOn := make(chan struct{}, 9), make(chan struct{})
	l, _ := w.start(Config{poll: seldom, Send: func(ctx context.Context, r sender.Request) sender.Result {
		sending <- struct{}{}
		<-goOn
		return delivers(ctx, r)
	}})
	<-sending
	hold := w.hold("SELECT * FROM endpoint FOR UPDATE")
	close(goOn)
	w.eventually("the record waits", func() bool {
		return w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
	})
	id := w.postbacks(1, 1, gateway.PostbackDeposit)
	l.Offer([]gateway.Postback{w.postback(id)})
	w.eventually("it has heard", func() bool {
		l.news.mu.Lock()
		defer l.news.mu.Unlock()
		return len(l.news.offers) == 0
	})
	hold()
	w.delivered(2)
	w.eventually("the lane is given back", func() bool { return w.count("SELECT count(*) FROM endpoint WHERE lease <> 0") == 0 })
}

// postback is what would be offered of a new one.
func (w *world) postback(id int64) gateway.Postback {
	return gateway.Postback{
		ID: id, Endpoint: gateway.Endpoint{MerchantID: 1, Kind: gateway.PostbackDeposit}, SubjectID: id, WebhookID: webhookID(id),
		Body: []byte(bodyOf(id)), NextAt: w.now(), ScheduleAt: w.now(),
	}
}

// The breaker that one process opened holds for the next, which goes on where that was.
func TestLanesShareTheBreaker(t *testing.T) {
	database := testkit.Postgres(t)
	synctest.Test(t, func(t *testing.T) {
		w := newWorldAt(t, database, time.Now)
		w.merchant(1, "http://dead.example/", "")
		w.postbacks(50, 1, gateway.PostbackDeposit)
		first, second := &script{answer: dead}, &script{answer: dead}
		_, stop := w.start(Config{Send: first.send})
		for len(first.requests()) < 3 { // 5 s and 30 s between
			time.Sleep(time.Second)
		}
		stop()
		_, _, failures, probeAt := w.endpoint()
		_, stop = w.start(Config{Gateway: w.instance(), Send: second.send})
		time.Sleep(time.Until(probeAt) - time.Second)
		if n := len(second.requests()); failures != 3 || n != 0 {
			t.Fatalf("after %d failures the second made %d requests before the probe was due", failures, n)
		}
		after(time.Second)
		stop()
		sent := second.requests()
		if _, _, now, next := w.endpoint(); len(sent) != 1 || sent[0].id != webhookID(1) || now != 4 || next.Sub(probeAt) < postback.Schedule[4]*8/10 {
			t.Errorf("the second sent %v; %d failures, the next probe %v after that", sent, now, next.Sub(probeAt))
		}
	})
}

// Lanes that nothing is sent in are looked through for what is too old beside all else: neither a large one nor one that
// somebody holds delays a healthy endpoint.
func TestGivingUpDelaysNobody(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	w.merchant(1, "http://gone.example/", "") // paused, so that no last probe keeps its lane leased
	w.merchant(2, "http://shop.example/", "")
	w.postbacks(20, 1, gateway.PostbackDeposit)
	_, stop := w.start(Config{Send: func(context.Context, sender.Request) sender.Result { return refused(410) }})
	w.eventually("the endpoint is paused", func() bool { return w.count("SELECT count(*) FROM endpoint WHERE state = 'paused' AND lease = 0") == 1 })
	stop()
	w.clock.Advance(postback.Lifetime)
	hold := w.hold("SELECT * FROM postback WHERE id = 20 FOR UPDATE")
	l, _ := w.start(Config{Send: delivers})
	l.Wake()
	w.eventually("it gives up", func() bool {
		return w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") > 0
	})
	w.postbacks(5, 2, gateway.PostbackDeposit)
	l.Wake()
	w.delivered(5)
	if n := w.count("SELECT count(*) FROM postback WHERE state = 'exhausted'"); n > 1 || l.Counters().Faults.Load() != 0 {
		t.Errorf("%d are given up, %d faults: what was to hold it is over", n, l.Counters().Faults.Load())
	}
	hold()
	w.eventually("all is given up", func() bool { return w.count("SELECT count(*) FROM postback WHERE state = 'exhausted'") == 20 })
}

// While nothing is too old, looking for it writes nothing: on SQLite whoever credits would wait for it.
func TestLookingForTheOldWritesNothing(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.merchant(1, "http://dead.example/", "")
	w.postbacks(20, 1, gateway.PostbackDeposit)
	lease := gateway.NewLaneLease(gateway.Endpoint{MerchantID: 1, Kind: gateway.PostbackDeposit})
	if _, err := w.g.LeaseLanes(t.Context(), []gateway.LaneLease{lease}); err != nil {
		t.Fatal(err)
	}
	open := postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1, ChangedAt: w.now()}
	if _, err := w.g.RecordAttempts(t.Context(), nil, []gateway.LaneMove{{LaneLease: lease, Breaker: &open, Release: true}}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(postback.Lifetime - time.Microsecond)
	lanes, err := w.g.Lanes(t.Context())
	if err != nil || len(lanes) != 1 {
		t.Fatalf("%d lanes, %v", len(lanes), err)
	}
	end := w.hold("UPDATE merchant SET name = name")
	counts, err := w.g.ExhaustPostbacks(t.Context(), lanes)
	if err != nil || len(counts) != 0 {
		t.Errorf("beside a writer: %v, %v", counts, err)
	}
	end()
	w.clock.Advance(time.Microsecond)
	if counts, err = w.g.ExhaustPostbacks(t.Context(), lanes); err != nil || counts[lease.Endpoint] != 20 {
		t.Errorf("a moment later: %v, %v", counts, err)
	}
}
