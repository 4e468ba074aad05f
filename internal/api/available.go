package api

import (
	"net/http"
	"net/url"
	"slices"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/money"
)

// available lists the payment methods that the merchant can offer (protocol section 7).
func (a *api) available(w http.ResponseWriter, r *http.Request) error {
	m, err := a.merchant(w, r)
	if err != nil {
		return err
	}
	body, err := web.ReadBody(w, r, galla.MaxBody)
	if err != nil {
		return err
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return requestError("", "The query can't be read.")
	}
	request, err := galla.DecodeAvailable(query, body)
	if err != nil {
		return err
	}
	answer, err := a.methodsOf(m, request)
	if err != nil {
		return err
	}
	send(w, http.StatusOK, answer)
	return nil
}

// methodsOf lists the merchant's methods in the currencies asked for, all when none is. A paused merchant has none.
func (a *api) methodsOf(m *gateway.Merchant, request galla.AvailableRequest) (answer galla.AvailableAnswer, err error) {
	for _, code := range request.CurrencyCodes {
		if _, err := money.LookupCurrency(code); err != nil {
			return answer, requestError("currency_code", "currency_code %q is not a known currency.", code)
		}
	}
	if m.State != merchant.Active {
		return answer, nil
	}
	for _, payMethod := range a.Gateway.Directory().Methods(m) {
		if len(request.CurrencyCodes) > 0 && !slices.Contains(request.CurrencyCodes, string(payMethod.Currency)) {
			continue
		}
		if !slices.Contains(answer.Currencies, payMethod.Currency) {
			answer.Currencies = append(answer.Currencies, payMethod.Currency)
		}
		answer.Wallets = append(answer.Wallets, galla.AvailableWallet{
			Type: payMethod.Name, Currency: payMethod.Currency, Order: payMethod.Order, Name: payMethod.Title,
		})
	}
	return answer, nil
}
