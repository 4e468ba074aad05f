package api

import (
	"fmt"
	"log/slog"
	"net/http"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/web"
)

// activate judges the transaction number that a payer typed (protocol section 4).
func (a *api) activate(w http.ResponseWriter, r *http.Request) error {
	m, err := a.merchant(w, r)
	if err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, galla.MaxBody)
	if err != nil {
		return err
	}
	request, err := galla.DecodeActivate(body)
	if err != nil {
		return err
	}
	claim, err := claimOf(m, request)
	if err != nil {
		return err
	}
	results, err := a.Gateway.Activate(r.Context(), []gateway.ClaimRequest{claim})
	if err != nil {
		return err
	}
	result := &results[0]
	web.Note(w, slog.String("order", claim.OrderID), slog.Int64("claim", int64(result.ClaimID)),
		slog.String("reference", lastFour(claim.Key1)), slog.String("state", string(result.State)), slog.String("reason", string(result.Reason)))
	send(w, http.StatusOK, result.Answer())
	return nil
}

// claimOf checks what DecodeActivate left as text. Errors are *galla.RequestError.
func claimOf(m *gateway.Merchant, r galla.ActivateRequest) (gateway.ClaimRequest, error) {
	payMethod, err := depositMethod(r.WalletType)
	if err != nil {
		return gateway.ClaimRequest{}, err
	}
	if err := takesCurrency(payMethod, "currency_code", r.CurrencyCode); err != nil {
		return gateway.ClaimRequest{}, err
	}
	amount, err := r.Money()
	if err != nil {
		return gateway.ClaimRequest{}, err
	}
	key1 := galla.StripControl(r.Key1)
	if key1 == "" {
		return gateway.ClaimRequest{}, requestError("key1", "key1 is required.")
	}
	return gateway.ClaimRequest{
		MerchantID: m.ID, OrderID: r.CustomTransactionID, Payer: r.Label, Method: payMethod, Key1: key1, Amount: amount,
	}, nil
}

// depositMethod finds the method of a wallet_type. One that only pays out is as unknown as one that doesn't exist.
func depositMethod(walletType string) (method.Method, error) {
	found, ok := method.Lookup(walletType)
	if !ok || found.WithdrawalOnly {
		return found, requestError("wallet_type", "wallet_type %q is not a known payment method.", clip(walletType))
	}
	return found, nil
}

// takesCurrency checks a currency code, which came in the named field, against the method's.
func takesCurrency(m method.Method, field, code string) error {
	if code != string(m.Currency) {
		return requestError(field, "%s %q is not served by %s: it takes %s.", field, code, m.Name, m.Currency)
	}
	return nil
}

func requestError(field, format string, args ...any) error {
	return &galla.RequestError{Field: field, Message: fmt.Sprintf(format, args...)}
}

// clip shortens text from outside for a message.
func clip(text string) string {
	const limit = 40
	runes := 0
	for i := range text {
		if runes == limit {
			return text[:i] + "…"
		}
		runes++
	}
	return text
}
