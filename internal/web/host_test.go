package web

import (
	"strings"
	"testing"
)

func TestParseHost(t *testing.T) {
	tests := []struct {
		host, base string
		want       Host
	}{
		{"localhost:8080", "localhost:8080", Host{}},
		{"localhost", "localhost:8080", Host{}},
		{"api.shop.localhost:8080", "localhost:8080", Host{Surface: SurfaceAPI, Slug: "shop"}},
		{"plugin.shop.localhost:8080", "localhost:8080", Host{Surface: SurfaceWindow, Slug: "shop"}},
		{"shop.localhost:8080", "localhost:8080", Host{Slug: "shop"}},
		{"api.shop.localhost:45678", "localhost:8080", Host{Surface: SurfaceAPI, Slug: "shop"}},
		{"API.Shop.LocalHost.:8080", "LOCALHOST:8080", Host{Surface: SurfaceAPI, Slug: "shop"}},
		{"api.shop-2.pay.example", "pay.example", Host{Surface: SurfaceAPI, Slug: "shop-2"}},
		{"api.pay.example", "pay.example", Host{Surface: SurfaceAPI}},
		{"plugin.pay.example", "pay.example", Host{Surface: SurfaceWindow}},
		{"console.pay.example", "pay.example", Host{Surface: SurfaceConsole}},
		// Reserved slugs are nobody's.
		{"api.api.pay.example", "pay.example", Host{Domain: "api.api.pay.example"}},
		{"api.plugin.pay.example", "pay.example", Host{Domain: "api.plugin.pay.example"}},
		{"plugin.console.pay.example", "pay.example", Host{Domain: "plugin.console.pay.example"}},
		{"console.shop.pay.example", "pay.example", Host{Domain: "console.shop.pay.example"}},
		{"api.a.b.pay.example", "pay.example", Host{Domain: "api.a.b.pay.example"}},
		{"..pay.example", "pay.example", Host{Domain: "..pay.example"}},
		{"api..pay.example", "pay.example", Host{Domain: "api..pay.example"}},
		{".pay.example", "pay.example", Host{Domain: ".pay.example"}},
		// A merchant's own domain.
		{"api.money.shop.example", "pay.example", Host{Surface: SurfaceAPI, Domain: "money.shop.example"}},
		{"plugin.money.shop.example:443", "pay.example", Host{Surface: SurfaceWindow, Domain: "money.shop.example"}},
		{"money.shop.example", "pay.example", Host{Domain: "money.shop.example"}},
		{"console.shop.example", "pay.example", Host{Domain: "console.shop.example"}},
		{"notpay.example", "pay.example", Host{Domain: "notpay.example"}},
		{"pay.example.evil.example", "pay.example", Host{Domain: "pay.example.evil.example"}},
		{"api", "pay.example", Host{Domain: "api"}},
		{"api.", "pay.example", Host{Domain: "api"}},
		{"127.0.0.1:8080", "localhost:8080", Host{Domain: "127.0.0.1"}},
		{"[::1]:8080", "localhost:8080", Host{Domain: "[::1]"}},
		{"[::1]:8080", "[::1]:8080", Host{}},
		{"", "localhost:8080", Host{}},
		{"", "", Host{}},
	}
	for _, tt := range tests {
		want := tt.want
		if tt.host == "" && tt.base != "" {
			want = Host{Domain: ""}
		}
		if got := ParseHost(tt.host, tt.base); got != want {
			t.Errorf("ParseHost(%q, %q) = %+v, want %+v", tt.host, tt.base, got, want)
		}
	}
}

func FuzzParseHost(f *testing.F) {
	for _, seed := range []string{"", "api.shop.pay.example", "API.SHOP.PAY.EXAMPLE.:1", "[::1]:80", "..", "api..pay.example", "plugin.api.pay.example", "x.pay.example:", ":", "]:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, host string) {
		got := ParseHost(host, "pay.example:8443")
		switch {
		case got.Slug != "" && got.Domain != "":
			t.Fatalf("%q: slug and domain: %+v", host, got)
		case strings.Contains(got.Slug, "."), got.Slug == "api", got.Slug == "plugin", got.Slug == "console":
			t.Fatalf("%q: slug %q", host, got.Slug)
		case got.Surface == SurfaceConsole && got != Host{Surface: SurfaceConsole}:
			t.Fatalf("%q: a console of %+v", host, got)
		}
		if got.Slug != "" && got.Surface == SurfaceAPI {
			if again := ParseHost("api."+got.Slug+".pay.example", "pay.example"); again != got {
				t.Fatalf("%q: %+v, built again %+v", host, got, again)
			}
		}
	})
}
