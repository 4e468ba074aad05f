//go:build browser

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

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"github.com/galla-gateway/galla/test/process"
)

// patience bounds every wait for something that must come.
const patience = 30 * time.Second

// required makes a missing browser a failure; the test command sets it.
const required = "REQUIRE_CHROMIUM"

var browser context.Context

func TestMain(m *testing.M) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		if os.Getenv(required) != "" {
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
	t      *testing.T
	galla  *process.Galla
	server *process.Server
	token  string
	shop   *httptest.Server // where payers are sent back to, and which embeds the window
	orders atomic.Int64
}

const (
	phonePeWallet = "6234234234"
	upiWallet     = "galla.shop@okaxis"
)

func newSite(t *testing.T) *site {
	t.Helper()
	s := &site{t: t}
	s.galla = process.New(t, "sqlite:"+t.TempDir()+"/galla.db")
	s.shop = httptest.NewServer(http.HandlerFunc(s.shopPage))
	t.Cleanup(s.shop.Close)
	s.galla.MustRun("migrate")
	s.galla.MustRun("merchant", "add", "--slug", "shop", "--name", "Shop", "--postback-url", s.shop.URL+"/postback")
	s.galla.MustRun("wallet", "add", "--method", "phone_pe", "--identifier", phonePeWallet, "--currency", "INR", "--holder", "Galla Shop")
	s.galla.MustRun("wallet", "add", "--method", "upi_l", "--identifier", upiWallet, "--currency", "INR", "--holder", "Galla Shop", "--account", "1")
	var source struct{ Token string }
	s.galla.JSON(&source, "source", "add", "--wallet", "1", "--kind", "transfers")
	s.token = source.Token
	for _, path := range []string{"/back/fail", "/back", "/back/pending"} {
		s.galla.MustRun("merchant", "redirect", "add", "--merchant", "shop", "--url", s.shop.URL+path)
	}
	s.galla.MustRun("merchant", "origin", "add", "--merchant", "shop", "--origin", s.shop.URL)
	s.server = s.galla.Serve()
	return s
}

// shopPage is the merchant's site: /back is where payers return, /embed holds the window in a frame.
func (s *site) shopPage(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	switch r.URL.Path {
	case "/embed":
		fmt.Fprintf(w, `<!doctype html><title>Shop</title><iframe id=window width=640 height=750 src="%s"></iframe>`,
			strings.ReplaceAll(r.URL.Query().Get("link"), "&", "&amp;")+"&amp;1795000000000")
	case "/postback":
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, `{"status":"ok"}`)
	default:
		fmt.Fprintf(w, `<!doctype html><title>Back at the shop</title><p id=back>%s`, r.URL.Path)
	}
}

// order is a new order id, and a number that nobody used.
func (s *site) order() (id, number string) {
	n := s.orders.Add(1)
	return fmt.Sprintf("order-%d", n), fmt.Sprintf("3213%08d", n)
}

// link is a link to the window. More pairs of parameters replace or add to the usual ones; "" takes one away.
func (s *site) link(order string, more ...string) string {
	query := url.Values{"label": {"payer-" + order}, "currency_code": {"INR"}, "custom_transaction_id": {order}, "lang": {"en"}}
	for i := 0; i+1 < len(more); i += 2 {
		if query.Set(more[i], more[i+1]); more[i+1] == "" {
			query.Del(more[i])
		}
	}
	return s.server.URL + "/plugin/shop/?" + query.Encode()
}

// pay is the transfer, as the bank reports it.
func (s *site) pay(number, amount string) {
	s.t.Helper()
	body, _ := json.Marshal(map[string]string{"reference": number, "amount": amount, "currency": "INR", "payer": "payer@ybl"})
	request, err := http.NewRequest(http.MethodPost, s.server.URL+"/evidence/v1/transfers", bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+s.token)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer response.Body.Close()
	var answer struct{ Results []struct{ Status string } }
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil || len(answer.Results) != 1 || answer.Results[0].Status != "created" {
		s.t.Fatalf("evidence: %v %+v", err, answer)
	}
}

// look is how a payer sees the window.
type look struct {
	lang          string
	width, height int64
	dark, script  bool
}

func (l look) String() string {
	theme, script := "light", "with script"
	if l.dark {
		theme = "dark"
	}
	if !l.script {
		script = "without script"
	}
	return fmt.Sprintf("%s %dx%d %s %s", l.lang, l.width, l.height, theme, script)
}

// looks are every combination.
func looks() (all []look) {
	for _, lang := range []string{"en", "hi"} {
		for _, size := range [][2]int64{{360, 740}, {1280, 800}} {
			for _, dark := range []bool{false, true} {
				for _, script := range []bool{true, false} {
					all = append(all, look{lang, size[0], size[1], dark, script})
				}
			}
		}
	}
	return all
}

// tab is a page of the browser.
type tab struct {
	t   *testing.T
	ctx context.Context
}

func newTab(t *testing.T, l look) *tab {
	t.Helper()
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	theme := "light"
	if l.dark {
		theme = "dark"
	}
	b := &tab{t, ctx}
	// The first use opens the tab, and the end of that use's context closes it: so one without a time limit.
	if err := chromedp.Do(ctx); err != nil {
		t.Fatal(err)
	}
	b.do(chromedp.EmulateViewport(l.width, l.height), func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, target, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: theme}},
		})
		if err == nil {
			_, err = cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !l.script})
		}
		return chromedp.Void{}, err
	})
	return b
}

func (b *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err, b.where())
	}
}

// ask evaluates an expression in the page, await one that is a promise.
func ask[T any](b *tab, expression string) T { return evaluate[T](b, expression) }
func await[T any](b *tab, expression string) T {
	return evaluate[T](b, expression, chromedp.EvalAwaitPromise)
}

func evaluate[T any](b *tab, expression string, options ...chromedp.EvaluateOption) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	value, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, options...))
	if err != nil {
		b.t.Fatalf("%.80s: %v%s", expression, err, b.where())
	}
	return value
}

// where tells what the page shows, for a failure.
func (b *tab) where() string {
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	address, _ := chromedp.Run(ctx, chromedp.Location())
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText : ""`))
	return fmt.Sprintf("\nat %s\n%.1500s", address, text)
}
