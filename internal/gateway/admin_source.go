package gateway

import (
	"context"
	"fmt"
	"strconv"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
)

// States of a source. Evidence of a paused source is not taken; a retired one's token is dead.
const (
	SourceActive  = "active"
	SourcePaused  = "paused"
	SourceRetired = "retired"
)

// KindStatement are the files that galla import reads. Such a source has no token: nobody sends it over the network.
const KindStatement evidence.SourceKind = "statement"

// actSourceAdded is in the audit log when a source is new.
const actSourceAdded = "source.added"

func sourceSubject(id int64) string { return "source:" + strconv.FormatInt(id, 10) }

// AddedSource is a source with its token in the clear, given away once.
type AddedSource struct {
	ID    int64
	Kind  evidence.SourceKind
	Token keyring.Secret
}

// AddSource adds a source that watches the account of a wallet. A sandbox wallet has none but its own: it never takes
// what a real phone or bank reports, unless the whole database is simulated.
func (g *Gateway) AddSource(ctx context.Context, id wallet.ID, kind evidence.SourceKind) (AddedSource, error) {
	if _, err := evidence.ParseSourceKind(string(kind)); err != nil {
		return AddedSource{}, invalid(err)
	}
	added := AddedSource{Kind: kind, Token: keyring.NewSourceToken()}
	var entry auditEntry
	err := g.change(ctx, &entry, func(ctx context.Context, q *store.Queries) (err error) {
		added.ID, err = g.insertSource(ctx, q, id, kind, added.Token)
		entry = auditEntry{actSourceAdded, sourceSubject(added.ID), string(kind)}
		return err
	})
	return added, err
}

func (g *Gateway) insertSource(ctx context.Context, q *store.Queries, walletID wallet.ID, kind evidence.SourceKind, token keyring.Secret) (int64, error) {
	w, err := getWallet(ctx, q, walletID)
	if err != nil {
		return 0, err
	}
	switch {
	case kind == KindSandbox && w.Sandbox == 0:
		return 0, refuseLive(walletID)
	case kind != KindSandbox && w.Sandbox == 1 && !g.opts.Simulated:
		return 0, refuse(CodeConflict, "wallet %d is a sandbox wallet: no phone, bank or statement reports money on it. Invent some: galla sandbox pay --wallet %d", walletID, walletID)
	}
	id, err := reserve(ctx, q, "source", 1)
	if err != nil {
		return 0, fmt.Errorf("reserve source: %w", err)
	}
	row := store.InsertSourceParams{
		ID: id, WalletID: w.ID, AccountID: w.AccountID, Sandbox: w.Sandbox, Simulated: flag(g.opts.Simulated), Kind: string(kind),
		CreatedAt: g.now().UnixMicro(),
	}
	if token != "" {
		row.TokenHash, row.TokenSealed = g.protectToken(id, token)
	}
	if err := q.InsertSource(ctx, row); err != nil {
		return 0, fmt.Errorf("add source: %w", err)
	}
	return id, nil
}

// protectToken is the token of a source as it is stored: hashed to find the source, sealed to check signatures with it.
func (g *Gateway) protectToken(source int64, token keyring.Secret) (hash, sealed []byte) {
	sum := g.keys().Hash(hashSourceToken, token.Reveal())
	return sum[:], g.keys().Seal([]byte(token.Reveal()), tokenPlace(source))
}

func tokenPlace(source int64) string { return keyring.Place("source", "token_sealed", source) }

func updateSource(ctx context.Context, q *store.Queries, row store.Source) error {
	_, err := q.UpdateSource(ctx, store.UpdateSourceParams{ID: row.ID, State: row.State, TokenHash: row.TokenHash, TokenSealed: row.TokenSealed})
	if err != nil {
		return fmt.Errorf("change source %d: %w", row.ID, err)
	}
	return nil
}

// MoveSource pauses, resumes or retires a source. Retired is the end.
func (g *Gateway) MoveSource(ctx context.Context, id int64, to string) error {
	return g.changeSource(ctx, "source."+to, id, func(row *store.Source) error {
		row.State = to
		return nil
	})
}

// RotateSource gives a source a new token. The old one is dead from the moment the servers notice.
func (g *Gateway) RotateSource(ctx context.Context, id int64) (AddedSource, error) {
	fresh := AddedSource{ID: id, Token: keyring.NewSourceToken()}
	err := g.changeSource(ctx, "source.rotated", id, func(row *store.Source) error {
		if row.TokenHash == nil {
			return refuse(CodeConflict, "source %d of kind %s has no token", id, row.Kind)
		}
		fresh.Kind = evidence.SourceKind(row.Kind)
		row.TokenHash, row.TokenSealed = g.protectToken(id, fresh.Token)
		return nil
	})
	return fresh, err
}

func (g *Gateway) changeSource(ctx context.Context, act string, id int64, edit func(*store.Source) error) error {
	return g.change(ctx, &auditEntry{act, sourceSubject(id), ""}, func(ctx context.Context, q *store.Queries) error {
		row, err := q.GetSource(ctx, id)
		switch {
		case isNoRows(err):
			return refuse(CodeNotFound, "no source %d: galla source list shows them", id)
		case err != nil:
			return fmt.Errorf("read source: %w", err)
		case row.State == SourceRetired:
			return refuse(CodeConflict, "source %d is retired; add a new one", id)
		}
		if err := edit(&row); err != nil {
			return err
		}
		return updateSource(ctx, q, row)
	})
}
