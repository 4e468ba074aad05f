package window

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/money"
)

// world is the window over a real gateway and a real database, on a clock that the test moves. Merchant shop takes
// phone_pe, upi_l and bkash; merchant other takes phone_pe.
type world struct {
	t       testing.TB
	g       *gateway.Gateway
	clock   *testkit.Clock
	window  *Window
	handler http.Handler
	log     *testkit.Log
	account deposit.AccountID // of shop's phone_pe wallet
	source  int64
	wallets map[string]wallet.ID
}

// Names of the fixture.
const (
	baseHost     = "galla.test:8080"
	shopPhonePe  = "6234234234"
	shopVPA      = "shop@okhdfcbank"
	payerAddress = "198.51.100.7"
	shopHost     = "plugin.shop." + baseHost
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newWorld(t testing.TB, database string) *world {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "key")
	must(t, keyring.Generate(path))
	keys, err := keyring.Load(path)
	must(t, err)
	s, err := store.Open(ctx, database, store.Create, store.Options{})
	must(t, err)
	w := &world{t: t, clock: testkit.NewClock(), log: &testkit.Log{}, wallets: map[string]wallet.ID{}}
	logger := slog.New(slog.NewJSONHandler(w.log, nil))
	w.g, err = gateway.Open(ctx, s, keys, gateway.Options{Now: w.clock.Now, Logger: logger, OnFatal: func(err error) { t.Error("fatal:", err) }})
	must(t, err)
	t.Cleanup(func() {
		w.g.Close()
		must(t, s.Close())
	})
	w.seed()
	w.window = New(Config{Gateway: w.g, BaseHost: baseHost, DefaultMerchant: "other", Now: w.clock.Now, Logger: logger})
	w.handler = web.NewEdge(w.window, logger, nil, w.clock.Now)
	return w
}

func (w *world) seed() {
	ctx := context.Background()
	for _, slug := range []string{"shop", "other"} {
		_, err := w.g.AddMerchants(ctx, gateway.NewMerchant{Slug: slug, Name: "The " + slug, PostbackURL: "http://127.0.0.1:1/"})
		must(w.t, err)
	}
	must(w.t, w.g.AddDomain(ctx, "shop", "pay.example.com"))
	for _, n := range []gateway.NewWallet{
		{Method: "phone_pe", Identifier: shopPhonePe, Merchants: []string{"shop"}},
		{Method: "upi_l", Identifier: shopVPA, Merchants: []string{"shop"}},
		{Method: "bkash", Identifier: "01712345678", AccountType: "agent", Merchants: []string{"shop"}},
		{Method: "phone_pe", Identifier: "6234234235", Merchants: []string{"other"}},
	} {
		n.Holder = "Holder"
		added, err := w.g.AddWallet(ctx, n)
		must(w.t, err)
		w.wallets[n.Merchants[0]+" "+n.Method] = added.ID
	}
	source, err := w.g.AddSource(ctx, w.wallets["shop phone_pe"], evidence.SourceTransfers)
	must(w.t, err)
	w.source = source.ID
	found, _ := w.g.Directory().Source(source.ID)
	w.account = deposit.AccountID(found.AccountID)
	for _, address := range []string{"https://merchant.example/failed", "https://merchant.example/ok?from=galla", "https://merchant.example/pending"} {
		_, err := w.g.AddRedirect(ctx, "shop", address, false)
		must(w.t, err)
	}
	for id := range 4 {
		_, err := w.g.AddRedirect(ctx, "other", fmt.Sprintf("https://other.example/%d", id), false)
		must(w.t, err)
	}
	for id := range 3 {
		must(w.t, w.g.RemoveRedirect(ctx, "other", id+1)) // so that 4 is other's alone
	}
	for _, origin := range []string{"https://merchant.example", "https://app.merchant.example"} {
		must(w.t, w.g.AddOrigin(ctx, "shop", origin, false))
	}
	name, colour, contact := "Shop & Co", "#123456", "help@merchant.example"
	logo := []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8"/></svg>`)
	_, err = w.g.SetBrand(ctx, "shop", gateway.BrandChange{
		Name: &name, Colour: &colour, Contact: &contact, Logo: &logo,
	})
	must(w.t, err)
}

// set changes a merchant's settings, as key=value.
func (w *world) set(slug string, settings ...string) {
	w.t.Helper()
	parsed, err := gateway.ParseSettings(settings)
	must(w.t, err)
	must(w.t, w.g.SetMerchant(context.Background(), slug, parsed))
}

// transfer reports money on shop's phone_pe wallet, paid now.
func (w *world) transfer(number, amount string) {
	w.t.Helper()
	paid, err := money.Parse(amount, money.INR)
	must(w.t, err)
	item := gateway.EvidenceItem{
		SourceID: w.source, AccountID: w.account, Raw: []byte(number + amount), ReceivedAt: w.clock.Now(), Outcome: evidence.Credit,
		Rail: method.RailIndia, Number: number, Amount: paid, OccurredAt: w.clock.Now(), Precision: evidence.PrecisionExact,
		Strength: evidence.StrengthAny,
	}
	copy(item.Fingerprint[:], number+amount)
	results, err := w.g.Observe(context.Background(), []gateway.EvidenceItem{item})
	must(w.t, err)
	if results[0].Status != gateway.EvidenceCreated {
		w.t.Fatalf("evidence of %s: %+v", number, results[0])
	}
}

// answer is a page as a browser sees it.
type answer struct {
	*httptest.ResponseRecorder
	t    testing.TB
	root *html.Node
}

// call is one request; the zero values are those of a payer's browser on shop's own host.
type call struct {
	method, host, target, body string
	header                     http.Header
}

func (w *world) do(c call) answer {
	w.t.Helper()
	if c.method == "" {
		c.method = http.MethodGet
	}
	if c.host == "" {
		c.host = shopHost
	}
	r := httptest.NewRequest(c.method, "http://"+c.host+"/", strings.NewReader(c.body))
	target, err := url.ParseRequestURI(c.target)
	must(w.t, err)
	r.URL, r.RequestURI, r.RemoteAddr = target, c.target, netip.AddrPortFrom(netip.MustParseAddr(payerAddress), 40000).String()
	if c.method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, values := range c.header {
		r.Header[name] = values
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	a := answer{ResponseRecorder: recorder, t: w.t}
	a.root, err = html.Parse(bytes.NewReader(recorder.Body.Bytes()))
	must(w.t, err)
	return a
}

func (w *world) get(target string) answer { w.t.Helper(); return w.do(call{target: target}) }

// send posts a form.
func (w *world) send(target string, fields ...string) answer {
	w.t.Helper()
	values := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		values.Add(fields[i], fields[i+1])
	}
	return w.do(call{method: http.MethodPost, target: target, body: values.Encode()})
}

// follow posts a form, and opens the page that the answer leads to.
func (w *world) follow(target string, fields ...string) answer {
	w.t.Helper()
	a := w.send(target, fields...)
	location := a.Header().Get("Location")
	if a.Code != http.StatusSeeOther || !strings.HasPrefix(location, "/") || strings.HasPrefix(location, "//") {
		w.t.Fatalf("POST %s %v: %d to %q, want 303 to our own path: %s", target, fields, a.Code, location, a.Body)
	}
	return w.get(location)
}

// attribute is the value of an attribute of the first element that has it.
func (a answer) attribute(name string) string {
	for n := range a.root.Descendants() {
		for _, attribute := range n.Attr {
			if attribute.Key == name {
				return attribute.Val
			}
		}
	}
	return ""
}

// element is the first element with an attribute of that value.
func (a answer) element(name, value string) *html.Node {
	for n := range a.root.Descendants() {
		for _, attribute := range n.Attr {
			if attribute.Key == name && attribute.Val == value {
				return n
			}
		}
	}
	return nil
}

// field is the value of a form field.
func (a answer) field(name string) string {
	n := a.element("name", name)
	if n == nil {
		return ""
	}
	for _, attribute := range n.Attr {
		if attribute.Key == "value" {
			return attribute.Val
		}
	}
	return textOf(n)
}

func textOf(n *html.Node) string {
	var b strings.Builder
	if n == nil {
		return ""
	}
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return b.String()
}

// href is the address of the link with an id, "" for none.
func (a answer) href(id string) string { return hrefOf(a.element("id", id)) }

func hrefOf(n *html.Node) string {
	if n == nil {
		return ""
	}
	for _, attribute := range n.Attr {
		if attribute.Key == "href" {
			return attribute.Val
		}
	}
	return ""
}

// status checks the code and the data-status of a result.
func (a answer) status(want string) answer {
	a.t.Helper()
	if got := a.attribute("data-status"); a.Code != http.StatusOK || got != want {
		a.t.Errorf("%d with status %q, want %q: %s", a.Code, got, want, a.Body)
	}
	return a
}

// screen checks which screen is shown, and with which code.
func (a answer) screen(code int, want string) answer {
	a.t.Helper()
	got := a.attribute("data-screen")
	if a.Code != code || got != want {
		a.t.Errorf("%d with screen %q, want %d with %q: %s", a.Code, got, code, want, a.Body)
	}
	return a
}

// linkOf is a link of shop's to an order with phone_pe; more parameters may follow.
// covered is a number as a result by an unsigned link shows it.
func covered(number string) string { return number[:4] + "••••••" + number[10:] }

func linkOf(order, amount string, more ...string) string {
	query := "label=payer&currency_code=INR&lang=en&wallet_type=phone_pe&custom_transaction_id=" + url.QueryEscape(order)
	if amount != "" {
		query += "&fixed_amount=" + amount
	}
	for _, m := range more {
		query += "&" + m
	}
	return "/?" + query
}

func (w *world) count(query string) int64 {
	w.t.Helper()
	var n int64
	must(w.t, w.g.Store().ReadPool().QueryRow(query).Scan(&n))
	return n
}

// eachWorld tells a story on both engines.
func eachWorld(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, database string) { story(t, newWorld(t, database)) })
}

// tell runs one story of several in the same world.
func (w *world) tell(t *testing.T, name string, story func(t *testing.T, w *world)) {
	t.Run(name, func(t *testing.T) {
		in := *w
		in.t = t
		story(t, &in)
	})
}

func number(n int) string { return fmt.Sprint(321302038000 + n) }
