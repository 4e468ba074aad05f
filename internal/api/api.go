// Package api is the HTTP edge of the compatible API (protocol sections 2, 4 and 7), of evidence input and of the modern
// API below /v3/ (section 8).
// Its whole surface is the table in routes.go. It decodes, asks a gateway verb, and writes the answer; every decision
// about money is the gateway's.
package api

import (
	"context"
	"net/http"
	"net/netip"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// Config is what the edge needs. Gateway and Now are required.
type Config struct {
	Gateway *gateway.Gateway
	// BaseHost is the host of GALLA_BASE_URL, with or without port: merchants' hosts hang under it (protocol section 1).
	BaseHost string
	// DefaultMerchant is the slug of the merchant that api.<base host> belongs to, "" for none.
	DefaultMerchant string
	// TrustedProxies are the peers whose X-Forwarded-For and X-Forwarded-Host count.
	TrustedProxies []netip.Prefix
	Now            func() time.Time
	// Hear takes a webhook of the payout rail of that name. known is false when there is no such rail; gateway.ErrUnknown asks
	// the provider to send it again, any other error refuses it. nil: there are no rails.
	Hear func(ctx context.Context, rail string, header http.Header, body []byte) (known bool, err error)
}

// api holds what the handlers share.
type api struct{ Config }

// New returns the handler of every path below /api/, /evidence/ and /v3/, and of every path on an api. host. It answers JSON
// whatever it is asked, and is meant to stand behind a web.Edge, which logs and turns panics into answers.
func New(c Config) http.Handler {
	return web.NewRouter((&api{c}).routes()).WithRefusal(refuse)
}
