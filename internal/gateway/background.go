package gateway

import (
	"context"
	"errors"
	"fmt"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// rollUpAccounts bounds the ledger accounts that one round of RollUp folds.
const rollUpAccounts = 500

// Expire ends the claims whose time is over. They answer fail from then on; sent again, they are judged anew.
func (g *Gateway) Expire(ctx context.Context) error {
	for {
		due, err := g.store.Read().ListExpired(ctx, store.ListExpiredParams{Now: g.now().UnixMicro(), Size: MaxBatch})
		if err != nil {
			return fmt.Errorf("list expired claims: %w", err)
		}
		if len(due) == 0 {
			return nil
		}
		items := make([]*item, 0, len(due))
		for _, row := range due {
			id := deposit.ClaimID(row.ID)
			items = append(items, &item{act: &act{ref: refKey{method.Rail(row.Rail), row.Number}, apply: func(b *batch, ref *refState) error {
				if c := ref.claim(id); c != nil && c.ExpiredAt(b.now) {
					b.moveClaim(c, deposit.Expired, deposit.ReasonExpired, false, "", actorRules)
				}
				return nil
			}}})
		}
		if err := g.submit(ctx, items); err != nil {
			return fmt.Errorf("expire claims: %w", err)
		}
		if len(due) < MaxBatch {
			return nil
		}
	}
}

// Sweep judges again what waits on a number that has a claimable transfer. The reference lock makes that impossible, so
// it should find nothing but what a change of configuration made fit, and alarms when it credits. It also judges what was
// held for recovery, or while money was stopped, by a server that didn't know yet that this had ended.
func (g *Gateway) Sweep(ctx context.Context) error {
	for reason, goesOn := range map[deposit.Reason]bool{deposit.ReasonRecovery: g.Directory().Recovery, deposit.ReasonStopped: g.Directory().Stopped} {
		if goesOn {
			continue
		}
		if _, err := g.judgeHeld(ctx, reason, actorRules); err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
	}
	// Claims beside transfers of others stay in the list, so all of it is gone through, and only what fits costs a
	// transaction.
	for after := int64(0); ; {
		missed, err := g.store.Read().ListMissed(ctx, store.ListMissedParams{Now: g.now().UnixMicro(), After: after, Size: MaxBatch})
		if err != nil {
			return fmt.Errorf("sweep: %w", err)
		}
		for _, row := range missed {
			after = row.ID
			if !g.Directory().fitsRow(row) {
				continue
			}
			if err := g.sweep(ctx, row); err != nil {
				return fmt.Errorf("sweep: %w", err)
			}
		}
		if len(missed) < MaxBatch {
			return nil
		}
	}
}

func (d *Directory) fitsRow(row store.ListMissedRow) bool {
	m, ok := d.Merchant(merchant.ID(row.MerchantID))
	claim := deposit.Claim{Method: row.Method, Amount: money.Money{Currency: money.Currency(row.Currency)}}
	transfer := deposit.Transfer{AccountID: deposit.AccountID(row.AccountID), Amount: money.Money{Currency: money.Currency(row.TransferCurrency)}}
	return ok && d.fits(m, claim, transfer)
}

func (g *Gateway) sweep(ctx context.Context, row store.ListMissedRow) error {
	credited := false
	err := g.act(ctx, refKey{method.Rail(row.Rail), row.Number}, func(b *batch, ref *refState) error {
		before := len(b.out.deposits)
		if err := b.settle(ref); err != nil {
			return err
		}
		credited = len(b.out.deposits) > before
		return nil
	})
	if err == nil && credited {
		g.counters.SweepFound.Add(1)
		g.log.Error("sweep.found_missed_claim", "claim_id", row.ID)
	}
	return err
}

// RollUp folds the open deltas of ledger accounts into their balances, each account in a transaction of its own. The
// deltas are deleted by what is there, never by id or time: a range that looks closed can still grow.
func (g *Gateway) RollUp(ctx context.Context) error {
	accounts, err := g.store.Read().ListAccountsWithDeltas(ctx, rollUpAccounts)
	if err != nil {
		return fmt.Errorf("roll up: %w", err)
	}
	for _, id := range accounts {
		err := g.write(ctx, func(ctx context.Context, q *store.Queries) error {
			amounts, err := q.TakeDeltas(ctx, id)
			if err != nil || len(amounts) == 0 {
				return err
			}
			var sum int64
			for _, amount := range amounts {
				sum += amount
			}
			return q.AddToBalance(ctx, store.AddToBalanceParams{ID: id, Amount: sum})
		})
		if err != nil {
			return fmt.Errorf("roll up account %d: %w", id, err)
		}
	}
	return nil
}

// write runs a transaction outside the batches, and repeats it while the database says that this may help.
func (g *Gateway) write(ctx context.Context, f func(context.Context, *store.Queries) error) error {
	for try := 1; ; try++ {
		err := g.store.Write(ctx, f)
		switch {
		case err == nil:
			return nil
		case errors.Is(err, store.ErrFatal):
			g.opts.OnFatal(err)
			return err
		case !errors.Is(err, store.ErrRetry) || try >= maxTries:
			return err
		}
		g.pause(try)
	}
}
