package instance

import (
	"errors"
	"net/http"
	"sync"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/rail/cashfree"
	"github.com/galla-gateway/galla/internal/rail/razorpayx"
	"github.com/galla-gateway/galla/internal/rail/sandbox"
	"github.com/galla-gateway/galla/internal/rail/wire"
)

// NewRail makes a provider's rail of its settings. The error says what is missing or wrong, and nothing secret.
func NewRail(r gateway.Rail) (rail.Hearer, error) {
	secret, webhook := wire.Secret(r.Secret.Reveal()), wire.Secret(r.WebhookSecret.Reveal())
	switch r.Kind {
	case gateway.RailRazorpayX:
		return razorpayx.New(razorpayx.Config{KeyID: r.KeyID, Secret: secret, WebhookSecret: webhook, Account: r.Account, BaseURL: r.BaseURL})
	case gateway.RailCashfree:
		return cashfree.New(cashfree.Config{ClientID: r.KeyID, Secret: secret, WebhookSecret: webhook, BaseURL: r.BaseURL})
	}
	return nil, errors.New("unknown kind of rail")
}

// CheckRail reports what is missing or wrong in a rail's settings, and nothing secret.
func CheckRail(r gateway.Rail) error {
	if r.Kind == gateway.RailBankFile {
		return gateway.CheckBankFile(r)
	}
	_, err := NewRail(r)
	return err
}

// rails makes the rails that the directory has, once for each revision of it.
type rails struct {
	gateway  *gateway.Gateway
	mu       sync.Mutex
	revision int64
	made     map[string]rail.Hearer
}

// find is the rail of that name.
func (r *rails) find(name string) (rail.Rail, bool) {
	if name == merchant.RailSandbox {
		return sandbox.Rail{}, true
	}
	found, ok := r.provider(name)
	return found, ok
}

func (r *rails) provider(name string) (rail.Hearer, bool) {
	directory := r.gateway.Directory()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.made == nil || r.revision != directory.Revision {
		r.made, r.revision = map[string]rail.Hearer{}, directory.Revision
		for name, settings := range directory.Rails() {
			if made, err := NewRail(settings); err == nil { // checked when it was added; there is no calling a bank's files
				r.made[name] = made
			}
		}
	}
	found, ok := r.made[name]
	return found, ok
}

// hear verifies a provider's webhook and says which payout it tells of.
func (r *rails) hear(name string, header http.Header, body []byte) (reference string, known bool, err error) {
	provider, known := r.provider(name)
	if !known {
		return "", false, nil
	}
	reference, _, err = provider.Hear(header, body)
	return reference, true, err
}
