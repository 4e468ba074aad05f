package oracle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"
)

// Database is what an oracle reads: a *sql.DB, or a transaction whose changes nobody else sees.
type Database interface {
	PrepareContext(ctx context.Context, query string) (*sql.Stmt, error)
}

// Oracle judges one database. Its methods may be called from many goroutines.
type Oracle struct {
	db     Database
	engine string
	mu     sync.Mutex
	kept   map[string]*sql.Stmt
}

// New makes an oracle over a database of an engine, "sqlite" or "postgres". It only reads. Over PostgreSQL ranges of ids
// are read best on connections whose planner looks rows up by index.
func New(db Database, engine string) *Oracle {
	return &Oracle{db: db, engine: engine, kept: map[string]*sql.Stmt{}}
}

// Close gives the prepared statements back.
func (o *Oracle) Close() error {
	o.mu.Lock()
	defer o.mu.Unlock()
	var errs []error
	for text, stmt := range o.kept {
		errs = append(errs, stmt.Close())
		delete(o.kept, text)
	}
	return errors.Join(errs...)
}

// everything is one statement of all checks of what Galla itself does.
var everything = sync.OnceValue(func() string {
	var texts []string
	for i := range passes {
		texts = append(texts, passes[i].statement(of(passes[i].table, false), ""))
	}
	for _, c := range of("", false) {
		texts = append(texts, c.whole())
	}
	return strings.Join(texts, "\nUNION ALL ")
})

// Check holds the whole database, as of one moment, against every check of what Galla itself does. It is for small databases:
// on a large one, Audit takes the same checks by ranges.
func (o *Oracle) Check(ctx context.Context) ([]Violation, error) {
	found, err := o.find(ctx, everything())
	if err != nil {
		return nil, fmt.Errorf("oracle: check: %w", err)
	}
	return violations(found), nil
}

func violations(found []finding) []Violation {
	var list []Violation
	for _, f := range found {
		list = append(list, Violation{f.check.Invariant, f.what})
	}
	return list
}

// find runs a statement that gives what is wrong, and what is to be looked for in bodies.
func (o *Oracle) find(ctx context.Context, text string, args ...any) (found []finding, err error) {
	err = o.read(ctx, text, func(rows *sql.Rows) error {
		var told string
		var body sql.NullString
		var packed []byte
		if err := rows.Scan(&told, &body, &packed); err != nil {
			return err
		}
		found = append(found, split(told, body.String, packed)...)
		return nil
	}, args...)
	return found, err
}

// read gives each row of a statement, which is prepared once and kept.
func (o *Oracle) read(ctx context.Context, text string, each func(*sql.Rows) error, args ...any) error {
	stmt, err := o.prepared(ctx, text)
	if err != nil {
		return err
	}
	rows, err := stmt.QueryContext(ctx, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (o *Oracle) prepared(ctx context.Context, text string) (*sql.Stmt, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if stmt, ok := o.kept[text]; ok {
		return stmt, nil
	}
	stmt, err := o.db.PrepareContext(ctx, dialect(o.engine, text))
	if err != nil {
		return nil, err
	}
	o.kept[text] = stmt
	return stmt, nil
}
