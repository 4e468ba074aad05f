package gateway

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

const bankNumber = "412345678901"

// printed is a row of a statement with the reference of a withdrawal of 700.
func printed(way payout.Way, number, amount string) payout.Entry {
	return payout.Entry{
		Way: way, Amount: inr(amount), Number: number, Placed: true, Given: "22/11/26", Raw: fmt.Appendf(nil, "%d,%s,%s", way, number, amount),
	}
}

var (
	leaving   = printed(payout.Out, bankNumber, "700")
	returning = printed(payout.Back, bankNumber, "700")
)

// states imports a statement of account 1 with these rows for a withdrawal.
func (w *world) states(id withdrawal.ID, entries ...payout.Entry) StatedResult {
	w.t.Helper()
	return w.statesBy(nil, payout.Reference(int64(id)), false, entries...)
}

func (w *world) statesBy(by *Operator, reference string, dryRun bool, entries ...payout.Entry) StatedResult {
	w.t.Helper()
	results, err := w.g.StatePayouts(context.Background(), by, 1, []StatedPayout{{reference, entries}}, dryRun)
	if err != nil || len(results) != 1 || results[0].Reference != reference {
		w.t.Fatalf("%+v, %v", results, err)
	}
	return results[0]
}

// wantStated imports the rows twice: the second time nothing is new.
func (w *world) wantStated(id withdrawal.ID, status StatedStatus, state withdrawal.State, entries ...payout.Entry) StatedResult {
	w.t.Helper()
	before := w.count("SELECT count(*) FROM audit_log")
	foreseen := w.statesBy(nil, payout.Reference(int64(id)), true, entries...)
	w.want("acts of a dry run", w.count("SELECT count(*) FROM audit_log"), before)
	got := w.states(id, entries...)
	if got != foreseen || got.Status != status || got.ID != id || got.State != state || (got.Reason != "") != (status == StatedConflict) {
		w.t.Errorf("%+v, foreseen %+v; want %s, now %s", got, foreseen, status, state)
	}
	w.wantState(id, state)
	again, want := w.states(id, entries...), status
	if status == StatedPaid || status == StatedReturned {
		want = StatedKnown
	}
	if again.Status != want || again.State != state {
		w.t.Errorf("again: %+v, want %s", again, want)
	}
	w.wantState(id, state)
	return got
}

// approved is an approved withdrawal of 700 on a rail of a bank.
func (w *world) approved(maker Operator, name string) withdrawal.ID {
	w.t.Helper()
	id := w.take(name, 700)
	w.mutate("UPDATE withdrawal SET rail = 'bank' WHERE state = 'created'")
	_, err := w.g.ApproveWithdrawal(context.Background(), maker, id, "")
	w.must(err)
	return id
}

// told has a rail hear of a withdrawal, or asks it, and answer; "" is no answer yet.
func (w *world) told(id withdrawal.ID, outcome payout.Outcome) {
	w.t.Helper()
	p, ok, err := w.g.BeginPayout(context.Background(), id, everyRail)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	if outcome != "" {
		_, err := w.g.RecordPayout(context.Background(), id, "bank", p.Lease, payout.Answer{Outcome: outcome, Code: "x"})
		w.must(err)
	}
}

// What a statement says of a withdrawal in each state, when it shows that it left, came back, or both.
func TestStatementSettlesWithdrawals(t *testing.T) {
	type want struct {
		status StatedStatus
		state  withdrawal.State
	}
	for name, c := range map[string]struct {
		before               func(*world, withdrawal.ID)
		left, returned, both want
	}{
		"approved": {
			func(*world, withdrawal.ID) {},
			want{StatedConflict, withdrawal.Approved}, want{StatedConflict, withdrawal.Approved}, want{StatedConflict, withdrawal.Approved},
		},
		// A rail is telling at this very moment: what came back may go out again.
		"submitted": {
			func(w *world, id withdrawal.ID) { w.told(id, "") },
			want{StatedPaid, withdrawal.Paid}, want{StatedReturned, withdrawal.Failed}, want{StatedReturned, withdrawal.Failed},
		},
		"submitted, and nobody is telling": {
			func(w *world, id withdrawal.ID) { w.told(id, ""); w.clock.Advance(payoutLease) },
			want{StatedPaid, withdrawal.Paid}, want{StatedReturned, withdrawal.Failed}, want{StatedReturned, withdrawal.Refunded},
		},
		"unknown": {
			func(w *world, id withdrawal.ID) { w.told(id, payout.Unknown) },
			want{StatedPaid, withdrawal.Paid}, want{StatedReturned, withdrawal.Failed}, want{StatedReturned, withdrawal.Refunded},
		},
		"failed": {
			func(w *world, id withdrawal.ID) { w.told(id, payout.Failed) },
			want{StatedPaid, withdrawal.Paid}, want{StatedKnown, withdrawal.Failed}, want{StatedReturned, withdrawal.Refunded},
		},
		"paid": {
			func(w *world, id withdrawal.ID) { w.told(id, payout.Paid) },
			want{StatedKnown, withdrawal.Paid}, want{StatedConflict, withdrawal.Paid}, want{StatedConflict, withdrawal.Paid},
		},
		"refunded": {
			func(w *world, id withdrawal.ID) {
				w.told(id, payout.Failed)
				w.clock.Advance(certainAfter)
				w.told(id, payout.Failed)
			},
			want{StatedConflict, withdrawal.Refunded}, want{StatedKnown, withdrawal.Refunded}, want{StatedKnown, withdrawal.Refunded},
		},
		"cancelled": {
			func(w *world, id withdrawal.ID) {
				w.must(w.g.CancelMerchantsWithdrawal(context.Background(), shop, id))
			},
			want{StatedConflict, withdrawal.Cancelled}, want{StatedConflict, withdrawal.Cancelled}, want{StatedConflict, withdrawal.Cancelled},
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachWorld(t, func(w *world) {
				maker, _ := w.fund("shop", 2100)
				var balances [3]int64
				for i, then := range []want{c.left, c.returned, c.both} {
					id := w.approved(maker, fmt.Sprintf("w-%d", i))
					c.before(w, id)
					number := fmt.Sprintf("41234567890%d", i)
					out, back := printed(payout.Out, number, "700"), printed(payout.Back, number, "700")
					got := w.wantStated(id, then.status, then.state, [][]payout.Entry{{out}, {back}, {back, out}}[i]...)
					if then.status == StatedPaid && got.UTR != number {
						t.Errorf("paid by %q", got.UTR)
					}
					switch then.state {
					case withdrawal.Paid:
						balances[2] += 700_00
					case withdrawal.Refunded, withdrawal.Cancelled:
						balances[0] += 700_00
					default:
						balances[1] += 700_00
					}
				}
				w.wantBalances(balances[0], balances[1], balances[2])
				w.wantClean()
			})
		})
	}
}

// Who imports a statement is in the audit log, and what it says among the answers.
func TestStatementIsKept(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.begin(id, true)
		maker, _ := w.people()
		if got := w.statesBy(&maker, payout.Reference(int64(id)), false, leaving); got.Status != StatedPaid || got.Amount != inr("700") {
			t.Errorf("%+v", got)
		}
		w.want("acts", w.count("SELECT count(*) FROM audit_log WHERE actor = 'operator:maker' AND act = 'withdrawal.stated' AND detail = 'paid 412345678901 statement:1'"), 1)
		rows, err := w.g.store.Read().ListAnswers(context.Background(), int64(id))
		if err != nil || len(rows) != 1 || rows[0].Source != "statement:1" || rows[0].Outcome != "paid" || rows[0].Utr != bankNumber || string(rows[0].Raw) != string(leaving.Raw) {
			t.Errorf("%+v, %v", rows, err)
		}
		if w.toldStatus(id) != galla.WithdrawalPaid {
			t.Error("the merchant isn't told")
		}
		w.notDue()
		second := w.take("w-2", 100)
		_, err = w.g.ApproveWithdrawal(context.Background(), maker, second, "")
		w.must(err)
		_, err = w.g.ClaimWithdrawal(context.Background(), maker, second, false)
		w.must(err)
		w.states(second, printed(payout.Out, "412345678909", "100"))
		w.want("acts", w.count("SELECT count(*) FROM audit_log WHERE actor = 'shell' AND act = 'withdrawal.stated' AND detail = 'paid 412345678909 statement:1'"), 1)
	})
}

// A statement that shows only the return makes nothing certain, however often and late it is imported, nor does it make the
// bank's first "failed" certain.
func TestReturnAloneIsNeverCertain(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		for range 3 {
			w.states(id, returning)
			w.clock.Advance(2 * certainAfter)
		}
		w.wantState(id, withdrawal.Failed)
		w.answer(id, w.begin(id, false).Lease, payout.Answer{Outcome: payout.Failed}, withdrawal.Failed)
		w.clock.Advance(certainAfter)
		w.answer(id, w.begin(id, false).Lease, payout.Answer{Outcome: payout.Failed}, withdrawal.Refunded)
	})
}

// The payment is on one statement, its return on the next one, which was imported first: it isn't paid.
func TestReturnOnAnEarlierFile(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.begin(id, true)
		w.wantStated(id, StatedReturned, withdrawal.Failed, returning)
		w.wantStated(id, StatedKnown, withdrawal.Failed, leaving)
		w.wantBalances(300_00, 700_00, 0)
	})
}

// What a rail may have been told of twice may have left twice: the return of one makes nothing certain.
func TestReturnOfOneOfTwo(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.answer(id, w.begin(id, true).Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		w.clock.Advance(payAgainAfter)
		p := w.begin(id, false)
		if _, again, err := w.g.PayAgain(context.Background(), p); err != nil || !again {
			t.Fatal(again, err)
		}
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		w.wantStated(id, StatedReturned, withdrawal.Failed, leaving, returning)
		w.wantBalances(300_00, 700_00, 0)
	})
}

// Nobody but the person who pays it by hand knows whether they have tried again: a return makes nothing certain.
func TestReturnOfWhatAPersonPays(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.mutate("UPDATE withdrawal SET rail = 'manual', next_at = NULL")
		maker, _ := w.people()
		if _, err := w.g.ClaimWithdrawal(context.Background(), maker, id, false); err != nil {
			t.Fatal(err)
		}
		w.wantStated(id, StatedReturned, withdrawal.Failed, leaving, returning)
		w.wantBalances(300_00, 700_00, 0)
	})
}

// Somebody paid what no bank was told of: nobody pays it again, and two people end it as what it is.
func TestStatementHoldsBack(t *testing.T) {
	for _, rail := range []string{"bank", merchant.RailManual} {
		t.Run(rail, func(t *testing.T) {
			railWorld(t, func(w *world, id withdrawal.ID) {
				ctx := context.Background()
				if rail == merchant.RailManual {
					w.mutate("UPDATE withdrawal SET rail = 'manual', next_at = NULL")
				}
				if got := w.states(id, leaving); !strings.Contains(got.Reason, "no bank was told") {
					t.Errorf("%+v", got)
				}
				maker, checker := w.people()
				if _, err := w.g.ClaimWithdrawal(ctx, maker, id, false); rail == merchant.RailManual {
					w.refused(err, CodeConflict, "a statement of account 1 shows that money left for it")
				}
				if _, ok, err := w.g.BeginPayout(ctx, id, everyRail); ok || err != nil {
					t.Error("a rail is told:", ok, err)
				}
				w.wantState(id, withdrawal.Approved)
				said := Resolution{Paid: true, UTR: bankNumber, Proof: "statement"}
				_, err := w.g.ResolveWithdrawal(ctx, maker, id, Resolution{Proof: "statement"})
				w.refused(err, CodeConflict, "is approved")
				for i, by := range []Operator{maker, maker, checker} {
					if done, err := w.g.ResolveWithdrawal(ctx, by, id, said); err != nil || done != (i == 2) {
						t.Error(i, done, err)
					}
				}
				w.wantState(id, withdrawal.Paid)
				w.wantBalances(300_00, 0, 700_00)
			})
		})
	}
}

// Of what no statement shows people don't say that it is paid before a bank was told. What came back may be paid.
func TestStatementLetsGo(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		maker, _ := w.people()
		_, err := w.g.ResolveWithdrawal(context.Background(), maker, id, Resolution{Paid: true, UTR: bankNumber, Proof: "statement"})
		w.refused(err, CodeConflict, "is approved")
		w.states(id, leaving)
		w.states(id, leaving, returning)
		w.clock.Advance(unservedPause)
		w.begin(id, true)
	})
}

// A conflict is kept and seen, and nothing follows from it.
func TestStatementOfAnotherAmount(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		got := w.wantStated(id, StatedConflict, withdrawal.Submitted, printed(payout.Out, bankNumber, "699.99"))
		if !strings.Contains(got.Reason, "699.99") {
			t.Error(got.Reason)
		}
		w.want("answers", w.count("SELECT count(*) FROM withdrawal_answer WHERE source = 'statement:1' AND outcome = 'unknown' AND code = 'conflict'"), 1)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		// The rail has nothing of it: it isn't told again while nobody knows what that row is.
		w.clock.Advance(payAgainAfter)
		if _, again, err := w.g.PayAgain(context.Background(), w.begin(id, false)); again || err != nil {
			t.Error("told again:", again, err)
		}
	})
}

// The bank's number on a statement is the proof of one withdrawal, and the number of the payee's account is no proof.
func TestNumbersOfStatements(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.begin(id, true)
		w.wantStated(id, StatedPaid, withdrawal.Paid, leaving)
		maker, _ := w.people()
		second := w.take("w-2", 100)
		w.mutate("UPDATE withdrawal SET rail = 'bank' WHERE state = 'created'")
		_, err := w.g.ApproveWithdrawal(context.Background(), maker, second, "")
		w.must(err)
		w.begin(second, true)
		got := w.states(second, printed(payout.Out, bankNumber, "100"))
		if got.Status != StatedConflict || got.State != withdrawal.Unknown || !strings.Contains(got.Reason, "another withdrawal") {
			t.Errorf("%+v", got)
		}
		got = w.states(second, printed(payout.Out, "123456789012", "100")) // its account number
		if got.Status != StatedPaid || got.UTR != "" {
			t.Errorf("%+v", got)
		}
	})
}

// What isn't real, and what isn't ours, is on no statement.
func TestStatementOfNothing(t *testing.T) {
	for name, changes := range map[string][]string{
		"test":             {"UPDATE withdrawal SET test = 1"},
		"sandbox merchant": {"DELETE FROM wallet_merchant", "UPDATE merchant SET sandbox = 1"},
		"sandbox rail":     {"UPDATE withdrawal SET rail = 'sandbox'"},
	} {
		t.Run(name, func(t *testing.T) {
			eachWorld(t, func(w *world) {
				maker, _ := w.fund("shop", 1000)
				id := w.take("w-1", 700)
				_, err := w.g.ApproveWithdrawal(context.Background(), maker, id, "")
				w.must(err)
				_, err = w.g.ClaimWithdrawal(context.Background(), maker, id, false)
				w.must(err)
				for _, change := range changes {
					w.mutate(change)
				}
				w.must(w.g.Reload(context.Background()))
				if got := w.states(id, leaving); got.Status != StatedNothing || got.ID != 0 {
					t.Errorf("%+v", got)
				}
				w.wantState(id, withdrawal.Submitted)
				w.want("answers", w.count("SELECT count(*) FROM withdrawal_answer"), 0)
			})
		})
	}
}

func TestStatementOfAnotherReference(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		if got := w.states(id+1, leaving); got.Status != StatedNothing || got.ID != 0 {
			t.Errorf("%+v", got)
		}
		// A payer writes our reference beside another amount.
		if got := w.states(id, printed(payout.In, bankNumber, "1")); got.Status != StatedNothing || got.ID != id {
			t.Errorf("%+v", got)
		}
		w.want("answers", w.count("SELECT count(*) FROM withdrawal_answer"), 0)
	})
}

// A statement changes nothing of when a rail is asked next.
func TestStatementLeavesTheRailAlone(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		w.answer(id, w.begin(id, true).Lease, payout.Answer{Outcome: payout.Unknown}, withdrawal.Unknown)
		next := w.count("SELECT next_at FROM withdrawal")
		w.clock.Advance(time.Second)
		w.states(id, returning)
		w.want("next", w.count("SELECT next_at FROM withdrawal"), next)
		w.clock.Advance(time.Hour)
		w.answer(id, w.begin(id, false).Lease, payout.Answer{Outcome: payout.Paid, UTR: bankNumber}, withdrawal.Paid)
	})
}
