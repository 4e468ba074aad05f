package api

import (
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// retryAfterSeconds is what a 503 asks its caller to wait: a full queue is empty again well within it.
const retryAfterSeconds = 1

// Messages of answers with status error: nothing is known to be decided, and the same request with the same ids tells.
const (
	messageBusy    = "Too many requests. Nothing was decided: repeat the request with the same id"
	messageUnknown = "The outcome is not known yet: repeat the request with the same id"
	messageClosed  = "The server is restarting. Nothing was decided: repeat the request with the same id"
)

// denial refuses a caller with an HTTP code of its own.
type denial struct {
	code    int
	message string
}

func (d *denial) Error() string { return d.message }

// errNotFound answers 404 whatever was wrong with the caller, so that nobody learns which part of a guess was right.
var errNotFound = &denial{http.StatusNotFound, galla.MessageNotFound}

// adapt makes a handler of a function whose error becomes the answer.
func (a *api) adapt(handle func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := handle(w, r); err != nil {
			answerError(w, err, a.Now())
		}
	})
}

// answerError is the one table from errors to answers. What is no caller's fault stays in the log.
func answerError(w http.ResponseWriter, err error, now time.Time) {
	var request *galla.RequestError
	var refusal *gateway.Refusal
	var undecodable *evidence.DecodeError
	var denied *denial
	var tooMany *gateway.TooManyAttempts
	switch {
	case errors.As(err, &request):
		fail(w, http.StatusUnprocessableEntity, request.Message)
	case errors.As(err, &refusal):
		fail(w, http.StatusOK, refusal.Message)
	case errors.As(err, &tooMany):
		// Rounded up: who comes back then finds the budget open.
		seconds := max((tooMany.Again.Sub(now)+time.Second-1)/time.Second, retryAfterSeconds)
		w.Header().Set("Retry-After", strconv.FormatInt(int64(seconds), 10))
		fail(w, http.StatusTooManyRequests, gateway.MessageTooManyAttempts)
	case errors.As(err, &undecodable):
		fail(w, undecodable.Status, undecodable.Message)
	case errors.As(err, &denied):
		fail(w, denied.code, denied.message)
	case errors.Is(err, web.ErrTooLarge), errors.Is(err, web.ErrCutShort):
		web.FailBody(w, err)
	case errors.Is(err, gateway.ErrBusy):
		unavailable(w, err, messageBusy)
	case errors.Is(err, gateway.ErrUnknown):
		unavailable(w, err, messageUnknown)
	case errors.Is(err, gateway.ErrClosed):
		w.Header().Set("Connection", "close")
		unavailable(w, err, messageClosed)
	default:
		web.Note(w, slog.String("error", err.Error()))
		send(w, http.StatusInternalServerError, galla.Answer{Status: galla.StatusError, Message: galla.MessageRepeat})
	}
}

func fail(w http.ResponseWriter, code int, message string) {
	web.Note(w, slog.String("refusal", message))
	if code == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	send(w, code, galla.Answer{Status: galla.StatusFail, Message: message})
}

func unavailable(w http.ResponseWriter, err error, message string) {
	web.Note(w, slog.String("error", err.Error()))
	w.Header().Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	send(w, http.StatusServiceUnavailable, galla.Answer{Status: galla.StatusError, Message: message})
}

// Sizes of answer buffers, in bytes. Larger ones, as of 500 results, are not kept.
const (
	usualAnswer = 512
	maxPooled   = 16 << 10
)

var answers = sync.Pool{New: func() any {
	buffer := make([]byte, 0, usualAnswer)
	return &buffer
}}

// send writes an answer.
func send[A interface{ AppendJSON([]byte) []byte }](w http.ResponseWriter, code int, answer A) {
	buffer := answers.Get().(*[]byte)
	*buffer = answer.AppendJSON((*buffer)[:0])
	web.WriteJSON(w, code, *buffer)
	if cap(*buffer) <= maxPooled {
		answers.Put(buffer)
	}
}

// lastFour masks a number of a payer for the log.
func lastFour(number string) string {
	const kept = 4
	if len(number) <= kept {
		return "…"
	}
	return "…" + number[len(number)-kept:]
}
