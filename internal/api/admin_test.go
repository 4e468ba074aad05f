package api

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func (w *world) admin() *Admin {
	return NewAdmin(w.g, w.metrics, slog.New(slog.NewJSONHandler(w.log, nil)))
}

func ask(handler http.Handler, path string) *httptest.ResponseRecorder {
	recorder := httptest.NewRecorder()
	handler.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, path, nil))
	return recorder
}

// scrape is what /metrics says.
func scrape(w *world) string { return ask(w.admin(), "/metrics").Body.String() }

func wantAdmin(t *testing.T, handler http.Handler, path string, code int, body string) {
	t.Helper()
	if got := ask(handler, path); got.Code != code || got.Body.String() != body {
		t.Errorf("GET %s: %d %s, want %d %s", path, got.Code, got.Body, code, body)
	}
}
func TestAdmin(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "metrics", measured)
		w.tell(t, "odd handlers", oddHandlers)
		w.tell(t, "health", health)
		w.tell(t, "without database", noDatabase)
	})
}

func health(t *testing.T, w *world) {
	admin := w.admin()
	wantAdmin(t, admin, "/healthz", http.StatusOK, `{"status":"ok"}`)
	wantAdmin(t, admin, "/readyz", http.StatusOK, `{"status":"ok"}`)
	wantAdmin(t, admin, "/api/v1/transaction/activate", http.StatusNotFound, notFoundJSON)
	admin.Drain()
	wantAdmin(t, admin, "/healthz", http.StatusOK, `{"status":"ok"}`)
	wantAdmin(t, admin, "/readyz", http.StatusServiceUnavailable, `{"status":"error","message":"The server is shutting down"}`)
}

func noDatabase(t *testing.T, w *world) {
	admin := w.admin()
	must(t, w.g.Store().ReadPool().Close())
	wantAdmin(t, admin, "/healthz", http.StatusOK, `{"status":"ok"}`)
	wantAdmin(t, admin, "/readyz", http.StatusServiceUnavailable, `{"status":"error","message":"The database does not answer"}`)
	if !strings.Contains(w.log.String(), "readiness.failed") {
		t.Error("the reason isn't in the log")
	}
}

func measured(t *testing.T, w *world) {
	w.transfer("321302038123", "500")
	w.claim("order-1", "55", "321302038123", "500")
	w.claim("order-2", "55", "321302038124", "500")
	w.do(call{path: "/no/such/route"})
	w.do(call{path: w.activatePath(), body: "no JSON"})
	metrics := scrape(w)
	for _, line := range []string{
		`galla_http_request_seconds_count{code="200",route="POST /api/v1/transaction/activate"} 2`,
		`galla_http_request_seconds_count{code="422",route="POST /api/v1/transaction/activate"} 1`,
		`galla_http_request_seconds_count{code="200",route="POST /evidence/v1/transfers"} 1`,
		`galla_http_request_seconds_count{code="404",route="other"} 1`,
		`galla_claim_verdicts_total{verdict="accepted"} 1`,
		`galla_claim_verdicts_total{verdict="waiting"} 1`,
		`galla_evidence_items_total{status="created"} 1`,
		`galla_queue_length 0`,
		`galla_sweep_found_total 0`,
	} {
		if !strings.Contains(metrics, line+"\n") {
			t.Errorf("%s is missing in\n%s", line, ownLines(metrics))
		}
	}
	if !strings.Contains(metrics, "go_goroutines ") || !strings.Contains(metrics, "process_resident_memory_bytes ") {
		t.Error("the runtime isn't measured")
	}
}

// ownLines keeps our own lines.
func ownLines(metrics string) string {
	var own strings.Builder
	for line := range strings.Lines(metrics) {
		if strings.HasPrefix(line, "galla_") && !strings.Contains(line, "_bucket") {
			own.WriteString(line)
		}
	}
	return own.String()
}

// A handler that panics or writes nothing is measured as what its caller gets.
func oddHandlers(t *testing.T, w *world) {
	silent := w.metrics.Measure(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { r.Pattern = "/silent" }))
	ask(silent, "/")
	broken := w.metrics.Measure(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		r.Pattern = "/broken"
		panic("on purpose")
	}))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		ask(broken, "/")
	}()
	for _, line := range []string{`{code="200",route="/silent"} 1`, `{code="500",route="/broken"} 1`} {
		if metrics := scrape(w); !strings.Contains(metrics, line) {
			t.Errorf("%s is missing in\n%s", line, ownLines(metrics))
		}
	}
}
