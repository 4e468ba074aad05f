package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// What Open refuses.
var (
	ErrMissing     = errors.New("no database")
	ErrLocked      = errors.New("database is in use by another galla")
	ErrNewerSchema = errors.New("database was migrated by a newer galla")
	ErrOlderSchema = errors.New("database needs galla migrate")
)

// Classes of failed transactions. errors.Is tells them apart.
var (
	// ErrRetry: rolled back, and the same transaction may pass when repeated (serialization, deadlock, busy, stale).
	ErrRetry = errors.New("transaction must be repeated")
	// ErrAmbiguous: COMMIT gave no clear answer. Repeat the same batch with the same ids on a fresh connection.
	ErrAmbiguous = errors.New("outcome of commit is unknown")
	// ErrFatal: SQLite met an I/O error. What the page cache holds can't be trusted: the process must end.
	ErrFatal = errors.New("database i/o error")
	// ErrUnavailable: the server can't be reached or is shutting down; nothing was written.
	ErrUnavailable = errors.New("database is unavailable")
	// ErrUnique: a unique key refused a row.
	ErrUnique = errors.New("unique key")
	// ErrStale: a conditional update found its row changed since it was loaded.
	ErrStale = errors.New("what was loaded has changed")
)

// classify wraps err with its class; errors without one are faults of the statement or its rows.
func classify(err error, committing bool) error {
	if err == nil {
		return nil
	}
	var pg *pgconn.PgError
	var lite *sqlite.Error
	switch {
	case errors.As(err, &pg):
		return classifyPostgres(err, pg.Code, committing)
	case errors.As(err, &lite):
		return classifySQLite(err, lite.Code())
	case committing:
		return fmt.Errorf("%w: %w", ErrAmbiguous, err)
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), pgconn.SafeToRetry(err), pgconn.Timeout(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) || isNetwork(err) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func classifyPostgres(err error, code string, committing bool) error {
	switch {
	case code == "40001", code == "40P01", code == "55P03": // serialization, deadlock, lock timeout
		return fmt.Errorf("%w: %w", ErrRetry, err)
	case code == "23505":
		return fmt.Errorf("%w: %w", ErrUnique, err)
	case code == "23502":
		return fmt.Errorf("%w: %w", ErrStale, err)
	case committing && !strings.HasPrefix(code, "23"):
		// A server that ends a connection during COMMIT may have stored the transaction before it said so.
		return fmt.Errorf("%w: %w", ErrAmbiguous, err)
	case len(code) == 5 && (code[:2] == "08" || code[:2] == "57" || code[:2] == "53"), code == "25006", code == "25P03": // read-only after a failover; idle in transaction
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return err
}

func classifySQLite(err error, code int) error {
	switch code & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return fmt.Errorf("%w: %w", ErrRetry, err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return fmt.Errorf("%w: %w", ErrFatal, err)
	case sqlite3.SQLITE_FULL:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case sqlite3.SQLITE_CONSTRAINT:
		switch code {
		case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
			return fmt.Errorf("%w: %w", ErrUnique, err)
		case sqlite3.SQLITE_CONSTRAINT_NOTNULL:
			return fmt.Errorf("%w: %w", ErrStale, err)
		}
	}
	return err
}
