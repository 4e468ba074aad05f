package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/galla-gateway/galla/internal/store"
)

const (
	// loadChunk is how many deposits one statement adds to a table.
	loadChunk = 100_000
	// loadWriters fill tables side by side on PostgreSQL.
	loadWriters = 3
	// indexFactor: an index is dropped and made anew when a table gets at least so many times the rows it has.
	indexFactor = 2
)

// loader fills the tables of a history while no gateway runs on it. It trades durability for speed.
type loader struct {
	history *history
	db      *sql.DB
	dropped []string // statements that make again what was dropped
	done    func(rows int64)
}

// load adds a part. done is told of rows as they come.
func (h *history) load(ctx context.Context, p part, done func(rows int64)) (err error) {
	l := &loader{history: h, done: done}
	if l.db, err = h.openLoader(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.db.Close()) }()
	for _, step := range []func(context.Context, part) error{l.prepare, l.dropIndexes, l.fill, l.makeIndexes, l.settle} {
		if err := step(ctx, p); err != nil {
			return fmt.Errorf("history: %w", err)
		}
	}
	h.parts = append(h.parts, p)
	return nil
}

func (h *history) openLoader() (*sql.DB, error) {
	_, target, err := store.Parse(h.database)
	if err != nil {
		return nil, err
	}
	if h.engine == store.Postgres {
		address, err := url.Parse(target)
		if err != nil {
			return nil, err
		}
		query := address.Query()
		query.Set("synchronous_commit", "off")
		query.Set("maintenance_work_mem", "512MB")
		query.Set("jit", "off")
		address.RawQuery = query.Encode()
		return sql.Open("pgx", address.String())
	}
	query := url.Values{"_pragma": {"busy_timeout(10000)", "synchronous(OFF)", "cache_size(-1500000)"}}
	db, err := sql.Open("sqlite", "file:"+target+"?"+query.Encode())
	if err == nil {
		db.SetMaxOpenConns(1)
	}
	return db, err
}

func (l *loader) run(ctx context.Context, statement string, args ...any) error {
	if _, err := l.db.ExecContext(ctx, statement, args...); err != nil {
		return fmt.Errorf("%.120s: %w", statement, err)
	}
	return nil
}

// prepare switches SQLite's log off, as a load that is interrupted is worth nothing, and PostgreSQL's autovacuum: settle
// does its work once.
func (l *loader) prepare(ctx context.Context, _ part) error {
	if l.history.engine == store.SQLite {
		return l.run(ctx, "PRAGMA journal_mode=OFF")
	}
	return l.eachTable(ctx, " SET (autovacuum_enabled = false)")
}

func (l *loader) eachTable(ctx context.Context, change string) error {
	for _, t := range historyTables {
		if err := l.run(ctx, "ALTER TABLE "+t.name+change); err != nil {
			return err
		}
	}
	return nil
}

// dropIndexes drops what is made faster anew than kept: all indexes on PostgreSQL, on SQLite those that aren't part of
// their table.
func (l *loader) dropIndexes(ctx context.Context, p part) error {
	if p.count < indexFactor*p.first || p.count < loadChunk {
		return nil
	}
	for _, t := range historyTables {
		var drop, create []string
		query := `SELECT 'DROP INDEX ' || name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name = $1`
		if l.history.engine == store.Postgres {
			query = `SELECT CASE WHEN c.oid IS NULL THEN 'DROP INDEX ' || i.indexrelid::regclass ELSE 'ALTER TABLE ' || i.indrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(c.conname) END,
				CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid) ELSE 'ALTER TABLE ' || i.indrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid) END
				FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.conrelid = i.indrelid AND c.contype IN ('p', 'u') WHERE i.indrelid = CAST($1 AS regclass)`
		}
		rows, err := l.db.QueryContext(ctx, query, t.name)
		if err != nil {
			return err
		}
		for rows.Next() {
			var one, other string
			if err := rows.Scan(&one, &other); err != nil {
				return errors.Join(err, rows.Close())
			}
			drop, create = append(drop, one), append(create, other)
		}
		if err := errors.Join(rows.Err(), rows.Close()); err != nil {
			return err
		}
		for _, statement := range drop {
			if err := l.run(ctx, statement); err != nil {
				return err
			}
		}
		l.dropped = append(l.dropped, create...)
	}
	return nil
}

// work is a statement, which is made when its turn comes, with how many rows it stands for.
type work struct {
	statement func() (string, error)
	rows      int64
}

// together runs statements, on PostgreSQL several side by side.
func (l *loader) together(ctx context.Context, list []work) error {
	writers := loadWriters
	if l.history.engine == store.SQLite {
		writers = 1
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	queue, results := make(chan work, len(list)), make(chan error, writers)
	for _, w := range list {
		queue <- w
	}
	close(queue)
	for range writers {
		go func() {
			var err error
			for w := range queue {
				var statement string
				if statement, err = w.statement(); err == nil {
					err = l.run(ctx, statement)
				}
				if err != nil {
					cancel()
					break
				}
				l.done(w.rows)
			}
			results <- err
		}()
	}
	var errs []error
	for range writers {
		errs = append(errs, <-results)
	}
	return firstError(errs...)
}

func (l *loader) fill(ctx context.Context, p part) error {
	var list []work
	for from := int64(0); from < p.count; from += loadChunk {
		until := min(from+loadChunk, p.count)
		for _, t := range historyTables {
			step := int64(loadChunk)
			if t.name == "postback" {
				step = bodiesChunk
			}
			for after := from; after < until; after += step {
				last := min(after+step, until)
				list = append(list, work{func() (string, error) { return l.history.insert(t.name, p, after, last) }, t.rows * (last - after)})
			}
		}
	}
	return l.together(ctx, list)
}

func (l *loader) makeIndexes(ctx context.Context, p part) error {
	list := make([]work, len(l.dropped))
	for i, statement := range l.dropped {
		list[i] = work{statement: func() (string, error) { return statement, nil }, rows: p.count / indexWeight}
	}
	return l.together(ctx, list)
}

// indexWeight is how many rows of an index cost as much as one of a table.
const indexWeight = 2

// expected is how many rows done is told of, about.
func (h *history) expected(p part) (rows int64) {
	for _, t := range historyTables {
		rows += t.rows * p.count
	}
	if p.count >= indexFactor*p.first && p.count >= loadChunk {
		indexes := int64(24)
		if h.engine == store.SQLite {
			indexes = 5
		}
		rows += indexes * p.count / indexWeight
	}
	return rows
}

// settle books what was added, and leaves the database as one that has grown: with statistics on PostgreSQL, where
// autovacuum makes them, without on SQLite.
func (l *loader) settle(ctx context.Context, p part) error {
	share := p.count / int64(len(l.history.owners))
	for _, o := range l.history.owners {
		for account, amount := range map[int64]int64{o.receiving: -share * amountMinor, o.credited: share * amountMinor} {
			if err := l.run(ctx, "UPDATE ledger_account SET balance = balance + $1 WHERE id = $2", amount, account); err != nil {
				return err
			}
		}
		if err := l.run(ctx, "INSERT INTO event_feed (merchant_id, last_position) VALUES ($1, $2) ON CONFLICT (merchant_id) DO UPDATE SET last_position = excluded.last_position",
			o.merchant, o.position+share); err != nil {
			return err
		}
	}
	if l.history.engine == store.SQLite {
		return l.run(ctx, "PRAGMA journal_mode=WAL")
	}
	names := make([]string, len(historyTables))
	for i, t := range historyTables {
		names[i] = t.name
	}
	return errors.Join(l.eachTable(ctx, " RESET (autovacuum_enabled)"), l.run(ctx, "VACUUM (ANALYZE) "+strings.Join(names, ", ")), l.run(ctx, "CHECKPOINT"), l.warm(ctx))
}

// warm reads all of PostgreSQL's tables and indexes once, as far as the server has pg_prewarm: else a fill leaves in memory what it
// wrote last. What comes last stays in the buffers: tables first, then indexes, whose leaves are met at random, then what a lookup
// reads, as on a server that has been asked for numbers of any time for days. In each group the largest comes first. SQLite's file is
// read when it is weighed.
func (l *loader) warm(ctx context.Context) error {
	var available bool
	err := l.db.QueryRowContext(ctx, "SELECT count(*) > 0 FROM pg_available_extensions WHERE name = 'pg_prewarm'").Scan(&available)
	if err != nil || !available {
		return err
	}
	return errors.Join(l.run(ctx, "CREATE EXTENSION IF NOT EXISTS pg_prewarm"), l.run(ctx, `SELECT pg_prewarm(c.oid::regclass)
		FROM (SELECT oid FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace
			ORDER BY relname IN ('reference', 'transfer'), relkind = 'i', pg_relation_size(oid) DESC) c`))
}
