package gateway

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/testkit"
)

// owners tells who has which lane, as far as the processes know.
type owners struct {
	mu    sync.Mutex
	lanes map[Endpoint]int
	taken int
}

func (o *owners) take(process int, lanes []LeasedLane) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range lanes {
		if owner, has := o.lanes[l.Endpoint]; has {
			return fmt.Errorf("process %d leased %+v, which process %d has", process, l.Endpoint, owner)
		}
		o.lanes[l.Endpoint] = process
		o.taken++
	}
	return nil
}

func (o *owners) drop(lanes []LeasedLane) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, l := range lanes {
		delete(o.lanes, l.Endpoint)
	}
}

// processes opens gateways of their own. wait ends them and waits until the server has let go of their connections: it
// has counted their deadlocks by then.
func (w *world) processes(count int) (list []*Gateway, wait func()) {
	w.t.Helper()
	db := w.beside()
	db.SetMaxOpenConns(1)
	others := func() (n int) {
		w.must(db.QueryRow("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()").Scan(&n))
		return n
	}
	before := others()
	var ends []func()
	for range count {
		g, end := w.open(Options{Now: w.clock.Now, LeaseNow: w.clock.Now}) // leases last as long as the race
		list, ends = append(list, g), append(ends, end)
	}
	return list, func() {
		w.t.Helper()
		for _, end := range ends {
			end()
		}
		for limit := time.Now().Add(raceLimit); others() > before; time.Sleep(10 * time.Millisecond) {
			if time.Now().After(limit) {
				w.t.Fatal("connections stay open")
			}
		}
		var deadlocks int64
		w.must(db.QueryRow("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").Scan(&deadlocks))
		w.want("deadlocks", deadlocks, 0)
	}
}

func shuffled(list []Endpoint) []LaneLease {
	var leases []LaneLease
	for _, i := range rand.Perm(len(list)) {
		leases = append(leases, NewLaneLease(list[i]))
	}
	return leases
}

// Whoever asks for the same lanes at the same moment: each lane goes to one, whether its row is there already or not.
func TestLanesHaveOneOwner(t *testing.T) {
	const processes, rounds = 8, 12
	w := newWorld(t, testkit.Postgres(t))
	endpoints := w.endpoints(25)
	instances, wait := w.processes(processes)
	for round := range rounds {
		o := owners{lanes: map[Endpoint]int{}}
		leased := make([][]LeasedLane, processes)
		w.race(processes, func(i int) (err error) {
			if leased[i], err = instances[i].LeaseLanes(context.Background(), shuffled(endpoints)); err != nil {
				return err
			}
			return o.take(i, leased[i])
		})
		if len(o.lanes) != len(endpoints) {
			t.Fatalf("round %d: %d of %d lanes have an owner", round, len(o.lanes), len(endpoints))
		}
		w.race(processes, func(i int) error {
			var moves []LaneMove
			for _, l := range leased[i] {
				moves = append(moves, LaneMove{LaneLease: l.LaneLease, Release: true})
			}
			_, err := instances[i].RecordAttempts(context.Background(), nil, moves)
			return err
		})
		w.want("leased", w.count("SELECT count(*) FROM endpoint WHERE lease <> 0"), 0)
	}
	wait()
}

// Leases, reads, records and what is given up, all at once: nobody waits for ever, every attempt is kept once.
func TestLanesBesideEachOther(t *testing.T) {
	const processes, rounds, each = 8, 25, 40
	w := newWorld(t, testkit.Postgres(t))
	endpoints := w.endpoints(25)
	for i, e := range endpoints {
		w.postbacks(int64(1+each*i), each, e)
	}
	instances, wait := w.processes(processes)
	o := owners{lanes: map[Endpoint]int{}}
	var mu sync.Mutex
	delivered, failed := int64(0), int64(0)
	turn := func(i int) error {
		g, ctx := instances[i], context.Background()
		lanes, err := g.LeaseLanes(ctx, shuffled(endpoints)[:20])
		if err == nil {
			err = o.take(i, lanes)
		}
		if err != nil {
			return err
		}
		leaseOf := map[Endpoint]LeasedLane{}
		var leases []LaneLease
		for _, l := range lanes {
			leaseOf[l.Endpoint] = l
			leases = append(leases, l.LaneLease)
		}
		if _, err := g.LeaseLanes(ctx, leases); err != nil { // renewed
			return err
		}
		due, err := g.DuePostbacks(ctx, leases, 3)
		if err != nil {
			return err
		}
		var attempts []Attempt
		for _, p := range due {
			if rand.IntN(3) == 0 {
				attempts = append(attempts, w.failure(p, leaseOf[p.Endpoint]))
			} else {
				attempts = append(attempts, w.delivery(p, leaseOf[p.Endpoint]))
			}
		}
		rand.Shuffle(len(attempts), func(a, b int) { attempts[a], attempts[b] = attempts[b], attempts[a] })
		var moves []LaneMove
		for _, l := range lanes {
			move := LaneMove{LaneLease: l.LaneLease, Release: true, Breaker: &postback.Breaker{State: postback.Closed}}
			if rand.IntN(3) == 0 {
				move.Breaker = &postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1}
			}
			moves = append(moves, move)
		}
		o.drop(lanes)
		results, err := g.RecordAttempts(ctx, attempts, moves)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		for n, r := range results {
			switch {
			case r != attempts[n].Outcome():
				return fmt.Errorf("%+v became %+v", attempts[n], r)
			case r.State == PostbackDelivered:
				delivered++
			default:
				failed++
			}
		}
		return nil
	}
	w.race(processes, func(i int) error {
		for range rounds {
			if err := turn(i); err != nil {
				return err
			}
			list, err := instances[i].Lanes(context.Background())
			if err == nil {
				_, err = instances[i].ExhaustPostbacks(context.Background(), list)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	wait()
	if o.taken < rounds || failed == 0 {
		t.Errorf("%d lanes were leased, %d attempts failed: too little happened", o.taken, failed)
	}
	w.want("delivered", w.count("SELECT count(*) FROM postback WHERE state = 'delivered'"), delivered)
	w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), delivered+failed)
	w.want("counted", w.count("SELECT sum(attempts) FROM postback"), delivered+failed)
	w.want("leased", w.count("SELECT count(*) FROM endpoint WHERE lease <> 0"), 0)
}
