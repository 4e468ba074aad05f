package window

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"path"
	"strings"
	"testing"
)

func TestAssets(t *testing.T) {
	get := func(method, target, accept string) *http.Response {
		r := httptest.NewRequest(method, target, nil)
		r.Header.Set("Accept-Encoding", accept)
		w := httptest.NewRecorder()
		Assets().ServeHTTP(w, r)
		return w.Result()
	}
	for name, a := range assets() {
		answer := get("GET", AssetURL(name), "")
		body, _ := io.ReadAll(answer.Body)
		if answer.StatusCode != 200 || string(body) != string(a.plain) || !strings.Contains(answer.Header.Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d, %q", name, answer.StatusCode, answer.Header)
		}
		if answer.Header.Get("Content-Type") != contentTypes[path.Ext(name)] || answer.Header.Get("Content-Type") == "" {
			t.Errorf("%s is %q", name, answer.Header.Get("Content-Type"))
		}
		zipped := get("GET", AssetURL(name), "gzip, br")
		if zipped.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(zipped.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err := io.ReadAll(unzipped); err != nil || string(body) != string(a.plain) {
				t.Errorf("%s: unpacked otherwise (%v)", name, err)
			}
		}
	}
	if got := get("GET", "/plugin-static/0123456789abcdef/window.css", ""); got.StatusCode != 200 || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("another version's file: %d %q", got.StatusCode, got.Header.Get("Cache-Control"))
	}
	for _, target := range []string{"/plugin-static/", "/plugin-static/x/none.css", "/plugin-static/x/../window.css", "/other/x/window.css"} {
		if got := get("GET", target, "").StatusCode; got != 404 {
			t.Errorf("%s: %d", target, got)
		}
	}
	if got := get("POST", AssetURL("window.css"), ""); got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d", got.StatusCode)
	}
	if got := get("HEAD", AssetURL("window.css"), ""); got.StatusCode != 200 || got.ContentLength < 1000 {
		t.Errorf("HEAD: %d, %d bytes", got.StatusCode, got.ContentLength)
	}
	w := httptest.NewRecorder()
	EmbedScript().ServeHTTP(w, httptest.NewRequest("GET", "/embed.js", nil))
	if w.Code != 200 || w.Header().Get("Cross-Origin-Resource-Policy") != "cross-origin" || strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
		t.Errorf("embed.js: %d, %q", w.Code, w.Header())
	}
}
