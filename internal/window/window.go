// Package window is the HTTP edge of the payment window (protocol section 3): the page where a payer pays and sees that
// the money has arrived. Its whole surface is the table in routes.go. The link's query is all that a request brings; there
// are no cookies and no sessions. What a payer claims goes to gateway.Activate, the same code as the API's.
package window

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// Config is what the edge needs. Gateway and Now are required.
type Config struct {
	Gateway *gateway.Gateway
	// BaseHost is the host of GALLA_BASE_URL, with or without port: merchants' hosts hang under it (protocol section 1).
	BaseHost string
	// DefaultMerchant is the slug of the merchant that plugin.<base host> belongs to, "" for none.
	DefaultMerchant string
	// TrustedProxies are the peers whose X-Forwarded-For, -Host and -Proto count.
	TrustedProxies []netip.Prefix
	Now            func() time.Time
	Logger         *slog.Logger // of the background work; nil logs nothing
	// Simulated marks every page: no real money moves.
	Simulated bool
	// LocalHTTP lets payers be sent to http URLs of this machine, for a merchant's developer.
	LocalHTTP bool
}

// Window is the edge. Run does its background work, Drain ends what would never end by itself.
type Window struct {
	Config
	router   http.Handler
	streams  *streams
	deferred *deferrals
	// activate is Gateway.Activate; a test that needs more wrong numbers than it can send puts another in its place.
	activate func(context.Context, []gateway.ClaimRequest) ([]gateway.ClaimResult, error)
	drain    sync.Once
	draining chan struct{}
}

// New returns the handler of every path on a plugin. host, and of every path below /plugin/ and /plugin-static/ on any. It
// answers people with pages and scripts with JSON, and is meant to stand behind a web.Edge, which logs and turns panics
// into answers.
func New(c Config) *Window {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	x := &Window{
		Config: c, streams: newStreams(), deferred: newDeferrals(), activate: c.Gateway.Activate, draining: make(chan struct{}),
	}
	x.router = web.NewRouter(x.routes()).WithRefusal(x.refuse)
	return x
}

// headers are those that every answer of the window has beside the edge's own.
var headers = map[string][]string{
	"Permissions-Policy":                {"camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
	"X-Robots-Tag":                      {"noindex, nofollow"},
	"Cross-Origin-Resource-Policy":      {"same-origin"},
	"X-Permitted-Cross-Domain-Policies": {"none"},
}

// strictTransport asks browsers that came by TLS to stay with it.
var strictTransport = []string{"max-age=31536000"}

// ServeHTTP serves one request.
func (x *Window) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	for name, values := range headers {
		header[name] = values
	}
	if web.IsHTTPS(r, x.TrustedProxies) {
		header["Strict-Transport-Security"] = strictTransport
	}
	x.router.ServeHTTP(w, r)
}

// Drain ends the open event streams: a server that stops waits for its requests, and these have no end of their own.
// Browsers come back to whoever serves then.
func (x *Window) Drain() { x.drain.Do(func() { close(x.draining) }) }
