package sim

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of FleetOptions.
const (
	DefaultSlow         = 50 * time.Millisecond
	DefaultDrip         = 20 * time.Millisecond
	DefaultFailures     = 3
	DefaultMaxPostbacks = 1 << 17
)

// FleetOptions say how a fleet behaves. Now is required; zero values mean the defaults above.
type FleetOptions struct {
	Now          func() time.Time // of first arrivals, and of dates in Retry-After
	Seed         uint64           // of what fails at random
	Slow         time.Duration    // how long a slow receiver takes
	Drip         time.Duration    // between two bytes of those that drip
	Failures     int              // requests of each postback that fail at first, where the kind does that
	MaxPostbacks int              // postbacks that each receiver remembers; more are only counted
	// UnknownName is a host that the sender's resolver doesn't know. Without it the kind unknown-name is left out: a
	// fleet must not cause look-ups on a network.
	UnknownName string
	Kinds       []string // the names of those to start; nil is all
}

// Fleet is many receivers of postbacks on loopback, one of each kind that was ever met or feared. It is made by NewFleet
// and ended by Close.
type Fleet struct {
	options   FleetOptions
	receivers []*Receiver
	issuer    *issuer
	elsewhere string // where redirects lead to; it would take any postback
	followed  atomic.Int64

	ctx    context.Context // ends with Close, as all that the receivers do must
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex
	closed bool
	open   map[io.Closer]struct{} // listeners, servers, connections
}

// Kinds are the names of all kinds, the healthy ones first.
func Kinds() []string {
	var names []string
	for _, k := range allKinds() {
		names = append(names, k.name)
	}
	return names
}

// NewFleet starts the receivers.
func NewFleet(options FleetOptions) (*Fleet, error) {
	f := &Fleet{options: options.withDefaults(), open: map[io.Closer]struct{}{}}
	f.ctx, f.cancel = context.WithCancel(context.Background())
	if err := f.startAll(); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (o FleetOptions) withDefaults() FleetOptions {
	if o.Slow <= 0 {
		o.Slow = DefaultSlow
	}
	if o.Drip <= 0 {
		o.Drip = DefaultDrip
	}
	if o.Failures <= 0 {
		o.Failures = DefaultFailures
	}
	if o.MaxPostbacks <= 0 {
		o.MaxPostbacks = DefaultMaxPostbacks
	}
	return o
}

func (f *Fleet) startAll() (err error) {
	if f.options.Now == nil {
		return errors.New("the fleet needs a clock")
	}
	kinds := allKinds()
	for _, name := range f.options.Kinds {
		if !slices.ContainsFunc(kinds, func(k kind) bool { return k.name == name }) {
			return fmt.Errorf("there is no kind %q of receiver", name)
		}
	}
	if f.issuer, err = newIssuer(); err != nil {
		return err
	}
	if f.elsewhere, err = f.startElsewhere(); err != nil {
		return err
	}
	for _, k := range kinds {
		if f.options.Kinds != nil && !slices.Contains(f.options.Kinds, k.name) || k.named && f.options.UnknownName == "" {
			continue
		}
		r := newReceiver(k, f.options.MaxPostbacks)
		if err := k.start(f, r); err != nil {
			return fmt.Errorf("receiver %s: %w", k.name, err)
		}
		f.receivers = append(f.receivers, r)
	}
	return nil
}

// Receivers are all that were started, the healthy ones first. The same each time: don't change the slice.
func (f *Fleet) Receivers() []*Receiver { return f.receivers }

// Followed is how many requests followed a redirect. A postback must never.
func (f *Fleet) Followed() int { return int(f.followed.Load()) }

// Close ends every connection and waits for all that the receivers do. It may be called again.
func (f *Fleet) Close() {
	f.cancel()
	f.mu.Lock()
	f.closed = true
	for c := range f.open {
		_ = c.Close() // what was open ends; it has nothing left to lose
	}
	clear(f.open)
	f.mu.Unlock()
	f.work.Wait()
}

// keep has Close close c. It is false, and c closed, when that was already.
func (f *Fleet) keep(c io.Closer) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		_ = c.Close()
		return false
	}
	f.open[c] = struct{}{}
	return true
}

// drop closes c and forgets it.
func (f *Fleet) drop(c io.Closer) {
	f.mu.Lock()
	delete(f.open, c)
	f.mu.Unlock()
	_ = c.Close()
}

// enter has Close wait until leave. It is false once the fleet is closed.
func (f *Fleet) enter() (leave func(), ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, false
	}
	f.work.Add(1)
	return f.work.Done, true
}

// run is enter around a goroutine.
func (f *Fleet) run(do func()) {
	if leave, ok := f.enter(); ok {
		go func() {
			defer leave()
			do()
		}()
	}
}

// listen opens a port on loopback.
func (f *Fleet) listen() (net.Listener, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	if !f.keep(listener) {
		return nil, net.ErrClosed
	}
	return listener, nil
}
