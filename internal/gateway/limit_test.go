package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
)

// limitWallet sets the daily limits of a wallet, 0 for none, and its state.
func (w *world) wallet(id int64, state wallet.State, amount, count int64) {
	w.t.Helper()
	stored, ok := w.g.Directory().Wallet(wallet.ID(id))
	if !ok {
		w.t.Fatal("no wallet", id)
	}
	err := w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
		_, err := q.UpdateWallet(ctx, store.UpdateWalletParams{
			ID: id, Holder: stored.Holder, State: string(state),
			DailyAmountLimit: sql.NullInt64{Int64: amount, Valid: amount > 0}, DailyCountLimit: sql.NullInt64{Int64: count, Valid: count > 0},
		})
		return err
	})
	if err == nil {
		err = w.g.Reload(context.Background())
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// paid observes a transfer and claims it; a payer and an order of its own unless named.
func (w *world) paid(n *atomic.Int64, payer, amount string, state deposit.State, reason deposit.Reason) {
	w.t.Helper()
	number := fmt.Sprintf("%012d", n.Add(1))
	if payer == "" {
		payer = "p" + number
	}
	w.observe(w.credit(number, amount))
	w.wantClaim(claimRequest("o"+number, payer, number, amount), state, reason)
}

// What only a text tells of uses up no wallet's day, whether it is stored already or comes in the same batch.
func TestWeakEvidenceUsesUpNoLimit(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wallet(1, wallet.Active, 1000_00, 1)
		forged := func(number string) EvidenceItem {
			item := w.credit(number, "999999")
			item.Strength = evidence.StrengthWeak
			return item
		}
		w.observe(forged("321302038120"))
		w.observe(forged("321302038121"), w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

// Each daily limit holds what would pass it, and lets through what just reaches it.
func TestDailyLimits(t *testing.T) {
	eachWorld(t, func(w *world) {
		var n atomic.Int64
		accepted := func(payer, amount string) {
			w.t.Helper()
			w.paid(&n, payer, amount, deposit.Accepted, deposit.ReasonMatched)
		}
		held := func(payer, amount string) { w.t.Helper(); w.paid(&n, payer, amount, deposit.Held, deposit.ReasonLimit) }
		nextDay := func() { w.clock.Advance(24 * time.Hour) }

		w.policy(shop, func(p *merchant.Policy) { p.DailyAmount = 1000_00 })
		accepted("", "600")
		held("", "400.01")
		accepted("", "400")
		held("", "0.01")
		nextDay()
		accepted("", "1000")

		nextDay()
		w.policy(shop, func(p *merchant.Policy) { p.DailyAmount, p.PayerAmount = 0, 1000_00 })
		accepted("a", "600")
		held("a", "400.01")
		accepted("b", "1000")
		accepted("a", "400")

		nextDay()
		w.policy(shop, func(p *merchant.Policy) { p.PayerAmount, p.PayerCount = 0, 2 })
		accepted("a", "1")
		accepted("a", "1")
		held("a", "1")
		accepted("b", "1")
		nextDay()
		accepted("a", "1")

		nextDay()
		w.policy(shop, func(p *merchant.Policy) { p.PayerCount, p.Minimum, p.Maximum = 0, 100_00, 200_00 })
		held("", "99.99")
		accepted("", "100")
		accepted("", "200")
		held("", "200.01")
		w.clean()
	})
}

// The day of a merchant's limits begins at its own midnight: 16:00 UTC in Manila.
func TestMerchantsDay(t *testing.T) {
	eachWorld(t, func(w *world) {
		var n atomic.Int64
		w.policy(shop, func(p *merchant.Policy) { p.DailyAmount = 500_00 })
		w.clock.Set(time.Date(2026, 11, 22, 15, 59, 59, 0, time.UTC))
		w.paid(&n, "", "500", deposit.Accepted, deposit.ReasonMatched)
		w.paid(&n, "", "1", deposit.Held, deposit.ReasonLimit)
		w.clock.Advance(time.Second)
		w.paid(&n, "", "500", deposit.Accepted, deposit.ReasonMatched)
	})
}

// A limit counts what the same transaction credits.
func TestLimitsCountTheirOwnBatch(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.DailyAmount, p.PayerCount = 1000_00, 1 })
		var items []*item
		for i := range 6 {
			number := fmt.Sprintf("%012d", i)
			items = append(items, &item{evidence: &evidenceItem{EvidenceItem: w.credit(number, "300")}})
			items = append(items, &item{claim: newClaimItem(claimRequest(number, fmt.Sprint("p", i/2), number, "300"))})
		}
		if err := w.g.submit(context.Background(), items); err != nil {
			w.t.Fatal(err)
		}
		// One of each payer's two, and at most ₹1,000 of them together.
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), 3)
		w.want("held", w.count("SELECT count(*) FROM claim WHERE state = 'held' AND reason = 'over_limit'"), 3)
	})
}

// A wallet's limit is on what its account was seen to receive in the bank's day: India's, from 18:30 UTC.
func TestWalletsDay(t *testing.T) {
	eachWorld(t, func(w *world) {
		var n atomic.Int64
		w.wallet(1, wallet.Active, 1000_00, 0)
		midnight := time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)
		w.clock.Set(midnight.Add(-time.Second))
		w.paid(&n, "", "1000", deposit.Accepted, deposit.ReasonMatched)
		w.paid(&n, "", "1", deposit.Held, deposit.ReasonLimit)
		w.wantNoOffer("p")
		w.clock.Set(midnight)
		w.wantOffer("p", 1)
		w.paid(&n, "", "1", deposit.Accepted, deposit.ReasonMatched)

		// Money of yesterday that is reported today counts for yesterday.
		late := w.credit("999999999999", "1")
		late.OccurredAt = midnight.Add(-time.Microsecond)
		w.observe(late)
		w.wantClaim(claimRequest("late", "late", "999999999999", "1"), deposit.Held, deposit.ReasonLimit)

		w.wallet(1, wallet.Active, 0, 2)
		w.paid(&n, "", "5000", deposit.Accepted, deposit.ReasonMatched)
		w.wantNoOffer("p")
		w.paid(&n, "", "1", deposit.Held, deposit.ReasonLimit)
	})
}

// The fee is taken from the merchant's balance and told to nobody.
func TestFees(t *testing.T) {
	eachWorld(t, func(w *world) {
		var n atomic.Int64
		w.policy(shop, func(p *merchant.Policy) {
			p.Fees = map[string]merchant.Fee{"*": {PPM: 500_000}, "phone_pe": {PPM: 15_000, Fixed: 2_00}}
		})
		w.paid(&n, "", "500.01", deposit.Accepted, deposit.ReasonMatched) // 7.50015 and 2
		w.want("fee", w.count("SELECT fee FROM deposit"), 9_50)
		w.paid(&n, "", "1", deposit.Accepted, deposit.ReasonMatched) // never more than the credit
		w.want("fee of a rupee", w.count("SELECT fee FROM deposit WHERE amount = 100"), 1_00)
		w.want("owed", w.count("SELECT sum(d.amount) FROM balance_delta d JOIN ledger_account a ON a.id = d.account_id WHERE a.kind = 'merchant'"), 490_51)
		w.want("earned", w.count("SELECT sum(d.amount) FROM balance_delta d JOIN ledger_account a ON a.id = d.account_id WHERE a.kind = 'fees'"), 10_50)
		told := w.bodies("id > 0")
		for _, never := range []string{"490.51", "9.5"} {
			if !strings.Contains(told[0], "500.01") || strings.Contains(strings.Join(told, ""), never) {
				w.t.Errorf("the merchant is told %q", told)
			}
		}
		w.clean()
	})
}

// I-1: at the limit of waiting claims, a number seen on somebody else's account answers like one that nobody has seen.
func TestWaitingLimitTellsNothing(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.WaitingLimit = 1 })
		foreign := w.credit("321302038124", "500")
		foreign.AccountID = 2
		w.observe(foreign)
		w.wantClaim(claimRequest("a", "p", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		unknown := w.wantClaim(claimRequest("b", "p", "321302038125", "500"), deposit.Refused, deposit.ReasonTooManyWaiting)
		known := w.wantClaim(claimRequest("c", "p", "321302038124", "500"), deposit.Refused, deposit.ReasonTooManyWaiting)
		if known.Message != unknown.Message {
			w.t.Errorf("%q, %q", known.Message, unknown.Message)
		}
	})
}

// A claim that leaves the waiting ones in a batch makes room for the next one in it, a correction takes none.
func TestWaitingIsCountedWithinABatch(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.WaitingLimit = 2 })
		run := func(items ...*item) {
			w.t.Helper()
			if err := w.g.submit(context.Background(), items); err != nil {
				w.t.Fatal(err)
			}
		}
		claim := func(order, number string) *item {
			return &item{claim: newClaimItem(claimRequest(order, "p", number, "500"))}
		}
		want := func(it *item, state deposit.State) {
			w.t.Helper()
			if got := it.claim.result; got.State != state {
				w.t.Errorf("%s: %s (%s), want %s", it.claim.OrderID, got.State, got.Reason, state)
			}
		}
		a, b := claim("a", "321302038121"), claim("b", "321302038122")
		corrected, over := claim("a", "321302038123"), claim("c", "321302038124")
		run(a, b, corrected, over)
		want(corrected, deposit.Waiting)
		want(over, deposit.Refused)

		seen := &item{evidence: &evidenceItem{EvidenceItem: w.credit("321302038122", "600")}} // b is held for its amount
		next, over := claim("c", "321302038124"), claim("d", "321302038125")
		run(seen, next, over)
		want(next, deposit.Waiting)
		want(over, deposit.Refused)
		w.want("waiting", w.count("SELECT count(*) FROM claim WHERE state = 'waiting'"), 2)
	})
}

// Wrong amounts are counted also where each is refused at once and the order tried anew: nobody guesses an amount.
func TestWrongAmountsAreCountedWhereRefused(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.Mismatch = merchant.MismatchRefuse })
		w.observe(w.credit("321302038123", "500"))
		for _, amount := range []string{"497", "498", "499"} {
			w.wantClaim(claimRequest("one", "p", "321302038123", amount), deposit.Refused, deposit.ReasonMismatch)
		}
		w.wantClaim(claimRequest("one", "p", "321302038123", "500"), deposit.Held, deposit.ReasonTooManyAmounts)
		w.want("deposits", w.count("SELECT count(*) FROM deposit"), 0)
	})
}
