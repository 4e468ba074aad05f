package browser

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/chromedp/chromedp"
)

// payloadCount is how many script payloads are opened.
const payloadCount = 2000

// payloads are scripts in the shapes in which they get into pages: ways out of what they stand in, ways to run, ways to
// write both. Each that runs sets window.pwned, or opens a dialog, which nothing gets past.
func payloads() []string {
	outs := []string{"", `"`, `'`, "`", `">`, `'>`, `-->`, `</textarea>`, `</title>`, `</script>`, `</style>`, `"/>`, `';`, `";`, `\";`, `*/`, `]]>`, `{{`, `${`, "\t", `</noscript>`, `\u0022>`, `%22%3E`, `&quot;&gt;`, `</svg>`}
	runs := []string{
		`<script>window.pwned=1</script>`, `<img src=x onerror=window.pwned=1>`, `<svg onload=window.pwned=1>`, `<body onload=window.pwned=1>`,
		`<iframe srcdoc="<script>parent.pwned=1</script>">`, `<a href="javascript:window.pwned=1" autofocus onfocus=window.pwned=1>x</a>`,
		`<input autofocus onfocus=window.pwned=1>`, `<details open ontoggle=window.pwned=1>`, `<video><source onerror=window.pwned=1>`,
		`<style>@import 'javascript:window.pwned=1'</style>`, `<meta http-equiv=refresh content="0;url=javascript:window.pwned=1">`,
		`<object data="javascript:window.pwned=1">`, `<base href="javascript:window.pwned=1//">`, `<math><mtext></form><form><mglyph><style></math><img src onerror=window.pwned=1>`,
		`<form action=javascript:window.pwned=1><input type=submit id=go></form>`, `javascript:window.pwned=1`, `javascript:alert(1)//`, `window.pwned=1;//`,
		`constructor.constructor('window.pwned=1')()`, `<link rel=stylesheet href="data:text/css,*{}" onload=window.pwned=1>`, ` onmouseover=window.pwned=1 x=`,
		` autofocus onfocus=window.pwned=1 x=`, `<template><script>window.pwned=1</script></template>`, `<noscript><p title="</noscript><img src=x onerror=window.pwned=1>">`,
		`alert(1)`, `<isindex type=image src=1 onerror=window.pwned=1>`, `<marquee onstart=window.pwned=1>`, `<embed src="data:text/html,<script>window.pwned=1</script>">`,
	}
	writes := []func(string) string{
		func(p string) string { return p },
		strings.ToUpper,
		func(p string) string { return strings.ReplaceAll(p, " ", "/") },
	}
	var all []string
	for _, write := range writes {
		for _, run := range runs {
			for _, out := range outs {
				if len(all) < payloadCount {
					all = append(all, out+write(run))
				}
			}
		}
	}
	return all
}

// No script that a link brings runs, wherever in the link it stands: here in every parameter at once.
func TestScriptsInLinksNeverRun(t *testing.T) {
	all := payloads()
	if len(all) != payloadCount {
		t.Fatalf("%d payloads", len(all))
	}
	s := newSite(t)
	var next atomic.Int64
	group := make(chan struct{})
	const tabs = 2
	for range tabs {
		b := newTab(t, s, look{lang: "en", width: 360, height: 740, script: true})
		go func() {
			defer func() { group <- struct{}{} }()
			for n := next.Add(1) - 1; n < payloadCount; n = next.Add(1) - 1 {
				s.openPayload(b, n, all[n])
			}
		}()
	}
	for range tabs {
		<-group
	}
}

func (s *site) openPayload(b *tab, n int64, payload string) {
	query := url.Values{}
	for _, name := range []string{"label", "custom_transaction_id", "currency_code", "lang", "wallet_type", "fixed_amount", "success_url",
		"pending_url", "fail_url", "payment_url_success_id", "payment_url_pending_id", "payment_url_fail_id", payload} {
		query.Set(name, payload)
	}
	if n%2 == 0 { // every second opens a whole screen, the others the page of a wrong link
		query.Set("currency_code", "INR")
		query.Set("label", fmt.Sprint(n)+payload)
		query.Set("custom_transaction_id", fmt.Sprint(n)+payload)
		for _, name := range []string{"lang", "wallet_type", "fixed_amount", "payment_url_success_id", "payment_url_pending_id", "payment_url_fail_id"} {
			query.Del(name)
		}
		if n%4 == 0 {
			query.Set("wallet_type", "phone_pe")
			query.Set("fixed_amount", "500")
		}
	}
	ctx, cancel := context.WithTimeout(b.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.Navigate(s.server.URL+"/plugin/shop/?"+query.Encode())); err != nil {
		b.t.Errorf("%q: %v", payload, err)
		return
	}
	pwned, err := chromedp.Run(ctx, chromedp.Evaluate[bool](`typeof window.pwned !== "undefined" || document.body.children.length === 0`))
	if err != nil || pwned {
		b.t.Errorf("%q ran, or the page is empty: %v", payload, err)
	}
}
