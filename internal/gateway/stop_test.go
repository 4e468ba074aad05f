package gateway

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

var twoViolations = []oracle.Violation{{Invariant: "C-1", What: "deposit 1 isn't the only\none"}, {Invariant: "M-2", What: "ledger account 3 has 1 more"}}

// stopped stops money and returns what a person sees of it.
func (w *world) stopped() Stop {
	w.t.Helper()
	if first, err := w.g.StopMoney(context.Background(), twoViolations); err != nil || !first {
		w.t.Fatal("money isn't stopped by this:", first, err)
	}
	stop, is, err := Stopped(context.Background(), w.g.store.Read())
	if err != nil || !is || !strings.HasPrefix(stop.Why, "C-1: deposit 1 isn't the only one\nM-2: ") {
		w.t.Fatalf("%+v, %t, %v", stop, is, err)
	}
	return stop
}

// While money is stopped nothing is credited by itself, on no instance, and nobody is told fail for it; all of it is judged when
// a person resumes.
func TestStoppedMoneyCreditsNothing(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		maker := w.operator("maker")
		other := w.instance()
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "100"), w.credit("321302038125", "70"))
		stop := w.stopped()
		w.must(other.refresh(ctx))
		if first, err := other.StopMoney(ctx, twoViolations[:1]); err != nil || first {
			t.Error("it is stopped twice", first, err)
		}
		held := w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Held, deposit.ReasonStopped)
		results, err := other.Activate(ctx, []ClaimRequest{claimRequest("o2", "p2", "321302038124", "100")})
		if err != nil || results[0].State != deposit.Held || results[0].Reason != deposit.ReasonStopped {
			t.Errorf("another instance: %+v, %v", results, err)
		}
		// What speaks against a claim does so as ever, what waits waits, and is held once its money is seen.
		w.wantClaim(claimRequest("o3", "p3", "321302038125", "71"), deposit.Held, deposit.ReasonMismatch)
		late := w.wantClaim(claimRequest("o4", "p4", "321302038126", "5"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.observe(w.credit("321302038126", "5"))
		w.wantClaim(claimRequest("o4", "p4", "321302038126", "5"), deposit.Held, deposit.ReasonStopped)
		w.must(w.g.Sweep(ctx))
		w.want("credits", w.count("SELECT count(*) FROM deposit"), 0)
		w.want("claims told fail", w.count("SELECT count(*) FROM claim WHERE state IN ('refused', 'expired')"), 0)
		// A person may.
		if r, err := w.g.ResolveClaim(ctx, late.ClaimID, true, "meena", "I looked"); err != nil || r.State != deposit.Accepted {
			t.Errorf("%+v, %v", r, err)
		}

		refused := func(what string, r Resumption) {
			t.Helper()
			if _, err := w.g.ResumeMoney(ctx, maker, r); err == nil {
				t.Error("resumed", what)
			}
			if _, is, err := Stopped(ctx, w.g.store.Read()); err != nil || !is || !w.g.Directory().Stopped {
				t.Fatal("it moves", what, err)
			}
		}
		refused("without a reason", Resumption{Seen: stop})
		refused("with violations", Resumption{Seen: stop, Reason: "repaired", Found: twoViolations})
		refused("with too many", Resumption{Seen: stop, Reason: "repaired", Accept: "all well", Found: make([]oracle.Violation, MostAccepted+1)})
		refused("of another stop", Resumption{Seen: Stop{At: stop.At.Add(-time.Second)}, Reason: "repaired"})
		judged, err := w.g.ResumeMoney(ctx, maker, Resumption{Seen: stop, Reason: "disk replaced", Accept: "one rupee", Found: twoViolations})
		if err != nil || judged != 2 {
			t.Errorf("%d judged, %v", judged, err)
		}
		w.want("credits", w.count("SELECT count(*) FROM deposit"), 3)
		if r := w.claim(claimRequest("o1", "p1", "321302038123", "500")); r.ClaimID != held.ClaimID || r.State != deposit.Accepted {
			t.Errorf("what was held is %+v", r)
		}
		lines := w.logged()
		if last := lines[len(lines)-1]; !strings.HasPrefix(last, "operator:maker money.resumed installation disk replaced; 2 violations accepted: one rupee; stopped at ") ||
			!strings.Contains(last, "C-1: deposit 1") {
			t.Errorf("the log says %q", last)
		}
		// What they accepted stops nothing again; anything else does.
		fresh := oracle.Violation{Invariant: "M-2", What: "ledger account 3 has 2 more"}
		open, err := w.g.Unaccepted(ctx, append(slices.Clone(twoViolations), fresh))
		if err != nil || !slices.Equal(open, []oracle.Violation{fresh}) {
			t.Errorf("open are %v, %v", open, err)
		}
		w.wantClean()
	})
}

// While money is stopped no bank is told of a payout. Those that were told are asked on.
func TestStoppedMoneyPaysNothing(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		ctx := context.Background()
		maker, err := w.g.store.Read().ListOperators(ctx)
		w.must(err)
		by := Operator{maker[0].ID, maker[0].Name}
		stop := w.stopped()
		serves := func(string) bool { return true }
		if _, ok, err := w.g.BeginPayout(ctx, id, serves); err != nil || ok {
			w.t.Error("a payout begins while money is stopped:", ok, err)
		}
		w.wantState(id, withdrawal.Approved)
		hand := w.take("w-2", 100)
		if _, err := w.g.ApproveWithdrawal(ctx, by, hand, ""); err != nil {
			w.t.Fatal(err)
		}
		if _, err := w.g.ClaimWithdrawal(ctx, by, hand, false); err == nil || !strings.Contains(err.Error(), "money is stopped") {
			w.t.Error("a payout by hand begins:", err)
		}
		if _, err := w.g.ResumeMoney(ctx, by, Resumption{Seen: stop, Reason: "repaired"}); err != nil {
			w.t.Fatal(err)
		}
		w.clock.Advance(2 * unservedPause)
		p := w.begin(id, true)
		w.stopped()
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Unknown, Reason: "no answer"}, withdrawal.Unknown)
		w.clock.Advance(time.Hour)
		w.answer(id, w.begin(id, false).Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
	})
}
