package testkit

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/galla-gateway/galla/internal/testkit/cluster"
)

// SharedPostgres names the variable with the DSN of a running server, the right to create databases on it included.
// `make test` starts one server for all packages and sets it; without it each test process starts a server of its own.
const SharedPostgres = "GALLA_TEST_POSTGRES"

// dropLimit bounds the clean-up after a test.
const dropLimit = 30 * time.Second

// EachEngine runs the test once on each engine, in parallel subtests named sqlite and postgres. Each gets a GALLA_DATABASE
// value of an empty database that is its own: "sqlite:PATH" or "postgres://…".
func EachEngine(t *testing.T, test func(t *testing.T, database string)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		test(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		test(t, Postgres(t))
	})
}

// SQLite returns "sqlite:PATH" of a file that doesn't exist yet, in a folder that is deleted after the test.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "galla.db")
}

// databases numbers the databases of this process.
var databases atomic.Int64

// Postgres returns the DSN of a new, empty PostgreSQL database that is dropped after the test, whatever is still
// connected. It is a database and not a schema because advisory locks, which migrations take, belong to a database:
// tests in schemas of one database would wait for each other.
func Postgres(t testing.TB) string {
	t.Helper()
	server, err := sharedServer()
	if errors.Is(err, cluster.ErrNoBinaries) {
		missing(t, RequirePostgres, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	name := fmt.Sprintf("galla_test_%d_%d", os.Getpid(), databases.Add(1))
	if err := execute(t.Context(), server, "CREATE DATABASE "+name+" TEMPLATE template0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), dropLimit) // t.Context has ended here
		defer cancel()
		if err := execute(ctx, server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	address, err := url.Parse(server)
	if err != nil {
		t.Fatalf("testkit: %s: %v", SharedPostgres, err)
	}
	address.Path = "/" + name
	return address.String()
}

// DurablePostgres starts a server of the test's own with fsync on, as in production, for tests that crash it. Its
// database postgres is empty. The server is stopped after the test.
func DurablePostgres(t testing.TB) *cluster.Cluster {
	t.Helper()
	server, err := cluster.Start(t.Context(), cluster.Options{Durable: true})
	if errors.Is(err, cluster.ErrNoBinaries) {
		missing(t, RequirePostgres, err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// shared keeps the server of this process reachable: were it collected, its watchdog's pipe would close and end it.
var shared *cluster.Cluster

// sharedServer returns the DSN of the server that the tests of this process share, started at the first call. Nobody
// stops it: it ends with this process, see package cluster.
var sharedServer = sync.OnceValues(func() (string, error) {
	if server := os.Getenv(SharedPostgres); server != "" {
		return server, nil
	}
	// Not a test's context: the server outlives the test that happens to come first.
	server, err := cluster.Start(context.Background(), cluster.Options{})
	if err != nil {
		return "", err
	}
	shared = server
	return server.DSN("postgres"), nil
})

// execute runs one statement on a connection of its own.
func execute(ctx context.Context, dsn, statement string) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return fmt.Errorf("testkit: %w", err)
	}
	_, err = conn.Exec(ctx, statement)
	if err := errors.Join(err, conn.Close(ctx)); err != nil {
		return fmt.Errorf("testkit: %s: %w", statement, err)
	}
	return nil
}
