// Command server is the gateway that the campaign kills: the real gateway, rails, teller and edge of merchants and providers
// over a real database. Three things differ from `galla serve`. Its clock is a file that the campaign moves. Its rails call
// the campaign's door instead of a provider, and each process another one, so that the door knows whom to kill. And the teller
// doesn't look each second, but when it is told to, so that days pass in a moment.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"

	"github.com/galla-gateway/galla/internal/api"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/teller"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/test/payouts/virtual"
)

// config is the command line.
type config struct{ database, key, clock, bank string }

func main() {
	var c config
	flag.StringVar(&c.database, "database", "", "GALLA_DATABASE")
	flag.StringVar(&c.key, "key", "", "key file")
	flag.StringVar(&c.clock, "clock", "", "file of the clock")
	flag.StringVar(&c.bank, "bank", "", "URL below which the providers are")
	flag.Parse()
	go func() { // nobody is left who would end it
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(1)
	}()
	if err := run(context.Background(), c); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run prints its address when it is ready, and serves until it is killed.
func run(ctx context.Context, c config) error {
	clock, err := virtual.Open(c.clock)
	if err != nil {
		return err
	}
	keys, err := keyring.Load(c.key)
	if err != nil {
		return err
	}
	// A kill loses nothing that was handed to the operating system: whether it is on the disk too makes no difference here.
	s, err := store.Open(ctx, c.database, store.Existing, store.Options{Exclusive: true, SQLiteSynchronous: "OFF"})
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	g, err := gateway.Open(ctx, s, keys, gateway.Options{Now: clock.Now, Logger: logger})
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	v := &server{gateway: g, rails: &rails{gateway: g, bank: c.bank}, clock: clock, logger: logger}
	edge := api.New(api.Config{Gateway: g, BaseHost: listener.Addr().String(), Now: clock.Now, Hear: v.hear})
	mux := http.NewServeMux()
	mux.Handle("/", web.NewEdge(edge, logger, nil, clock.Now))
	mux.HandleFunc("POST /turn", v.turn)
	mux.HandleFunc("POST /resolve", v.resolve)
	go func() { _ = g.Run(ctx) }() // ends with the process
	fmt.Println(listener.Addr())
	return http.Serve(listener, mux)
}

// server is what the campaign's own routes need.
type server struct {
	gateway *gateway.Gateway
	rails   *rails
	clock   *virtual.Clock
	logger  *slog.Logger
}

// turn sees to all that is due, at most so many times as the query says. Each has a teller of its own: two at once are as two
// instances beside one another.
func (v *server) turn(w http.ResponseWriter, r *http.Request) {
	most, err := strconv.Atoi(r.FormValue("most"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	t := teller.New(teller.Config{Gateway: v.gateway, Rails: v.rails.find, Now: v.clock.Now, Logger: v.logger})
	for range most {
		due, err := v.gateway.DuePayouts(r.Context())
		if err == nil && len(due) > 0 {
			err = t.Turn(r.Context())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		if len(due) == 0 {
			break
		}
	}
	c := t.Counters()
	fmt.Fprint(w, c.Calls.Load(), " ", c.Faults.Load())
}

// resolve is one operator's word of what became of a withdrawal.
func (v *server) resolve(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.ParseInt(r.FormValue("id"), 10, 64)
	var by gateway.Operator
	if err == nil {
		by, err = v.gateway.Operator(r.Context(), keyring.Secret(r.FormValue("operator")))
	}
	if err == nil {
		utr := r.FormValue("utr")
		_, err = v.gateway.ResolveWithdrawal(r.Context(), by, withdrawal.ID(id), gateway.Resolution{Paid: utr != "", UTR: utr, Proof: "the bank's book"})
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusConflict)
	}
}
