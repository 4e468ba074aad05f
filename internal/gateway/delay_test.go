package gateway

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// round gives n requests to an idle queue, waits for the batch and gives it back: how long it was delayed.
func round(t *testing.T, q *queue, n int) time.Duration {
	t.Helper()
	put(t, q, n)
	began := time.Now()
	batch := q.take()
	if len(batch.items) != n {
		t.Fatalf("a batch of %d, put %d", len(batch.items), n)
	}
	defer q.done(batch)
	return time.Since(began)
}

// A lone batch behind a shared one waits for company: until enough have come, or the delay is over.
func TestCommitDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(CommitDelay)
		if waited := round(t, q, 3); waited != 0 {
			t.Errorf("the first batch of all waited %v", waited)
		}
		put(t, q, 2)
		began, next := time.Now(), q.taker()
		time.Sleep(CommitDelay / 2)
		if synctest.Wait(); len(next) > 0 {
			t.Fatal("two didn't wait for more")
		}
		put(t, q, delayedBatch-2)
		batch := <-next
		if waited := time.Since(began); waited != CommitDelay/2 || len(batch.items) != delayedBatch {
			t.Errorf("%d started after %v", len(batch.items), waited)
		}

		put(t, q, 2)
		beside := q.taker()
		time.Sleep(CommitDelay)
		q.done(batch)
		if waited := time.Since(began); len(beside) > 0 || waited != CommitDelay*3/2 {
			t.Fatalf("two started beside a batch, after %v", waited)
		}
		began = time.Now()
		late := <-beside
		if waited := time.Since(began); waited != CommitDelay || len(late.items) != 2 {
			t.Errorf("%d started %v after the batch before", len(late.items), waited)
		}
		q.done(late)
	})
}

// What waited already is enough: then nothing is delayed.
func TestNoDelayBehindMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(CommitDelay)
		put(t, q, 3)
		first := q.take()
		put(t, q, delayedBatch)
		q.done(first)
		began := time.Now()
		batch := q.take()
		if waited := time.Since(began); waited != 0 {
			t.Errorf("%d waited %v", len(batch.items), waited)
		}
		q.done(batch)
	})
}

// When more delays were in vain than not, they pause; one tries again. A closed queue doesn't wait.
func TestVainDelaysPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(CommitDelay)
		delayed := func(batches int) (n int) {
			for range batches {
				switch waited := round(t, q, 3); waited {
				case CommitDelay:
					n++
				case 0:
				default:
					t.Fatalf("waited %v", waited)
				}
			}
			return n
		}
		round(t, q, 3)
		for range 3 {
			if n := delayed(1); n != 1 {
				t.Error("no delay after the pause")
			}
			if n := delayed(delayPause); n != 0 {
				t.Errorf("%d delays in the pause", n)
			}
		}
		for range 20 {
			if waited := round(t, q, delayedBatch); waited != 0 {
				t.Errorf("enough waited %v", waited)
			}
		}
		if n := delayed(mostCredit); n != mostCredit {
			t.Errorf("%d delays in vain after many that paid, want %d", n, mostCredit)
		}
		if n := delayed(delayPause); n != 0 {
			t.Errorf("then %d delays in the pause", n)
		}
		put(t, q, 2)
		next := q.taker()
		if synctest.Wait(); len(next) > 0 {
			t.Fatal("no delay after the pause")
		}
		q.close()
		began := time.Now()
		if q.done(<-next); time.Since(began) != 0 {
			t.Errorf("a closed queue waited %v", time.Since(began))
		}
	})
}

// Only SQLite, where each batch waits for the one before it, is given the delay that the options ask for.
func TestDelayIsOfSQLite(t *testing.T) {
	eachWorld(t, func(w *world) {
		want := map[store.Engine]time.Duration{store.SQLite: CommitDelay}[w.g.store.Engine()]
		g, end := w.open(Options{Now: w.clock.Now, CommitDelay: CommitDelay})
		defer end()
		if got := g.queue.delay.limit; got != want {
			w.t.Errorf("%v on %v, want %v", got, w.g.store.Engine(), want)
		}
		if got := w.g.queue.delay.limit; got != 0 {
			w.t.Errorf("%v though nobody asked for a delay", got)
		}
	})
}

// Whoever comes alone, and a queue without a delay, never waits.
func TestAloneIsNotDelayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(CommitDelay)
		for range 5 {
			if waited := round(t, q, 1); waited != 0 {
				t.Fatalf("alone waited %v", waited)
			}
		}
		without := newQueue(0)
		for range 5 {
			if waited := round(t, without, 3); waited != 0 {
				t.Fatalf("without a delay waited %v", waited)
			}
		}
	})
}
