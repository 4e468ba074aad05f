// Package torture runs a short `galla torture` as a user would, so that every fault is known to hit, and nothing is lost by it.
package torture

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/proof"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

func TestMain(m *testing.M) {
	code := m.Run()
	process.Remove()
	os.Exit(code)
}

// counts keep `make test` short.
const counts = "kill=3,write=2,power=3,disk=1,io=2,server=3,backend=3,freeze=1,cut=2"

// limit is for a machine that does much else.
const limit = 8 * time.Minute

// hits are what must have taken place at least once, for each fault.
var hits = map[string][]string{
	"torture kill":    {"requests under way"},
	"torture write":   {"requests under way"},
	"torture power":   {"losses of something unsynced", "unsynced bytes lost"},
	"torture disk":    {"full while something was written"},
	"torture io":      {"EIO on a sync", "EIO on a write"},
	"torture server":  {"all processes killed", "postmaster killed", "immediate stop"},
	"torture backend": {"backends terminated", "backends killed"},
	"torture freeze":  {"backends stopped", "answers while one stood still"},
	"torture cut":     {"packets lost going out", "packets lost going in"},
}

// controls are the runs that must find losses, campaigns how many runs there are with them.
const controls, campaigns = 2, 16

func TestEveryFaultOnBothEngines(t *testing.T) {
	testkit.Mounts(t)
	testkit.Postgres(t) // its programs
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, process.Build(t), "torture", "--require", "--json", "--count", counts)
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = time.Minute
	command.Stderr = os.Stderr
	output, runErr := command.Output()
	var report struct {
		Results    []proof.Result
		Violations []string
	}
	if err := json.Unmarshal(output, &report); err != nil {
		t.Fatalf("%v, %v in %q", runErr, err, output)
	}
	if runErr != nil {
		t.Errorf("galla torture: %v", runErr)
	}
	expected := 0
	for _, r := range report.Results {
		t.Logf("%s on %s: %d %s in %d ms, %d violations, %v", r.Campaign, r.Engine, r.Count, r.Unit, r.Milliseconds, r.Violations, r.Hits)
		if !r.Passed() {
			t.Errorf("%s on %s didn't pass: %v", r.Campaign, r.Engine, report.Violations)
		}
		if r.Expected {
			expected++
		}
		for _, hit := range hits[r.Campaign] {
			if r.Hits[hit] == 0 {
				t.Errorf("%s on %s: %q never took place", r.Campaign, r.Engine, hit)
			}
		}
	}
	if len(report.Results) != campaigns || expected != controls {
		t.Errorf("there are %d results, %d of controls; want %d and %d", len(report.Results), expected, campaigns, controls)
	}
}
