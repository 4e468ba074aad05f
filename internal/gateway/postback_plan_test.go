package gateway

import (
	"database/sql"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// fullScan finds a step that reads all of a table, or all of an index: a step of PostgreSQL's has no condition then. It
// may read all endpoints, which are as few as merchants.
var fullScan = regexp.MustCompile(`Seq Scan on postback.*|(?:Index Scan|Index Only Scan|Bitmap Index Scan)(?: using| on) postback\S*.*(?:\n +(?:Filter|Recheck).*)*(?:\n *(?:->|$)|$)|` +
	`SCAN (?:postback|postback_attempt|endpoint|[pqdea])(?: .*)?(?:\n|$)`)

// The statements of the delivery must cost what is due, not what is stored: each uses an index, without statistics, with
// them, and with those of a time when nothing waited; planned for its arguments and for any.
func TestPostbackStatementsUseIndexes(t *testing.T) {
	names, statements := statementsOf(t, "postback.sql")
	// On PostgreSQL what writes runs where scans are off, what reads doesn't.
	reads := []string{"ListLanes", "ListDuePostbacks", "GetProbe", "GetFreshPostback", "CountUndelivered"}
	mayScan := []string{"DropLeases", "CountUndelivered"} // once at start; what it counts
	// Conditions can hide that all of a lane is read to find one row, or all of an index for the first.
	tempted := map[string]*regexp.Regexp{
		"GetProbe": regexp.MustCompile(`postback_due`), "RecordPostbacks": regexp.MustCompile(`postback_due`),
		"ExhaustPostbacks": regexp.MustCompile(`postback_due on postback  |SEARCH postback USING.* postback_due`),
		"ListLanes":        regexp.MustCompile(`Aggregate|Sort`), "GetFreshPostback": regexp.MustCompile(`Sort|TEMP B-TREE`),
	}
	eachWorld(t, func(w *world) {
		db := w.beside()
		db.SetMaxOpenConns(1) // settings of the connection hold for all that follows
		run := func(statement string) {
			t.Helper()
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(statement, err)
			}
		}
		if w.g.store.Engine() == store.Postgres {
			for _, table := range []string{"postback", "postback_attempt", "endpoint"} {
				run("ALTER TABLE " + table + " SET (autovacuum_enabled = false)") // statistics of half-way would be neither
			}
			run("ALTER TABLE endpoint DROP CONSTRAINT endpoint_merchant_id_fkey")
		}
		for first := int64(1); first < 20_000; first += 1000 {
			w.postbacks(first, 1000, Endpoint{merchant.ID(1 + first/1000%5), PostbackDeposit})
		}
		run("INSERT INTO postback_attempt (postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer) " +
			"SELECT id, 1, 1, 1, 1, '', '', 500, '', '', CAST('' AS " + map[store.Engine]string{store.SQLite: "blob", store.Postgres: "bytea"}[w.g.store.Engine()] + ") FROM postback")
		run("INSERT INTO endpoint (merchant_id, kind, state) SELECT id, kind, CASE WHEN id % 5 = 0 THEN 'open' ELSE 'closed' END FROM postback WHERE id <= 5000")
		for _, statistics := range []string{"none", "of a quiet time", "of now"} {
			switch statistics {
			case "of a quiet time":
				run("UPDATE postback SET state = 'delivered', ended_at = 1")
				run("ANALYZE")
			case "of now":
				run("ANALYZE")
			}
			run("UPDATE postback SET state = CASE WHEN id % 3 = 0 THEN 'pending' ELSE 'delivered' END, ended_at = CASE WHEN id % 3 > 0 THEN 1 END")
			for i, statement := range statements {
				name := names[i]
				for _, plan := range w.plans(db, statement, slices.Contains(reads, name)) {
					if scan := fullScan.FindString(plan); scan != "" && !slices.Contains(mayScan, name) {
						t.Errorf("%s with statistics %s: %s\n%s", name, statistics, scan, plan)
					}
					if r := tempted[name]; r != nil && r.MatchString(plan) {
						t.Errorf("%s with statistics %s: %s\n%s", name, statistics, r.FindString(plan), plan)
					}
				}
			}
		}
	})
}

// To number events costs what is numbered, not that times what waits: with statistics of a moment without any, PostgreSQL joined
// those that wait with those to take, row by row, which held all other instances up for minutes.
func TestNumberingJoinsNothing(t *testing.T) {
	names, statements := statementsOf(t, "event.sql")
	take := statements[slices.Index(names, "TakeNewEvents")]
	joins := regexp.MustCompile(`.*(?:Join|Nested Loop|SubPlan|CORRELATED|Seq Scan|SCAN event_new).*`)
	eachWorld(t, func(w *world) {
		db := w.beside()
		db.SetMaxOpenConns(1)
		run := func(statement string) {
			t.Helper()
			if _, err := db.Exec(statement); err != nil {
				t.Fatal(statement, err)
			}
		}
		analyze := func() {}
		if w.g.store.Engine() == store.Postgres { // nobody makes statistics of SQLite
			run("ALTER TABLE event_new SET (autovacuum_enabled = false)")
			analyze = func() { run("ANALYZE") }
		}
		run("INSERT INTO event_new (merchant_id, postback_id) VALUES (1, 1)")
		analyze()
		for id := 2; id <= 5000; id++ {
			run(fmt.Sprintf("INSERT INTO event_new (merchant_id, postback_id) VALUES (1, %d)", id))
		}
		for _, statistics := range []string{"of a quiet time", "of now"} {
			for _, plan := range w.plans(db, take, false) {
				if join := joins.FindString(plan); join != "" {
					t.Errorf("with statistics %s: %s\n%s", statistics, join, plan)
				}
			}
			analyze()
		}
	})
}

// statementsOf reads the statements of a file of store/queries, with their names.
func statementsOf(t *testing.T, file string) (names, statements []string) {
	t.Helper()
	text, err := os.ReadFile("../store/queries/" + file)
	if err != nil {
		t.Fatal(err)
	}
	heading := regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)
	for _, match := range heading.FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	return names, heading.Split(string(text), -1)[1:]
}

var sqlcArgument = regexp.MustCompile(`sqlc\.arg\((\w+)\)`)

// values of the arguments of queries/postback.sql.
var planValues = map[string]string{
	"batch": "'[]'", "merchant_id": "1", "kind": "'deposit'", "id": "7", "now": "5", "after": "1", "before": "1", "fresh_before": "9000000000000000",
	"most": "32", "lease_until": "50", "rows": "100",
}

// plans are the plans of a statement, one step in a line.
func (w *world) plans(db *sql.DB, statement string, reads bool) (plans []string) {
	w.t.Helper()
	var order []string // of the arguments, by number
	statement = sqlcArgument.ReplaceAllStringFunc(statement, func(match string) string {
		name := sqlcArgument.FindStringSubmatch(match)[1]
		if planValues[name] == "" {
			w.t.Fatalf("no value for %s", name)
		}
		if !slices.Contains(order, name) {
			order = append(order, name)
		}
		return fmt.Sprintf("$%d", 1+slices.Index(order, name))
	})
	if w.g.store.Engine() == store.SQLite {
		args := make([]any, len(order))
		return []string{w.explain(db, "EXPLAIN QUERY PLAN "+w.g.store.Rewrite(statement), 3, args...)}
	}
	run := func(statement string) {
		w.t.Helper()
		if _, err := db.Exec(statement); err != nil {
			w.t.Fatal(statement, err)
		}
	}
	run(fmt.Sprintf("SET enable_seqscan = %v", reads))
	run("PREPARE planned AS " + statement)
	execute := "EXPLAIN EXECUTE planned"
	if len(order) > 0 {
		var values []string
		for _, name := range order {
			values = append(values, planValues[name])
		}
		execute += "(" + strings.Join(values, ", ") + ")"
	}
	for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
		run("SET plan_cache_mode = " + mode)
		plans = append(plans, w.explain(db, execute, 0))
	}
	run("DEALLOCATE planned")
	return plans
}

// explain is one plan, told in that column.
func (w *world) explain(db *sql.DB, statement string, column int, args ...any) string {
	w.t.Helper()
	rows, err := db.Query(statement, args...)
	if err != nil {
		w.t.Fatal(err, statement)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		line, into := "", make([]any, column+1)
		for i := range column {
			into[i] = new(any)
		}
		into[column] = &line
		w.must(rows.Scan(into...))
		plan = append(plan, line)
	}
	if len(plan) == 0 || rows.Err() != nil {
		w.t.Fatal("no plan", rows.Err(), statement)
	}
	return strings.Join(plan, "\n")
}
