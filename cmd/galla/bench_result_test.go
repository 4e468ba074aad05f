package main

import (
	"reflect"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/bench"
	"github.com/galla-gateway/galla/internal/proof"
)

// A measurement becomes one line of a result file: what it counted, its ratios in thousandths, and apart from each other what
// violates the books, what misses a goal, and what could not run.
func TestBenchResults(t *testing.T) {
	began := time.Date(2026, 11, 26, 23, 59, 0, 0, time.UTC)
	a := &app{now: func() time.Time { return began.Add(90 * time.Second) }}
	goals := []bench.Goal{{What: "one", Met: true}, {What: "other"}}
	grown := &bench.GrowReport{
		Engine: "sqlite", Goals: goals,
		Sizes: []bench.GrowSize{
			{AuditFailed: 2, Bytes: 9, Measures: []bench.Compared{{Name: "balance", Ratio: 7}}},
			{AuditFailed: 1, Bytes: 1775.3, Measures: []bench.Compared{{Name: "balance", Ratio: 1.0834}}},
		},
		Plans: []bench.QueryPlan{{Name: "fine"}, {Name: "slow", Scan: "SCAN claim"}},
	}
	instances := &bench.InstancesReport{
		Engine: "postgres", Goals: goals, Instances: []bench.InstanceCount{{Count: 2, Ratio: 1.04}, {Count: 4, Ratio: 0.93}},
		Once: bench.Once{Answered: 100, Raced: 20, Credited: 119, Twice: 1, Missing: 2},
	}
	slow := &bench.FsyncReport{Engine: "postgres", Rounds: 5, PerSecond: 900.4, TracedPerSecond: 800, DelayedPerSecond: 560, Ratio: 0.7, Goals: goals}
	for _, c := range []struct {
		name      string
		got, want proof.Result
	}{
		{"grow", a.growResult(grown, bench.GrowOptions{To: 1000, InProcess: true}, began), proof.Result{
			Campaign: "grow", Engine: "sqlite", Unit: "transactions", Count: 1000, Violations: 3, Missed: 2,
			Measured: map[string]int64{"bytes per transaction": 1_775_000, "balance": 1083}, Command: "galla bench grow --to 1000 --in-process",
		}},
		{"instances", a.instancesResult(instances, began), proof.Result{
			Campaign: "instances", Engine: "postgres", Unit: "deposits", Count: 119, Violations: 3, Missed: 1,
			Hits: map[string]int64{"races": 20, "answered": 100}, Measured: map[string]int64{"2 instances": 1040, "4 instances": 930},
			Command: "galla bench instances --database postgres://…",
		}},
		{"fsync", a.fsyncResult(slow, began), proof.Result{
			Campaign: "fsync", Engine: "postgres", Unit: "turns", Count: 15, Missed: 1, Command: "galla bench fsync",
			Measured: map[string]int64{
				"delayed beside not delayed": 700, "per second without strace": 900_000, "per second under strace": 800_000, "per second delayed": 560_000,
			},
		}},
		{"fsync without strace", a.fsyncResult(&bench.FsyncReport{Engine: "sqlite", Rounds: 5, NotRun: "no strace"}, began), proof.Result{
			Campaign: "fsync", Engine: "sqlite", Unit: "turns", NotRun: "no strace", Command: "galla bench fsync",
		}},
	} {
		c.want.Milliseconds, c.want.Date, c.want.Commit = 90_000, "2026-11-26", shortCommit()
		if !reflect.DeepEqual(c.got, c.want) {
			t.Errorf("%s:\n got %+v\nwant %+v", c.name, c.got, c.want)
		}
	}
}
