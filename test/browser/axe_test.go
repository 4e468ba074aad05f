//go:build browser

package browser

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"testing"

	"github.com/chromedp/chromedp"
)

//go:embed testdata/axe-4.14.1.min.js.gz
var axePacked []byte

// axe is Deque's axe-core, MPL 2.0 (testdata/axe.LICENSE).
func axe(t *testing.T) string {
	t.Helper()
	packed, err := gzip.NewReader(bytes.NewReader(axePacked))
	if err != nil {
		t.Fatal(err)
	}
	source, err := io.ReadAll(packed)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}

// screens bring a tab to every screen of the window. Each has an order of its own.
func screens(s *site) map[string]func(b *tab, lang string) {
	pay := func(b *tab, lang, evidence, claimed string) string {
		order, number := s.order()
		if evidence != "" {
			s.pay(number, evidence)
		}
		b.do(chromedp.Navigate(s.link(order, "lang", lang, "wallet_type", "phone_pe", "fixed_amount", claimed)))
		return number
	}
	open := func(more ...string) func(*tab, string) {
		return func(b *tab, lang string) {
			order, _ := s.order()
			b.do(chromedp.Navigate(s.link(order, append(more, "lang", lang)...)))
		}
	}
	return map[string]func(*tab, string){
		"methods": open(),
		"amount":  open("wallet_type", "phone_pe"),
		"pay":     open("wallet_type", "phone_pe", "fixed_amount", "125000.50"),
		"pay upi": open("wallet_type", "upi_l", "fixed_amount", "500"),
		"problem": open("label", ""),
		"number wrong": func(b *tab, lang string) {
			pay(b, lang, "", "500")
			b.do(chromedp.WaitVisible(numberField), chromedp.SendKeys(numberField, "T2311221530123456789012"), chromedp.Submit(numberField), chromedp.WaitVisible(numberField))
		},
		"ok":      func(b *tab, lang string) { b.claim(pay(b, lang, "500", "500")); b.wantStatus("ok") },
		"pending": func(b *tab, lang string) { b.claim(pay(b, lang, "700", "500")); b.wantStatus("pending") },
		"possible": func(b *tab, lang string) {
			b.claim(pay(b, lang, "", "500"))
			b.wantStatus("possible_transaction_created")
		},
		"fail": func(b *tab, lang string) {
			number := pay(b, lang, "500", "500")
			b.claim(number)
			open("wallet_type", "phone_pe", "fixed_amount", "500")(b, lang)
			b.claim(number)
			b.wantStatus("fail")
		},
	}
}

// violation is what axe says against a page.
type violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Nodes []string `json:"nodes"`
}

const axeRun = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
	r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html)})))`

// Every screen in every language and theme is free of what axe-core finds against WCAG 2.2 AA.
func TestAccessibility(t *testing.T) {
	s := newSite(t)
	source := axe(t)
	for name, reach := range screens(s) {
		for _, l := range []look{{"en", 360, 740, false, true}, {"hi", 360, 740, true, true}, {"en", 1280, 800, true, true}, {"hi", 1280, 800, false, true}} {
			t.Run(name+" "+l.String(), func(t *testing.T) {
				b := newTab(t, l)
				reach(b, l.lang)
				ask[any](b, source+"; 0")
				for _, v := range await[[]violation](b, axeRun) {
					t.Errorf("%s: %s\n%s", v.ID, v.Help, v.Nodes)
				}
			})
		}
	}
}
