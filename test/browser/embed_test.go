package browser

import (
	"net/url"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// embed.js opens the window over the merchant's page, keeps the focus in it, and gives the page back.
func TestEmbedScript(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s, look{lang: "hi", width: 1280, height: 800, script: true, framed: true})
	order, number := b.order()
	b.pay(number, "500")
	b.do(chromedp.Navigate(s.shop.URL + "/script?link=" + url.QueryEscape(b.link(order, b.fixed("500")...))))
	b.do(chromedp.Click(`#pay`))
	b.outside(`document.querySelector("dialog[open]")?.ariaLabel === "पेमेंट"`)
	b.screen("pay")
	b.picture("embedded")
	b.do(chromedp.KeyEvent(kb.Escape))
	b.outside(`document.querySelector("dialog") === null && document.activeElement.id === "pay"`)
	b.do(chromedp.Click(`#pay`))
	b.screen("pay")
	b.do(chromedp.Click(`dialog > button`))
	b.outside(`document.querySelector("dialog") === null`)
}
