package bench

import (
	"context"
	"encoding/json"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// always are the members that every report has.
var always = []string{
	"simulated", "engine", "in_process", "clients", "merchants", "rounds", "slice_ms", "activations", "errors", "per_second", "per_commit",
	"p50_ms", "p95_ms", "p99_ms", "evidence_batch", "evidence_per_second", "evidence_p50_ms", "evidence_p95_ms", "evidence_p99_ms",
	"cpu_us", "rss_bytes", "page_cache_bytes",
}

func TestActivateReportsEverything(t *testing.T) {
	raw := []string{"raw_single_per_second", "raw_batch_per_second", "raw_batch_cpu_us"}
	for _, c := range []struct {
		name    string
		opts    Options
		members []string
	}{
		{"HTTP", Options{Clients: 8, Merchants: 20, Batch: true}, append(slices.Clip(raw), "barest_api_per_second", "barest_api_cpu_us", "ratio_barest_api")},
		{"in process", Options{Clients: 8, Merchants: 3, InProcess: true}, append(slices.Clip(raw), "ratio_raw_batch")},
		{"constant rate", Options{Clients: 8, Merchants: 1, Rate: 50}, []string{"rate"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			testkit.EachEngine(t, func(t *testing.T, database string) {
				opts := c.opts
				opts.Duration, opts.Database = time.Second, database
				var steps []Step
				opts.Progress = func(s Step) { steps = append(steps, s) }
				report, err := Activate(t.Context(), opts)
				if err != nil {
					t.Fatal(err)
				}
				checkReport(t, report, append(c.members, always...))
				if last := steps[len(steps)-1]; last.Done+last.Length != last.Total {
					t.Errorf("the last step ends at %v of %v", last.Done+last.Length, last.Total)
				}
				if report.Errors != 0 || report.Activations == 0 || opts.Rate > 0 && report.Activations > opts.Rate*int64(report.Rounds) {
					t.Errorf("%d activations, %d errors", report.Activations, report.Errors)
				}
				checkNothingLeft(t, database)
			})
		})
	}
}

// checkReport wants exactly these members, and a value for each that counts or measures.
func checkReport(t *testing.T, report any, members []string) {
	t.Helper()
	text, err := json.Marshal(report)
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	for name, value := range got {
		if !slices.Contains(members, name) {
			t.Errorf("member %q is unexpected", name)
		}
		if value == 0.0 && name != "errors" && name != "page_cache_bytes" {
			t.Errorf("member %q is 0", name)
		}
	}
	for _, name := range members {
		if _, ok := got[name]; !ok {
			t.Errorf("member %q is missing in %s", name, text)
		}
	}
}

// checkNothingLeft wants the named database untouched and all others gone.
func checkNothingLeft(t *testing.T, database string) {
	t.Helper()
	if path, ok := strings.CutPrefix(database, "sqlite:"); ok {
		left, err := filepath.Glob(filepath.Join(filepath.Dir(path), "*"))
		if err != nil || len(left) > 0 {
			t.Errorf("left behind: %v %v", left, err)
		}
		return
	}
	s, err := store.Open(context.Background(), database, store.Existing, store.Options{})
	if err == nil {
		s.Close()
		t.Error("the named database has a schema now")
	}
}

func TestActivateRefuses(t *testing.T) {
	fine := Options{Duration: time.Second, Clients: 1, Merchants: 1}
	for name, change := range map[string]func(*Options){
		"duration": func(o *Options) { o.Duration = time.Millisecond },
		"clients":  func(o *Options) { o.Clients = MaxClients + 1 },
		"merchant": func(o *Options) { o.Merchants = 0 },
		"rate":     func(o *Options) { o.InProcess, o.Rate = true, 1 },
		"database": func(o *Options) { o.Database = "mysql://x" },
	} {
		opts := fine
		change(&opts)
		if _, err := Activate(t.Context(), opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestDatabaseWithDataIsRefused(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		s, err := store.Open(t.Context(), database, store.Create, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		if err := refuseData(t.Context(), database); err != nil {
			t.Errorf("a database without data: %v", err)
		}
		keyFile := filepath.Join(t.TempDir(), "key")
		if err := keyring.Generate(keyFile); err != nil {
			t.Fatal(err)
		}
		keys, err := keyring.Load(keyFile)
		if err != nil {
			t.Fatal(err)
		}
		g, err := gateway.Open(t.Context(), s, keys, gateway.Options{Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		defer g.Close()
		if _, err := g.AddMerchants(t.Context(), gateway.NewMerchant{Slug: "shop", PostbackURL: "http://127.0.0.1:9/"}); err != nil {
			t.Fatal(err)
		}
		_, err = Activate(t.Context(), Options{Duration: time.Second, Clients: 1, Merchants: 1, Database: database})
		if err == nil || !strings.Contains(err.Error(), "holds data") {
			t.Errorf("error is %v", err)
		}
	})
}

func TestEndedEarly(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	database := testkit.SQLite(t)
	_, err := Activate(ctx, Options{Duration: time.Second, Clients: 4, Merchants: 1, Database: database, Progress: func(s Step) {
		if s.Name == "barest API" {
			cancel()
		}
	}})
	if err == nil || !strings.Contains(err.Error(), context.Canceled.Error()) {
		t.Errorf("error is %v", err)
	}
	checkNothingLeft(t, database)
}
