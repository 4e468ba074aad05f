package api

import (
	"log/slog"
	"net/http"
	"slices"
	"strings"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/web"
)

// create tells which wallet a payer should pay to (protocol section 2).
func (a *api) create(w http.ResponseWriter, r *http.Request) error {
	m, err := a.merchant(w, r)
	if err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, galla.MaxBody)
	if err != nil {
		return err
	}
	request, err := offerOf(m, r.PathValue("wallet_type"), body)
	if err != nil {
		return err
	}
	offer, err := a.Gateway.Offer(r.Context(), request)
	if err != nil {
		return err
	}
	web.Note(w, slog.Int64("wallet", int64(offer.Wallet.ID)), slog.String("reason", offer.Reason))
	send(w, http.StatusOK, galla.CreateAnswer{Identifier: offer.Wallet.Identifier})
	return nil
}

// offerOf reads the body of a create request. Errors are *galla.RequestError.
func offerOf(m *gateway.Merchant, walletType string, body []byte) (gateway.OfferRequest, error) {
	request, err := galla.DecodeCreate(body)
	if err != nil {
		return gateway.OfferRequest{}, err
	}
	payMethod, err := depositMethod(walletType)
	if err != nil {
		return gateway.OfferRequest{}, err
	}
	if err := takesCurrency(payMethod, "currency", request.Currency); err != nil {
		return gateway.OfferRequest{}, err
	}
	accountType, err := accountTypeOf(payMethod, body)
	if err != nil {
		return gateway.OfferRequest{}, err
	}
	return gateway.OfferRequest{
		Merchant: m, Payer: request.Label, Method: payMethod, Currency: payMethod.Currency, AccountType: accountType,
	}, nil
}

// accountTypeOf reads account_type for a method that has some; for others it is one of the members that are ignored.
func accountTypeOf(m method.Method, body []byte) (accountType string, err error) {
	if len(m.AccountTypes) == 0 {
		return "", nil
	}
	err = galla.DecodeStrict(body, func(name []byte, value galla.Value) error {
		if string(name) != "account_type" || value.Kind == galla.KindNull {
			return nil
		}
		if accountType = value.Text(); value.Kind != galla.KindString || !slices.Contains(m.AccountTypes, accountType) {
			return requestError("account_type", "account_type must be one of %s.", strings.Join(m.AccountTypes, ", "))
		}
		return nil
	})
	return accountType, err
}
