package crash

import (
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

const (
	// fewMerchants and clients make the load of the postback tests.
	fewMerchants = 8
	clients      = 12
	// longestAnswer is how long a merchant takes to answer at most.
	longestAnswer = 30 * time.Millisecond
	// mostVisits is how many requests arrive at most from one kill to the next. By this and not by time, so that a slow
	// machine kills as busy servers as a fast one.
	mostVisits = 200
	// patience bounds the wait for the last delivery: on PostgreSQL the lanes of the dead are free after 45 s.
	patience = 2 * time.Minute
	// recordLimit is how long a server that lives may need from a request's arrival to its record, seenLimit how long a
	// merchant may need to see a request.
	recordLimit, seenLimit = 3 * time.Second, time.Second
	// A merchant fails one of failEvery messages when it comes first, and resets the connection of one of resetEvery.
	failEvery, resetEvery = 20, 300
)

// Whatever is killed while it sends: each postback reaches its merchant, no two requests for one are open at once, and
// its attempts are numbered without gaps.
func TestKillSendingSQLite(t *testing.T) {
	t.Parallel()
	killSending(t, testkit.SQLite(t), 1, fewMerchants)
}

// Two instances share the database, and each in turn is killed. The lanes of the dead one are taken over when its leases
// end, long after this kill; so that there is always something to send there are more lanes than can be bound that way.
func TestKillSendingPostgres(t *testing.T) {
	t.Parallel()
	killSending(t, testkit.Postgres(t), 2, fewMerchants+2*cycles(t))
}

// fleet is the instances of one installation, of which some may be dead, and the clients that use them.
type fleet struct {
	*world
	receiver *receiver
	slots    []atomic.Pointer[process.Server]
	calm     atomic.Bool // merchants fail nothing more
	faults   atomic.Int64
	refused  atomic.Int64
	kills    []time.Time
}

func killSending(t *testing.T, database string, instances, merchants int) {
	f := &fleet{slots: make([]atomic.Pointer[process.Server], instances)}
	f.receiver = newReceiver(t, merchants, f.plan(merchants))
	f.world = newWorld(t, database, f.receiver.urls...)
	f.galla.OnLine = f.line
	for i := range f.slots {
		f.slots[i].Store(f.galla.Serve())
	}
	stop := make(chan struct{})
	var group sync.WaitGroup
	for range clients {
		group.Go(func() { f.work(stop) })
	}
	rounds := cycles(t)
	for i := range rounds {
		slot := &f.slots[i%instances]
		f.receiver.wait(1+rand.N(mostVisits), patience)
		time.Sleep(rand.N(longestAnswer)) // not at an arrival
		slot.Swap(nil).Kill()
		f.kills = append(f.kills, time.Now())
		slot.Store(f.galla.Serve())
	}
	f.calm.Store(true)
	close(stop)
	group.Wait()
	books := openBooks(t, database)
	began := time.Now()
	books.waitDelivered(patience)
	waited := time.Since(began)
	for i := range f.slots {
		if code := f.slots[i].Load().Stop(); code != 0 {
			t.Errorf("serve ended with %d:\n%s", code, f.slots[i].Load().Log())
		}
	}
	f.galla.MustRun("audit")
	judged := books.judge(f)
	t.Logf("%d kills, %d postbacks, %d requests, %d repeated after a kill, %d overlaps", rounds, len(f.book.orders), f.receiver.visits,
		judged.lost, f.receiver.overlaps())
	t.Logf("%d attempts, %d requests cut off, %d failed, %d reset; all delivered %v after the load; %d records refused",
		judged.attempts, judged.fates[cut], judged.fates[failed], judged.fates[reset], waited.Round(time.Millisecond), f.refused.Load())
	if judged.lost == 0 {
		t.Error("no kill came between a request and its record: this proved nothing")
	}
	if n := f.faults.Load(); n > 0 {
		t.Errorf("servers logged %d errors", n)
	}
}

// killedAfter tells whether a server was killed soon enough after a visit to explain that it wasn't recorded. What a dead
// server has sent may also be seen a little later.
func (f *fleet) killedAfter(v *visit) bool {
	return slices.ContainsFunc(f.kills, func(kill time.Time) bool {
		return kill.Sub(v.at) < recordLimit && v.at.Sub(kill) < seenLimit
	})
}

// plan is how merchants answer: now and then a message fails when it comes first, but never two in a row of a merchant's
// answers, so that its lane isn't closed for long.
func (f *fleet) plan(merchants int) func(merchant int, m *message) (fate, <-chan time.Time) {
	failedLast := make([]bool, merchants)
	return func(merchant int, m *message) (fate, <-chan time.Time) {
		planned := accepted
		if len(m.visits) == 1 && !failedLast[merchant] && !f.calm.Load() {
			switch {
			case rand.N(resetEvery) == 0:
				planned = reset
			case rand.N(failEvery) == 0:
				planned = failed
			}
		}
		failedLast[merchant] = planned != accepted
		return planned, time.After(rand.N(longestAnswer))
	}
}

// line reads the servers' logs.
func (f *fleet) line(line string) {
	switch {
	case strings.Contains(line, "msg=postback.record_refused"):
		f.refused.Add(1)
	case strings.Contains(line, "level=ERROR"):
		f.faults.Add(1)
		f.t.Log(line)
	}
}

// work makes orders and repeats each at whatever instance lives until it is credited.
func (f *fleet) work(stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		o := f.order()
		for began := time.Now(); ; time.Sleep(time.Millisecond) {
			server := f.slots[rand.N(len(f.slots))].Load()
			if server != nil && f.bring(server, o) {
				break
			}
			if time.Since(began) > patience {
				f.t.Errorf("%s gets no answer", o.id)
				return
			}
		}
	}
}
