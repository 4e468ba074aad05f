package gateway

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
)

// guess is a claim on a number that nobody has paid.
func guess(order, payer string, n int, from string) ClaimRequest {
	r := claimRequest(order, payer, fmt.Sprintf("9%011d", n), "500")
	if from != "" {
		r.From = netip.MustParseAddr(from)
	}
	return r
}

// wantTooMany checks that a claim isn't looked at, until when, and that nothing is stored.
func (w *world) wantTooMany(r ClaimRequest, again time.Duration) {
	w.t.Helper()
	before := w.count("SELECT count(*) FROM claim") + w.count("SELECT count(*) FROM reference")
	got, err := w.g.Activate(context.Background(), []ClaimRequest{r})
	var tooMany *TooManyAttempts
	if !errors.As(err, &tooMany) || tooMany.Again.Sub(w.g.now()) != again {
		w.t.Fatalf("%s %s: %+v, %v; want too many attempts for %v", r.OrderID, r.Key1, got, err, again)
	}
	w.want("rows", w.count("SELECT count(*) FROM claim")+w.count("SELECT count(*) FROM reference"), before)
}

// unbounded lifts the budget of wrong claims, for tests of something else.
func unbounded(g *Gateway) *Gateway {
	g.budget.payers.limit = 1 << 30
	return g
}

// spread lets a payer have as many waiting claims as the budget has.
func (w *world) spread() {
	for _, id := range []int64{1, 2} {
		w.must(w.g.SetMerchant(context.Background(), map[int64]string{1: "shop", 2: "other"}[id], []Setting{{"waiting_limit", "1000"}}))
	}
}

func TestGuessesOfAPayer(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.spread()
		w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "500"))
		right := claimRequest("right", "p1", "321302038123", "500")
		for n := range MaxWrongOfPayer {
			w.wantClaim(guess(fmt.Sprint("o", n), "p1", n, ""), deposit.Waiting, deposit.ReasonNoTransfer)
			if n == 3 {
				w.wantClaim(right, deposit.Accepted, deposit.ReasonMatched)
			}
			if n == MaxWrongOfPayer-1 {
				break
			}
			// Repeats, and numbers that can't be one, tell a guesser nothing.
			w.wantClaim(guess(fmt.Sprint("o", n), "p1", n, ""), deposit.Waiting, deposit.ReasonNoTransfer)
			w.wantClaim(right, deposit.Accepted, deposit.ReasonMatched)
			w.wantClaim(claimRequest(fmt.Sprint("s", n), "p1", "123", "500"), deposit.Refused, deposit.ReasonShape)
		}
		// From now on right and wrong numbers, repeats and typos are told the same.
		w.wantTooMany(guess("more", "p1", 99, ""), time.Hour)
		w.wantTooMany(claimRequest("more", "p1", "321302038124", "500"), time.Hour)
		w.wantTooMany(claimRequest("more", "p1", "123", "500"), time.Hour)
		w.wantTooMany(right, time.Hour)
		// Others aren't touched: another payer, and the same label of another merchant.
		w.wantClaim(guess("o-p2", "p2", 99, ""), deposit.Waiting, deposit.ReasonNoTransfer)
		foreign := guess("o-p1", "p1", 98, "")
		foreign.MerchantID = other
		w.wantClaim(foreign, deposit.Waiting, deposit.ReasonNoTransfer)
		w.clock.Advance(time.Hour)
		w.wantClaim(claimRequest("more", "p1", "321302038124", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.clean()
	})
}

func TestGuessesAtTheWindow(t *testing.T) {
	eachWorld(t, func(w *world) {
		// One order: the first claim and its corrections.
		for n := range MaxWrongOfOrder {
			w.wantClaim(guess("o", "p1", n, "203.0.113.7"), deposit.Waiting, deposit.ReasonNoTransfer)
		}
		w.wantTooMany(guess("o", "p1", 99, "203.0.113.7"), time.Hour)
		w.wantTooMany(guess("o", "p1", 99, "203.0.113.8"), time.Hour)
		// The merchant's own server isn't bound by it, and other orders aren't.
		w.wantClaim(guess("o", "p1", 99, ""), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(guess("o2", "p1", 98, "203.0.113.7"), deposit.Waiting, deposit.ReasonNoTransfer)
		// One address, many payers and orders; an IPv6 address is its whole network.
		for n := range MaxWrongFrom {
			w.wantClaim(guess(fmt.Sprint("a", n), fmt.Sprint("pa", n), 1000+n, fmt.Sprintf("2001:db8:0:1::%x", n+1)), deposit.Waiting, deposit.ReasonNoTransfer)
		}
		w.wantTooMany(guess("b", "pb", 2000, "2001:db8:0:1:ffff::1"), time.Hour)
		w.wantClaim(guess("b", "pb", 2000, "2001:db8:0:2::1"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.wantClaim(guess("c", "pc", 2001, "::ffff:203.0.113.9"), deposit.Waiting, deposit.ReasonNoTransfer)
		w.clean()
	})
}

// Claims that come before their money count as wrong only until it is seen: phones behind one address pay as they like.
func TestRightClaimsAreForgiven(t *testing.T) {
	eachWorld(t, func(w *world) {
		for n := range MaxWrongFrom + 5 {
			r := guess(fmt.Sprint("o", n), fmt.Sprint("p", n%3), n, "203.0.113.7")
			w.wantClaim(r, deposit.Waiting, deposit.ReasonNoTransfer)
			w.observe(w.credit(r.Key1, "500"))
			w.wantClaim(r, deposit.Accepted, deposit.ReasonMatched)
		}
		if n := len(w.g.budget.spent); n != 0 {
			t.Errorf("%d claims could still be forgiven", n)
		}
		w.clean()
	})
}

// What could be forgiven is remembered as long as it counts, and no longer.
func TestForgivenessIsBounded(t *testing.T) {
	b, now := newBudget(), time.Unix(1790000000, 0)
	for n := range attemptKeys + 10 {
		a := attempt{payer: payerKey{1, fmt.Sprint(n)}, guess: true}
		if _, ok := b.enter(a, func() time.Time { return now }, true); !ok {
			t.Fatal(n)
		}
		b.leave(a, deposit.ClaimID(n+1), true, now)
	}
	if len(b.spent) != attemptKeys {
		t.Errorf("%d are remembered, want %d", len(b.spent), attemptKeys)
	}
	now = now.Add(attemptWindow)
	a := attempt{payer: payerKey{1, "last"}, guess: true}
	b.enter(a, func() time.Time { return now }, true)
	b.leave(a, attemptKeys+100, true, now)
	if len(b.spent) != 1 || len(b.recent) != 1 {
		t.Errorf("%d are remembered an hour later, want 1", len(b.spent))
	}
}

// A thousand guesses at once get no further than one after another, and right claims at once all go through.
func TestGuessesAtOnce(t *testing.T) {
	eachWorld(t, func(w *world) {
		const guesses, rights = 200, 60
		w.spread()
		var seen []EvidenceItem
		for n := range rights {
			seen = append(seen, w.credit(fmt.Sprintf("8%011d", n), "500"))
		}
		w.observe(seen...)
		var callers sync.WaitGroup
		var looked, tooMany, accepted atomic.Int64
		for n := range guesses {
			callers.Go(func() {
				_, err := w.g.Activate(context.Background(), []ClaimRequest{guess(fmt.Sprint("o", n), "p1", n, "")})
				var refused *TooManyAttempts
				switch {
				case errors.As(err, &refused):
					tooMany.Add(1)
				case err == nil:
					looked.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		for n := range rights {
			callers.Go(func() {
				got, err := w.g.Activate(context.Background(), []ClaimRequest{claimRequest(fmt.Sprint("r", n), "p2", fmt.Sprintf("8%011d", n), "500")})
				if err == nil && got[0].State == deposit.Accepted {
					accepted.Add(1)
				}
			})
		}
		callers.Wait()
		w.want("guesses that were looked at", looked.Load(), MaxWrongOfPayer)
		w.want("guesses that weren't", tooMany.Load(), guesses-MaxWrongOfPayer)
		w.want("right ones", accepted.Load(), rights)
		w.want("entries in the budget", int64(len(w.g.budget.payers.byKey)), 1)
		w.clean()
	})
}

// Of several requests each has its own answer, in its place.
func TestGuessesInOneCall(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.spread()
		w.observe(w.credit("321302038123", "500"))
		var requests []ClaimRequest
		for n := range MaxWrongOfPayer + 5 {
			requests = append(requests, guess(fmt.Sprint("o", n), "p1", n, ""))
		}
		requests = append(requests, claimRequest("right", "p2", "321302038123", "500"))
		results, err := w.g.Activate(context.Background(), requests)
		w.must(err)
		for n, got := range results {
			switch {
			case n < MaxWrongOfPayer && got.State != deposit.Waiting,
				n >= MaxWrongOfPayer && n < MaxWrongOfPayer+5 && (got.TooMany == nil || got.Answer().Message != MessageTooManyAttempts),
				n == MaxWrongOfPayer+5 && got.State != deposit.Accepted:
				t.Errorf("request %d: %+v", n, got)
			}
		}
	})
}
