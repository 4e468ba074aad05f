package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// v3Path begins the paths of the modern API.
const v3Path = "/v3/"

// Codes of problems, for programs. They are never renamed.
const (
	codeUnauthorized     = "unauthorized"
	codeNotFound         = "not_found"
	codeMethod           = "method_not_allowed"
	codeUnknownParameter = "unknown_parameter"
	codeInvalidParameter = "invalid_parameter"
	codeInvalidCursor    = "invalid_cursor"
	codeConflict         = "conflict"
	codeUnknown          = "unknown_outcome"
	codeInternal         = "internal"
)

// problem is a refusal of the modern API.
type problem struct {
	status       int
	code, detail string
}

func (p *problem) Error() string { return p.detail }

// errUnauthorized answers whatever was wrong with the caller, so that nobody learns which part of a guess was right.
var errUnauthorized = &problem{http.StatusUnauthorized, codeUnauthorized, "Send your API secret as Authorization: Bearer, once, to your own host and from an address that it is allowed to"}

// errInternal hides a fault.
var errInternal = &problem{http.StatusInternalServerError, codeInternal, "Internal error. Repeat the request"}

func badRequest(code, format string, args ...any) error {
	return &problem{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// adaptV3 makes a handler of a function whose error becomes problem details.
func (a *api) adaptV3(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		web.OnPanic(w, func(w http.ResponseWriter) { sendProblem(w, errInternal) })
		err := handle(w, r)
		var refused *problem
		switch {
		case err == nil:
		case errors.As(err, &refused):
			web.Note(w, slog.String("refusal", refused.code))
			sendProblem(w, refused)
		default:
			web.Note(w, slog.String("error", err.Error()))
			sendProblem(w, errInternal)
		}
	})
}

func sendProblem(w http.ResponseWriter, p *problem) {
	if p.status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	body := galla.Problem{Title: http.StatusText(p.status), Status: p.status, Code: p.code, Detail: p.detail}
	web.WriteProblem(w, p.status, body.AppendJSON(nil))
}

// refuse answers what is no route: each API in its own form.
func refuse(w http.ResponseWriter, r *http.Request, code int) {
	switch {
	case !strings.HasPrefix(r.URL.Path, v3Path):
		web.RefuseJSON(w, r, code)
	case code == http.StatusMethodNotAllowed:
		sendProblem(w, &problem{code, codeMethod, "This resource takes " + w.Header().Get("Allow")})
	default:
		sendProblem(w, &problem{code, codeNotFound, "There is no such resource"})
	}
}

// bearer finds out who asks the modern API.
func (a *api) bearer(w http.ResponseWriter, r *http.Request) (*gateway.Merchant, error) {
	secret, err := web.TakeBearer(r)
	m, why := a.merchantOf(w, r, secret, err)
	if why != "" {
		web.Note(w, slog.String("denied", why))
		return nil, errUnauthorized
	}
	return m, nil
}

// query reads the parameters of a request: only known ones, each once. What isn't given is "".
func query(r *http.Request, known ...string) (map[string]string, error) {
	given, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, badRequest(codeInvalidParameter, "The query can't be read")
	}
	values := map[string]string{}
	for _, name := range known {
		if len(given[name]) > 1 {
			return nil, badRequest(codeInvalidParameter, "%s stands twice in the query", name)
		}
		values[name] = given.Get(name)
		delete(given, name)
	}
	for name := range given {
		return nil, badRequest(codeUnknownParameter, "There is no parameter %q; there are %s", clip(name), strings.Join(known, ", "))
	}
	return values, nil
}

// wholeNumber reads a parameter that is a whole number.
func wholeNumber(name, text string, missing, least, most int64) (int64, error) {
	if text == "" {
		return missing, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < least || n > most || strconv.FormatInt(n, 10) != text {
		return 0, badRequest(codeInvalidParameter, "%s must be a whole number from %d to %d", name, least, most)
	}
	return n, nil
}
