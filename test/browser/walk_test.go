//go:build browser

package browser

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

const (
	numberField = `input[name="key1"]`
	amountField = `input[name="amount"]:not([type="hidden"])`
	result      = `[data-status]`
)

// claim types the transaction number on the pay screen and sends it.
func (b *tab) claim(number string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(numberField), chromedp.SendKeys(numberField, number), chromedp.Submit(numberField), chromedp.WaitVisible(result))
}

func (b *tab) wantStatus(want string) {
	b.t.Helper()
	b.do(chromedp.WaitVisible(`[data-status="` + want + `"]`))
}

// fits checks that the page needs no scrolling sideways, and that the element is on the screen without any.
func (b *tab) fits(selector string) {
	b.t.Helper()
	if wide := ask[bool](b, `document.documentElement.scrollWidth > innerWidth`); wide {
		b.t.Error("the page scrolls sideways", b.where())
	}
	if hidden := ask[bool](b, `document.querySelector('`+selector+`').getBoundingClientRect().bottom > innerHeight`); hidden {
		b.t.Errorf("%s is below the screen", selector)
	}
}

// The whole way to each of the four results, as every payer may see it.
func TestWalk(t *testing.T) {
	s := newSite(t)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			b := newTab(t, l)
			lang := []string{"lang", l.lang}
			with := func(more ...string) []string { return append(more, lang...) }

			t.Log("ok: choose the method, type the amount, pay, type the number")
			order, number := s.order()
			s.pay(number, "500")
			b.do(chromedp.Navigate(s.link(order, with()...)), chromedp.Click(`button[value="phone_pe"]`), chromedp.WaitVisible(amountField))
			if got := ask[string](b, `document.documentElement.lang`); got != l.lang {
				t.Errorf("the page is in %q", got)
			}
			b.fits(amountField)
			b.do(chromedp.SendKeys(amountField, "500"), chromedp.Submit(amountField), chromedp.WaitVisible(numberField))
			if text := ask[string](b, `document.body.innerText`); !strings.Contains(strings.ReplaceAll(text, " ", ""), phonePeWallet) {
				t.Error("the wallet isn't shown", b.where())
			}
			b.claim("Paid ₹500. UTR: " + number)
			b.wantStatus("ok")
			b.fits(result)
			b.do(chromedp.Navigate(s.link(order, with()...)))
			b.wantStatus("ok")

			t.Log("possible, which becomes ok by itself")
			order, number = s.order()
			link := s.link(order, with("wallet_type", "phone_pe", "fixed_amount", "250.5")...)
			b.do(chromedp.Navigate(link))
			b.claim(number)
			b.wantStatus("possible_transaction_created")
			b.fits(result)
			s.pay(number, "250.50")
			if !l.script {
				b.do(chromedp.Navigate(link)) // the page would load itself again by and by
			}
			b.wantStatus("ok")

			t.Log("pending: the amount differs")
			order, number = s.order()
			s.pay(number, "700")
			b.do(chromedp.Navigate(s.link(order, with("wallet_type", "phone_pe", "fixed_amount", "500")...)))
			b.claim(number)
			b.wantStatus("pending")
			b.fits(result)

			t.Log("fail: a number that is credited already")
			credited, number := s.order()
			s.pay(number, "500")
			b.do(chromedp.Navigate(s.link(credited, with("wallet_type", "phone_pe", "fixed_amount", "500")...)))
			b.claim(number)
			b.wantStatus("ok")
			order, _ = s.order()
			b.do(chromedp.Navigate(s.link(order, with("wallet_type", "phone_pe", "fixed_amount", "500")...)))
			b.claim(number)
			b.wantStatus("fail")
			b.fits(result)
		})
	}
}

// Each result leads to its own URL of the merchant, by id and by token.
func TestRedirects(t *testing.T) {
	s := newSite(t)
	for status, id := range map[string]string{"ok": "payment_url_success_id", "possible_transaction_created": "payment_url_pending_id"} {
		for _, script := range []bool{true, false} {
			b := newTab(t, look{"en", 360, 740, false, script})
			order, number := s.order()
			if status == "ok" {
				s.pay(number, "500")
			}
			b.do(chromedp.Navigate(s.link(order, "wallet_type", "phone_pe", "fixed_amount", "500", id, "2")))
			b.claim(number)
			b.wantStatus(status)
			if script {
				b.do(chromedp.WaitVisible(`#back`)) // the countdown
			} else {
				b.do(chromedp.Click(`a[href="`+s.shop.URL+`/back"]`), chromedp.WaitVisible(`#back`))
			}
		}
	}
}
