package main

import (
	"encoding/json"
	"strings"
	"testing"
)

// Money that was stopped is resumed by a person, after an audit that finds nothing, or by their word.
func TestAuditResume(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		d.fund("1000")
		d.asha.fails(exitFailed, "money isn't stopped", "audit", "--resume", "--reason", "r")
		d.fails(exitUsage, "go with --resume", "audit", "--reason", "r")
		d.mutate("UPDATE installation SET stopped_at = 1764000000000000, stopped_why = 'M-2: ledger account 3 has 1 more than its postings make', revision = revision + 1")
		if got := d.json("audit")["stopped"].(map[string]any); !strings.HasPrefix(got["why"].(string), "M-2") || got["since"] == "" {
			t.Errorf("audit tells %v", got)
		}
		if out := d.ok("audit"); !strings.Contains(out, "Money is stopped since 20") {
			t.Error(out)
		}
		if r := d.fails(exitFailed, "something failed", "doctor"); !strings.Contains(r.stdout, "money") || !strings.Contains(r.stdout, "M-2: ledger account 3") {
			t.Errorf("doctor tells %s", r.stdout)
		}
		d.fails(exitUsage, "who acts?", "audit", "--resume", "--reason", "r")
		d.asha.fails(exitUsage, "--reason", "audit", "--resume")
		d.mutate("UPDATE ledger_account SET balance = balance + 1 WHERE kind = 'treasury'")
		d.asha.fails(exitFailed, "the audit finds violations", "audit", "--resume", "--reason", "r")
		if got := d.asha.json("audit", "--resume", "--reason", "I looked", "--accept", "one rupee"); got["stopped"] != false || got["accepted"] == json.Number("0") {
			t.Errorf("resumed: %v", got)
		}
		acts := d.list("audit", "log")
		if last := acts[len(acts)-1]; last["actor"] != "operator:asha.rao" || last["act"] != "money.resumed" || !strings.Contains(last["detail"].(string), "one rupee") {
			t.Errorf("the log says %v", last)
		}
		d.ok("audit", "verify")
		d.fails(exitFailed, "comparisons failed", "audit") // it still does
		d.mutate("UPDATE ledger_account SET balance = balance - 1 WHERE kind = 'treasury'")
		d.mutate("UPDATE installation SET stopped_at = 1764000000000000, stopped_why = 'again', revision = revision + 1")
		d.asha.ok("audit", "--resume", "--reason", "repaired")
		if got := d.json("audit"); got["ok"] != true || got["stopped"] != nil {
			t.Errorf("audit: %v", got)
		}
	})
}
