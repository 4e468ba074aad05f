package gateway

import (
	"context"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
)

// Redirect is the address that a merchant has registered under an id, and that wasn't removed.
func (m *Merchant) Redirect(id int) (string, bool) {
	address, ok := m.redirects[id]
	return address, ok
}

// RedirectKey is the key that signs links and redirect tokens (protocol section 3.3).
func (m *Merchant) RedirectKey() keyring.Secret {
	if len(m.linkKeys) == 0 {
		return ""
	}
	return m.linkKeys[0].secret
}

// RedirectKeys are the keys by which links and redirect tokens may be signed now, newest first: two while it is rotated.
func (m *Merchant) RedirectKeys(now time.Time) []string { return liveOf(m.linkKeys, now) }

// Brand is how the window looks for the merchant's payers. Its name is the merchant's own unless another was set.
func (m *Merchant) Brand() merchant.Brand {
	brand := m.brand
	if brand.Name == "" {
		brand.Name = m.Name
	}
	return brand
}

// Origins are the origins whose pages may hold the window in a frame. The list must not be changed.
func (m *Merchant) Origins() []string { return m.origins }

// windowRows loads what merchants tell the payment window. A row of a merchant that isn't known was added since: the
// next load has both.
func (l *loader) windowRows(ctx context.Context) error {
	redirects, err := l.q.ListRedirects(ctx)
	if err != nil {
		return err
	}
	for _, row := range redirects {
		if m := l.d.merchants[merchant.ID(row.MerchantID)]; m != nil {
			if m.redirects == nil {
				m.redirects = map[int]string{}
			}
			m.redirects[int(row.ID)] = row.Url
		}
	}
	brands, err := l.q.ListBrands(ctx)
	if err != nil {
		return err
	}
	for _, row := range brands {
		if m := l.d.merchants[merchant.ID(row.MerchantID)]; m != nil {
			m.brand = brandOf(row)
		}
	}
	origins, err := l.q.ListOrigins(ctx)
	for _, row := range origins {
		if m := l.d.merchants[merchant.ID(row.MerchantID)]; m != nil {
			m.origins = append(m.origins, row.Origin)
		}
	}
	return err
}
