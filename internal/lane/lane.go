package lane

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

// Limits.
const (
	// RequestLimit is when a request ends, whatever the receiver does.
	RequestLimit = 15 * time.Second
	// MinLeaseLeft is how much of its lease a postback needs for a request to start.
	MinLeaseLeft = 20 * time.Second
	// DefaultConcurrency bounds the open requests of one process.
	DefaultConcurrency = 256
	// DefaultPerEndpoint bounds the open requests to one endpoint.
	DefaultPerEndpoint = 32

	leaseSize  = 100 // postbacks of one lease, at most
	recordSize = 100 // attempts of one record, at most
	// faultPause keeps a database that fails from being asked in a tight loop.
	faultPause = time.Second
)

// Config of a Lane. Gateway, Send and Now are required.
type Config struct {
	Gateway *gateway.Gateway
	// Send makes one request and judges the answer; it must end when its context does. The product gives the method of
	// NewSender's.
	Send        func(context.Context, sender.Request) sender.Result
	Now         func() time.Time // the same clock as the gateway's
	Logger      *slog.Logger
	Concurrency int // 0: DefaultConcurrency
	PerEndpoint int // 0: DefaultPerEndpoint

	poll func() time.Duration // how long to wait unless woken; nil: the gateway's
}

// Counters are running totals since start, for metrics; Open is a present number.
type Counters struct {
	Open      atomic.Int64 // requests that are under way
	Sent      atomic.Int64 // requests that ended
	Delivered atomic.Int64 // attempts that were recorded as delivered
	Failed    atomic.Int64 // attempts that were recorded as not delivered, the last ones included
	Exhausted atomic.Int64 // postbacks given up
	Stale     atomic.Int64 // attempts refused because the lease had passed to another
	Late      atomic.Int64 // leased postbacks not sent because too little of the lease was left
	Faults    atomic.Int64 // leases and records that failed
}

// Lane is the delivery engine of one process. It is made by New and runs once.
type Lane struct {
	config   Config
	log      *slog.Logger
	counters Counters
	slots    *slots
	wake     chan struct{}
	backlog  atomic.Bool // due postbacks are waiting for a free slot
	requests sync.WaitGroup
	results  chan gateway.Attempt
	lost     int // attempts that could not be recorded; the recorder's until it ends
}

// NewSender returns a sender that judges answers by the rule of postbacks and ends in time.
func NewSender(config sender.Config) *sender.Sender {
	config.Delivered, config.Timeout = postback.Delivered, RequestLimit
	return sender.New(config)
}

// New returns a Lane that waits for Run.
func New(config Config) *Lane {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	if config.Concurrency <= 0 {
		config.Concurrency = DefaultConcurrency
	}
	if config.PerEndpoint <= 0 {
		config.PerEndpoint = DefaultPerEndpoint
	}
	if config.poll == nil {
		config.poll = config.Gateway.PostbackPoll
	}
	return &Lane{
		config: config, log: config.Logger, slots: newSlots(config.Concurrency, config.PerEndpoint),
		wake: make(chan struct{}, 1), results: make(chan gateway.Attempt, config.Concurrency),
	}
}

// Wake makes Run look for due postbacks now. It never blocks.
func (l *Lane) Wake() {
	select {
	case l.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// Counters are the running totals.
func (l *Lane) Counters() *Counters { return &l.counters }

// Run delivers until ctx ends. It then leases nothing more, lets open requests end (RequestLimit at most), records
// them and returns; an error says that some could not be recorded: those postbacks will be sent again.
func (l *Lane) Run(ctx context.Context) error {
	l.dropLeases(ctx)
	recorded := make(chan struct{})
	go func() {
		defer close(recorded)
		l.record(ctx)
	}()
	for ctx.Err() == nil {
		leased, pause := l.lease(ctx)
		for _, p := range leased {
			l.requests.Add(1)
			go l.deliver(ctx, p)
		}
		if pause > 0 {
			l.wait(ctx, pause)
		}
	}
	l.requests.Wait()
	close(l.results)
	<-recorded
	if l.lost > 0 {
		return fmt.Errorf("postbacks: %d attempts were made and could not be recorded; they will be made again", l.lost)
	}
	return nil
}

// dropLeases frees what this process's predecessor had leased, where that is known to be gone.
func (l *Lane) dropLeases(ctx context.Context) {
	dropped, err := l.config.Gateway.DropPostbackLeases(ctx)
	switch {
	case err != nil: // the leases end by themselves
		l.counters.Faults.Add(1)
		l.log.Error("postback.leases_not_dropped", "error", err)
	case dropped > 0:
		l.log.Info("postback.leases_dropped", "count", dropped)
	}
}

// lease takes due postbacks, each with a slot to send it in. pause is how long to wait before the next lease, 0 when
// more can be had at once.
func (l *Lane) lease(ctx context.Context) (leased []gateway.LeasedPostback, pause time.Duration) {
	// Set before the slots are looked at: a request that ends after that sees it and wakes.
	l.backlog.Store(true)
	limit := min(leaseSize, l.slots.free())
	if limit == 0 {
		return nil, l.config.poll()
	}
	leased, more, err := l.config.Gateway.LeasePostbacks(ctx, limit, l.slots.rooms())
	if err != nil {
		if ctx.Err() == nil {
			l.counters.Faults.Add(1)
			l.log.Error("postback.lease_failed", "error", err)
		}
		return nil, faultPause
	}
	l.backlog.Store(more)
	for _, p := range leased {
		l.slots.take(p.Endpoint)
	}
	if more && len(leased) > 0 {
		return leased, 0
	}
	return leased, l.config.poll()
}

func (l *Lane) wait(ctx context.Context, pause time.Duration) {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-l.wake:
	case <-timer.C:
	}
}
