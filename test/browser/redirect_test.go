package browser

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
)

// targets are where each result leads: to /back/fail, /back or /back/pending, registered in this order.
var targets = []struct {
	status, path string
	kind         galla.RedirectKind
	id, token    string // parameters
	number       string // id of the registered address
}{
	{"ok", "/back", galla.RedirectSuccess, "payment_url_success_id", "success_url", "2"},
	{"possible_transaction_created", "/back/pending", galla.RedirectPending, "payment_url_pending_id", "pending_url", "3"},
	{"pending", "/back/pending", galla.RedirectPending, "payment_url_pending_id", "pending_url", "3"},
	{"fail", "/back/fail", galla.RedirectFail, "payment_url_fail_id", "fail_url", "1"},
}

// lead brings a new order to a status, by a link with these parameters.
func (b *tab) lead(status string, more ...string) {
	b.t.Helper()
	order, number := b.order()
	if status == "fail" {
		used, _ := b.order()
		b.pay(number, "500")
		b.open(b.link(used, b.fixed("500")...))
		b.claim(number)
		b.want("ok")
	}
	if paid := map[string]string{"ok": "500", "pending": "700"}[status]; paid != "" {
		b.pay(number, paid)
	}
	b.open(b.link(order, b.fixed("500", more...)...))
	b.claim(number)
	b.want(status)
}

// Each result leads to its own address of the merchant, by id and by token, with the countdown or by the button.
func TestRedirects(t *testing.T) {
	s := newSite(t)
	for _, to := range targets {
		token := galla.RedirectToken(s.keys.RedirectKey, "shop", to.kind, s.shop.URL+to.path, time.Now().Add(time.Hour))
		for i, by := range [][2]string{{to.id, to.number}, {to.token, token}} {
			for n := range 4 {
				l := look{[]string{"en", "hi"}[n%2], 360, 740, false, n&1 == 0, n&2 != 0}
				if i == 1 {
					l.width, l.height, l.dark = 1280, 800, true
				}
				t.Run(fmt.Sprint(to.status, " ", by[0], " ", l), func(t *testing.T) {
					t.Parallel()
					b := newTab(t, s, l)
					b.lead(to.status, by[:]...)
					if l.script && !l.framed && by[0] == to.id {
						b.see(`#back`) // the countdown
					} else {
						b.follow(`#next`)
					}
					b.until(`location.href === ` + quote(s.shop.URL+to.path))
				})
			}
		}
	}
}

// Whoever needs longer stops the countdown: nothing moves on after that.
func TestCountdownStops(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s, look{lang: "en", width: 360, height: 740, script: true})
	b.lead("ok", "payment_url_success_id", "2")
	b.touch(`.count button`)
	b.until(`document.querySelector(".count span").textContent === "You stay on this page."`)
	// The page's own clock tells when the five seconds and some more are over.
	if here := ask[string](b, `new Promise(done => setTimeout(() => done(location.pathname), 6500))`); here != "/plugin/shop/" {
		t.Errorf("it moved on to %s", here)
	}
}

// What the merchant didn't sign or register leads nowhere: the result stays.
func TestNothingElseRedirects(t *testing.T) {
	s := newSite(t)
	expired := galla.RedirectToken(s.keys.RedirectKey, "shop", galla.RedirectSuccess, s.shop.URL+"/back", time.Now().Add(-time.Minute))
	other := galla.RedirectToken(s.keys.RedirectKey, "shop", galla.RedirectFail, s.shop.URL+"/back", time.Now().Add(time.Hour))
	for name, by := range map[string][2]string{
		"address": {"success_url", s.shop.URL + "/back"}, "script": {"success_url", "javascript:alert(1)"}, "foreign": {"success_url", "//evil.example"},
		"expired": {"success_url", expired}, "of another kind": {"success_url", other}, "cut": {"success_url", strings.TrimSuffix(expired, "A")},
		"unknown id": {"payment_url_success_id", "9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newTab(t, s, look{lang: "en", width: 360, height: 740, script: true})
			b.lead("ok", by[:]...)
			if ask[bool](b, `document.querySelector("#next, [data-seconds]") !== null`) {
				t.Error("the page leads on", b.where())
			}
		})
	}
}
