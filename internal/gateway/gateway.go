package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
)

// Intervals of the background work.
const (
	// refreshEvery bounds how long a change by an admin command takes to hold in a running server.
	refreshEvery = 400 * time.Millisecond
	sweepEvery   = time.Minute
	rollUpEvery  = 5 * time.Second
	expireEvery  = 5 * time.Second
	// numberEvery bounds how much later than its commit an event is in the feed. Nobody wakes this work: to number after
	// every commit would be as many commits again, and SQLite has one writer.
	numberEvery = 200 * time.Millisecond
)

// minBeside is how many requests must wait at least for a batch to start beside another (PostgreSQL).
const minBeside = 8

// Writers is how many transactions a gateway keeps in flight on an engine.
func Writers(engine store.Engine) int {
	if engine == store.Postgres {
		return 2
	}
	return 1
}

// Options of a Gateway. Now is required.
type Options struct {
	Now    func() time.Time
	Logger *slog.Logger
	// Simulated marks a new database as one that must never hold live data (demo). An existing one must agree.
	Simulated bool
	// Actor is the name of who gives this process its commands, for the audit log; "" where nobody does.
	Actor string
	// OnFatal is told of a database error after which the process must end. The default panics.
	OnFatal func(error)
	// LoadKeys reads the key file again, after `galla key rotate` put a new key into it. nil: the keys stay.
	LoadKeys func() (*keyring.Keyring, error)
	// OnPostback is called after a commit with the postbacks that it wrote, so that the local sender need not look for
	// them, or with nil when others may have become due. It must not block.
	OnPostback func([]Postback)
	// Sleep waits before a transaction is run again. nil: time.Sleep.
	Sleep func(time.Duration)
	// CommitDelay is how long a batch of SQLite may wait for company, CommitDelay for a server. 0: it never does.
	CommitDelay time.Duration
	// LeaseNow is the clock of leases. nil: the database's on PostgreSQL, Now on SQLite.
	LeaseNow func() time.Time
}

// Gateway is the verbs over one store. Its methods may be called from many goroutines.
type Gateway struct {
	store     *store.Store
	keyring   atomic.Pointer[keyring.Keyring]
	opts      Options
	log       *slog.Logger
	directory atomic.Pointer[Directory]
	reload    sync.Mutex
	ids       *idBlocks
	queue     *queue
	budget    *budget
	offers    *offers
	watchers  watchers
	writers   sync.WaitGroup
	counters  Counters
}

// Counters are running totals since start, for metrics.
type Counters struct {
	Batches, Items, Retries, Ambiguous, Faults atomic.Int64
	Accepted, Held, Waiting, Refused           atomic.Int64
	Created, Duplicate, Unparsed, NotTaken     atomic.Int64
	SweepFound                                 atomic.Int64
}

// Open makes the gateway over an open store: checks that the key file belongs to the database (or marks a new database
// with it), loads the directory and starts the writers. Close it before the store.
func Open(ctx context.Context, s *store.Store, keys *keyring.Keyring, opts Options) (*Gateway, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.OnFatal == nil {
		opts.OnFatal = func(err error) { panic(err) }
	}
	if opts.Sleep == nil {
		opts.Sleep = time.Sleep
	}
	if s.Engine() != store.SQLite {
		opts.CommitDelay = 0 // another batch starts beside this one, on another core: nobody waits for its fixed part
	}
	g := &Gateway{store: s, opts: opts, log: opts.Logger, ids: newIDBlocks(s), queue: newQueue(opts.CommitDelay), budget: newBudget(), offers: newOffers()}
	g.keyring.Store(keys)
	if err := g.checkInstallation(ctx); err != nil {
		return nil, err
	}
	if err := g.completeLedger(ctx); err != nil {
		return nil, err
	}
	if err := g.Reload(ctx); err != nil {
		return nil, err
	}
	for range Writers(s.Engine()) {
		g.writers.Add(1)
		go g.writeBatches()
	}
	return g, nil
}

// checkInstallation compares the key with the database's check value, and the simulated mark.
func (g *Gateway) checkInstallation(ctx context.Context) error {
	row, err := g.store.Read().GetInstallation(ctx)
	if isNoRows(err) {
		err = g.store.Write(ctx, func(ctx context.Context, q *store.Queries) error {
			return q.InsertInstallation(ctx, store.InsertInstallationParams{
				KeyCheck: nullString(g.keys().CheckValue()), Simulated: flag(g.opts.Simulated), CreatedAt: g.now().UnixMicro(),
			})
		})
		if err == nil {
			row, err = g.store.Read().GetInstallation(ctx)
		}
	}
	if err != nil {
		return fmt.Errorf("read installation: %w", err)
	}
	if err := g.keys().Verify(row.KeyCheck.String); err != nil {
		return err
	}
	if (row.Simulated == 1) != g.opts.Simulated {
		if g.opts.Simulated {
			return errors.New("this database holds live data: a simulation never runs on it")
		}
		return errors.New("this database was made by galla demo and holds simulated data: it can't serve live")
	}
	return nil
}

// Reload reads the directory again, and the key file when a secret was sealed with a key that it got meanwhile.
func (g *Gateway) Reload(ctx context.Context) error {
	g.reload.Lock()
	defer g.reload.Unlock()
	l := &loader{q: g.store.Read(), keys: g.keys(), log: g.log, before: &Directory{}}
	if before := g.Directory(); before != nil {
		l.before = before
	}
	d, err := l.load(ctx)
	if errors.Is(err, keyring.ErrUnknownKey) && g.opts.LoadKeys != nil {
		keys, loadErr := g.opts.LoadKeys()
		if loadErr != nil {
			return errors.Join(err, loadErr)
		}
		g.keyring.Store(keys)
		l.keys = keys
		d, err = l.load(ctx)
	}
	if err != nil {
		return err
	}
	g.directory.Store(d)
	return nil
}

// keys are the keys as of the last reload.
func (g *Gateway) keys() *keyring.Keyring { return g.keyring.Load() }

// Directory is the configuration as of the last reload.
func (g *Gateway) Directory() *Directory { return g.directory.Load() }

// Store is the store, for reading.
func (g *Gateway) Store() *store.Store { return g.store }

// Counters are the running totals.
func (g *Gateway) Counters() *Counters { return &g.counters }

// QueueLength is how many requests wait for a transaction now.
func (g *Gateway) QueueLength() int { return g.queue.length() }

// Close finishes what is queued and stops the writers. Later calls get ErrClosed.
func (g *Gateway) Close() {
	g.queue.close()
	g.writers.Wait()
}

// Run does the background work until ctx ends: it notices configuration changes, expires claims, folds balances, numbers
// events and sweeps for claims that should have met their transfer.
func (g *Gateway) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, loop := range []struct {
		name  string
		every time.Duration
		work  func(context.Context) error
	}{
		{"refresh", refreshEvery, g.refresh},
		{"expire", expireEvery, g.Expire},
		{"rollup", rollUpEvery, g.RollUp},
		{"sweep", sweepEvery, g.Sweep},
		{"number", numberEvery, g.NumberEvents},
	} {
		group.Go(func() { g.loop(ctx, loop.name, loop.every, loop.work) })
	}
	group.Wait()
	return ctx.Err()
}

func (g *Gateway) loop(ctx context.Context, name string, every time.Duration, work func(context.Context) error) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if err := work(ctx); err != nil && ctx.Err() == nil {
			g.counters.Faults.Add(1)
			g.log.Error("background.failed", "work", name, "error", err)
			if errors.Is(err, store.ErrFatal) {
				g.opts.OnFatal(err)
			}
		}
	}
}

func (g *Gateway) refresh(ctx context.Context) error {
	revision, err := g.store.Read().GetRevision(ctx)
	if err != nil || revision == g.Directory().Revision {
		return err
	}
	return g.Reload(ctx)
}

// now is the time of a transaction, as precise as it is stored.
func (g *Gateway) now() time.Time { return time.UnixMicro(g.opts.Now().UnixMicro()).UTC() }

func (c *Counters) countVerdict(d deposit.Decision) {
	switch d {
	case deposit.Accept:
		c.Accepted.Add(1)
	case deposit.Hold:
		c.Held.Add(1)
	case deposit.Wait:
		c.Waiting.Add(1)
	case deposit.Refuse:
		c.Refused.Add(1)
	}
}

func (c *Counters) countEvidence(s EvidenceStatus) {
	switch s {
	case EvidenceCreated:
		c.Created.Add(1)
	case EvidenceDuplicate:
		c.Duplicate.Add(1)
	case EvidenceUnparsed:
		c.Unparsed.Add(1)
	case EvidenceRefused:
		c.NotTaken.Add(1)
	}
}
