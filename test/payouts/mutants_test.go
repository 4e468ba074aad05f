package payouts

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/testkit"
)

// edit replaces a text that a file of the product has exactly once.
type edit struct{ file, old, new string }

// mutant is a mistake that somebody might make one day, and the laws of which it must break one.
type mutant struct {
	name  string
	why   string
	laws  []law
	n     int // withdrawals: enough to show it, and what shows only at the end needs few
	lives []share[sim.PayoutLife]
	edits []edit
}

const (
	gatewayRail = "internal/gateway/withdrawal_rail.go"
	gatewayMove = "internal/gateway/withdrawal_move.go"
)

// mutants are the mistakes that the campaign must find: if it doesn't, it proves nothing of the gateway as it is.
var mutants = []mutant{
	{
		"retry under a new reference", "a bank that hears another reference pays another time",
		[]law{lawOnce, lawMeant}, many, mixed,
		[]edit{{gatewayRail, "\t\trow.Lease = p.Lease\n", "\t\trow.Lease = p.Lease\n" +
			"\t\tif !p.Pay {\n\t\t\tp.Instruction.Reference = payout.Reference(row.ID + 1_000_000*int64(row.Asked+1))\n\t\t}\n"}},
	},
	{
		"refund from unknown", "no answer is taken for a no",
		[]law{lawRefund}, many, mixed,
		[]edit{{gatewayRail, "\tcase a.Outcome == payout.Failed:\n", "\tcase a.Outcome == payout.Unknown && state == withdrawal.Unknown:\n" +
			"\t\tif err := b.moveWithdrawal(row, withdrawal.Failed, source, a.Reason); err != nil {\n\t\t\treturn err\n\t\t}\n" +
			"\t\treturn b.moveWithdrawal(row, withdrawal.Refunded, source, a.Reason)\n\tcase a.Outcome == payout.Failed:\n"}},
	},
	{
		"call before intent", "the intent is stored with the answer: who dies in between knows nothing of what was paid",
		[]law{lawIntent, lawRefund}, many, mixed,
		[]edit{
			{gatewayRail, "\t\t\tp.Pay = true\n\t\t\tif err := b.moveWithdrawal(row, withdrawal.Submitted, actorRules, \"\"); err != nil {\n" +
				"\t\t\t\treturn err\n\t\t\t}\n\t\t\tstate = withdrawal.Submitted\n", "\t\t\tp.Pay = true\n"},
			{gatewayRail, "\tstate := withdrawal.State(row.State)\n\tif a.UTR != \"\" && !state.Ended() {\n",
				"\tif row.State == string(withdrawal.Approved) {\n\t\tif err := b.moveWithdrawal(row, withdrawal.Submitted, actorRules, \"\"); err != nil {\n" +
					"\t\t\treturn err\n\t\t}\n\t}\n\tstate := withdrawal.State(row.State)\n\tif a.UTR != \"\" && !state.Ended() {\n"},
		},
	},
	{
		"absent taken for failed", "a search that finds nothing is taken for a no",
		[]law{lawRefund}, some, blind,
		[]edit{{gatewayRail, "\tcase a.Outcome == payout.Failed:\n", "\tcase a.Outcome == payout.Failed || a.Outcome == payout.Absent:\n"}},
	},
	{
		"failed is certain at once", "banks change their mind",
		[]law{lawRefund}, many, mixed,
		[]edit{{gatewayRail, "certainAfter = time.Hour", "certainAfter = 0 * time.Hour"}},
	},
	{
		"an old no is a no", "who slept since he asked tells what was true when he did",
		[]law{lawRefund, lawAudit}, many, mixed,
		[]edit{
			{gatewayRail, "if ours && lease != 0 {", "if ours && lease == -1 {"},
			{"internal/teller/teller.go", "if answer.Outcome == payout.Failed && !t.config.Now().Before(p.Until) {", "if answer.Outcome == payout.Failed && p.Until.IsZero() {"},
		},
	},
	{
		"told for ever", "a bank forgets which references it had, and pays what it is told then",
		[]law{lawOnce}, some, blind,
		[]edit{{gatewayRail, "payAgainUntil = 5 * 24 * time.Hour", "payAgainUntil = 500 * 24 * time.Hour"}},
	},
	{
		"processing taken for processed", "the bank has it and hasn't decided",
		[]law{lawPaidThere, lawMoney}, many, mixed,
		[]edit{{"internal/rail/razorpayx/read.go", "\"processing\": payout.Sent,", "\"processing\": payout.Paid,"}},
	},
	{
		"money given back and paid", "the books say another thing than the state",
		[]law{lawMoney}, few, mixed,
		[]edit{{gatewayMove, "ledger.WithdrawalEnded(row.ID, merchant.ID(row.MerchantID), amount, to == withdrawal.Paid)",
			"ledger.WithdrawalEnded(row.ID, merchant.ID(row.MerchantID), amount, false)"}},
	},
	{
		"an end that nobody is told", "the merchant pays its user another time",
		[]law{lawTold}, few, mixed,
		[]edit{{gatewayMove, "return b.tellWithdrawal(row, to == withdrawal.Paid)", "return nil"}},
	},
	{
		"anybody is a provider", "webhooks with a wrong signature are heard",
		[]law{lawForged}, many, mixed,
		[]edit{{"internal/rail/razorpayx/hear.go", "return err == nil && hmac.Equal(given, mac.Sum(nil))", "return err == nil && len(given) == mac.Size()"}},
	},
}

// How many withdrawals a mutant gets.
const few, some, many = 30, 100, 400

// mostTries is how many campaigns may look for a mutant: what runs side by side comes in another order each time, and some mistakes
// need somebody to sleep at just the wrong moment.
const mostTries = 3

func TestMutants(t *testing.T) {
	for _, m := range mutants {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			binary := build(t, overlay(t, m))
			w := newWorld(t, testkit.SQLite(t), binary, 1, m.n, m.lives)
			w.run(m.n)
			for try := 1; try < mostTries && len(w.laws.broken()) == 0; try++ {
				w = newWorld(t, testkit.SQLite(t), binary, 1, m.n, m.lives)
				w.run(m.n)
			}
			broken := w.laws.broken()
			if len(broken) == 0 {
				t.Fatalf("the campaign doesn't see it (%s)\n%s", m.why, w.report())
			}
			var laws []law
			for _, v := range broken {
				if !slices.Contains(laws, v.law) {
					laws = append(laws, v.law)
				}
			}
			t.Logf("after %d withdrawals and %d steps: %q\n%s", len(w.orders), w.steps.Load(), laws, broken[0].what)
			if !slices.ContainsFunc(laws, func(l law) bool { return slices.Contains(m.laws, l) }) {
				t.Errorf("broken are %q, want one of %q: %s\n%s", laws, m.laws, broken[0].what, w.logs())
			}
		})
	}
}

// overlay writes a mutant's sources, and what tells `go build` of them.
func overlay(t *testing.T, m mutant) string {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		t.Fatal(err)
	}
	folder, replaced := t.TempDir(), map[string]string{}
	for n, e := range m.edits {
		path := filepath.Join(root, e.file)
		from := path
		if changed := replaced[path]; changed != "" {
			from = changed
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if found := strings.Count(string(text), e.old); found != 1 {
			t.Fatalf("%s has %d times, want once:\n%s", e.file, found, e.old)
		}
		to := filepath.Join(folder, strings.ReplaceAll(e.file, "/", "_")+"."+string(rune('a'+n)))
		if err := os.WriteFile(to, []byte(strings.Replace(string(text), e.old, e.new, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[path] = to
	}
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(folder, "overlay.json")
	if err := os.WriteFile(path, list, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
