package store_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// A server moves the write-ahead log into the database file by itself and the log starts anew: it never grows beyond what
// one checkpoint moves.
func TestServerMovesTheLog(t *testing.T) {
	database := testkit.SQLite(t)
	s, err := store.Open(t.Context(), database, store.Create, store.Options{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := store.ExecForTest(s, "CREATE TABLE filling (bytes BLOB)"); err != nil {
		t.Fatal(err)
	}
	const rounds, blob = 5, 20 << 20
	for range rounds {
		// More than 4,096 pages of 4 KiB, and a commit of the store's own that tells of them.
		if err := store.ExecForTest(s, "INSERT INTO filling VALUES (zeroblob(20971520))"); err != nil {
			t.Fatal(err)
		}
		if err := s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
			_, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "claim", Size: 1})
			return err
		}); err != nil {
			t.Fatal(err)
		}
		waitForLog(t, s)
	}
	info, err := os.Stat(strings.TrimPrefix(database, "sqlite:") + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if info.Size() > 2*blob {
		t.Errorf("the log has %d bytes after %d rounds of %d: it never started anew", info.Size(), rounds, blob)
	}
}

// What the disk loses while the log is moved would never be moved again: nothing is written any more, and the log stays for the
// next start.
func TestFailedSyncIsFatal(t *testing.T) {
	database := testkit.SQLite(t)
	s, err := store.Open(t.Context(), database, store.Create, store.Options{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	write := func() error {
		return s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
			_, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "claim", Size: 1})
			return err
		})
	}
	if err := errors.Join(store.BreakSyncForTest(s), store.ExecForTest(s, "CREATE TABLE filling (bytes BLOB)"),
		store.ExecForTest(s, "INSERT INTO filling VALUES (zeroblob(20971520))"), write()); err != nil {
		t.Fatal(err)
	}
	deadline := time.After(20 * time.Second)
	for err = write(); err == nil; err = write() {
		select {
		case <-deadline:
			t.Fatal("transactions go on after a sync that failed")
		case <-time.After(5 * time.Millisecond):
		}
	}
	if !errors.Is(err, store.ErrFatal) {
		t.Errorf("a transaction ends with %v", err)
	}
	if err := s.Close(); !errors.Is(err, store.ErrFatal) {
		t.Errorf("the store is closed with %v", err)
	}
	log := strings.TrimPrefix(database, "sqlite:") + "-wal"
	if info, err := os.Stat(log); err != nil || info.Size() < 20<<20 {
		t.Errorf("the log is gone: %v, %v", info, err)
	}
	if err := store.CloseAnywayForTest(s); err != nil {
		t.Error(err)
	}
}

func waitForLog(t *testing.T, s *store.Store) {
	t.Helper()
	// The commit that tells may itself come after the move, into the new log.
	const few = 100
	deadline := time.After(20 * time.Second)
	for {
		var busy, frames, moved int
		if err := s.ReadPool().QueryRow("PRAGMA wal_checkpoint(NOOP)").Scan(&busy, &frames, &moved); err != nil {
			t.Fatal(err)
		}
		if frames-moved < few {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%d of %d pages are still in the log", frames-moved, frames)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
