package testkit

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestClockMovesOnlyWhenTold(t *testing.T) {
	clock := NewClock()
	start := clock.Now()
	if again := clock.Now(); again != start || start.Location() != time.UTC {
		t.Errorf("clock went from %v to %v by itself, or is not in UTC", start, again)
	}
	if got, want := clock.Advance(90*time.Second), start.Add(90*time.Second); got != want || clock.Now() != want {
		t.Errorf("after Advance the clock says %v and %v, want %v", got, clock.Now(), want)
	}
	moment := time.Date(2027, time.January, 1, 5, 30, 0, 0, time.FixedZone("IST", 19800))
	clock.Set(moment)
	if got := clock.Now(); !got.Equal(moment) || got.Location() != time.UTC {
		t.Errorf("after Set the clock says %v, want %v in UTC", got, moment)
	}
}

func TestEachEngineGivesBothEngines(t *testing.T) {
	seen := make(chan string, 2)
	t.Run("engines", func(t *testing.T) {
		EachEngine(t, func(t *testing.T, database string) {
			scheme, _, _ := strings.Cut(database, ":")
			seen <- t.Name() + " " + scheme
		})
	})
	close(seen)
	var got []string
	for engine := range seen {
		got = append(got, strings.TrimPrefix(engine, t.Name()+"/engines/"))
	}
	if len(got) != 2 || got[0] == got[1] {
		t.Fatalf("engines are %q, want two different ones", got)
	}
	for _, engine := range got {
		if engine != "sqlite sqlite" && engine != "postgres postgres" {
			t.Errorf("engine %q: its name and its database differ", engine)
		}
	}
}

func TestPostgresDatabasesAreIsolatedAndDropped(t *testing.T) {
	var first string
	t.Run("isolated", func(t *testing.T) {
		first = Postgres(t)
		one, other := connect(t, first), connect(t, Postgres(t))
		for i, conn := range []*pgx.Conn{one, other} {
			if _, err := conn.Exec(t.Context(), "CREATE TABLE mine (id bigint)"); err != nil {
				t.Fatalf("database %d: %v", i, err)
			}
			var locked bool
			if err := conn.QueryRow(t.Context(), "SELECT pg_try_advisory_lock(1)").Scan(&locked); err != nil || !locked {
				t.Errorf("database %d: advisory lock taken is %t (%v), want its own", i, locked, err)
			}
		}
		if _, err := one.Exec(t.Context(), "INSERT INTO mine VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := other.QueryRow(t.Context(), "SELECT count(*) FROM mine").Scan(&rows); err != nil || rows != 0 {
			t.Errorf("the other database sees %d rows (%v), want 0", rows, err)
		}
		// Both connections stay open: the clean-up must not depend on the test's tidiness.
	})
	if conn, err := pgx.Connect(t.Context(), first); err == nil {
		t.Error("the database is there after its test")
		_ = conn.Close(t.Context())
	}
}

func TestSettingsOfTheSharedServer(t *testing.T) {
	conn := connect(t, Postgres(t))
	for setting, want := range map[string]string{"synchronous_commit": "on", "server_encoding": "UTF8"} {
		var got string
		if err := conn.QueryRow(t.Context(), "SHOW "+setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %q", setting, got, err, want)
		}
	}
	var connections int
	if err := conn.QueryRow(t.Context(), "SELECT current_setting('max_connections')::int").Scan(&connections); err != nil || connections < 300 {
		t.Errorf("max_connections is %d (%v), want at least 300", connections, err)
	}
}

// verdict records how Program ends a test. A real test stops there, so only the first ending counts.
type verdict struct {
	testing.TB
	ended string
}

func (v *verdict) Helper()               {}
func (v *verdict) Skipf(string, ...any)  { v.end("skipped") }
func (v *verdict) Fatalf(string, ...any) { v.end("failed") }

func (v *verdict) end(how string) {
	if v.ended == "" {
		v.ended = how
	}
}

func TestMissingProgramSkipsUnlessRequired(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for name, variable := range requirements {
		for value, want := range map[string]string{"": "skipped", "1": "failed"} {
			t.Setenv(variable, value)
			test := &verdict{TB: t}
			Program(test, name)
			if test.ended != want {
				t.Errorf("%s with %s=%q: test is %s, want %s", name, variable, value, test.ended, want)
			}
		}
	}
}

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) }) // may have been ended by the drop
	return conn
}
