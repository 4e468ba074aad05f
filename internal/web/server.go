// Package web is what the edges (API, payment window, console) share: who asks
// and for whom, reading a request, answering it, and the server around it.
package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"
)

// Limits of every connection. The longest work behind a request waits for a
// commit, which takes at most 5 s; the rest is the client's slow network.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 15 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
	// drainTimeout is how long Serve waits for open requests when it stops.
	drainTimeout = 20 * time.Second
)

// NewServer returns a server with every limit set. It speaks HTTP/1.1 only;
// what the server itself has to say goes to logger.
func NewServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
		// OPTIONS * is answered by the router like every other unknown path.
		DisableGeneralOptionsHandler: true,
	}
}

// Serve answers on listener until ctx ends, then takes no new request, lets
// the open ones finish, and returns. It closes the listener. nil means that
// every request got its answer.
func Serve(ctx context.Context, listener net.Listener, server *http.Server) error {
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := server.Shutdown(drain)
	if err != nil {
		err = errors.Join(fmt.Errorf("requests still open after %v were cut off: %w", drainTimeout, err), server.Close())
	}
	<-served
	return err
}
