package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/testkit"
)

// wantProbe checks what a lane is to be probed with now; id 0: nothing.
func (w *world) wantProbe(lane LeasedLane, want postback.Probe, id int64) {
	w.t.Helper()
	p, probe, err := w.g.DueProbe(context.Background(), lane)
	w.must(err)
	if probe != want || p.ID != id || id != 0 && p.Endpoint != lane.Endpoint {
		w.t.Fatalf("probe %d with %+v, want %d with postback %d", probe, p, want, id)
	}
}

// setPostback changes a postback behind everybody's back.
func (w *world) setPostback(id int64, change string) {
	w.t.Helper()
	w.mutate(fmt.Sprintf("UPDATE postback SET %s WHERE id = %d", change, id))
}

// opened leases a lane and opens its breaker.
func (w *world) opened(e Endpoint, b postback.Breaker) LeasedLane {
	w.t.Helper()
	b.State, b.Reason, b.Failures = postback.Open, "timeout", 1
	lane := w.lease(w.g, e)
	lane.Breaker = b
	w.breaker(lane, b)
	return lane
}

func TestScheduledProbe(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 1, shopDeposits)
		w.clock.Advance(time.Second)
		w.postbacks(2, 1, shopDeposits)
		w.postbacks(11, 1, otherDeposits)
		w.postbacks(12, 1, shopWithdrawals)
		opened := w.clock.Now()
		b := postback.Breaker{ChangedAt: opened, ProbeID: 2, ProbeAt: opened.Add(time.Minute), ProbedAt: opened}
		lane := w.opened(shopDeposits, b)
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.clock.Set(b.ProbeAt.Add(-time.Microsecond))
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.clock.Set(b.ProbeAt)
		w.wantProbe(lane, postback.ProbeScheduled, 2)
		p, _, err := w.g.DueProbe(context.Background(), lane)
		w.must(err)
		want := Postback{ID: 2, Endpoint: shopDeposits, SubjectID: 7002, WebhookID: "msg_2", Body: []byte(awkward), NextAt: opened, ScheduleAt: opened}
		if fmt.Sprint(p) != fmt.Sprint(want) {
			t.Errorf("probed with %+v\nwant %+v", p, want)
		}
		later := w.clock.Now().Add(time.Hour).UnixMicro()
		w.setPostback(2, fmt.Sprintf("next_at = %d", later)) // it isn't due yet
		w.wantProbe(lane, postback.ProbeScheduled, 1)
		w.setPostback(2, "state = 'exhausted', ended_at = 1") // or never again
		w.wantProbe(lane, postback.ProbeScheduled, 1)
		for _, foreign := range []int64{0, 11, 12, 77} {
			lane.Breaker.ProbeID = foreign
			w.wantProbe(lane, postback.ProbeScheduled, 1)
		}
		w.setPostback(1, fmt.Sprintf("next_at = %d", later))
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.clock.Advance(time.Hour)
		w.wantProbe(lane, postback.ProbeScheduled, 1)
		w.release(w.g, lane)
		w.wantProbe(lane, postback.ProbeNone, 0)
	})
}

func TestFreshProbe(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 2, shopDeposits) // never tried, but there before it opened
		opened := w.clock.Now()
		b := postback.Breaker{ChangedAt: opened, ProbeID: 1, ProbeAt: opened.Add(10 * time.Hour), ProbedAt: opened}
		lane := w.opened(shopDeposits, b)
		w.clock.Advance(time.Minute)
		w.postbacks(4, 1, shopDeposits)
		w.postbacks(11, 1, otherDeposits)
		w.postbacks(12, 1, shopWithdrawals)
		w.clock.Advance(time.Minute)
		w.postbacks(3, 1, shopDeposits)
		w.clock.Set(opened.Add(postback.FreshProbe - time.Microsecond))
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.clock.Set(opened.Add(postback.FreshProbe))
		w.wantProbe(lane, postback.ProbeFresh, 4)
		w.setPostback(4, "attempts = 1") // tried since
		w.wantProbe(lane, postback.ProbeFresh, 3)
		w.setPostback(3, fmt.Sprintf("next_at = %d", w.clock.Now().UnixMicro()+1))
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.clock.Advance(time.Microsecond)
		w.wantProbe(lane, postback.ProbeFresh, 3)

		lane.Breaker.ProbedAt = w.clock.Now() // the fresh probe failed
		w.clock.Advance(postback.FreshProbe)
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.postbacks(5, 1, shopDeposits)
		w.wantProbe(lane, postback.ProbeFresh, 5)
		w.setPostback(5, "state = 'delivered', ended_at = 1")
		w.wantProbe(lane, postback.ProbeNone, 0)
		w.clock.Set(b.ProbeAt) // its time has come
		w.wantProbe(lane, postback.ProbeScheduled, 1)
	})
}

// A lane is listed as due exactly when there is something to probe it with: else it would be leased again and again for
// nothing, or be forgotten.
func TestOpenLanesAreDueWhenProbed(t *testing.T) {
	eachWorld(t, func(w *world) {
		start := w.clock.Now()
		db := w.beside()
		w.postbacks(1, 3, shopDeposits)
		w.release(w.g, w.opened(shopDeposits, postback.Breaker{}))
		random := rand.New(rand.NewPCG(1, 2))
		seen := map[postback.Probe]int{}
		minutes := func(n int) time.Time { return start.Add(time.Duration(n) * time.Minute) }
		for range 150 {
			b := postback.Breaker{ChangedAt: start, ProbeID: random.Int64N(5), ProbeAt: minutes(random.IntN(40)), ProbedAt: minutes(random.IntN(12))}
			for id := 1; id <= 3; id++ {
				state := []string{"state = 'pending', ended_at = NULL", "state = 'delivered', ended_at = 1"}[random.IntN(4)/3]
				_, err := db.Exec(fmt.Sprintf("UPDATE postback SET %s, attempts = %d, next_at = %d WHERE id = %d", state, random.IntN(2), minutes(random.IntN(30)).UnixMicro(), id))
				w.must(err)
			}
			lane := w.lease(w.g, shopDeposits)
			lane.Breaker = b
			b.State, b.Reason, b.Failures = postback.Open, "timeout", 1
			w.breaker(lane, b)
			for _, at := range []int{0, 5, 10, 15, 20, 25, 30, 40} {
				w.clock.Set(minutes(at))
				status, listed := w.lanes(w.g)[shopDeposits]
				_, probe, err := w.g.DueProbe(context.Background(), lane)
				w.must(err)
				seen[probe]++
				if due := listed && !status.DueAt.After(w.clock.Now()); due != (probe != postback.ProbeNone) {
					t.Fatalf("at minute %d: listed %+v, probe %d; breaker %+v", at, status, probe, b)
				}
			}
			w.clock.Set(start)
			w.release(w.g, lane)
		}
		if seen[postback.ProbeNone] < 50 || seen[postback.ProbeScheduled] < 50 || seen[postback.ProbeFresh] < 50 {
			t.Errorf("seen %v", seen)
		}
	})
}

func (w *world) exhaust(lanes ...LaneStatus) map[Endpoint]int {
	w.t.Helper()
	exhausted, err := w.g.ExhaustPostbacks(context.Background(), lanes)
	w.must(err)
	return exhausted
}

func (w *world) wantExhausted(what string, got map[Endpoint]int, e Endpoint, want int) {
	w.t.Helper()
	if got[e] != want || (len(got) > 0) != (want > 0) {
		w.t.Fatalf("%s: exhausted %v, want %d", what, got, want)
	}
}

func TestExhaustPostbacks(t *testing.T) {
	const old = 2*exhaustSize + 200
	eachWorld(t, func(w *world) {
		came := w.clock.Now()
		w.postbacks(1, old, shopDeposits)
		w.postbacks(5001, 2, otherDeposits)
		w.postbacks(5003, 1, shopWithdrawals)
		w.clock.Advance(time.Second)
		w.postbacks(6001, 3, shopDeposits)
		w.release(w.g, w.opened(shopDeposits, postback.Breaker{ChangedAt: came}))
		open := LaneStatus{Endpoint: shopDeposits, State: postback.Open}

		w.clock.Set(came.Add(postback.Lifetime - time.Microsecond))
		w.wantExhausted("within their schedule", w.exhaust(open), shopDeposits, 0)
		w.clock.Set(came.Add(postback.Lifetime))
		lane := w.lease(w.g, shopDeposits)
		w.wantExhausted("while a probe is under way", w.exhaust(open), shopDeposits, 0)
		w.clock.Advance(PostbackLease - time.Microsecond)
		w.wantExhausted("until its lease is over", w.exhaust(open), shopDeposits, 0)
		w.mutate(fmt.Sprintf("UPDATE postback SET schedule_at = schedule_at + %d WHERE id >= 6001", time.Minute.Microseconds())) // replayed, say
		w.clock.Advance(time.Microsecond)
		w.wantExhausted("a closed lane", w.exhaust(LaneStatus{Endpoint: shopDeposits, State: postback.Closed}), shopDeposits, 0)
		w.mutate("UPDATE endpoint SET state = 'closed', failures = 0")
		w.wantExhausted("a lane that was closed since", w.exhaust(open), shopDeposits, 0)
		w.mutate("UPDATE endpoint SET state = 'open', failures = 1")
		w.wantExhausted("lanes without a breaker", w.exhaust(LaneStatus{Endpoint: otherDeposits, State: postback.Open}), otherDeposits, 0)

		list, err := w.g.Lanes(context.Background())
		w.must(err)
		w.wantExhausted("the lanes as listed", w.exhaust(list...), shopDeposits, old)
		w.want("exhausted", w.count("SELECT count(*) FROM postback WHERE state = 'exhausted' AND attempts = 0 AND ended_at = $1", w.clock.Now().UnixMicro()), old)
		w.want("of others", w.count("SELECT count(*) FROM postback WHERE state = 'exhausted' AND id > $1", old), 0)
		w.wantExhausted("once more", w.exhaust(open), shopDeposits, 0)

		// What comes late of a request that was under way finds it given up.
		if got := w.record(w.g, []Attempt{w.delivery(Postback{ID: 1, Endpoint: shopDeposits}, lane)})[0]; got != stale {
			t.Errorf("recorded %+v", got)
		}
		w.mutate("UPDATE endpoint SET state = 'paused'")
		w.clock.Set(came.Add(postback.Lifetime + time.Hour))
		w.wantExhausted("a paused lane", w.exhaust(w.lanes(w.g)[shopDeposits]), shopDeposits, 3)
	})
}

// Who exhausts doesn't wait for who holds a lane at the moment.
func TestExhaustPassesWhatIsLocked(t *testing.T) {
	w := newWorld(t, testkit.Postgres(t))
	for i, e := range []Endpoint{shopDeposits, otherDeposits} {
		w.postbacks(int64(1+i), 1, e)
		w.release(w.g, w.opened(e, postback.Breaker{}))
	}
	w.clock.Advance(postback.Lifetime)
	tx, err := w.beside().Begin()
	w.must(err)
	defer tx.Rollback()
	_, err = tx.Exec("SELECT 1 FROM endpoint WHERE merchant_id = 1 FOR UPDATE")
	w.must(err)
	list, err := w.g.Lanes(context.Background())
	w.must(err)
	w.wantExhausted("beside a locked lane", w.exhaust(list...), otherDeposits, 1)
}
