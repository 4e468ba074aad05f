package simulator

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// call is one thing that an instance is asked to do. It runs in a goroutine of its own and touches nothing of the life but the
// instance; what it learned is put into the books afterwards, in an order that doesn't depend on goroutines.
type call struct {
	what   string
	run    func(i *instance) (learn func())
	queued bool // it goes through the gateway's queue of batches
}

// player is an instance whose operations are held one by one.
type player struct {
	arrive  chan store.Moment
	grant   chan struct{}
	done    chan struct{}
	learn   func()
	at      store.Moment
	held    bool // it waits before an operation
	ended   bool
	writing bool // SQLite: it has, or had until it says otherwise, the one write transaction
}

func newPlayer() *player {
	return &player{arrive: make(chan store.Moment), grant: make(chan struct{}), done: make(chan struct{})}
}

// hold waits until the duel lets the operation take place.
func (p *player) hold(m store.Moment) {
	p.arrive <- m
	<-p.grant
}

func (p *player) arrived(m store.Moment) {
	p.at, p.held = m, true
	if m == store.AtBegin || m == store.AfterCommit {
		p.writing = false
	}
}

// lockPoll is how often a server is asked whether somebody waits for a lock, and settleFor how long an operation is given before.
const (
	lockPoll  = 300 * time.Microsecond
	settleFor = 2 * time.Millisecond
)

// duel runs two calls at once on two instances. Between any two operations on the database the seed draws whose is next.
func (w *world) duel(ctx context.Context, calls [2]call) error {
	w.hit(interleaving)
	for n, i := range w.instances {
		w.say("%s beside the other: %s", i.name, calls[n].what)
	}
	var players [2]*player
	for n, i := range w.instances {
		p := newPlayer()
		players[n], i.player = p, p
		go func() {
			defer close(p.done)
			p.learn = calls[n].run(i)
		}()
	}
	err := w.referee(ctx, players)
	for n, i := range w.instances {
		i.player = nil
		if players[n].learn != nil && err == nil {
			players[n].learn()
		}
	}
	return err
}

func (w *world) referee(ctx context.Context, players [2]*player) error {
	for {
		for _, p := range players {
			if err := w.settle(ctx, p); err != nil {
				return err
			}
		}
		var ready []*player
		for n, p := range players {
			other := players[1-n]
			if p.held && !(w.oneWriter && p.at == store.AtBegin && other.writing) {
				ready = append(ready, p)
			}
		}
		if len(ready) == 0 {
			if players[0].ended && players[1].ended {
				return nil
			}
			// One of them waits in the database for a lock of the other's: that can't be, since the other isn't held.
			time.Sleep(lockPoll)
			continue
		}
		p := pick(w.draw, ready)
		p.held = false
		if p.at == store.AtBegin {
			p.writing = true
		}
		p.grant <- struct{}{}
	}
}

// settle waits until a player is held, has ended, or waits in the database for a lock that the other has.
func (w *world) settle(ctx context.Context, p *player) error {
	patience := time.NewTimer(settleFor)
	defer patience.Stop()
	for !p.held && !p.ended {
		select {
		case m := <-p.arrive:
			p.arrived(m)
		case <-p.done:
			p.ended, p.writing = true, false
		case <-patience.C:
			if !w.oneWriter {
				waits, err := w.waitsForLock(ctx)
				if err != nil || waits {
					return err
				}
			}
			patience.Reset(lockPoll)
		}
	}
	return nil
}

// waitsForLock asks the server whether any of the life's sessions waits for a lock.
func (w *world) waitsForLock(ctx context.Context) (waits bool, err error) {
	err = w.outside.QueryRowContext(ctx,
		`SELECT EXISTS (SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waits)
	if err != nil {
		return false, fmt.Errorf("look for locks: %w", err)
	}
	return waits, nil
}

// share runs three calls on one instance so that the second and the third come into one batch: they queue while the first one's
// transaction is held.
func (w *world) share(ctx context.Context, i *instance, calls [3]call) error {
	first := newPlayer()
	i.player = first
	go func() {
		defer close(first.done)
		first.learn = calls[0].run(i)
	}()
	if err := w.settle(ctx, first); err != nil {
		return err
	}
	i.player = nil // the others aren't held
	if !first.ended && !(calls[0].queued && calls[1].queued && calls[2].queued) {
		calls = [3]call{} // what isn't queued would wait for the one that is held, or run beside it
	}
	learn := [2]func(){}
	var ended [2]chan struct{}
	for n, c := range calls[1:] {
		ended[n] = make(chan struct{})
		if c.run == nil {
			close(ended[n])
			continue
		}
		before := i.gateway.QueueLength()
		go func() {
			defer close(ended[n])
			learn[n] = c.run(i)
		}()
		if !first.ended {
			i.awaitQueue(before+1, ended[n])
		}
	}
	if i.gateway.QueueLength() >= 2 {
		w.hit(sharedBatch)
	}
	if first.held {
		first.held = false
		first.grant <- struct{}{}
	}
	<-first.done
	for n := range ended {
		<-ended[n]
	}
	for _, l := range []func(){first.learn, learn[0], learn[1]} {
		if l != nil {
			l()
		}
	}
	return nil
}

// queueTries bounds the wait for a call to be queued: one that is refused before never is.
const queueTries = 100_000

func (i *instance) awaitQueue(length int, ended <-chan struct{}) {
	for range queueTries {
		select {
		case <-ended:
			return
		default:
		}
		if i.gateway.QueueLength() >= length {
			return
		}
		runtime.Gosched()
	}
}
