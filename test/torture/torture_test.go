// Package torture runs a short `galla torture` as a user would, so that its faults are known to hit, and nothing is lost by it.
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

// What `make gate` leaves out, because it waits for long, and one kill on each engine that goes with it.
const (
	faults = "freeze,kill,disk,io,cut"
	counts = "freeze=1,kill=1,disk=1,io=2,cut=6"
)

// limit is for a machine that does much else.
const limit = 8 * time.Minute

// hits are what must have taken place at least once, for each fault.
var hits = map[string][]string{
	"torture freeze": {"answers while one stood still"},
	"torture kill":   {"requests answered"},
	"torture disk":   {"full while something was written"},
	"torture io":     {"EIO on a write", "EIO on a sync"},
	"torture cut": {
		"packets lost on the way to the merchant", "packets lost on the way from the merchant",
		"packets lost on the way to the payout provider", "packets lost on the way from the payout provider",
	},
}

// campaigns is how many runs there are: freeze needs PostgreSQL, the others are on both engines.
const campaigns = 9

func TestFaultsOnBothEngines(t *testing.T) {
	testkit.Mounts(t)
	testkit.Postgres(t) // its programs
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	command := exec.CommandContext(ctx, process.Build(t), "torture", "--require", "--json", "--faults", faults, "--count", counts)
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
	for _, r := range report.Results {
		t.Logf("%s on %s: %d %s in %d ms, %d violations, %v", r.Campaign, r.Engine, r.Count, r.Unit, r.Milliseconds, r.Violations, r.Hits)
		if !r.Passed() {
			t.Errorf("%s on %s didn't pass: %v", r.Campaign, r.Engine, report.Violations)
		}
		wanted := append([]string{"withdrawals told to the payout provider"}, hits[r.Campaign]...)
		if r.Campaign == "torture cut" && r.Engine == "postgres" {
			wanted = append(wanted, "packets lost on the way to PostgreSQL", "packets lost on the way from PostgreSQL")
		}
		for _, hit := range wanted {
			if r.Hits[hit] == 0 {
				t.Errorf("%s on %s: %q never took place", r.Campaign, r.Engine, hit)
			}
		}
	}
	if len(report.Results) != campaigns {
		t.Errorf("there are %d results, want %d", len(report.Results), campaigns)
	}
}
