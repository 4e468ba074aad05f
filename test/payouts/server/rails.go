package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/instance"
	"github.com/galla-gateway/galla/internal/rail"
)

// rails are the rails of the directory, with the campaign's door in the place of their providers.
type rails struct {
	gateway *gateway.Gateway
	bank    string
	mu      sync.Mutex
	made    map[string]rail.Hearer
}

func (r *rails) find(name string) (rail.Rail, bool) {
	found, ok := r.provider(name)
	return found, ok
}

func (r *rails) provider(name string) (rail.Hearer, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if made, ok := r.made[name]; ok {
		return made, true
	}
	settings, ok := r.gateway.Directory().Rails()[name]
	if !ok {
		return nil, false
	}
	settings.BaseURL = r.bank + "/" + name
	made, err := instance.NewRail(settings)
	if err != nil {
		return nil, false
	}
	if r.made == nil {
		r.made = map[string]rail.Hearer{}
	}
	r.made[name] = made
	return made, true
}

// hear takes a webhook as instance does, but leaves the looking to the next turn.
func (v *server) hear(ctx context.Context, name string, header http.Header, body []byte) (known bool, err error) {
	provider, known := v.rails.provider(name)
	if !known {
		return false, nil
	}
	reference, _, err := provider.Hear(header, body)
	if err != nil {
		return true, err
	}
	if err := v.gateway.HurryPayout(ctx, reference); err != nil {
		return true, fmt.Errorf("%w: %w", gateway.ErrUnknown, err)
	}
	return true, nil
}
