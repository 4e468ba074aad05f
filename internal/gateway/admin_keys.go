package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
)

// MerchantKeyKinds are the kinds of keys that RotateMerchantKey makes anew.
var MerchantKeyKinds = []string{keyAPISecret, keyPostback, keyWebhook, keyWithdrawal, keyRedirect}

// maxLiveKeys is how many keys of a kind are valid at once: the new one, and the old one until its overlap is over.
const maxLiveKeys = 2

// maxOverlap bounds how long an old key stays valid.
const maxOverlap = 90 * 24 * time.Hour

// RotatedKey is a new key in the clear, given away once.
type RotatedKey struct {
	Kind      string
	AccessKey string // of kind postback
	Secret    keyring.Secret
	OldUntil  time.Time // until when the key before it is valid
}

// RotateMerchantKey makes a new key of a kind. Until the overlap is over, what the old key checks (API secret, signatures
// of withdrawals and redirect tokens) is still taken, and the old webhook secret signs beside the new one. Postbacks are
// signed with the new pair at once.
func (g *Gateway) RotateMerchantKey(ctx context.Context, slug, kind string, overlap time.Duration) (RotatedKey, error) {
	fresh := RotatedKey{Kind: kind}
	switch kind {
	case keyAPISecret:
		fresh.Secret = keyring.NewAPISecret()
	case keyPostback:
		fresh.AccessKey, fresh.Secret = keyring.NewAccessKey(), keyring.NewPostbackKey()
	case keyWebhook:
		fresh.Secret = keyring.NewWebhookSecret()
	case keyWithdrawal:
		fresh.Secret = keyring.NewWithdrawalKey()
	case keyRedirect:
		fresh.Secret = keyring.NewRedirectKey()
	default:
		return fresh, refuse(CodeInvalid, "kind: expected one of %s", strings.Join(MerchantKeyKinds, ", "))
	}
	if overlap < 0 || overlap > maxOverlap {
		return fresh, refuse(CodeInvalid, "overlap: expected 0 to %v", maxOverlap)
	}
	err := g.change(ctx, &auditEntry{"merchant.key_rotated", merchantSubject(slug), kind + " overlap " + overlap.String()}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		now := g.now()
		fresh.OldUntil = now.Add(overlap)
		if kind == keyPostback {
			fresh.OldUntil = now
		}
		if err := expireKeys(ctx, q, row.ID, kind, now, fresh.OldUntil); err != nil {
			return err
		}
		return g.addMerchantKey(ctx, q, merchant.ID(row.ID), merchantKey{kind, fresh.AccessKey, fresh.Secret})
	})
	return fresh, err
}

// expireKeys ends the newest key of a kind at until, and older ones now.
func expireKeys(ctx context.Context, q *store.Queries, owner int64, kind string, now, until time.Time) error {
	keys, err := q.ListKeysOfMerchant(ctx, owner)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	live := 1 // the new one
	for _, key := range slices.Backward(keys) {
		if key.Kind != kind || key.ExpiresAt.Valid && key.ExpiresAt.Int64 <= now.UnixMicro() {
			continue
		}
		end := until
		if live++; live > maxLiveKeys {
			end = now
		}
		if key.ExpiresAt.Valid && key.ExpiresAt.Int64 < end.UnixMicro() {
			continue
		}
		expiry := store.ExpireMerchantKeyParams{ID: key.ID, ExpiresAt: sql.NullInt64{Int64: end.UnixMicro(), Valid: true}}
		if _, err := q.ExpireMerchantKey(ctx, expiry); err != nil {
			return fmt.Errorf("expire key: %w", err)
		}
	}
	return nil
}

var domainShape = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z](?:[a-z0-9-]{0,61}[a-z0-9])$`)

// maxDomain is the longest host name of DNS.
const maxDomain = 253

// AddDomain lets a merchant be reached under a host of its own: api.HOST and plugin.HOST are its API and its window.
func (g *Gateway) AddDomain(ctx context.Context, slug, host string) error {
	if len(host) > maxDomain || !domainShape.MatchString(host) {
		return refuse(CodeInvalid, "domain: expected a host name in small letters, such as pay.example.com")
	}
	return g.change(ctx, &auditEntry{"merchant.domain_added", merchantSubject(slug), host}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		domains, err := q.ListMerchantDomains(ctx)
		if err != nil {
			return err
		}
		for _, d := range domains {
			if d.Host == host {
				return refuse(CodeTaken, "%s belongs to a merchant already", host)
			}
		}
		return q.InsertMerchantDomain(ctx, store.InsertMerchantDomainParams{Host: host, MerchantID: row.ID})
	})
}

// RemoveDomain takes a merchant's host away.
func (g *Gateway) RemoveDomain(ctx context.Context, slug, host string) error {
	return g.change(ctx, &auditEntry{"merchant.domain_removed", merchantSubject(slug), host}, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		removed, err := q.DeleteMerchantDomain(ctx, store.DeleteMerchantDomainParams{Host: host, MerchantID: row.ID})
		if err == nil && removed == 0 {
			return refuse(CodeNotFound, "%s has no domain %q", slug, host)
		}
		return err
	})
}

// resealStep is how many rows one transaction of Reseal changes at most.
const resealStep = 500

// Resealed counts what Reseal changed.
type Resealed struct {
	Keys   int // sealed keys of merchants
	Tokens int // source tokens, sealed and hashed anew
}

// Reseal seals every secret with the newest key of the key file and then marks the database with it. It may be
// interrupted and repeated. API secrets are known as hashes only: those stay under the key that they were hashed with,
// which therefore must stay in the key file until the secret is rotated.
func (g *Gateway) Reseal(ctx context.Context) (Resealed, error) {
	var total Resealed
	for {
		var step Resealed
		var entry auditEntry
		err := g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) error {
			step = Resealed{}
			if err := g.resealKeys(ctx, q, &step); err != nil {
				return err
			}
			if err := g.resealTokens(ctx, q, &step); err != nil {
				return err
			}
			if err := g.resealRails(ctx, q, &step); err != nil {
				return err
			}
			entry = auditEntry{"secrets.resealed", "installation", fmt.Sprintf("%d keys, %d tokens", step.Keys, step.Tokens)}
			if step == (Resealed{}) {
				return q.SetKeyCheck(ctx, nullString(g.keys().CheckValue()))
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		if step == (Resealed{}) {
			return total, nil
		}
		total.Keys, total.Tokens = total.Keys+step.Keys, total.Tokens+step.Tokens
	}
}

func (g *Gateway) resealKeys(ctx context.Context, q *store.Queries, step *Resealed) error {
	rows, err := q.ListMerchantKeys(ctx)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	for _, row := range rows {
		if row.Sealed == nil || !g.keys().NeedsReseal(row.Sealed) || step.Keys+step.Tokens == resealStep {
			continue
		}
		place := keyring.Place("merchant_key", "sealed", row.ID)
		plain, err := g.keys().Open(row.Sealed, place)
		if err != nil {
			return fmt.Errorf("merchant key %d: %w", row.ID, err)
		}
		if err := q.ResealMerchantKey(ctx, store.ResealMerchantKeyParams{ID: row.ID, Sealed: g.keys().Seal(plain, place)}); err != nil {
			return fmt.Errorf("seal merchant key %d: %w", row.ID, err)
		}
		step.Keys++
	}
	return nil
}

func (g *Gateway) resealTokens(ctx context.Context, q *store.Queries, step *Resealed) error {
	rows, err := q.ListSources(ctx)
	if err != nil {
		return fmt.Errorf("list sources: %w", err)
	}
	for _, row := range rows {
		if row.TokenSealed == nil || !g.keys().NeedsReseal(row.TokenSealed) || step.Keys+step.Tokens == resealStep {
			continue
		}
		plain, err := g.keys().Open(row.TokenSealed, tokenPlace(row.ID))
		if err != nil {
			return fmt.Errorf("source %d: %w", row.ID, err)
		}
		row.TokenHash, row.TokenSealed = g.protectToken(row.ID, keyring.Secret(plain))
		if err := updateSource(ctx, q, row); err != nil {
			return err
		}
		step.Tokens++
	}
	return nil
}
