package web

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// requestIDHeader carries the id of the request to the client, who can quote
// it, and to no decision.
const requestIDHeader = "X-Request-Id"

// maxLoggedPath cuts the path of an unknown route in the log, in bytes.
const maxLoggedPath = 120

// Header values that every answer starts with. A page's handler sets its own
// Content-Security-Policy.
var (
	noSniff    = []string{"nosniff"}
	noReferrer = []string{"no-referrer"} // a URL can hold a secret
	noStore    = []string{"no-store"}
	loadNone   = []string{"default-src 'none'; frame-ancestors 'none'"}
)

// edge is the outermost handler.
type edge struct {
	next    http.Handler
	logger  *slog.Logger
	trusted []netip.Prefix
	now     func() time.Time
	prefix  string // of request ids
	count   atomic.Uint64
}

// exchange is the ResponseWriter that edge hands on.
type exchange struct {
	http.ResponseWriter
	id    string
	code  int // 0 until the answer starts
	size  int
	notes []slog.Attr
	fault func(http.ResponseWriter) // answers 500 for a handler that panicked, nil for Fault
}

// NewEdge wraps next: every request gets an id, the security headers and one
// log line when it is done, and a panic becomes an error answer. trusted are
// the proxies whose word on the client's address counts.
func NewEdge(next http.Handler, logger *slog.Logger, trusted []netip.Prefix, now func() time.Time) http.Handler {
	var raw [4]byte
	rand.Read(raw[:])
	return &edge{next: next, logger: logger, trusted: trusted, now: now, prefix: hex.EncodeToString(raw[:]) + "-"}
}

// ServeHTTP serves one request.
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := e.now()
	// Unique over all instances: digits of the process and a number.
	x := &exchange{ResponseWriter: w, id: e.prefix + strconv.FormatUint(e.count.Add(1), 36)}
	header := w.Header()
	header["X-Content-Type-Options"] = noSniff
	header["Referrer-Policy"] = noReferrer
	header["Cache-Control"] = noStore
	header["Content-Security-Policy"] = loadNone
	header[requestIDHeader] = []string{x.id}
	// Taken now: handlers may change the request.
	asked := question{method: r.Method, host: r.Host, path: r.URL.Path, client: ClientIP(r, e.trusted)}
	defer func() {
		broken := false
		if failure := recover(); failure != nil {
			broken = e.answerPanic(x, r, failure)
		}
		e.log(x, r, asked, e.now().Sub(start))
		if broken {
			// Breaking the connection tells the client that the answer isn't whole.
			panic(http.ErrAbortHandler)
		}
		linger(x, r)
	}()
	e.next.ServeHTTP(x, r)
	if x.code == 0 {
		x.code = http.StatusOK // what net/http sends for a handler that wrote nothing
	}
}

// answerPanic logs a bug and answers 500, or tells that this can't be done any
// more.
func (e *edge) answerPanic(x *exchange, r *http.Request, failure any) (broken bool) {
	if failure == http.ErrAbortHandler {
		return true
	}
	e.logger.ErrorContext(r.Context(), "request.panicked", "request_id", x.id, "panic", fmt.Sprint(failure), "stack", string(debug.Stack()))
	if x.code != 0 {
		return true
	}
	if x.fault != nil {
		x.fault(x)
		return false
	}
	Fault(x, http.StatusInternalServerError, MessageFault)
	return false
}

// OnPanic sets what answers the request that w answers when its handler panics before the answer began: a page for people,
// where Fault is for programs. answer must not panic itself.
func OnPanic(w http.ResponseWriter, answer func(http.ResponseWriter)) {
	if x := find(w); x != nil {
		x.fault = answer
	}
}

// question is what the log line tells of the request.
type question struct {
	method, host, path string
	client             netip.Addr
}

func (e *edge) log(x *exchange, r *http.Request, asked question, took time.Duration) {
	level := slog.LevelInfo
	if x.code >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	if !e.logger.Enabled(r.Context(), level) {
		return
	}
	where := slog.String("route", r.Pattern)
	if r.Pattern == "" {
		where = slog.String("path", maskPath(asked.path))
	}
	attrs := append(make([]slog.Attr, 0, 8+len(x.notes)),
		slog.String("request_id", x.id), slog.String("method", asked.method), where, slog.String("host", asked.host),
		slog.String("client", asked.client.String()), slog.Int("code", x.code), slog.Int("bytes", x.size),
		slog.Duration("took", took))
	e.logger.LogAttrs(r.Context(), level, "request.served", append(attrs, x.notes...)...)
}

// Note adds attributes to the log line of the request that w answers: ids and
// the outcome, never a secret, numbers of payers masked.
func Note(w http.ResponseWriter, attrs ...slog.Attr) {
	if x := find(w); x != nil {
		x.notes = append(x.notes, attrs...)
	}
}

// RequestID is the id of the request that w answers, "" outside NewEdge.
func RequestID(w http.ResponseWriter) string {
	if x := find(w); x != nil {
		return x.id
	}
	return ""
}

func find(w http.ResponseWriter) *exchange {
	for {
		switch v := w.(type) {
		case *exchange:
			return v
		case interface{ Unwrap() http.ResponseWriter }:
			w = v.Unwrap()
		default:
			return nil
		}
	}
}

// WriteHeader notes the code of the answer.
func (x *exchange) WriteHeader(code int) {
	if x.code == 0 {
		x.code = code
	}
	x.ResponseWriter.WriteHeader(code)
}

// Write counts the bytes of the answer.
func (x *exchange) Write(data []byte) (int, error) {
	if x.code == 0 {
		x.code = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(data)
	x.size += n
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// maskPath makes the path of an unknown route fit for the log: our tokens
// vanish, long numbers keep their last four digits, the rest is cut.
func maskPath(path string) string {
	if len(path) > maxLoggedPath {
		path = path[:maxLoggedPath] + "…"
	}
	var b strings.Builder
	for segment := range strings.SplitAfterSeq(path, "/") {
		if strings.Contains(segment, "galla_") || strings.Contains(segment, "whsec_") {
			segment = "***" + segment[len(strings.TrimSuffix(segment, "/")):]
		}
		b.WriteString(maskNumbers(segment))
	}
	return b.String()
}

// maskNumbers replaces runs of eight and more digits, as references and
// accounts are, by an ellipsis and their last four.
func maskNumbers(text string) string {
	const long, kept = 8, 4
	var b strings.Builder
	for text != "" {
		digits := len(text) - len(strings.TrimLeft(text, "0123456789"))
		switch {
		case digits >= long:
			b.WriteString("…" + text[digits-kept:digits])
		case digits > 0:
			b.WriteString(text[:digits])
		default:
			digits = len(text)
			if i := strings.IndexAny(text, "0123456789"); i > 0 {
				digits = i
			}
			b.WriteString(text[:digits])
		}
		text = text[digits:]
	}
	return b.String()
}
