package blackbox

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// delivery is a request that the receiver got.
type delivery struct {
	path   string
	header http.Header
	body   string
	at     time.Time
}

// receiver is a merchant's endpoint for postbacks. It answers {"status":"ok"} unless it was told otherwise for that order.
type receiver struct {
	url string

	mu      sync.Mutex
	got     []delivery
	answers map[string][]func(http.ResponseWriter) // by path, used up one by one
}

func newReceiver(t testing.TB) *receiver {
	r := &receiver{answers: map[string][]func(http.ResponseWriter){}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ServeHTTP takes one postback.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return
	}
	r.mu.Lock()
	r.got = append(r.got, delivery{request.URL.Path, request.Header.Clone(), string(body), time.Now()})
	answer := func(w http.ResponseWriter) { _, _ = io.WriteString(w, `{"status":"ok"}`) }
	if next := r.answers[request.URL.Path]; len(next) > 0 {
		answer, r.answers[request.URL.Path] = next[0], next[1:]
	}
	r.mu.Unlock()
	answer(w)
}

// next sets the next answers of a path.
func (r *receiver) next(path string, answers ...func(http.ResponseWriter)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers[path] = answers
}

// says is an answer with a code and a body.
func says(code int, body string) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(code)
		_, _ = io.WriteString(w, body)
	}
}

// deliveries are those whose body holds a text.
func (r *receiver) deliveries(holds func(delivery) bool) []delivery {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []delivery
	for _, d := range r.got {
		if holds(d) {
			found = append(found, d)
		}
	}
	return found
}
