package browser

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"testing"
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
var screens = map[string]func(b *tab){
	"methods": func(b *tab) { b.openNew() },
	"amount":  func(b *tab) { b.openNew("wallet_type", b.market().method) },
	"amount wrong": func(b *tab) {
		b.openNew("wallet_type", b.market().method)
		b.follow(forward)
		b.see(`main[data-error]`)
	},
	"pay": func(b *tab) { b.openNew(b.fixed("125000.50")...) },
	"pay upi": func(b *tab) {
		b.openNew("wallet_type", "upi_l", "fixed_amount", "500", "currency_code", "INR")
	},
	"problem": func(b *tab) { b.openNew("label", "") },
	"number wrong": func(b *tab) {
		b.openNew(b.fixed("500")...)
		b.claim("?")
		b.see(`main[data-error]`)
	},
	"correct": func(b *tab) {
		b.lead("possible_transaction_created")
		b.follow(`#correct`)
	},
	"ok":       func(b *tab) { b.lead("ok", "payment_url_success_id", "2"); b.touch(`.count button`) },
	"pending":  func(b *tab) { b.lead("pending") },
	"possible": func(b *tab) { b.lead("possible_transaction_created") },
	"fail":     func(b *tab) { b.lead("fail") },
}

// openNew opens the window for a new order.
func (b *tab) openNew(more ...string) {
	b.t.Helper()
	order, _ := b.order()
	b.open(b.link(order, more...))
	b.see("main")
}

// violation is what axe says against a page.
type violation struct {
	ID    string   `json:"id"`
	Help  string   `json:"help"`
	Nodes []string `json:"nodes"`
}

const axeRun = `axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then(r =>
	r.violations.map(v => ({id: v.id, help: v.help, nodes: v.nodes.map(n => n.html)})))`

// Every screen in every language is free of what axe-core finds against WCAG 2.2 AA: on a phone in light colours, and on a
// desk in dark ones.
func TestAccessibility(t *testing.T) {
	s := newSite(t)
	source := axe(t)
	for _, lang := range []string{"en", "hi", "bn", "ur"} {
		for _, l := range []look{{lang: lang, width: 360, height: 740, script: true}, {lang: lang, width: 1280, height: 800, dark: true, script: true}} {
			t.Run(l.String(), func(t *testing.T) {
				t.Parallel()
				b := newTab(t, s, l)
				for name, reach := range screens {
					reach(b)
					b.picture("axe " + name)
					for _, v := range ask[[]violation](b, "(() => {"+source+"; return "+axeRun+"})()") {
						t.Errorf("%s: %s: %s\n%s", name, v.ID, v.Help, v.Nodes)
					}
				}
			})
		}
	}
}
