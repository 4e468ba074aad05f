package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// MaxBody is the most that a JSON body may have, in bytes (protocol 1).
const MaxBody = 64 << 10

// Limits of linger. What is left of a body up to lingerFrom bytes net/http reads away by itself, before the answer.
// The server's readTimeout, which has run since the request began, bounds the time.
const (
	lingerFrom  = 256 << 10
	lingerBytes = 16 << 20
)

// Errors of ReadBody.
var (
	// ErrTooLarge: the body is longer than allowed; the answer is 413.
	ErrTooLarge = errors.New("the body is too large")
	// ErrCutShort: the client stopped, or was too slow; the answer is 400, for
	// whoever still listens.
	ErrCutShort = errors.New("the body was cut short")
)

// ReadBody reads the whole body, at most limit bytes. It is called before the
// first header is written: an answer to a half-read request is lost on many
// clients.
func ReadBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, error) {
	if r.ContentLength > limit {
		return nil, ErrTooLarge
	}
	if r.ContentLength >= 0 {
		body := make([]byte, r.ContentLength)
		if _, err := io.ReadFull(r.Body, body); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrCutShort, err)
		}
		return body, nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return nil, ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrCutShort, err)
	}
	return body, nil
}

// linger sends the answer, then reads away what the client still sends of a
// body that was refused unread. Closing at once would reset the connection
// under the client's hands, and many clients then lose the answer that says
// what was wrong.
func linger(w http.ResponseWriter, r *http.Request) {
	// Who asks before sending (Expect: 100-continue) and was refused sends nothing.
	if r.ContentLength >= 0 && r.ContentLength < lingerFrom || r.Header.Get("Expect") != "" {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return // the client is gone, or this is no real connection
	}
	_, _ = io.CopyN(io.Discard, r.Body, lingerBytes) // it ends with the body, at the limit or at the deadline; the answer is out
}
