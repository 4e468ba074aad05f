package api

import (
	"errors"
	"log/slog"
	"net/http"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// messageSignature is what a wrong signature is answered with. It doesn't tell what would have been right.
const messageSignature = "The signature does not match"

// withdraw takes a withdrawal on (protocol section 6). The signature says who asks; the host, or the merchant parameter
// where the host names nobody, only whose key it is checked with.
func (a *api) withdraw(w http.ResponseWriter, r *http.Request) error {
	m, why := a.withdrawer(r)
	if why != "" {
		web.Note(w, slog.String("denied", why))
		return errNotFound
	}
	web.Note(w, slog.String("merchant", m.Slug))
	body, err := web.ReadBody(w, r, galla.MaxBody)
	if err != nil {
		return err
	}
	request, err := galla.DecodeWithdrawal(body)
	var wrong *galla.RequestError
	if errors.As(err, &wrong) {
		web.Note(w, slog.String("refusal", wrong.Message))
		send(w, http.StatusUnprocessableEntity, galla.WithdrawalAnswer{Status: galla.StatusFail, Field: wrong.Field, Message: wrong.Message})
		return nil
	}
	if err != nil {
		return err
	}
	if err := request.Verify(m.WithdrawalKeys(a.Now())...); err != nil {
		return &denial{http.StatusForbidden, messageSignature}
	}
	taken, err := a.Gateway.RequestWithdrawal(r.Context(), m.ID, request)
	var refused *gateway.WithdrawalRefusal
	if errors.As(err, &refused) {
		web.Note(w, slog.String("withdrawal", request.WithdrawalID), slog.String("refusal", refused.Message))
		send(w, http.StatusOK, galla.WithdrawalAnswer{Status: galla.StatusFail, Field: refused.Field, Message: refused.Message})
		return nil
	}
	if err != nil {
		return err
	}
	web.Note(w, slog.String("withdrawal", taken.WithdrawalID), slog.Int64("withdrawal_id", int64(taken.ID)), slog.String("state", string(taken.State)),
		slog.Bool("repeat", taken.Repeat), slog.String("account", lastFour(request.AccountNumber)))
	send(w, http.StatusOK, galla.WithdrawalAnswer{Status: galla.StatusOK})
	return nil
}

// withdrawer finds whose withdrawal it is. why is for the log alone.
func (a *api) withdrawer(r *http.Request) (m *gateway.Merchant, why string) {
	directory := a.Gateway.Directory()
	var ok bool
	named := web.ParseHost(web.RequestHost(r, a.TrustedProxies), a.BaseHost)
	slugs := r.URL.Query()["merchant"]
	switch {
	case len(slugs) > 1:
		return nil, "two_merchants"
	case named.Slug != "":
		m, ok = directory.MerchantBySlug(named.Slug)
	case named.Domain != "":
		m, ok = directory.MerchantByDomain(named.Domain)
	case named.Surface == web.SurfaceAPI && a.DefaultMerchant != "":
		m, ok = directory.MerchantBySlug(a.DefaultMerchant)
	}
	if m == nil && len(slugs) == 1 && named.Slug == "" {
		m, ok = directory.MerchantBySlug(slugs[0])
	}
	switch {
	case !ok || m == nil:
		return nil, "no_merchant"
	case len(slugs) == 1 && slugs[0] != m.Slug:
		return nil, "other_merchant"
	case len(m.Policy.AllowIP) > 0 && !contains(m.Policy.AllowIP, web.ClientIP(r, a.TrustedProxies)):
		return nil, "address_not_allowed"
	}
	return m, ""
}
