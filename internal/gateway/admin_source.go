package gateway

import (
	"context"
	"fmt"

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

// Kinds of sources without a token: nobody sends them over the network.
const (
	KindStatement evidence.SourceKind = "statement" // files that galla import reads
	KindSandbox   evidence.SourceKind = "sandbox"   // galla sandbox pay
)

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
	err := g.change(ctx, func(ctx context.Context, q *store.Queries) (err error) {
		added.ID, err = g.insertSource(ctx, q, id, kind, added.Token)
		return err
	})
	return added, err
}

// SourceWithoutToken returns the wallet's source of kind KindStatement or KindSandbox, which it adds when missing.
func (g *Gateway) SourceWithoutToken(ctx context.Context, id wallet.ID, kind evidence.SourceKind) (int64, error) {
	if kind != KindStatement && kind != KindSandbox {
		return 0, refuse(CodeInvalid, "sources of kind %s have a token", kind)
	}
	row, err := g.store.Read().FindSource(ctx, store.FindSourceParams{WalletID: int64(id), Kind: string(kind)})
	if err == nil {
		return row.ID, nil
	}
	if !isNoRows(err) {
		return 0, fmt.Errorf("find source: %w", err)
	}
	var source int64
	err = g.change(ctx, func(ctx context.Context, q *store.Queries) error {
		row, err := q.FindSource(ctx, store.FindSourceParams{WalletID: int64(id), Kind: string(kind)})
		if !isNoRows(err) {
			source = row.ID
			return err
		}
		source, err = g.insertSource(ctx, q, id, kind, "")
		return err
	})
	return source, err
}

func (g *Gateway) insertSource(ctx context.Context, q *store.Queries, walletID wallet.ID, kind evidence.SourceKind, token keyring.Secret) (int64, error) {
	w, err := getWallet(ctx, q, walletID)
	if err != nil {
		return 0, err
	}
	switch {
	case w.Sandbox == 1 && kind != KindSandbox && !g.opts.Simulated:
		return 0, refuse(CodeConflict, "wallet %d is a sandbox wallet: its transfers come from galla sandbox pay", walletID)
	case w.Sandbox == 0 && kind == KindSandbox:
		return 0, refuse(CodeConflict, "wallet %d is live: it takes no invented transfers", walletID)
	}
	id, err := reserve(ctx, q, "source", 1)
	if err != nil {
		return 0, fmt.Errorf("reserve source: %w", err)
	}
	row := store.InsertSourceParams{ID: id, WalletID: w.ID, AccountID: w.AccountID, Kind: string(kind), CreatedAt: g.now().UnixMicro()}
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
	sum := g.keys.Hash(hashSourceToken, token.Reveal())
	return sum[:], g.keys.Seal([]byte(token.Reveal()), tokenPlace(source))
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
	return g.changeSource(ctx, id, func(row *store.Source) error {
		row.State = to
		return nil
	})
}

// RotateSource gives a source a new token. The old one is dead from the moment the servers notice.
func (g *Gateway) RotateSource(ctx context.Context, id int64) (AddedSource, error) {
	fresh := AddedSource{ID: id, Token: keyring.NewSourceToken()}
	err := g.changeSource(ctx, id, func(row *store.Source) error {
		if row.TokenHash == nil {
			return refuse(CodeConflict, "source %d of kind %s has no token", id, row.Kind)
		}
		fresh.Kind = evidence.SourceKind(row.Kind)
		row.TokenHash, row.TokenSealed = g.protectToken(id, fresh.Token)
		return nil
	})
	return fresh, err
}

func (g *Gateway) changeSource(ctx context.Context, id int64, edit func(*store.Source) error) error {
	return g.change(ctx, func(ctx context.Context, q *store.Queries) error {
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
