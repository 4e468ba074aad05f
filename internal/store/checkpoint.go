package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

const (
	// checkpointFrames is how many pages the write-ahead log holds before a pause of the writer is used to move them into
	// the database file; at busyFrames they are moved without one.
	checkpointFrames = 4096
	busyFrames       = 16384
	// finishFrames is how many may be left for the writer to move itself: a few milliseconds of its time.
	finishFrames = 512
	// checkpointPasses bounds one checkpoint beside a writer that is as fast as the copying.
	checkpointPasses = 6
	// ownCheckpoint is the length of the log, in pages, at which a commit itself moves it in a process without a
	// checkpointer, lastCheckpoint in one with it: only when that one couldn't keep up.
	ownCheckpoint  = "16000"
	lastCheckpoint = "100000"
)

// checkpointer moves SQLite's write-ahead log into the database file beside the writer. Left to the commits, one of them
// and all that wait for it take tens of milliseconds longer each time: the slowest hundredth of the answers.
//
// SQLite starts the log anew only once all of it was moved, and a passive checkpoint beside a busy writer never gets that
// far. So passes follow each other while each leaves less, and the writer moves the small rest between two transactions. Whoever
// reaches the end also syncs the file, and in a large database nearly every page moved is one of its own: so the file is synced
// after each pass, and the writer waits for what its small rest changed.
type checkpointer struct {
	store *Store
	db    *sql.DB  // one connection of its own
	file  *os.File // the database, to sync it
	wake  chan struct{}
	stop  context.CancelFunc
	done  sync.WaitGroup
	fault atomic.Pointer[error] // the disk has lost some of what was moved
}

func (s *Store) startCheckpointer(path, synchronous string) error {
	db, err := openSQLiteDB(path, synchronous, lastCheckpoint, false)
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	file, err := os.Open(path)
	if err != nil {
		return errors.Join(fmt.Errorf("database: open file: %w", err), db.Close())
	}
	ctx, stop := context.WithCancel(context.Background())
	c := &checkpointer{store: s, db: db, file: file, wake: make(chan struct{}, 1), stop: stop}
	s.checkpoint = c
	c.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-c.wake:
				c.run(ctx)
			}
		}
	})
	return nil
}

// committed tells of a commit; it never waits.
func (c *checkpointer) committed() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// run moves the log when it is time.
func (c *checkpointer) run(ctx context.Context) {
	waiting, err := framesWaiting(ctx, c.db, "NOOP")
	if err != nil || waiting < checkpointFrames || waiting < busyFrames && c.store.writerBusy() {
		return
	}
	for range checkpointPasses {
		if waiting, err = c.pass(ctx); err != nil {
			c.note(err)
			return
		}
		if waiting <= finishFrames {
			break
		}
	}
	c.store.writerMu.Lock()
	defer c.store.writerMu.Unlock()
	_, err = framesWaiting(ctx, c.store.writer.conn, "PASSIVE")
	c.note(err)
}

// pass moves what is in the log and syncs the file. waiting is how many pages have come meanwhile.
func (c *checkpointer) pass(ctx context.Context) (waiting int, err error) {
	if _, err := framesWaiting(ctx, c.db, "PASSIVE"); err != nil {
		return 0, err
	}
	if err := c.file.Sync(); err != nil {
		return 0, fmt.Errorf("%w: sync the database: %w", ErrFatal, err)
	}
	return framesWaiting(ctx, c.db, "NOOP")
}

// note keeps an I/O error for the next transaction. Pages that the disk refused count as moved and as written: a later
// checkpoint wouldn't move them again, and would start the log anew that still has them. After a restart all of it is moved again.
// Other errors are left to the next commit.
func (c *checkpointer) note(err error) {
	if err = classify(err, false); errors.Is(err, ErrFatal) {
		c.fault.CompareAndSwap(nil, &err)
	}
}

// failed is the I/O error of a checkpoint, if there was one.
func (c *checkpointer) failed() error {
	if err := c.fault.Load(); err != nil {
		return *err
	}
	return nil
}

func (s *Store) writerBusy() bool {
	if !s.writerMu.TryLock() {
		return true
	}
	s.writerMu.Unlock()
	return false
}

func (c *checkpointer) close() error {
	c.stop()
	c.done.Wait()
	return c.db.Close()
}

// closeFile comes after all connections are closed: to close any descriptor of a file frees all locks that the process has on it.
func (c *checkpointer) closeFile() error { return c.file.Close() }

type rowQuerier interface {
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// framesWaiting runs a checkpoint and tells how many pages of the log were not moved by then. NOOP only tells.
func framesWaiting(ctx context.Context, db rowQuerier, mode string) (int, error) {
	var busy, frames, moved int
	err := db.QueryRowContext(ctx, "PRAGMA wal_checkpoint("+mode+")").Scan(&busy, &frames, &moved)
	return frames - moved, err
}
