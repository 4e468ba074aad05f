package instance

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/testkit"
)

// watched is a gateway with a merchant, and who watches it.
func watched(t *testing.T, database string) (*gateway.Gateway, *watch, *testkit.Log) {
	t.Helper()
	clock, log := testkit.NewClock(), &testkit.Log{}
	g := open(t, database, clock.Now)
	if _, err := g.AddMerchants(t.Context(), gateway.NewMerchant{Slug: "shop", PostbackURL: "http://127.0.0.1:1/"}); err != nil {
		t.Fatal(err)
	}
	w, err := newWatch(g, clock.Now, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.judge.Close(); err != nil {
			t.Error(err)
		}
	})
	return g, w, log
}

// What is found stops money, is logged once, and stops nothing again after a person accepted it.
func TestWatchStopsMoney(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		g, w, log := watched(t, database)
		ctx := t.Context()
		recent := func() { w.guard(ctx, "recent", lookLimit, w.look) }
		full := func() { w.guard(ctx, "full", fullLimit, w.full) }
		recent()
		full()
		served := scrape(w)
		for _, line := range []string{"galla_money_stopped 0", `galla_oracle_looks_total{at="recent"} 1`, `galla_oracle_looks_total{at="full"} 1`, "galla_oracle_faults_total 0"} {
			if !strings.Contains("\n"+served()+"\n", "\n"+line+"\n") {
				t.Errorf("%s isn't served:\n%s", line, served())
			}
		}
		if g.Directory().Stopped || log.String() != "" {
			t.Fatalf("sound books stop money: %s", log)
		}
		insertWithdrawal(t, database, 1, "approved", "rx", time.UnixMicro(1)) // out of nowhere: no money reserved, no moves
		for range 3 {
			recent()
			full()
		}
		stop, stopped, err := gateway.Stopped(ctx, g.Store().Read())
		if err != nil || !stopped || !g.Directory().Stopped || !strings.Contains(stop.Why, "W-4: withdrawal 1 is of 100") {
			t.Fatalf("%+v, %t, %v", stop, stopped, err)
		}
		if n := strings.Count(log.String(), "withdrawal 1 is of 100, and not just that"); n != 1 {
			t.Errorf("it is logged %d times: %s", n, log)
		}
		if n := strings.Count(log.String(), "msg=money.stopped"); n != 1 || !strings.Contains(served(), "galla_money_stopped 1") {
			t.Errorf("the stop is logged %d times: %s", n, log)
		}
		report, err := w.judge.Audit(ctx, oracle.Options{Hashes: g.AuditHashes})
		if err != nil {
			t.Fatal(err)
		}
		by := operator(t, g)
		if _, err := g.ResumeMoney(ctx, by, gateway.Resumption{Seen: stop, Reason: "r", Accept: "a test", Found: report.Stopping}); err != nil {
			t.Fatal(err)
		}
		recent()
		full()
		if g.Directory().Stopped {
			t.Error("what was accepted stops money again")
		}
		insertWithdrawal(t, database, 2, "approved", "rx", time.UnixMicro(1))
		recent()
		if !g.Directory().Stopped {
			t.Error("a new violation stops nothing")
		}
	})
}

// A fault of the oracle stops nothing and is logged once; what couldn't be stored stops money later.
func TestWatchThatCannotLook(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		g, w, log := watched(t, database)
		ctx := t.Context()
		gone, cancel := context.WithCancel(ctx)
		cancel()
		for range 3 {
			w.guard(ctx, "recent", lookLimit, func(context.Context) error { return w.look(gone) })
			w.guard(ctx, "full", lookLimit, func(context.Context) error { panic("a bug") })
		}
		if g.Directory().Stopped || strings.Count(log.String(), "oracle.failed") != 2 || w.faults.Load() != 6 {
			t.Errorf("stopped %t: %s", g.Directory().Stopped, log)
		}
		found := []oracle.Violation{{Invariant: "M-2", What: "a test"}}
		if err := w.stop(gone, found); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		w.guard(ctx, "recent", lookLimit, w.look)
		if !g.Directory().Stopped || !strings.Contains(log.String(), "a test") {
			t.Errorf("what couldn't be stored is forgotten: %s", log)
		}
	})
}

// Run ends with its context.
func TestWatchEnds(t *testing.T) {
	clock := testkit.NewClock()
	g := open(t, testkit.SQLite(t), clock.Now)
	w, err := newWatch(g, clock.Now, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.Run(ctx); err != nil {
		t.Error(err)
	}
}
