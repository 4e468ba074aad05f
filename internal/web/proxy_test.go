package web

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, text := range texts {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}

func TestClientIP(t *testing.T) {
	trusted := prefixes("10.0.0.0/8", "fd00::/8", "127.0.0.1/32")
	tests := []struct {
		name, peer string
		forwarded  []string
		want       string
	}{
		{"direct", "203.0.113.7:5000", nil, "203.0.113.7"},
		{"direct over IPv6", "[2001:db8::7]:5000", nil, "2001:db8::7"},
		{"a stranger's word", "203.0.113.7:5000", []string{"1.2.3.4"}, "203.0.113.7"},
		{"one proxy", "10.0.0.1:5000", []string{"203.0.113.7"}, "203.0.113.7"},
		{"a proxy on a dual-stack socket", "[::ffff:10.0.0.1]:5000", []string{"203.0.113.7"}, "203.0.113.7"},
		{"two proxies", "10.0.0.1:5000", []string{"203.0.113.7, 10.0.0.2"}, "203.0.113.7"},
		{"two proxies, two lines", "10.0.0.1:5000", []string{"203.0.113.7", "10.0.0.2"}, "203.0.113.7"},
		{"invented on the left", "10.0.0.1:5000", []string{"127.0.0.1, 8.8.8.8, 203.0.113.7"}, "203.0.113.7"},
		{"invented in the first line", "10.0.0.1:5000", []string{"8.8.8.8", "203.0.113.7"}, "203.0.113.7"},
		{"only proxies", "10.0.0.1:5000", []string{"10.0.0.3,10.0.0.2"}, "10.0.0.3"},
		{"nothing in it", "10.0.0.1:5000", []string{""}, "10.0.0.1"},
		{"with port", "10.0.0.1:5000", []string{"203.0.113.7:1234"}, "203.0.113.7"},
		{"IPv6 with port", "10.0.0.1:5000", []string{"[2001:db8::7]:1234"}, "2001:db8::7"},
		{"IPv6 in brackets", "[fd00::1]:5000", []string{"[2001:db8::7]"}, "2001:db8::7"},
		{"mapped", "10.0.0.1:5000", []string{"::ffff:203.0.113.7"}, "203.0.113.7"},
		{"unknown", "10.0.0.1:5000", []string{"8.8.8.8, unknown"}, "10.0.0.1"},
		{"nonsense behind a proxy", "10.0.0.1:5000", []string{"8.8.8.8, x, 10.0.0.2"}, "10.0.0.2"},
		{"empty entry", "10.0.0.1:5000", []string{"8.8.8.8,,10.0.0.2"}, "10.0.0.2"},
		{"Unix socket", "@", []string{"8.8.8.8"}, "invalid IP"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
			if got := ClientIP(r, trusted).String(); got != tt.want {
				t.Errorf("ClientIP = %s, want %s", got, tt.want)
			}
			if got := ClientIP(r, nil); got.IsValid() && got.String() == "203.0.113.7" && tt.peer[:3] != "203" {
				t.Errorf("ClientIP believes a header without a trusted proxy")
			}
		})
	}
}

func TestForwardedHostAndScheme(t *testing.T) {
	trusted := prefixes("10.0.0.0/8")
	tests := []struct {
		name, peer  string
		host, proto []string
		tls         bool
		wantHost    string
		wantHTTPS   bool
	}{
		{"direct", "203.0.113.7:1", nil, nil, false, "own.example", false},
		{"direct with TLS", "203.0.113.7:1", nil, nil, true, "own.example", true},
		{"a stranger's word", "203.0.113.7:1", []string{"evil.example"}, []string{"https"}, false, "own.example", false},
		{"a proxy", "10.0.0.1:1", []string{"api.shop.example"}, []string{"HTTPS"}, false, "api.shop.example", true},
		{"a proxy says http", "10.0.0.1:1", nil, []string{"http"}, true, "own.example", false},
		{"a proxy that appends", "10.0.0.1:1", []string{"evil.example, api.shop.example"}, []string{"https", "http"}, false, "api.shop.example", false},
		{"empty", "10.0.0.1:1", []string{""}, []string{" "}, false, "own.example", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "http://own.example/", nil)
			r.RemoteAddr = tt.peer
			r.Header["X-Forwarded-Host"], r.Header["X-Forwarded-Proto"] = tt.host, tt.proto
			if tt.tls {
				r.TLS = &tls.ConnectionState{}
			}
			if got := RequestHost(r, trusted); got != tt.wantHost {
				t.Errorf("RequestHost = %q", got)
			}
			if got := IsHTTPS(r, trusted); got != tt.wantHTTPS {
				t.Errorf("IsHTTPS = %v", got)
			}
		})
	}
}

func FuzzClientIP(f *testing.F) {
	for _, seed := range []string{"", "203.0.113.7", "1.2.3.4, 10.0.0.2", "[::1]:80,", ",,,", "unknown", "[", "]:1", "fe80::1%eth0"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, forwarded string) {
		r := &http.Request{RemoteAddr: "10.0.0.1:5000", Header: http.Header{"X-Forwarded-For": {forwarded}}}
		got := ClientIP(r, prefixes("10.0.0.0/8"))
		if !got.IsValid() || got.Zone() != "" || got.Is4In6() {
			t.Fatalf("%q: %v", forwarded, got)
		}
		r.RemoteAddr = "203.0.113.7:5000"
		if got := ClientIP(r, prefixes("10.0.0.0/8")); got.String() != "203.0.113.7" {
			t.Fatalf("%q from a stranger: %v", forwarded, got)
		}
	})
}
