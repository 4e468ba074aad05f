package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// railWorld has an approved withdrawal of 700 on a rail of a bank, and 300 left.
func railWorld(t *testing.T, story func(w *world, id withdrawal.ID)) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		maker, _ := w.fund("shop", 1000)
		id := w.take("w-1", 700)
		w.mutate("UPDATE withdrawal SET rail = 'bank'")
		if _, err := w.g.ApproveWithdrawal(context.Background(), maker, id, ""); err != nil {
			t.Fatal(err)
		}
		story(w, id)
		w.wantClean()
	})
}

// begin takes what is due, which must be just this one.
func (w *world) begin(id withdrawal.ID, pay bool) Payout {
	w.t.Helper()
	due, err := w.g.DuePayouts(context.Background())
	if err != nil || len(due) != 1 || due[0].ID != id {
		w.t.Fatalf("due are %v, %v", due, err)
	}
	p, ok, err := w.g.BeginPayout(context.Background(), id, everyRail)
	if err != nil || !ok || p.Pay != pay || p.Instruction.Reference != payout.Reference(int64(id)) {
		w.t.Fatalf("%+v, %t, %v", p, ok, err)
	}
	return p
}

func (w *world) answer(id withdrawal.ID, lease int64, a payout.Answer, want withdrawal.State) {
	w.t.Helper()
	state, err := w.g.RecordPayout(context.Background(), id, "bank", lease, a)
	if err != nil || state != want {
		w.t.Errorf("%s: %s, %v, want %s", a.Outcome, state, err, want)
	}
}

func (w *world) notDue() {
	w.t.Helper()
	if due, err := w.g.DuePayouts(context.Background()); err != nil || len(due) != 0 {
		w.t.Errorf("due are %v, %v", due, err)
	}
}

func TestPayoutIsStoredBeforeItIsMade(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		first := w.begin(id, true)
		w.wantState(id, withdrawal.Submitted)
		w.notDue()
		if _, ok, err := w.g.BeginPayout(context.Background(), id, everyRail); ok || err != nil {
			t.Error("two processes have it:", ok, err)
		}
		// The process dies. Whoever comes next asks, by the same reference, and doesn't pay again.
		w.clock.Advance(payoutLease)
		second := w.begin(id, false)
		if second.Lease == first.Lease {
			t.Error("the lease is the same")
		}
		w.answer(id, second.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901", RailID: "p-1"}, withdrawal.Paid)
		w.wantBalances(300_00, 0, 700_00)
		w.notDue()
		// The dead one comes back and says the same: nothing changes.
		w.answer(id, first.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
		w.wantBalances(300_00, 0, 700_00)
		if w.toldStatus(id) != galla.WithdrawalPaid {
			t.Error("not told")
		}
	})
}

// What nobody knows is never given back, however long it lasts.
func TestUnknownKeepsTheMoney(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown, Reason: "timed out"}, withdrawal.Unknown)
		for _, outcome := range []payout.Outcome{payout.Unknown, payout.Absent, payout.Sent, payout.Unknown, payout.Unknown} {
			w.clock.Advance(askAgain[len(askAgain)-1])
			p = w.begin(id, false)
			w.answer(id, p.Lease, payout.Answer{Outcome: outcome}, withdrawal.Unknown)
			w.notDue()
		}
		w.wantBalances(300_00, 700_00, 0)
		maker, checker := w.people()
		if err := w.g.CancelMerchantsWithdrawal(context.Background(), shop, id); err == nil {
			t.Error("cancelled though it may be paid")
		}
		said := Resolution{Paid: true, UTR: "412345678901", Proof: "letter of the bank"}
		for i, by := range []Operator{maker, maker, checker} {
			done, err := w.g.ResolveWithdrawal(context.Background(), by, id, said)
			if err != nil || done != (i == 2) {
				t.Error(i, done, err)
			}
		}
		w.wantState(id, withdrawal.Paid)
		w.wantBalances(300_00, 0, 700_00)
	})
}

// Two people who don't say the same end nothing.
func TestResolutionNeedsTheSameWord(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		maker, checker := w.people()
		paid, failed := Resolution{Paid: true, UTR: "412345678901", Proof: "statement"}, Resolution{Proof: "letter"}
		for i, said := range []struct {
			by   Operator
			what Resolution
		}{{maker, paid}, {checker, failed}, {maker, paid}, {checker, Resolution{Paid: true, UTR: "412345678902", Proof: "statement"}}} {
			if done, err := w.g.ResolveWithdrawal(context.Background(), said.by, id, said.what); done || err != nil {
				t.Error(i, done, err)
			}
		}
		w.wantState(id, withdrawal.Unknown)
		if err := w.tryExec("UPDATE withdrawal_resolution SET confirmed_by = proposed_by, confirmed_at = 1"); err == nil {
			t.Error("the database lets one person do both")
		}
	})
}

func TestFailureMustBeCertain(t *testing.T) {
	failed := payout.Answer{Outcome: payout.Failed, Code: "closed"}
	t.Run("it stays so", func(t *testing.T) {
		railWorld(t, func(w *world, id withdrawal.ID) {
			p := w.begin(id, true)
			w.answer(id, p.Lease, failed, withdrawal.Failed)
			w.wantBalances(300_00, 700_00, 0)
			w.clock.Advance(certainAfter - time.Second)
			p = w.begin(id, false)
			w.answer(id, p.Lease, failed, withdrawal.Failed)
			w.clock.Advance(time.Minute)
			p = w.begin(id, false)
			w.answer(id, p.Lease, failed, withdrawal.Refunded)
			w.wantBalances(1000_00, 0, 0)
			w.notDue()
			if w.toldStatus(id) != galla.WithdrawalFailed {
				t.Error("not told")
			}
		})
	})
	t.Run("who asked slept until the hour was over", func(t *testing.T) {
		railWorld(t, func(w *world, id withdrawal.ID) {
			p := w.begin(id, true)
			w.answer(id, p.Lease, failed, withdrawal.Failed)
			w.clock.Advance(askAgain[0])
			p = w.begin(id, false)
			w.clock.Advance(2 * certainAfter)
			w.answer(id, p.Lease, failed, withdrawal.Failed) // the bank said so two hours ago
			w.clock.Advance(askAgain[len(askAgain)-1])
			p = w.begin(id, false)
			w.answer(id, p.Lease, failed, withdrawal.Refunded)
		})
	})
	t.Run("the bank changes its mind", func(t *testing.T) {
		railWorld(t, func(w *world, id withdrawal.ID) {
			p := w.begin(id, true)
			w.answer(id, p.Lease, failed, withdrawal.Failed)
			w.clock.Advance(certainAfter - time.Second)
			p = w.begin(id, false)
			w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Failed) // it must be certain anew
			w.clock.Advance(2 * certainAfter)
			p = w.begin(id, false)
			w.answer(id, p.Lease, failed, withdrawal.Failed) // one word after the doubt
			w.clock.Advance(certainAfter)
			w.answer(id, 77, failed, withdrawal.Failed) // of an old owner, who may have heard it long ago
			w.answer(id, 0, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
			w.wantBalances(300_00, 0, 700_00)
		})
	})
}

// A bank is told once more only by who still has the payout, and while nothing speaks against it.
func TestPayAgain(t *testing.T) {
	for name, c := range map[string]struct {
		before func(w *world, id withdrawal.ID, p *Payout)
		after  time.Duration
		want   bool
	}{
		"after ten minutes": {nil, payAgainAfter, true},
		"too early":         {nil, payAgainAfter - payoutLease - time.Second, false},
		"too late":          {nil, payAgainUntil + time.Second, false},
		"another has it":    {func(_ *world, _ withdrawal.ID, p *Payout) { p.Lease++ }, payAgainAfter, false},
		"in recovery": {func(w *world, _ withdrawal.ID, _ *Payout) {
			w.mutate("UPDATE installation SET recovery_at = 1")
			w.must(w.g.Reload(context.Background()))
		}, payAgainAfter, false},
		"its merchant is paused": {func(w *world, _ withdrawal.ID, _ *Payout) {
			w.must(w.g.MoveMerchant(context.Background(), "shop", merchant.Paused))
		}, payAgainAfter, false},
		"it failed meanwhile": {func(w *world, id withdrawal.ID, _ *Payout) {
			w.answer(id, 0, payout.Answer{Outcome: payout.Failed}, withdrawal.Failed)
		}, payAgainAfter, false},
	} {
		t.Run(name, func(t *testing.T) {
			railWorld(t, func(w *world, id withdrawal.ID) {
				p := w.begin(id, true)
				w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
				maker, _ := w.people()
				if _, err := w.g.ResolveWithdrawal(context.Background(), maker, id, Resolution{Proof: "the bank has nothing"}); err != nil {
					t.Fatal(err)
				}
				w.clock.Advance(c.after)
				p = w.begin(id, false)
				if c.before != nil {
					c.before(w, id, &p)
				}
				until, again, err := w.g.PayAgain(context.Background(), p)
				if err != nil || again != c.want || again && !until.After(w.clock.Now()) {
					t.Errorf("%t until %v, %v", again, until, err)
				}
				if _, err := w.g.store.Read().GetResolution(context.Background(), int64(id)); isNoRows(err) != c.want {
					t.Error("what was said before the bank is told again:", err)
				}
			})
		})
	}
}

// Who is asking the bank at this moment may be about to tell it once more: nobody says "failed" meanwhile.
func TestNobodyEndsWhatIsBeingAsked(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		w.clock.Advance(time.Hour)
		p = w.begin(id, false)
		maker, _ := w.people()
		_, err := w.g.ResolveWithdrawal(context.Background(), maker, id, Resolution{Proof: "statement"})
		w.refused(err, CodeConflict, "being asked")
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		if _, err := w.g.ResolveWithdrawal(context.Background(), maker, id, Resolution{Proof: "statement"}); err != nil {
			t.Error(err)
		}
	})
}

// Nothing new is paid in recovery, for a paused merchant, or by a paused rail; what is taken up again afterwards.
func TestPayoutsOnHold(t *testing.T) {
	for name, hold := range map[string][2]string{
		"recovery": {"UPDATE installation SET recovery_at = 1", "UPDATE installation SET recovery_at = NULL"},
		"merchant": {"UPDATE merchant SET state = 'paused'", "UPDATE merchant SET state = 'active'"},
	} {
		t.Run(name, func(t *testing.T) {
			railWorld(t, func(w *world, id withdrawal.ID) {
				w.mutate(hold[0])
				w.must(w.g.Reload(context.Background()))
				if _, ok, err := w.g.BeginPayout(context.Background(), id, everyRail); ok || err != nil {
					t.Error(ok, err)
				}
				w.wantState(id, withdrawal.Approved)
				w.notDue()
				w.mutate(hold[1])
				w.must(w.g.Reload(context.Background()))
				w.clock.Advance(unservedPause)
				w.begin(id, true)
			})
		})
	}
}

// What was changed after its approval isn't paid, and an approval of somebody who was retired since counts no more. Either is
// left alone for a while each time, and not tried every second.
func TestApprovalsAreOfWhatIsPaid(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.mutate("UPDATE withdrawal SET account_number = '999999999999'")
		for range 2 {
			if _, ok, err := w.g.BeginPayout(context.Background(), id, everyRail); ok || err == nil {
				t.Error("a changed account is paid", ok, err)
			}
			w.notDue()
			w.clock.Advance(unservedPause)
		}
		w.mutate("UPDATE withdrawal SET account_number = '123456789012'")
		w.must(w.g.RetireOperator(context.Background(), "maker"))
		if _, ok, err := w.g.BeginPayout(context.Background(), id, everyRail); ok || err == nil {
			t.Error("paid by the word of somebody who was retired", ok, err)
		}
		w.notDue()
		w.wantState(id, withdrawal.Approved)
	})
}

// What a bank has is asked about also when who approved it has been retired since.
func TestRetiredOperatorsPayoutIsAskedAbout(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.must(w.g.RetireOperator(context.Background(), "maker"))
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Sent}, withdrawal.Submitted)
		w.clock.Advance(time.Hour)
		p = w.begin(id, false)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
	})
}

// The same answer for years is one row.
func TestSameAnswersAreCounted(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		for range 5 {
			w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown, Reason: "timed out"}, withdrawal.Unknown)
			w.clock.Advance(time.Hour)
			p = w.begin(id, false)
		}
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown, Reason: "refused"}, withdrawal.Unknown)
		rows, err := w.g.store.Read().ListAnswers(context.Background(), int64(id))
		if err != nil || len(rows) != 2 || rows[0].Times != 5 || rows[1].Times != 1 {
			t.Errorf("%+v, %v", rows, err)
		}
	})
}

// A number of the bank that is the proof of another withdrawal is no proof of this one.
func TestNumberOfAnotherIsNoProof(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
		maker, _ := w.people()
		second := w.take("w-2", 100)
		w.mutate("UPDATE withdrawal SET rail = 'bank' WHERE state = 'created'")
		if _, err := w.g.ApproveWithdrawal(context.Background(), maker, second, ""); err != nil {
			t.Fatal(err)
		}
		p = w.begin(second, true)
		w.answer(second, p.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Unknown)
		w.wantBalances(200_00, 100_00, 700_00)
	})
}

// The database itself refuses what the code never does.
func TestDatabaseGuardsWithdrawals(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
		for name, statement := range map[string]string{
			"both ends": "INSERT INTO posting (entry_id, line, kind, event_id, source_id, destination_id, amount, currency, at) " +
				"SELECT 999999, line, kind, event_id, source_id, 1, amount, currency, at FROM posting WHERE kind = 'withdrawal_end'",
			"a second payout of what was signed": "INSERT INTO withdrawal (id, merchant_id, withdrawal_id, signed_digest, test, payee, method, amount, currency, account_number, " +
				"account_name, bank_code, branch_code, comment, warning, rail, reference, instruction_hash, approvals, state, not_before, created_at, decided_at) " +
				"SELECT id + 1, merchant_id, 'another', signed_digest, test, payee, method, amount, currency, account_number, account_name, bank_code, " +
				"branch_code, comment, warning, rail, 'ANOTHER', instruction_hash, approvals, 'created', not_before, created_at, decided_at FROM withdrawal",
			"an approval of something else":     "UPDATE withdrawal_approval SET instruction_hash = 'x'",
			"an instruction changed after it":   "UPDATE withdrawal SET instruction_hash = reason || 'y'",
			"a bank told before the intent":     "UPDATE withdrawal SET submitted_at = NULL",
			"an approval by who asked":          "UPDATE withdrawal_approval SET created_by = operator_id",
			"a change of mind without a person": "UPDATE adjustment SET checked_by = made_by",
		} {
			if err := w.tryExec(statement); err == nil {
				t.Errorf("the database takes %s", name)
			}
		}
	})
}

// tryExec changes the database behind the gateway's back, or tells why it refuses.
func (w *world) tryExec(statement string) error {
	w.t.Helper()
	db := w.beside()
	db.SetMaxOpenConns(1)
	if _, err := db.Exec("PRAGMA foreign_keys = ON"); err != nil && w.g.store.Engine() == "sqlite" {
		w.t.Fatal(err)
	}
	_, err := db.Exec(statement)
	return err
}

// people are those that fund added.
func (w *world) people() (maker, checker Operator) {
	w.t.Helper()
	rows, err := w.g.store.Read().ListOperators(context.Background())
	if err != nil || len(rows) != 2 {
		w.t.Fatal(rows, err)
	}
	return Operator{rows[0].ID, rows[0].Name}, Operator{rows[1].ID, rows[1].Name}
}

func everyRail(string) bool { return true }
