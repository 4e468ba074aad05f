package api

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestCallers(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "hosts", hosts)
		w.tell(t, "forwarded hosts", forwardedHosts)
		w.tell(t, "allow_ip", allowIP)
		w.tell(t, "secrets", secrets)
		w.tell(t, "rotated secrets", rotatedSecrets)
	})
}

// Whatever is wrong with a secret, the answer is the same 404 and nothing happens.
func secrets(t *testing.T, w *world) {
	secret, other := w.keys["shop"].APISecret.Reveal(), w.keys["other"].APISecret.Reveal()
	const path = "/api/v1/transaction/activate"
	good := claimBody("order-1", "55", "321302038123", "500")
	for name, c := range map[string]call{
		"missing":                  {path: path},
		"empty":                    {path: path + "?secret="},
		"wrong":                    {path: path + "?secret=galla_api_wrong"},
		"one character off":        {path: path + "?secret=" + secret[:len(secret)-1] + "~"},
		"one character short":      {path: path + "?secret=" + secret[:len(secret)-1]},
		"by another letter case":   {path: path + "?secret=" + strings.ToUpper(secret)},
		"with a space":             {path: path + "?secret=" + secret + "%20"},
		"by another name":          {path: path + "?Secret=" + secret},
		"as an array":              {path: path + "?secret[]=" + secret},
		"twice":                    {path: path + "?secret=" + secret + "&secret=" + secret},
		"twice, once wrong":        {path: path + "?secret=x&secret=" + secret},
		"in two ways":              {path: path + "?secret=" + secret, header: bearer(secret)},
		"two headers":              {path: path, header: http.Header{"Authorization": {"Bearer " + secret, "Bearer " + secret}}},
		"by Basic":                 {path: path, header: http.Header{"Authorization": {"Basic " + secret}}},
		"of another merchant":      {path: path + "?secret=" + other},
		"a source's token":         {path: path + "?secret=" + w.bkash},
		"a key of another purpose": {path: path + "?secret=" + w.keys["shop"].RedirectKey.Reveal()},
		"the access key":           {path: path + "?secret=" + w.keys["shop"].AccessKey},
	} {
		c.body = good
		w.want(c, http.StatusNotFound, notFoundJSON)
		c.body = "no JSON"
		if got := w.do(c); got.Code != http.StatusNotFound {
			t.Errorf("%s: the body was looked at before the secret: %d", name, got.Code)
		}
		c.body = strings.Repeat("x", 100<<10)
		if got := w.do(c); got.Code != http.StatusNotFound {
			t.Errorf("%s: the size was looked at before the secret: %d", name, got.Code)
		}
	}
	if claims := w.count("SELECT count(*) FROM claim"); claims != 0 {
		t.Errorf("%d claims got through", claims)
	}
	for _, c := range []call{
		{path: path + "?secret=" + secret},
		{path: path + "?x=1&secret=" + secret + "&y=2"},
		{path: path + "?se%63ret=" + secret},
		{path: path, header: bearer(secret)},
		{path: path, header: http.Header{"Authorization": {"bearer  " + secret}}},
		{path: path + "?secret=" + secret, header: http.Header{"Authorization": {"Basic eDp5"}}},
	} {
		c.body = good
		w.want(c, http.StatusOK, possibleJSON)
	}
}

// Two secrets live at once while one is rotated.
func rotatedSecrets(t *testing.T, w *world) {
	old := call{path: w.activatePath(), body: claimBody("order-1", "55", "321302038123", "500")}
	fresh, err := w.g.RotateMerchantKey(context.Background(), "shop", "api_secret", time.Hour)
	must(t, err)
	now := old
	now.path = "/api/v1/transaction/activate?secret=" + fresh.Secret.Reveal()
	w.want(old, http.StatusOK, possibleJSON)
	w.want(now, http.StatusOK, possibleJSON)
	w.clock.Advance(time.Hour)
	w.want(old, http.StatusNotFound, notFoundJSON)
	w.want(now, http.StatusOK, possibleJSON)
}

// A host that names a merchant takes only its secret; one that names nobody takes any.
func hosts(t *testing.T, w *world) {
	for _, c := range []struct {
		host        string
		shop, other bool // whose secret is taken
	}{
		{"api.shop.galla.test:8080", true, false},
		{"API.Shop.Galla.Test", true, false},
		{"api.shop.galla.test.", true, false},
		{"shop.galla.test", true, false},
		{"plugin.shop.galla.test", true, false},
		{"api.other.galla.test", false, true},
		{"api.nobody.galla.test", false, false},
		{"nobody.galla.test", false, false},
		{"api.pay.example.com", true, false},
		{"pay.example.com", true, false},
		{"api.galla.test", true, false}, // the default merchant's
		{"plugin.galla.test", true, false},
		{"galla.test:8080", true, true}, // by path on any host
		{"console.galla.test", true, true},
		{"localhost:8080", true, true},
		{"127.0.0.1:8080", true, true},
		{"[::1]:8080", true, true},
		{"api.elsewhere.example.com", true, true},
	} {
		for slug, taken := range map[string]bool{"shop": c.shop, "other": c.other} {
			in := call{
				host: c.host, path: "/api/v1/transaction/create/phone_pe?secret=" + w.keys[slug].APISecret.Reveal(),
				body: `{"currency":"INR","label":"eligendi"}`,
			}
			code := http.StatusNotFound
			if taken {
				code = http.StatusOK
			}
			if got := w.do(in); got.Code != code {
				t.Errorf("host %s with the secret of %s: %d, want %d", c.host, slug, got.Code, code)
			}
		}
	}
}

// Behind a trusted proxy its word on the host counts; anybody else's doesn't.
func forwardedHosts(_ *testing.T, w *world) {
	c := call{
		host: "127.0.0.1:8080", path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"eligendi"}`,
		header: http.Header{"X-Forwarded-Host": {"api.other.galla.test"}},
	}
	w.want(c, http.StatusOK, createdJSON)
	c.remote = proxyAddress
	w.want(c, http.StatusNotFound, notFoundJSON)
	c.header = http.Header{"X-Forwarded-Host": {"api.shop.galla.test"}}
	w.want(c, http.StatusOK, createdJSON)
}

func allowIP(_ *testing.T, w *world) {
	w.set("shop", "allow_ip=203.0.113.0/24,2001:db8::/32")
	c := call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"eligendi"}`}
	for _, from := range []struct {
		remote, forwarded string
		allowed           bool
	}{
		{usualAddress, "", false},
		{"203.0.113.7", "", true},
		{"203.0.114.7", "", false},
		{"2001:db8::1", "", true},
		{"2001:db9::1", "", false},
		{usualAddress, "203.0.113.7", false}, // not a proxy of ours
		{proxyAddress, "203.0.113.7", true},
		{proxyAddress, "198.51.100.1, 203.0.113.7", true},
		{proxyAddress, "203.0.113.7, 198.51.100.1", false}, // what stands left of it is invented
		{proxyAddress, "203.0.113.7, nonsense", false},
		{proxyAddress, "", false},
	} {
		c.remote, c.header = from.remote, http.Header{}
		if from.forwarded != "" {
			c.header["X-Forwarded-For"] = []string{from.forwarded}
		}
		if from.allowed {
			w.want(c, http.StatusOK, createdJSON)
		} else {
			w.want(c, http.StatusNotFound, notFoundJSON)
		}
	}
	w.set("shop", "allow_ip=")
	c.remote, c.header = usualAddress, nil
	w.want(c, http.StatusOK, createdJSON)
}

// No secret and no token reaches the log or the metrics, whatever was asked and however it ended.
func TestNothingSecretIsLogged(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		secret := w.keys["shop"].APISecret.Reveal()
		w.do(call{path: w.activatePath(), body: claimBody("order-1", "55", "321302038123", "500")})
		w.do(call{path: w.activatePath() + "&secret=" + secret})
		w.do(call{path: "/api/v1/nothing?secret=" + secret})
		w.do(call{path: "/api/v1/" + secret})
		w.do(call{path: "/api/v1/transaction/activate", header: bearer(secret), body: "no JSON"})
		w.do(call{method: http.MethodGet, path: w.activatePath()})
		for kind, token := range w.tokens {
			for _, path := range []string{
				"/evidence/v1/forward/" + token, "/evidence/v1/forward/" + token + "/", "/evidence/v1//forward/" + token,
				"/evidence/v1/forward/" + token + "x", "/evidence/v1/nothing/" + token,
			} {
				for _, method := range []string{http.MethodPost, http.MethodGet} {
					w.do(call{method: method, path: path, body: `{"sender":"VM-HDFCBK-S","from":"VM-HDFCBK-S","event":"x","text":"x"}`})
				}
			}
			w.do(call{path: "/evidence/v1/messages", header: bearer(token), body: `{}`})
			w.evidence("/evidence/v1/transfers", "transfers", `{"reference":"321302038123","amount":"500"}`)
			if strings.Contains(w.log.String(), token) {
				t.Errorf("the token of a source of kind %s was logged", kind)
			}
		}
		logged := w.log.String() + scrape(w)
		for _, hidden := range []string{secret, "321302038123", w.tokens["sms"], w.tokens["smsgate"], w.tokens["smsforwarder"]} {
			if strings.Contains(logged, hidden) {
				t.Errorf("%s was logged", hidden)
			}
		}
		for _, wanted := range []string{`"merchant":"shop"`, `"order":"order-1"`, `"reference":"…8123"`, `"state":"waiting"`, `"route":"POST /evidence/v1/forward/{token}"`} {
			if !strings.Contains(logged, wanted) {
				t.Errorf("%s is missing in the log:\n%s", wanted, logged)
			}
		}
	})
}
