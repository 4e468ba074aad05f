package gateway

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/store"
)

// withdrawalScan finds a step that reads the whole table.
var withdrawalScan = regexp.MustCompile(`Seq Scan on withdrawal\b.*|SCAN (?:w|withdrawal)(?: .*)?(?:\n|$)`)

// The statements that are run each second, or by each scrape, cost what is open, not what has ended since the beginning.
func TestWithdrawalStatementsUseIndexes(t *testing.T) {
	var text []byte
	for _, name := range []string{"withdrawal.sql", "payout.sql"} {
		part, err := os.ReadFile("../store/queries/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, part...)
	}
	heading := regexp.MustCompile(`(?m)^-- name: (\w+) :\w+$`)
	statements, names := heading.Split(string(text), -1)[1:], heading.FindAllStringSubmatch(string(text), -1)
	wanted := map[string]*regexp.Regexp{
		"ListDueWithdrawals":   regexp.MustCompile(`SEARCH w USING INDEX withdrawal_next \(.*next_at<|withdrawal_next\b.*\n +Index Cond: .*next_at <=`),
		"CountOpenWithdrawals": regexp.MustCompile(`withdrawal_open`), "CountProposedAdjustments": regexp.MustCompile(`adjustment_open`),
	}
	eachWorld(t, func(w *world) {
		w.fund("shop", 1_000_000)
		w.take("w-0", 1)
		db := w.beside()
		columns := "merchant_id, test, payee, method, amount, currency, account_number, account_name, bank_code, branch_code, comment, warning, rail, " +
			"instruction_hash, approvals, not_before, created_at, decided_at, submitted_at"
		digest := map[store.Engine]string{store.SQLite: "randomblob(32)", store.Postgres: "sha256(CAST(CAST(n AS text) AS bytea))"}[w.g.store.Engine()]
		if _, err := db.Exec(fmt.Sprintf("WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 20000) "+
			"INSERT INTO withdrawal (id, withdrawal_id, signed_digest, reference, state, next_at, %[1]s) SELECT 1000000 + n, 'p-' || CAST(n AS text), %[2]s, 'ref-' || CAST(n AS text), "+
			"CASE WHEN n %% 100 = 0 THEN 'submitted' ELSE 'paid' END, CASE WHEN n %% 100 = 0 THEN n END, %[3]s FROM s CROSS JOIN withdrawal",
			columns, digest, strings.Replace(columns, "submitted_at", "1", 1))); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec("WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 5000) " +
			"INSERT INTO adjustment (id, merchant_id, kind, amount, currency, reason, state, made_by, checked_by, created_at, decided_at) " +
			"SELECT 1000000 + n, merchant_id, kind, amount, currency, reason, state, made_by, checked_by, created_at, decided_at FROM s CROSS JOIN adjustment"); err != nil {
			t.Fatal(err)
		}
		for _, statistics := range []bool{false, true} {
			if statistics {
				if _, err := db.Exec("ANALYZE"); err != nil {
					t.Fatal(err)
				}
			}
			for i, statement := range statements {
				index := wanted[names[i][1]]
				if index == nil {
					continue
				}
				for _, plan := range w.plans(db, statement, statistics) {
					if scan := withdrawalScan.FindString(plan); scan != "" || !index.MatchString(plan) {
						t.Errorf("%s with statistics %t: %s\n%s", names[i][1], statistics, scan, plan)
					}
				}
			}
		}
	})
}
