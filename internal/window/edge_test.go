package window

import (
	"compress/gzip"
	"context"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
)

func TestSignedLinks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		policy := func(signed bool) {
			m, _ := w.g.Directory().MerchantBySlug("shop")
			m.Policy.SignedLinks = signed
		}
		policy(true)
		m, _ := w.g.Directory().MerchantBySlug("shop")
		query := url.Values{"label": {"payer"}, "currency_code": {"INR"}, "custom_transaction_id": {"signed-1"}, "fixed_amount": {"500"}}
		signed, err := galla.WindowLink{
			Base: "https://plugin.shop.example", Label: "payer", CurrencyCode: "INR", CustomTransactionID: "signed-1", FixedAmount: "500",
		}.SignedURL(m.RedirectKey().Reveal(), "shop", time.Time{})
		if err != nil {
			t.Fatal(err)
		}
		_, signature, _ := strings.Cut(signed, "signature=")
		plain := "/?" + query.Encode()
		if a := w.get(plain).screen(400, "problem"); a.attribute("data-code") != "link_unsigned" {
			t.Errorf("unsigned: %s", a.Body)
		}
		forged := strings.Replace(plain, "500", "5", 1) + "&signature=" + signature
		if a := w.get(forged).screen(400, "problem"); a.attribute("data-code") != "link_forged" {
			t.Errorf("forged: %s", a.Body)
		}
		if a := w.send(forged, "key1", number(1)); a.Code != 400 {
			t.Errorf("a form on a forged link: %d", a.Code)
		}
		if a := w.do(call{target: "/state" + forged[1:]}); a.Code != 400 {
			t.Errorf("the state by a forged link: %d", a.Code)
		}
		// While the key is rotated, links that the older one signed still open.
		if _, err := w.g.RotateMerchantKey(t.Context(), "shop", "redirect", time.Hour); err != nil {
			t.Fatal(err)
		}
		policy(true)
		// Signed, it leads through every step: what the window itself adds isn't the merchant's.
		methods := w.get(plain+"&signature="+signature+"&1760000000000").screen(200, "methods")
		pay := w.follow(methods.attribute("action"), "wallet_type", "phone_pe").screen(200, "pay")
		w.follow(pay.attribute("action"), "key1", number(1)).status("possible_transaction_created")
	})
}

func TestEmbedding(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		link := linkOf("framed-1", "500")
		open := func(target string, header http.Header) answer { return w.do(call{target: target, header: header}) }
		policy := w.get(link).Header().Get("Content-Security-Policy")
		if !strings.Contains(policy, "frame-ancestors 'self' https://app.merchant.example https://merchant.example") {
			t.Errorf("policy %q", policy)
		}
		other := w.do(call{host: "plugin." + baseHost, target: link}).Header().Get("Content-Security-Policy")
		if !strings.Contains(other, "frame-ancestors 'self';") {
			t.Errorf("another merchant's policy %q", other)
		}
		if a, b := w.get(link).Header().Get("Content-Security-Policy"), w.get(link).Header().Get("Content-Security-Policy"); a == b {
			t.Error("two pages have the same nonce")
		}
		frame := http.Header{"Referer": {"https://merchant.example/checkout"}, "Sec-Fetch-Dest": {"iframe"}}
		form := open(link, frame).screen(200, "pay")
		done := w.follow(form.attribute("action"), "key1", number(1))
		if got := done.attribute("data-origin"); got != "https://merchant.example" {
			t.Errorf("after the form the parent is %q", got)
		}
		for name, header := range map[string]http.Header{
			"not in a frame": {"Referer": {"https://merchant.example/"}, "Sec-Fetch-Dest": {"document"}},
			"a stranger":     {"Referer": {"https://evil.example/"}, "Sec-Fetch-Dest": {"iframe"}},
			"a look-alike":   {"Referer": {"https://merchant.example.evil.example/"}, "Sec-Fetch-Dest": {"iframe"}},
			"no referrer":    {"Sec-Fetch-Dest": {"iframe"}},
		} {
			if got := open(link, header).attribute("data-origin"); got != "" {
				t.Errorf("%s: the parent is %q", name, got)
			}
		}
		if got := open(link+"&pay_parent=https://evil.example", nil).attribute("data-origin"); got != "" {
			t.Errorf("by the link the parent is %q", got)
		}
	})
}

func TestHeaders(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		link := linkOf("headers-1", "500")
		for _, a := range []answer{
			w.get(link), w.get("/?"), w.get("/nothing"), w.send(link, "key1", number(1)), w.send(link, "key1", "1"), w.do(call{method: "PUT", target: "/"}),
			w.do(call{target: "/state" + link[1:]}), w.do(call{target: "/state"}), w.get("/logo"), w.get("/plugin-static/x/window.css"),
		} {
			header := a.Header()
			for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex, nofollow", "Set-Cookie": ""} {
				if header.Get(name) != want {
					t.Errorf("%d %s: %s is %q", a.Code, header.Get("Content-Type"), name, header.Get(name))
				}
			}
			if header.Get("Content-Security-Policy") == "" || header.Get("Permissions-Policy") == "" || header.Get("Cross-Origin-Resource-Policy") == "" {
				t.Errorf("%d: headers %v", a.Code, header)
			}
		}
		if page := w.get(link); page.Header().Get("Cache-Control") != "no-store" || page.Header().Get("Content-Type") != "text/html; charset=utf-8" {
			t.Errorf("page: %v", page.Header())
		}
		logo := w.get("/logo?v=1")
		if logo.Header().Get("Content-Type") != "image/svg+xml" || !strings.Contains(logo.Header().Get("Content-Security-Policy"), "sandbox") || logo.Header().Get("ETag") == "" {
			t.Errorf("logo: %v", logo.Header())
		}
		if a := w.do(call{host: "plugin." + baseHost, target: "/logo"}); a.Code != 404 {
			t.Errorf("a merchant without a logo: %d", a.Code)
		}
	})
}

// The link holds the payer, tokens and the amount: none of it is logged, and numbers are masked.
func TestLogs(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		link := strings.Replace(linkOf("logged-1", "500", "success_url=secret-token"), "label=payer", "label=somebody", 1)
		w.follow(link, "key1", "UTR "+number(1)).status("possible_transaction_created")
		w.do(call{target: "/state" + link[1:]})
		w.send(link, "key1", "T2308251812461234567")
		w.get(link + "&label=twice")
		log := w.log.String()
		for _, never := range []string{number(1), "somebody", "secret-token", "label=", "T2308251812461234567", "fixed_amount"} {
			if strings.Contains(log, never) {
				t.Errorf("the log holds %q:\n%s", never, log)
			}
		}
		for _, want := range []string{`"merchant":"shop"`, `"order":"logged-1"`, `"reference":"…` + number(1)[8:] + `"`, `"problem":"parameter_twice"`, `"state":"waiting"`} {
			if !strings.Contains(log, want) {
				t.Errorf("the log has no %s:\n%s", want, log)
			}
		}
	})
}

// Also a bug answers with a page, in the payer's language and without a word of what broke.
func TestBugsArePages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.window.activate = func(context.Context, []gateway.ClaimRequest) ([]gateway.ClaimResult, error) { panic("secret-detail") }
		link := strings.Replace(linkOf("bug-1", "500"), "lang=en", "lang=hi", 1)
		a := w.send(link, "key1", number(1)).screen(500, "problem")
		if a.attribute("data-code") != "unavailable" || !strings.Contains(a.Body.String(), `lang="hi"`) || strings.Contains(a.Body.String(), "secret-detail") {
			t.Errorf("a panic: %s", a.Body)
		}
		if got := a.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("a panic is answered as %q", got)
		}
		if !strings.Contains(w.log.String(), "secret-detail") {
			t.Error("the log doesn't hold the panic")
		}
	})
}

// A number that couldn't be checked is still in its field.
func TestFaultsKeepTheNumber(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.window.activate = func(context.Context, []gateway.ClaimRequest) ([]gateway.ClaimResult, error) {
			return nil, gateway.ErrBusy
		}
		link := linkOf("busy-1", "500")
		a := w.send(link, "key1", number(1)).screen(503, "pay")
		if a.attribute("data-error") != "not_checked" || !strings.Contains(a.Body.String(), `value="`+number(1)+`"`) || a.Header().Get("Retry-After") != "1" {
			t.Errorf("busy: %s", a.Body)
		}
	})
}

// A signed link whose time is over lets nobody begin, but whoever has paid by it sends the number and sees what comes of it.
func TestExpiredLinks(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		m, _ := w.g.Directory().MerchantBySlug("shop")
		m.Policy.SignedLinks = true
		signed := func(order string) string {
			t.Helper()
			address, err := galla.WindowLink{
				Base: "https://plugin.shop.example", Label: "payer", CurrencyCode: "INR", CustomTransactionID: order, FixedAmount: "500", WalletType: "phone_pe",
			}.SignedURL(m.RedirectKey().Reveal(), "shop", w.clock.Now().Add(15*time.Minute))
			must(t, err)
			return "/?" + strings.SplitN(address, "?", 2)[1]
		}
		link, other, late := signed("late-1"), signed("late-2"), signed("late-3")
		pay := w.get(link).screen(200, "pay")
		w.follow(other, "key1", number(1)).status("possible_transaction_created")
		w.clock.Advance(20 * time.Minute)
		if a := w.get(late).screen(400, "problem"); a.attribute("data-code") != "link_expired" {
			t.Errorf("a new order: %s", a.Body)
		}
		if a := w.send(late, "amount", "500").screen(400, "problem"); a.attribute("data-code") != "link_expired" {
			t.Errorf("a new order's form: %s", a.Body)
		}
		w.follow(pay.attribute("action"), "key1", number(2)).status("possible_transaction_created")
		w.transfer(number(1), "500")
		w.get(other).status("pending") // seen, but paid after the claim: a person looks
		if a := w.do(call{target: "/state" + other[1:]}); a.Code != 200 {
			t.Errorf("the state: %d %s", a.Code, a.Body)
		}
		if a := w.get(strings.Replace(link, "late-1", "late-9", 1)); a.attribute("data-code") != "link_forged" {
			t.Errorf("forged: %s", a.Body)
		}
	})
}

// What the window says of a number to whoever has an unsigned link.
func TestNumbersAreCovered(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		link := linkOf("covered-1", "500")
		body := w.follow(link, "key1", number(1)).status("possible_transaction_created").Body.String()
		if strings.Contains(body, number(1)) || !strings.Contains(body, covered(number(1))) {
			t.Errorf("the number: %s", body)
		}
	})
}

// A page travels compressed to whoever can read that, and says the same.
func TestPagesAreCompressed(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.window.Simulated = true
		link := "/" + strings.Replace(linkOf("zipped-1", "500")[1:], "phone_pe", "upi_l", 1)
		plain := w.get(link).screen(200, "pay")
		zipped := w.do(call{target: link, header: http.Header{"Accept-Encoding": {"gzip, br"}}})
		if zipped.Header().Get("Content-Encoding") != "gzip" || plain.Header().Get("Content-Encoding") != "" || zipped.Header().Get("Vary") != "Accept-Encoding" {
			t.Fatalf("headers %v", zipped.Header())
		}
		packed := zipped.Body.Len()
		r, err := gzip.NewReader(zipped.Body)
		must(t, err)
		text, err := io.ReadAll(r)
		must(t, err)
		nonce := regexp.MustCompile(`nonce="[0-9a-f]+"`)
		if nonce.ReplaceAllString(string(text), "") != nonce.ReplaceAllString(plain.Body.String(), "") {
			t.Error("the pages differ")
		}
		if packed > len(text)/2 {
			t.Errorf("%d bytes of %d", packed, len(text))
		}
	})
}

func TestSandboxIsMarked(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		link := linkOf("marked-1", "500")
		if w.get(link).element("id", "simulated") != nil {
			t.Error("a live page says that it is simulated")
		}
		w.window.Simulated = true
		if w.get(link).element("id", "simulated") == nil {
			t.Error("a simulated page doesn't say so")
		}
	})
}
