package gateway

import (
	"context"
	"fmt"
	"net/netip"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/money"
)

// OfferRequest asks which wallet a payer is to pay to.
type OfferRequest struct {
	Merchant    *Merchant
	Payer       string
	Method      method.Method
	Currency    money.Currency
	AccountType string // "" for any
	// From is the payer's address where a stranger could have made the request up; zero for a merchant's own.
	From netip.Addr
}

// Offer is the wallet to show, and why this one.
type Offer struct {
	Wallet wallet.Wallet
	Reason string
}

// Offer chooses the wallet that a payer is shown and remembers for ever that it was. It is sticky while the wallet is
// healthy; a repeat reads only. *Refusal no_wallet: none is available now. *TooManyAttempts: MaxNewOffersTo is used up.
func (g *Gateway) Offer(ctx context.Context, r OfferRequest) (Offer, error) {
	if r.Merchant.State == merchant.Paused {
		return Offer{}, refuse("no_wallet", "No wallet is available right now")
	}
	dir := g.Directory()
	assigned, err := g.assigned(ctx, g.store.Read(), r)
	if err != nil {
		return Offer{}, err
	}
	candidates, err := g.candidates(ctx, g.store.Read(), dir, r)
	if err != nil {
		return Offer{}, err
	}
	chosen, reason, ok := wallet.Choose(candidates, assigned)
	switch {
	case !ok:
		g.log.Warn("offer.no_wallet", "merchant", r.Merchant.Slug, "method", r.Method.Name, "currency", r.Currency, "reason", reason)
		return Offer{}, refuse("no_wallet", "No wallet is available right now")
	case chosen.ID == assigned:
		return Offer{chosen, reason}, nil
	}
	if err := g.offers.admit(r.From, g.now()); err != nil {
		return Offer{}, err
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		// Two requests of one payer at once: the second finds what the first assigned.
		current, err := g.assigned(ctx, q, r)
		if err != nil {
			return err
		}
		if current != assigned {
			if w, again, ok := wallet.Choose(candidates, current); ok {
				chosen, reason = w, again
			}
			if chosen.ID == current {
				return nil // what is shown is remembered already
			}
		}
		return q.SaveAssignment(ctx, store.SaveAssignmentParams{
			MerchantID: int64(r.Merchant.ID), Payer: r.Payer, Method: r.Method.Name, Currency: string(r.Currency),
			WalletID: int64(chosen.ID), AccountID: int64(chosen.AccountID), Now: g.now().UnixMicro(), Reason: reason,
		})
	})
	if err != nil {
		return Offer{}, fmt.Errorf("save assignment: %w", err)
	}
	return Offer{chosen, reason}, nil
}

// assigned is the wallet that the payer was given last, 0 for none.
func (g *Gateway) assigned(ctx context.Context, q *store.Queries, r OfferRequest) (wallet.ID, error) {
	rows, err := q.LoadAssignments(ctx, store.LoadAssignmentsParams{
		MerchantID: int64(r.Merchant.ID), Payer: r.Payer, Method: r.Method.Name, Currency: string(r.Currency),
	})
	if err != nil {
		return 0, fmt.Errorf("load assignment: %w", err)
	}
	var last store.Assignment
	for _, row := range rows {
		if row.AssignedAt >= last.AssignedAt {
			last = row
		}
	}
	return wallet.ID(last.WalletID), nil
}

// candidates are the wallets of the pool with today's load. Loads are read only where a limit or a choice needs them.
func (g *Gateway) candidates(ctx context.Context, q *store.Queries, dir *Directory, r OfferRequest) ([]wallet.Candidate, error) {
	var list []wallet.Candidate
	for _, w := range dir.walletList {
		if w.Method != r.Method.Name || w.Currency != r.Currency || !w.Serves(r.Merchant.Merchant) {
			continue
		}
		if r.AccountType != "" && w.AccountType != r.AccountType {
			continue
		}
		c := wallet.Candidate{Wallet: *w}
		if w.State == wallet.Active && (w.DailyAmount > 0 || w.DailyCount > 0) {
			since, until := bankDay(g.now(), bankZone(r.Method.Rail))
			sum, err := q.SumAccountTransfers(ctx, store.SumAccountTransfersParams{
				AccountID: int64(w.AccountID), Currency: string(w.Currency), Since: since.UnixMicro(), Until: until.UnixMicro(),
				Weak: int16(evidence.StrengthWeak),
			})
			if err != nil {
				return nil, fmt.Errorf("sum transfers: %w", err)
			}
			c.Load.Amount, c.Load.Transfers = sum.Amount, sum.Transfers
		}
		list = append(list, c)
	}
	if len(list) < 2 {
		return list, nil
	}
	payers, err := q.CountAssignments(ctx, int64(r.Merchant.ID))
	if err != nil {
		return nil, fmt.Errorf("count payers: %w", err)
	}
	byWallet := map[wallet.ID]int64{}
	for _, row := range payers {
		byWallet[wallet.ID(row.WalletID)] = row.Payers
	}
	for i := range list {
		list[i].Load.Payers = byWallet[list[i].Wallet.ID]
	}
	return list, nil
}
