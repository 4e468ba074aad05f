package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
)

// MaxBody is the most that a JSON body may have, in bytes (protocol 1).
const MaxBody = 64 << 10

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
