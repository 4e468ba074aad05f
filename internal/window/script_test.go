package window

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"github.com/galla-gateway/galla/internal/testkit"
)

// mark stands in every payload: where it turns up in a page, input has.
const mark = "pwn7f3"

// payloads are 2,000 ways to get a script into a page: each core in each setting.
func payloads() (list []string) {
	cores := []string{
		"<script>" + mark + "()</script>", "<ScRiPt>" + mark + "()</sCrIpT>", "<script src=//evil.example/" + mark + ".js></script>",
		"<img src=x onerror=" + mark + "()>", "<img/src=x/onerror=" + mark + "()//", "<svg onload=" + mark + "()>", "<svg/onload=" + mark + "()>",
		"<svg><script>" + mark + "()</script></svg>", "<svg><a xlink:href=javascript:" + mark + "()><text>x</text></a></svg>",
		"<math><mtext><table><mglyph><style><img src onerror=" + mark + "()>", "<iframe src=javascript:" + mark + "()></iframe>",
		"<iframe srcdoc='<script>" + mark + "()</script>'></iframe>", "<a href=javascript:" + mark + "()>x</a>", "<a href='java\tscript:" + mark + "()'>x</a>",
		"<form action=javascript:" + mark + "()><button>", "<button formaction=javascript:" + mark + "()>", "<input autofocus onfocus=" + mark + "()>",
		"<details open ontoggle=" + mark + "()>", "<body onload=" + mark + "()>", "<video><source onerror=" + mark + "()>", "<object data=javascript:" + mark + "()>",
		"<embed src=javascript:" + mark + "()>", "<base href=//evil.example/" + mark + "/>", "<meta http-equiv=refresh content='0;url=javascript:" + mark + "()'>",
		"<link rel=stylesheet href=//evil.example/" + mark + ".css>", "<style>@import '//evil.example/" + mark + "'</style>", "<style>*{background:url(//evil.example/" + mark + ")}</style>",
		"javascript:" + mark + "()", "JaVaScRiPt:" + mark + "()", "data:text/html,<script>" + mark + "()</script>", "vbscript:" + mark + "()", "//evil.example/" + mark,
		"\\\\evil.example\\" + mark, "https://evil.example/" + mark, "onmouseover=" + mark + "()", "style=x:expression(" + mark + "())",
		"{{" + mark + "}}", "${" + mark + "()}", "#{" + mark + "}", "<%= " + mark + " %>", "{{constructor.constructor('" + mark + "()')()}}", "&lt;script&gt;" + mark + "()&lt;/script&gt;",
		"&#60;script&#62;" + mark + "()", "\\u003cscript\\u003e" + mark + "()", "%3Cscript%3E" + mark + "()%3C/script%3E", "+ADw-script+AD4-" + mark + "()",
		"＜script＞" + mark + "()＜/script＞", "<!--" + mark + "-->", "<![CDATA[" + mark + "]]>", "<?php " + mark + " ?>",
	}
	settings := []string{
		"%s", "\"%s", "'%s", "\">%s", "'>%s", "\" %s x=\"", "' %s x='", "`%s`", "</title>%s", "</textarea>%s", "</script>%s", "</style>%s", "</noscript>%s", "</select>%s",
		"-->%s", "]]>%s", "*/%s/*", "\\\"%s", "\\'%s", "\";%s//", "';%s//", "');%s//", "\u2028%s", "\n%s", "\r\n%s", "\t%s", "\x00%s", "%s\x00", " %s ", "\u200b%s", "\u202e%s", "x%sx",
		"/?%s", "?%s", "#%s", "&%s", "=%s", ";%s", "1%s", "INR%s",
	}
	for _, core := range cores {
		for _, setting := range settings {
			list = append(list, fmt.Sprintf(strings.ReplaceAll(setting, "%s", "%[1]s"), core))
		}
	}
	return list
}

// parameters of a link that a payload is put into, those that nobody knows included.
var parameters = []string{
	"label", "currency_code", "currency_code[]", "lang", "wallet_type", "custom_transaction_id", "fixed_amount", "payment_url_success_id",
	"payment_url_pending_id", "payment_url_fail_id", "success_url", "pending_url", "fail_url", "signature", "expires", "utm_source",
	paramStep, paramMethod, paramAmount, paramLang, paramParent,
}

// skeleton is a page without its texts and values: its elements with the names of their attributes.
func skeleton(root *html.Node) string {
	var b strings.Builder
	var walk func(*html.Node)
	walk = func(n *html.Node) {
		if n.Type != html.TextNode {
			fmt.Fprintf(&b, "<%d %s", n.Type, n.Data)
			for _, a := range n.Attr {
				b.WriteString(" " + a.Key)
			}
		}
		for c := n.FirstChild; c != nil; c = c.NextSibling {
			walk(c)
		}
		if n.Type != html.TextNode {
			b.WriteString(">")
		}
	}
	walk(root)
	return b.String()
}

// bases are links to every screen: methods, amount, pay, correct, results.
var bases = []string{
	"label=payer&currency_code=INR&custom_transaction_id=fresh&lang=en",
	"label=payer&currency_code=INR&custom_transaction_id=fresh&lang=en&wallet_type=phone_pe",
	"label=payer&currency_code=INR&custom_transaction_id=fresh&lang=en&wallet_type=phone_pe&fixed_amount=500",
	"label=payer&currency_code=INR&custom_transaction_id=waits&lang=en&wallet_type=phone_pe&fixed_amount=500",
	"label=payer&currency_code=INR&custom_transaction_id=waits&lang=en&wallet_type=phone_pe&step=number",
	"label=payer&currency_code=INR&custom_transaction_id=done&lang=en&wallet_type=phone_pe&payment_url_success_id=2",
}

// put sets one parameter of a query.
func put(base, name, value string) string {
	query, err := url.ParseQuery(base)
	if err != nil {
		panic(err)
	}
	query.Set(name, value)
	return "/?" + query.Encode()
}

// knownSkeletons are the pages that harmless values lead to.
func knownSkeletons(w *world) map[string]bool {
	known := map[string]bool{}
	for _, base := range bases {
		known[skeleton(w.get("/?"+base).root)] = true
		for _, name := range parameters {
			for _, value := range []string{"", "x", "1", "INR", "hi", "en", "phone_pe", "paytm", "500", "number", "amount", "1.005", "a\tb", "https://merchant.example"} {
				known[skeleton(w.get(put(base, name, value)).root)] = true
			}
		}
		for _, field := range []string{"wallet_type", "amount", "key1"} {
			for _, value := range []string{"", "x", "phone_pe"} {
				known[skeleton(w.send("/?"+base, field, value).root)] = true
			}
		}
	}
	return known
}

// check finds what a payload put into a page.
func (w *world) check(known map[string]bool, what string, a answer) {
	w.t.Helper()
	if a.Code >= 500 || !strings.HasPrefix(a.Header().Get("Content-Type"), "text/html") && a.Code != 303 {
		w.t.Errorf("%s: %d %s", what, a.Code, a.Header().Get("Content-Type"))
	}
	if s := skeleton(a.root); a.Code != 303 && !known[s] {
		w.t.Errorf("%s makes another page:\n%s\n%s", what, s, a.Body)
	}
	for n := range a.root.Descendants() {
		for _, attribute := range n.Attr {
			if !strings.Contains(attribute.Val, mark) {
				continue
			}
			if attribute.Key == "value" && n.Data == "input" { // what was typed, to correct
				continue
			}
			if !strings.HasPrefix(attribute.Val, "/?") && !strings.HasPrefix(attribute.Val, "/events?") && !strings.HasPrefix(attribute.Val, "/state?") ||
				strings.ContainsAny(attribute.Val, "<>\"'` \t\r\n\\") {
				w.t.Errorf("%s is in attribute %s: %q", what, attribute.Key, attribute.Val)
			}
		}
		if n.Type == html.TextNode && n.Parent != nil && (n.Parent.Data == "script" || n.Parent.Data == "style") && strings.Contains(n.Data, mark) {
			w.t.Errorf("%s is in a %s", what, n.Parent.Data)
		}
	}
	for name, values := range a.Header() {
		for _, value := range values {
			if strings.Contains(value, mark) && (name != "Location" || !strings.HasPrefix(value, "/?") || strings.ContainsAny(value, "<>\"' \r\n\\")) {
				w.t.Errorf("%s is in the header %s: %q", what, name, value)
			}
		}
	}
}

// 2,000 payloads in every parameter and every field, through the real handlers: no element, attribute or URL is theirs.
// PostgreSQL, where the same pages come more slowly, gets each tenth.
func TestScriptsStayText(t *testing.T) {
	t.Parallel()
	list := payloads()
	if len(list) < 2000 {
		t.Fatalf("only %d payloads", len(list))
	}
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.follow(put(bases[3], "lang", "en"), "key1", number(1)).status("possible_transaction_created")
		w.transfer(number(2), "500")
		w.follow(put(bases[5], "lang", "en"), "amount", "500", "key1", number(2)).status("ok")
		known, every := knownSkeletons(w), 1
		if !strings.HasPrefix(database, "sqlite:") {
			every = 10
		}
		requests := 0
		for i := 0; i < len(list); i += every {
			payload := list[i]
			for j, name := range parameters {
				base := bases[(i+j)%len(bases)]
				w.check(known, fmt.Sprintf("%q in %s of %s", payload, name, base), w.get(put(base, name, payload)))
				requests++
			}
			for j, field := range []string{"wallet_type", "amount", "key1"} {
				base := bases[(i+j)%3]
				w.check(known, fmt.Sprintf("%q in field %s of %s", payload, field, base), w.send("/?"+base, field, payload, "x", "y"))
				requests++
			}
		}
		t.Logf("%d requests, %d pages known", requests, len(known))
	})
}
