package gateway

import (
	"context"
	"testing"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// What needs two people isn't approved by one, however often, and what needs nobody has its money set aside all the same.
func TestApprovalsAsManyAsNeeded(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		ctx := context.Background()
		maker, checker := w.fund("shop", 1000)
		w.policy(shop, func(p *merchant.Policy) { p.Withdrawal.AutoLimit, p.Withdrawal.OneLimit = 100_00, 200_00 })
		automatic := w.take("w-1", 100)
		w.wantState(automatic, withdrawal.Approved)
		w.wantBalances(900_00, 100_00, 0)
		both := w.take("w-2", 600)
		w.wantBalances(300_00, 700_00, 0)
		for range 2 {
			state, err := w.g.ApproveWithdrawal(ctx, maker, both, "")
			if err != nil || state != withdrawal.Created {
				t.Errorf("after one person's yes: %s, %v", state, err)
			}
		}
		if state, err := w.g.ApproveWithdrawal(ctx, checker, both, ""); err != nil || state != withdrawal.Approved {
			t.Errorf("after the second person's yes: %s, %v", state, err)
		}
		w.wantClean()
	})
}

// A row of another history of the same log, with a good hash of its own, doesn't continue this one (invariant A-1).
func TestAuditLogIsOneChain(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		for _, name := range []string{"a", "b", "c"} {
			w.operator(name)
		}
		w.mutate("CREATE TABLE aside AS SELECT * FROM audit_log WHERE seq = 3")
		for _, statement := range []string{
			"DELETE FROM audit_log WHERE seq > 1", "UPDATE audit_head SET seq = 1, hash = (SELECT hash FROM audit_log WHERE seq = 1)",
		} {
			w.mutate(statement)
		}
		w.operator("other") // the second row is another now
		for _, statement := range []string{
			"INSERT INTO audit_log SELECT * FROM aside", "UPDATE audit_head SET seq = 3, hash = (SELECT hash FROM aside)", "DROP TABLE aside",
		} {
			w.mutate(statement)
		}
		if report := w.verified(); report.FirstBad != 3 {
			t.Errorf("%+v, want the third row", report)
		}
	})
}
