package bench

import (
	"fmt"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// A history must be what the gateway itself would have left: the books agree, no table lacks a row, and rows are as long
// as real ones.
func TestHistoryIsAsTheGatewayLeavesIt(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		g := &growth{opts: GrowOptions{Clients: 4}, folder: t.TempDir()}
		var err error
		if g.place, err = newPlace(t.Context(), database); err != nil {
			t.Fatal(err)
		}
		s, err := g.open(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := s.close(); err != nil {
				t.Error(err)
			}
			if err := g.place.remove(); err != nil {
				t.Error(err)
			}
		})
		// Beside the first part a second one: its indexes are kept, not made anew.
		for _, size := range []int64{10_000, 20_000} {
			told := int64(0)
			if err := s.fill(t.Context(), size, func(rows, of int64) { told = rows * 100 / of }); err != nil {
				t.Fatal(err)
			}
			if told != 100 {
				t.Errorf("the fill ended at %d%%", told)
			}
			checkHistory(t, s, size)
		}
		// It goes on working.
		if _, _, err := s.activate(t.Context(), 100*time.Millisecond, 2000); err != nil {
			t.Fatal(err)
		}
		for _, p := range probes {
			if err := p.read(t.Context(), s.engine.store.Read(), s.history.pick(p.any)); err != nil {
				t.Errorf("%s: %v", p.name, err)
			}
		}
		checkAudit(t, s)
		// A search for what begins with a text looks at no more ids than it is told.
		found, err := s.engine.store.Read().FindReferencesByPrefix(t.Context(), store.FindReferencesByPrefixParams{Length: 2, Prefix: forActivation, Stretch: 40, Rows: 100})
		if err != nil || len(found) == 0 || len(found) > 40 {
			t.Errorf("a search of 40 ids found %d, %v", len(found), err)
		}
		// What docs/operations.md says may go.
		empty := map[store.Engine]string{store.SQLite: "x''", store.Postgres: "''"}[s.engine.store.Engine()]
		db, err := s.history.openLoader()
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		const days = "86400000000"
		for _, statement := range []string{
			"UPDATE postback SET ended_at = ended_at - 100 * " + days + " WHERE id BETWEEN 1 AND 15000 AND state = 'delivered'",
			"UPDATE evidence SET received_at = received_at - 100 * " + days + " WHERE id BETWEEN 1 AND 15000",
			"DELETE FROM postback_attempt WHERE postback_id IN (SELECT id FROM postback WHERE id BETWEEN 1 AND 15000 AND state = 'delivered')",
			"UPDATE evidence SET raw = " + empty + " WHERE id BETWEEN 1 AND 15000 AND outcome = 'created'",
		} {
			if _, err := db.ExecContext(t.Context(), statement); err != nil {
				t.Fatal(statement, err)
			}
		}
		checkAudit(t, s)
	})
}

func checkHistory(t *testing.T, s *grownSide, size int64) {
	t.Helper()
	if s.transfers() != size {
		t.Errorf("%d transfers, want %d", s.transfers(), size)
	}
	count := func(query string) (n int64) {
		t.Helper()
		if err := s.engine.store.ReadPool().QueryRowContext(t.Context(), query).Scan(&n); err != nil {
			t.Fatal(query, err)
		}
		return n
	}
	real := s.engine.seen // activated in the real way, and not delivered
	for _, table := range historyTables {
		want := table.rows * size
		if table.name == "postback_attempt" {
			want -= real
		}
		if got := count("SELECT count(*) FROM " + table.name); got != want {
			t.Errorf("%s has %d rows, want %d", table.name, got, want)
		}
	}
	past := s.history.parts[0].claim
	for _, text := range []struct{ name, query string }{
		{"raw", "SELECT min(length(raw)) FROM evidence WHERE id %s"},
		{"body", "SELECT min(length(packed)) FROM postback WHERE id %s"},
		{"facts", "SELECT min(length(facts)) FROM transition WHERE kind = 'claim' AND subject_id %s"},
		{"number", "SELECT min(length(number)) FROM reference WHERE id %s"},
	} {
		own, old := count(fmt.Sprintf(text.query, fmt.Sprintf("<= %d", past))), count(fmt.Sprintf(text.query, fmt.Sprintf("> %d", past)))
		if d := own - old; d < -24 || d > 24 { // order ids and labels of the past are longer
			t.Errorf("%s of a real deposit has %d bytes, that of a past one %d", text.name, own, old)
		}
	}
	if n := count("SELECT count(*) FROM claim WHERE state <> 'accepted'"); n != 0 {
		t.Errorf("%d claims aren't accepted", n)
	}
	checkAudit(t, s)
}

func checkAudit(t *testing.T, s *grownSide) {
	t.Helper()
	report, err := gateway.Audit(t.Context(), s.engine.store, oracle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range report.Checks {
		if c.Failed > 0 {
			t.Errorf("audit %s: %d of %d failed: %v", c.ID, c.Failed, c.Checked, c.Examples)
		}
	}
}

// Indexes that a large fill drops must come back as they were.
func TestLoadMakesItsIndexesAnew(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s, err := store.Open(t.Context(), database, store.Create, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		query := "SELECT name || ' ' || sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL ORDER BY 1"
		if s.Engine() == store.Postgres {
			query = `SELECT pg_get_indexdef(i.indexrelid) || ' ' || coalesce(c.conname || pg_get_constraintdef(c.oid), '') FROM pg_index i
				JOIN pg_class k ON k.oid = i.indrelid LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u')
				WHERE pg_table_is_visible(k.oid) AND k.relnamespace <> CAST('pg_catalog' AS regnamespace) ORDER BY 1`
		}
		before := indexesOf(t, s, query)
		h := &history{database: database, engine: s.Engine()}
		l := &loader{history: h, done: func(int64) {}}
		if l.db, err = h.openLoader(); err != nil {
			t.Fatal(err)
		}
		defer l.db.Close()
		p := part{count: loadChunk}
		if err := l.dropIndexes(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if len(l.dropped) == 0 {
			t.Error("nothing was dropped")
		}
		if err := l.makeIndexes(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if after := indexesOf(t, s, query); fmt.Sprint(after) != fmt.Sprint(before) {
			t.Errorf("indexes are\n%v\nwere\n%v", after, before)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
}

func indexesOf(t *testing.T, s *store.Store, query string) (list []string) {
	t.Helper()
	rows, err := s.ReadPool().QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		list = append(list, text)
	}
	return list
}

func TestGrowReportsEverything(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		var last Step
		report, err := Grow(t.Context(), GrowOptions{
			To: GrowBase, Database: database, Clients: 8, Rounds: 1, Slice: time.Second / 10, AuditTo: GrowBase, Progress: func(s Step) { last = s },
		})
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Sizes) != 1 || !report.Sizes[0].Audited || report.Sizes[0].AuditFailed != 0 || report.Sizes[0].Bytes < 500 {
			t.Errorf("sizes: %+v", report.Sizes)
		}
		if len(report.Sizes[0].Tables) < len(historyTables) {
			t.Errorf("only %d tables were weighed", len(report.Sizes[0].Tables))
		}
		for _, m := range report.Sizes[0].Measures {
			if m.Base <= 0 || m.Grown <= 0 || m.Ratio <= 0 {
				t.Errorf("%s: %+v", m.Name, m)
			}
		}
		for _, p := range report.Plans {
			if p.Scan != "" || len(p.Lines) == 0 {
				t.Errorf("%s: %s\n%v", p.Name, p.Scan, p.Lines)
			}
		}
		if len(report.Plans) < 30 || len(report.Goals) != 6 || last.Total < last.Done {
			t.Errorf("%d plans, %d goals, last step %+v", len(report.Plans), len(report.Goals), last)
		}
		checkNothingLeft(t, database)
	})
}

func TestFullScanIsSeen(t *testing.T) {
	for _, c := range []struct {
		name, query string
		lines       []string
		found       bool
	}{
		{"seq scan", "", []string{"->  Seq Scan on deposit d  (cost=0.00..1.00 rows=1 width=8)"}, true},
		{"of a small table", "", []string{"->  Seq Scan on merchant m  (cost=0.00..1.00 rows=1 width=8)"}, false},
		{"index without condition", "", []string{"->  Parallel Index Scan using deposit_claim_id_key on deposit d  (cost)", "      Filter: (merchant_id = '9'::bigint)"}, true},
		{"index with condition", "", []string{"->  Index Scan using claim_pkey on claim c  (cost)", "      Index Cond: (id = 1)"}, false},
		{"highest id", "", []string{"->  Limit  (cost)", "      ->  Index Only Scan Backward using claim_pkey on claim n  (cost)", "            Index Cond: (id IS NOT NULL)"}, false},
		{"what is still to be done", "", []string{"->  Index Scan using claim_held on claim c  (cost)", "      Filter: x"}, false},
		{"SQLite's scan, by alias", "SELECT 1 FROM deposit d", []string{"SCAN d"}, true},
		{"SQLite's scan of a batch", "SELECT 1 FROM deposit d", []string{"SCAN json_each VIRTUAL TABLE INDEX 1:", "SEARCH d USING INTEGER PRIMARY KEY (rowid=?)"}, false},
	} {
		if scan := fullScan(c.query, c.lines); (scan != "") != c.found {
			t.Errorf("%s: found %q", c.name, scan)
		}
	}
}
