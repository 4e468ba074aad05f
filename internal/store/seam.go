package store

import (
	"context"
	"database/sql"
)

// Moment is a point of a process's work with the database.
type Moment int

// The moments. Between two of them one operation runs: a statement, a round trip of several, BEGIN or COMMIT.
const (
	AtBegin     Moment = iota // before a transaction
	AtStatement               // before a statement in it, or a round trip of several
	AtCommit                  // before COMMIT
	AfterCommit               // it is stored, and the caller doesn't know yet
	AtRead                    // before a statement outside transactions
)

// Seam is told of every moment before it passes. It may hold the process there; an error ends the operation with it, so that a
// simulation can kill a process between any two operations, or lose the answer of a COMMIT. Only the simulator sets one.
type Seam func(Moment) error

// at passes a moment.
func (s *Store) at(m Moment) error {
	if s.seam == nil {
		return nil
	}
	return s.seam(m)
}

// inTransaction gives a transaction's queries, with a moment before each statement.
func (s *Store) inTransaction(db DBTX) *Queries {
	if s.seam == nil {
		return New(db)
	}
	return New(&seamed{db, s.seam})
}

// seamed passes a moment before each statement.
type seamed struct {
	DBTX
	seam Seam
}

func (d *seamed) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := d.seam(AtStatement); err != nil {
		return nil, err
	}
	return d.DBTX.ExecContext(ctx, query, args...)
}

func (d *seamed) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := d.seam(AtStatement); err != nil {
		return nil, err
	}
	return d.DBTX.QueryContext(ctx, query, args...)
}

func (d *seamed) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return d.DBTX.QueryRowContext(unless(ctx, d.seam(AtStatement)), query, args...)
}

// unless gives a context that is over when there is an error: a *sql.Row can't be made with one of its own.
func unless(ctx context.Context, err error) context.Context {
	if err == nil {
		return ctx
	}
	ctx, cancel := context.WithCancelCause(ctx)
	cancel(err)
	return ctx
}
