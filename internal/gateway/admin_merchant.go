package gateway

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// NewMerchant is what an operator says of a merchant.
type NewMerchant struct {
	Slug                  string
	Name                  string // "": the slug
	PostbackURL           string
	WithdrawalPostbackURL string         // "": the same as PostbackURL
	TimeZone              string         // "": merchant.DefaultTimeZone
	Currency              money.Currency // "": INR
	Sandbox               bool
}

// MerchantKeys are a merchant's keys in the clear. They are given away once, when they are made.
type MerchantKeys struct {
	APISecret     keyring.Secret
	AccessKey     string
	PostbackKey   keyring.Secret
	WebhookSecret keyring.Secret
	WithdrawalKey keyring.Secret
	RedirectKey   keyring.Secret
}

// AddedMerchant is a merchant that AddMerchants made.
type AddedMerchant struct {
	ID   merchant.ID
	Slug string
	MerchantKeys
}

// AddMerchants adds merchants with fresh keys, all or none.
func (g *Gateway) AddMerchants(ctx context.Context, list ...NewMerchant) ([]AddedMerchant, error) {
	added := make([]AddedMerchant, len(list))
	for i := range list {
		m, err := list[i].complete()
		if err != nil {
			return nil, err
		}
		list[i] = m
		added[i] = AddedMerchant{Slug: m.Slug, MerchantKeys: MerchantKeys{
			APISecret: keyring.NewAPISecret(), AccessKey: keyring.NewAccessKey(), PostbackKey: keyring.NewPostbackKey(),
			WebhookSecret: keyring.NewWebhookSecret(), WithdrawalKey: keyring.NewWithdrawalKey(), RedirectKey: keyring.NewRedirectKey(),
		}}
	}
	slugs := make([]string, len(list))
	for i, m := range list {
		slugs[i] = m.Slug
	}
	err := g.change(ctx, &auditEntry{"merchant.added", merchantSubject(strings.Join(slugs, ",")), ""}, func(ctx context.Context, q *store.Queries) error {
		for i, m := range list {
			if err := g.addMerchant(ctx, q, m, &added[i]); err != nil {
				return err
			}
		}
		return ensureLedger(ctx, q)
	})
	if err != nil {
		return nil, err
	}
	return added, nil
}

// complete checks a new merchant and fills in what wasn't said.
func (m NewMerchant) complete() (NewMerchant, error) {
	if m.Name == "" {
		m.Name = m.Slug
	}
	if m.TimeZone == "" {
		m.TimeZone = merchant.DefaultTimeZone
	}
	if m.Currency == "" {
		m.Currency = money.INR
	}
	if err := merchant.CheckSlug(m.Slug); err != nil {
		return m, invalid(err)
	}
	if _, err := money.LookupCurrency(string(m.Currency)); err != nil {
		return m, invalid(fmt.Errorf("currency: %w", err))
	}
	if m.WithdrawalPostbackURL != "" {
		if err := merchant.CheckPostbackURL(m.WithdrawalPostbackURL); err != nil {
			return m, invalid(fmt.Errorf("withdrawal %w", err))
		}
	}
	return m, errors.Join(checkName("name", m.Name), checkZone(m.TimeZone), checkURL(m.PostbackURL))
}

func checkURL(text string) error {
	if err := merchant.CheckPostbackURL(text); err != nil {
		return invalid(err)
	}
	return nil
}

// checkZone refuses the zone of whatever machine this is: instances must agree.
func checkZone(name string) error {
	_, err := time.LoadLocation(name)
	if err != nil || name == "" || name == "Local" {
		return refuse(CodeInvalid, "time zone: %q is not a zone such as Asia/Kolkata", name)
	}
	return nil
}

func (g *Gateway) addMerchant(ctx context.Context, q *store.Queries, m NewMerchant, added *AddedMerchant) error {
	if _, err := q.GetMerchant(ctx, m.Slug); !isNoRows(err) {
		if err != nil {
			return fmt.Errorf("look for merchant %s: %w", m.Slug, err)
		}
		return refuse(CodeTaken, "there is a merchant %s already", m.Slug)
	}
	id, err := reserve(ctx, q, "merchant", 1)
	if err != nil {
		return fmt.Errorf("reserve merchant: %w", err)
	}
	err = q.InsertMerchant(ctx, store.InsertMerchantParams{
		ID: id, Slug: m.Slug, Name: m.Name, Sandbox: flag(m.Sandbox), Currency: string(m.Currency), TimeZone: m.TimeZone,
		PostbackUrl: m.PostbackURL, WithdrawalPostbackUrl: m.WithdrawalPostbackURL, Policy: "{}", CreatedAt: g.now().UnixMicro(),
	})
	if err != nil {
		return fmt.Errorf("add merchant %s: %w", m.Slug, err)
	}
	added.ID = merchant.ID(id)
	for _, key := range []merchantKey{
		{kind: keyAPISecret, secret: added.APISecret}, {kind: keyPostback, public: added.AccessKey, secret: added.PostbackKey},
		{kind: keyWebhook, secret: added.WebhookSecret}, {kind: keyWithdrawal, secret: added.WithdrawalKey},
		{kind: keyRedirect, secret: added.RedirectKey},
	} {
		if err := g.addMerchantKey(ctx, q, added.ID, key); err != nil {
			return err
		}
	}
	return nil
}

// merchantKey is one key before it is stored.
type merchantKey struct {
	kind   string
	public string
	secret keyring.Secret
}

// addMerchantKey stores what only needs checking as a keyed hash, and seals what must sign.
func (g *Gateway) addMerchantKey(ctx context.Context, q *store.Queries, owner merchant.ID, key merchantKey) error {
	id, err := reserve(ctx, q, "merchant_key", 1)
	if err != nil {
		return fmt.Errorf("reserve key: %w", err)
	}
	row := store.InsertMerchantKeyParams{ID: id, MerchantID: int64(owner), Kind: key.kind, Public: key.public, CreatedAt: g.now().UnixMicro()}
	if key.kind == keyAPISecret {
		hash := g.keys().Hash(hashAPISecret, key.secret.Reveal())
		row.Hash = hash[:]
	} else {
		row.Sealed = g.keys().Seal([]byte(key.secret.Reveal()), keyring.Place("merchant_key", "sealed", id))
	}
	if err := q.InsertMerchantKey(ctx, row); err != nil {
		return fmt.Errorf("add %s key: %w", key.kind, err)
	}
	return nil
}

// getMerchant reads a merchant's row inside a change.
func getMerchant(ctx context.Context, q *store.Queries, slug string) (store.Merchant, error) {
	row, err := q.GetMerchant(ctx, slug)
	if isNoRows(err) {
		return row, refuse(CodeNotFound, "no merchant %q: galla merchant list shows them", slug)
	}
	return row, err
}

// MoveMerchant pauses a merchant or lets it go on. A paused one is shown no wallets; what its payers sent is credited.
func (g *Gateway) MoveMerchant(ctx context.Context, slug string, to merchant.State) error {
	return g.updateMerchant(ctx, auditEntry{"merchant." + string(to), merchantSubject(slug), ""}, slug, func(row *store.Merchant) error {
		row.State = string(to)
		return nil
	})
}

// SetMerchant changes settings: those of merchant.Policy, and name, postback_url, withdrawal_postback_url, time_zone.
// All hold, or none. An endpoint whose address becomes another is resumed.
func (g *Gateway) SetMerchant(ctx context.Context, slug string, settings []Setting) error {
	return g.updateMerchant(ctx, auditEntry{"merchant.set", merchantSubject(slug), settingWords(settings)}, slug, func(row *store.Merchant) error {
		policy, err := merchant.ParsePolicy(row.Policy)
		if err != nil {
			return fmt.Errorf("merchant %s: %w", slug, err)
		}
		for _, s := range settings {
			if err := setMerchant(row, &policy, s); err != nil {
				return err
			}
		}
		for name := range policy.Fees {
			if _, ok := method.Lookup(name); !ok && name != "*" {
				return refuse(CodeInvalid, "fee: there is no method %q", name)
			}
		}
		if name := policy.Withdrawal.Rail; name != merchant.RailManual && g.Directory().rails[name].Name == "" {
			return refuse(CodeInvalid, "withdrawal_rail: there is no rail %q: galla rail list shows them, %s is by hand", name, merchant.RailManual)
		}
		row.Policy = policy.JSON()
		return nil
	})
}

func setMerchant(row *store.Merchant, policy *merchant.Policy, s Setting) error {
	switch s.Key {
	case "name":
		row.Name = s.Value
		return checkName("name", s.Value)
	case "time_zone":
		row.TimeZone = s.Value
		return checkZone(s.Value)
	case "postback_url":
		row.PostbackUrl = s.Value
		return checkURL(s.Value)
	case "withdrawal_postback_url":
		row.WithdrawalPostbackUrl = s.Value
		if s.Value == "" {
			return nil
		}
		return checkURL(s.Value)
	}
	if err := policy.Set(s.Key, s.Value, money.Currency(row.Currency)); err != nil {
		return invalid(err)
	}
	return nil
}

func (g *Gateway) updateMerchant(ctx context.Context, entry auditEntry, slug string, edit func(*store.Merchant) error) error {
	return g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) error {
		row, err := getMerchant(ctx, q, slug)
		if err != nil {
			return err
		}
		before := row
		if err := edit(&row); err != nil {
			return err
		}
		if err := resumeMoved(ctx, q, before, row, g.now()); err != nil {
			return err
		}
		_, err = q.UpdateMerchant(ctx, store.UpdateMerchantParams{
			ID: row.ID, Name: row.Name, TimeZone: row.TimeZone, PostbackUrl: row.PostbackUrl,
			WithdrawalPostbackUrl: row.WithdrawalPostbackUrl, State: row.State, Policy: row.Policy,
		})
		return err
	})
}
