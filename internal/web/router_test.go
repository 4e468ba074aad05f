package web

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestRouter(t *testing.T) {
	say := func(text string) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, text+r.PathValue("wallet_type")+r.PathValue("slug"))
		})
	}
	router := NewRouter([]Route{
		{"POST", "/api/v1/transaction/create/{wallet_type}", say("create ")},
		{"POST", "/api/v1/transaction/activate", say("activate")},
		{"GET", "/api/v1/payment-systems/available", say("available")},
		{"GET", "/plugin/{slug}/", say("window ")},
		{"POST", "/plugin/{slug}/pay", say("pay ")},
		{"GET", "/things/new", say("new")},
		{"POST", "/things/{slug}", say("thing ")}, // beside "/things/new" in one table
		{"PUT", "/things/{slug}", say("put ")},
	})
	const notFound = `{"status":"fail","message":"Not found"}`
	const method = `{"status":"fail","message":"Method not allowed"}`
	tests := []struct {
		method, target string
		code           int
		body, allow    string
	}{
		{"POST", "/api/v1/transaction/create/phone_pe?secret=x", 200, "create phone_pe", ""},
		{"POST", "/api/v1/transaction/create/a%2Fb", 200, "create a/b", ""},
		{"POST", "/api/v1/transaction/create/a%20b", 200, "create a b", ""},
		{"POST", "/api/v1/transaction/activate", 200, "activate", ""},
		{"GET", "/api/v1/payment-systems/available", 200, "available", ""},
		{"HEAD", "/api/v1/payment-systems/available", 200, "available", ""},
		{"GET", "/plugin/shop/", 200, "window shop", ""},
		{"GET", "/plugin/shop/deeper/file.js", 200, "window shop", ""},
		{"POST", "/plugin/shop/pay", 200, "pay shop", ""},
		{"GET", "/things/new", 200, "new", ""},
		{"POST", "/things/new", 200, "thing new", ""},

		{"GET", "/api/v1/transaction/activate", 405, method, "POST"},
		{"OPTIONS", "/api/v1/transaction/activate", 405, method, "POST"},
		{"BREW", "/api/v1/transaction/activate", 405, method, "POST"},
		{"POST", "/api/v1/payment-systems/available", 405, method, "GET, HEAD"},
		{"DELETE", "/things/new", 405, method, "GET, HEAD, POST, PUT"},
		{"GET", "/api/v1/transaction/create/phone_pe", 405, method, "POST"},

		{"GET", "/", 404, notFound, ""},
		{"POST", "/", 404, notFound, ""},
		{"POST", "/api/v1/transaction", 404, notFound, ""},
		{"POST", "/api/v1/transaction/create/", 404, notFound, ""},
		{"POST", "/api/v1/transaction/create", 404, notFound, ""},
		{"POST", "/api/v1/transaction/create/a/b", 404, notFound, ""},
		{"POST", "/api/v1/transaction/activate/", 404, notFound, ""},
		{"POST", "/API/v1/transaction/activate", 404, notFound, ""},
		{"POST", "//api/v1/transaction/activate", 404, notFound, ""},
		{"POST", "/api//v1/transaction/activate", 404, notFound, ""},
		{"POST", "/api/./v1/transaction/activate", 404, notFound, ""},
		{"POST", "/x/../api/v1/transaction/activate", 404, notFound, ""},
		{"GET", "/plugin/shop", 404, notFound, ""},
		{"GET", "/plugin/shop/../other/", 404, notFound, ""},
		{"OPTIONS", "*", 404, notFound, ""},
	}
	for _, tt := range tests {
		t.Run(tt.method+" "+tt.target, func(t *testing.T) {
			target := tt.target
			if target == "*" {
				target = "/"
			}
			r := httptest.NewRequest(tt.method, target, strings.NewReader("{}"))
			if tt.target == "*" {
				r.URL.Path, r.RequestURI = "*", "*"
			}
			w := httptest.NewRecorder()
			router.ServeHTTP(w, r)
			if w.Code != tt.code || w.Body.String() != tt.body || w.Header().Get("Allow") != tt.allow || w.Header().Get("Location") != "" {
				t.Errorf("%d %s, Allow %q, Location %q", w.Code, w.Body, w.Header().Get("Allow"), w.Header().Get("Location"))
			}
			if tt.code != 200 && w.Header().Get("Content-Type") != "application/json" {
				t.Errorf("Content-Type %q", w.Header().Get("Content-Type"))
			}
		})
	}

	r := httptest.NewRequest("CONNECT", "http://x/", nil)
	r.URL.Path, r.RequestURI = "", "x:443"
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)
	if w.Code != 404 || w.Body.String() != notFound {
		t.Errorf("CONNECT: %d %s", w.Code, w.Body)
	}
}
