package api

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/web"
)

// transfers takes structured transfers of a source of that kind (protocol section 8).
func (a *api) transfers(w http.ResponseWriter, r *http.Request) error {
	token, err := web.TakeBearer(r)
	if err != nil {
		return errNoToken
	}
	source, err := a.source(w, token, func(kind evidence.SourceKind) bool { return kind == evidence.SourceTransfers })
	if err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, evidence.MaxBodyBytes)
	if err != nil {
		return err
	}
	observer, err := newObserver(a.Gateway.Directory(), source, a.Now())
	if err != nil {
		return err
	}
	decoded, err := evidence.DecodeTransfers(body, observer.rules())
	if err != nil {
		return err
	}
	items := make([]gateway.EvidenceItem, len(decoded))
	details := make([]string, len(decoded))
	for i, item := range decoded {
		items[i], details[i] = observer.transfer(item), item.Detail
	}
	return a.observe(w, r, items, details)
}

// messages takes what phones received, from our own kind of source and from the forwarder apps alike.
func (a *api) messages(w http.ResponseWriter, r *http.Request) error {
	token, err := web.TakeBearer(r)
	if err != nil {
		return errNoToken
	}
	return a.messagesOf(w, r, token)
}

// forward is messages for apps that can be given a URL but no header: the token is its last part.
func (a *api) forward(w http.ResponseWriter, r *http.Request) error {
	return a.messagesOf(w, r, takePathToken(r))
}

func (a *api) messagesOf(w http.ResponseWriter, r *http.Request, token keyring.Secret) error {
	source, err := a.source(w, token, evidence.SourceKind.Messages)
	if err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, evidence.MaxBodyBytes)
	if err != nil {
		return err
	}
	observer, err := newObserver(a.Gateway.Directory(), source, a.Now())
	if err != nil {
		return err
	}
	decoded, err := evidence.DecodeMessages(source.Kind, r.Header.Get("Content-Type"), r.Header, body, source.Token.Reveal(), observer.now)
	if err != nil {
		return err
	}
	senders := a.Gateway.Directory().Senders
	items := make([]gateway.EvidenceItem, len(decoded))
	details := make([]string, len(decoded))
	for i, message := range decoded {
		items[i], details[i] = observer.message(message, senders.Read(message, observer.now)), message.Detail
	}
	return a.observe(w, r, items, details)
}

// errNoToken answers a request that names no source.
var errNoToken = &denial{http.StatusUnauthorized, "Send the source's token once, as Authorization: Bearer TOKEN"}

// observe stores the items and answers each in its place. details are the sentences for items that couldn't be taken.
func (a *api) observe(w http.ResponseWriter, r *http.Request, items []gateway.EvidenceItem, details []string) error {
	var answer results
	if len(items) > 0 {
		observed, err := a.Gateway.Observe(r.Context(), items)
		if err != nil {
			return err
		}
		if len(observed) != len(items) {
			return errors.New("the gateway lost a result")
		}
		answer = results{observed, details}
	}
	answer.note(w)
	send(w, http.StatusOK, answer)
	return nil
}

// results is the answer to evidence, in the order in which it was sent.
type results struct {
	items   []gateway.EvidenceResult
	details []string
}

// note puts the outcome into the log line.
func (r results) note(w http.ResponseWriter) {
	if len(r.items) == 1 {
		only := r.items[0]
		web.Note(w, slog.Int64("evidence", only.EvidenceID), slog.String("status", string(only.Status)), slog.String("reason", string(only.Reason)),
			slog.Int64("transfer", int64(only.TransferID)), slog.String("reference", lastFour(only.Reference)))
		return
	}
	counts := map[gateway.EvidenceStatus]int{}
	for i := range r.items {
		counts[r.items[i].Status]++
	}
	web.Note(w, slog.Int("items", len(r.items)), slog.Any("statuses", counts))
}
