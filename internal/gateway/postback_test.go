package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// awkward is a body that would not survive being read and written as JSON.
const awkward = `{"label":"₹ <b>&\"\\\u0001 é😀", "amount":500.0 }`

var (
	shopDeposits, otherDeposits = Endpoint{shop, PostbackDeposit}, Endpoint{other, PostbackDeposit}
	shopWithdrawals             = Endpoint{shop, PostbackWithdrawal}
)

// postbacks writes due postbacks with ids first, first+1, …
func (w *world) postbacks(first int64, count int, e Endpoint) {
	w.t.Helper()
	now := w.clock.Now().UnixMicro()
	var rows []postbackRow
	for i := range int64(count) {
		rows = append(rows, postbackRow{
			ID: first + i, MerchantID: int64(e.MerchantID), Kind: string(e.Kind), SubjectID: 7000 + first + i,
			WebhookID: fmt.Sprintf("msg_%d", first+i), Packed: packedHex(awkward), NextAt: now, CreatedAt: now,
		})
	}
	w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.InsertPostbacks(ctx, store.Rows(rows)) }))
}

// endpoints adds merchants and returns their endpoints for deposits and withdrawals.
func (w *world) endpoints(merchants int) (list []Endpoint) {
	w.t.Helper()
	var wanted []NewMerchant
	for i := range merchants {
		wanted = append(wanted, NewMerchant{Slug: fmt.Sprint("many", i), PostbackURL: "http://127.0.0.1:1/", Sandbox: true})
	}
	// The world's own rows were stored with ids of its choice.
	w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.AdvanceIDs(ctx, 100) }))
	added, err := w.g.AddMerchants(context.Background(), wanted...)
	w.must(err)
	w.must(w.g.Reload(context.Background()))
	for _, m := range added {
		list = append(list, Endpoint{m.ID, PostbackDeposit}, Endpoint{m.ID, PostbackWithdrawal})
	}
	return list
}

// tryLease asks for lanes under new leases.
func (w *world) tryLease(g *Gateway, endpoints ...Endpoint) []LeasedLane {
	w.t.Helper()
	var wanted []LaneLease
	for _, e := range endpoints {
		wanted = append(wanted, NewLaneLease(e))
	}
	leased, err := g.LeaseLanes(context.Background(), wanted)
	w.must(err)
	return leased
}

// lease takes a lane that must be free.
func (w *world) lease(g *Gateway, e Endpoint) LeasedLane {
	w.t.Helper()
	leased := w.tryLease(g, e)
	if len(leased) != 1 || leased[0].Endpoint != e || leased[0].Lease == 0 {
		w.t.Fatalf("leased %+v, want %+v", leased, e)
	}
	return leased[0]
}

func (w *world) due(g *Gateway, most int, lanes ...LeasedLane) []Postback {
	w.t.Helper()
	var leases []LaneLease
	for _, l := range lanes {
		leases = append(leases, l.LaneLease)
	}
	due, err := g.DuePostbacks(context.Background(), leases, most)
	w.must(err)
	return due
}

// lanes are the lanes as listed, by endpoint.
func (w *world) lanes(g *Gateway) map[Endpoint]LaneStatus {
	w.t.Helper()
	list, err := g.Lanes(context.Background())
	w.must(err)
	lanes := map[Endpoint]LaneStatus{}
	for _, l := range list {
		if lanes[l.Endpoint] != (LaneStatus{}) {
			w.t.Fatalf("%+v is listed twice", l.Endpoint)
		}
		lanes[l.Endpoint] = l
	}
	return lanes
}

// breaker stores the breaker of a leased lane.
func (w *world) breaker(lane LeasedLane, b postback.Breaker) {
	w.t.Helper()
	from := w.count("SELECT changed_at FROM endpoint WHERE merchant_id = $1 AND kind = $2", int64(lane.Endpoint.MerchantID), string(lane.Endpoint.Kind))
	w.record(w.g, nil, LaneMove{LaneLease: lane.LaneLease, Breaker: &b, From: sometime(from)})
}

func (w *world) release(g *Gateway, lane LeasedLane) {
	w.t.Helper()
	w.record(g, nil, LaneMove{LaneLease: lane.LaneLease, Release: true})
}

func ids(list []Postback) (ids []int64) {
	for _, p := range list {
		ids = append(ids, p.ID)
	}
	return ids
}

func (w *world) wantIDs(what string, got []Postback, want ...int64) {
	w.t.Helper()
	if !slices.Equal(ids(got), want) {
		w.t.Fatalf("%s: got postbacks %v, want %v", what, ids(got), want)
	}
}

func TestDuePostbacks(t *testing.T) {
	eachWorld(t, func(w *world) {
		start := w.clock.Now()
		for _, id := range []int64{3, 5, 1, 4, 2} {
			w.clock.Advance(time.Second)
			w.postbacks(id, 1, shopDeposits)
			w.postbacks(10+id, 1, otherDeposits)
			w.postbacks(20+id, 1, shopWithdrawals)
		}
		lanes := w.tryLease(w.g, otherDeposits, shopDeposits)
		if len(lanes) != 2 {
			t.Fatalf("leased %+v", lanes)
		}
		of := func(e Endpoint, list []Postback) []Postback {
			return slices.DeleteFunc(slices.Clone(list), func(p Postback) bool { return p.Endpoint != e })
		}
		for most, want := range map[int][]int64{1: {3}, 3: {3, 5, 1}, 100: {3, 5, 1, 4, 2}} {
			due := w.due(w.g, most, lanes...)
			w.wantIDs(fmt.Sprint("the shop's, at most ", most), of(shopDeposits, due), want...)
			others := slices.Clone(want)
			for i := range others {
				others[i] += 10
			}
			w.wantIDs(fmt.Sprint("the other's, at most ", most), of(otherDeposits, due), others...)
			if len(due) != 2*len(want) {
				t.Errorf("at most %d: %v", most, ids(due))
			}
		}
		w.clock.Set(start.Add(3 * time.Second))
		w.wantIDs("after three seconds", of(shopDeposits, w.due(w.g, 100, lanes...)), 3, 5, 1)
		w.clock.Advance(-time.Microsecond)
		w.wantIDs("just before", of(shopDeposits, w.due(w.g, 100, lanes...)), 3, 5)
	})
}

func TestLanesOfManyMerchants(t *testing.T) {
	const each = 5
	eachWorld(t, func(w *world) {
		endpoints := w.endpoints(25)
		for i, e := range endpoints {
			w.postbacks(int64(1+each*i), each, e)
		}
		lanes := w.tryLease(w.g, endpoints...)
		if len(lanes) != len(endpoints) || len(w.lanes(w.g)) != len(endpoints) {
			t.Fatalf("%d of %d lanes were leased", len(lanes), len(endpoints))
		}
		leaseOf, counts := map[Endpoint]LeasedLane{}, map[Endpoint]int{}
		var moves []LaneMove
		for _, l := range lanes {
			leaseOf[l.Endpoint] = l
			moves = append(moves, LaneMove{LaneLease: l.LaneLease, Release: true})
		}
		var attempts []Attempt
		for _, p := range w.due(w.g, 3, lanes...) {
			if e := endpoints[(p.ID-1)/each]; e != p.Endpoint {
				t.Errorf("postback %d of %+v came for %+v", p.ID, e, p.Endpoint)
			}
			counts[p.Endpoint]++
			attempts = append(attempts, w.delivery(p, leaseOf[p.Endpoint]))
		}
		for e, count := range counts {
			w.want(fmt.Sprint(e), int64(count), 3)
		}
		w.want("lanes with something due", int64(len(counts)), int64(len(endpoints)))
		for i, r := range w.record(w.g, attempts, moves...) {
			if r != (AttemptResult{State: PostbackDelivered}) {
				t.Errorf("attempt %d: %+v", i, r)
			}
		}
		w.want("delivered", w.count("SELECT count(*) FROM postback WHERE state = 'delivered'"), 3*int64(len(endpoints)))
		for e, status := range w.lanes(w.g) {
			if status.Leased {
				t.Errorf("%+v is leased still", e)
			}
		}
	})
}

func TestLanes(t *testing.T) {
	eachWorld(t, func(w *world) {
		if lanes := w.lanes(w.g); len(lanes) != 0 {
			t.Errorf("at first %+v", lanes)
		}
		came := w.clock.Now()
		w.postbacks(1, 2, shopDeposits)
		w.postbacks(9, 1, Endpoint{99, PostbackDeposit}) // of a merchant that another process has just added
		status := func(want LaneStatus) {
			t.Helper()
			want.Endpoint = shopDeposits
			if got := w.lanes(w.g); len(got) != 1 || got[shopDeposits] != want {
				t.Fatalf("listed %+v\n  want %+v", got, want)
			}
		}
		status(LaneStatus{State: postback.Closed, DueAt: came})
		lane := w.lease(w.g, shopDeposits)
		status(LaneStatus{State: postback.Closed, DueAt: came, Leased: true})
		w.clock.Set(lane.Until)
		status(LaneStatus{State: postback.Closed, DueAt: came})

		first := w.record(w.g, []Attempt{w.failure(w.due(w.g, 1, lane)[0], lane)})[0]
		status(LaneStatus{State: postback.Closed, DueAt: came})
		w.record(w.g, []Attempt{w.delivery(w.due(w.g, 1, lane)[0], lane)}, LaneMove{LaneLease: lane.LaneLease, Release: true})
		status(LaneStatus{State: postback.Closed, DueAt: first.NextAt})

		// Open: with the next probe, but not before anything is due.
		lane = w.lease(w.g, shopDeposits)
		opened := w.clock.Now()
		open := postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 5, ChangedAt: opened, ProbeID: 1, ProbeAt: opened.Add(time.Hour), ProbedAt: opened}
		w.breaker(lane, open)
		w.release(w.g, lane)
		status(LaneStatus{State: postback.Open, DueAt: open.ProbeAt})
		w.mutate(fmt.Sprintf("UPDATE postback SET next_at = %d WHERE id = 1", open.ProbeAt.Add(time.Hour).UnixMicro()))
		status(LaneStatus{State: postback.Open, DueAt: open.ProbeAt.Add(time.Hour)})

		// Something came since: not before FreshProbe, then at once.
		w.clock.Advance(time.Minute)
		w.postbacks(3, 1, shopDeposits)
		status(LaneStatus{State: postback.Open, DueAt: open.ProbeAt})
		w.clock.Set(opened.Add(postback.FreshProbe - time.Microsecond))
		status(LaneStatus{State: postback.Open, DueAt: open.ProbeAt})
		w.clock.Set(opened.Add(postback.FreshProbe))
		status(LaneStatus{State: postback.Open, DueAt: opened.Add(time.Minute)})
		lane = w.lease(w.g, shopDeposits)
		status(LaneStatus{State: postback.Open, DueAt: opened.Add(time.Minute), Leased: true})
		open.ProbedAt = w.clock.Now() // the fresh probe failed
		w.breaker(lane, open)
		w.release(w.g, lane)
		w.clock.Advance(postback.FreshProbe)
		status(LaneStatus{State: postback.Open, DueAt: open.ProbeAt})

		w.mutate("UPDATE postback SET state = 'delivered', ended_at = 1 WHERE merchant_id = 1")
		if lanes := w.lanes(w.g); len(lanes) != 0 {
			t.Errorf("with nothing undelivered %+v", lanes)
		}
	})
}

func TestUndelivered(t *testing.T) {
	eachWorld(t, func(w *world) {
		none, err := w.g.Undelivered(context.Background())
		if err != nil || none != (Undelivered{}) {
			t.Errorf("at first %+v, %v", none, err)
		}
		oldest := w.clock.Now()
		w.postbacks(1, 2, shopDeposits)
		w.clock.Advance(time.Hour)
		w.postbacks(3, 2, otherDeposits)
		shops, others := w.lease(w.g, shopDeposits), w.lease(w.g, otherDeposits)
		w.setPostback(3, fmt.Sprintf("schedule_at = %d", w.clock.Now().Add(-postback.Lifetime).UnixMicro()))
		p := w.due(w.g, 1, others)[0]
		w.record(w.g, []Attempt{w.delivery(w.due(w.g, 1, shops)[0], shops), w.failure(p, others)})
		got, err := w.g.Undelivered(context.Background())
		if err != nil || got != (Undelivered{Pending: 2, OldestAt: oldest, Exhausted: 1}) {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

func TestURLOf(t *testing.T) {
	m := &Merchant{Merchant: merchant.Merchant{PostbackURL: "http://a/"}}
	if got := m.URLOf(PostbackWithdrawal); got != "http://a/" {
		t.Errorf("without an address of its own a withdrawal goes to %q", got)
	}
	m.WithdrawalPostbackURL = "http://b/"
	if deposit, withdrawal := m.URLOf(PostbackDeposit), m.URLOf(PostbackWithdrawal); deposit != "http://a/" || withdrawal != "http://b/" {
		t.Errorf("deposits go to %q, withdrawals to %q", deposit, withdrawal)
	}
}

func TestPostbackPoll(t *testing.T) {
	eachWorld(t, func(w *world) {
		low, high, seen := pollSQLite, pollSQLite, map[time.Duration]bool{}
		if w.g.store.Engine() == store.Postgres {
			low, high = pollPostgresMin, pollPostgresMax
		}
		for range 100 {
			poll := w.g.PostbackPoll()
			seen[poll] = true
			if poll < low || poll > high {
				t.Fatalf("polls after %v", poll)
			}
		}
		if (len(seen) > 1) != strings.HasPrefix(w.database, "postgres") {
			t.Errorf("polls after %v", seen)
		}
	})
}
