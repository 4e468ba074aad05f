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
	return g, watching(t, g, clock, log), log
}

func watching(t *testing.T, g *gateway.Gateway, clock *testkit.Clock, log *testkit.Log) *watch {
	t.Helper()
	w, err := newWatch(g, clock.Now, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.judge.Close(); err != nil {
			t.Error(err)
		}
	})
	return w
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

// Of several instances one looks. When it is gone another does, and sees what the first one had no time for.
func TestOneInstanceJudges(t *testing.T) {
	database := testkit.Postgres(t)
	clock, log := testkit.NewClock(), &testkit.Log{}
	g := open(t, database, clock.Now)
	if _, err := g.AddMerchants(t.Context(), gateway.NewMerchant{Slug: "shop", PostbackURL: "http://127.0.0.1:1/"}); err != nil {
		t.Fatal(err)
	}
	a, b := watching(t, g, clock, log), watching(t, g, clock, log)
	look := func(w *watch) {
		t.Helper()
		if err := w.look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	judging := func(moment string, ofA, ofB bool) {
		t.Helper()
		if a.judging.Load() != ofA || b.judging.Load() != ofB {
			t.Fatalf("%s: the first judges: %t, the second: %t", moment, a.judging.Load(), b.judging.Load())
		}
	}
	for range 2 * judgeSince {
		look(a)
		look(b)
		clock.Advance(lookEvery)
	}
	judging("both are well", true, false)
	if a.looks.Load() != int64(2*judgeSince) || b.looks.Load() != 0 {
		t.Errorf("the first looked %d times, the second %d times", a.looks.Load(), b.looks.Load())
	}
	// The first one says that it goes on, and is gone before it looks. Ids have left the violation far behind by then.
	if mine, err := g.TakeJudging(t.Context(), a.lease, judgeFor); err != nil || !mine {
		t.Fatal(mine, err)
	}
	insertWithdrawal(t, database, 1, "approved", "rx", time.UnixMicro(1))
	insertWithdrawal(t, database, 50_000, "approved", "rx", time.UnixMicro(1))
	for range judgeFor / lookEvery {
		clock.Advance(lookEvery - time.Millisecond)
		look(b)
		judging("the lease hasn't ended", true, false)
	}
	if g.Directory().Stopped {
		t.Fatal("who doesn't judge stopped money")
	}
	clock.Advance(lookEvery)
	look(b)
	judging("the lease has ended", true, true)
	if !g.Directory().Stopped || !strings.Contains(log.String(), "withdrawal 1 is of 100") {
		t.Errorf("what came before the change of judges was seen by nobody: %s", log)
	}
	look(a)
	judging("the first is back", false, true)
	b.leave(t.Context())
	look(a)
	judging("the second has left", true, false)
	if err := a.judge.Close(); err != nil {
		t.Fatal(err)
	}
	if err := a.look(t.Context()); err == nil {
		t.Error("a look on a closed connection is fine")
	}
	look(b)
	judging("the first can't look", false, true)
}
