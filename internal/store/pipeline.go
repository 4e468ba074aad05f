package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
)

// WriteBatch is Write for a transaction whose statements without rows may wait: on PostgreSQL they travel together
// with the next query, the last of them with COMMIT, which saves most of a batch's round trips. The error of such a
// statement comes with what it travelled with.
func (s *Store) WriteBatch(ctx context.Context, f func(ctx context.Context, q *Queries) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTimeout)
	defer cancel()
	if s.engine == SQLite {
		return s.writeSQLite(ctx, guarded(f))
	}
	conn, err := s.write.Conn(ctx)
	if err != nil {
		return classify(err, false)
	}
	defer conn.Close() // back to the pool, which discards a broken one
	p := &pipeline{conn: conn}
	if _, err := conn.ExecContext(ctx, "BEGIN"); err != nil {
		return classify(err, false)
	}
	if err := guarded(f)(ctx, New(p)); err != nil {
		p.rollback(ctx)
		return classify(err, false)
	}
	p.queue("COMMIT")
	if err := p.flush(ctx); err != nil {
		p.rollback(ctx)
		var refused *pgconn.PgError
		early := errors.As(err, &refused) && p.done < p.sent-1
		return classify(err, !early)
	}
	if p.tag != "COMMIT" {
		return fmt.Errorf("%w: an error in it was overlooked", pgx.ErrTxCommitRollback)
	}
	return nil
}

// pipeline is a PostgreSQL connection in a transaction, with the statements that wait to be sent.
type pipeline struct {
	conn    *sql.Conn
	waiting []waitingStatement
	sent    int    // statements of the last flush
	done    int    // of these, how many succeeded
	tag     string // what the last of them did
}

type waitingStatement struct {
	query string
	args  []any
}

func (p *pipeline) queue(query string, args ...any) {
	p.waiting = append(p.waiting, waitingStatement{query, args})
}

// flush sends what waits in one go and reads every answer. The server skips what follows a failed statement.
func (p *pipeline) flush(ctx context.Context) error {
	if len(p.waiting) == 0 {
		return nil
	}
	batch := &pgx.Batch{}
	for _, w := range p.waiting {
		batch.Queue(w.query, w.args...)
	}
	p.waiting, p.sent, p.done = p.waiting[:0], len(p.waiting), 0
	return p.conn.Raw(func(connection any) error {
		results := connection.(*stdlib.Conn).Conn().SendBatch(ctx, batch)
		for range p.sent {
			tag, err := results.Exec()
			if err != nil {
				_ = results.Close() // reports the same error again
				return err
			}
			p.tag = tag.String()
			p.done++
		}
		return results.Close()
	})
}

// rollback ends the transaction. When it can't, the connection is broken, and the server rolls back by itself.
func (p *pipeline) rollback(ctx context.Context) {
	p.waiting = nil
	if _, err := p.conn.ExecContext(context.WithoutCancel(ctx), "ROLLBACK"); err != nil {
		_ = p.conn.Raw(func(any) error { return driver.ErrBadConn }) // the pool must not keep it
	}
}

func (p *pipeline) ExecContext(_ context.Context, query string, args ...any) (sql.Result, error) {
	plain := make([]any, len(args))
	for i, arg := range args {
		plain[i] = arg
		if valuer, ok := arg.(driver.Valuer); ok {
			value, err := valuer.Value()
			if err != nil {
				return nil, err
			}
			plain[i] = value
		}
	}
	p.queue(query, plain...)
	return waitingResult{}, nil
}

// waitingResult is the result of a statement that isn't sent yet: it has nothing to tell.
type waitingResult struct{}

var errWaiting = fmt.Errorf("store: WriteBatch doesn't tell what a statement did; ask for RETURNING")

func (waitingResult) LastInsertId() (int64, error) { return 0, errWaiting }
func (waitingResult) RowsAffected() (int64, error) { return 0, errWaiting }

func (p *pipeline) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return p.conn.PrepareContext(ctx, query)
}

func (p *pipeline) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := p.flush(ctx); err != nil {
		return nil, err
	}
	return p.conn.QueryContext(ctx, query, args...)
}

func (p *pipeline) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	_ = p.flush(ctx) // when it fails the transaction has, and so does every query in it: this one tells
	return p.conn.QueryRowContext(ctx, query, args...)
}
