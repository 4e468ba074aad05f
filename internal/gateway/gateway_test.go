package gateway

import (
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/testkit"
)

// eachWorld runs a story on both engines.
func eachWorld(t *testing.T, story func(w *world)) {
	testkit.EachEngine(t, func(t *testing.T, database string) { story(newWorld(t, database)) })
}

func TestEvidenceThenClaim(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantEvidence(w.credit("321302038123", "500"), EvidenceCreated, "")
		w.clock.Advance(time.Minute)
		got := w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		if got.Amount != inr("500") {
			t.Fatal(got.Amount)
		}
		again := w.wantClaim(claimRequest("o1", "p1", " 3213 0203 8123", "500.00"), deposit.Accepted, deposit.ReasonMatched)
		if again.ClaimID != got.ClaimID || again.Amount != inr("500") {
			t.Fatal("a repeat must answer the same credit", again)
		}
		w.wantClaim(claimRequest("o2", "p1", "321302038123", "500"), deposit.Refused, deposit.ReasonCredited)
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), 1)
		w.want("postbacks", w.count("SELECT count(*) FROM postback"), 1)
		w.want("postings", w.count("SELECT count(*) FROM posting"), 2)
		w.want("merchant balance", w.count("SELECT sum(amount) FROM balance_delta WHERE account_id = 3"), 50000)
	})
}

func TestClaimThenEvidence(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantEvidence(w.credit("321302038123", "500"), EvidenceCreated, "")
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.want("transitions", w.count("SELECT count(*) FROM transition"), 2) // of the claim
	})
}

func TestWrongAmountIsHeld(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		for i, amount := range []string{"499", "501", "502"} {
			w.wantClaim(claimRequest(string(rune('a'+i)), "p1", "321302038123", amount), deposit.Held, deposit.ReasonMismatch)
		}
		w.wantClaim(claimRequest("right", "p1", "321302038123", "500"), deposit.Held, deposit.ReasonTooManyAmounts)
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), 0)
	})
}

func TestSecondAmountOfTheSamePayerIsCredited(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "499"), deposit.Held, deposit.ReasonMismatch)
		w.wantClaim(claimRequest("b", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "499"), deposit.Refused, deposit.ReasonCredited)
	})
}

func TestMismatchPolicies(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.Mismatch = merchant.MismatchCredit })
		w.observe(w.credit("321302038123", "500.50"))
		got := w.wantClaim(claimRequest("a", "p1", "321302038123", "700"), deposit.Accepted, deposit.ReasonMatched)
		if got.Amount != inr("500.5") {
			t.Fatal("the observed amount is credited, got", got.Amount)
		}
		w.policy(shop, func(p *merchant.Policy) { p.Mismatch = merchant.MismatchRefuse })
		w.observe(w.credit("321302038124", "500"))
		w.wantClaim(claimRequest("b", "p1", "321302038124", "700"), deposit.Refused, deposit.ReasonMismatch)
		w.wantClaim(claimRequest("b", "p1", "321302038124", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

func TestAnotherPayerHoldsBoth(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(claimRequest("b", "p2", "321302038123", "500"), deposit.Held, deposit.ReasonContested)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Held, deposit.ReasonContested)
		w.observe(w.credit("321302038123", "500"))
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), 0)
		a := w.claim(claimRequest("a", "p1", "321302038123", "500"))
		got, err := w.g.ResolveClaim(t.Context(), a.ClaimID, true, "operator", "called the payer")
		if err != nil || got.State != deposit.Accepted {
			t.Fatal(got, err)
		}
		w.wantClaim(claimRequest("b", "p2", "321302038123", "500"), deposit.Refused, deposit.ReasonCredited)
	})
}

func TestCorrections(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantClaim(claimRequest("a", "p1", "321302038100", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		for i := range 5 {
			w.wantClaim(claimRequest("a", "p1", "32130203810"+string(rune('1'+i)), "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		}
		if got := w.claim(claimRequest("a", "p1", "321302038109", "500")); got.Message != MessageCorrections {
			t.Fatal(got)
		}
		if got := w.claim(claimRequest("a", "p2", "321302038105", "500")); got.Message != MessageOrderUsed {
			t.Fatal(got)
		}
		w.want("claims kept", w.count("SELECT count(*) FROM claim"), 6)
		w.want("withdrawn", w.count("SELECT count(*) FROM claim WHERE state = 'withdrawn'"), 5)
		w.observe(w.credit("321302038105", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038105", "500"), deposit.Accepted, deposit.ReasonMatched)
		if got := w.claim(claimRequest("a", "p1", "321302038106", "500")); got.Message != MessageOrderUsed {
			t.Fatal(got)
		}
	})
}

func TestWrongShapeStoresAndHints(t *testing.T) {
	eachWorld(t, func(w *world) {
		r := claimRequest("a", "p1", "T2311221000001234567890", "500")
		if got := w.wantClaim(r, deposit.Refused, deposit.ReasonShape); got.Message == "" || got.Hint.Code == "" {
			t.Fatal(got)
		}
		w.wantClaim(r, deposit.Refused, deposit.ReasonShape)
		w.want("claims", w.count("SELECT count(*) FROM claim"), 1)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
	})
}

func TestExpiry(t *testing.T) {
	eachWorld(t, func(w *world) {
		r := claimRequest("a", "p1", "321302038123", "500")
		w.wantClaim(r, deposit.Waiting, deposit.ReasonNoTransfer)
		w.clock.Advance(merchant.DefaultWindow)
		if err := w.g.Expire(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.want("expired", w.count("SELECT count(*) FROM claim WHERE state = 'expired'"), 1)
		w.observe(w.credit("321302038124", "500"))
		w.wantClaim(r, deposit.Expired, deposit.ReasonExpired)
		w.wantClaim(r, deposit.Waiting, deposit.ReasonNoTransfer)
		w.clock.Advance(merchant.DefaultWindow)
		w.observe(w.credit("321302038123", "500"))
		w.want("an expired claim is not credited by itself", w.count("SELECT count(*) FROM deposit"), 0)
		w.wantClaim(r, deposit.Accepted, deposit.ReasonMatched)
	})
}

func TestConflictQuarantinesAndReleases(t *testing.T) {
	eachWorld(t, func(w *world) {
		first := w.wantEvidence(w.credit("321302038123", "500"), EvidenceCreated, "")
		second := w.credit("321302038123", "600")
		w.wantEvidence(second, EvidenceRefused, reasonConflict)
		w.wantEvidence(second, EvidenceRefused, reasonConflict)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Held, deposit.ReasonQuarantined)
		if err := w.g.ResolveTransfer(t.Context(), first.TransferID, true, "operator", "bank confirmed"); err != nil {
			t.Fatal(err)
		}
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

func TestEvidenceAgainstACreditDisputesIt(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		reversal := w.credit("321302038123", "500")
		reversal.Outcome, reversal.Reason = evidence.Reversal, evidence.ReasonReversal
		w.wantEvidence(reversal, EvidenceRefused, evidence.ReasonReversal)
		w.want("disputed", w.count("SELECT count(*) FROM transfer WHERE state = 'disputed'"), 1)
		w.observe(w.credit("321302038124", "500"))
		w.wantClaim(claimRequest("b", "p1", "321302038124", "500"), deposit.Held, deposit.ReasonDisputed)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

func TestReversalBeforeCredit(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		reversal := w.credit("321302038123", "500")
		reversal.Outcome, reversal.Reason = evidence.Reversal, evidence.ReasonReversal
		w.observe(reversal)
		w.observe(w.credit("321302038123", "500"))
		w.want("reversed", w.count("SELECT count(*) FROM transfer WHERE state = 'reversed'"), 1)
		w.want("nothing on the books", w.count("SELECT count(*) FROM posting"), 0)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Refused, deposit.ReasonUnclaimable)
	})
}

func TestWeakEvidenceWaitsForMore(t *testing.T) {
	eachWorld(t, func(w *world) {
		sms := w.credit("321302038123", "60000")
		sms.Strength = evidence.StrengthSMS
		w.observe(sms)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "60000"), deposit.Held, deposit.ReasonWeakEvidence)
		w.wantEvidence(w.credit("321302038123", "60000"), EvidenceDuplicate, "")
		w.wantClaim(claimRequest("a", "p1", "321302038123", "60000"), deposit.Accepted, deposit.ReasonMatched)
	})
}

// Whoever can send the phone a text, or choose the name in a notification, must not be able to stop an account.
func TestWeakEvidenceStopsNothing(t *testing.T) {
	eachWorld(t, func(w *world) {
		forged := func(number string) EvidenceItem {
			item := w.credit(number, "1")
			item.Strength = evidence.StrengthWeak
			return item
		}
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantEvidence(forged("321302038123"), EvidenceRefused, reasonConflict)
		w.wantEvidence(forged("321302038124"), EvidenceRefused, reasonConflict)
		w.want("disputed or quarantined", w.count("SELECT count(*) FROM transfer WHERE state IN ('disputed', 'quarantined')"), 0)
		w.wantClaim(claimRequest("b", "p2", "321302038124", "500"), deposit.Accepted, deposit.ReasonMatched)

		// The other way round: what came first is replaced by what the bank says.
		w.observe(forged("321302038125"))
		w.wantClaim(claimRequest("c", "p3", "321302038125", "500"), deposit.Held, deposit.ReasonWeakEvidence)
		w.wantEvidence(w.credit("321302038125", "500"), EvidenceCreated, "")
		w.wantClaim(claimRequest("c", "p3", "321302038125", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

// Whoever holds the phone of one account says nothing about another's.
func TestReversalOfAnotherAccount(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		reversal := w.credit("321302038123", "500")
		reversal.Outcome, reversal.Reason, reversal.AccountID = evidence.Reversal, evidence.ReasonReversal, 2
		w.wantEvidence(reversal, EvidenceRefused, reasonConflict)
		w.want("disputed", w.count("SELECT count(*) FROM transfer WHERE state = 'disputed'"), 0)
		w.want("marked", w.count("SELECT count(*) FROM reference WHERE reversed_at IS NOT NULL"), 0)
	})
}

func TestSharedAccountNeedsToBeShown(t *testing.T) {
	eachWorld(t, func(w *world) {
		transfer := w.credit("321302038123", "500")
		transfer.AccountID = 3
		w.observe(transfer)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Held, deposit.ReasonNeverShown)
	})
}

func TestForeignAccountLooksUnknown(t *testing.T) {
	eachWorld(t, func(w *world) {
		transfer := w.credit("321302038123", "500")
		transfer.AccountID = 2
		w.observe(transfer)
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
	})
}

func TestWaitingLimit(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.WaitingLimit = 2 })
		w.wantClaim(claimRequest("a", "p1", "321302038121", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(claimRequest("b", "p1", "321302038122", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(claimRequest("c", "p1", "321302038123", "500"), deposit.Refused, deposit.ReasonTooManyWaiting)
		w.wantClaim(claimRequest("b", "p1", "321302038124", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(claimRequest("d", "p2", "321302038125", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
	})
}
