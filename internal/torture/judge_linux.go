package torture

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/store"
)

// deliveryLimit is how long the last postbacks may take: on PostgreSQL an endpoint that somebody dead has leased is free after 45
// seconds.
const deliveryLimit = 90 * time.Second

// lastWords is how long the ends of withdrawals are waited for. Not for all of them: one that was under way to its provider as a
// fault came is asked about again two minutes later.
const lastWords = 10 * time.Second

// settle lets everything come to its end without faults: what was begun, what was acknowledged once more, all postbacks.
func (w *world) settle(ctx context.Context) error {
	w.load.finish()
	w.repeatAll(ctx)
	busy := w.idle()
	orders := w.load.credited()
	delivered := w.until(ctx, deliveryLimit, func() bool { return w.receiver.missing(orders...) == 0 })
	w.until(ctx, lastWords, w.payouts.told)
	busy()
	if !delivered && ctx.Err() == nil {
		w.wrong("%d of %d credited orders have no postback %v after the last fault", w.receiver.missing(orders...), len(orders), deliveryLimit)
	}
	for _, v := range w.victims {
		if err := v.stop(); err != nil {
			w.wrong("%v", err)
		}
	}
	w.bury()
	return w.judge(ctx)
}

// repeatAll asks about everything that was told ok.
func (w *world) repeatAll(ctx context.Context) {
	l := w.load
	orders := make(chan *order)
	var group sync.WaitGroup
	for range workers {
		group.Go(func() {
			for o := range orders {
				l.repeat(ctx, o)
			}
		})
	}
	l.mu.Lock()
	done := l.done
	l.mu.Unlock()
	for _, o := range done {
		orders <- o
	}
	close(orders)
	group.Wait()
}

// judge holds the database against itself and the book against it, while nobody writes.
func (w *world) judge(ctx context.Context) error {
	db, end, err := w.open(ctx)
	if err != nil {
		return err
	}
	defer end()
	judge := oracle.New(db, w.engine)
	defer judge.Close()
	told, seen := w.book.copy()
	seen.Payouts = w.payouts.seen()
	itself, err := judge.Check(ctx)
	if err != nil {
		return err
	}
	books, err := judge.Compare(ctx, told, seen)
	if err != nil {
		return err
	}
	for _, v := range append(itself, books...) {
		w.wrong("%s: %s", v.Invariant, v.What)
	}
	return errors.Join(w.identities(ctx, db), w.payouts.judge(ctx, db))
}

// identities counts the credits of each order: what was told ok is one credit.
func (w *world) identities(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "SELECT c.order_id, count(*) FROM deposit d JOIN claim c ON c.id = d.claim_id GROUP BY c.order_id")
	if err != nil {
		return err
	}
	defer rows.Close()
	credits := map[string]int{}
	for rows.Next() {
		var order string
		var n int
		if err := rows.Scan(&order, &n); err != nil {
			return err
		}
		credits[order] = n
	}
	for _, id := range w.load.credited() {
		if credits[id] != 1 {
			w.wrong("order %s was told ok, and has %d credits", id, credits[id])
		}
	}
	return rows.Err()
}

// audit runs Galla's own.
func (w *world) audit(ctx context.Context) {
	if _, err := w.galla.run(ctx, "audit"); err != nil && ctx.Err() == nil {
		w.wrong("%v", err)
	}
}

// open reads the database from outside. Of SQLite it reads a copy: nobody writes, this process may not read what it serves, and
// to open the original would tidy up what the next start has to.
func (w *world) open(ctx context.Context) (*sql.DB, func(), error) {
	database, folder := "", ""
	if w.engine == Postgres {
		database = w.server.dsn("galla")
	} else {
		var err error
		if folder, err = os.MkdirTemp(w.folder, "copy-"); err != nil {
			return nil, nil, err
		}
		for _, ending := range []string{"", "-wal"} {
			if err := copyFile(filepath.Join(w.ground.behind, "galla.db"+ending), filepath.Join(folder, "galla.db"+ending)); err != nil {
				return nil, nil, err
			}
		}
		database = "sqlite:" + filepath.Join(folder, "galla.db")
	}
	s, err := store.Open(ctx, database, store.Existing, store.Options{})
	if err != nil {
		return nil, nil, fmt.Errorf("the database can't be opened: %w", err)
	}
	return s.ReadPool(), func() { _, _ = s.Close(), os.RemoveAll(folder) }, nil
}

// copyFile copies a file that may be missing.
func copyFile(from, to string) error {
	source, err := os.Open(from)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return errors.Join(err, target.Close())
}
