package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
)

// finds checks one line of doctor.
func (c *console) finds(check, state, what string) {
	c.t.Helper()
	for _, line := range c.json("doctor")["checks"].([]any) {
		line := line.(map[string]any)
		if line["check"] == check {
			if line["state"] != state || !strings.Contains(line["text"].(string), what) {
				c.t.Errorf("%v, want %s with %q", line, state, what)
			}
			return
		}
	}
	c.t.Errorf("doctor says nothing of %s", check)
}

func TestDoctorTellsOfWithdrawals(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		checks := []string{"approvals", "unserved", "unpaid", "submitted", "unknown", "failed", "contradicted", "adjustments", "rails", "operators"}
		allOK := func() {
			t.Helper()
			for _, check := range checks {
				d.finds(check, "ok", "")
			}
		}
		allOK()
		d.fund("1000")
		n := d.ask("w-1", 100, nil)
		d.ask("test", 100, func(r *galla.WithdrawalRequest) { r.IsTest = true }) // nobody's money: it may stay as it is for ever
		allOK()
		d.clock.Advance(createdPatience)
		d.finds("approvals", "ok", "")
		d.clock.Advance(time.Minute)
		d.finds("approvals", "warn", "1 on rail manual, the oldest since ")
		// One whose cool-off lasts waits for nobody.
		d.mutate(fmt.Sprintf("UPDATE withdrawal SET not_before = %d WHERE id = %s", d.clock.Now().Add(time.Hour).UnixMicro(), n))
		d.finds("approvals", "ok", "")
		d.mutate("UPDATE withdrawal SET not_before = 1")
		settings := filepath.Join(t.TempDir(), "rx.json")
		if err := os.WriteFile(settings, []byte(`{"key_id":"rzp_test_1","secret":"s","webhook_secret":"w","account":"7878780080316316"}`), 0o600); err != nil {
			t.Fatal(err)
		}
		d.asha.ok("rail", "add", "rx", "--kind", "razorpayx", "--settings", settings)
		d.finds("rails", "ok", "1 configured")
		for _, step := range []struct {
			check, state, rail string
			after              time.Duration
			what               string
		}{
			{"unserved", "approved", "gone", 0, "1 on rail gone, the oldest since"},
			{"unpaid", "approved", "rx", approvedPatience + time.Second, "Does galla serve run"},
			{"unpaid", "approved", "manual", byHandPatience + time.Second, "1 on rail manual"},
			{"submitted", "submitted", "rx", byHandPatience + time.Second, "1 on rail rx"},
			{"unknown", "unknown", "rx", unknownPatience + time.Second, "galla withdrawal resolve"},
			{"failed", "failed", "manual", failedPatience + time.Second, "by another operator"},
		} {
			submitted := "1"
			if step.state == "approved" {
				submitted = "NULL"
			}
			d.mutate(fmt.Sprintf("UPDATE withdrawal SET state = '%s', rail = '%s', submitted_at = %s, decided_at = %d WHERE id = %s", step.state, step.rail, submitted, d.clock.Now().UnixMicro(), n))
			if step.after > 0 {
				d.finds(step.check, "ok", "")
				d.clock.Advance(step.after)
			}
			d.finds(step.check, "warn", step.what)
		}
		d.mutate("UPDATE rail SET state = 'paused'")
		d.finds("rails", "warn", "rx is paused: galla rail resume rx")
		d.mutate(fmt.Sprintf("UPDATE withdrawal SET state = 'approved', rail = 'rx', submitted_at = NULL WHERE id = %s", n))
		d.finds("unserved", "warn", "galla rail resume rx")
		d.ok("merchant", "set", "shop", "withdrawal_rail=rx")
		d.mutate("DELETE FROM rail")
		d.finds("rails", "warn", "withdrawal_rail of shop is rx, and there is no such rail")
		d.ok("merchant", "pause", "shop")
		d.finds("rails", "ok", "")
		d.ok("merchant", "resume", "shop")
		d.ok("merchant", "set", "shop", "withdrawal_rail=manual")

		d.ok("operator", "retire", "ravi")
		d.finds("operators", "warn", "1 active, and withdrawals of shop may need two people")
		d.ok("merchant", "set", "shop", "withdrawal_payee_daily_amount=50000") // the limit up to which one person is enough
		d.finds("operators", "ok", "1 active")

		d.asha.ok("ledger", "topup", "--merchant", "shop", "--amount", "5", "--reason", "by cheque")
		d.finds("adjustments", "ok", "1 wait")
		d.clock.Advance(proposalPatience + time.Second)
		d.finds("adjustments", "warn", "galla ledger list --state proposed")

		d.mutate(fmt.Sprintf("UPDATE withdrawal SET state = 'paid', submitted_at = 1, decided_at = 1 WHERE id = %s", n))
		d.mutate(fmt.Sprintf("INSERT INTO withdrawal_answer (withdrawal_id, number, at, source, outcome, rail_id, utr, code, reason, raw) VALUES (%s, 1, 2, 'rx', 'failed', '', '', '', '', decode('00', 'hex'))", n))
		d.finds("contradicted", "warn", "banks said otherwise of 1 withdrawals")
	})
}
