package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// wantRefusal checks that an act was refused, and why.
func (w *world) wantRefusal(err error, code string) {
	w.t.Helper()
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != code || refusal.Message == "" {
		w.t.Errorf("got %v, want a refusal %s", err, code)
	}
}

// A person accepts one of the claims on a number: it gets what was observed, the others are refused, and all of it is
// kept with the person's name and words.
func TestAcceptHeldClaim(t *testing.T) {
	eachWorld(t, func(w *world) {
		a := w.wantClaim(claimRequest("a", "p1", "321302038123", "499"), deposit.Waiting, deposit.ReasonNoTransfer)
		b := w.wantClaim(claimRequest("b", "p2", "321302038123", "500"), deposit.Held, deposit.ReasonContested)
		_, err := w.g.ResolveClaim(t.Context(), a.ClaimID, true, "asha", "nothing has come yet")
		w.wantRefusal(err, "no_transfer")
		w.observe(w.credit("321302038123", "500"))
		w.want("postbacks before", w.count("SELECT count(*) FROM postback"), 0)
		got, err := w.g.ResolveClaim(t.Context(), a.ClaimID, true, "asha", `saw the payer's "statement"`)
		if err != nil || got.State != deposit.Accepted || got.Amount != inr("500") {
			w.t.Fatalf("%+v %v", got, err)
		}
		w.wantClaim(claimRequest("a", "p1", "321302038123", "499"), deposit.Accepted, deposit.ReasonPerson)
		if again := w.wantClaim(claimRequest("b", "p2", "321302038123", "500"), deposit.Refused, deposit.ReasonCredited); again.Message == "" {
			w.t.Error("a refused claim tells nothing")
		}
		w.want("postbacks", w.count("SELECT count(*) FROM postback"), 1)
		w.want("kept", w.count("SELECT count(*) FROM transition WHERE kind = 'claim' AND subject_id = $1 AND to_state = 'accepted' AND actor = 'asha' AND facts LIKE '%statement%'", int64(a.ClaimID)), 1)
		w.want("kept of the other", w.count("SELECT count(*) FROM transition WHERE kind = 'claim' AND subject_id = $1 AND to_state = 'refused' AND actor = 'asha' AND reason = 'other_claim_accepted'", int64(b.ClaimID)), 1)
		_, err = w.g.ResolveClaim(t.Context(), b.ClaimID, true, "asha", "again")
		w.wantRefusal(err, "not_held")
		_, err = w.g.ResolveClaim(t.Context(), a.ClaimID, false, "asha", "it was a mistake")
		w.wantRefusal(err, "not_held")
		w.clean()
	})
}

// Refused by a person: nothing is sent, repeating it answers fail, and the money stays claimable by its payer.
func TestRefuseHeldClaim(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		request := claimRequest("a", "p1", "321302038123", "400")
		held := w.wantClaim(request, deposit.Held, deposit.ReasonMismatch)
		got, err := w.g.ResolveClaim(t.Context(), held.ClaimID, false, "asha", "another payer's")
		if err != nil || got.State != deposit.Refused || got.Message != MessageRefused {
			w.t.Fatalf("%+v %v", got, err)
		}
		for range 2 {
			if got := w.wantClaim(request, deposit.Refused, deposit.ReasonPerson); got.Message != MessageRefused {
				w.t.Error(got.Message)
			}
		}
		w.want("postbacks", w.count("SELECT count(*) FROM postback"), 0)
		w.wantClaim(claimRequest("b", "p2", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.clean()
	})
}

func TestResolveRefuses(t *testing.T) {
	eachWorld(t, func(w *world) {
		resolve := func(id deposit.ClaimID, actor, reason string) error {
			_, err := w.g.ResolveClaim(t.Context(), id, true, actor, reason)
			return err
		}
		w.wantRefusal(resolve(999, "asha", "x"), "not_found")
		w.wantRefusal(resolve(1, "", "x"), "actor")
		w.wantRefusal(resolve(1, "asha", ""), "reason")
		w.wantRefusal(resolve(1, "asha", strings.Repeat("x", MaxReason+1)), "reason")
		shape := w.claim(claimRequest("a", "p", "12345", "500"))
		w.wantRefusal(resolve(shape.ClaimID, "asha", "x"), "not_held")
		waiting := w.claim(claimRequest("b", "p", "321302038123", "500"))
		w.wantRefusal(resolve(waiting.ClaimID, "asha", "x"), "not_held")
		w.wantRefusal(w.g.ResolveTransfer(t.Context(), 999, true, "asha", "x"), "not_found")
		w.observe(w.credit("321302038123", "500"))
		credited := deposit.TransferID(w.count("SELECT id FROM transfer"))
		w.wantRefusal(w.g.ResolveTransfer(t.Context(), credited, false, "asha", "x"), "state")
		w.wantRefusal(w.g.ResolveTransfer(t.Context(), credited, true, "asha", "x"), "state")
		w.clean()
	})
}

// unclaimed is the balance of money that nobody has claimed.
func (w *world) unclaimed() int64 {
	w.t.Helper()
	return w.count("SELECT sum(d.amount) FROM balance_delta d JOIN ledger_account a ON a.id = d.account_id WHERE a.kind = 'unclaimed'")
}

// What a transfer is in the books while evidence and people change their minds about it.
func TestTransferInTheBooks(t *testing.T) {
	eachWorld(t, func(w *world) {
		resolve := func(release bool) {
			w.t.Helper()
			id := deposit.TransferID(w.count("SELECT id FROM transfer"))
			if err := w.g.ResolveTransfer(t.Context(), id, release, "asha", "asked the bank"); err != nil {
				w.t.Fatal(err)
			}
		}
		reversal := w.credit("321302038123", "500")
		reversal.Outcome, reversal.Reason = evidence.Reversal, evidence.ReasonReversal
		w.observe(w.credit("321302038123", "500"))
		w.want("seen", w.unclaimed(), 500_00)
		w.observe(w.credit("321302038123", "400")) // quarantined: the lower amount stands in the books
		w.want("contradicted", w.unclaimed(), 400_00)
		w.observe(reversal)
		w.want("taken back, and still contradicted", w.unclaimed(), 400_00)
		resolve(true)
		w.want("released", w.unclaimed(), 400_00)
		w.clean()

		other := w.credit("321302038123", "300")
		w.observe(other)
		w.want("contradicted again", w.unclaimed(), 300_00)
		w.wantClaim(claimRequest("a", "p", "321302038123", "300"), deposit.Held, deposit.ReasonQuarantined)
		resolve(false)
		w.want("rejected: it isn't money", w.unclaimed(), 0)
		w.wantClaim(claimRequest("a", "p", "321302038123", "300"), deposit.Refused, deposit.ReasonUnclaimable)
		w.want("credited", w.count("SELECT count(*) FROM deposit"), 0)
		w.clean()
	})
}

// A reversed transfer that a person releases is money again, and the claim that waits for it is credited by that.
func TestReleaseCreditsWhoWaits(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"), w.credit("321302038123", "600"))
		request := claimRequest("a", "p", "321302038123", "500")
		w.wantClaim(request, deposit.Held, deposit.ReasonQuarantined)
		if err := w.g.ResolveTransfer(t.Context(), deposit.TransferID(w.count("SELECT id FROM transfer")), true, "asha", "500 it is"); err != nil {
			w.t.Fatal(err)
		}
		w.want("credited by the release itself", w.count("SELECT count(*) FROM deposit"), 1)
		w.want("unclaimed", w.unclaimed(), 0)
		w.wantClaim(request, deposit.Accepted, deposit.ReasonMatched)
		w.clean()
	})
}

// Money that comes from one of our own wallets is nobody's deposit.
func TestOwnMoneyIsNotClaimable(t *testing.T) {
	eachWorld(t, func(w *world) {
		for i, payer := range []string{"6234234232", "6234234232@ybl", "6234234232@YBL"} {
			number := fmt.Sprintf("%012d", i)
			w.wantClaim(claimRequest("w"+number, "p", number, "500"), deposit.Waiting, deposit.ReasonNoTransfer)
			own := w.credit(number, "500")
			own.Payer = payer
			w.observe(own)
			w.wantClaim(claimRequest("w"+number, "p", number, "500"), deposit.Refused, deposit.ReasonUnclaimable)
			w.wantClaim(claimRequest("n"+number, "p", number, "500"), deposit.Refused, deposit.ReasonUnclaimable)
		}
		foreign := w.credit("321302038123", "500")
		foreign.Payer = "16234234232@ybl"
		w.observe(foreign)
		w.wantClaim(claimRequest("a", "p", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.want("internal", w.count("SELECT count(*) FROM transfer WHERE state = 'internal'"), 3)
		w.clean()
	})
}

// A dispute stops automatic credits on its account, on no other, and until a person has settled it.
func TestDisputeStopsItsAccount(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038120", "500"))
		w.wantClaim(claimRequest("a", "p", "321302038120", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("b", "p", "321302038121", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.observe(w.credit("321302038120", "700")) // contradicts a credit
		w.observe(w.credit("321302038121", "500"))
		w.wantClaim(claimRequest("b", "p", "321302038121", "500"), deposit.Held, deposit.ReasonDisputed)

		elsewhere := w.credit("321302038122", "500")
		elsewhere.AccountID = 2
		w.observe(elsewhere)
		r := claimRequest("c", "p", "321302038122", "500")
		r.MerchantID = other
		w.wantClaim(r, deposit.Accepted, deposit.ReasonMatched)

		disputed := deposit.TransferID(w.count("SELECT id FROM transfer WHERE state = 'disputed'"))
		if err := w.g.ResolveTransfer(t.Context(), disputed, true, "asha", "the 700 was a typing error"); err != nil {
			w.t.Fatal(err)
		}
		w.observe(w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("d", "p", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.want("the credit stands", w.count("SELECT amount FROM deposit WHERE transfer_id = $1", int64(disputed)), 500_00)
		w.clean()
	})
}

// Many payers claim one number; a person finds the right one. Its transaction has more rows than a block has ids.
func TestAcceptOneOfVeryMany(t *testing.T) {
	const claims = 1200
	eachWorld(t, func(w *world) {
		w.g.ids.size = 1 // each batch gets what it is thought to need, and no more
		requests := make([]ClaimRequest, claims)
		for i := range requests {
			requests[i] = claimRequest(fmt.Sprint("o", i), fmt.Sprint("p", i), "321302038123", "500")
		}
		results, err := w.g.Activate(t.Context(), requests)
		if err != nil {
			w.t.Fatal(err)
		}
		w.observe(w.credit("321302038123", "500"))
		got, err := w.g.ResolveClaim(t.Context(), results[7].ClaimID, true, "asha", "the seventh")
		if err != nil || got.State != deposit.Accepted {
			w.t.Fatalf("%+v %v", got, err)
		}
		w.want("refused", w.count("SELECT count(*) FROM claim WHERE state = 'refused'"), claims-1)
		w.clean()
	})
}

// Raw evidence is bytes: whatever a phone sends is kept as it came.
func TestEvidenceIsKeptAsItCame(t *testing.T) {
	eachWorld(t, func(w *world) {
		all := make([]byte, 256)
		for i := range all {
			all[i] = byte(i)
		}
		raws := [][]byte{all, []byte("\x00"), []byte("\xff\xfe\xfd"), []byte("ends in NUL\x00"), []byte(`{"a":"\u0000"}`), []byte("\xed\xa0\x80 half a pair"), {}, bytes.Repeat(all, 300)}
		for i, raw := range raws {
			it := w.credit(fmt.Sprintf("%012d", i), "500")
			it.Raw = raw
			if i%2 == 1 {
				it.Outcome, it.Number, it.Reason = evidence.Unparsed, "", evidence.ReasonNoReference
			}
			w.observe(it)
		}
		rows, err := w.g.store.ReadPool().Query("SELECT raw FROM evidence ORDER BY id")
		if err != nil {
			w.t.Fatal(err)
		}
		defer rows.Close()
		i := 0
		for ; rows.Next(); i++ {
			var raw []byte
			if err := rows.Scan(&raw); err != nil {
				w.t.Fatal(err)
			}
			if !bytes.Equal(raw, raws[i]) {
				w.t.Errorf("%q came back as %q", raws[i], raw)
			}
		}
		w.want("kept", int64(i), int64(len(raws)))
	})
}

// A new process over the same database goes on where the last one ended.
func TestRestart(t *testing.T) {
	eachWorld(t, func(w *world) {
		waiting, accepted := claimRequest("w", "p", "321302038121", "500"), claimRequest("a", "p", "321302038122", "500")
		w.wantClaim(waiting, deposit.Waiting, deposit.ReasonNoTransfer)
		seen := w.credit(accepted.Key1, "500")
		w.observe(seen)
		first := w.wantClaim(accepted, deposit.Accepted, deposit.ReasonMatched)
		w.g.Close()
		if _, err := w.g.Activate(t.Context(), []ClaimRequest{accepted}); !errors.Is(err, ErrClosed) {
			w.t.Errorf("a closed gateway: %v", err)
		}

		w.g = w.instance()
		if again := w.wantClaim(accepted, deposit.Accepted, deposit.ReasonMatched); again != first {
			w.t.Errorf("%+v became %+v", first, again)
		}
		w.wantEvidence(seen, EvidenceDuplicate, "")
		w.observe(w.credit(waiting.Key1, "500"))
		w.wantClaim(waiting, deposit.Accepted, deposit.ReasonMatched)
		for i := range 20 {
			number := fmt.Sprintf("%012d", i)
			w.observe(w.credit(number, "500"))
			w.wantClaim(claimRequest(number, number, number, "500"), deposit.Accepted, deposit.ReasonMatched)
		}
		w.want("deposits", w.count("SELECT count(DISTINCT id) FROM deposit"), 22)
		w.clean()
	})
}

// What no race may do, done by hand: a transfer that a waiting claim missed. The sweep finds it, and says so.
func TestSweepFindsWhatWasMissed(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantClaim(claimRequest("a", "p", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		reference := w.count("SELECT id FROM reference")
		err := w.g.store.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
			now := w.clock.Now().UnixMicro()
			return errors.Join(
				q.InsertTransfers(ctx, store.Rows([]transferRow{{ID: 7, ReferenceID: reference, AccountID: 1, Amount: 500_00, Currency: "INR",
					OccurredAt: now, Strength: int(evidence.StrengthAny), State: string(deposit.Observed), ObservedAt: now}})),
				q.InsertEvidence(ctx, store.Rows([]evidenceRow{{ID: 7, SourceID: 1, Fingerprint: strings.Repeat("07", 32), Raw: "07", ReceivedAt: now,
					Outcome: string(EvidenceCreated), ReferenceID: &reference, TransferID: new(int64(7))}})),
				q.InsertTransitions(ctx, store.Rows([]transitionRow{{ID: 7, Kind: "transfer", SubjectID: 7, ToState: string(deposit.Observed), At: now, Actor: actorRules, Reason: string(EvidenceCreated)}})),
				q.InsertPostings(ctx, store.Rows([]postingRow{{EntryID: 7, Kind: "transfer", EventID: 7, SourceID: 1, DestinationID: 2, Amount: 500_00, Currency: "INR", At: now}})),
				q.InsertDeltas(ctx, store.Rows([]deltaRow{{1, 7, -500_00}, {2, 7, 500_00}})))
		})
		if err == nil {
			err = w.g.Sweep(t.Context())
		}
		if err != nil {
			w.t.Fatal(err)
		}
		w.want("found", w.g.counters.SweepFound.Load(), 1)
		w.wantClaim(claimRequest("a", "p", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.clean()
	})
}

// The background work by itself, on the real clock: an expired claim, a roll-up and a change of configuration.
func TestRun(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.observe(w.credit("321302038123", "500"))
	w.wantClaim(claimRequest("a", "p", "321302038124", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
	w.clock.Advance(merchant.DefaultWindow)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.g.Run(ctx) }()
	revision := w.g.Directory().Revision
	if err := w.g.store.Write(t.Context(), func(ctx context.Context, q *store.Queries) error { return q.BumpRevision(ctx) }); err != nil {
		t.Fatal(err)
	}
	holds := func() bool {
		return w.count("SELECT count(*) FROM claim WHERE state = 'expired'") == 1 &&
			w.count("SELECT count(*) FROM balance_delta") == 0 && w.g.Directory().Revision > revision
	}
	for deadline := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the background work doesn't get on")
		}
	}
	stop()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	w.clean()
}
