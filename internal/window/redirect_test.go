package window

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
)

const (
	redirectKey = "test_redirect_key"
	ownTarget   = "https://merchant.example/ok?id=1"
)

// rulesAt are the rules of merchant shop, which registered one URL under each id of registered.
func rulesAt(now time.Time, registered map[int]string) redirectRules {
	return redirectRules{keys: []string{"galla_rdk_newer", redirectKey}, slug: "shop", now: now, registered: func(id int) (string, bool) {
		target, ok := registered[id]
		return target, ok
	}}
}

var redirectNow = time.Unix(1790000000, 0)

func TestRedirectOf(t *testing.T) {
	registered := map[int]string{1: "https://merchant.example/failed", 2: "https://merchant.example/ok", 3: "https://merchant.example/pending#top"}
	token := galla.RedirectToken(redirectKey, "shop", galla.RedirectSuccess, ownTarget, time.Time{})
	ids := "&payment_url_success_id=2&payment_url_pending_id=3&payment_url_fail_id=1"
	for _, c := range []struct {
		name, query string
		status      galla.Status
		parameters  bool
		want        string
	}{
		{"ok", ids, galla.StatusOK, false, "https://merchant.example/ok"},
		{"pending", ids, galla.StatusPending, false, "https://merchant.example/pending#top"},
		{"possible", ids, galla.StatusPossible, false, "https://merchant.example/pending#top"},
		{"fail", ids, galla.StatusFail, false, "https://merchant.example/failed"},
		{"none", "", galla.StatusOK, false, ""},
		{"only another result's", "&payment_url_fail_id=1", galla.StatusOK, false, ""},
		{"any registered one for any result", "&payment_url_success_id=1", galla.StatusOK, false, "https://merchant.example/failed"},
		{"an id that nobody registered", "&payment_url_success_id=9", galla.StatusOK, false, ""},
		{"id 0", "&payment_url_success_id=0", galla.StatusOK, false, ""},
		{"a token", "&success_url=" + token, galla.StatusOK, false, ownTarget},
		{"a token wins over an id", ids + "&success_url=" + token, galla.StatusOK, false, ownTarget},
		{"a wrong token is absent", ids + "&success_url=hash", galla.StatusOK, false, "https://merchant.example/ok"},
		{"parameters", ids, galla.StatusOK, true, "https://merchant.example/ok?custom_transaction_id=order&status=ok"},
		{"parameters before a fragment", ids, galla.StatusPossible, true, "https://merchant.example/pending?custom_transaction_id=order&status=possible_transaction_created#top"},
		{"parameters behind a token's own", "&success_url=" + token, galla.StatusOK, true, ownTarget + "&custom_transaction_id=order&status=ok"},
	} {
		l, p := parse(goodQuery + c.query)
		if p != nil {
			t.Fatalf("%s: %+v", c.name, p)
		}
		rules := rulesAt(redirectNow, registered)
		rules.parameters = c.parameters
		if got, seconds := redirectOf(&l, c.status, rules); got != c.want || (got == "") != (seconds == 0) {
			t.Errorf("%s: %q after %d s, want %q", c.name, got, seconds, c.want)
		}
	}
	// The protocol's own vectors.
	for _, token := range []string{
		"aHR0cHM6Ly9tZXJjaGFudC5leGFtcGxlL29rP2lkPTE.ao85VEp0aMYYBgHUYLgwF8A1O6ZOSARSpEpntgnJDgM",
		"aHR0cHM6Ly9tZXJjaGFudC5leGFtcGxlL29rP2lkPTEKMTc5NTAwMDAwMA.n9WBXGgqT8WrZFH9UihS7SHE8PYqTBZq-IZe-9gCgKc",
	} {
		l, _ := parse(goodQuery + "&success_url=" + token)
		if got, _ := redirectOf(&l, galla.StatusOK, rulesAt(redirectNow, nil)); got != ownTarget {
			t.Errorf("vector: %q", got)
		}
	}
}

// badTargets are URLs that nobody may be sent to, even with a right signature.
func badTargets() (list []string) {
	for _, scheme := range []string{"javascript:", "JaVaScRiPt:", "data:text/html,", "vbscript:", "file:///", "blob:", "about:", "ftp://", "ws://", "intent://", "mailto:", "upi://", "http://", "//", "\\\\", "/\\", "\\/", "///", "/", "", "https:", "https:/", "https:\\\\", "https:////", "https://user@", "https://user:pass@", "https://merchant.example@", " https://", "\thttps://", "\nhttps://", "https://\x00", "https://\r\n", "https://\u2028", "https:// ", "https://\\"} {
		for _, rest := range []string{"evil.example/", "evil.example\\", "alert(1)", "%65vil.example", "evil.example:80/?a=b", "@evil.example/"} {
			target := scheme + rest
			if strings.HasPrefix(target, "https:////") || strings.HasPrefix(target, "https://\u2028") || galla.CheckRedirectURL(target, false) != nil {
				list = append(list, target)
			}
		}
	}
	return list
}

// spellings are values of success_url that must lead nowhere.
func spellings(key string, now time.Time) (list []string) {
	good := galla.RedirectToken(key, "shop", galla.RedirectSuccess, ownTarget, time.Time{})
	head, tail, _ := strings.Cut(good, ".")
	evil := "https://evil.example/"
	list = append(list, "hash", "", ".", head, head+".", "."+tail, good+"A", good+".", "A"+good, good+"=", strings.ToUpper(good), tail+"."+head,
		good+"\n", good+" ", " "+good, evil, head+"."+head,
		galla.RedirectToken(key, "shop", galla.RedirectFail, evil, time.Time{}),
		galla.RedirectToken(key, "shop", galla.RedirectPending, evil, time.Time{}),
		galla.RedirectToken(key, "other", galla.RedirectSuccess, evil, time.Time{}),
		galla.RedirectToken("another key", "shop", galla.RedirectSuccess, evil, time.Time{}),
		galla.RedirectToken("", "shop", galla.RedirectSuccess, evil, time.Time{}),
		galla.RedirectToken(key, "", galla.RedirectSuccess, evil, time.Time{}),
		galla.RedirectToken(key, "shop", "", evil, time.Time{}),
		galla.RedirectToken(key, "shop", galla.RedirectSuccess, evil+"\nnever", time.Time{}))
	for _, ago := range []time.Duration{0, time.Second, time.Hour, 1000 * time.Hour} {
		list = append(list, galla.RedirectToken(key, "shop", galla.RedirectSuccess, evil, now.Add(-ago)))
	}
	for i := range len(good) { // each character changed
		changed := []byte(good)
		changed[i] ^= 1
		list = append(list, string(changed))
	}
	for _, target := range badTargets() {
		list = append(list, target, // as it is, and rightly signed
			galla.RedirectToken(key, "shop", galla.RedirectSuccess, target, time.Time{}),
			galla.RedirectToken(key, "shop", galla.RedirectSuccess, target, now.Add(time.Hour)))
	}
	return list
}

func TestNothingElseRedirects(t *testing.T) {
	list := spellings(redirectKey, redirectNow)
	if len(list) < 500 {
		t.Fatalf("only %d spellings", len(list))
	}
	for _, value := range list {
		for _, more := range []string{"", "&payment_url_success_id=4"} { // 4 is another merchant's
			l, p := parse(goodQuery + more + "&success_url=" + url.QueryEscape(value))
			if p != nil {
				continue // the problem page leads nowhere
			}
			if got, _ := redirectOf(&l, galla.StatusOK, rulesAt(redirectNow, map[int]string{1: ownTarget})); got != "" {
				t.Errorf("success_url=%q leads to %q", value, got)
			}
		}
	}
	for i, target := range badTargets() { // registered before the rules were as they are
		l, _ := parse(goodQuery + "&payment_url_success_id=" + strconv.Itoa(i+1))
		if got, _ := redirectOf(&l, galla.StatusOK, rulesAt(redirectNow, map[int]string{i + 1: target})); got != "" {
			t.Errorf("a registered %q leads to %q", target, got)
		}
	}
	t.Logf("%d spellings", len(list))
}

// The same spellings through the real handlers: no Location, link or refresh leads to another host.
func TestNothingElseRedirectsInPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.transfer(number(1), "500")
		w.follow(linkOf("redirected", "500"), "key1", number(1)).status("ok")
		m, _ := w.g.Directory().MerchantBySlug("shop")
		for i, value := range spellings(m.RedirectKey().Reveal(), w.clock.Now()) {
			escaped := url.QueryEscape(value)
			link := linkOf("redirected", "500", "success_url="+escaped, "fail_url="+escaped, "pending_url="+escaped, "payment_url_success_id=4", "next="+escaped)
			a := w.get(link).status("ok")
			checkNoForeign(t, fmt.Sprintf("spelling %d %q", i, value), a)
			if i%20 == 0 {
				checkNoForeign(t, "after a form", w.send(link, "key1", number(1)))
			}
		}
	})
}

// checkNoForeign finds every address of a page, which must be below our own path.
func checkNoForeign(t *testing.T, what string, a answer) {
	t.Helper()
	addresses := []string{a.Header().Get("Location"), a.Header().Get("Refresh")}
	for n := range a.root.Descendants() {
		for _, attribute := range n.Attr {
			switch attribute.Key {
			case "href", "src", "action", "formaction", "data-events", "data-state":
				addresses = append(addresses, attribute.Val)
			}
		}
	}
	for _, address := range addresses {
		ours := address == "" || address == "mailto:help@merchant.example" // the merchant's support
		for _, path := range []string{"/?", "/logo?", "/events?", "/state?", "/plugin-static/"} {
			ours = ours || strings.HasPrefix(address, path)
		}
		if !ours {
			t.Errorf("%s leads to %q", what, address)
		}
	}
}

func TestRedirectsOfPages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		m, _ := w.g.Directory().MerchantBySlug("shop")
		token := galla.RedirectToken(m.RedirectKey().Reveal(), "shop", galla.RedirectPending, ownTarget, w.clock.Now().Add(time.Hour))
		link := linkOf("token-1", "500", "pending_url="+token, "payment_url_pending_id=3")
		if a := w.follow(link, "key1", number(2)); a.href("next") != ownTarget || a.attribute("data-seconds") != "20" {
			t.Errorf("a token leads to %q", a.href("next"))
		}
		w.clock.Advance(2 * time.Hour)
		if a := w.get(link); a.href("next") != "https://merchant.example/pending" {
			t.Errorf("an expired token leads to %q", a.href("next"))
		}
		if a := w.do(call{host: "plugin." + baseHost, target: link}); a.Code != http.StatusOK || a.href("next") != "" {
			t.Errorf("at another merchant the link leads to %q", a.href("next"))
		}
	})
}
