package bench

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

func TestPostbacksReportEverything(t *testing.T) {
	members := []string{
		"simulated", "engine", "endpoints", "postbacks", "per_second", "raw_per_second", "ratio", "cpu_us", "raw_cpu_us", "rate", "p50_ms",
		"p99_ms", "idle_p50_ms", "idle_p99_ms", "rss_bytes",
	}
	fleet := []string{"healthy_p99_ms", "healthy_p99_with_fleet_ms", "fleet_ratio", "fleet_kinds"}
	testkit.EachEngine(t, func(t *testing.T, database string) {
		opts := PostbackOptions{
			Endpoints: 5, Duration: time.Second, Rate: 50, Clients: 8, Fleet: true, Database: database,
			fleetKinds: []string{"ok", "500", "410", "429-huge", "307", "resets", "tls-wrong-name", "tls-wrong-pin"},
		}
		var steps []Step
		opts.Progress = func(s Step) { steps = append(steps, s) }
		report, err := Postbacks(t.Context(), opts)
		if err != nil {
			t.Fatal(err)
		}
		checkReport(t, report, slices.Concat(members, fleet))
		if report.FleetKinds != 7 || report.Endpoints != 5 {
			t.Errorf("%d kinds, %d endpoints", report.FleetKinds, report.Endpoints)
		}
		if last := steps[len(steps)-1]; last.Done+last.Length > last.Total || last.Total-last.Done-last.Length > time.Millisecond {
			t.Errorf("the last step ends at %v of %v", last.Done+last.Length, last.Total)
		}
		checkNothingLeft(t, database)
	})
}

func TestPostbacksRefuses(t *testing.T) {
	fine := PostbackOptions{Endpoints: 1, Duration: time.Second, Rate: 1, Clients: 1}
	for name, change := range map[string]func(*PostbackOptions){
		"endpoints": func(o *PostbackOptions) { o.Endpoints = MaxEndpoints + 1 },
		"duration":  func(o *PostbackOptions) { o.Duration = time.Millisecond },
		"sustain":   func(o *PostbackOptions) { o.Sustain = -1 },
		"clients":   func(o *PostbackOptions) { o.Clients = 0 },
		"rate":      func(o *PostbackOptions) { o.Rate = 0 },
		"kind":      func(o *PostbackOptions) { o.Fleet, o.fleetKinds = true, []string{"nonsense"} },
	} {
		opts := fine
		change(&opts)
		if _, err := Postbacks(t.Context(), opts); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}
