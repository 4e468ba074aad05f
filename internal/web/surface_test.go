package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func TestBySurface(t *testing.T) {
	say := func(word string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, word) })
	}
	handler := BySurface(say("api"), say("window"), "pay.example:8080", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")})
	for _, c := range []struct{ host, path, proxied, want string }{
		{"plugin.shop.pay.example", "/", "", "window"},
		{"plugin.shop.pay.example:8080", "/events", "", "window"},
		{"plugin.pay.example", "/", "", "window"},
		{"plugin.money.shop.example", "/", "", "window"},
		{"pay.example", "/plugin/shop/", "", "window"},
		{"pay.example", "/plugin-static/1/window.css", "", "window"},
		{"127.0.0.1:8080", "/plugin/shop/", "", "window"},
		{"api.shop.pay.example", "/plugin/shop/", "", "window"},
		{"plugin.shop.pay.example", "/api/v1/transaction/activate", "", "api"},
		{"plugin.shop.pay.example", "/evidence/v1/messages", "", "api"},
		{"plugin.shop.pay.example", "/v3/events", "", "api"},
		{"plugin.shop.pay.example", "/openapi.yaml", "", "api"},
		{"api.shop.pay.example", "/", "", "api"},
		{"pay.example", "/", "", "api"},
		{"pay.example", "/plugin", "", "api"},
		{"shop.pay.example", "/", "", "api"},
		{"inside", "/", "plugin.shop.pay.example", "window"},
	} {
		r := httptest.NewRequest("GET", "http://"+c.host+c.path, nil)
		r.RemoteAddr = "198.51.100.7:1"
		if c.proxied != "" {
			r.RemoteAddr = "10.0.0.1:1"
			r.Header.Set("X-Forwarded-Host", c.proxied)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Body.String() != c.want {
			t.Errorf("%s%s is served by %s, want %s", c.host, c.path, w.Body, c.want)
		}
	}
}
