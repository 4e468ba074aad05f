package main

import (
	"bytes"
	"encoding/json"
	"image"
	"image/png"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
)

func TestRedirectCommands(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		redirect := func(verb string, args ...string) []string {
			return append([]string{"merchant", "redirect", verb, "--merchant", "shop"}, args...)
		}
		if got := c.ok(append(redirect("add", "--url", "https://shop.example/ok?a=1&b"), "--json")...); got != `{"id":1,"url":"https://shop.example/ok?a=1&b"}`+"\n" {
			t.Errorf("add prints %s", got)
		}
		// The base address is http://localhost:8080 here, so addresses of this machine pass.
		if got := c.json(redirect("add", "--url", "http://localhost:3000/done")...); got["id"] != json.Number("2") {
			t.Errorf("local: %v", got)
		}
		c.fails(exitUsage, "must be https", redirect("add", "--url", "http://shop.example/")...)
		c.fails(exitFailed, "already, as 1", redirect("add", "--url", "https://shop.example/ok?a=1&b")...)
		c.ok(redirect("remove", "--id", "2")...)
		c.fails(exitFailed, "no redirect URL 2", redirect("remove", "--id", "2")...)
		c.environ = append(c.environ, "GALLA_BASE_URL=https://pay.example.com")
		c.fails(exitUsage, "must be https", redirect("add", "--url", "http://localhost:3000/done")...)
		if got := c.json(redirect("add", "--url", "https://shop.example/fail")...); got["id"] != json.Number("3") {
			t.Errorf("an id was given again: %v", got)
		}
		list := c.list(redirect("list")...)
		if len(list) != 2 || list[0]["id"] != json.Number("1") || list[1]["url"] != "https://shop.example/fail" {
			t.Errorf("list: %v", list)
		}
		c.fails(exitFailed, "nobody", "merchant", "redirect", "list", "--merchant", "nobody")
	})
}

func TestOriginCommands(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		for _, origin := range []string{"https://shop.example", "http://localhost:3000"} {
			c.ok("merchant", "origin", "add", "--merchant", "shop", "--origin", origin)
		}
		c.fails(exitUsage, "scheme and host alone", "merchant", "origin", "add", "--merchant", "shop", "--origin", "https://shop.example/")
		if got := c.ok("merchant", "origin", "list", "--merchant", "shop", "--json"); got != `["http://localhost:3000","https://shop.example"]`+"\n" {
			t.Errorf("list prints %s", got)
		}
		c.ok("merchant", "origin", "remove", "--merchant", "shop", "--origin", "http://localhost:3000")
		if got := c.ok("merchant", "origin", "list", "--merchant", "shop"); got != "https://shop.example\n" {
			t.Errorf("list prints %s", got)
		}
	})
}

func TestBrandCommands(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		brand := func(verb string, args ...string) []string {
			return append([]string{"merchant", "brand", verb, "--merchant", "shop"}, args...)
		}
		write := func(name string, data []byte) string {
			path := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}
		svg := write("logo.svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><script>alert(1)</script></svg>`))
		got := c.ok(append(brand("set", "--name", "Shop & Co", "--logo", svg, "--colour", "#5F259F", "--contact", "help@shop.example", "--theme", "dark"), "--json")...)
		if got != `{"name":"Shop & Co","colour":"#5f259f","theme":"dark","contact":"help@shop.example","logo_type":"image/svg+xml","logo_bytes":46,"logo_dropped":["@onload","script"]}`+"\n" {
			t.Errorf("set prints %s", got)
		}
		var picture bytes.Buffer
		if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 4))); err != nil {
			t.Fatal(err)
		}
		c.ok(brand("set", "--logo", write("logo.png", picture.Bytes()), "--theme", "auto")...)
		if got := c.json(brand("show")...); got["logo_type"] != "image/png" || got["theme"] != "auto" || got["name"] != "Shop & Co" {
			t.Errorf("show: %v", got)
		}
		c.fails(exitUsage, "nothing to change", brand("set")...)
		c.fails(exitUsage, "#rrggbb", brand("set", "--colour", "red")...)
		c.fails(exitUsage, "light, dark or auto", brand("set", "--theme", "pink")...)
		c.fails(exitUsage, "no such file", brand("set", "--logo", filepath.Join(t.TempDir(), "none"))...)
		c.fails(exitUsage, "too large", brand("set", "--logo", write("large.svg", bytes.Repeat([]byte(" "), 1<<20)))...)
		c.ok(brand("set", "--logo", "")...)
		if got := c.json(brand("show")...); got["logo_type"] != "" || got["colour"] != "#5f259f" {
			t.Errorf("without its logo: %v", got)
		}
		c.ok(brand("clear")...)
		if got := c.json(brand("show")...); got["name"] != "" || got["colour"] != "" {
			t.Errorf("cleared: %v", got)
		}
	})
}

func TestLinkCommand(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		key := c.json(shopArgs...)["redirect_key"].(string)
		c.ok("merchant", "redirect", "add", "--merchant", "shop", "--url", "https://shop.example/ok")
		build := func(args ...string) (string, url.Values) {
			t.Helper()
			text := c.json(append([]string{"link", "--merchant", "shop", "--label", "55", "--order", "a b"}, args...)...)["url"].(string)
			u, err := url.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return text, u.Query()
		}
		if got, _ := build(); got != "http://localhost:8080/plugin/shop/?label=55&currency_code=INR&custom_transaction_id=a+b" {
			t.Error(got)
		}
		if got, _ := build("--host-form", "--wallet-type", "phone_pe", "--amount", "500", "--lang", "hi", "--success-id", "1"); got !=
			"http://plugin.shop.localhost:8080/?label=55&currency_code=INR&lang=hi&wallet_type=phone_pe&custom_transaction_id=a+b&fixed_amount=500&payment_url_success_id=1" {
			t.Error(got)
		}
		now := c.clock.Now()
		_, query := build("--success-url", "https://shop.example/a", "--pending-url", "http://localhost:3000/", "--fail-url", "https://shop.example/c", "--expires", "1h")
		for kind, want := range map[galla.RedirectKind]string{
			galla.RedirectSuccess: "https://shop.example/a", galla.RedirectPending: "http://localhost:3000/", galla.RedirectFail: "https://shop.example/c",
		} {
			token := query.Get(string(kind) + "_url")
			if got, err := galla.ParseRedirectToken(key, "shop", kind, token, now, true); err != nil || got != want {
				t.Errorf("%s: %q, %v", kind, got, err)
			}
			if _, err := galla.ParseRedirectToken(key, "shop", kind, token, now.Add(time.Hour), true); err == nil {
				t.Errorf("%s outlives its hour", kind)
			}
		}
		if _, query := build("--signed", "--expires", "1h"); galla.VerifyLink(key, "shop", query, now) != nil || galla.VerifyLink(key, "shop", query, now.Add(time.Hour)) == nil {
			t.Errorf("the signed link is %v", query)
		}
		c.ok("merchant", "set", "shop", "signed_links=true")
		if _, query := build(); galla.VerifyLink(key, "shop", query, now) != nil {
			t.Errorf("the link isn't signed though it must be: %v", query)
		}
	})
}

func TestLinkCommandRefuses(t *testing.T) {
	c := newConsole(t, "sqlite:"+filepath.Join(t.TempDir(), "galla.db"))
	c.ok("key", "new", "--file", c.keyFile)
	c.ok("migrate")
	c.ok(shopArgs...)
	c.environ = append(c.environ, "GALLA_BASE_URL=https://pay.example.com")
	for what, args := range map[string][]string{
		"label is required":      {"--label", ""},
		"known currency":         {"--currency", "XXX"},
		"amount":                 {"--amount", "1.005"},
		"no method":              {"--wallet-type", "imps_ib"},
		"takes BDT":              {"--wallet-type", "bkash"},
		"no redirect URL 7":      {"--fail-id", "7"},
		"--success-url":          {"--success-url", "http://localhost/"},
		"--pending-url":          {"--pending-url", "javascript:alert(1)"},
		"--fail-url is too long": {"--fail-url", "https://shop.example/" + strings.Repeat("a", galla.MaxRedirectToken)},
		"something that is sign": {"--expires", "1h"},
		"a time ahead":           {"--expires", "-1h", "--signed"},
	} {
		c.fails(exitUsage, what, append([]string{"link", "--merchant", "shop", "--label", "55", "--order", "1"}, args...)...)
	}
	c.fails(exitFailed, "no merchant", "link", "--merchant", "nobody", "--label", "55", "--order", "1")
}
