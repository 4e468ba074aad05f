package gateway

import (
	"context"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
)

// EndpointSettings are what an operator has set of an endpoint. A member that is zero stands for the default.
type EndpointSettings struct {
	Concurrency int    // requests open at once
	Rate        int    // requests a second
	CA          string // certificates that may sign the endpoint's, PEM; "": those of the system
	Paused      bool   // by a person, or since a 410 that this process may not know of yet
	Pin         string // SHA-256 of the public key that the endpoint's certificate must have, base64; "": any
}

// EndpointSettings are the settings of an endpoint.
func (d *Directory) EndpointSettings(e Endpoint) EndpointSettings { return d.endpoints[e] }

func (l *loader) endpointRows(ctx context.Context) error {
	rows, err := l.q.ListEndpointSettings(ctx)
	for _, row := range rows {
		l.d.endpoints[Endpoint{merchant.ID(row.MerchantID), PostbackKind(row.Kind)}] = EndpointSettings{
			Concurrency: int(row.Concurrency), Rate: int(row.Rate), CA: row.Ca, Pin: row.Pin, Paused: row.State == string(postback.Paused),
		}
	}
	return err
}
