package galla

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
)

// signedLink is the link of the golden vectors in docs/protocol.md.
var signedLink = WindowLink{
	Base: "https://plugin.shop.example", Label: "55", CurrencyCode: "INR", Lang: "hi", WalletType: "phone_pe",
	CustomTransactionID: "a/b&c=d ₹*~", FixedAmount: "500", SuccessURLID: 1,
}

const (
	linkForever = "https://plugin.shop.example/?label=55&currency_code=INR&lang=hi&wallet_type=phone_pe" +
		"&custom_transaction_id=a%2Fb%26c%3Dd+%E2%82%B9%2A~&fixed_amount=500&payment_url_success_id=1" +
		"&signature=RVXGiqruO8yOCxd50kbOD-0n2flRNNX41GICKyhekL0"
	linkExpires = "https://plugin.shop.example/?label=55&currency_code=INR&lang=hi&wallet_type=phone_pe" +
		"&custom_transaction_id=a%2Fb%26c%3Dd+%E2%82%B9%2A~&fixed_amount=500&payment_url_success_id=1" +
		"&expires=1795000000&signature=SCOJem0u28_YNOpXQCzHbO8bLoJrMVECmTD-ZtcvNpw"
)

func TestSignedURLVectors(t *testing.T) {
	for want, expiry := range map[string]time.Time{linkForever: {}, linkExpires: redirectExpiry} {
		if got, err := signedLink.SignedURL(redirectKey, "shop", expiry); err != nil || got != want {
			t.Errorf("%s, %v\nwant %s", got, err, want)
		}
	}
	bad := signedLink
	bad.Label = ""
	if got, err := bad.SignedURL(redirectKey, "shop", time.Time{}); err == nil {
		t.Errorf("a link without label: %s", got)
	}
}

// queryOf reads the query of a link.
func queryOf(t *testing.T, link string) url.Values {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil {
		t.Fatal(err)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		t.Fatal(err)
	}
	return query
}

func TestVerifyLink(t *testing.T) {
	before := redirectExpiry.Add(-time.Second)
	for name, link := range map[string]string{
		"forever": linkForever, "expires": linkExpires, "another language": strings.Replace(linkForever, "lang=hi", "lang=en", 1),
		"no language": strings.Replace(linkForever, "&lang=hi", "", 1), "stray parameter": linkForever + "&1700000000000",
		"empty parameter": linkExpires + "&=&=x", "another order": "https://x.example/?" + queryOf(t, linkExpires).Encode(),
	} {
		if err := VerifyLink(redirectKey, "shop", queryOf(t, link), before); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := VerifyLink(redirectKey, "shop", queryOf(t, linkExpires), redirectExpiry); !errors.Is(err, ErrLinkExpired) || !errors.Is(err, ErrLink) {
		t.Errorf("expired: %v", err)
	}
}

func TestVerifyLinkRefuses(t *testing.T) {
	before := redirectExpiry.Add(-time.Second)
	forever, expires := queryOf(t, linkForever).Get("signature"), queryOf(t, linkExpires).Get("signature")
	for name, test := range map[string]struct{ key, merchant, link string }{
		"other key":         {"x", "shop", linkForever},
		"other merchant":    {redirectKey, "shop2", linkForever},
		"not signed":        {redirectKey, "shop", strings.Replace(linkForever, "&signature="+forever, "", 1)},
		"signed twice":      {redirectKey, "shop", linkForever + "&signature=" + forever},
		"empty signature":   {redirectKey, "shop", strings.Replace(linkForever, forever, "", 1)},
		"cut signature":     {redirectKey, "shop", linkForever[:len(linkForever)-1]},
		"padded":            {redirectKey, "shop", linkForever + "="},
		"line break":        {redirectKey, "shop", linkForever + "%0A"},
		"another amount":    {redirectKey, "shop", strings.Replace(linkForever, "=500", "=5", 1)},
		"no amount":         {redirectKey, "shop", strings.Replace(linkForever, "&fixed_amount=500", "", 1)},
		"another label":     {redirectKey, "shop", strings.Replace(linkForever, "label=55", "label=56", 1)},
		"second label":      {redirectKey, "shop", linkForever + "&label=55"},
		"more":              {redirectKey, "shop", linkForever + "&pending_url=x"},
		"a number's value":  {redirectKey, "shop", linkForever + "&17=x"},
		"expiry taken away": {redirectKey, "shop", strings.Replace(linkExpires, "&expires=1795000000", "", 1)},
		"expiry moved":      {redirectKey, "shop", strings.Replace(linkExpires, "expires=17", "expires=18", 1)},
		"expiry added":      {redirectKey, "shop", linkForever + "&expires=1795000000"},
		"empty expiry":      {redirectKey, "shop", linkForever + "&expires="},
		"two expiries":      {redirectKey, "shop", linkExpires + "&expires=1795000000"},
		"other signature":   {redirectKey, "shop", strings.Replace(linkExpires, expires, forever, 1)},
	} {
		if err := VerifyLink(test.key, test.merchant, queryOf(t, test.link), before); !errors.Is(err, ErrLink) || errors.Is(err, ErrLinkExpired) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzVerifyLink checks that no other query passes than the signed ones with another lang or nameless parameters.
func FuzzVerifyLink(f *testing.F) {
	for _, link := range []string{linkForever, linkExpires} {
		_, query, _ := strings.Cut(link, "?")
		f.Add(query)
		f.Add(query + "&1700000000000")
	}
	now := redirectExpiry.Add(-time.Hour)
	f.Fuzz(func(t *testing.T, text string) {
		query, err := url.ParseQuery(text)
		if err != nil || VerifyLink(redirectKey, "shop", query, now) != nil {
			return
		}
		for name, values := range query {
			if name == "lang" || nameless(name, values) {
				delete(query, name)
			}
		}
		for _, link := range []string{linkForever, linkExpires} {
			signed := queryOf(t, link)
			signed.Del("lang")
			if signed.Encode() == query.Encode() {
				return
			}
		}
		t.Fatalf("accepted %q", text)
	})
}
