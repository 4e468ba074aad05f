package gateway

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

func TestLaneLease(t *testing.T) {
	eachWorld(t, func(w *world) {
		second := w.instance()
		w.postbacks(1, 1, shopDeposits)
		now := w.clock.Now()
		first := w.lease(w.g, shopDeposits)
		if first.Until != now.Add(PostbackLease) || first.Breaker != (postback.Breaker{State: postback.Closed}) {
			t.Errorf("leased %+v", first)
		}
		want := Postback{ID: 1, Endpoint: shopDeposits, SubjectID: 7001, WebhookID: "msg_1", Body: []byte(awkward), NextAt: now, ScheduleAt: now}
		if due := w.due(w.g, 10, first); len(due) != 1 || fmt.Sprint(due[0]) != fmt.Sprint(want) {
			t.Errorf("due %+v\nwant %+v", due, want)
		}
		for _, wait := range []time.Duration{0, PostbackLease - time.Microsecond} {
			w.clock.Set(now.Add(wait))
			if again := w.tryLease(second, shopDeposits); len(again) != 0 {
				t.Fatalf("leased again after %v", wait)
			}
		}
		w.clock.Set(now.Add(PostbackLease))
		w.wantIDs("as long as nobody else has the lane", w.due(w.g, 10, first), 1)
		fresh := w.lease(second, shopDeposits)
		if fresh.Lease == first.Lease || fresh.Until != w.clock.Now().Add(PostbackLease) {
			t.Errorf("after %+v came %+v", first, fresh)
		}
		w.wantIDs("to who had the lane", w.due(w.g, 10, first))
		w.wantIDs("to who has it", w.due(second, 10, fresh), 1)
		if none, err := w.g.LeaseLanes(context.Background(), nil); len(none) != 0 || err != nil {
			t.Errorf("without lanes: %v, %v", none, err)
		}
		w.wantIDs("without lanes", w.due(w.g, 10))
	})
}

func TestLaneLeaseIsRenewed(t *testing.T) {
	eachWorld(t, func(w *world) {
		second := w.instance()
		renew := func(l LeasedLane) []LeasedLane {
			leased, err := w.g.LeaseLanes(context.Background(), []LaneLease{l.LaneLease})
			w.must(err)
			return leased
		}
		lane := w.lease(w.g, shopDeposits)
		w.clock.Advance(20 * time.Second)
		for _, wait := range []time.Duration{20 * time.Second, PostbackLease + time.Second} { // the second comes late: nobody took it
			w.clock.Set(lane.Until.Add(wait - PostbackLease))
			renewed := renew(lane)
			if len(renewed) != 1 || renewed[0].LaneLease != lane.LaneLease || renewed[0].Until != w.clock.Now().Add(PostbackLease) {
				t.Fatalf("renewed after %v: %+v", wait, renewed)
			}
			lane = renewed[0]
		}
		w.clock.Set(lane.Until.Add(-time.Microsecond))
		if stolen := w.tryLease(second, shopDeposits); len(stolen) != 0 {
			t.Fatal("a renewed lane was leased by another")
		}
		w.clock.Set(lane.Until)
		w.lease(second, shopDeposits)
		if renewed := renew(lane); len(renewed) != 0 {
			t.Errorf("renewed what is another's: %+v", renewed)
		}
	})
}

// Who leases doesn't wait for who holds a lane's row at the moment: an instance that froze, or whose machine died, in the
// middle of a record would keep everybody else from sending anything until the server ends its transaction.
func TestLeasePassesWhatIsLocked(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	second := w.instance()
	w.lease(second, shopDeposits)
	w.release(w.g, w.lease(w.g, shopWithdrawals))
	mine := w.lease(w.g, Endpoint{other, PostbackWithdrawal})
	db := w.beside()
	tx, err := db.Begin()
	w.must(err)
	defer tx.Rollback()
	_, err = tx.Exec("SELECT 1 FROM endpoint WHERE merchant_id = 1 FOR UPDATE") // one that is leased, one that isn't
	w.must(err)
	began := time.Now()
	leased, err := w.g.LeaseLanes(context.Background(), []LaneLease{
		NewLaneLease(shopDeposits), NewLaneLease(shopWithdrawals), NewLaneLease(otherDeposits), mine.LaneLease,
	})
	w.must(err)
	if took := time.Since(began); took > time.Second {
		t.Errorf("leasing took %v", took)
	}
	got := map[Endpoint]bool{}
	for _, l := range leased {
		got[l.Endpoint] = true
	}
	if len(got) != 2 || !got[otherDeposits] || !got[mine.Endpoint] {
		t.Errorf("leased %v", got)
	}
	w.must(tx.Rollback())
	w.lease(w.g, shopWithdrawals)

	// A renewal waits: it is the owner's own record that holds the row.
	tx, err = db.Begin()
	w.must(err)
	defer tx.Rollback()
	_, err = tx.Exec("SELECT 1 FROM endpoint WHERE merchant_id = $1 FOR UPDATE", mine.Endpoint.MerchantID)
	w.must(err)
	renewed := make(chan []LeasedLane, 1)
	go func() {
		leased, _ := w.g.LeaseLanes(context.Background(), []LaneLease{mine.LaneLease})
		renewed <- leased
	}()
	waitForLock(t, w)
	w.must(tx.Commit())
	if got := <-renewed; len(got) != 1 || got[0].LaneLease != mine.LaneLease {
		t.Errorf("renewed %+v", got)
	}
}

func TestReleasedLaneIsFreeAtOnce(t *testing.T) {
	eachWorld(t, func(w *world) {
		second := w.instance()
		w.postbacks(1, 1, shopDeposits)
		first, beside := w.lease(w.g, shopDeposits), w.lease(w.g, shopWithdrawals)
		w.release(second, LeasedLane{LaneLease: NewLaneLease(shopDeposits)}) // a stranger's
		if leased := w.tryLease(second, shopDeposits, shopWithdrawals); len(leased) != 0 {
			t.Fatalf("leased %+v", leased)
		}
		w.release(w.g, first)
		fresh := w.lease(second, shopDeposits)
		w.wantIDs("to who released the lane", w.due(w.g, 10, first))
		w.release(w.g, first) // once more, as after an answer that got lost
		w.wantIDs("to its new owner", w.due(second, 10, fresh), 1)
		if leased := w.tryLease(second, shopWithdrawals); len(leased) != 0 || w.lanes(w.g)[shopDeposits].Leased != true {
			t.Errorf("the lane beside was released too: %+v, %+v", leased, beside)
		}
	})
}

func TestPausedLaneIsLeftAlone(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 3, shopDeposits)
		lane := w.lease(w.g, shopDeposits)
		due := w.due(w.g, 10, lane)
		paused := postback.Breaker{State: postback.Paused, Reason: postback.ReasonGone, Failures: 1, ChangedAt: w.clock.Now(), ProbedAt: w.clock.Now()}
		w.breaker(lane, paused)
		w.wantIDs("in a paused lane", w.due(w.g, 10, lane))
		if leased, err := w.g.LeaseLanes(context.Background(), []LaneLease{lane.LaneLease}); err != nil || len(leased) != 0 {
			t.Errorf("a paused lane was renewed: %v, %v", leased, err)
		}
		// What was under way is recorded; that its owner closes the breaker isn't.
		results := w.record(w.g, []Attempt{w.delivery(due[0], lane)}, LaneMove{LaneLease: lane.LaneLease, Breaker: &postback.Breaker{State: postback.Closed}, From: paused.ChangedAt, Release: true})
		if results[0].State != PostbackDelivered {
			t.Errorf("recorded %+v", results)
		}
		w.want("paused", w.count("SELECT count(*) FROM endpoint WHERE state = 'paused' AND reason = 'gone' AND failures = 1 AND lease = 0"), 1)
		w.clock.Advance(24 * time.Hour)
		if leased := w.tryLease(w.g, shopDeposits); len(leased) != 0 {
			t.Errorf("a paused lane was leased: %+v", leased)
		}
		if got := w.lanes(w.g)[shopDeposits]; got != (LaneStatus{Endpoint: shopDeposits, State: postback.Paused}) {
			t.Errorf("listed as %+v", got)
		}
		w.mutate("UPDATE endpoint SET state = 'closed', reason = '', failures = 0") // by a person
		w.wantIDs("once it is resumed", w.due(w.g, 10, w.lease(w.g, shopDeposits)), 2, 3)
	})
}

func TestBreakerIsKept(t *testing.T) {
	eachWorld(t, func(w *world) {
		now := w.clock.Now()
		for _, b := range []postback.Breaker{
			{State: postback.Open, Reason: "timeout", Failures: 3, ChangedAt: now, ProbeID: 7, ProbeAt: now.Add(time.Hour), ProbedAt: now.Add(time.Second)},
			{State: postback.Closed, ChangedAt: now.Add(time.Minute)},
			{State: postback.Open, Reason: "HTTP 503", Failures: 1},
		} {
			lane := w.lease(w.g, shopDeposits)
			w.breaker(lane, b)
			w.release(w.g, lane)
			if got := w.lease(w.g, shopDeposits); got.Breaker != b {
				t.Errorf("kept %+v\nwant %+v", got.Breaker, b)
			} else {
				w.release(w.g, got)
			}
		}
		lane := w.lease(w.g, shopDeposits)
		w.breaker(lane, postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1 << 20})
		w.want("failures", w.count("SELECT failures FROM endpoint"), 1<<15-1)
	})
}

func TestDropLaneLeasesOnSQLiteOnly(t *testing.T) {
	eachWorld(t, func(w *world) {
		lane := w.lease(w.g, shopDeposits)
		w.release(w.g, w.lease(w.g, shopWithdrawals))
		dropped, err := w.g.DropLaneLeases(context.Background())
		w.must(err)
		taken := w.tryLease(w.g, shopDeposits)
		want := 1
		if w.g.store.Engine() == store.Postgres {
			want = 0
		}
		if int(dropped) != want || len(taken) != want || w.g.OwnsLanes() != (want == 1) {
			t.Errorf("dropped %d of %+v and leased %v, want %d", dropped, lane, taken, want)
		}
	})
}

// On PostgreSQL leases go by the database's clock: a process whose own is an hour off neither takes a lane from its
// owner nor leaves one that is free.
func TestLeasesGoByTheDatabasesClock(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	instance := func(off time.Duration) *Gateway {
		g, end := w.open(Options{Now: func() time.Time { return time.Now().Add(off) }})
		t.Cleanup(end)
		return g
	}
	w.clock.Set(time.Now().Add(-postback.Lifetime - 2*time.Hour)) // by everybody's clock it is to be given up
	w.postbacks(1, 1, shopDeposits)
	clock := func() time.Time {
		var now time.Time
		w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) (err error) {
			now, err = store.Clock(ctx, q)
			return err
		}))
		return now
	}
	right := instance(0)
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		wrong := instance(off)
		for _, pair := range [][2]*Gateway{{right, wrong}, {wrong, right}} {
			owner, other := pair[0], pair[1]
			before := clock()
			lane := w.lease(owner, shopDeposits)
			until := time.UnixMicro(w.count("SELECT lease_until FROM endpoint")).UTC()
			if until.Before(before.Add(PostbackLease)) || until.After(clock().Add(PostbackLease)) {
				t.Errorf("%v off: leased at %v until %v", off, before, until)
			}
			if left := lane.Until.Sub(owner.now()); left > PostbackLease || left < PostbackLease-20*time.Second {
				t.Errorf("%v off: by its own clock %v are left", off, left)
			}
			if stolen := w.tryLease(other, shopDeposits); len(stolen) != 0 || !w.lanes(other)[shopDeposits].Leased {
				t.Errorf("%v off: leased by another: %v, listed as %+v", off, stolen, w.lanes(other)[shopDeposits])
			}
			w.mutate(fmt.Sprintf("UPDATE endpoint SET lease_until = %d", clock().UnixMicro())) // it is over
			if w.lanes(other)[shopDeposits].Leased {
				t.Errorf("%v off: a lane is listed as leased that is free", off)
			}
			taken := w.lease(other, shopDeposits)
			if leased := w.lanes(owner)[shopDeposits].Leased; !leased {
				t.Errorf("%v off: a lane is listed as free that is leased", off)
			}
			w.release(other, taken)
		}
		// What is left for too long is given up by the wrong clock, as everything but leases; not beside an owner.
		lane := w.lease(right, shopDeposits)
		w.breaker(lane, postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1})
		exhausted, err := wrong.ExhaustPostbacks(context.Background(), []LaneStatus{{Endpoint: shopDeposits, State: postback.Open}})
		if err != nil || len(exhausted) != 0 {
			t.Errorf("%v off: exhausted %v beside the owner, %v", off, exhausted, err)
		}
		w.release(right, lane)
	}
}
