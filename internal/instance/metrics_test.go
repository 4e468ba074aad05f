package instance

import (
	"context"
	"database/sql"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	_ "modernc.org/sqlite"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// open makes a gateway over a new database.
func open(t *testing.T, database string, now func() time.Time) *gateway.Gateway {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := keyring.Generate(path); err != nil {
		t.Fatal(err)
	}
	keys, err := keyring.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), database, store.Create, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	g, err := gateway.Open(t.Context(), s, keys, gateway.Options{Now: now, LeaseNow: now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Close()
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return g
}

// mutate changes the database behind the gateway's back.
func mutate(t *testing.T, database, statement string) {
	t.Helper()
	driver, source := "pgx", database
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(10000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(statement, err)
	}
}

// scrape gives what a collector shows, line by line, whenever it is called.
func scrape(c prometheus.Collector) func() string {
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	return func() string {
		answer := httptest.NewRecorder()
		promhttp.HandlerFor(registry, promhttp.HandlerOpts{}).ServeHTTP(answer, httptest.NewRequest("GET", "/metrics", nil))
		return strings.Join(regexp.MustCompile(`(?m)^galla.*$`).FindAllString(answer.Body.String(), -1), "\n")
	}
}

func TestEndpointMetrics(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		clock := testkit.NewClock()
		g := open(t, database, clock.Now)
		served := scrape(&endpointMetrics{g, clock.Now})
		want := func(lines ...string) {
			t.Helper()
			if got := served(); got != strings.Join(lines, "\n") {
				t.Errorf("served\n%s\nwant\n%s", got, strings.Join(lines, "\n"))
			}
		}
		states := func(closed, open, paused int) []string {
			return []string{
				fmt.Sprintf(`galla_postback_endpoints{state="closed"} %d`, closed), fmt.Sprintf(`galla_postback_endpoints{state="open"} %d`, open),
				fmt.Sprintf(`galla_postback_endpoints{state="paused"} %d`, paused),
			}
		}
		want(append(states(0, 0, 0), "galla_postback_lag_seconds 0")...)
		for _, slug := range []string{"one", "two", "three"} {
			if _, err := g.AddMerchants(t.Context(), gateway.NewMerchant{Slug: slug, PostbackURL: "http://127.0.0.1:1/"}); err != nil {
				t.Fatal(err)
			}
		}
		want(append(states(3, 0, 0), "galla_postback_lag_seconds 0")...)
		now := clock.Now().UnixMicro()
		for id := 1; id <= 3; id++ {
			mutate(t, database, fmt.Sprintf("INSERT INTO postback (id, merchant_id, kind, subject_id, webhook_id, body, state, next_at, schedule_at, created_at) "+
				"VALUES (%d, %d, 'deposit', %d, 'msg_%d', '{}', 'pending', %d, 1, 1)", id, id, id, id, now-int64(id)*1_000_000))
		}
		mutate(t, database, fmt.Sprintf("INSERT INTO endpoint (merchant_id, kind, state, reason, failures, changed_at, probe_at) VALUES (2, 'deposit', 'open', 'HTTP 500', 3, %d, 1)", now))
		if err := g.PauseEndpoints(context.Background(), "three", []gateway.PostbackKind{gateway.PostbackDeposit}, "moves"); err != nil {
			t.Fatal(err)
		}
		clock.Advance(90 * time.Second)
		want(append([]string{
			`galla_postback_endpoint_stopped_seconds{kind="deposit",merchant="three",state="paused"} 90`,
			`galla_postback_endpoint_stopped_seconds{kind="deposit",merchant="two",state="open"} 90`,
		}, append(states(1, 1, 1), "galla_postback_lag_seconds 91")...)...)
		mutate(t, database, "ALTER TABLE endpoint RENAME TO gone")
		want("")
	})
}
