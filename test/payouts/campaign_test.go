package payouts

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

const (
	// defaultPayouts keeps `make test` short; GALLA_PAYOUTS=20000 is the long run.
	defaultPayouts = 300
	// mostPayouts is what account numbers have room for.
	mostPayouts = 1_000_000
	// seed decides what each payout and each request meets. What runs side by side comes in another order each time.
	seed = 20261126
)

func TestMain(m *testing.M) {
	code := m.Run()
	removeBuilt()
	os.Exit(code)
}

func payouts(t *testing.T) int {
	text := os.Getenv("GALLA_PAYOUTS")
	if text == "" {
		return defaultPayouts
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > mostPayouts {
		t.Fatalf("GALLA_PAYOUTS=%q: expected a number of withdrawals", text)
	}
	return n
}

func TestNoWithdrawalIsPaidTwiceSQLite(t *testing.T) {
	campaign(t, testkit.SQLite(t), 1)
}

// Two victims on one database.
func TestNoWithdrawalIsPaidTwicePostgres(t *testing.T) {
	campaign(t, testkit.Postgres(t), 2)
}

func campaign(t *testing.T, database string, instances int) {
	began := time.Now()
	n := payouts(t)
	w := newWorld(t, database, build(t, ""), instances, n, mixed)
	w.run(n)
	t.Logf("%d withdrawals in %v, %v of virtual time\n%s", n, time.Since(began).Round(time.Second), w.clock.Now().Sub(start), w.report())
	for _, v := range w.laws.broken() {
		t.Errorf("%s: %s", v.law, v.what)
	}
	if t.Failed() {
		t.Log(w.logs())
		return
	}
	if n >= enough {
		w.wantHit()
	}
}

// enough withdrawals meet every danger; a few may miss one.
const enough = 2000

// wantHit fails when a danger never came: then the campaign proved less than it says.
func (w *world) wantHit() {
	w.t.Helper()
	for _, count := range w.counted() {
		if count.n == 0 {
			w.t.Errorf("%s never happened", count.what)
		}
	}
}

// count is how often something happened.
type count struct {
	what string
	n    int
}

func (w *world) report() string {
	var text strings.Builder
	for _, count := range w.counted() {
		fmt.Fprintf(&text, "%7d %s\n", count.n, count.what)
	}
	return text.String()
}
