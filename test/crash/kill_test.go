// Package crash kills the real binary under load and checks from outside that nothing acknowledged is lost and that
// nothing is credited twice. The book of what was acknowledged is the test's own.
package crash

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

const (
	// defaultCycles keeps `make test` short; GALLA_CRASH_CYCLES=50 is the long run.
	defaultCycles = 6
	workers       = 24
	shortestLife  = 100 * time.Millisecond
	longestLife   = 700 * time.Millisecond
)

func TestMain(m *testing.M) {
	code := m.Run()
	process.Remove()
	os.Exit(code)
}

func cycles(t *testing.T) int {
	text := os.Getenv("GALLA_CRASH_CYCLES")
	if text == "" {
		return defaultCycles
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("GALLA_CRASH_CYCLES=%q: expected a number of cycles", text)
	}
	return n
}

func TestKillUnderLoadSQLite(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, testkit.SQLite(t))
}

func TestKillUnderLoadPostgres(t *testing.T) {
	t.Parallel()
	killUnderLoad(t, testkit.DurablePostgres(t).DSN("postgres"))
}

func killUnderLoad(t *testing.T, database string) {
	w := newWorld(t, database, "http://127.0.0.1:9/")
	rounds := cycles(t)
	for range rounds {
		w.cycle()
	}
	w.settle()
	t.Logf("%d kills, %d orders, %d requests without an answer", rounds, len(w.book.orders), w.book.unanswered.Load())
	if w.book.unanswered.Load() == 0 {
		t.Error("no kill hit an open request: this proved nothing")
	}
}

// cycle starts the server, loads it, kills it at a random moment, and audits what is left.
func (w *world) cycle() {
	w.t.Helper()
	server := w.galla.Serve()
	stop := make(chan struct{})
	var group sync.WaitGroup
	// The shares are dealt before anybody works: from here on an order is one worker's alone.
	var shares [workers][]*order
	for i := range workers {
		shares[i] = w.open(i)
	}
	for _, share := range shares {
		group.Go(func() { w.work(server, share, stop) })
	}
	time.Sleep(shortestLife + rand.N(longestLife-shortestLife))
	server.Kill()
	close(stop)
	group.Wait()
	if r := w.galla.Run("audit"); r.Code != 0 {
		w.t.Fatalf("audit after a kill: exit %d\n%s%s", r.Code, r.Stdout, r.Stderr)
	}
}

// work repeats what this worker has open, then goes on with new orders, until the server is gone.
func (w *world) work(server *process.Server, open []*order, stop <-chan struct{}) {
	for _, o := range open {
		if !w.bring(server, o) {
			return
		}
	}
	for {
		select {
		case <-stop:
			return
		default:
		}
		if !w.bring(server, w.order()) {
			return
		}
	}
}

// open lists this worker's share of orders that aren't answered yet.
func (w *world) open(worker int) []*order {
	w.book.mu.Lock()
	defer w.book.mu.Unlock()
	var list []*order
	for i, o := range w.book.orders {
		if i%workers == worker && !o.credited {
			list = append(list, o)
		}
	}
	return list
}

// settle repeats everything on a server that is left alone: whoever was told ok is told ok again, the rest is brought
// to its end, and the books hold exactly one credit per number.
func (w *world) settle() {
	w.t.Helper()
	server := w.galla.Serve()
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for i, o := range w.book.orders {
				if i%workers != worker {
					continue
				}
				if o.credited {
					if status, ok := w.activate(server, o, o.id); !ok || status != "ok" {
						w.t.Errorf("%s was told ok, and is now told %q", o.id, status)
					}
				} else if !w.bring(server, o) {
					w.t.Errorf("%s gets no answer", o.id)
				}
			}
		})
	}
	group.Wait()
	if code := server.Stop(); code != 0 {
		w.t.Errorf("serve ended with %d:\n%s", code, server.Log())
	}
	w.galla.MustRun("audit")
	var balances []struct {
		Kind    string `json:"kind"`
		Balance string `json:"balance"`
	}
	w.galla.JSON(&balances, "balance")
	want := 0
	for _, o := range w.book.orders {
		want += o.amount
	}
	for _, b := range balances {
		if b.Kind == "merchant" && b.Balance != fmt.Sprintf("%d.00", want) {
			w.t.Errorf("the merchant's balance is %s, the outside paid in %d.00", b.Balance, want)
		}
	}
}
