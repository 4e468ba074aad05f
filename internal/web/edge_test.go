package web

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// lines decodes a JSON log.
func lines(t *testing.T, log *bytes.Buffer) (list []map[string]any) {
	t.Helper()
	decoder := json.NewDecoder(log)
	for {
		var line map[string]any
		if err := decoder.Decode(&line); err == io.EOF {
			return list
		} else if err != nil {
			t.Fatal(err)
		}
		list = append(list, line)
	}
}

func ticking() func() time.Time {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	return func() time.Time { now = now.Add(time.Millisecond); return now }
}

func TestEdgeLogsOneLine(t *testing.T) {
	var log bytes.Buffer
	handler := NewEdge(NewRouter([]Route{{"POST", "/api/v1/transaction/create/{wallet_type}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := TakeSecret(r); err != nil {
			t.Error(err)
		}
		Note(w, slog.String("merchant", "shop"), slog.String("outcome", "ok"))
		w.Header().Set("Seen-Id", RequestID(w))
		WriteJSON(w, http.StatusOK, []byte("{}"))
	})}}), slog.New(slog.NewJSONHandler(&log, nil)), prefixes("192.0.2.1/32"), ticking())

	r := httptest.NewRequest("POST", "http://api.shop.example/api/v1/transaction/create/phone_pe?secret=hush", nil)
	r.Header.Set("X-Forwarded-For", "203.0.113.7") // httptest's peer is 192.0.2.1
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)

	text := log.String()
	got := lines(t, &log)
	if len(got) != 1 {
		t.Fatalf("log: %s", text)
	}
	want := map[string]any{"level": "INFO", "msg": "request.served", "method": "POST", "host": "api.shop.example", "client": "203.0.113.7",
		"route": "POST /api/v1/transaction/create/{wallet_type}", "code": 200.0, "bytes": 2.0, "took": 1e6, "merchant": "shop", "outcome": "ok",
		"request_id": w.Header().Get("X-Request-Id")}
	for key, value := range want {
		if got[0][key] != value {
			t.Errorf("%s = %v, want %v", key, got[0][key], value)
		}
	}
	if strings.Contains(text, "hush") {
		t.Errorf("the log shows the secret: %s", text)
	}
	if id := w.Header().Get("X-Request-Id"); id == "" || id != w.Header().Get("Seen-Id") {
		t.Errorf("request id %q, the handler saw %q", id, w.Header().Get("Seen-Id"))
	}
	for header, value := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'"} {
		if w.Header().Get(header) != value {
			t.Errorf("%s: %q", header, w.Header().Get(header))
		}
	}
}

func TestEdgeLogsUnknownPathsMasked(t *testing.T) {
	tests := map[string]string{
		"/transfers/321302038123":                  "/transfers/…8123",
		"/a/1234567/b":                             "/a/1234567/b",
		"/evidence/galla_src_0123456789abcdef/x":   "/evidence/***/x",
		"/whsec_QUJD":                              "/***",
		"/%0a%1b[31mred":                           "/\n\x1b[31mred", // escaped again by the log's handler
		"/" + strings.Repeat("x", 2*maxLoggedPath): "/" + strings.Repeat("x", maxLoggedPath-1) + "…",
		"/account-000111222333/ifsc":               "/account-…2333/ifsc",
	}
	for path, want := range tests {
		var log bytes.Buffer
		handler := NewEdge(NewRouter(nil), slog.New(slog.NewJSONHandler(&log, nil)), nil, ticking())
		handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", path, nil))
		if got := lines(t, &log); len(got) != 1 || got[0]["path"] != want || got[0]["code"] != 404.0 {
			t.Errorf("%s: %v", path, got)
		}
	}
}

func TestEdgeTurnsPanicIntoAnswer(t *testing.T) {
	tests := []struct {
		name    string
		handler http.HandlerFunc
		code    int // 0: the connection is broken
		lines   int
	}{
		{"before the answer", func(http.ResponseWriter, *http.Request) { panic("boom") }, 500, 2},
		{"an error", func(http.ResponseWriter, *http.Request) { panic(fmt.Errorf("boom")) }, 500, 2},
		{"after the header", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(200); panic("boom") }, 0, 2},
		{"within the answer", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, `{"status":`); panic("boom") }, 0, 2},
		{"on purpose", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			var log bytes.Buffer
			handler := NewEdge(tt.handler, slog.New(slog.NewJSONHandler(&log, nil)), nil, ticking())
			w := httptest.NewRecorder()
			func() {
				defer func() {
					if failure := recover(); (failure == http.ErrAbortHandler) != (tt.code == 0) {
						t.Errorf("recovered %v", failure)
					}
				}()
				handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			}()
			if tt.code == 500 && (w.Code != 500 || w.Body.String() != `{"status":"error","message":"Internal error. Repeat the request with the same id"}`) {
				t.Errorf("answered %d %s", w.Code, w.Body)
			}
			if got := lines(t, &log); len(got) != tt.lines || tt.lines == 2 && (got[0]["panic"] != "boom" || got[0]["level"] != "ERROR") {
				t.Errorf("log: %v", got)
			}
		})
	}
}

func TestEdgeWithoutWrite(t *testing.T) {
	var log bytes.Buffer
	handler := NewEdge(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), slog.New(slog.NewJSONHandler(&log, nil)), nil, ticking())
	handler.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if got := lines(t, &log); len(got) != 1 || got[0]["code"] != 200.0 {
		t.Errorf("log: %v", got)
	}
}

func TestNoteOutsideAnEdge(t *testing.T) {
	Note(httptest.NewRecorder(), slog.Int("x", 1)) // is nothing
	if id := RequestID(httptest.NewRecorder()); id != "" {
		t.Errorf("RequestID = %q", id)
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 2 { // two instances
		handler := NewEdge(http.HandlerFunc(NotFound), slog.New(slog.DiscardHandler), nil, ticking())
		for range 100 {
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
			seen[w.Header().Get("X-Request-Id")] = true
		}
	}
	if len(seen) != 200 {
		t.Errorf("%d different ids of 200", len(seen))
	}
}

func BenchmarkEdge(b *testing.B) {
	handler := NewEdge(NewRouter([]Route{{"POST", "/api/v1/transaction/activate", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		TakeSecret(r)
		WriteJSON(w, 200, []byte(`{"status":"ok"}`))
	})}}), slog.New(slog.NewTextHandler(io.Discard, nil)), nil, time.Now)
	target, err := url.Parse("/api/v1/transaction/activate?secret=0123456789")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		u := *target
		handler.ServeHTTP(&refusal{header: http.Header{}}, &http.Request{Method: "POST", URL: &u, Host: "api.shop.example", RemoteAddr: "127.0.0.1:5000"})
	}
}
