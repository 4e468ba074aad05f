package api

import (
	"context"
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// readyTimeout bounds how long /readyz waits for the database.
const readyTimeout = 2 * time.Second

// Admin answers on the admin listener: /healthz, /readyz and /metrics.
type Admin struct {
	gateway  *gateway.Gateway
	logger   *slog.Logger
	router   http.Handler
	draining atomic.Bool
}

// NewAdmin returns the handler of the admin listener, which is not for the public.
func NewAdmin(g *gateway.Gateway, metrics *Metrics, logger *slog.Logger) *Admin {
	admin := &Admin{gateway: g, logger: logger}
	admin.router = web.NewRouter([]web.Route{
		{Method: http.MethodGet, Path: "/healthz", Handler: http.HandlerFunc(admin.healthy)},
		{Method: http.MethodGet, Path: "/readyz", Handler: http.HandlerFunc(admin.ready)},
		{Method: http.MethodGet, Path: "/metrics", Handler: metrics.Handler()},
	})
	return admin
}

// ServeHTTP serves one request.
func (a *Admin) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.router.ServeHTTP(w, r) }

// Drain makes /readyz say no from now on, so that balancers look elsewhere before the server closes.
func (a *Admin) Drain() { a.draining.Store(true) }

var answerOK = []byte(`{"status":"ok"}`)

// healthy tells that the process lives, whatever its database does.
func (a *Admin) healthy(w http.ResponseWriter, _ *http.Request) {
	web.WriteJSON(w, http.StatusOK, answerOK)
}

// ready tells whether requests can be served.
func (a *Admin) ready(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	switch message, err := a.notReady(ctx); {
	case message == "":
		web.WriteJSON(w, http.StatusOK, answerOK)
	default:
		a.logger.WarnContext(ctx, "readiness.failed", "reason", message, "error", err)
		send(w, http.StatusServiceUnavailable, galla.Answer{Status: galla.StatusError, Message: message})
	}
}

// notReady says why requests can't be served, "" when they can.
func (a *Admin) notReady(ctx context.Context) (message string, err error) {
	if a.draining.Load() {
		return "The server is shutting down", nil
	}
	// A query of a table of ours says more than a ping: a database without our schema isn't ready either.
	if _, err := a.gateway.Store().Read().GetRevision(ctx); err != nil {
		return "The database does not answer", err
	}
	return "", nil
}
