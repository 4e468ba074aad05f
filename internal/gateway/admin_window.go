package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/logo"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// Limits of what one merchant tells the window. All of it is held in memory.
const (
	// MaxRedirects bounds the addresses that are registered at once.
	MaxRedirects = 500
	// MaxRedirectURL is the longest address, in bytes.
	MaxRedirectURL = 2048
	// MaxOrigins bounds the origins: they all stand in one header.
	MaxOrigins = 50
)

// AddRedirect registers an address to which the window may send payers, and gives the id by which links name it: 1 for a
// merchant's first, and never one that was given before. localHTTP allows http for this machine.
func (g *Gateway) AddRedirect(ctx context.Context, slug, address string, localHTTP bool) (id int, err error) {
	if err := galla.CheckRedirectURL(address, localHTTP); err != nil {
		return 0, invalid(err)
	}
	if len(address) > MaxRedirectURL {
		return 0, refuse(CodeInvalid, "the URL is longer than %d bytes", MaxRedirectURL)
	}
	err = g.change(ctx, &auditEntry{"merchant.redirect_added", merchantSubject(slug), address}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		known, err := q.ListRedirectsOfMerchant(ctx, row.ID)
		if err != nil {
			return fmt.Errorf("list redirect URLs: %w", err)
		}
		live := 0
		for _, r := range known { // in order of their ids
			id = int(r.ID)
			if r.RemovedAt.Valid {
				continue
			}
			if live++; r.Url == address {
				return refuse(CodeTaken, "%s has this URL already, as %d", slug, r.ID)
			}
		}
		if live >= MaxRedirects {
			return refuse(CodeConflict, "%s has %d URLs, which is the most: remove some", slug, live)
		}
		id++
		return q.InsertRedirect(ctx, store.InsertRedirectParams{
			MerchantID: row.ID, ID: int64(id), Url: address, CreatedAt: g.now().UnixMicro(),
		})
	})
	if err != nil {
		return 0, err
	}
	return id, nil
}

// RemoveRedirect takes an address away. Links that name it are as if they named none.
func (g *Gateway) RemoveRedirect(ctx context.Context, slug string, id int) error {
	return g.change(ctx, &auditEntry{"merchant.redirect_removed", merchantSubject(slug), strconv.Itoa(id)}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		removed, err := q.RemoveRedirect(ctx, store.RemoveRedirectParams{
			MerchantID: row.ID, ID: int64(id), RemovedAt: sql.NullInt64{Int64: g.now().UnixMicro(), Valid: true},
		})
		if err == nil && removed == 0 {
			return refuse(CodeNotFound, "%s has no redirect URL %d", slug, id)
		}
		return err
	})
}

// AddOrigin lets the pages of an origin hold the merchant's window in a frame. localHTTP allows http for this machine.
func (g *Gateway) AddOrigin(ctx context.Context, slug, origin string, localHTTP bool) error {
	if err := merchant.CheckOrigin(origin, localHTTP); err != nil {
		return invalid(err)
	}
	return g.change(ctx, &auditEntry{"merchant.origin_added", merchantSubject(slug), origin}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		known, err := q.ListOrigins(ctx)
		if err != nil {
			return fmt.Errorf("list origins: %w", err)
		}
		count := 0
		for _, o := range known {
			if o.MerchantID != row.ID {
				continue
			}
			if count++; o.Origin == origin {
				return refuse(CodeTaken, "%s has the origin %s already", slug, origin)
			}
		}
		if count >= MaxOrigins {
			return refuse(CodeConflict, "%s has %d origins, which is the most: remove some", slug, count)
		}
		return q.InsertOrigin(ctx, store.InsertOriginParams{MerchantID: row.ID, Origin: origin})
	})
}

// RemoveOrigin takes an origin away.
func (g *Gateway) RemoveOrigin(ctx context.Context, slug, origin string) error {
	return g.change(ctx, &auditEntry{"merchant.origin_removed", merchantSubject(slug), origin}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		removed, err := q.DeleteOrigin(ctx, store.DeleteOriginParams{MerchantID: row.ID, Origin: origin})
		if err == nil && removed == 0 {
			return refuse(CodeNotFound, "%s has no origin %q", slug, origin)
		}
		return err
	})
}

// BrandChange is what SetBrand changes; nil leaves a member as it is, an empty value takes it away.
type BrandChange struct {
	Name    *string
	Logo    *[]byte // as uploaded: PNG or SVG
	Colour  *string
	Theme   *string
	Contact *string
}

// words tell which members are changed.
func (c BrandChange) words() string {
	var words []string
	for _, member := range []struct {
		name  string
		given bool
	}{{"name", c.Name != nil}, {"logo", c.Logo != nil}, {"colour", c.Colour != nil}, {"theme", c.Theme != nil}, {"contact", c.Contact != nil}} {
		if member.given {
			words = append(words, member.name)
		}
	}
	return strings.Join(words, " ")
}

// SetBrand changes a merchant's brand. dropped names what its new logo had and may not have.
func (g *Gateway) SetBrand(ctx context.Context, slug string, change BrandChange) (dropped []string, err error) {
	var clean logo.Logo
	if change.Logo != nil && len(*change.Logo) > 0 {
		if clean, err = logo.Clean(*change.Logo); err != nil {
			return nil, invalid(err)
		}
	}
	err = g.change(ctx, &auditEntry{"merchant.brand_set", merchantSubject(slug), change.words()}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		stored, err := q.GetBrand(ctx, row.ID)
		if err != nil && !isNoRows(err) {
			return fmt.Errorf("read brand: %w", err)
		}
		brand := brandOf(stored)
		for _, member := range []struct{ to, from *string }{
			{&brand.Name, change.Name}, {&brand.Colour, change.Colour}, {&brand.Theme, change.Theme}, {&brand.Contact, change.Contact},
		} {
			if member.from != nil {
				*member.to = *member.from
			}
		}
		if change.Logo != nil {
			brand.Logo, brand.LogoType = clean.Data, clean.Type
		}
		if err := brand.Check(); err != nil {
			return invalid(err)
		}
		return q.SaveBrand(ctx, store.SaveBrandParams{
			MerchantID: row.ID, Name: brand.Name, Logo: brand.Logo, LogoType: brand.LogoType, Colour: brand.Colour,
			Theme: brand.Theme, Contact: brand.Contact,
		})
	})
	return clean.Dropped, err
}

// ClearBrand gives a merchant's payers Galla's own look again.
func (g *Gateway) ClearBrand(ctx context.Context, slug string) error {
	return g.change(ctx, &auditEntry{"merchant.brand_cleared", merchantSubject(slug), ""}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		_, err = q.DeleteBrand(ctx, row.ID)
		return err
	})
}

func brandOf(row store.MerchantBrand) merchant.Brand {
	return merchant.Brand{
		Name: row.Name, Logo: row.Logo, LogoType: row.LogoType, Colour: row.Colour, Theme: row.Theme, Contact: row.Contact,
	}
}
