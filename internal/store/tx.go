package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// txTimeout bounds one write transaction, waiting for locks included.
const txTimeout = 30 * time.Second

// Write runs f in one transaction and commits when f returns nil. f must not keep the queries, do network calls or
// wait for anything but the database. The error's class (ErrRetry, ErrAmbiguous, ErrFatal, ErrUnavailable, ErrUnique, ErrStale)
// says what to do next; only ErrAmbiguous leaves open whether f's work is stored.
//
// The caller's cancellation doesn't reach the transaction: a payer who closes the tab must not undo a batch.
func (s *Store) Write(ctx context.Context, f func(ctx context.Context, q *Queries) error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), txTimeout)
	defer cancel()
	if s.engine == SQLite {
		return s.writeSQLite(ctx, guarded(f))
	}
	return s.writePostgres(ctx, guarded(f))
}

// guarded turns a bug into an error. It must not leave a transaction open: on SQLite nothing would be written any more.
func guarded(f func(context.Context, *Queries) error) func(context.Context, *Queries) error {
	return func(ctx context.Context, q *Queries) (err error) {
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("transaction panicked: %v\n%s", p, debug.Stack())
			}
		}()
		return f(ctx, q)
	}
}

func (s *Store) writeSQLite(ctx context.Context, f func(context.Context, *Queries) error) error {
	stored := false
	defer func() { // once the writer is free: the checkpointer looks for a pause
		if stored && s.checkpoint != nil {
			s.checkpoint.committed()
		}
	}()
	s.writerMu.Lock()
	defer s.writerMu.Unlock()
	defer s.writer.release()
	if s.checkpoint != nil {
		if err := s.checkpoint.failed(); err != nil {
			return err
		}
	}
	if err := s.at(AtBegin); err != nil {
		return err
	}
	if err := s.turn.enter(); err != nil {
		return fmt.Errorf("%w: turnstile: %w", ErrUnavailable, err)
	}
	// The driver tells a BEGIN or COMMIT during which the time ended as failed, also when it took hold. Neither waits
	// longer than the busy timeout.
	unlimited := context.WithoutCancel(ctx)
	_, err := s.writer.ExecContext(unlimited, "BEGIN IMMEDIATE")
	if leaveErr := s.turn.leave(); leaveErr != nil && err == nil {
		return s.rollback(ctx, leaveErr)
	}
	if err != nil {
		return classify(err, false)
	}
	if err := f(ctx, s.inTransaction(s.writer)); err != nil {
		return s.rollback(ctx, err)
	}
	if err := s.at(AtCommit); err != nil {
		return s.rollback(ctx, err)
	}
	if _, err := s.writer.ExecContext(unlimited, "COMMIT"); err != nil {
		// A COMMIT that failed leaves the transaction open; nothing of it is stored once it is rolled back.
		return s.rollback(ctx, err)
	}
	stored = true
	return s.at(AfterCommit)
}

// rollback ends the open SQLite transaction. SQLite may have rolled back by itself: "no transaction is active".
func (s *Store) rollback(ctx context.Context, cause error) error {
	_, err := s.writer.ExecContext(context.WithoutCancel(ctx), "ROLLBACK")
	var lite *sqlite.Error
	if err != nil && (!errors.As(err, &lite) || lite.Code() != sqlite3.SQLITE_ERROR) {
		return fmt.Errorf("%w: rollback: %w", ErrFatal, err)
	}
	return classify(cause, false)
}

func (s *Store) writePostgres(ctx context.Context, f func(context.Context, *Queries) error) error {
	if err := s.at(AtBegin); err != nil {
		return err
	}
	tx, err := s.write.BeginTx(ctx, nil)
	if err != nil {
		return classify(err, false)
	}
	if err = f(ctx, s.inTransaction(tx)); err == nil {
		err = s.at(AtCommit)
	}
	if err != nil {
		_ = tx.Rollback() // the connection is discarded when this fails, and the server rolls back
		return classify(err, false)
	}
	if err := tx.Commit(); err != nil {
		return classify(err, true)
	}
	return s.at(AfterCommit)
}

// session is SQLite's writing connection with its prepared statements. Guarded by Store.writerMu.
type session struct {
	conn  *sql.Conn
	stmts map[string]*prepared
	batch int64 // handle of the batch that the last statement reads, 0 for none
}

type prepared struct {
	*sql.Stmt
	columns []string // of its batch
}

func newSession(ctx context.Context, conn *sql.Conn) (*session, error) {
	_, err := conn.ExecContext(ctx, batchTable)
	return &session{conn: conn, stmts: map[string]*prepared{}}, err
}

func (s *session) close() error {
	for _, stmt := range s.stmts {
		stmt.Close()
	}
	return s.conn.Close()
}

func (s *session) prepare(ctx context.Context, query string) (*prepared, error) {
	if stmt, ok := s.stmts[query]; ok {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, sqliteText(query, fromTable))
	if err != nil {
		return nil, err
	}
	p := &prepared{stmt, batchColumnsOf(query)}
	s.stmts[query] = p
	return p, nil
}

// bind puts the handle of a batch in its place. The batch stays open until the next statement or the end of the
// transaction: a query's rows are read after it returns.
func (s *session) bind(p *prepared, args []any) error {
	s.release()
	for i, arg := range args {
		if batch, ok := arg.(Batch); ok {
			handle, err := openBatch(batch, p.columns)
			if err != nil {
				return err
			}
			args[i], s.batch = handle, handle
		}
	}
	return nil
}

func (s *session) release() {
	if s.batch != 0 {
		closeBatch(s.batch)
		s.batch = 0
	}
}

func (s *session) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	stmt, err := s.prepare(ctx, query)
	if err == nil {
		err = s.bind(stmt, args)
	}
	if err != nil {
		return nil, err
	}
	return stmt.ExecContext(ctx, args...)
}

func (s *session) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return s.conn.PrepareContext(ctx, sqliteText(query, fromJSON))
}

func (s *session) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	stmt, err := s.prepare(ctx, query)
	if err == nil {
		err = s.bind(stmt, args)
	}
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (s *session) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	stmt, err := s.prepare(ctx, query)
	if err != nil {
		return s.conn.QueryRowContext(ctx, sqliteText(query, fromJSON), args...)
	}
	return stmt.QueryRowContext(ctx, args...)
}

// statements keeps the prepared statements of SQLite's read pool; database/sql prepares them per connection.
type statements struct {
	db *sql.DB
	mu sync.RWMutex
	m  map[string]*sql.Stmt
}

func newStatements(db *sql.DB) *statements { return &statements{db: db, m: map[string]*sql.Stmt{}} }

func (s *statements) get(ctx context.Context, query string) (*sql.Stmt, error) {
	s.mu.RLock()
	stmt, ok := s.m[query]
	s.mu.RUnlock()
	if ok {
		return stmt, nil
	}
	// Not under the lock: it may wait for a connection.
	stmt, err := s.db.PrepareContext(ctx, sqliteText(query, fromJSON))
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if other, raced := s.m[query]; raced {
		stmt.Close()
		return other, nil
	}
	s.m[query] = stmt
	return stmt, nil
}

// reader runs queries outside transactions.
type reader struct{ store *Store }

func (r *reader) ExecContext(context.Context, string, ...any) (sql.Result, error) {
	return nil, errors.New("store: a write outside a transaction")
}

func (r *reader) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.store.read.PrepareContext(ctx, r.store.Rewrite(query))
}

func (r *reader) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := r.store.at(AtRead); err != nil {
		return nil, err
	}
	if r.store.engine == Postgres {
		return r.store.read.QueryContext(ctx, query, args...)
	}
	stmt, err := r.store.readStmt.get(ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(ctx, args...)
}

func (r *reader) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	ctx = unless(ctx, r.store.at(AtRead))
	if r.store.engine == SQLite {
		if stmt, err := r.store.readStmt.get(ctx, query); err == nil {
			return stmt.QueryRowContext(ctx, args...)
		}
	}
	return r.store.read.QueryRowContext(ctx, r.store.Rewrite(query), args...)
}
