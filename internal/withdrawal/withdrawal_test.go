package withdrawal

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

// The documentation draws the moves that the code has.
func TestDiagramIsDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/withdrawals.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), "```mermaid\n"+Diagram()+"```") {
		t.Errorf("docs/withdrawals.md should have\n%s", Diagram())
	}
}

func TestMoves(t *testing.T) {
	for _, from := range append(States, New) {
		for _, to := range States {
			switch {
			case from.Ended() && CanMove(from, to):
				t.Errorf("%s moves on to %s", from, to)
			case CanMove(from, Refunded) && from != Failed:
				t.Errorf("%q is refunded without having failed (W-3)", from)
			case CanMove(from, Submitted) && from != Approved:
				t.Errorf("%q is submitted without an approval", from)
			case (to == Cancelled || to == Refused) && CanMove(from, to) && from != Created && from != Approved:
				t.Errorf("%q is %s though a bank may have been told", from, to)
			}
		}
		if from != New && from.Reserved() == from.Ended() {
			t.Errorf("%s: reserved %t, ended %t", from, from.Reserved(), from.Ended())
		}
	}
	if New.Reserved() || CanMove(Paid, Failed) || !CanMove(Failed, Paid) {
		t.Error("moves")
	}
}

// What Judge takes on is within the limits and the balance, whatever the facts.
func TestJudge(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := rapid.Int64Range(0, 1000)
		f := Facts{
			Now: time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC), Amount: money.Money{Minor: amount.Draw(t, "amount"), Currency: money.INR},
			Policy: merchant.WithdrawalPolicy{
				Minimum: amount.Draw(t, "minimum"), Maximum: amount.Draw(t, "maximum"), DailyAmount: amount.Draw(t, "day"), PayeeAmount: amount.Draw(t, "payee"),
				CoolOff: time.Duration(rapid.Int64Range(0, 3).Draw(t, "cool-off")) * time.Hour, AutoLimit: amount.Draw(t, "auto"), OneLimit: amount.Draw(t, "one"),
			},
			Test: rapid.Bool().Draw(t, "test"), Balance: amount.Draw(t, "balance"), Today: amount.Draw(t, "today"), PayeeToday: amount.Draw(t, "payee today"),
			Recovery: rapid.Bool().Draw(t, "recovery"), NoIMPS: rapid.SampledFrom([]string{"", "no IMPS"}).Draw(t, "no IMPS"),
		}
		if ago := rapid.IntRange(0, 4).Draw(t, "known for"); ago > 0 {
			f.PayeeSince = f.Now.Add(-time.Duration(ago) * time.Hour)
		}
		v, p, minor := Judge(f), f.Policy, f.Amount.Minor
		within := minor >= p.Minimum && (p.Maximum == 0 || minor <= p.Maximum) && f.NoIMPS == ""
		if !f.Test {
			within = within && (p.DailyAmount == 0 || f.Today+minor <= p.DailyAmount) && (p.PayeeAmount == 0 || f.PayeeToday+minor <= p.PayeeAmount) && minor <= f.Balance
		}
		if (v.Message == "") != within || (v.Field == "") != within {
			t.Fatalf("%+v: %+v", f, v)
		}
		if !within {
			return
		}
		if f.Test {
			if v.Approvals != 0 || !v.NotBefore.IsZero() {
				t.Fatalf("a test waits: %+v", v)
			}
			return
		}
		want := 2
		if f.PayeeToday+minor <= p.OneLimit {
			want = 1
		}
		if f.PayeeToday+minor <= p.AutoLimit {
			want = 0
		}
		if f.Recovery {
			want = 2
		}
		since := f.PayeeSince
		if since.IsZero() {
			since = f.Now
		}
		if v.Approvals != want || v.NotBefore.Before(f.Now) || v.NotBefore.Before(since.Add(p.CoolOff)) {
			t.Fatalf("%+v: %+v", f, v)
		}
	})
	if v := Judge(Facts{Amount: money.Money{Minor: 1, Currency: money.INR}}); v.Field != FieldBalance || v.Message != "Insufficient balance" {
		t.Errorf("%+v", v)
	}
	if len(States) != len(slices.Compact(slices.Sorted(slices.Values(States)))) {
		t.Error("a state stands twice")
	}
}
