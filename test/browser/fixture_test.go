// Package browser walks the payment window of the real binary in a real Chromium, as a payer does.
package browser

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

// patience bounds every wait for something that must come.
const patience = 30 * time.Second

var browser context.Context

func TestMain(m *testing.M) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv(testkit.RequireBrowser) != "" {
			fmt.Fprintln(os.Stderr, "test/browser needs chromium:", err)
			os.Exit(1)
		}
		fmt.Fprintln(os.Stderr, "test/browser: no chromium in PATH, nothing is run")
		os.Exit(0)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true), chromedp.Flag("hide-scrollbars", true))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	var stopBrowser context.CancelFunc
	browser, stopBrowser = chromedp.NewContext(allocator)
	code := 1
	if err := chromedp.Do(browser); err != nil {
		fmt.Fprintln(os.Stderr, "test/browser: start chromium:", err)
	} else {
		code = m.Run()
	}
	stopBrowser()
	stopAllocator()
	process.Remove()
	os.Exit(code)
}

// site is an installation with a merchant, a PhonePe and a UPI wallet, a source on the first, and the merchant's pages.
type site struct {
	t     *testing.T
	galla *process.Galla
	keys  struct {
		RedirectKey string `json:"redirect_key"`
	}
	server *process.Server
	tokens map[string]string // of a source, by method
	shop   *httptest.Server  // where payers are sent back to, and which embeds the window
	orders atomic.Int64
}

const phonePeWallet = "6234234234"

// wallets are the shop's.
var wallets = []struct{ method, identifier, currency string }{
	{"phone_pe", phonePeWallet, "INR"}, {"upi_l", "galla.shop@okaxis", "INR"}, {"bkash", "01712345678", "BDT"}, {"easypaisa", "03123456789", "PKR"},
}

// market is where a language is spoken: what is paid by there, and the form of its transaction numbers.
type market struct{ method, currency, number string }

var markets = map[string]market{
	"en": {"phone_pe", "INR", "3213%08d"}, "hi": {"phone_pe", "INR", "3213%08d"}, "bn": {"bkash", "BDT", "9AB%07d"}, "ur": {"easypaisa", "PKR", "321%08d"},
}

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t}
	s.galla = process.New(t, "sqlite:"+t.TempDir()+"/galla.db", "GALLA_TRUSTED_PROXIES=127.0.0.0/8")
	s.shop = httptest.NewServer(http.HandlerFunc(s.shopPage))
	t.Cleanup(s.shop.Close)
	s.galla.MustRun("migrate")
	s.galla.JSON(&s.keys, "merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", s.shop.URL+"/postback")
	s.tokens = map[string]string{}
	for n, w := range wallets {
		add := []string{"wallet", "add", "--method", w.method, "--identifier", w.identifier, "--currency", w.currency, "--holder", "Galla Shop"}
		if w.method == "upi_l" {
			add = append(add, "--account", "1")
		}
		s.galla.MustRun(add...)
		var source struct{ Token string }
		s.galla.JSON(&source, "source", "add", "--wallet", fmt.Sprint(n+1), "--kind", "transfers")
		s.tokens[w.method] = source.Token
	}
	for _, path := range []string{"/back/fail", "/back", "/back/pending"} {
		s.galla.MustRun("merchant", "redirect", "add", "--merchant", "shop", "--url", s.shop.URL+path)
	}
	s.galla.MustRun("merchant", "origin", "add", "--merchant", "shop", "--origin", s.shop.URL)
	s.server = s.galla.Serve()
	return s
}

// embedding is a page that holds the window in a frame, as the original's merchants do, and keeps what the window tells it.
const embedding = `<!doctype html><title>Shop</title><meta name=viewport content="width=device-width">
<style>body{margin:0}iframe{border:0;max-width:100%%}</style>
<script>addEventListener("message", e => { document.body.dataset.heard = (document.body.dataset.heard || "") + e.origin + " " + e.data.status + ";" })</script>
<iframe width=640 height=750 src="%s" allow="clipboard-write"></iframe>`

// shopPage is the merchant's site: /back is where payers return, /embed holds the window in a frame.
func (s *site) shopPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.URL.Path {
	case "/embed":
		fmt.Fprintf(w, embedding, strings.ReplaceAll(r.URL.Query().Get("link"), "&", "&amp;")+"&amp;1795000000000")
	case "/script":
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><meta name=viewport content="width=device-width"><script src="%s/plugin/shop/embed.js" defer></script>
<button id=pay data-galla-open="%s">Pay</button>`, s.server.URL, strings.ReplaceAll(r.URL.Query().Get("link"), "&", "&amp;"))
	case "/postback":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"ok"}`)
	default:
		fmt.Fprintf(w, `<!doctype html><title>Back at the shop</title><p id=back>%s`, r.URL.Path)
	}
}

// order is a new order id, and a number of the market that nobody used.
func (s *site) order(m market) (id, number string) {
	n := s.orders.Add(1)
	return fmt.Sprintf("order-%d", n), fmt.Sprintf(m.number, n)
}

// link is a link to the window. More pairs of parameters replace or add to the usual ones; "" takes one away.
func (s *site) link(m market, order string, more ...string) string {
	query := url.Values{"label": {"payer-" + order}, "currency_code": {m.currency}, "custom_transaction_id": {order}, "lang": {"en"}}
	for i := 0; i+1 < len(more); i += 2 {
		if query.Set(more[i], more[i+1]); more[i+1] == "" {
			query.Del(more[i])
		}
	}
	return s.server.URL + "/plugin/shop/?" + query.Encode()
}

// pay is the transfer, as the bank reports it.
func (s *site) pay(m market, number, amount string) error {
	body, _ := json.Marshal(map[string]string{"reference": number, "amount": amount, "currency": m.currency, "payer": "payer@ybl"})
	request, err := http.NewRequest(http.MethodPost, s.server.URL+"/evidence/v1/transfers", bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Authorization", "Bearer "+s.tokens[m.method])
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	var answer struct{ Results []struct{ Status string } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Status != "created" {
		return fmt.Errorf("evidence: %v %+v", err, answer)
	}
	return nil
}
