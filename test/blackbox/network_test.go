package blackbox

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
)

// TestForbiddenAddressIsNotDialled: without GALLA_POSTBACK_ALLOW a postback to a loopback address is an attempt that
// failed, and nobody is called. The URL itself is taken: serve judges the address, not the command.
func TestForbiddenAddressIsNotDialled(t *testing.T) {
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.server.Stop()
		w.galla = w.galla.With("GALLA_POSTBACK_ALLOW=")
		w.server = w.galla.Serve()
		receiver, err := url.Parse(w.receiver.url)
		if err != nil {
			t.Fatal(err)
		}
		for i, host := range []string{"127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433"} {
			slug := fmt.Sprint("loopback-", i)
			k, s := w.shopOf(slug)
			w.must("merchant", "set", slug, "postback_url=http://"+host+":"+receiver.Port()+"/"+slug)
			order := fmt.Sprint("forbidden-", i)
			w.credit(k, s, order, "500")
			w.eventually("an attempt is recorded", func() bool { return len(w.show(order).Postback.Attempts) > 0 })
			shown := w.show(order)
			// The last one is a name to us, which nobody resolves; to others it is 127.0.0.1 as one number.
			first := shown.Postback.Attempts[0]
			if shown.Postback.State != "pending" || first.Status != 0 || first.Error == "" || host != "2130706433" && first.Failure != "forbidden_address" {
				t.Errorf("%s: %+v", host, shown.Postback)
			}
		}
		if got := w.receiver.deliveries(func(delivery) bool { return true }); len(got) != 0 {
			t.Errorf("somebody was called: %+v", got)
		}
	})
}

// TestTrustedProxies: the addresses and hosts that a proxy forwards count only when the proxy is trusted.
func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	shown := `{"status":"ok","params":{"identifier":"6234234234"}}`
	create := func(header ...string) call {
		return call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"1"}`, header: header}
	}
	w.must("merchant", "set", "shop", "allow_ip=198.51.100.0/24")
	w.soon("the list holds", func() bool { return w.do(create()).body == notFoundJSON })
	w.want(create("X-Forwarded-For: 198.51.100.7"), http.StatusNotFound, notFoundJSON)

	w.server.Stop()
	w.galla = w.galla.With("GALLA_TRUSTED_PROXIES=127.0.0.0/8,10.0.0.0/8")
	w.server = w.galla.Serve()
	for header, want := range map[string]string{
		"":                              notFoundJSON, // the proxy itself
		"X-Forwarded-For: 198.51.100.7": shown,
		"X-Forwarded-For: 198.51.100.7, 10.1.2.3":          shown,        // read from the right, over trusted ones
		"X-Forwarded-For: 198.51.100.7, 203.0.113.9":       notFoundJSON, // what is left of a stranger is invented
		"X-Forwarded-For: 203.0.113.9, 198.51.100.7":       shown,
		"X-Forwarded-For: nonsense":                        notFoundJSON,
		"X-Forwarded-For: 198.51.100.7, unknown, 10.1.2.3": notFoundJSON,
	} {
		c := create()
		if header != "" {
			c = create(header)
		}
		if got := w.do(c); got.body != want {
			t.Errorf("%q: %s, want %s", header, got.body, want)
		}
	}
	own := "X-Forwarded-For: 198.51.100.7"
	w.want(create(own, "X-Forwarded-Host: api.other.localhost:8080"), http.StatusNotFound, notFoundJSON)
	c := create(own, "X-Forwarded-Host: api.shop.localhost:8080")
	c.host = "backend.internal"
	w.want(c, http.StatusOK, shown)
}

// TestDefaultMerchant: its host is the base host itself, and no other merchant's secret works there.
func TestDefaultMerchant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	w.server.Stop()
	w.galla = w.galla.With("GALLA_DEFAULT_MERCHANT=shop")
	w.server = w.galla.Serve()
	c := call{host: "api.localhost:8080", path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"1"}`}
	w.want(c, http.StatusOK, `{"status":"ok","params":{"identifier":"6234234234"}}`)
	c.path = "/api/v1/transaction/create/phone_pe?secret=" + w.other.APISecret
	w.want(c, http.StatusNotFound, notFoundJSON)
	c.host = "api.other.localhost:8080"
	w.want(c, http.StatusOK, `{"status":"ok","params":{"identifier":"6234234235"}}`)
}

// TestAdminListener answers who watches the process, and the public listener doesn't.
func TestAdminListener(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		number := w.number()
		w.pay(number, "500")
		w.wantClaim("metrics", "metrics", number, "500", okJSON("500"))
		for path, want := range map[string]string{"/healthz": "ok", "/readyz": "ok", "/metrics": "galla_"} {
			response, err := http.Get(w.server.Admin + path)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(response.Body)
			response.Body.Close()
			w.said.hear(string(body))
			if err != nil || response.StatusCode != http.StatusOK || !strings.Contains(string(body), want) {
				t.Errorf("%s: %d %v %.200s", path, response.StatusCode, err, body)
			}
			if strings.Contains(string(body), number) {
				t.Errorf("%s tells a payer's number", path)
			}
		}
		if got := w.rawTo(w.server.Admin, call{path: w.activatePath(), body: with("", "")}.text()); got.code != http.StatusNotFound {
			t.Errorf("the API on the admin listener: %d %s", got.code, got.body)
		}
	})
}
