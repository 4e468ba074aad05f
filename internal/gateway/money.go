package gateway

import (
	"context"
	"errors"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// idsForOne is the reserve of ids with which one act outside the batches starts.
const idsForOne = 16

// moveMoney runs one act that books money outside the batches, in a transaction of its own: f locks, reads and decides,
// and what it adds to the batch is saved with it. ErrUnknown: it may be stored or not.
func (g *Gateway) moveMoney(ctx context.Context, f func(b *batch) error) error {
	return g.moveMuch(ctx, idsForOne, f)
}

// moveMuch is moveMoney for acts that need many ids of a kind.
func (g *Gateway) moveMuch(ctx context.Context, ids int64, f func(b *batch) error) error {
	var b *batch // of the last run
	run := func(ids int64) error {
		if err := g.ids.fill(ctx, ids, moneyKinds); err != nil {
			return err
		}
		dir := g.Directory()
		return g.write(ctx, func(ctx context.Context, q *store.Queries) error {
			b = &batch{g: g, ctx: ctx, q: q, dir: dir, now: g.now(), ids: drawn{blocks: g.ids}, deltas: map[int64]*deltaRow{}}
			if err := f(b); err != nil {
				return err
			}
			if b.ids.short {
				return errNeedIDs
			}
			return b.save()
		})
	}
	err := run(ids)
	for try := 1; errors.Is(err, errNeedIDs) && try < maxTries; try++ { // others drew from the same reserve meanwhile
		ids *= 2
		err = run(ids)
	}
	if errors.Is(err, errMissingLedgerAccount) {
		// Who added the merchant made its ledger accounts in the same transaction.
		if err = g.Reload(ctx); err == nil {
			err = run(ids)
		}
	}
	switch {
	case errors.Is(err, store.ErrAmbiguous), errors.Is(err, store.ErrUnavailable), errors.Is(err, store.ErrRetry):
		return errors.Join(ErrUnknown, err)
	case err != nil:
		return err
	}
	b.logNow()
	if written := b.postbacks(); len(written) > 0 && g.opts.OnPostback != nil {
		g.opts.OnPostback(written)
	}
	return nil
}

// indiaDay is when the day began in India, whose banks pay withdrawals.
func indiaDay(now time.Time) time.Time {
	from, _ := bankDay(now, zoneIndia)
	return from
}
