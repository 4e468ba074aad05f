package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
)

// sandbox adds a sandbox merchant with a wallet, and gives its id and that of the wallet's account.
func (w *world) sandbox(identifier string) (merchant.ID, deposit.AccountID) {
	w.t.Helper()
	// The world's own rows were stored with ids of its choice.
	w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.AdvanceIDs(ctx, 100) }))
	added, err := w.g.AddMerchants(context.Background(), NewMerchant{Slug: "tries", PostbackURL: "http://127.0.0.1:1/", Sandbox: true})
	w.must(err)
	wallet, err := w.g.AddWallet(context.Background(), NewWallet{Method: "phone_pe", Identifier: identifier, Holder: "Nobody", Merchants: []string{"tries"}})
	w.must(err)
	return added[0].ID, deposit.AccountID(wallet.AccountID)
}

// A sandbox merchant's key is in many hands: what is done with it neither touches nor learns anything of live numbers,
// and invented transfers contradict no real ones.
func TestSandboxAndLiveNeverMeet(t *testing.T) {
	eachWorld(t, func(w *world) {
		tries, account := w.sandbox("6234234299")
		claim := func(order, number string) ClaimRequest {
			r := claimRequest(order, "tester", number, "500")
			r.MerchantID = tries
			return r
		}
		pay := func(number, amount string) EvidenceItem {
			item := w.credit(number, amount)
			item.AccountID = account
			return item
		}
		// A sandbox claim doesn't contest a live one.
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(claim("s1", "321302038123"), deposit.Waiting, deposit.ReasonNoTransfer)
		// An invented transfer credits the sandbox claim; the live one goes on waiting for its own.
		w.wantEvidence(pay("321302038123", "500"), EvidenceCreated, "")
		w.wantClaim(claim("s1", "321302038123"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantEvidence(w.credit("321302038123", "500"), EvidenceCreated, "")
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		// A credited live number is as one that doesn't exist.
		w.observe(w.credit("321302038124", "500"))
		w.wantClaim(claimRequest("o2", "p1", "321302038124", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claim("s2", "321302038124"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantEvidence(pay("321302038124", "700"), EvidenceCreated, "")
		w.want("disputed", w.count("SELECT count(*) FROM transfer WHERE state = 'disputed'"), 0)
		w.clean()
	})
}

// An invented wallet with a real payer's number doesn't make that payer's money internal.
func TestSandboxWalletIsNotOurs(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.sandbox("6234234299")
		item := w.credit("321302038123", "500")
		item.Payer = "6234234299@ybl"
		w.wantEvidence(item, EvidenceCreated, "")
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

// Claims that wait beside transfers of others, however many, don't hide those whose transfer has become theirs.
func TestSweepLooksPastForeignTransfers(t *testing.T) {
	eachWorld(t, func(w *world) {
		const foreign = MaxBatch + 5
		for i := range foreign {
			number := fmt.Sprintf("1%011d", i)
			item := w.credit(number, "500")
			item.AccountID = 2 // merchant other's
			w.observe(item)
			w.wantClaim(claimRequest(number, number, number, "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		}
		item := w.credit("321302038123", "500")
		item.AccountID = 2
		w.observe(item)
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		// The account gets a wallet that serves this merchant too: nothing else would look at the claims again.
		w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
			if err := q.InsertWalletMerchant(ctx, store.InsertWalletMerchantParams{WalletID: 2, MerchantID: 1}); err != nil {
				return err
			}
			return q.BumpRevision(ctx)
		}))
		w.must(w.g.Reload(context.Background()))
		w.must(w.g.Sweep(context.Background()))
		// Shared now and never shown: a person decides, but nobody is left waiting.
		w.want("left waiting", w.count("SELECT count(*) FROM claim WHERE state = 'waiting'"), 0)
	})
}

// A server that doesn't know yet that recovery has ended holds claims after EndRecovery looked for them. They are judged
// by the next sweep.
func TestHeldByRecoveryAfterItsEnd(t *testing.T) {
	eachWorld(t, func(w *world) {
		set := func(at time.Time) {
			w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
				return q.SetRecovery(ctx, sql.NullInt64{Int64: at.UnixMicro(), Valid: true})
			}))
		}
		set(w.clock.Now())
		late := w.instance() // its directory says: recovery
		w.must(w.g.Reload(context.Background()))
		w.observe(w.credit("321302038123", "500"))
		_, err := w.g.EndRecovery(context.Background(), "operator", "statements are in")
		w.must(err)
		results, err := late.Activate(context.Background(), []ClaimRequest{claimRequest("o1", "p1", "321302038123", "500")})
		w.must(err)
		if results[0].State != deposit.Held || results[0].Reason != deposit.ReasonRecovery {
			w.t.Fatal(results[0])
		}
		w.must(w.g.Sweep(context.Background()))
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.want("found by the sweep", w.g.counters.SweepFound.Load(), 0) // not missed: held on purpose
	})
}

// Evidence for the claim of a merchant that another server has just added is taken at once.
func TestEvidenceForUnknownMerchant(t *testing.T) {
	eachWorld(t, func(w *world) {
		behind := w.instance()
		w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error { return q.AdvanceIDs(ctx, 100) }))
		added, err := w.g.AddMerchants(context.Background(), NewMerchant{Slug: "third", PostbackURL: "http://127.0.0.1:1/"})
		w.must(err)
		r := claimRequest("o1", "p1", "321302038123", "500")
		r.MerchantID = added[0].ID
		w.wantClaim(r, deposit.Waiting, deposit.ReasonNoTransfer)
		_, err = behind.Observe(context.Background(), []EvidenceItem{w.credit("321302038123", "500")})
		w.must(err)
	})
}

// A decision with a bug in it costs its own request: the others, and the process, go on.
func TestPanicCostsItsRequest(t *testing.T) {
	eachWorld(t, func(w *world) {
		broken := &item{act: &act{ref: refKey{method.RailIndia, "321302038129"}, apply: func(*batch, *refState) error { panic("a bug") }}}
		good := &item{claim: newClaimItem(claimRequest("o1", "p1", "321302038123", "500"))}
		if err := w.g.submit(context.Background(), []*item{broken, good}); err == nil {
			w.t.Fatal("the bug was no fault")
		}
		if broken.err == nil || good.err != nil || good.claim.result.State != deposit.Waiting {
			w.t.Fatal(broken.err, good.err, good.claim.result)
		}
	})
}

// A person in a hurry accepts the wrong one of two contested claims: money never goes to a merchant whose it can't be.
func TestAcceptNeverCreditsAnotherMerchantsMoney(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500")) // on an account of merchant shop alone
		foreign := claimRequest("o1", "guesser", "321302038123", "500")
		foreign.MerchantID = other
		w.wantClaim(foreign, deposit.Waiting, deposit.ReasonNoTransfer)
		own := w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Held, deposit.ReasonContested)
		guess := w.wantClaim(foreign, deposit.Held, deposit.ReasonContested)
		_, err := w.g.ResolveClaim(context.Background(), guess.ClaimID, true, "operator", "looks right")
		w.refused(err, "other_account", "account 1")
		_, err = w.g.ResolveClaim(context.Background(), own.ClaimID, true, "operator", "it is theirs")
		w.must(err)
		w.wantClaim(foreign, deposit.Refused, deposit.ReasonCredited)
		w.clean()
	})
}

// Whoever knows an order can correct its number away at the window. He must not then be credited with that number himself:
// neither before its money is seen nor after, and the payer whose it is isn't shut out.
func TestCorrectedAwayNumbersAreContested(t *testing.T) {
	eachWorld(t, func(w *world) {
		const number = "321302038123"
		at := func(r ClaimRequest) ClaimRequest { r.From = netip.MustParseAddr("203.0.113.7"); return r }
		w.wantClaim(at(claimRequest("victim", "p1", number, "500")), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(at(claimRequest("victim", "p1", "321302039999", "500")), deposit.Waiting, deposit.ReasonNoTransfer)
		thief := at(claimRequest("thief", "p2", number, "500"))
		w.wantClaim(thief, deposit.Held, deposit.ReasonContested)
		w.observe(w.credit(number, "500"))
		w.wantClaim(thief, deposit.Held, deposit.ReasonContested)
		// The payer's own way back is open, to a person's eyes.
		w.wantClaim(at(claimRequest("victim", "p1", number, "500")), deposit.Held, deposit.ReasonContested)
		w.clean()
	})
}

// It ends when the claim that was corrected away would have; one's own corrections contest nothing, nor do the merchant's.
func TestCorrectedAwayNumbersAreFreeAgain(t *testing.T) {
	eachWorld(t, func(w *world) {
		wait := func(order, payer, number, from string) {
			w.t.Helper()
			r := claimRequest(order, payer, number, "500")
			if from != "" {
				r.From = netip.MustParseAddr(from)
			}
			w.wantClaim(r, deposit.Waiting, deposit.ReasonNoTransfer)
		}
		wait("a", "p1", "321302038123", "203.0.113.7")
		wait("a", "p1", "321302038124", "203.0.113.7")
		wait("b", "p1", "321302038123", "203.0.113.7")
		wait("m", "p2", "321302038126", "")
		wait("m", "p2", "321302038127", "")
		wait("n", "p3", "321302038126", "203.0.113.7")
		w.clock.Advance(80 * time.Hour)
		wait("c", "p3", "321302038124", "203.0.113.7")
	})
}
