package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// A time limit that ends at the worst moment leaves no transaction open behind it, and what Write calls failed isn't stored.
func TestTimeLimitDuringTransaction(t *testing.T) {
	s := open(t, "sqlite:"+filepath.Join(t.TempDir(), "galla.db"))
	revision := func() int64 {
		n, err := s.Read().GetRevision(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	bump := func(ctx context.Context, q *store.Queries) error { return q.BumpRevision(ctx) }
	if err := s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
		return q.InsertInstallation(ctx, store.InsertInstallationParams{})
	}); err != nil {
		t.Fatal(err)
	}
	for i := range 1500 {
		before := revision()
		err := store.WriteWithinForTest(s, time.Duration(i%150)*2*time.Microsecond, bump)
		if stored := revision() - before; (err == nil) != (stored == 1) {
			t.Fatalf("limit %d: answered %v, stored %d", i, err, stored)
		}
		if err := s.Write(t.Context(), bump); err != nil {
			t.Fatalf("limit %d: the next transaction: %v", i, err)
		}
	}
}

// A bug in a transaction costs that transaction: it is rolled back, its connection serves the next.
func TestPanicInTransaction(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		for range store.DefaultMaxConns { // more than there are connections to write on
			err := s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
				if err := q.InsertInstallation(ctx, store.InsertInstallationParams{}); err != nil {
					return err
				}
				panic("a bug")
			})
			if err == nil || !strings.Contains(err.Error(), "a bug") {
				t.Fatal(err)
			}
		}
		if _, err := s.Read().GetInstallation(t.Context()); err == nil {
			t.Error("half a transaction is stored")
		}
		if err := s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error { return q.BumpRevision(ctx) }); err != nil {
			t.Error(err)
		}
	})
}

// The database holds payers' names and numbers: nobody but its owner reads it, whatever the umask.
func TestDatabaseFilesAreTheOwners(t *testing.T) {
	folder := t.TempDir()
	s := open(t, "sqlite:"+filepath.Join(folder, "galla.db"))
	if err := s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
		return q.InsertInstallation(ctx, store.InsertInstallationParams{})
	}); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(folder)
	if err != nil || len(files) < 3 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", file.Name(), info.Mode())
		}
	}
}

// An error that was overlooked costs the transaction, and is told: PostgreSQL answers COMMIT of a failed transaction with
// a ROLLBACK that is no error.
func TestOverlookedErrorIsTold(t *testing.T) {
	s := open(t, testkit.Postgres(t))
	overlook := func(ctx context.Context, q *store.Queries) error {
		if err := q.InsertInstallation(ctx, store.InsertInstallationParams{}); err != nil {
			return err
		}
		_, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "claim", Size: -5}) // the CHECK refuses it
		if err == nil {
			t.Error("the statement didn't fail")
		}
		return nil
	}
	for name, write := range map[string]func(context.Context, func(context.Context, *store.Queries) error) error{"Write": s.Write, "WriteBatch": s.WriteBatch} {
		if err := write(t.Context(), overlook); err == nil {
			t.Error(name, "tells that nothing was lost")
		}
	}
	if _, err := s.Read().GetInstallation(t.Context()); err == nil {
		t.Error("half a transaction is stored")
	}
}
