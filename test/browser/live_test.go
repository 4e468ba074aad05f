package browser

import (
	"context"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// The page hears of a change by events alone: here it can't ask.
func TestEventsTellThePage(t *testing.T) {
	s := newSite(t)
	b := newTab(t, s, look{lang: "en", width: 360, height: 740, script: true})
	b.do(chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, network.SetBlockedURLs, network.SetBlockedURLsParams{
			URLPatterns: []*network.BlockPattern{{URLPattern: s.server.URL + `/plugin/shop/state\?*`, Block: true}},
		})
		return err
	}))
	order, number := b.order()
	b.open(b.link(order, b.fixed("500")...))
	b.claim(number)
	b.want("possible_transaction_created")
	if ask[bool](b, `fetch(document.querySelector("#result").dataset.state).then(() => true, () => false)`) {
		t.Fatal("the page can ask")
	}
	b.pay(number, "700") // another amount: held
	b.want("pending")
}
