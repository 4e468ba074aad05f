package instance

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/teller"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/money"
)

// insertWithdrawal stores one as it may stand in a database.
func insertWithdrawal(t *testing.T, database string, id int, state, rail string, decided time.Time, columns ...string) {
	t.Helper()
	notBefore, nextAt := "1", "NULL"
	for _, column := range columns {
		name, value, _ := strings.Cut(column, "=")
		switch name {
		case "not_before":
			notBefore = value
		case "next_at":
			nextAt = value
		}
	}
	submitted := "NULL"
	if state != "created" && state != "approved" && state != "refused" {
		submitted = "1"
	}
	digest := fmt.Sprintf("decode('%064x', 'hex')", id)
	mutate(t, database, fmt.Sprintf("INSERT INTO withdrawal (id, merchant_id, withdrawal_id, signed_digest, test, payee, method, amount, currency, account_number, account_name, "+
		"bank_code, branch_code, comment, warning, rail, reference, instruction_hash, approvals, state, not_before, created_at, decided_at, submitted_at, next_at) VALUES "+
		"(%d, 1, 'w-%d', %s, 0, 'p', 'imps_ib', 100, 'INR', '123456789012', 'A', 'HDFC0001234', '', '', '', '%s', 'ref-%d', '%s', 0, '%s', %s, 1, %d, %s, %s)",
		id, id, digest, rail, id, strings.Repeat("0", 64), state, notBefore, decided.UnixMicro(), submitted, nextAt))
}

func TestWithdrawalMetrics(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		clock := testkit.NewClock()
		g := open(t, database, clock.Now)
		ctx := context.Background()
		if _, err := g.AddMerchants(ctx, gateway.NewMerchant{Slug: "shop", PostbackURL: "http://127.0.0.1:1/"}); err != nil {
			t.Fatal(err)
		}
		by := operator(t, g)
		none := teller.New(teller.Config{Gateway: g, Now: clock.Now, Rails: func(string) (rail.Rail, bool) { return nil, false }})
		served := scrape(&withdrawalMetrics{teller: none, gateway: g, now: clock.Now})
		want := func(lines ...string) {
			t.Helper()
			got := served()
			for _, line := range lines {
				if !strings.Contains("\n"+got+"\n", "\n"+line+"\n") {
					t.Errorf("%s isn't served:\n%s", line, got)
				}
			}
		}
		want(`galla_withdrawals_open{kind="manual",rail="manual",state="unknown"} 0`, `galla_withdrawal_oldest_seconds{kind="none",rail="none",state="approved"} 0`,
			"galla_withdrawals_contradicted 0", "galla_adjustments_proposed 0", "galla_payout_calls_total 0", "galla_payout_calls_open 0",
			`galla_payout_answers_total{outcome="unknown"} 0`, "galla_payout_faults_total 0", "galla_payout_unserved_total 0")
		if n := strings.Count(served(), "galla_withdrawals_open{"); n != 2*len(openStates) {
			t.Errorf("%d series without a rail", n)
		}
		if err := g.AddRail(ctx, by, gateway.Rail{Name: "rx", Kind: gateway.RailRazorpayX}, func(gateway.Rail) error { return nil }); err != nil {
			t.Fatal(err)
		}
		now := clock.Now()
		insertWithdrawal(t, database, 1, "unknown", "rx", now.Add(-time.Hour))
		insertWithdrawal(t, database, 2, "unknown", "rx", now)
		insertWithdrawal(t, database, 3, "approved", "mistyped", now, fmt.Sprint("next_at=", now.UnixMicro()))
		insertWithdrawal(t, database, 4, "unknown", merchant.RailSandbox, now.Add(-time.Hour)) // for ever, by its script
		insertWithdrawal(t, database, 5, "created", "manual", now.Add(-time.Hour), fmt.Sprint("not_before=", now.UnixMicro()))
		insertWithdrawal(t, database, 6, "paid", "rx", now)
		insertWithdrawal(t, database, 7, "refused", "rx", now)
		for id, outcome := range map[int]string{6: "failed", 7: "failed"} { // of what was refused it is no news
			mutate(t, database, fmt.Sprintf("INSERT INTO withdrawal_answer (withdrawal_id, number, at, source, outcome, rail_id, utr, code, reason, raw) "+
				"VALUES (%d, 1, %d, 'rx', '%s', '', '', '', '', decode('00', 'hex'))", id, now.UnixMicro()+1, outcome))
		}
		amount := gateway.Adjustment{Merchant: "shop", Kind: gateway.Topup, Amount: money.Money{Minor: 100, Currency: money.INR}, Reason: "by cheque"}
		if _, err := g.ProposeAdjustment(ctx, by, amount); err != nil {
			t.Fatal(err)
		}
		if err := none.Turn(ctx); err != nil {
			t.Fatal(err)
		}
		clock.Advance(time.Minute)
		want(`galla_withdrawals_open{kind="razorpayx",rail="rx",state="unknown"} 2`, `galla_withdrawal_oldest_seconds{kind="razorpayx",rail="rx",state="unknown"} 3660`,
			`galla_withdrawals_open{kind="none",rail="none",state="approved"} 1`, `galla_withdrawals_open{kind="none",rail="none",state="unknown"} 0`,
			`galla_withdrawal_oldest_seconds{kind="manual",rail="manual",state="created"} 60`, "galla_adjustments_proposed 1", "galla_payout_unserved_total 1",
			"galla_withdrawals_contradicted 0") // many rows are looked through for it: not at every scrape
		clock.Advance(contradictedFor)
		want("galla_withdrawals_contradicted 1")
		if got := served(); strings.Contains(got, "mistyped") || strings.Contains(got, "sandbox") {
			t.Errorf("a rail that isn't one has its own series:\n%s", got)
		}
		mutate(t, database, "ALTER TABLE withdrawal RENAME TO gone")
		clock.Advance(contradictedFor)
		if got := served(); strings.Contains(got, "galla_withdrawal") || !strings.Contains(got, "galla_payout_calls_total") {
			t.Errorf("while the database doesn't answer:\n%s", got)
		}
	})
}

func operator(t *testing.T, g *gateway.Gateway) gateway.Operator {
	t.Helper()
	key, err := g.AddOperator(t.Context(), "asha")
	if err != nil {
		t.Fatal(err)
	}
	by, err := g.Operator(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return by
}
