package gateway

import (
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
)

// RailKind is how a rail is told of payouts.
type RailKind string

// The kinds: two providers' APIs, and files that people carry to a bank and back.
const (
	RailRazorpayX RailKind = "razorpayx"
	RailCashfree  RailKind = "cashfree"
	RailBankFile  RailKind = "bankfile"
)

// States of a rail. A paused one is told of nothing new, and still asked about what it has.
const (
	RailActive = "active"
	RailPaused = "paused"
)

var railShape = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$`)

// Rail is an account that withdrawals are paid from.
type Rail struct {
	Name  string
	Kind  RailKind
	State string
	RailSettings
}

// RailSettings are what a rail needs. Which of them a kind needs, its own check says.
type RailSettings struct {
	KeyID         string
	Secret        keyring.Secret
	WebhookSecret keyring.Secret
	Account       string // that is debited
	BaseURL       string // "": the provider's own
	Template      string // of a bank's files: the name of one of the release, or an own one as JSON
	File          string // kind of the files that go to the bank; "": the template's first
}

// sealedRail is RailSettings as they are sealed: a Secret doesn't marshal.
type sealedRail struct {
	KeyID, Secret, WebhookSecret, Account, BaseURL, Template, File string
}

func railPlace(id int64) string { return keyring.Place("rail", "sealed", id) }

// AddRail adds a rail. check is that of the kinds that are called.
func (g *Gateway) AddRail(ctx context.Context, by Operator, r Rail, check func(Rail) error) error {
	switch {
	case !railShape.MatchString(r.Name) || r.Name == merchant.RailManual || r.Name == merchant.RailSandbox:
		return refuse(CodeInvalid, "name: expected 1 to 63 small letters, digits and inner hyphens, and not %s or %s", merchant.RailManual, merchant.RailSandbox)
	case r.Kind != RailRazorpayX && r.Kind != RailCashfree && r.Kind != RailBankFile:
		return refuse(CodeInvalid, "kind: expected %s, %s or %s", RailRazorpayX, RailCashfree, RailBankFile)
	}
	if err := check(r); err != nil {
		return invalid(err)
	}
	plain, err := json.Marshal(sealedRail{r.KeyID, r.Secret.Reveal(), r.WebhookSecret.Reveal(), r.Account, r.BaseURL, r.Template, r.File})
	if err != nil {
		return fmt.Errorf("write rail: %w", err)
	}
	return g.changeRail(ctx, func(b *batch) error {
		rails, err := b.q.ListRails(b.ctx)
		if err != nil {
			return fmt.Errorf("list rails: %w", err)
		}
		for _, known := range rails {
			if known.Name == r.Name {
				return refuse(CodeTaken, "there is a rail %s already", r.Name)
			}
		}
		id, err := reserve(b.ctx, b.q, "rail", 1)
		if err != nil {
			return fmt.Errorf("reserve rail: %w", err)
		}
		err = b.q.InsertRail(b.ctx, store.InsertRailParams{
			ID: id, Name: r.Name, Kind: string(r.Kind), Sealed: g.keys().Seal(plain, railPlace(id)), CreatedAt: b.now.UnixMicro(),
		})
		if err != nil {
			return fmt.Errorf("add rail: %w", err)
		}
		return b.audit(by.actor(), "rail.added", "rail:"+r.Name, strings.TrimSpace(string(r.Kind)+" "+r.KeyID))
	})
}

// MoveRail pauses a rail, or lets it go on.
func (g *Gateway) MoveRail(ctx context.Context, by Operator, name, state string) error {
	return g.changeRail(ctx, func(b *batch) error {
		moved, err := b.q.SetRailState(b.ctx, store.SetRailStateParams{Name: name, State: state})
		if err != nil {
			return fmt.Errorf("move rail: %w", err)
		}
		if moved == 0 {
			return refuse(CodeNotFound, "no rail %q: galla rail list shows them", name)
		}
		return b.audit(by.actor(), "rail."+state, "rail:"+name, "")
	})
}

// changeRail is change for acts that the audit log has.
func (g *Gateway) changeRail(ctx context.Context, f func(b *batch) error) error {
	err := g.moveMoney(ctx, func(b *batch) error {
		if err := b.q.BumpRevision(b.ctx); err != nil {
			return fmt.Errorf("move revision: %w", err)
		}
		return f(b)
	})
	if err != nil {
		return err
	}
	return g.Reload(ctx)
}

func (l *loader) railRows(ctx context.Context) error {
	rows, err := l.q.ListRails(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		plain, err := l.keys.Open(row.Sealed, railPlace(row.ID))
		if err != nil {
			return fmt.Errorf("rail %s: %w", row.Name, err)
		}
		var s sealedRail
		if err := json.Unmarshal(plain, &s); err != nil {
			return fmt.Errorf("rail %s: its settings can't be read", row.Name)
		}
		l.d.rails[row.Name] = Rail{row.Name, RailKind(row.Kind), row.State, RailSettings{
			KeyID: s.KeyID, Secret: keyring.Secret(s.Secret), WebhookSecret: keyring.Secret(s.WebhookSecret), Account: s.Account, BaseURL: s.BaseURL,
			Template: s.Template, File: s.File,
		}}
	}
	return nil
}

// Rails are all rails that were added, by name.
func (d *Directory) Rails() map[string]Rail { return d.rails }

// byPeople tells whether people pay what goes by a rail: nothing of it is ever due for a teller.
func (d *Directory) byPeople(name string) bool {
	return name == merchant.RailManual || d.rails[name].Kind == RailBankFile
}

func (g *Gateway) resealRails(ctx context.Context, q *store.Queries, step *Resealed) error {
	rows, err := q.ListRails(ctx)
	if err != nil {
		return fmt.Errorf("list rails: %w", err)
	}
	for _, row := range rows {
		if !g.keys().NeedsReseal(row.Sealed) || step.Keys+step.Tokens == resealStep {
			continue
		}
		plain, err := g.keys().Open(row.Sealed, railPlace(row.ID))
		if err != nil {
			return fmt.Errorf("rail %s: %w", row.Name, err)
		}
		if err := q.ResealRail(ctx, store.ResealRailParams{ID: row.ID, Sealed: g.keys().Seal(plain, railPlace(row.ID))}); err != nil {
			return fmt.Errorf("seal rail %s: %w", row.Name, err)
		}
		step.Keys++
	}
	return nil
}

// HurryPayout has a rail be asked now about the payout of that reference, because its provider says that there is news. What
// a provider tells by itself is a hint and decides nothing: it may be old, and it doesn't carry all that is compared.
func (g *Gateway) HurryPayout(ctx context.Context, reference string) error {
	if len(reference) != payout.ReferenceLength {
		return nil
	}
	err := g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		_, err := q.HurryWithdrawal(ctx, store.HurryWithdrawalParams{Now: nullMicro(g.now()), Reference: reference})
		return err
	})
	if err != nil {
		return fmt.Errorf("hurry payout: %w", err)
	}
	return nil
}
