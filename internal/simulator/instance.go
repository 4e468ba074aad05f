package simulator

import (
	"context"
	"errors"
	"fmt"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/teller"
)

// errCrashed is what a dead instance's operations end with. No class of package store fits it, so nothing is tried again.
var errCrashed = errors.New("simulator: this instance is dead")

// instance is one process of Galla: a gateway over a store of its own. When it dies its gateway is thrown away with all that it
// had in memory; the store's connections live on, because what was open on them has been rolled back, as the database does
// itself when a process is gone.
type instance struct {
	name    string
	world   *world
	store   *store.Store
	gateway *gateway.Gateway
	teller  *teller.Teller

	dead   bool
	player *player // while its operations are held one by one
	plan   plan
	ops    int64 // operations on the database in this life
}

// plan is what befalls the operations that come.
type plan struct {
	dieAt      int  // so many operations from now, 0: never
	loseCommit bool // the next COMMIT takes hold and its answer is lost
	away       int  // so many operations find the database away
}

// connect opens the instance's store.
func (w *world) connect(ctx context.Context, name string) (*instance, error) {
	i := &instance{name: name, world: w}
	s, err := store.Open(ctx, w.database, store.Create, store.Options{SQLiteSynchronous: "OFF", MaxConns: 6, Seam: i.pass})
	if err != nil {
		return nil, fmt.Errorf("open instance %s: %w", name, err)
	}
	i.store = s
	return i, nil
}

// start makes the process: on a fresh life, or after it died.
func (i *instance) start(ctx context.Context) error {
	i.stop()
	i.dead, i.plan = false, plan{}
	w := i.world
	g, err := gateway.Open(ctx, i.store, w.keys, gateway.Options{
		Now: w.clock.Now, LeaseNow: w.clock.Now, Sleep: w.clock.sleep, Simulated: true,
		OnFatal: func(err error) { w.fatal.CompareAndSwap(nil, &err) },
	})
	if err != nil {
		return fmt.Errorf("start instance %s: %w", i.name, err)
	}
	i.gateway = g
	i.teller = teller.New(teller.Config{
		Gateway: g, Now: w.clock.Now,
		Rails: func(name string) (rail.Rail, bool) { return &line{w.bank, i}, name == bankRail },
	})
	return nil
}

// stop ends the process's goroutines.
func (i *instance) stop() {
	if i.gateway != nil {
		i.gateway.Close()
		i.gateway = nil
	}
}

// Moments of calls to the bank, beside those of the database.
const (
	beforeBank store.Moment = -1 - iota
	afterBank
)

// pass is the seam of the instance's store: each operation passes here before it takes place. Only one goroutine of an instance
// works with the database at a time, since only one call is under way.
func (i *instance) pass(m store.Moment) error {
	if i.dead {
		return errCrashed
	}
	if i.player != nil {
		i.player.hold(m)
	}
	i.ops++
	if m == store.AtCommit {
		i.world.changed.Store(true)
	}
	if i.plan.dieAt > 0 {
		if i.plan.dieAt--; i.plan.dieAt == 0 {
			i.dead = true
			i.world.hit(crash)
			return errCrashed
		}
	}
	switch {
	case m == store.AfterCommit && i.plan.loseCommit:
		i.plan.loseCommit = false
		i.world.hit(lostCommit)
		return fmt.Errorf("%w: simulated", store.ErrAmbiguous)
	case i.plan.away > 0 && (m == store.AtBegin || m == store.AtRead):
		i.plan.away--
		i.world.hit(outage)
		return fmt.Errorf("%w: simulated", store.ErrUnavailable)
	}
	return nil
}
