package lane

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

// Limits.
const (
	// RequestLimit is when a request ends, whatever the receiver does.
	RequestLimit = 15 * time.Second
	// MinLeaseLeft is how much of its lease a lane needs for a request to start.
	MinLeaseLeft = 20 * time.Second
	// DefaultConcurrency bounds the open requests of one process.
	DefaultConcurrency = 256
	// DefaultPerEndpoint bounds the open requests to one endpoint.
	DefaultPerEndpoint = 32

	// renewAt is how much of its lease a lane that is sent in has left when it is renewed.
	renewAt = 30 * time.Second
	// recordSize bounds the attempts of one record.
	recordSize = 500
	// longestSleep is how long Run sleeps when nothing is known to come.
	longestSleep = time.Minute
	// elsewhereFor is how long an endpoint that could not be leased is left to who has it: that one looks for what is new.
	elsewhereFor = time.Second
	// faultPause keeps a database that fails from being asked in a tight loop.
	faultPause = time.Second
	// exhaustEvery is how often lanes that nothing is sent in are looked through for what is too old. That may be all that
	// waits there, so it is seldom.
	exhaustEvery = 10 * time.Minute
	// freedAgain is how many requests end before lanes that there was no room for are tried again.
	freedAgain = 32
	// lookShare is how much longer it is between two looks for due lanes than one takes: with very many lanes that bounds
	// what looking costs.
	lookShare = 4
	// mostBetween bounds that: a process that stood still during a look took long for another reason.
	mostBetween = 15 * time.Second
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
	PerEndpoint int // of endpoints for which nothing is set; 0: DefaultPerEndpoint
	Rate        int // requests a second of this process; 0: no limit

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
	Late      atomic.Int64 // postbacks not sent because too little of the lease was left
	Faults    atomic.Int64 // leases and records that failed
}

// Lane is the delivery engine of one process. It is made by New and runs once.
//
// One goroutine, Run's, decides everything and alone touches what isn't marked otherwise. Around it requests are made
// (deliver), one errand at a time reads and leases, and one record at a time stores.
type Lane struct {
	config   Config
	log      *slog.Logger
	counters Counters // shared
	slots    *slots   // shared
	news     *news    // shared
	rate     *rate.Limiter

	owned     map[gateway.Endpoint]*owned
	watches   map[gateway.Endpoint]*postback.Watch
	limits    map[gateway.Endpoint]*rate.Limiter
	wanted    map[gateway.Endpoint]bool      // not owned, and something came for it
	elsewhere map[gateway.Endpoint]time.Time // when an endpoint could not be leased
	keptOut   []gateway.Endpoint             // due, not owned, and there was no room for them
	freed     int                            // requests that ended since these were tried
	out       []*owned                       // that the errand under way reads
	recent    recent
	ring      []*owned        // that may have something to send now, each once
	starved   []*owned        // that had no room, until a request ends
	hungry    map[*owned]bool // for which more is to be read, or whose lease is to be renewed
	forgetful []*owned        // that have something to forget
	queued    int             // postbacks in all queues
	entries   []entry         // that wait for the next record

	ended     chan ended
	found     chan found
	recorded  chan recorded
	exhausted chan exhausted
	running   int  // requests under way
	errands   bool // one is under way
	failing   bool // the last one failed: none goes before the next poll
	recording bool // a record is under way
	givingUp  bool // postbacks are being given up
	stopping  bool
	lost      int // attempts that could not be recorded

	look        bool        // for due lanes
	poll        *time.Timer // to the next look without a cause
	due         time.Time   // by Config.Now: when a lane that nobody has is due next; zero: unknown
	pacedUntil  time.Time   // by Config.Now: when a limit of rate lets the next request go; zero: none does
	exhaustedAt time.Time   // by Config.Now
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
	l := &Lane{
		config: config, log: config.Logger, news: &news{signal: make(chan struct{}, 1)},
		owned: map[gateway.Endpoint]*owned{}, hungry: map[*owned]bool{}, watches: map[gateway.Endpoint]*postback.Watch{}, limits: map[gateway.Endpoint]*rate.Limiter{}, wanted: map[gateway.Endpoint]bool{}, elsewhere: map[gateway.Endpoint]time.Time{},
		ended: make(chan ended, config.Concurrency), found: make(chan found, 1), recorded: make(chan recorded, 1),
		exhausted: make(chan exhausted, 1), poll: time.NewTimer(longestSleep),
	}
	l.slots = newSlots(config.Concurrency, l.perEndpoint)
	if config.Rate > 0 {
		l.rate = newLimiter(config.Rate)
	}
	return l
}

// perEndpoint is the most requests that may be open to an endpoint.
func (l *Lane) perEndpoint(e gateway.Endpoint) int {
	if set := l.config.Gateway.Directory().EndpointSettings(e).Concurrency; set > 0 {
		return set
	}
	return l.config.PerEndpoint
}

// Wake makes Run look for due postbacks now. It never blocks.
func (l *Lane) Wake() { l.news.tell(true, nil) }

// Offer tells Run of postbacks that were just committed, so that it need not look for them. It never blocks.
func (l *Lane) Offer(list []gateway.Postback) { l.news.tell(false, list) }

// Counters are the running totals.
func (l *Lane) Counters() *Counters { return &l.counters }

// Run delivers until ctx ends. It then leases nothing more, lets open requests end (RequestLimit at most), records
// them, gives its lanes back and returns; an error says that some could not be recorded: those postbacks will be sent
// again.
func (l *Lane) Run(ctx context.Context) error {
	l.dropLeases(ctx)
	l.poll.Reset(0)
	defer l.poll.Stop()
	timer := time.NewTimer(l.pause())
	defer timer.Stop()
	done := ctx.Done()
	for !l.stopping || l.busy() {
		select {
		case <-done:
			done = nil
			l.stop()
		case e := <-l.ended:
			l.end(e)
			for range len(l.ended) {
				l.end(<-l.ended)
			}
		case f := <-l.found:
			l.use(ctx, f)
		case r := <-l.recorded:
			l.settleRecord(r)
		case x := <-l.exhausted:
			l.gaveUp(ctx, x)
		case <-l.news.signal:
		case <-l.poll.C:
			l.look, l.failing = true, false
		case <-timer.C:
		}
		l.turn(ctx)
		timer.Reset(l.pause())
	}
	if l.lost > 0 {
		return fmt.Errorf("postbacks: %d attempts were made and could not be recorded; they will be made again", l.lost)
	}
	return nil
}

// turn starts what can be started.
func (l *Lane) turn(ctx context.Context) {
	l.record(ctx)
	if l.stopping {
		return
	}
	l.hear()
	l.dispatch(ctx)
	l.sendErrand(ctx)
}

// hear takes over what others told.
func (l *Lane) hear() {
	look, offers := l.news.take()
	l.look = l.look || look
	for _, p := range offers {
		l.offer(p)
	}
}

func (l *Lane) busy() bool {
	return l.running > 0 || l.errands || l.recording || l.givingUp || len(l.entries) > 0
}

// stop gives back what isn't being sent in.
func (l *Lane) stop() {
	l.stopping = true
	for _, o := range l.owned {
		l.clearQueue(o)
		o.more = false
		l.settle(o)
	}
}

// pause is how long Run may sleep unless something happens.
func (l *Lane) pause() time.Duration {
	pause := longestSleep
	times := []time.Time{l.pacedUntil}
	if !l.errands && !l.failing && !l.stopping { // else what is waited for wakes
		times = append(times, l.due)
	}
	for _, at := range times {
		if !at.IsZero() && !l.stopping {
			pause = min(pause, at.Sub(l.config.Now()))
		}
	}
	return max(pause, 0)
}

// dropLeases frees what this process's predecessor had leased, where that is known to be gone.
func (l *Lane) dropLeases(ctx context.Context) {
	dropped, err := l.config.Gateway.DropLaneLeases(ctx)
	switch {
	case err != nil: // the leases end by themselves
		l.counters.Faults.Add(1)
		l.log.Error("postback.leases_not_dropped", "error", err)
	case dropped > 0:
		l.log.Info("postback.leases_dropped", "count", dropped)
	}
}
