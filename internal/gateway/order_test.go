package gateway

import (
	"context"
	"reflect"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
)

// order reads the truth of an order of shop, which must be known.
func (w *world) order(id string) OrderTruth {
	w.t.Helper()
	truth, found, err := w.g.Order(context.Background(), shop, id)
	if err != nil || !found {
		w.t.Fatalf("order %s: found %v, %v", id, found, err)
	}
	return truth
}

// What Order tells is what repeating the claim is answered, and it leaves no trace.
func TestOrderIsWhatARepeatTells(t *testing.T) {
	eachWorld(t, func(w *world) {
		same := func(r ClaimRequest, state deposit.State) {
			w.t.Helper()
			moves := w.count("SELECT count(*) FROM transition")
			got := w.order(r.OrderID)
			w.want("transitions", w.count("SELECT count(*) FROM transition"), moves)
			if repeated := w.claim(r); got.Result.State != state || !reflect.DeepEqual(got.Result, repeated) {
				w.t.Errorf("order %s: %+v, a repeat tells %+v", r.OrderID, got.Result, repeated)
			}
		}
		if _, found, err := w.g.Order(context.Background(), shop, "none"); found || err != nil {
			t.Errorf("an unknown order: %v, %v", found, err)
		}
		waits := claimRequest("o1", "p1", "3213 0203 8123", "500")
		w.wantClaim(waits, deposit.Waiting, deposit.ReasonNoTransfer)
		same(waits, deposit.Waiting)
		truth := w.order("o1")
		if truth.Method != "phone_pe" || truth.Payer != "p1" || truth.Amount != inr("500") || truth.Given != "321302038123" || truth.Corrections != 0 ||
			!truth.CreatedAt.Equal(w.clock.Now()) || truth.ExpiresAt.Sub(truth.CreatedAt) != merchant.DefaultWindow {
			t.Errorf("%+v", truth)
		}
		if _, found, _ := w.g.Order(context.Background(), other, "o1"); found {
			t.Error("another merchant sees the order")
		}
		shape := claimRequest("o2", "p1", "123", "500")
		w.wantClaim(shape, deposit.Refused, deposit.ReasonShape)
		same(shape, deposit.Refused)
		corrected := claimRequest("o1", "p1", "321302038124", "500")
		w.wantClaim(corrected, deposit.Waiting, deposit.ReasonNoTransfer)
		if got := w.order("o1"); got.Given != "321302038124" || got.Corrections != 1 {
			t.Errorf("corrected: %+v", got)
		}
		w.observe(w.credit("321302038124", "500"), w.credit("321302038125", "500"))
		same(corrected, deposit.Accepted)
		held := claimRequest("o3", "p1", "321302038125", "400")
		w.wantClaim(held, deposit.Held, deposit.ReasonMismatch)
		same(held, deposit.Held)
		credited := claimRequest("o4", "p2", "321302038124", "500")
		w.wantClaim(credited, deposit.Refused, deposit.ReasonCredited)
		same(credited, deposit.Refused)
		late := claimRequest("o5", "p1", "321302038129", "500")
		w.wantClaim(late, deposit.Waiting, deposit.ReasonNoTransfer)
		w.clock.Advance(merchant.DefaultWindow + time.Second)
		same(late, deposit.Expired)
	})
}

// wasTold reports whether a watcher was told since it last looked.
func wasTold(changed <-chan struct{}) bool {
	select {
	case <-changed:
		return true
	default:
		return false
	}
}

func TestWatch(t *testing.T) {
	eachWorld(t, func(w *world) {
		one, stopOne := w.g.Watch(shop, "o1")
		two, stopTwo := w.g.Watch(shop, "o1")
		foreign, stopForeign := w.g.Watch(other, "o1")
		r := claimRequest("o1", "p1", "321302038123", "500")
		w.claim(r)
		if !wasTold(one) || !wasTold(two) || wasTold(one) || wasTold(foreign) {
			t.Error("the first claim wasn't told to those who watch its order, or to others")
		}
		if w.claim(r); wasTold(one) {
			t.Error("a repeat changes nothing, and was told")
		}
		// Nobody looks meanwhile: several changes are told as one, and nobody is waited for.
		w.claim(claimRequest("o1", "p1", "321302038124", "500"))
		w.observe(w.credit("321302038124", "500"))
		if !wasTold(one) || wasTold(one) || w.order("o1").Result.State != deposit.Accepted {
			t.Error("two changes weren't told as one")
		}
		stopOne()
		stopOne()
		stopTwo()
		stopForeign()
		if w.g.watchers.count.Load() != 0 || len(w.g.watchers.byOrder) != 0 {
			t.Errorf("%d are left", w.g.watchers.count.Load())
		}
	})
}

// Whatever moves a claim is told: money, the clock, a person.
func TestWatchSeesEveryMove(t *testing.T) {
	eachWorld(t, func(w *world) {
		changed, stop := w.g.Watch(shop, "o1")
		defer stop()
		w.claim(claimRequest("o1", "p1", "321302038123", "400"))
		wasTold(changed)
		w.observe(w.credit("321302038123", "500"))
		if !wasTold(changed) {
			t.Error("the hold wasn't told")
		}
		_, err := w.g.ResolveClaim(t.Context(), w.order("o1").Result.ClaimID, true, "asha", "looked at it")
		if w.must(err); !wasTold(changed) {
			t.Error("the person's decision wasn't told")
		}
		late, stopLate := w.g.Watch(shop, "o2")
		defer stopLate()
		w.claim(claimRequest("o2", "p1", "321302038129", "500"))
		wasTold(late)
		w.clock.Advance(merchant.DefaultWindow)
		if w.must(w.g.Expire(t.Context())); !wasTold(late) {
			t.Error("the expiry wasn't told")
		}
		w.g.watchers.unsure()
		if !wasTold(changed) || !wasTold(late) {
			t.Error("a commit whose answer was lost wasn't told to everybody")
		}
	})
}
