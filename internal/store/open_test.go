package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// What every connection of SQLite must have: FULL syncs each commit, NORMAL would lose acknowledged ones on power loss.
func TestSQLiteSettings(t *testing.T) {
	s := open(t, testkit.SQLite(t))
	for pool, want := range map[string]map[string]string{
		"writer": {"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", "query_only": "0"},
		"reader": {"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "10000", "query_only": "1"},
	} {
		for pragma, value := range want {
			got, err := store.PragmaForTest(s, pool == "writer", pragma)
			if err != nil || got != value {
				t.Errorf("%s: %s is %q (%v), want %s", pool, pragma, got, err, value)
			}
		}
	}
}

// synchronous_commit is what FULL is on PostgreSQL; a server whose default is off would lose acknowledged commits.
func TestPostgresCommitsAreSynchronous(t *testing.T) {
	database := testkit.Postgres(t)
	s := open(t, database)
	if _, err := s.Raw().Exec("ALTER ROLE CURRENT_USER IN DATABASE " + databaseName(t, s) + " SET synchronous_commit = off"); err != nil {
		t.Fatal(err)
	}
	again := open(t, database)
	var got string
	if err := again.Raw().QueryRow("SHOW synchronous_commit").Scan(&got); err != nil || got != "on" {
		t.Errorf("synchronous_commit of a writer is %q (%v), want on whatever the server's default is", got, err)
	}
}

// An instance that froze in a transaction holds nobody up for long: who waits for its lock is told to try again, and the
// server ends it.
func TestPostgresWritersDontWaitForEver(t *testing.T) {
	s := open(t, testkit.Postgres(t))
	for setting, want := range map[string]string{"lock_timeout": "4s", "idle_in_transaction_session_timeout": "15s", "jit": "off"} {
		var got string
		if err := s.Raw().QueryRow("SHOW " + setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s of a writer is %q (%v), want %s", setting, got, err, want)
		}
	}
	frozen, err := s.Raw().Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer frozen.Rollback()
	if _, err := frozen.Exec("UPDATE installation SET revision = revision; LOCK TABLE id_counter IN EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	err = s.Write(t.Context(), func(ctx context.Context, q *store.Queries) error {
		_, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "claim", Size: 1})
		return err
	})
	if !errors.Is(err, store.ErrRetry) {
		t.Errorf("behind a frozen lock: %v", err)
	}
}

// A server that runs is in the way of a restore; one that ends meanwhile isn't, though its sessions are seen for a moment.
func TestInUse(t *testing.T) {
	database := testkit.Postgres(t)
	s := open(t, database)
	if used, err := store.InUse(t.Context(), database); !used || err != nil {
		t.Fatalf("beside an open store: in use %t, %v", used, err)
	}
	asked := make(chan error, 1)
	go func() {
		used, err := store.InUse(t.Context(), database)
		if used {
			err = errors.New("in use")
		}
		asked <- err
	}()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-asked; err != nil {
		t.Errorf("beside a store that closed meanwhile: %v", err)
	}
}

func databaseName(t *testing.T, s *store.Store) string {
	t.Helper()
	var name string
	if err := s.Raw().QueryRow("SELECT current_database()").Scan(&name); err != nil {
		t.Fatal(err)
	}
	return name
}

func TestOneServerPerSQLiteDatabase(t *testing.T) {
	database := testkit.SQLite(t)
	ctx := context.Background()
	server, err := store.Open(ctx, database, store.Create, store.Options{Exclusive: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(ctx, database, store.Create, store.Options{Exclusive: true}); !errors.Is(err, store.ErrLocked) {
		t.Errorf("a second one: %v", err)
	}
	beside, err := store.Open(ctx, database, store.Existing, store.Options{})
	if err != nil {
		t.Errorf("an admin command beside it: %v", err)
	} else if err := beside.Close(); err != nil {
		t.Error(err)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(ctx, database, store.Existing, store.Options{Exclusive: true})
	if err != nil {
		t.Fatalf("after the first has ended: %v", err)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	ctx := context.Background()
	testkit.EachEngine(t, func(t *testing.T, database string) {
		if _, err := store.Open(ctx, database, store.Existing, store.Options{}); !errors.Is(err, store.ErrMissing) {
			t.Errorf("none yet: %v", err)
		}
		if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
			if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("a command that may not create a database made %s: %v", path, err)
			}
		}
		s := open(t, database)
		if err := store.ExecForTest(s, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, "+map[store.Engine]string{
			store.SQLite: "1", store.Postgres: "true"}[s.Engine()]+")"); err != nil {
			t.Fatal(err)
		}
		for _, access := range []store.Access{store.Existing, store.Create} {
			if _, err := store.Open(ctx, database, access, store.Options{}); !errors.Is(err, store.ErrNewerSchema) {
				t.Errorf("a newer schema: %v", err)
			}
		}
	})
	for _, database := range []string{"", "galla.db", "sqlite:", "sqlite:a?b", "mysql://x", "sqlite:a%41"} {
		if _, _, err := store.Parse(database); err == nil {
			t.Errorf("%q was taken", database)
		}
	}
}

// The turnstile: beside a server that writes without a pause, another process's transactions get their turn.
func TestAdminWritesBesideABusyServer(t *testing.T) {
	const writes, patience = 20, 5 * time.Second
	database := testkit.SQLite(t)
	server, admin := open(t, database), open(t, database)
	bump := func(s *store.Store, work time.Duration) error {
		return s.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
			time.Sleep(work) // a batch has something to do: the lock is free for moments only
			_, err := q.ReserveIDs(ctx, store.ReserveIDsParams{Kind: "claim", Size: 1})
			return err
		})
	}
	stop, done := make(chan struct{}), make(chan error, 4)
	for range 4 {
		go func() {
			for {
				select {
				case <-stop:
					done <- nil
					return
				default:
				}
				if err := bump(server, 3*time.Millisecond); err != nil {
					done <- err
					return
				}
			}
		}()
	}
	start, slowest := time.Now(), time.Duration(0)
	for range writes {
		began := time.Now()
		if err := bump(admin, 0); err != nil {
			t.Error(err)
		}
		slowest = max(slowest, time.Since(began))
	}
	if took := time.Since(start); took > patience {
		t.Errorf("%d writes took %s, the slowest %s", writes, took, slowest)
	}
	close(stop)
	for range 4 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// The classes of errors decide what is repeated: each is provoked, not made up.
func TestErrorClasses(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		ctx := context.Background()
		insert := func(id int64, slug string) error {
			return s.Write(ctx, func(ctx context.Context, q *store.Queries) error {
				return q.InsertMerchant(ctx, store.InsertMerchantParams{ID: id, Slug: slug, Currency: "INR", Policy: "{}"})
			})
		}
		if err := insert(1, "shop"); err != nil {
			t.Fatal(err)
		}
		if err := insert(2, "shop"); !errors.Is(err, store.ErrUnique) {
			t.Errorf("the same slug: %v", err)
		}
		if err := insert(1, "other"); !errors.Is(err, store.ErrUnique) {
			t.Errorf("the same id: %v", err)
		}
		err := insert(3, strings.Repeat("x", 64))
		for _, class := range []error{store.ErrUnique, store.ErrRetry, store.ErrAmbiguous, store.ErrFatal, store.ErrUnavailable} {
			if err == nil || errors.Is(err, class) {
				t.Errorf("a row that a CHECK refuses is a fault and nothing else: %v", err)
			}
		}
		cause := errors.New("the caller's own")
		err = s.Write(ctx, func(ctx context.Context, q *store.Queries) error {
			return errors.Join(cause, q.InsertMerchant(ctx, store.InsertMerchantParams{ID: 9, Slug: "gone", Currency: "INR", Policy: "{}"}))
		})
		merchants, readErr := s.Read().ListMerchants(ctx)
		if !errors.Is(err, cause) || readErr != nil || len(merchants) != 1 {
			t.Errorf("rolled back: %v, %d merchants", err, len(merchants))
		}
		ended, cancel := context.WithCancel(ctx)
		cancel()
		err = s.Write(ended, func(ctx context.Context, q *store.Queries) error { return q.BumpRevision(ctx) })
		if err != nil {
			t.Errorf("a caller who is gone doesn't undo a batch: %v", err)
		}
	})
}

// Nothing reaches the database through the reading side.
func TestReadCannotWrite(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s := open(t, database)
		if err := s.Read().BumpRevision(context.Background()); err == nil {
			t.Error("a write outside a transaction was taken")
		}
		if _, err := s.ReadPool().Exec("UPDATE id_counter SET next_id = 7"); (err == nil) && s.Engine() == store.SQLite {
			t.Error("SQLite's readers must not be able to write")
		}
	})
}

func ExampleParse() {
	engine, path, err := store.Parse("sqlite:./data/galla.db")
	fmt.Println(engine, path, err)
	// Output: sqlite ./data/galla.db <nil>
}
