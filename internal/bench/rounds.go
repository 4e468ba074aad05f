package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/pprof"
	"slices"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

const (
	// rounds is how often everything takes its turn, unless slices would get too long or too short.
	rounds   = 4
	maxSlice = 5 * time.Second
	// warmUp runs before the first slice of each side and isn't counted. It also tells how large a stock the slice needs.
	warmUp      = 300 * time.Millisecond
	warmUpStock = 3000
	// callersInProcess is how many callers bring batches of gateway.MaxBatch claims when there is no HTTP: enough that a
	// writer never waits.
	callersInProcess = 4
	// evidenceArray is how many transfers a request has with Options.Batch.
	evidenceArray = 100
)

// side is one of the things that take turns.
type side struct {
	name    string
	length  time.Duration
	open    func(context.Context) error        // before its first turn; may be nil
	prepare func(context.Context, int64) error // stocks what so many activations need; may be nil
	slice   func(context.Context, time.Duration) *measure
	total   measure
	rate    float64 // of its last slice
}

// bench is a run under way.
type bench struct {
	opts   Options
	place  *place
	engine *engine
	server *server
	bare   *barest
	rounds int
	length time.Duration

	sides                                        []*side
	activations, evidence, barest, single, batch *side

	cleanup      []func() error // backwards
	memory       int64
	commits      int64 // of the slices of activations
	pageCache    int64
	done, budget time.Duration // of the plan
}

func (b *bench) later(f func() error) { b.cleanup = append(b.cleanup, f) }

func (b *bench) close() error {
	var errs []error
	for _, f := range slices.Backward(b.cleanup) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

// open makes the gateway's database and plans the rounds.
func (b *bench) open(ctx context.Context) (err error) {
	if b.place, err = newPlace(ctx, b.opts.Database); err != nil {
		return err
	}
	b.later(b.place.remove)
	database, err := b.place.make(ctx, "galla")
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "galla-bench-key-")
	if err != nil {
		return err
	}
	b.later(func() error { return os.RemoveAll(folder) })
	if b.engine, err = openEngine(ctx, database, folder, slices.Repeat([]string{nowhere}, b.opts.Merchants), nil); err != nil {
		return err
	}
	b.later(b.engine.close)
	b.rounds = max(rounds, int((b.opts.Duration+maxSlice-1)/maxSlice))
	b.length = b.opts.Duration / time.Duration(b.rounds)
	if b.opts.InProcess {
		b.planInProcess()
	} else if err = b.planHTTP(); err != nil {
		return err
	}
	for _, s := range b.sides {
		b.budget += time.Duration(b.rounds) * b.planned(s)
	}
	return nil
}

// planned is the length of a turn with its preparation, as a guess.
func (b *bench) planned(s *side) time.Duration {
	if s.prepare == nil {
		return s.length
	}
	return s.length * 2
}

func (b *bench) planInProcess() {
	callers := make([]worker, callersInProcess)
	for i := range callers {
		callers[i] = func(first int64) (int64, error) { return b.engine.activate(context.Background(), first) }
	}
	stock := &source{each: gateway.MaxBatch}
	b.activations = &side{
		name: "activations in process", length: b.length, prepare: b.stock(stock),
		slice: func(ctx context.Context, length time.Duration) *measure {
			return closedLoop(ctx, length, callers, stock)
		},
	}
	b.sides = []*side{b.activations}
	b.planRaw()
}

// stock makes a prepare function that stores evidence for activations.
func (b *bench) stock(s *source) func(context.Context, int64) error {
	return func(ctx context.Context, units int64) error {
		if missing := units - s.left(); missing > 0 {
			if err := b.engine.observe(ctx, missing); err != nil {
				return err
			}
		}
		s.stock = b.engine.seen
		return nil
	}
}

func (b *bench) planHTTP() error {
	var err error
	if b.server, err = startServer(edge(b.engine.gateway)); err != nil {
		return err
	}
	b.later(b.server.stop)
	each := int64(1)
	if b.opts.Batch {
		each = evidenceArray
	}
	evidence := &source{stock: math.MaxInt64, each: each}
	b.evidence = &side{name: "evidence", length: b.length / 2, slice: func(ctx context.Context, length time.Duration) *measure {
		return b.closedHTTP(ctx, length, evidence, func() ([]worker, func(), error) {
			return observers(b.server, b.opts.Clients, b.engine.source.Token.Reveal(), forEvidence, each)
		})
	}}
	tokens := make([]string, len(b.engine.merchants))
	for i := range tokens {
		tokens[i] = b.engine.merchants[i].secret.Reveal()
	}
	stock := &source{each: 1}
	b.activations = &side{name: "activations", length: b.length, prepare: b.stock(stock), slice: func(ctx context.Context, length time.Duration) *measure {
		return b.closedHTTP(ctx, length, stock, func() ([]worker, func(), error) { return activators(b.server, b.opts.Clients, tokens, appendOrder) })
	}}
	b.sides = []*side{b.evidence, b.activations}
	if b.opts.Rate == 0 {
		b.planBarest(tokens)
		b.planRaw()
	}
	return nil
}

// closedHTTP connects the clients, lets them send for the time, and disconnects them.
func (b *bench) closedHTTP(ctx context.Context, length time.Duration, from *source, connect func() ([]worker, func(), error)) *measure {
	workers, disconnect, err := connect()
	if err != nil {
		return &measure{errors: 1, first: err}
	}
	defer disconnect()
	if b.opts.Rate > 0 && from.each == 1 && from.stock != math.MaxInt64 {
		return openLoop(ctx, length, b.opts.Rate, workers, from)
	}
	return closedLoop(ctx, length, workers, from)
}

func (b *bench) planBarest(tokens []string) {
	byHeader := make(map[string]int64, len(tokens))
	for i, token := range tokens {
		byHeader["Bearer "+token] = int64(i + 1)
	}
	stock := &source{each: 1}
	var server *server
	var db *store.Store
	b.barest = &side{name: "barest API", length: b.length}
	b.barest.open = func(ctx context.Context) (err error) {
		if db, err = b.openStore(ctx, "barest"); err != nil {
			return err
		}
		b.bare = newBarest(db, byHeader)
		b.later(func() error { b.bare.close(); return nil })
		if server, err = startServer(b.bare); err == nil {
			b.later(server.stop)
		}
		return err
	}
	b.barest.prepare = func(ctx context.Context, units int64) error {
		missing := max(units-stock.left(), 0)
		err := fill(ctx, db, stock.stock, stock.stock+missing, time.Now().UnixMicro())
		stock.stock += missing
		return err
	}
	b.barest.slice = func(ctx context.Context, length time.Duration) *measure {
		return b.closedHTTP(ctx, length, stock, func() ([]worker, func(), error) { return activators(server, b.opts.Clients, tokens, appendOrder) })
	}
	b.sides = append(b.sides, b.barest)
}

// planRaw adds the raw limit, one commit each and batched, over one database.
func (b *bench) planRaw() {
	single, batch := newRaw(nil, int64(b.opts.Merchants))
	b.batch = &side{name: "raw limit, batched", length: b.length / 2, prepare: batch.prepare, slice: batch.slice}
	b.batch.open = func(ctx context.Context) error {
		db, err := b.openStore(ctx, "raw")
		single.store, batch.store = db, db
		return err
	}
	b.single = &side{name: "raw limit, one by one", length: b.length / 2, prepare: single.prepare, slice: single.slice}
	if b.opts.InProcess {
		b.batch.length = b.length
	}
	b.sides = append(b.sides, b.batch, b.single)
}

func (b *bench) openStore(ctx context.Context, name string) (*store.Store, error) {
	database, err := b.place.make(ctx, name)
	if err != nil {
		return nil, err
	}
	s, err := store.Open(ctx, database, store.Create, store.Options{})
	if err == nil {
		b.later(s.Close)
	}
	return s, err
}

// measure gives every side its turns. Rounds run alternately forwards and backwards, so that no side always follows the
// same other.
func (b *bench) measure(ctx context.Context) error {
	for round := range b.rounds {
		order := slices.Clone(b.sides)
		if round%2 == 1 {
			slices.Reverse(order)
		}
		for _, s := range order {
			if err := b.turn(ctx, s, round); err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
		}
	}
	return nil
}

// turn is one slice of one side, its preparation before.
func (b *bench) turn(ctx context.Context, s *side, round int) error {
	if b.opts.Progress != nil {
		b.opts.Progress(Step{Name: s.name, Done: b.done, Length: b.planned(s), Total: b.budget})
	}
	b.done += b.planned(s)
	if round == 0 {
		if err := b.warmUp(ctx, s); err != nil {
			return err
		}
	}
	if s.prepare != nil {
		if err := s.prepare(ctx, int64(s.rate*s.length.Seconds()*1.4)+warmUpStock/6); err != nil {
			return err
		}
	}
	runtime.GC() // what preparing left behind isn't this side's
	commits := b.engine.gateway.Counters().Batches.Load()
	result, err := b.watched(ctx, s, round)
	if err != nil {
		return err
	}
	if s == b.activations {
		b.commits += b.engine.gateway.Counters().Batches.Load() - commits
	}
	s.total.add(result)
	s.rate = result.perSecond()
	return firstError(result.first, ctx.Err())
}

func (b *bench) warmUp(ctx context.Context, s *side) error {
	if s.open != nil {
		if err := s.open(ctx); err != nil {
			return err
		}
	}
	if s.prepare != nil {
		if err := s.prepare(ctx, warmUpStock); err != nil {
			return err
		}
	}
	result := s.slice(ctx, warmUp)
	s.rate = max(result.perSecond(), float64(b.opts.Rate))
	return firstError(result.first, ctx.Err())
}

// watched runs a slice. In the first round, while the gateway is alone in the process, its memory is watched; its last
// slice of activations is profiled.
func (b *bench) watched(ctx context.Context, s *side, round int) (*measure, error) {
	if s == b.activations && round == b.rounds-1 && b.opts.Profile != nil {
		if err := pprof.StartCPUProfile(b.opts.Profile); err != nil {
			return nil, err
		}
		defer pprof.StopCPUProfile()
	}
	if round > 0 || s != b.activations && s != b.evidence {
		return s.slice(ctx, s.length), nil
	}
	watch, stop := context.WithCancel(ctx)
	var group sync.WaitGroup
	group.Go(func() { watchMemory(watch, &b.memory) })
	result := s.slice(ctx, s.length)
	stop()
	group.Wait()
	var err error
	b.pageCache, err = pageCacheBytes(ctx, b.engine.store)
	return result, err
}
