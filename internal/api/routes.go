package api

import (
	"net/http"

	"github.com/galla-gateway/galla/internal/web"
)

// routes is everything that can be asked here.
func (a *api) routes() []web.Route {
	return []web.Route{
		{Method: http.MethodPost, Path: "/api/v1/transaction/create/{wallet_type}", Handler: a.adapt(a.create)},
		{Method: http.MethodPost, Path: "/api/v1/transaction/activate", Handler: a.adapt(a.activate)},
		{Method: http.MethodGet, Path: "/api/v1/payment-systems/available", Handler: a.adapt(a.available)},

		{Method: http.MethodPost, Path: "/v2/withdrawal/create", Handler: a.adapt(a.withdraw)},

		{Method: http.MethodPost, Path: "/rails/v1/{rail}", Handler: a.adapt(a.railWebhook)},

		{Method: http.MethodPost, Path: "/evidence/v1/transfers", Handler: a.adapt(a.transfers)},
		{Method: http.MethodPost, Path: "/evidence/v1/messages", Handler: a.adapt(a.messages)},
		{Method: http.MethodPost, Path: "/evidence/v1/forward/{token}", Handler: a.adapt(a.forward)},

		{Method: http.MethodGet, Path: "/v3/events", Handler: a.adaptV3(a.events)},
		{Method: http.MethodGet, Path: "/v3/withdrawals", Handler: a.adaptV3(a.withdrawals)},
		{Method: http.MethodGet, Path: "/v3/withdrawals/{id}", Handler: a.adaptV3(a.withdrawal)},
		{Method: http.MethodPost, Path: "/v3/withdrawals/{id}/cancel", Handler: a.adaptV3(a.cancel)},
		{Method: http.MethodGet, Path: "/v3/balances", Handler: a.adaptV3(a.balances)},
		{Method: http.MethodGet, Path: "/openapi.yaml", Handler: http.HandlerFunc(a.openAPI)},
	}
}
