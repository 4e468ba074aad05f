package bench

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

// raw is the raw limit of the engine: the statements of an activation with the same rows, ready as text before the
// clock starts, in a bare loop with as many writers as the gateway has. size activations share a commit.
type raw struct {
	store     *store.Store
	merchants int64
	size      int
	stock     *rawStock
}

// rawStock is what both loops of the raw limit take from.
type rawStock struct{ next, filled int64 }

// rawChunk bounds how many commits are prepared as text at once; building them isn't measured.
const rawChunk = 40

func (r *raw) prepare(ctx context.Context, units int64) error {
	missing := units - (r.stock.filled - r.stock.next)
	if missing <= 0 {
		return nil
	}
	err := fill(ctx, r.store, r.stock.filled, r.stock.filled+missing, time.Now().UnixMicro())
	r.stock.filled += missing
	return err
}

// rawBatch is one commit's work.
type rawBatch struct {
	lookups lookups
	saves   saves
	texts   []any // on PostgreSQL: the same as JSON, in the order of the statements
	size    int
}

func (r *raw) slice(ctx context.Context, length time.Duration) *measure {
	total := &measure{}
	for total.elapsed < length && total.errors == 0 && ctx.Err() == nil {
		batches, err := r.build()
		if err != nil {
			total.fail(err)
		}
		if len(batches) == 0 {
			break
		}
		total.add(r.run(ctx, batches))
	}
	return total
}

func (r *raw) build() ([]rawBatch, error) {
	chunk := rawChunk
	if r.size == 1 {
		chunk *= 10
	}
	now := time.Now().UnixMicro()
	var batches []rawBatch
	for len(batches) < chunk && r.stock.next+int64(r.size) <= r.stock.filled {
		credits := make([]credit, r.size)
		for i := range credits {
			credits[i] = creditOf(r.stock.next, r.merchants)
			r.stock.next++
		}
		batch := rawBatch{lookups: lookupsOf(credits, now), saves: savesOf(credits, now), size: r.size}
		batch.lookups.ids = idsOf(credits)
		if r.store.Engine() == store.Postgres {
			if err := batch.write(); err != nil {
				return nil, err
			}
		}
		batches = append(batches, batch)
	}
	return batches, nil
}

// write makes the texts, so that the clock doesn't run for JSON.
func (b *rawBatch) write() error {
	l, s := &b.lookups, &b.saves
	for _, batch := range []store.Batch{
		l.references, l.ids, l.orders, l.ids, s.claims, s.transfers, s.deposits, s.postings, s.deltas, s.transitions, s.postbacks, s.events,
	} {
		text, err := batch.Value()
		if err != nil {
			return err
		}
		b.texts = append(b.texts, text)
	}
	return nil
}

func (r *raw) run(ctx context.Context, batches []rawBatch) *measure {
	var next atomic.Int64
	own := make([]measure, gateway.Writers(r.store.Engine()))
	var group sync.WaitGroup
	start, cpu := time.Now(), cpuTime()
	for i := range own {
		group.Go(func() {
			for own[i].errors == 0 {
				at := next.Add(1) - 1
				if at >= int64(len(batches)) {
					return
				}
				begin := time.Now()
				if err := batches[at].commit(ctx, r.store); err != nil {
					own[i].fail(err)
					return
				}
				own[i].done += int64(batches[at].size)
				own[i].latency.add(time.Since(begin))
			}
		})
	}
	group.Wait()
	total := &measure{}
	for i := range own {
		total.add(&own[i])
	}
	total.elapsed, total.cpu = time.Since(start), cpuTime()-cpu
	return total
}

func (b *rawBatch) commit(ctx context.Context, s *store.Store) error {
	if s.Engine() == store.Postgres {
		return b.commitTexts(ctx, s.Raw())
	}
	return s.Write(ctx, b.run)
}

func (b *rawBatch) run(ctx context.Context, q *store.Queries) error {
	if err := b.lookups.read(ctx, q); err != nil {
		return err
	}
	return b.saves.write(ctx, q)
}

// commitTexts is a transaction whose sets are text already.
func (b *rawBatch) commitTexts(ctx context.Context, db *sql.DB) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := b.run(ctx, store.New(&ready{Tx: tx, texts: b.texts})); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// ready is a transaction that gives each statement the next text instead of the set it was called with.
type ready struct {
	*sql.Tx
	texts []any
}

func (r *ready) args(args []any) []any {
	if len(args) == 0 {
		return nil
	}
	next := r.texts[:1]
	r.texts = r.texts[1:]
	return next
}

// ExecContext runs a statement without result.
func (r *ready) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.Tx.ExecContext(ctx, query, r.args(args)...)
}

// QueryContext runs a statement that returns rows.
func (r *ready) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return r.Tx.QueryContext(ctx, query, r.args(args)...)
}

// newRaw gives the two loops over one database: a commit for each activation, and for as many as the gateway's batch has.
func newRaw(s *store.Store, merchants int64) (single, batch *raw) {
	stock := &rawStock{}
	return &raw{s, merchants, 1, stock}, &raw{s, merchants, gateway.MaxBatch, stock}
}
