package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/internal/web"
)

// world is the edge over a real gateway and a real database, on a clock that the test moves. Merchant shop has a
// phone_pe wallet whose account ends in 2536 and a bkash wallet of type agent; merchant other has a phone_pe wallet.
type world struct {
	t       testing.TB
	g       *gateway.Gateway
	clock   *testkit.Clock
	handler http.Handler
	metrics *Metrics
	log     *testkit.Log
	keys    map[string]gateway.MerchantKeys
	tokens  map[evidence.SourceKind]string
	sources map[evidence.SourceKind]int64
	bkash   string // token of a structured source of the bkash wallet
}

// Names of the fixture.
const (
	baseHost     = "galla.test:8080"
	phonePeOne   = "6234234234"
	phonePeOther = "6234234235"
	bkashAgent   = "01712345678"
	proxyAddress = "10.0.0.9"
	usualAddress = "198.51.100.7"
)

func newWorld(t testing.TB, database string) *world {
	t.Helper()
	ctx := context.Background()
	path := filepath.Join(t.TempDir(), "key")
	must(t, keyring.Generate(path))
	keys, err := keyring.Load(path)
	must(t, err)
	s, err := store.Open(ctx, database, store.Create, store.Options{})
	must(t, err)
	w := &world{t: t, clock: testkit.NewClock(), log: &testkit.Log{}, keys: map[string]gateway.MerchantKeys{}, tokens: map[evidence.SourceKind]string{},
		sources: map[evidence.SourceKind]int64{}}
	logger := slog.New(slog.NewJSONHandler(w.log, nil))
	w.g, err = gateway.Open(ctx, s, keys, gateway.Options{Now: w.clock.Now, Logger: logger, OnFatal: func(err error) { t.Error("fatal:", err) }})
	must(t, err)
	t.Cleanup(func() {
		w.g.Close()
		must(t, s.Close())
	})
	w.seed()
	trusted := []netip.Prefix{netip.MustParsePrefix(proxyAddress + "/32")}
	edge := New(Config{Gateway: w.g, BaseHost: baseHost, DefaultMerchant: "shop", TrustedProxies: trusted, Now: w.clock.Now})
	w.metrics = NewMetrics(w.g, w.clock.Now)
	w.handler = web.NewEdge(w.metrics.Measure(edge), logger, trusted, w.clock.Now)
	return w
}

// seed adds the merchants, wallets and sources.
func (w *world) seed() {
	ctx := context.Background()
	for _, slug := range []string{"shop", "other"} {
		added, err := w.g.AddMerchants(ctx, gateway.NewMerchant{Slug: slug, PostbackURL: "http://127.0.0.1:1/"})
		must(w.t, err)
		w.keys[slug] = added[0].MerchantKeys
	}
	must(w.t, w.g.AddDomain(ctx, "shop", "pay.example.com"))
	one := w.addWallet(gateway.NewWallet{Method: "phone_pe", Identifier: phonePeOne, Merchants: []string{"shop"}, Tails: []string{"2536"}})
	w.addWallet(gateway.NewWallet{Method: "phone_pe", Identifier: phonePeOther, Merchants: []string{"other"}})
	agent := w.addWallet(gateway.NewWallet{Method: "bkash", Identifier: bkashAgent, AccountType: "agent", Merchants: []string{"shop"}})
	for _, kind := range evidence.SourceKinds() {
		added := w.addSource(one, kind)
		w.tokens[kind], w.sources[kind] = added.Token.Reveal(), added.ID
	}
	w.bkash = w.addSource(agent, evidence.SourceTransfers).Token.Reveal()
}

func (w *world) addWallet(n gateway.NewWallet) wallet.ID {
	w.t.Helper()
	n.Holder = "Holder"
	added, err := w.g.AddWallet(context.Background(), n)
	must(w.t, err)
	return added.ID
}

func (w *world) addSource(id wallet.ID, kind evidence.SourceKind) gateway.AddedSource {
	w.t.Helper()
	added, err := w.g.AddSource(context.Background(), id, kind)
	must(w.t, err)
	return added
}

// set changes a merchant's settings, as key=value.
func (w *world) set(slug string, settings ...string) {
	w.t.Helper()
	parsed, err := gateway.ParseSettings(settings)
	must(w.t, err)
	must(w.t, w.g.SetMerchant(context.Background(), slug, parsed))
}

func (w *world) pause(slug string) {
	w.t.Helper()
	must(w.t, w.g.MoveMerchant(context.Background(), slug, merchant.Paused))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// call is one request. The zero values are those of a merchant's server: POST to api.shop.galla.test.
type call struct {
	method, host, path, body, remote string
	header                           http.Header
	gone                             bool // the caller has gone away
}

// do asks the compatible API or for evidence to be taken.
func (w *world) do(c call) *httptest.ResponseRecorder {
	w.t.Helper()
	recorder := w.send(c)
	w.checkForm(c, recorder)
	return recorder
}

func (w *world) send(c call) *httptest.ResponseRecorder {
	w.t.Helper()
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.host == "" {
		c.host = "api.shop." + baseHost
	}
	if c.remote == "" {
		c.remote = usualAddress
	}
	r := httptest.NewRequest(c.method, "http://"+c.host+"/", strings.NewReader(c.body))
	target, err := url.ParseRequestURI(c.path) // as net/http reads it
	must(w.t, err)
	r.URL, r.RequestURI, r.Host, r.RemoteAddr = target, c.path, c.host, netip.AddrPortFrom(netip.MustParseAddr(c.remote), 40000).String()
	for name, values := range c.header {
		r.Header[name] = values
	}
	if c.gone {
		ctx, cancel := context.WithCancel(r.Context())
		cancel()
		r = r.WithContext(ctx)
	}
	recorder := httptest.NewRecorder()
	w.handler.ServeHTTP(recorder, r)
	return recorder
}

// checkForm checks what holds for every answer: one JSON object, the type, never cached, never a redirect.
func (w *world) checkForm(c call, got *httptest.ResponseRecorder) {
	w.t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal(got.Body.Bytes(), &object); err != nil {
		w.t.Errorf("%s %s: the answer is no JSON object: %v: %s", c.method, c.path, err, got.Body)
	}
	if _, results := object["results"]; !results && object["status"] == nil {
		w.t.Errorf("%s %s: the answer has no status: %s", c.method, c.path, got.Body)
	}
	for name, want := range map[string]string{"Content-Type": "application/json", "Cache-Control": "no-store", "Location": ""} {
		if value := got.Header().Get(name); value != want {
			w.t.Errorf("%s %s: %s is %q, want %q", c.method, c.path, name, value, want)
		}
	}
}

// want calls and compares code and body byte for byte.
func (w *world) want(c call, code int, body string) *httptest.ResponseRecorder {
	w.t.Helper()
	got := w.do(c)
	if got.Code != code || got.Body.String() != body {
		w.t.Errorf("%s %s %s\n got %d %s\nwant %d %s", c.method, c.path, c.body, got.Code, got.Body, code, body)
	}
	return got
}

// failJSON is the fail answer with a message, in JSON that leaves <, > and & as they are.
func failJSON(message string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"status":"fail","message":%s}`, bytes.TrimSpace(quoted.Bytes()))
}

const notFoundJSON = `{"status":"fail","message":"Not found"}`

// activatePath is the path of shop's activate with its secret.
func (w *world) activatePath() string {
	return "/api/v1/transaction/activate?secret=" + w.keys["shop"].APISecret.Reveal()
}

func (w *world) createPath(walletType string) string {
	return "/api/v1/transaction/create/" + walletType + "?secret=" + w.keys["shop"].APISecret.Reveal()
}

func (w *world) availablePath(query string) string {
	return "/api/v1/payment-systems/available?secret=" + w.keys["shop"].APISecret.Reveal() + query
}

// claimBody is the body of an activate request.
func claimBody(order, label, key1, amount string) string {
	return fmt.Sprintf(`{"currency_code":"INR","wallet_type":"phone_pe","label":%q,"key1":%q,"amount":%s,"custom_transaction_id":%q}`,
		label, key1, amount, order)
}

// claim activates as shop.
func (w *world) claim(order, label, key1, amount string) string {
	w.t.Helper()
	got := w.do(call{path: w.activatePath(), body: claimBody(order, label, key1, amount)})
	if got.Code != http.StatusOK {
		w.t.Errorf("activate %s: %d %s", order, got.Code, got.Body)
	}
	return got.Body.String()
}

func bearer(token string) http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// transfer reports one structured transfer on shop's phone_pe wallet, made now.
func (w *world) transfer(reference, amount string) string {
	w.t.Helper()
	body := fmt.Sprintf(`{"reference":%q,"amount":%q,"currency":"INR","occurred_at":%q,"payer":"payer@ybl"}`,
		reference, amount, w.clock.Now().Format("2006-01-02T15:04:05Z07:00"))
	return w.evidence("/evidence/v1/transfers", evidence.SourceTransfers, body)
}

// evidence sends a body with the token of a source and returns the answer, which must be 200.
func (w *world) evidence(path string, kind evidence.SourceKind, body string) string {
	w.t.Helper()
	got := w.do(call{host: baseHost, path: path, body: body, header: bearer(w.tokens[kind])})
	if got.Code != http.StatusOK {
		w.t.Errorf("POST %s %s: %d %s", path, body, got.Code, got.Body)
	}
	return got.Body.String()
}

func (w *world) equal(what, got, want string) {
	w.t.Helper()
	if got != want {
		w.t.Errorf("%s\n got %s\nwant %s", what, got, want)
	}
}

// count runs a count query on the database.
func (w *world) count(query string) int64 {
	w.t.Helper()
	var n int64
	must(w.t, w.g.Store().ReadPool().QueryRow(query).Scan(&n))
	return n
}

// tell runs one story of several in the same world: a database of its own for each would take longer than the stories.
// Each story has orders, payers and numbers of its own.
func (w *world) tell(t *testing.T, name string, story func(t *testing.T, w *world)) {
	t.Run(name, func(t *testing.T) {
		in := *w
		in.t = t
		story(t, &in)
	})
}

// eachWorld tells a story on both engines.
func eachWorld(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, database string) { story(t, newWorld(t, database)) })
}

// quote writes text as a JSON string.
func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err)
	}
	return string(quoted)
}
