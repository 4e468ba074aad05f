package window

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
)

// Limits of numbers that are checked later because too many wrong ones came. They are in this process's memory: after a
// restart the payer, who sees the form again, sends the number again.
const (
	maxDeferred      = 10_000 // in all
	maxDeferredPerIP = 60
	deferredEvery    = time.Second      // how often it is looked what is due
	maxDeferredRound = 50               // checked at one time
	maxDeferrals     = 48               // a number that is over the budget again and again is given up
	deferredRetry    = 30 * time.Second // after a fault
)

// deferral is a claim that is made when the payer may try again.
type deferral struct {
	gateway.ClaimRequest
	at       time.Time
	tries    int
	replaces deposit.ClaimID // the order's claim when the payer sent this one
}

type orderKey struct {
	merchant merchant.ID
	order    string
}

// deferrals are the claims that are checked later, one for each order. They may be used from many goroutines.
type deferrals struct {
	mu     sync.Mutex
	claims map[orderKey]*deferral
	perIP  map[netip.Addr]int
}

func newDeferrals() *deferrals {
	return &deferrals{claims: map[orderKey]*deferral{}, perIP: map[netip.Addr]int{}}
}

// add keeps a claim in the place of the order's last one, and tells whether there was room. replaces is the order's claim
// that it would correct, 0 for none.
func (d *deferrals) add(r gateway.ClaimRequest, at time.Time, replaces deposit.ClaimID) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	key, from := orderKey{r.MerchantID, r.OrderID}, gateway.Household(r.From)
	all, here := len(d.claims), d.perIP[from]
	if old := d.claims[key]; old != nil { // its place gets free
		all--
		if gateway.Household(old.From) == from {
			here--
		}
	}
	if all >= maxDeferred || here >= maxDeferredPerIP {
		return false
	}
	d.drop(key)
	d.claims[key] = &deferral{ClaimRequest: r, at: at, replaces: replaces}
	d.perIP[from]++
	return true
}

// find returns a copy of the order's claim, nil for none.
func (d *deferrals) find(id merchant.ID, orderID string) *deferral {
	d.mu.Lock()
	defer d.mu.Unlock()
	found := d.claims[orderKey{id, orderID}]
	if found == nil {
		return nil
	}
	copied := *found
	return &copied
}

func (d *deferrals) remove(id merchant.ID, orderID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.drop(orderKey{id, orderID})
}

func (d *deferrals) drop(key orderKey) {
	old := d.claims[key]
	if old == nil {
		return
	}
	delete(d.claims, key)
	from := gateway.Household(old.From)
	if d.perIP[from]--; d.perIP[from] == 0 {
		delete(d.perIP, from)
	}
}

// due lists what is to be checked now, the oldest first.
func (d *deferrals) due(now time.Time) (list []deferral) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.claims {
		if !now.Before(c.at) {
			list = append(list, *c)
		}
	}
	slices.SortFunc(list, func(a, b deferral) int { return cmp.Or(a.at.Compare(b.at), cmp.Compare(a.OrderID, b.OrderID)) })
	return list[:min(len(list), maxDeferredRound)]
}

// settle removes a checked claim, or puts it off; one that the payer replaced meanwhile stays as it is.
func (d *deferrals) settle(c deferral, again time.Time) (gone bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	key := orderKey{c.MerchantID, c.OrderID}
	current := d.claims[key]
	if current == nil || current.Key1 != c.Key1 || current.Amount != c.Amount {
		return false
	}
	if current.tries++; again.IsZero() || current.tries >= maxDeferrals {
		d.drop(key)
		return true
	}
	current.at = again
	return false
}

// Run checks what was put off, until ctx ends.
func (x *Window) Run(ctx context.Context) error {
	ticker := time.NewTicker(deferredEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
			x.checkDeferred(ctx)
		}
	}
}

// checkDeferred makes the claims that are due, one by one: each has its own budget.
func (x *Window) checkDeferred(ctx context.Context) {
	for _, c := range x.deferred.due(x.Now()) {
		if ctx.Err() != nil {
			return
		}
		truth, _, err := x.Gateway.Order(ctx, c.MerchantID, c.OrderID)
		if err == nil && truth.Result.ClaimID != c.replaces {
			// Another number came by another way since: this one, older, must not take its place.
			x.deferred.settle(c, time.Time{})
			continue
		}
		var results []gateway.ClaimResult
		if err == nil {
			results, err = x.activate(ctx, []gateway.ClaimRequest{c.ClaimRequest})
		}
		var tooMany *gateway.TooManyAttempts
		again, outcome := time.Time{}, "checked"
		switch {
		case errors.As(err, &tooMany):
			again, outcome = tooMany.Again, "too_many_attempts"
		case err != nil:
			again, outcome = x.Now().Add(deferredRetry), err.Error()
		default:
			outcome = string(results[0].State)
		}
		gone := x.deferred.settle(c, again)
		x.Logger.Info("deferral.checked", "merchant_id", c.MerchantID, "order", c.OrderID, "reference", lastFour(c.Key1),
			"outcome", outcome, "gone", gone)
	}
}
