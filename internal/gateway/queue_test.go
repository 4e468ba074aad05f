package gateway

import (
	"testing"
	"testing/synctest"
	"time"
)

func some(n int) []*item {
	items := make([]*item, n)
	for i := range items {
		items[i] = &item{}
	}
	return items
}

// taker takes a batch in the background and says how many items it has.
func (q *queue) taker() <-chan *flight {
	taken := make(chan *flight, 1)
	go func() { taken <- q.take() }()
	return taken
}

func put(t *testing.T, q *queue, n int) {
	t.Helper()
	if err := q.put(some(n)); err != nil {
		t.Fatal(err)
	}
}

// A batch starts beside another when as many wait as that one has, or when that one takes its time.
func TestBatchesSideBySide(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(0)
		put(t, q, 20)
		first := q.take()
		second := q.taker()
		put(t, q, 19)
		if synctest.Wait(); len(second) > 0 {
			t.Fatal("19 started beside 20")
		}
		put(t, q, 1)
		beside := <-second
		if len(first.items) != 20 || len(beside.items) != 20 {
			t.Errorf("batches of %d and %d", len(first.items), len(beside.items))
		}

		q.done(first)
		third := q.taker()
		put(t, q, minBeside-1)
		time.Sleep(slowBatch / 2)
		if synctest.Wait(); len(third) > 0 {
			t.Fatal("a few started beside a batch that just began")
		}
		time.Sleep(slowBatch)
		late := <-third
		if len(late.items) != minBeside-1 {
			t.Errorf("%d started late", len(late.items))
		}
		q.done(beside)
		q.done(late)
		put(t, q, 1)
		alone := q.take()
		if len(alone.items) != 1 || q.slow != 0 {
			t.Errorf("then %d, %d slow", len(alone.items), q.slow)
		}
		q.done(alone)
		if q.taken != 0 {
			t.Errorf("%d are still under way", q.taken)
		}
	})
}

// A closed queue gives out what it has and wakes everybody who waits.
func TestClosedQueueDrains(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(0)
		put(t, q, MaxBatch+50)
		first := q.take()
		second := q.taker()
		if synctest.Wait(); len(second) > 0 {
			t.Fatal("50 started beside a full batch")
		}
		q.close()
		if rest := <-second; len(rest.items) != 50 {
			t.Errorf("the rest has %d", len(rest.items))
		} else {
			q.done(rest)
		}
		q.done(first)
		if q.take() != nil || q.put(some(1)) != ErrClosed {
			t.Error("a closed queue goes on")
		}
	})
}
