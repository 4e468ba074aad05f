package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/wallet"
)

func (w *world) offer(payer string) (Offer, error) {
	w.t.Helper()
	m, _ := w.g.Directory().Merchant(shop)
	return w.g.Offer(context.Background(), OfferRequest{Merchant: m, Payer: payer, Method: phonePe, Currency: "INR"})
}

func (w *world) wantOffer(payer string, id wallet.ID) {
	w.t.Helper()
	got, err := w.offer(payer)
	if err != nil || got.Wallet.ID != id {
		w.t.Fatalf("%s is shown wallet %d (%s, %v), want %d", payer, got.Wallet.ID, got.Reason, err, id)
	}
}

// wantNoOffer: every wallet but the given merchant's own is paused by the story.
func (w *world) wantNoOffer(payer string) {
	w.t.Helper()
	w.wallet(3, wallet.Paused, 0, 0)
	defer w.wallet(3, wallet.Active, 0, 0)
	got, err := w.offer(payer)
	var refusal *Refusal
	if !errors.As(err, &refusal) || refusal.Code != "no_wallet" {
		w.t.Fatalf("%s is shown wallet %d: %v", payer, got.Wallet.ID, err)
	}
}

// A stranger who makes links up gets no further than MaxNewOffersTo new payers an hour; whoever was shown a wallet still is.
func TestNewOffersToOneAddress(t *testing.T) {
	eachWorld(t, func(w *world) {
		m, _ := w.g.Directory().Merchant(shop)
		ask := func(payer, from string) error {
			r := OfferRequest{Merchant: m, Payer: payer, Method: phonePe, Currency: "INR"}
			if from != "" {
				r.From = netip.MustParseAddr(from)
			}
			_, err := w.g.Offer(context.Background(), r)
			return err
		}
		for n := range MaxNewOffersTo {
			if err := ask(fmt.Sprint("p", n), fmt.Sprintf("2001:db8::%x", n+1)); err != nil {
				w.t.Fatal(n, err)
			}
		}
		var tooMany *TooManyAttempts
		if err := ask("more", "2001:db8::ffff"); !errors.As(err, &tooMany) || !tooMany.Again.Equal(w.clock.Now().Add(time.Hour)) {
			w.t.Errorf("one more: %v", err)
		}
		w.want("assignments", w.count("SELECT count(*) FROM assignment"), MaxNewOffersTo)
		for payer, from := range map[string]string{"p0": "2001:db8::1", "from elsewhere": "2001:db8:0:1::1", "the merchant's own": ""} {
			if err := ask(payer, from); err != nil {
				w.t.Errorf("%s: %v", payer, err)
			}
		}
		w.clock.Advance(time.Hour)
		if err := ask("more", "2001:db8::ffff"); err != nil {
			w.t.Errorf("an hour later: %v", err)
		}
	})
}

// Merchant shop has wallet 1 to itself and shares wallet 3.
func TestOffersAreSticky(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantOffer("a", 1)
		w.wantOffer("b", 3) // the other one has a payer
		w.clock.Advance(time.Hour)
		w.wantOffer("a", 1)
		w.wantOffer("b", 3)
		w.want("assignments", w.count("SELECT count(*) FROM assignment"), 2)
		w.want("shown when first shown", w.count("SELECT count(*) FROM assignment WHERE first_shown_at = assigned_at"), 2)

		w.wallet(1, wallet.Paused, 0, 0)
		w.wantOffer("a", 3)
		w.wallet(1, wallet.Active, 0, 0)
		w.wantOffer("a", 3) // where they were moved to, they stay
		w.wallet(3, wallet.Retired, 0, 0)
		w.wantOffer("a", 1)
		w.wantOffer("b", 1)
		w.want("nothing is forgotten", w.count("SELECT count(*) FROM assignment"), 4)
		w.wallet(1, wallet.Retired, 0, 0)
		_, err := w.offer("c")
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != "no_wallet" {
			t.Errorf("no wallet is healthy: %v", err)
		}
	})
}

// One payer asks many times at once, through two instances: on either engine they pay to wallets that they were shown.
func TestOffersAtOnce(t *testing.T) {
	eachWorld(t, func(w *world) {
		instances := []*Gateway{w.g, w.instance()}
		m, _ := w.g.Directory().Merchant(shop)
		var shown [40]wallet.ID
		w.race(len(shown), func(i int) error {
			got, err := instances[i%2].Offer(context.Background(), OfferRequest{Merchant: m, Payer: fmt.Sprint(i % 4), Method: phonePe, Currency: "INR"})
			shown[i] = got.Wallet.ID
			return err
		})
		for i, id := range shown {
			if w.count("SELECT count(*) FROM assignment WHERE payer = $1 AND wallet_id = $2", fmt.Sprint(i%4), int64(id)) != 1 {
				w.t.Errorf("payer %d was shown wallet %d, and nobody knows", i%4, id)
			}
		}
	})
}

// Money on a paused or retired wallet still counts; a paused merchant shows none, and is still credited.
func TestPausedStillCounts(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantOffer("a", 1)
		for i, state := range []wallet.State{wallet.Paused, wallet.Retired} {
			w.wallet(1, state, 0, 0)
			number := fmt.Sprintf("%012d", i)
			w.observe(w.credit(number, "500"))
			w.wantClaim(claimRequest(number, "a", number, "500"), deposit.Accepted, deposit.ReasonMatched)
		}
		m, _ := w.g.Directory().Merchant(shop)
		paused := *m
		paused.State = merchant.Paused
		_, err := w.g.Offer(context.Background(), OfferRequest{Merchant: &paused, Payer: "a", Method: phonePe, Currency: "INR"})
		var refusal *Refusal
		if !errors.As(err, &refusal) || refusal.Code != "no_wallet" {
			t.Errorf("a paused merchant: %v", err)
		}
	})
}

// Rule 7 end to end: on a shared account the payer who was shown it before paying is credited, another one isn't.
func TestShownOnASharedAccount(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wallet(1, wallet.Paused, 0, 0)
		w.wantOffer("shown", 3)
		w.clock.Advance(time.Minute)
		pay := func(number string) {
			item := w.credit(number, "500")
			item.AccountID = 3
			w.observe(item)
		}
		pay("321302038123")
		pay("321302038124")
		w.wantClaim(claimRequest("a", "shown", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("b", "never", "321302038124", "500"), deposit.Held, deposit.ReasonNeverShown)

		// Shown only after paying is not shown, also where the claim came first.
		w.wantClaim(claimRequest("c", "late", "321302038125", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		paidAt := w.clock.Now()
		w.clock.Advance(2 * time.Minute)
		w.wantOffer("late", 3)
		item := w.credit("321302038125", "500")
		item.AccountID, item.OccurredAt = 3, paidAt
		w.observe(item)
		w.wantClaim(claimRequest("c", "late", "321302038125", "500"), deposit.Held, deposit.ReasonNeverShown)
	})
}

// A merchant may demand it on an account of its own.
func TestRequireOffer(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.policy(shop, func(p *merchant.Policy) { p.RequireOffer = true })
		w.wantOffer("shown", 1)
		w.clock.Advance(time.Second)
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "500"))
		w.wantClaim(claimRequest("a", "shown", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("b", "never", "321302038124", "500"), deposit.Held, deposit.ReasonNeverShown)
	})
}
