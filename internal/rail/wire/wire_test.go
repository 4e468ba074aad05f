package wire

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestOpenTakesOnlyASafeAddress(t *testing.T) {
	for address, want := range map[string]string{
		"https://api.example.com":         "",
		"https://api.example.com/payout/": "",
		"http://127.0.0.1:8080":           "",
		"http://[::1]:8080/x":             "",
		"http://localhost":                "",
		"http://api.example.com":          "isn't https",
		"http://127.0.0.1.example.com":    "isn't https",
		"http://10.0.0.1":                 "isn't https",
		"ftp://127.0.0.1":                 "isn't https",
		"https://me:word@example.com":     "a user",
		"https://example.com/?a=b":        "a query",
		"https://example.com/?":           "a query",
		"https://example.com/#a":          "a fragment",
		"":                                "isn't a URL",
		"api.example.com":                 "isn't a URL",
		"https:///x":                      "isn't a URL",
		"https://%zz":                     "isn't a URL",
	} {
		c, err := Open(address, nil)
		if got := fmt.Sprint(err); want == "" && err != nil || !strings.Contains(got, want) {
			t.Errorf("%q: error is %v, want %q in it", address, err, want)
		}
		if err != nil && address != "" && strings.Contains(err.Error(), address) {
			t.Errorf("%q: the error names the URL, which may hold a password", address)
		}
		if err == nil && strings.HasSuffix(c.base, "/") {
			t.Errorf("%q: the base is %q", address, c.base)
		}
	}
}

func TestDefaultClientIsSafe(t *testing.T) {
	c, err := Open("https://api.example.com", nil)
	if err != nil {
		t.Fatal(err)
	}
	way := c.http.Transport.(*http.Transport)
	if way.Proxy != nil || way.TLSClientConfig.InsecureSkipVerify || !way.DisableCompression {
		t.Errorf("the transport has proxy %v, TLS %+v, compression off %v", way.Proxy != nil, way.TLSClientConfig, way.DisableCompression)
	}
}

func TestSecretsPrintAsStars(t *testing.T) {
	const word = "open-sesame"
	c, err := Open("https://api.example.com", nil, word)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "secret", Secret(word), "wire", c)
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "secret", Secret(word), "wire", *c)
	encoded, _ := json.Marshal(map[string]any{"a": Secret(word), "c": c})
	shown := log.String() + string(encoded)
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		shown += fmt.Sprintf(verb, Secret(word)) + fmt.Sprintf(verb, struct{ S Secret }{word}) + fmt.Sprintf(verb, c) + fmt.Sprintf(verb, *c)
	}
	if hidden := fmt.Sprintf("%x", word); strings.Contains(shown, word) || strings.Contains(shown, hidden) {
		t.Errorf("the secret is in %s", shown)
	}
	if Secret(word).Reveal() != word || Secret(word).String() != "***" {
		t.Error("a secret should be told by Reveal and by nothing else")
	}
}

func ask(t *testing.T, ctx context.Context, handle http.HandlerFunc) Reply {
	t.Helper()
	server := httptest.NewServer(handle)
	defer server.Close()
	c, err := Open(server.URL, nil, "open-sesame")
	if err != nil {
		t.Fatal(err)
	}
	return c.Ask(ctx, http.MethodGet, "/x?account=123456789012", nil, nil)
}

func TestAsk(t *testing.T) {
	for _, c := range []struct {
		name    string
		handle  http.HandlerFunc
		status  int
		missing string
	}{
		{"whole", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "yes") }, 200, ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, 302, ""},
		{"longest", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, MaxAnswer)) }, 200, ""},
		{"too long", func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, MaxAnswer+1)) }, 200, "longer than"},
		{"broken off", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "10")
			fmt.Fprint(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 200, "broke off"},
		{"no answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, "no answer"},
	} {
		t.Run(c.name, func(t *testing.T) {
			reply := ask(t, t.Context(), c.handle)
			if reply.Status != c.status || (reply.Missing == "") != (c.missing == "") || !strings.Contains(reply.Missing, c.missing) {
				t.Errorf("status is %d and missing %q, want %d and %q", reply.Status, reply.Missing, c.status, c.missing)
			}
			if len(reply.Body) > MaxAnswer {
				t.Errorf("%d bytes were kept", len(reply.Body))
			}
			if strings.Contains(reply.Missing, "account") || strings.Contains(reply.Missing, "127.0.0.1/") {
				t.Errorf("the URL, with an account number, is in %q", reply.Missing)
			}
		})
	}
}

func TestAskEndsWithItsContext(t *testing.T) {
	over, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	hang := func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	if reply := ask(t, over, hang); reply.Missing != "no answer in time" {
		t.Errorf("missing is %q", reply.Missing)
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if reply := ask(t, stopped, hang); reply.Missing != "given up before an answer came" {
		t.Errorf("missing is %q", reply.Missing)
	}
}

// deadlines notes how long each request may take.
type deadlines struct{ left time.Duration }

func (d *deadlines) RoundTrip(r *http.Request) (*http.Response, error) {
	end, _ := r.Context().Deadline()
	d.left = time.Until(end)
	return nil, context.DeadlineExceeded
}

func TestAskHasADeadlineWhateverTheClient(t *testing.T) {
	way := &deadlines{}
	c, err := Open("https://api.example.com", &http.Client{Transport: way})
	if err != nil {
		t.Fatal(err)
	}
	c.Ask(t.Context(), http.MethodGet, "/", nil, nil)
	if way.left <= 0 || way.left > Deadline {
		t.Errorf("the request had %v, want at most %v", way.left, Deadline)
	}
}

func TestText(t *testing.T) {
	c, err := Open("https://api.example.com", nil, "open-sesame", "")
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"account 1234567890 is closed": "account …7890 is closed",
		"account 123456789":            "account …6789",
		"wait 12345678 seconds":        "wait 12345678 seconds",
		"open-sesame is wrong":         "*** is wrong",
		"a\x00b\nc\t d\ufffd":          "a b c d",
		"":                             "",
	} {
		if got := c.Text(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := string(c.Scrub([]byte("x-client-secret: open-sesame\n"))); got != "x-client-secret: ***\n" {
		t.Errorf("scrubbed to %q", got)
	}
}

func TestUTR(t *testing.T) {
	for text, want := range map[string]string{
		"933815233814": "933815233814", "HDFCN00000000001": "HDFCN00000000001", "TESTR92023012200543116": "TESTR92023012200543116",
		"null": "", "": "", "NA": "", "not available": "", "NOTAVAILABLE": "", "93381523381\n": "", "9338152338-4": "",
		strings.Repeat("1", 31): "",
	} {
		if got := UTR(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}

func TestOurs(t *testing.T) {
	for reference, want := range map[string]bool{
		"GL00000000000007": true, "GL99999999999999": true, "GL00000000000000": false, "GL0000000000007": false,
		"gl00000000000007": false, "GL+0000000000007": false, "GL-0000000000007": false, "": false, "GL000000000000071": false,
		"Acme Transaction": false,
	} {
		if Ours(reference) != want {
			t.Errorf("%q is ours: %v, want %v", reference, !want, want)
		}
	}
}
