package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// Every error has its answer, wrapped or not; what nobody foresaw is a fault that tells nothing.
func TestErrorAnswers(t *testing.T) {
	now := time.Unix(1_795_000_000, 0)
	for _, c := range []struct {
		err    error
		code   int
		body   string
		header string // one that must be set
	}{
		{requestError("label", "label is required."), 422, failJSON("label is required."), ""},
		{&gateway.Refusal{Code: "no_wallet", Message: "No wallet is available right now"}, 200, failJSON("No wallet is available right now"), ""},
		{&evidence.DecodeError{Status: 413, Message: "too large"}, 413, failJSON("too large"), ""},
		{&evidence.DecodeError{Status: 401, Message: "X-Signature is wrong"}, 401, failJSON("X-Signature is wrong"), "Www-Authenticate"},
		{&gateway.TooManyAttempts{Again: now.Add(time.Minute)}, 429, failJSON("Too many attempts"), "Retry-After"},
		{&gateway.TooManyAttempts{Again: now.Add(-time.Minute)}, 429, failJSON("Too many attempts"), "Retry-After"},
		{errNotFound, 404, notFoundJSON, ""},
		{errNoToken, 401, failJSON(errNoToken.message), "Www-Authenticate"},
		{&denial{403, "This source is paused"}, 403, failJSON("This source is paused"), ""},
		{web.ErrTooLarge, 413, failJSON("The request is too large"), ""},
		{fmt.Errorf("%w: EOF", web.ErrCutShort), 400, failJSON("The request was cut short"), ""},
		{gateway.ErrBusy, 503, `{"status":"error","message":"Too many requests. Nothing was decided: repeat the request with the same id"}`, "Retry-After"},
		{errors.Join(gateway.ErrUnknown, errors.New("conn reset")), 503, `{"status":"error","message":"The outcome is not known yet: repeat the request with the same id"}`, "Retry-After"},
		{gateway.ErrClosed, 503, `{"status":"error","message":"The server is restarting. Nothing was decided: repeat the request with the same id"}`, "Retry-After"},
		{errors.New("pq: relation claim does not exist"), 500, `{"status":"error","message":"Internal error. Nothing was decided: repeat the request with the same id"}`, ""},
	} {
		for _, err := range []error{c.err, fmt.Errorf("outer: %w", c.err)} {
			recorder := httptest.NewRecorder()
			(&api{Config{Now: func() time.Time { return now }}}).adapt(func(http.ResponseWriter, *http.Request) error { return err }).ServeHTTP(recorder, httptest.NewRequest(http.MethodPost, "/", nil))
			if recorder.Code != c.code || recorder.Body.String() != c.body {
				t.Errorf("%v\n got %d %s\nwant %d %s", err, recorder.Code, recorder.Body, c.code, c.body)
			}
			if c.header != "" && recorder.Header().Get(c.header) == "" {
				t.Errorf("%v: no %s", err, c.header)
			}
		}
	}
}

func TestLastFour(t *testing.T) {
	for number, want := range map[string]string{"": "…", "1": "…", "8123": "…", "321302038123": "…8123", "9AB1CD2EF3": "…2EF3"} {
		if got := lastFour(number); got != want {
			t.Errorf("lastFour(%q) is %q, want %q", number, got, want)
		}
	}
}
