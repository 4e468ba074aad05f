package window

import (
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// hostile are 2,000 texts that want to become more than text.
func hostile() []string {
	cores := []string{
		`<script>evil()</script>`, `<img src=x onerror=evil()>`, `<svg onload=evil()>`, `<svg><script>evil()</script></svg>`,
		`<iframe src=javascript:evil()>`, `<a href=javascript:evil()>x</a>`, `<base href=//evil.example>`, `<form action=//evil.example>`,
		`<input autofocus onfocus=evil()>`, `<meta http-equiv=refresh content=0;url=//evil.example>`, `<style>*{display:none}</style>`,
		`<link rel=stylesheet href=//evil.example>`, `<math><mtext></p><script>evil()</script>`, `<template><script>evil()</script>`,
		`<details open ontoggle=evil()>`, `<object data=//evil.example>`, `<embed src=//evil.example>`, `<x-evil onclick=evil()>`,
		` onmouseover=evil() `, ` style=display:none `, `javascript:evil()`, `java` + "\t" + `script:evil()`, `data:text/html,<script>evil()</script>`,
		`//evil.example/`, `\\evil.example`,
	}
	before := []string{"", `"`, `'`, `">`, `'>`, `-->`, `</title>`, `</script>`, `</style>`, `</textarea>`, "`", `}}`, "\x00", "\u2028", "?", "/", "#336699;", "upi://pay?", "https://a\"", "mailto:a@b\""}
	after := []string{"", `"`, "//", "<!--"}
	var all []string
	for _, core := range cores {
		for _, b := range before {
			for _, a := range after {
				all = append(all, b+core+a)
			}
		}
	}
	return all
}

// stringFields calls visit for each string that a value holds, with its name.
func stringFields(v reflect.Value, name string, visit func(name string, field reflect.Value)) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			stringFields(v.Elem(), name, visit)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			stringFields(v.Field(i), name+"."+v.Type().Field(i).Name, visit)
		}
	case reflect.Slice:
		for i := range v.Len() {
			stringFields(v.Index(i), fmt.Sprintf("%s[%d]", name, i), visit)
		}
	case reflect.String:
		visit(name, v)
	}
}

// Every payload stands in all fields of every screen at once, and each field alone gets its share of the payloads.
func TestNothingFromAPageBecomesMarkup(t *testing.T) {
	payloads := hostile()
	if len(payloads) != 2000 {
		t.Fatalf("%d payloads", len(payloads))
	}
	for name := range screens() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, payload := range payloads {
				page := screens()[name]
				stringFields(reflect.ValueOf(&page), "Page", func(_ string, field reflect.Value) { field.SetString(payload) })
				inspectPage(t, page, payload)
			}
			example := screens()[name]
			var fields []string
			stringFields(reflect.ValueOf(&example), "Page", func(name string, _ reflect.Value) { fields = append(fields, name) })
			for turn, alone := range fields {
				const share = 50
				for i := turn % share; i < len(payloads); i += share {
					page := screens()[name]
					stringFields(reflect.ValueOf(&page), "Page", func(name string, field reflect.Value) {
						if name == alone {
							field.SetString(payloads[i])
						}
					})
					inspectPage(t, page, alone+" = "+payloads[i])
				}
			}
		})
	}
}

// Elements and attributes that the templates write.
var (
	ourElements = set(`html head meta title link style script noscript body header p svg path circle rect text bdi img span nav a
		main h1 h2 form ul li button label input div section dl dt dd ol figure figcaption details summary b code footer wbr`)
	ourAttributes = set(`lang dir class charset name content rel href nonce src defer viewbox viewBox d aria-hidden aria-label
		aria-labelledby aria-describedby aria-invalid aria-current alt height width hreflang id role method action formaction value type inputmode
		autocomplete autocapitalize spellcheck autofocus required novalidate hidden for focusable x y rx cx cy r xmlns fill shape-rendering
		data-copied data-busy data-once data-copy data-found data-twelve data-status data-order data-reload data-events data-state data-origin
		data-seconds data-text data-stopped data-code data-screen data-error data-left data-reason data-again data-qr data-tag`)
)

func set(words string) map[string]bool {
	all := make(map[string]bool)
	for _, word := range strings.Fields(words) {
		all[word] = true
	}
	return all
}

func inspectPage(t *testing.T, page Page, what string) {
	t.Helper()
	for n := range draw(t, page).Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !ourElements[n.Data] {
			t.Fatalf("%q became <%s>", what, n.Data)
		}
		if n.Data == "script" && (n.FirstChild != nil || len(find(n.Parent, "script", "src", AssetURL("window.js"), "nonce", testNonce)) != 1) {
			t.Fatalf("%q became a script", what)
		}
		if n.Data == "style" && words(n) != brandStyle(page.Brand.Colour) {
			t.Fatalf("%q became style %q", what, words(n))
		}
		for _, a := range n.Attr {
			if !ourAttributes[a.Key] {
				t.Fatalf("%q became attribute %s of <%s>", what, a.Key, n.Data)
			}
			if slices.Contains([]string{"href", "src", "action", "formaction"}, a.Key) && !mayLead(n, a.Val) {
				t.Fatalf("%q became address %q of <%s>", what, a.Val, n.Data)
			}
		}
	}
}

// mayLead tells whether an element may have the address: links go anywhere by the schemes we know, all else stays here.
func mayLead(n *html.Node, address string) bool {
	u, err := url.Parse(address)
	if err != nil || strings.ContainsAny(address, "\\\t\n") {
		return false
	}
	if u.Scheme == "" {
		return u.Host == ""
	}
	return n.Data == "a" && slices.Contains([]string{"https", "http", "mailto", "tel", "upi", "phonepe", "tez", "paytmmp"}, u.Scheme)
}

func TestAddresses(t *testing.T) {
	v := view{}
	for _, c := range []struct {
		name, got, want string
	}{
		{"path", string(v.Local("/a?b=c")), "/a?b=c"},
		{"query", string(v.Local("?b=c")), "?b=c"},
		{"other host", string(v.Local("//evil.example")), ""},
		{"backslash", string(v.Local(`/\evil.example`)), ""},
		{"absolute", string(v.Local("https://evil.example")), ""},
		{"tab", string(v.Local("/\t/evil.example")), ""},
		{"https", string(v.Away("https://shop.example/a?b=c#d")), "https://shop.example/a?b=c#d"},
		{"script", string(v.Away("javascript:evil()")), ""},
		{"no host", string(v.Away("https:///x")), ""},
		{"quote", string(v.Away(`https://shop.example/"x`)), ""},
		{"app", string(v.App("tez://upi/pay?pa=a@b")), "tez://upi/pay?pa=a@b"},
		{"other app", string(v.App("intent://pay?pa=a@b")), ""},
		{"mail", string(view{Page: Page{Brand: Brand{Contact: "a@b.example"}}}.ContactURL()), "mailto:a@b.example"},
		{"phone", string(view{Page: Page{Brand: Brand{Contact: "+91 98765-43210"}}}.ContactURL()), "tel:+919876543210"},
		{"page", string(view{Page: Page{Brand: Brand{Contact: "https://shop.example/help"}}}.ContactURL()), "https://shop.example/help"},
		{"words", string(view{Page: Page{Brand: Brand{Contact: "ask Ramesh"}}}.ContactURL()), ""},
		{"mail with more", string(view{Page: Page{Brand: Brand{Contact: "a@b?cc=x"}}}.ContactURL()), ""},
	} {
		if c.got != c.want {
			t.Errorf("%s: %q, want %q", c.name, c.got, c.want)
		}
	}
}
