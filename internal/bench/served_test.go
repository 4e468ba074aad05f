package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// Instances run as processes of the real binary, which credit everything once.
func TestInstancesCreditOnce(t *testing.T) {
	database := testkit.Postgres(t)
	report, err := Instances(t.Context(), InstancesOptions{
		Program: buildGalla(t), Args: []string{"serve"}, Database: database, Counts: []int{1, 2}, Clients: 8, Rounds: 1, Slice: time.Second / 5, Races: 20, Log: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	o := report.Once
	if o.Wrong() != 0 || o.Answered == 0 || o.Raced != 20 || o.Credited != o.Answered+o.Raced {
		t.Errorf("once: %+v", o)
	}
	if len(report.Instances) != 2 || report.Instances[1].PerSecond <= 0 || report.Instances[0].Ratio != 1 || len(report.Goals) != 1 {
		t.Errorf("instances: %+v, goals: %+v", report.Instances, report.Goals)
	}
	checkNothingLeft(t, database)
}

// What the count counts must be seen when it is there.
func TestOnceIsCounted(t *testing.T) {
	s, err := openServed(t.Context(), testkit.Postgres(t), program{buildGalla(t), []string{"serve"}, t.Output()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.close(); err != nil {
			t.Error(err)
		}
	})
	list, err := s.start(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.slice(t.Context(), list, 4, time.Second/10); err != nil {
		t.Fatal(err)
	}
	if err := stopAll(list); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), s.database, store.Existing, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		"ALTER TABLE deposit DROP CONSTRAINT deposit_transfer_id_key",
		"INSERT INTO deposit SELECT id + 1000000, claim_id + 1000000, transfer_id, merchant_id, amount, fee, currency, created_at FROM deposit ORDER BY id LIMIT 1",
		"DELETE FROM deposit WHERE id = (SELECT max(id) FROM deposit WHERE id < 1000000)",
	} {
		if _, err := db.Raw().ExecContext(t.Context(), statement); err != nil {
			t.Fatal(statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	var once Once
	if err := s.count(t.Context(), &once); err != nil {
		t.Fatal(err)
	}
	if once.Twice != 1 || once.Missing != 1 || once.Untold != 1 || once.Moved != 1 {
		t.Errorf("once: %+v", once)
	}
}

func TestFsyncIsDelayed(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		report, err := Fsync(t.Context(), FsyncOptions{
			Program: buildGalla(t), Args: []string{"serve"}, Database: database, Delay: time.Millisecond, Clients: 4, Rounds: 1, Slice: time.Second / 5, Log: t.Output(),
		})
		if err != nil {
			t.Fatal(err)
		}
		if report.NotRun != "" {
			if report.Ratio != 0 || report.Goals != nil {
				t.Errorf("not run, but: %+v", report)
			}
			return // no strace here, or it may not trace
		}
		if report.PerSecond <= 0 || report.TracedPerSecond <= 0 || report.DelayedPerSecond <= 0 || len(report.Goals) != 1 {
			t.Errorf("report: %+v", report)
		}
	})
}

func buildGalla(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "galla")
	command := exec.Command("go", "build", "-o", path, "../../cmd/galla")
	command.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("build galla: %v\n%s", err, output)
	}
	return path
}
