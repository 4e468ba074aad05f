package api

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// railWebhook takes what a payout provider tells by itself. Its signature says that it is the provider's.
func (a *api) railWebhook(w http.ResponseWriter, r *http.Request) error {
	body, err := web.ReadBody(w, r, galla.MaxBody)
	if err != nil {
		return err
	}
	name := r.PathValue("rail")
	known := false
	if a.Hear != nil {
		known, err = a.Hear(r.Context(), name, r.Header, body)
	}
	switch {
	case errors.Is(err, gateway.ErrUnknown):
		return err
	case err != nil || !known:
		if err != nil {
			web.Note(w, slog.String("denied", err.Error()))
		}
		return errNotFound
	}
	web.Note(w, slog.String("rail", name))
	send(w, http.StatusOK, galla.WithdrawalAnswer{Status: galla.StatusOK})
	return nil
}
