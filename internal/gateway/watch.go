package gateway

import (
	"sync"
	"sync/atomic"

	"github.com/galla-gateway/galla/internal/merchant"
)

// watchers are those who wait for orders to change. While there are none, a commit costs one atomic read.
type watchers struct {
	count   atomic.Int64
	mu      sync.Mutex
	byOrder map[orderKey]map[chan struct{}]struct{}
}

// Watch tells of commits of this instance that moved a claim of the order: what Order says afterwards may be new.
// Several commits may be told as one, and one may be told that changed nothing. Other instances' aren't told: poll as
// well. Look at Order after Watch, not before, to miss nothing. stop ends it; it may be called twice.
func (g *Gateway) Watch(id merchant.ID, orderID string) (changed <-chan struct{}, stop func()) {
	w, key, channel := &g.watchers, orderKey{id, orderID}, make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.byOrder == nil {
		w.byOrder = map[orderKey]map[chan struct{}]struct{}{}
	}
	if w.byOrder[key] == nil {
		w.byOrder[key] = map[chan struct{}]struct{}{}
	}
	w.byOrder[key][channel] = struct{}{}
	w.count.Add(1)
	return channel, sync.OnceFunc(func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if delete(w.byOrder[key], channel); len(w.byOrder[key]) == 0 {
			delete(w.byOrder, key)
		}
		w.count.Add(-1)
	})
}

// committed tells of the claims that a batch has stored.
func (w *watchers) committed(out *rows) {
	if w.count.Load() == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, claims := range [][]*claimState{out.newClaims, out.claims} {
		for _, c := range claims {
			signal(w.byOrder[orderKey{c.MerchantID, c.OrderID}])
		}
	}
}

// unsure tells everybody: a commit without an answer was stored after all, and which claims it moved isn't known any more.
func (w *watchers) unsure() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, channels := range w.byOrder {
		signal(channels)
	}
}

func signal(channels map[chan struct{}]struct{}) {
	for channel := range channels {
		select {
		case channel <- struct{}{}:
		default: // it wasn't looked at since the last time
		}
	}
}
