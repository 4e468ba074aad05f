package window

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

// Over the budget of wrong numbers the payer is told when the number is checked, and then it is, whoever looks.
func TestTooManyAttempts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		ready := w.clock.Now().Add(25*time.Minute + time.Second)
		real, asked := w.window.activate, []gateway.ClaimRequest(nil)
		w.window.activate = func(ctx context.Context, requests []gateway.ClaimRequest) ([]gateway.ClaimResult, error) {
			asked = append(asked, requests...)
			if w.clock.Now().Before(ready) {
				return nil, fmt.Errorf("activate: %w", &gateway.TooManyAttempts{Again: ready})
			}
			return real(ctx, requests)
		}
		w.transfer(number(1), "500")
		link := linkOf("many-1", "500", "payment_url_pending_id=3", "payment_url_success_id=2")
		told := w.follow(link, "key1", number(1)).status("pending")
		if told.attribute("data-again") != "26" || told.href("next") != "" || told.attribute("data-events") == "" || textOf(told.element("id", "number")) != covered(number(1)) {
			t.Errorf("told: %s", told.Body)
		}
		if asked[0].From != netip.MustParseAddr(payerAddress) {
			t.Errorf("asked for %v", asked[0].From)
		}
		if stored := w.count("SELECT count(*) FROM claim"); stored != 0 {
			t.Errorf("%d claims are stored", stored)
		}
		// Another number takes its place.
		w.follow(w.get(told.href("correct")).screen(200, "pay").attribute("action"), "key1", number(2)).status("pending")
		w.follow(link, "key1", number(1)).status("pending")

		w.clock.Advance(25 * time.Minute)
		calls := len(asked)
		w.window.checkDeferred(t.Context())
		if len(asked) != calls {
			t.Error("checked before its time")
		}
		if again := w.get(link).status("pending").attribute("data-again"); again != "1" {
			t.Errorf("a second before it is checked in %s minutes", again)
		}
		w.clock.Advance(time.Second)
		w.window.checkDeferred(t.Context())
		done := w.get(link).status("ok")
		if done.attribute("data-again") != "" || done.href("next") == "" {
			t.Errorf("checked: %s", done.Body)
		}
		w.window.checkDeferred(t.Context())
		if len(asked) != calls+1 || len(w.window.deferred.claims) != 0 || len(w.window.deferred.perIP) != 0 {
			t.Errorf("%d checks, left %v", len(asked)-calls, w.window.deferred.claims)
		}
	})
}

func TestDeferredAgain(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		var failure error
		w.window.activate = func(context.Context, []gateway.ClaimRequest) ([]gateway.ClaimResult, error) { return nil, failure }
		m, _ := w.g.Directory().MerchantBySlug("shop")
		request := gateway.ClaimRequest{MerchantID: m.ID, OrderID: "again-1", Payer: "payer", Key1: number(1)}
		w.window.deferred.add(request, w.clock.Now(), 0)
		failure = errors.New("the database is away")
		w.window.checkDeferred(t.Context())
		if c := w.window.deferred.find(m.ID, "again-1"); c == nil || !c.at.Equal(w.clock.Now().Add(deferredRetry)) {
			t.Errorf("after a fault: %+v", c)
		}
		failure = &gateway.TooManyAttempts{Again: w.clock.Now()}
		w.clock.Advance(deferredRetry)
		for range maxDeferrals {
			w.window.checkDeferred(t.Context())
		}
		if c := w.window.deferred.find(m.ID, "again-1"); c != nil {
			t.Errorf("never given up: %+v", c)
		}
	})
}

// A number that was put off must not take the place of one that came by another way since.
func TestDeferredTooLate(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		link := linkOf("stale-1", "500")
		m, _ := w.g.Directory().MerchantBySlug("shop")
		phonePe, _ := method.Lookup("phone_pe")
		amount, err := money.Parse("500", money.INR)
		must(t, err)
		stale := gateway.ClaimRequest{MerchantID: m.ID, OrderID: "stale-1", Payer: "payer", Method: phonePe, Key1: number(1), Amount: amount}
		w.window.deferred.add(stale, w.clock.Now(), 0)
		_, err = w.g.Activate(t.Context(), []gateway.ClaimRequest{{
			MerchantID: m.ID, OrderID: "stale-1", Payer: "payer", Method: phonePe, Key1: number(2), Amount: amount,
		}})
		must(t, err)
		w.window.checkDeferred(t.Context())
		if w.window.deferred.find(m.ID, "stale-1") != nil {
			t.Error("it is kept")
		}
		w.transfer(number(2), "500")
		w.get(link).status("ok")
	})
}

func TestDeferralsAreBounded(t *testing.T) {
	d, at := newDeferrals(), time.Unix(1790000000, 0)
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range maxDeferredPerIP {
		if !d.add(gateway.ClaimRequest{OrderID: fmt.Sprint(i), From: address(0)}, at, 0) {
			t.Fatal("refused below the limit")
		}
	}
	if d.add(gateway.ClaimRequest{OrderID: "more", From: address(0)}, at, 0) {
		t.Error("one address got more than its limit")
	}
	if d.add(gateway.ClaimRequest{OrderID: "from elsewhere", From: address(7)}, at, 0); !d.add(gateway.ClaimRequest{OrderID: "from elsewhere", From: address(7)}, at, 0) {
		t.Error("a number isn't replaced")
	}
	if d.add(gateway.ClaimRequest{OrderID: "from elsewhere", From: address(0)}, at, 0) || d.find(0, "from elsewhere") == nil {
		t.Error("a number that was refused took away the one before it")
	}
	d.remove(0, "from elsewhere")
	if !d.add(gateway.ClaimRequest{OrderID: "0", From: address(0)}, at, 0) {
		t.Error("an order's number can't be replaced at the limit")
	}
	for i := maxDeferredPerIP; i < maxDeferred; i++ {
		if !d.add(gateway.ClaimRequest{OrderID: fmt.Sprint(i), From: address(i)}, at, 0) {
			t.Fatal("refused below the limit of all")
		}
	}
	if d.add(gateway.ClaimRequest{OrderID: "more", From: address(1)}, at, 0) {
		t.Error("more than all were kept")
	}
	if got := len(d.due(at)); got != maxDeferredRound {
		t.Errorf("%d are due at once, want %d", got, maxDeferredRound)
	}
}
