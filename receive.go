package galla

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"time"
)

// The answers of a PostbackHandler.
const (
	postbackDone     = `{"status":"ok"}`
	postbackMethod   = "Postbacks are sent by POST"
	postbackCut      = "The postback was cut short"
	postbackNotDone  = "The postback could not be handled: send it again"
	postbackTooLarge = "The postback is larger than %d bytes"
)

// errPanic stands for a handle that panicked; what it panicked with is in the log.
var errPanic = errors.New("handle panicked")

// PostbackOption changes a PostbackHandler.
type PostbackOption func(*postbackHandler)

// WithNow gives the handler another clock than time.Now.
func WithNow(now func() time.Time) PostbackOption {
	return func(h *postbackHandler) { h.now = now }
}

// WithLogger gives the handler another logger than slog.Default(). It is told of each postback that was refused or
// that handle failed on: ids and errors, never keys, signatures or what a postback says.
func WithLogger(log *slog.Logger) PostbackOption {
	return func(h *postbackHandler) { h.log = log }
}

// PostbackHandler receives postbacks: it checks both signatures, calls handle once for each webhook-id, and answers
// as Galla expects.
//
//	200  {"status":"ok"}     handle returned nil, now or at an earlier delivery
//	400  {"status":"fail"}   genuine headers around a body that can't be read, or a body that was cut short
//	403  {"status":"fail"}   a signature is missing, wrong or too old
//	405  {"status":"fail"}   not a POST
//	413  {"status":"fail"}   over MaxBody
//	500  {"status":"error"}  handle returned an error or panicked, or the store failed; Galla sends it again
//
// handle gets deposits and withdrawals (see Direction), from several goroutines at once. The store keeps repeats away
// from it, but no store can do so for certain: a process may die after handle has returned and before the store
// remembers it. Who needs exactly-once makes handle one transaction of their own database, which inserts
// Data.StockpilingID (of a withdrawal Data.WithdrawalID) into a unique column together with the new balance, and returns
// nil when it is there already; then a MemoryStore is enough, however many processes there are. Galla waits 15 seconds
// for an answer and then sends the postback again; that delivery waits in the store for the first.
//
// It panics where it could never accept anything or couldn't tell repeats: without both keys, without a usable
// webhook secret (only its signature covers the webhook-id), without store or handle.
func PostbackHandler(keys PostbackKeys, store SeenStore, handle func(Postback) error, options ...PostbackOption) http.Handler {
	switch {
	case keys.AccessKey == "" || keys.PrivateKey == "":
		panic("galla.PostbackHandler: the access key and the private key are needed")
	case len(keys.WebhookSecrets) == 0:
		panic("galla.PostbackHandler: a webhook secret is needed")
	case store == nil || handle == nil:
		panic("galla.PostbackHandler: a store and a function are needed")
	}
	for _, secret := range keys.WebhookSecrets {
		if _, err := webhookKey(secret); err != nil {
			panic("galla.PostbackHandler: " + err.Error())
		}
	}
	keys.WebhookSecrets = slices.Clone(keys.WebhookSecrets)
	h := &postbackHandler{keys: keys, store: store, handle: handle, now: time.Now, log: slog.Default()}
	for _, option := range options {
		option(h)
	}
	return h
}

type postbackHandler struct {
	keys   PostbackKeys
	store  SeenStore
	handle func(Postback) error
	now    func() time.Time
	log    *slog.Logger
}

func (h *postbackHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		answerPostback(w, http.StatusMethodNotAllowed, StatusFail, postbackMethod)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, MaxBody))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		answerPostback(w, http.StatusRequestEntityTooLarge, StatusFail, fmt.Sprintf(postbackTooLarge, MaxBody))
		return
	} else if err != nil {
		answerPostback(w, http.StatusBadRequest, StatusFail, postbackCut)
		return
	}
	postback, err := VerifyPostback(body, r.Header, h.keys, h.now())
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, ErrSignature) {
			code = http.StatusForbidden
		}
		h.log.WarnContext(r.Context(), "postback.refused", "status", code, "error", err)
		answerPostback(w, code, StatusFail, err.Error())
		return
	}
	id := r.Header.Get(HeaderWebhookID)
	once := func() error { return h.call(r.Context(), id, postback) }
	if err := h.store.Once(r.Context(), id, once); err != nil {
		h.log.ErrorContext(r.Context(), "postback.not_handled", "webhook_id", id,
			"stockpiling_id", postback.Data.StockpilingID, "error", err)
		answerPostback(w, http.StatusInternalServerError, StatusError, postbackNotDone)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, postbackDone)
}

// call turns a panic into an error, so that a store has errors alone to undo.
func (h *postbackHandler) call(ctx context.Context, id string, p Postback) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			h.log.ErrorContext(ctx, "postback.panic", "webhook_id", id, "panic", fmt.Sprint(cause), "stack", string(debug.Stack()))
			err = errPanic
		}
	}()
	return h.handle(p)
}

func answerPostback(w http.ResponseWriter, code int, status Status, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	w.Write(Answer{Status: status, Message: message}.AppendJSON(nil))
}
