// Package instance is one running Galla: the gateway with its background work, the public edges, the delivery lane and
// the admin listener, started and stopped in the right order. serve and demo are this with different settings.
package instance

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/api"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/lane"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/teller"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/internal/window"
)

// Config of an Instance. Store, Keys, Now, Logger and the two addresses are required.
type Config struct {
	Store           *store.Store
	Keys            *keyring.Keyring
	LoadKeys        func() (*keyring.Keyring, error) // nil: the keys stay
	Now             func() time.Time
	Logger          *slog.Logger
	Simulated       bool
	LocalHTTP       bool   // payers may be sent to http URLs of this machine
	Listen          string // public, host:port
	AdminListen     string // admin, host:port
	BaseHost        string // host of links, with or without port; "" takes the listener's address
	DefaultMerchant string
	TrustedProxies  []netip.Prefix
	PostbackAllow   []netip.Prefix
	// PostbackConcurrency bounds the postback requests open at once, 0: lane.DefaultConcurrency; PostbackRate those a
	// second, 0: no limit.
	PostbackConcurrency, PostbackRate int
	// OnFatal is told of a database error after which the process must end.
	OnFatal func(error)
}

// Instance is a running Galla. Start makes one, Run serves until its context ends.
type Instance struct {
	Gateway *gateway.Gateway
	// Addr and AdminAddr are where it listens; they answer from Run on.
	Addr, AdminAddr string

	config Config
	lane   *lane.Lane
	rails  *rails
	teller *teller.Teller
	watch  *watch
	sender *sender.Sender
	admin  *api.Admin
	window *window.Window
	public net.Listener
	inside net.Listener
	server *http.Server
	status *http.Server
}

// Start opens the gateway over the store and takes the addresses. The store stays the caller's.
func Start(ctx context.Context, c Config) (*Instance, error) {
	i := &Instance{config: c}
	var delivery atomic.Pointer[lane.Lane]
	g, err := gateway.Open(ctx, c.Store, c.Keys, gateway.Options{
		Now: c.Now, Logger: c.Logger, Simulated: c.Simulated, OnFatal: c.OnFatal, LoadKeys: c.LoadKeys,
		CommitDelay: gateway.CommitDelay,
		OnPostback: func(list []gateway.Postback) {
			if l := delivery.Load(); l != nil {
				if l.Offer(list); list == nil {
					l.Wake()
				}
			}
		},
	})
	if err != nil {
		return nil, err
	}
	i.Gateway = g
	if c.DefaultMerchant != "" {
		if _, ok := g.Directory().MerchantBySlug(c.DefaultMerchant); !ok {
			c.Logger.Warn("config.default_merchant_unknown", "slug", c.DefaultMerchant)
		}
	}
	i.sender = lane.NewSender(sender.Config{
		// Several merchants may be on one host: what bounds requests is the lane.
		Allow: c.PostbackAllow, Now: c.Now, MaxConnsPerHost: cmp.Or(c.PostbackConcurrency, lane.DefaultConcurrency),
	})
	i.lane = lane.New(lane.Config{
		Gateway: g, Send: i.sender.Send, Now: c.Now, Logger: c.Logger, Concurrency: c.PostbackConcurrency, Rate: c.PostbackRate,
	})
	delivery.Store(i.lane)
	i.rails = &rails{gateway: g}
	i.teller = teller.New(teller.Config{Gateway: g, Rails: i.rails.find, Now: c.Now, Logger: c.Logger})
	if i.watch, err = newWatch(g, c.Now, c.Logger); err != nil {
		g.Close()
		return nil, err
	}
	if err := i.listen(); err != nil {
		g.Close()
		return nil, errors.Join(err, i.watch.judge.Close())
	}
	return i, nil
}

func (i *Instance) listen() error {
	var err error
	if i.public, err = net.Listen("tcp", i.config.Listen); err != nil {
		return fmt.Errorf("GALLA_LISTEN: %w", err)
	}
	if i.inside, err = net.Listen("tcp", i.config.AdminListen); err != nil {
		return errors.Join(fmt.Errorf("GALLA_ADMIN_LISTEN: %w", err), i.public.Close())
	}
	i.Addr, i.AdminAddr = i.public.Addr().String(), i.inside.Addr().String()
	base := i.config.BaseHost
	if base == "" {
		base = i.Addr
	}
	metrics := api.NewMetrics(i.Gateway, i.config.Now)
	metrics.Register(&postbackMetrics{i.lane, i.Gateway, i.config.Now})
	metrics.Register(&endpointMetrics{i.Gateway, i.config.Now})
	metrics.Register(i.watch)
	metrics.Register(&withdrawalMetrics{teller: i.teller, gateway: i.Gateway, now: i.config.Now})
	merchants := api.New(api.Config{
		Gateway: i.Gateway, BaseHost: base, DefaultMerchant: i.config.DefaultMerchant,
		TrustedProxies: i.config.TrustedProxies, Now: i.config.Now, Hear: i.hear,
	})
	i.window = window.New(window.Config{
		Gateway: i.Gateway, BaseHost: base, DefaultMerchant: i.config.DefaultMerchant, TrustedProxies: i.config.TrustedProxies,
		Now: i.config.Now, Logger: i.config.Logger, Simulated: i.config.Simulated, LocalHTTP: i.config.LocalHTTP,
	})
	edge := web.BySurface(merchants, i.window, base, i.config.TrustedProxies)
	i.server = web.NewServer(web.NewEdge(metrics.Measure(edge), i.config.Logger, i.config.TrustedProxies, i.config.Now), i.config.Logger)
	i.server.RegisterOnShutdown(i.window.Drain)
	i.admin = api.NewAdmin(i.Gateway, metrics, i.config.Logger)
	i.status = web.NewServer(i.admin, i.config.Logger)
	return nil
}

// Run serves until ctx ends, then stops in order: readiness off, open requests answered, postbacks under way recorded,
// the last batch committed. nil means that all of that went well.
func (i *Instance) Run(ctx context.Context) error {
	background, stopBackground := context.WithCancel(context.WithoutCancel(ctx))
	defer stopBackground()
	done := make(chan error, 6)
	go func() { done <- ignoreCanceled(i.window.Run(background)) }()
	go func() { done <- ignoreCanceled(i.Gateway.Run(background)) }()
	go func() { done <- i.lane.Run(background) }()
	go func() { done <- i.teller.Run(background) }()
	go func() { done <- i.watch.Run(background) }()
	go func() { done <- web.Serve(background, i.inside, i.status) }()

	// A failed listener ends the instance like a signal does.
	serving, stopServing := context.WithCancel(ctx)
	defer stopServing()
	served := make(chan error, 1)
	go func() { served <- web.Serve(serving, i.public, i.server) }()

	var errs []error
	running := 6
	select {
	case <-ctx.Done():
		i.admin.Drain()
	case err := <-served:
		errs = append(errs, err)
		served <- nil
	case err := <-done:
		errs = append(errs, err)
		running--
	}
	stopServing()
	errs = append(errs, <-served)
	stopBackground()
	for range running {
		errs = append(errs, <-done)
	}
	i.Gateway.Close()
	i.sender.Close()
	return errors.Join(errs...)
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// hear takes a provider's webhook: what it tells of is asked about now.
func (i *Instance) hear(ctx context.Context, name string, header http.Header, body []byte) (known bool, err error) {
	reference, known, err := i.rails.hear(name, header, body)
	if err != nil || !known {
		return known, err
	}
	err = i.Gateway.HurryPayout(ctx, reference)
	i.teller.Wake()
	if err != nil {
		return true, fmt.Errorf("%w: %w", gateway.ErrUnknown, err)
	}
	return true, nil
}
