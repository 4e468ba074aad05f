package galla

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

const (
	redirectKey = "test_redirect_key"
	redirectURL = "https://merchant.example/ok?id=1"
	// The vectors of protocol 3.3.
	redirectForever = "aHR0cHM6Ly9tZXJjaGFudC5leGFtcGxlL29rP2lkPTE.ao85VEp0aMYYBgHUYLgwF8A1O6ZOSARSpEpntgnJDgM"
	redirectExpires = "aHR0cHM6Ly9tZXJjaGFudC5leGFtcGxlL29rP2lkPTEKMTc5NTAwMDAwMA.n9WBXGgqT8WrZFH9UihS7SHE8PYqTBZq-IZe-9gCgKc"
)

var redirectExpiry = time.Unix(1_795_000_000, 0)

func TestRedirectTokenVectors(t *testing.T) {
	if got := RedirectToken(redirectKey, "shop", RedirectSuccess, redirectURL, time.Time{}); got != redirectForever {
		t.Errorf("without expiry: %s", got)
	}
	if got := RedirectToken(redirectKey, "shop", RedirectSuccess, redirectURL, redirectExpiry); got != redirectExpires {
		t.Errorf("with expiry: %s", got)
	}
}

func TestParseRedirectToken(t *testing.T) {
	before := redirectExpiry.Add(-time.Second)
	for _, token := range []string{redirectForever, redirectExpires} {
		if got, err := ParseRedirectToken(redirectKey, "shop", RedirectSuccess, token, before, false); err != nil || got != redirectURL {
			t.Errorf("%s: %q, %v", token, got, err)
		}
	}
	sign := func(payload string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(payload)) + "." +
			base64.RawURLEncoding.EncodeToString(redirectMAC(redirectKey, "shop", RedirectSuccess, payload))
	}
	for name, test := range map[string]struct {
		key, merchant string
		kind          RedirectKind
		token         string
		now           time.Time
	}{
		"expired":        {redirectKey, "shop", RedirectSuccess, redirectExpires, redirectExpiry},
		"other key":      {"x", "shop", RedirectSuccess, redirectForever, before},
		"other merchant": {redirectKey, "shop2", RedirectSuccess, redirectForever, before},
		"other kind":     {redirectKey, "shop", RedirectFail, redirectForever, before},
		"empty":          {redirectKey, "shop", RedirectSuccess, "", before},
		"no dot":         {redirectKey, "shop", RedirectSuccess, strings.Replace(redirectForever, ".", "", 1), before},
		"two dots":       {redirectKey, "shop", RedirectSuccess, redirectForever + ".", before},
		"no base64":      {redirectKey, "shop", RedirectSuccess, "?." + redirectForever, before},
		"padded":         {redirectKey, "shop", RedirectSuccess, redirectForever + "=", before},
		"line break":     {redirectKey, "shop", RedirectSuccess, redirectForever + "\n", before},
		"cut":            {redirectKey, "shop", RedirectSuccess, redirectForever[:len(redirectForever)-1], before},
		"loose bits":     {redirectKey, "shop", RedirectSuccess, redirectForever[:len(redirectForever)-1] + "N", before},
		"too long":       {redirectKey, "shop", RedirectSuccess, sign("https://merchant.example/" + strings.Repeat("a", MaxRedirectToken)), before},
		"bad expiry":     {redirectKey, "shop", RedirectSuccess, sign(redirectURL + "\nsoon"), before},
		"bad URL":        {redirectKey, "shop", RedirectSuccess, sign("http://merchant.example/"), before},
	} {
		got, err := ParseRedirectToken(test.key, test.merchant, test.kind, test.token, test.now, false)
		if !errors.Is(err, ErrRedirect) || got != "" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func TestCheckRedirectURL(t *testing.T) {
	for target, ok := range map[string]struct{ live, demo bool }{
		"https://merchant.example":                 {true, true},
		"https://merchant.example:8443/a?b#c":      {true, true},
		"https://xn--p1b6ci4b4b3a.example/":        {true, true},
		"http://localhost:8080/done":               {false, true},
		"http://shop.localhost:8080/done":          {false, true},
		"http://127.0.0.1:8080/":                   {false, true},
		"http://[::1]:8080/":                       {false, true},
		"http://merchant.example/":                 {false, false},
		"http://localhost.example/":                {false, false},
		"http://10.0.0.1/":                         {false, false},
		"//merchant.example/":                      {false, false},
		"/ok":                                      {false, false},
		"merchant.example":                         {false, false},
		"javascript:alert(1)":                      {false, false},
		"data:text/html,x":                         {false, false},
		"https:merchant.example":                   {false, false},
		"https://":                                 {false, false},
		"https://:443/":                            {false, false},
		"https://user@merchant.example/":           {false, false},
		"https://user:pass@merchant.example/":      {false, false},
		"https://merchant.example\\@evil.example/": {false, false},
		"https://merchant.example/\r\nX: y":        {false, false},
		"https://merchant.example/ x":              {false, false},
		"https://merchant.example/\u2028":          {false, false},
		"":                                         {false, false},
	} {
		if err := CheckRedirectURL(target, false); (err == nil) != ok.live {
			t.Errorf("live %q: %v", target, err)
		}
		if err := CheckRedirectURL(target, true); (err == nil) != ok.demo {
			t.Errorf("demo %q: %v", target, err)
		}
	}
}

func TestWindowLink(t *testing.T) {
	page := WindowLink{
		Base: "https://plugin.shop.example", Label: "label", CurrencyCode: "INR", Lang: "en", WalletType: "phone_pe",
		CustomTransactionID: "custom_transaction_id", FixedAmount: "500.5", SuccessURLID: 2, PendingURLID: 3, FailURLID: 1,
		SuccessURL: "hash", FailURL: "hash", PendingURL: "hash",
	}
	const want = "https://plugin.shop.example/?label=label&currency_code=INR&lang=en&wallet_type=phone_pe" +
		"&custom_transaction_id=custom_transaction_id&fixed_amount=500.5&payment_url_success_id=2" +
		"&payment_url_pending_id=3&payment_url_fail_id=1&success_url=hash&fail_url=hash&pending_url=hash"
	if got, err := page.URL(); err != nil || got != want {
		t.Errorf("%s, %v\nwant %s", got, err, want)
	}
	small := WindowLink{Base: "http://localhost:8080/plugin/shop/", Label: "0", CurrencyCode: "INR", CustomTransactionID: "a/b&c=d ₹"}
	got, err := small.URL()
	if err != nil || got != "http://localhost:8080/plugin/shop/?label=0&currency_code=INR&custom_transaction_id=a%2Fb%26c%3Dd+%E2%82%B9" {
		t.Errorf("%s, %v", got, err)
	}
	parsed, err := url.Parse(got)
	if err != nil || parsed.Query().Get("custom_transaction_id") != "a/b&c=d ₹" {
		t.Errorf("%v, %v", parsed, err)
	}
	for name, change := range map[string]func(*WindowLink){
		"no base":        func(l *WindowLink) { l.Base = "" },
		"relative base":  func(l *WindowLink) { l.Base = "/plugin/shop/" },
		"base has query": func(l *WindowLink) { l.Base += "?x=1" },
		"no label":       func(l *WindowLink) { l.Label = "" },
		"long label":     func(l *WindowLink) { l.Label = strings.Repeat("a", 191) },
		"no order":       func(l *WindowLink) { l.CustomTransactionID = "" },
		"control":        func(l *WindowLink) { l.CustomTransactionID = "a\nb" },
		"no currency":    func(l *WindowLink) { l.CurrencyCode = "" },
		"bad amount":     func(l *WindowLink) { l.FixedAmount = "1.005" },
		"zero amount":    func(l *WindowLink) { l.FixedAmount = "0" },
	} {
		link := page
		change(&link)
		if got, err := link.URL(); err == nil {
			t.Errorf("%s: %s", name, got)
		}
	}
}

// FuzzParseRedirectToken checks that only tokens that we would make ourselves pass.
func FuzzParseRedirectToken(f *testing.F) {
	f.Add(redirectForever)
	f.Add(redirectExpires)
	f.Add(".")
	f.Add("aGk.aGk")
	now := redirectExpiry.Add(-time.Hour)
	f.Fuzz(func(t *testing.T, token string) {
		target, err := ParseRedirectToken(redirectKey, "shop", RedirectSuccess, token, now, true)
		if err != nil {
			return
		}
		forever := RedirectToken(redirectKey, "shop", RedirectSuccess, target, time.Time{})
		if token != forever && token != redirectExpires {
			t.Fatalf("accepted %q for %q", token, target)
		}
	})
}

// FuzzCheckRedirectURL checks that what passes parses, and leads where it seems to lead.
func FuzzCheckRedirectURL(f *testing.F) {
	f.Add(redirectURL)
	f.Add("https://a@b/")
	f.Add("http://localhost")
	f.Fuzz(func(t *testing.T, target string) {
		if CheckRedirectURL(target, false) != nil {
			return
		}
		if !strings.HasPrefix(strings.ToLower(target), "https://") || strings.ContainsAny(target, "\r\n\t\\ ") {
			t.Fatalf("accepted %q", target)
		}
	})
}
