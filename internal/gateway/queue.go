package gateway

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// Bounds of repeating a batch.
const (
	maxTries = 12
	maxRetry = 5 * time.Second
	// maxAmbiguous bounds how often a batch whose COMMIT gave no answer is run again.
	maxAmbiguous = 3
)

// item is one request in the queue: a piece of evidence, a claim, or an act on a reference. Exactly one is set.
type item struct {
	evidence *evidenceItem
	claim    *claimItem
	act      *act
	err      error
	done     *sync.WaitGroup
}

// queue holds what waits for a transaction. It is bounded: MaxQueue.
type queue struct {
	mu     sync.Mutex
	filled *sync.Cond
	items  []*item
	taken  int // items of batches that were not yet given back
	slow   int // batches of these that run for longer than slowBatch
	closed bool
	delay  commitDelay
}

// newQueue makes a queue whose lone batches may wait so long for company; 0: they don't.
func newQueue(delay time.Duration) *queue {
	q := &queue{delay: commitDelay{limit: delay}}
	q.filled = sync.NewCond(&q.mu)
	return q
}

func (q *queue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// put adds all items or none.
func (q *queue) put(items []*item) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.closed:
		return ErrClosed
	case len(q.items)+len(items) > MaxQueue:
		return ErrBusy
	}
	q.items = append(q.items, items...)
	if q.delay.on && len(q.items) >= delayedBatch {
		q.delay.gain()
	}
	if q.ready() {
		q.filled.Signal()
	}
	return nil
}

// slowBatch is how long a batch may run before others stop waiting to be as many: it waits for a lock or a server.
const slowBatch = 200 * time.Millisecond

// flight is a batch under way.
type flight struct {
	items []*item
	timer *time.Timer
	slow  bool
}

// take waits until a batch may start and returns it with up to MaxBatch items; nil only when the queue is closed and empty. A
// lone batch starts with whatever is there, except for what commitDelay says. One beside another starts when as many wait as that one has: a batch costs
// much the same however few share it, and two of a size keep each other's waiting for the database filled. Each batch
// must be given back with done.
func (q *queue) take() *flight {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.ready() {
		if q.closed && len(q.items) == 0 {
			return nil
		}
		q.filled.Wait()
	}
	n := min(len(q.items), MaxBatch)
	q.taken += n
	batch := &flight{items: append([]*item(nil), q.items[:n]...)}
	batch.timer = time.AfterFunc(slowBatch, func() { q.late(batch) })
	rest := copy(q.items, q.items[n:])
	clear(q.items[rest:])
	q.items = q.items[:rest]
	if q.ready() {
		q.filled.Signal()
	}
	return batch
}

func (q *queue) ready() bool {
	switch {
	case len(q.items) == 0:
		return false
	case q.closed:
		return true
	case q.taken == 0:
		return !q.delay.on
	}
	return q.slow > 0 || len(q.items) >= max(minBeside, min(q.taken, MaxBatch))
}

// late notes that a batch takes its time.
func (q *queue) late(batch *flight) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if batch.items == nil {
		return // it was given back meanwhile
	}
	batch.slow = true
	q.slow++
	if q.ready() {
		q.filled.Signal()
	}
}

// done gives a batch back.
func (q *queue) done(batch *flight) {
	batch.timer.Stop()
	q.mu.Lock()
	defer q.mu.Unlock()
	q.taken -= len(batch.items)
	if q.taken == 0 && len(q.items) < delayedBatch {
		q.delay.begin(len(batch.items), q.undelay)
	}
	if batch.items = nil; batch.slow {
		q.slow--
	}
	if q.ready() {
		q.filled.Signal()
	}
}

// undelay ends a delay that ran out.
func (q *queue) undelay() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.delay.on {
		return // it ended meanwhile
	}
	q.delay.loss(len(q.items))
	if q.ready() {
		q.filled.Signal()
	}
}

func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.filled.Broadcast()
}

// submit queues items and waits until each is decided. The first fault is returned; the caller repeats with the same
// ids. Cancellation doesn't take an item out of the queue: once accepted it is decided.
func (g *Gateway) submit(_ context.Context, items []*item) error {
	var done sync.WaitGroup
	done.Add(len(items))
	for _, it := range items {
		it.done = &done
	}
	for start := 0; start < len(items); start += MaxQueue / 2 {
		if err := g.queue.put(items[start:min(start+MaxQueue/2, len(items))]); err != nil {
			return err
		}
	}
	done.Wait()
	for _, it := range items {
		if it.err != nil {
			return it.err
		}
	}
	return nil
}

// writeBatches is one writer: it takes what queued up while the last commit ran.
func (g *Gateway) writeBatches() {
	defer g.writers.Done()
	for {
		batch := g.queue.take()
		if batch == nil {
			return
		}
		g.runBatch(batch.items)
		g.queue.done(batch)
	}
}

// runBatch commits items in one transaction. A request whose rows the database refuses is found by halving: it gets
// the fault, its neighbours their answers.
func (g *Gateway) runBatch(items []*item) {
	g.counters.Batches.Add(1)
	err := g.commitBatch(items)
	switch {
	case err == nil:
		g.counters.Items.Add(int64(len(items)))
	case errors.Is(err, store.ErrFatal):
		g.opts.OnFatal(err)
	case len(items) > 1 && !errors.Is(err, ErrUnknown):
		g.runBatch(items[:len(items)/2])
		g.runBatch(items[len(items)/2:])
		return
	}
	if err != nil {
		g.counters.Faults.Add(int64(len(items)))
		g.log.Error("batch.failed", "items", len(items), "error", err)
	}
	for _, it := range items {
		it.err = err
		it.done.Done()
	}
}

// commitBatch runs the batch until it is stored, repeating it with the same ids while the database says that this may
// help. ErrUnknown when it doesn't in time.
func (g *Gateway) commitBatch(items []*item) error {
	start := g.opts.Now()
	ambiguous, ids := 0, idsFor(items)
	for try := 1; ; try++ {
		wrote, err := g.tryBatch(items, ids, ambiguous > 0)
		switch {
		case err == nil:
			if ambiguous > 0 {
				g.watchers.unsure()
			}
			if len(wrote) > 0 && g.opts.OnPostback != nil {
				g.opts.OnPostback(wrote)
			}
			return nil
		case errors.Is(err, store.ErrFatal):
			return err
		case errors.Is(err, store.ErrAmbiguous):
			g.counters.Ambiguous.Add(1)
			if ambiguous++; ambiguous > maxAmbiguous {
				return errors.Join(ErrUnknown, err)
			}
		case errors.Is(err, errMissingLedgerAccount):
			// Who added the merchant or the account made its ledger accounts in the same transaction.
			if err := g.Reload(context.Background()); err != nil {
				return err
			}
		case errors.Is(err, errNeedIDs):
			ids = 2 * max(ids, g.ids.size) // one transfer may settle any number of claims
		case errors.Is(err, store.ErrStale), errors.Is(err, store.ErrRetry), errors.Is(err, store.ErrUnique):
		case errors.Is(err, store.ErrUnavailable):
			if g.opts.Now().Sub(start) > maxRetry {
				return errors.Join(ErrUnknown, err)
			}
		default:
			return err
		}
		unreachable := errors.Is(err, store.ErrUnavailable) // a failover takes seconds: only time ends the tries
		if try >= maxTries && !unreachable || g.opts.Now().Sub(start) > maxRetry {
			if errors.Is(err, store.ErrUnique) || errors.Is(err, store.ErrStale) {
				return err // not a race: the row itself is refused
			}
			return errors.Join(ErrUnknown, err)
		}
		g.counters.Retries.Add(1)
		if !errors.Is(err, errNeedIDs) {
			g.pause(try)
		}
	}
}

// pause waits a little longer with each try, with jitter, so that two losers of one race don't meet again.
func (g *Gateway) pause(try int) {
	g.opts.Sleep(time.Duration(try) * time.Duration(1+rand.IntN(5)) * time.Millisecond)
}
