package browser

import (
	"fmt"
	"strings"
	"testing"
)

const (
	phonePe     = `button[value="phone_pe"]`
	amountField = `#amount`
	numberField = `#key1`
	forward     = `button.main`
	// phonePeID is what payers copy by mistake.
	phonePeID = "T2311221530123456789012"
)

// claim types the transaction number on the pay screen and sends it.
func (b *tab) claim(number string) {
	b.t.Helper()
	b.paste(numberField, number)
	b.follow(forward)
}

// want waits for the result that a status of the wire has.
func (b *tab) want(status string) {
	b.t.Helper()
	b.see(`[data-status="` + status + `"]`)
	b.fits(`[data-status]`)
	b.picture(status)
}

// screen waits for a screen.
func (b *tab) screen(name string) {
	b.t.Helper()
	b.see(`main[data-screen="` + name + `"]`)
}

// fits checks that the page needs no scrolling sideways, and that the element is on the screen without any.
func (b *tab) fits(selector string) {
	b.t.Helper()
	if ask[bool](b, `document.documentElement.scrollWidth > innerWidth`) {
		b.t.Error("the page scrolls sideways", b.where())
	}
	if ask[bool](b, `document.querySelector(`+quote(selector)+`).getBoundingClientRect().bottom > innerHeight`) {
		b.t.Errorf("%s is below the screen%s", selector, b.where())
	}
}

// The whole way to each of the four results, as every payer may see it.
func TestWalk(t *testing.T) {
	s := newSite(t)
	for _, l := range looks() {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			b := newTab(t, s, l)
			b.walkToOK()
			b.walkToPossible()
			b.walkToPending()
			b.walkToFail()
			b.walkToWrongLinks()
		})
	}
}

// walkToOK chooses the method, types the amount, changes it, pays, types wrong numbers and then pastes a message.
func (b *tab) walkToOK() {
	b.t.Helper()
	order, number := b.order()
	b.pay(number, "600")
	b.open(b.link(order))
	b.screen("methods")
	b.picture("methods")
	b.fits(phonePe)
	if got := ask[string](b, `document.documentElement.lang`); got != b.look.lang {
		b.t.Errorf("the page is in %q", got)
	}
	b.follow(phonePe)
	b.screen("amount")
	b.paste(amountField, "five hundred")
	b.follow(forward)
	b.see(`main[data-error]`)
	b.picture("amount-wrong")
	b.paste(amountField, "500")
	b.follow(forward)
	b.screen("pay")
	b.follow(`#change`)
	b.screen("amount")
	b.paste(amountField, "₹ 600")
	b.follow(forward)
	b.screen("pay")
	b.fits(`#identifier`)
	b.picture("pay")
	text := ask[string](b, `document.querySelector("main").innerText`)
	for _, want := range []string{phonePeWallet, "600", "Galla Shop"} {
		if !strings.Contains(strings.ReplaceAll(text, "\u00a0", " "), want) {
			b.t.Errorf("%q isn't shown%s", want, b.where())
		}
	}
	if b.look.script {
		b.touch(`[data-copy="` + phonePeWallet + `"]`)
		b.see(`[data-copy="` + phonePeWallet + `"].done`)
	}
	b.claim(phonePeID)
	b.see(`main[data-error="phonepe_id"]`)
	b.picture("number-wrong")
	b.claim(fmt.Sprintf("Paid ₹600 to %s\nUTR: %s", phonePeWallet, number))
	b.want("ok")
	b.open(b.link(order))
	b.want("ok")
	b.switchLanguage()
	b.want("ok")
}

// switchLanguage takes the other language by the page's own switch.
func (b *tab) switchLanguage() {
	b.t.Helper()
	other := map[string]string{"en": "hi", "hi": "en"}[b.look.lang]
	b.follow(`nav a[hreflang="` + other + `"]`)
	b.until(`document.documentElement.lang === "` + other + `"`)
}

// walkToPossible types a number that doesn't exist, corrects it on the same link, and waits for the money.
func (b *tab) walkToPossible() {
	b.t.Helper()
	order, typo := b.order()
	_, number := b.order()
	link := b.link(order, b.fixed("250.5")...)
	b.open(link)
	b.claim(typo)
	b.want("possible_transaction_created")
	b.follow(`#correct`)
	b.screen("pay")
	b.see(`[data-left]`)
	b.claim(number)
	b.want("possible_transaction_created")
	if !b.look.script {
		if got := ask[int](b, `Number((/http-equiv="refresh" content="(\d+)"/.exec(document.head.innerHTML) ?? [])[1] ?? 0)`); got == 0 {
			b.t.Error("without scripts the page never loads itself again")
		}
	}
	b.pay(number, "250.50")
	if !b.look.script {
		b.open(link) // the page would load itself again by and by
	}
	b.want("ok")
	if b.look.script && b.look.framed {
		origin := b.site.server.URL
		b.outside(`document.body.dataset.heard?.endsWith(` + quote(origin+" possible_transaction_created;"+origin+" ok;") + `) ?? false`)
	}
}

// walkToPending claims another amount than was paid.
func (b *tab) walkToPending() {
	b.t.Helper()
	order, number := b.order()
	b.pay(number, "700")
	b.open(b.link(order, b.fixed("500")...))
	b.claim(number)
	b.want("pending")
}

// walkToFail types a number that another order was paid with, and then the right one on the same link.
func (b *tab) walkToFail() {
	b.t.Helper()
	credited, used := b.order()
	b.pay(used, "500")
	b.open(b.link(credited, b.fixed("500")...))
	b.claim(used)
	b.want("ok")
	order, number := b.order()
	b.open(b.link(order, b.fixed("500")...))
	b.claim(used)
	b.want("fail")
	b.pay(number, "500")
	b.follow(`#correct`)
	b.claim(number)
	b.want("ok")
}

// walkToWrongLinks opens a link that the merchant must mend, and a UPI wallet with its QR.
func (b *tab) walkToWrongLinks() {
	b.t.Helper()
	order, _ := b.order()
	b.open(b.link(order, "label", ""))
	b.see(`[data-status="problem"][data-code="label_missing"]`)
	b.picture("problem")
	b.open(b.link(order, "wallet_type", "upi_l", "fixed_amount", "125000.50"))
	b.screen("pay")
	b.fits(`#identifier`)
	b.see(`#qr svg`)
	b.picture("pay-upi")
}

// Too many wrong numbers: nothing is looked up any more, and the page says when it will be.
func TestTooManyWrongNumbers(t *testing.T) {
	s := newSite(t)
	for _, l := range []look{{lang: "en", width: 360, height: 740, script: true}, {lang: "hi", width: 1280, height: 800, dark: true}} {
		t.Run(l.String(), func(t *testing.T) {
			t.Parallel()
			b := newTab(t, s, l)
			order, _ := b.order()
			b.open(b.link(order, b.fixed("500")...))
			for n := range 6 {
				_, number := b.order()
				b.claim(number)
				if n < 5 {
					b.want("possible_transaction_created")
					b.follow(`#correct`)
				}
			}
			b.see(`[data-again]`)
			b.picture("again")
		})
	}
}
