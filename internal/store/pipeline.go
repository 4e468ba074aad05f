package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// rollbackTimeout bounds a ROLLBACK over a network that may be gone.
const rollbackTimeout = 5 * time.Second

// WriteBatch is Write for a transaction whose statements without rows may wait: on PostgreSQL they travel together
// with the next query, the last of them with COMMIT, which saves most of a batch's round trips. The error of such a
// statement comes with what it travelled with. Queries that don't depend on each other travel together too, see Ahead.
func (s *Store) WriteBatch(ctx context.Context, f func(ctx context.Context, q *Queries) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTimeout)
	defer cancel()
	if s.engine == SQLite {
		return s.writeSQLite(ctx, guarded(f))
	}
	if err := s.at(AtBegin); err != nil {
		return err
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return classify(err, false)
	}
	defer conn.Close() // back to the pool, which discards a broken one
	p := &pipeline{conn: conn, memory: s.memory, seam: s.at}
	p.queue("BEGIN")
	if err := guarded(f)(ctx, New(p)); err != nil {
		p.rollback(ctx)
		return classify(err, false)
	}
	if err := s.at(AtCommit); err != nil {
		p.rollback(ctx)
		return err
	}
	p.queue("COMMIT")
	p.seam = nil
	if err := p.flush(ctx); err != nil {
		p.rollback(ctx)
		var refused *pgconn.PgError
		early := errors.As(err, &refused) && p.done < p.sent-1
		return classify(err, !early)
	}
	if p.tag != "COMMIT" {
		return fmt.Errorf("%w: an error in it was overlooked", pgx.ErrTxCommitRollback)
	}
	return s.at(AfterCommit)
}

// Ahead tells which queries follow. On PostgreSQL they travel with the first of them; then each must be called with the
// very set that was told here. SQLite has no round trips to save.
func (q *Queries) Ahead(queries ...Query) {
	if p, ok := q.db.(*pipeline); ok {
		for _, query := range queries {
			p.told = append(p.told, p.queue(query.text, query.args...))
		}
	}
}

// Query is a query that Ahead takes.
type Query struct {
	text string
	args []any
}

// The queries that Ahead takes, named like the methods that run them.
func QueryLoadEvidence(batch Batch) Query        { return Query{loadEvidence, []any{batch}} }
func QueryLoadTransfers(batch Batch) Query       { return Query{loadTransfers, []any{batch}} }
func QueryLoadOrderClaims(batch Batch) Query     { return Query{loadOrderClaims, []any{batch}} }
func QueryLoadReferenceClaims(batch Batch) Query { return Query{loadReferenceClaims, []any{batch}} }
func QueryLoadDisputedAccounts() Query           { return Query{loadDisputedAccounts, nil} }

// pipeline is a PostgreSQL connection in a transaction, with the statements that wait to be sent.
type pipeline struct {
	conn    *sql.Conn
	memory  *sql.DB
	seam    func(Moment) error // before each round trip, nil: no more
	waiting []*waitingStatement
	told    []*waitingStatement // queries of Ahead that were not called yet
	sent    int                 // statements of the last flush
	done    int                 // of these, how many succeeded
	begun   bool                // something was sent
	tag     string              // what the last statement did
}

type waitingStatement struct {
	query string
	args  []any
	rows  *memoryRows // of a query, once it was sent
}

func (p *pipeline) queue(query string, args ...any) *waitingStatement {
	w := &waitingStatement{query: query, args: args}
	p.waiting = append(p.waiting, w)
	return w
}

// flush sends what waits in one go and reads every answer. The server skips what follows a failed statement.
func (p *pipeline) flush(ctx context.Context) error {
	if len(p.waiting) == 0 {
		return nil
	}
	if p.seam != nil {
		if err := p.seam(AtStatement); err != nil {
			return err
		}
	}
	waiting := p.waiting
	p.waiting, p.sent, p.done, p.begun = nil, len(waiting), 0, true
	batch := &pgx.Batch{}
	for _, w := range waiting {
		text, args, err := compact(w.query, w.args)
		if err != nil {
			return err
		}
		batch.Queue(text, args...)
	}
	return p.conn.Raw(func(connection any) error {
		results := connection.(*stdlib.Conn).Conn().SendBatch(ctx, batch)
		for _, w := range waiting {
			rows, err := results.Query()
			if err == nil {
				w.rows, err = readRows(rows)
			}
			if err != nil {
				_ = results.Close() // reports the same error again
				return err
			}
			p.tag = rows.CommandTag().String()
			p.done++
		}
		return results.Close()
	})
}

// rollback ends the transaction. When it can't, the connection is broken, and the server rolls back by itself.
func (p *pipeline) rollback(ctx context.Context) {
	p.waiting = nil
	if !p.begun {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if _, err := p.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		_ = p.conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool must not keep it
	}
}

// query sends everything up to this query, unless Ahead has sent it before, and returns its rows.
func (p *pipeline) query(ctx context.Context, query string, args []any) (*memoryRows, error) {
	asked := p.takeTold(query)
	switch {
	case asked == nil:
		asked = p.queue(query, args...)
	case !sameArgs(asked.args, args):
		return nil, errors.New("store: a query was called with another set than Ahead was told")
	}
	if asked.rows == nil {
		if err := p.flush(ctx); err != nil {
			return nil, err
		}
	}
	return asked.rows, nil
}

func (p *pipeline) takeTold(query string) *waitingStatement {
	for i, told := range p.told {
		if told.query == query {
			p.told = append(p.told[:i], p.told[i+1:]...)
			return told
		}
	}
	return nil
}

func sameArgs(a, b []any) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		x, ok := a[i].(Batch)
		y, too := b[i].(Batch)
		if !ok || !too || x.rows.Pointer() != y.rows.Pointer() || x.rows.Len() != y.rows.Len() {
			return false
		}
	}
	return true
}

func (p *pipeline) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	p.queue(query, args...)
	return waitingResult{}, nil
}

// waitingResult is the result of a statement that isn't sent yet: it has nothing to tell.
type waitingResult struct{}

var errWaiting = errors.New("store: WriteBatch doesn't tell what a statement did; ask for RETURNING")

func (waitingResult) LastInsertId() (int64, error) { return 0, errWaiting }
func (waitingResult) RowsAffected() (int64, error) { return 0, errWaiting }

func (p *pipeline) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.conn.PrepareContext(ctx, query)
}

func (p *pipeline) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	rows, err := p.query(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return p.memory.QueryContext(context.Background(), "", rows)
}

func (p *pipeline) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	rows, err := p.query(ctx, query, args)
	if err != nil {
		rows = &memoryRows{err: err}
	}
	return p.memory.QueryRowContext(context.Background(), "", rows)
}
