package gateway

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/ifsc"
	"github.com/galla-gateway/galla/internal/testkit"
)

func listOf(t testing.TB, name string, codes ...string) *ifsc.Table {
	t.Helper()
	table, err := ifsc.Build(strings.NewReader(strings.Join(codes, "\n")), name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// warned takes a withdrawal to a code and returns the warning that it is kept with.
func (w *world) warned(g *Gateway, id, code string) string {
	w.t.Helper()
	taken, err := g.RequestWithdrawal(context.Background(), shop, wantedWithdrawal(w.t, id, 1, func(r *galla.WithdrawalRequest) { r.BankCode = code }))
	w.must(err)
	row, err := g.store.Read().GetWithdrawal(context.Background(), int64(taken.ID))
	w.must(err)
	return row.Warning
}

// A list that a person brings in is what withdrawals are judged by, on every server, until it is taken back.
func TestBranchesAreUsedByEveryServer(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		maker, _ := w.fund("shop", 100)
		server := w.instance()
		const code, late = "ZZZZ0000001", "ZZZZ0000002"
		if warning := w.warned(server, "w-1", code); !strings.Contains(warning, "No bank with the code ZZZZ") {
			t.Errorf("the release knows %s: %q", code, warning)
		}
		w.must(w.g.StoreBranches(ctx, maker, listOf(t, "rbi.csv", code)))
		w.must(server.refresh(ctx)) // what Run does many times a second
		if warning := w.warned(server, "w-2", code); warning != "" {
			t.Errorf("after the update: %q", warning)
		}
		if warning := w.warned(server, "w-3", late); !strings.Contains(warning, "no known branch") {
			t.Errorf("%s: %q", late, warning)
		}
		if warning := w.warned(server, "w-4", "HDFC0001234"); warning != "" {
			t.Errorf("the release's branches are gone: %q", warning)
		}
		// At the same moment of a clock that stands, as many branches by the same name: it is another list all the same.
		w.must(w.g.StoreBranches(ctx, maker, listOf(t, "rbi.csv", late)))
		w.must(server.refresh(ctx))
		if warning := w.warned(server, "w-5", late); warning != "" {
			t.Errorf("after the second update: %q", warning)
		}
		cleared, err := w.g.ClearBranches(ctx, maker)
		w.must(err)
		w.must(server.refresh(ctx))
		if warning := w.warned(server, "w-6", late); !cleared || !strings.Contains(warning, "No bank with the code ZZZZ") {
			t.Errorf("cleared %t, then %q", cleared, warning)
		}
		if again, err := w.g.ClearBranches(ctx, maker); again || err != nil {
			t.Errorf("cleared twice: %t, %v", again, err)
		}
		w.want("acts", w.count("SELECT count(*) FROM audit_log WHERE act = 'ifsc.updated' AND actor = 'operator:maker' AND subject = 'ifsc' AND detail = '1 branches from rbi.csv'"), 2)
		w.want("acts", w.count("SELECT count(*) FROM audit_log WHERE act = 'ifsc.cleared' AND actor = 'operator:maker'"), 1)
	})
}

// Other changes don't read the list again: it is large. A broken one would be noticed.
func TestBranchesAreReadOnce(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		maker := w.operator("maker")
		var log bytes.Buffer
		server, end := w.open(Options{Now: w.clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer end()
		w.must(w.g.StoreBranches(ctx, maker, listOf(t, "rbi.csv", "ZZZZ0000001")))
		w.must(server.refresh(ctx))
		read := server.Directory().Branches()
		w.mutate("UPDATE ifsc_table SET file = substr(file, 2)")
		w.must(w.g.SetMerchant(ctx, "shop", []Setting{{"name", "Another"}}))
		w.must(server.refresh(ctx))
		m, _ := server.Directory().MerchantBySlug("shop")
		if got := server.Directory().Branches(); m.Name != "Another" || got.Stored != read.Stored || got.Table() != read.Table() || log.Len() > 0 {
			t.Errorf("%s: the list was read again, %s", m.Name, log.String())
		}
		// A server that starts with a list that it can't read serves with the release's, and says so once.
		late, stop := w.open(Options{Now: w.clock.Now, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		defer stop()
		w.must(late.Reload(ctx))
		if got := late.Directory().Branches(); got.Stored != nil || got.Table() != ifsc.Embedded() || strings.Count(log.String(), "ifsc.unreadable") != 1 {
			t.Errorf("an unreadable list: %+v, %s", got.Stored, log.String())
		}
	})
}

// A restored installation knows what the one before was told.
func TestBranchesAreRestored(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, testkit.SQLite(t))
		w.must(w.g.StoreBranches(context.Background(), w.operator("maker"), listOf(t, "rbi.csv", "ZZZZ0000001")))
		again := w.restored(w.backup(), database)
		if got := again.g.Directory().Branches(); got.Stored == nil || !got.Table().Lookup("ZZZZ0000001").KnownBranch || got.UpdatedBy != "maker" {
			t.Errorf("after the restore: %+v", got)
		}
	})
}
