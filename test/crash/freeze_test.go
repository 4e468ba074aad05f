package crash

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/lane"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

// eachMerchant is how many postbacks each merchant gets in the freeze.
const eachMerchant = 3

// An instance is frozen for longer than its lease, with a request open at each merchant and more that it meant to send.
// Another takes its lanes over. That makes one overlap for each open request, as the frozen one still holds its
// connection, and no more: when it goes on, its records are refused, though the other has recorded nothing yet for half of
// them, and it sends nothing of what it had read.
//
// Only PostgreSQL lets two instances serve one database. The test takes as long as a lease, 45 s, and is idle meanwhile,
// so it runs always and beside the others.
func TestFreezePastTheLease(t *testing.T) {
	t.Parallel()
	f := newFreeze(t)
	frozen := f.serve(f.frozenLine)
	f.orders(frozen, 1)
	f.until("a request is open at each merchant", func() bool { return f.open() == fewMerchants })
	f.orders(frozen, eachMerchant-1) // these wait behind the open ones
	frozen.Freeze()
	frozenAt := time.Now()
	f.frozen.Store(true)

	other := f.serve(f.otherLine)
	f.until("the other instance has sent again what was open", func() bool { return f.again() == fewMerchants })
	taken := time.Since(frozenAt)
	if taken < gateway.PostbackLease-lane.RequestLimit {
		t.Errorf("the lanes were taken over after %v, within the lease", taken)
	}
	close(f.first)
	frozen.Thaw()
	f.until("the frozen one's records are refused", func() bool { return f.refused.Load() == fewMerchants })
	close(f.second)
	books := openBooks(t, f.database)
	books.waitDelivered(patience)
	if code := other.Stop(); code != 0 {
		t.Errorf("the other instance ended with %d:\n%s", code, other.Log())
	}
	if visits, want := f.receiver.came(), fewMerchants*(eachMerchant+1); visits != want {
		t.Errorf("%d requests came, want %d: each postback once, and once more what was open", visits, want)
	}
	f.orders(frozen, 1) // the frozen one is in order again
	books.waitDelivered(patience)
	if code := frozen.Stop(); code != 0 {
		t.Errorf("the frozen instance ended with %d:\n%s", code, frozen.Log())
	}
	f.galla.MustRun("audit")
	f.judge(books)
	t.Logf("frozen for %v: %d postbacks, %d requests, %d overlaps, %d records refused", taken.Round(time.Second),
		len(f.book.orders), f.receiver.visits, f.receiver.overlaps(), f.refused.Load())
}

// freeze is two instances and what they do.
type freeze struct {
	*world
	database      string
	receiver      *receiver
	frozen        atomic.Bool
	first, second chan time.Time // closed when the first requests for a postback are answered, and the second ones
	refused       atomic.Int64
}

func newFreeze(t *testing.T) *freeze {
	f := &freeze{database: testkit.Postgres(t), first: make(chan time.Time), second: make(chan time.Time)}
	never := make(chan time.Time)
	f.receiver = newReceiver(t, fewMerchants, func(merchant int, m *message) (fate, <-chan time.Time) {
		switch {
		case !f.frozen.Load() && merchant%2 == 0:
			return accepted, f.first
		case !f.frozen.Load():
			return accepted, never
		case len(m.visits) > 1 && merchant < fewMerchants/2:
			return accepted, f.second
		}
		return accepted, time.After(0)
	})
	f.world = newWorld(t, f.database, f.receiver.urls...)
	return f
}

// again is how many postbacks came twice.
func (f *freeze) again() int {
	return f.receiver.count(func(m *message) int { return min(1, len(m.visits)-1) })
}

// serve starts an instance whose log is read.
func (f *freeze) serve(line func(string)) *process.Server {
	galla := f.galla.With()
	galla.OnLine = line
	return galla.Serve()
}

func (f *freeze) frozenLine(line string) {
	if strings.Contains(line, "msg=postback.record_refused") {
		f.refused.Add(1)
	}
}

func (f *freeze) otherLine(line string) {
	if strings.Contains(line, "msg=postback.record_refused") || strings.Contains(line, "level=ERROR") {
		f.t.Error(line)
	}
}

// orders brings so many orders of each merchant to their credit, all at once: a request stays open for 15 s only.
func (f *freeze) orders(server *process.Server, each int) {
	f.t.Helper()
	var group sync.WaitGroup
	for range each * fewMerchants {
		o := f.order()
		group.Go(func() {
			if !f.bring(server, o) {
				f.t.Errorf("%s gets no answer", o.id)
			}
		})
	}
	group.Wait()
}

// open is how many requests are open at the merchants.
func (f *freeze) open() int {
	return f.receiver.count(func(m *message) (n int) {
		for _, v := range m.visits {
			if v.fate == open {
				n++
			}
		}
		return n
	})
}

func (f *freeze) until(what string, holds func() bool) {
	f.t.Helper()
	for began := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(began) > patience {
			f.t.Fatalf("still not: %s", what)
		}
	}
}

// judge compares the books: one attempt of each postback, the other instance's, and one overlap where a request was open.
func (f *freeze) judge(b books) {
	f.t.Helper()
	f.receiver.mu.Lock()
	defer f.receiver.mu.Unlock()
	held := 0
	for _, p := range b.postbacks() {
		m := f.receiver.messages[p.webhookID]
		if m == nil {
			f.t.Errorf("postback %d never came", p.id)
			continue
		}
		b.judgeRow(p, m)
		if len(p.attempts) != 1 {
			f.t.Errorf("postback %d: %d attempts are kept, want the other instance's alone", p.id, len(p.attempts))
		}
		if m.overlaps != len(m.visits)-1 {
			f.t.Errorf("postback %d: %d requests, %d overlaps", p.id, len(m.visits), m.overlaps)
		}
		if m.overlaps > 1 {
			f.t.Errorf("postback %d: %d overlaps, at most one is allowed", p.id, m.overlaps)
		}
		held += m.overlaps
	}
	if held != fewMerchants {
		f.t.Errorf("%d overlaps, want one at each of %d merchants", held, fewMerchants)
	}
}
