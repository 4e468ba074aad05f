package gateway

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// A withdrawal that is asked for while the database is away, when ids must be reserved first or not, isn't known to be
// taken on or not: that is to be repeated, and no fault.
func TestMoneyWhileTheDatabaseIsAway(t *testing.T) {
	for _, reserved := range []bool{false, true} {
		w := newWorld(t, testkit.Postgres(t))
		w.fund("shop", 1000)
		cutter, database := cutDatabase(t, w.database, false)
		g := w.through(database)
		if reserved {
			w.must(g.ids.fill(context.Background(), idsForOne, moneyKinds))
		}
		w.must(cutter.listener.Close())
		if _, err := w.g.store.ReadPool().Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); err != nil {
			t.Fatal(err)
		}
		if _, err := g.RequestWithdrawal(context.Background(), shop, wantedWithdrawal(t, "w-1", 100, nil)); !errors.Is(err, ErrUnknown) {
			t.Errorf("ids reserved %t: %v", reserved, err)
		}
	}
}

// A move that is rolled back isn't told in the log.
func TestOnlyWhatIsStoredIsLogged(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		maker, _ := w.fund("shop", 1000)
		id := w.take("w-1", 100)
		log := &testkit.Log{}
		w.g.log = slog.New(slog.NewTextHandler(log, nil))
		w.mutate("UPDATE audit_head SET id = 1, seq = -1") // appending to the log of people's acts fails
		if err := w.g.RefuseWithdrawal(context.Background(), maker, id, "fraud"); err == nil {
			t.Fatal("it was refused without a row in the audit log")
		}
		w.wantState(id, withdrawal.Created)
		if strings.Contains(log.String(), "withdrawal.moved") {
			t.Errorf("the log tells of what was rolled back: %s", log)
		}
		w.mutate("UPDATE audit_head SET seq = (SELECT max(seq) FROM audit_log)")
		w.must(w.g.RefuseWithdrawal(context.Background(), maker, id, "fraud"))
		if n := strings.Count(log.String(), "withdrawal.moved"); n != 1 {
			t.Errorf("it is logged %d times: %s", n, log)
		}
	})
}
