// Package torture breaks the world under the real binary: it starts `galla serve` over a database of its own, sends it load over
// HTTP, lets processes, disks, power and networks fail at random moments, and holds what Galla acknowledged against what is left.
// The books of what was acknowledged are in this process, which no fault reaches.
//
// It needs Linux; most faults need root, and programs that apt-get has. What a machine lacks is told as not run.
package torture

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/proof"
)

// The faults.
const (
	Kill    = "kill"    // kill -9 of galla under load
	Write   = "write"   // whoever writes the database is killed at its N-th write, truncation or sync
	Power   = "power"   // everything is killed, and of what wasn't synced anything is lost
	Disk    = "disk"    // the disk of the database is full for a while
	IO      = "io"      // writes and syncs of the database end with EIO
	Server  = "server"  // the PostgreSQL server is killed, all of it or its postmaster
	Backend = "backend" // one backend of PostgreSQL is ended or killed
	Freeze  = "freeze"  // an instance is stopped for longer than its leases, backends of PostgreSQL briefly
	Cut     = "cut"     // the network to PostgreSQL, a merchant or a payout provider loses all packets of one direction
)

const (
	// VictimCommand is the hidden command by which a control is served, and SynchronousVariable what it alone reads: SQLite's
	// synchronous in place of FULL. `galla serve` knows neither.
	VictimCommand       = "torture-victim"
	SynchronousVariable = "TORTURE_SYNCHRONOUS"
)

// The engines, as in proof.Result.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
)

// kind is what is known of a fault before it is made.
type kind struct {
	name    string
	unit    string
	engines []string
	count   int // by default, on each engine
}

// kinds are all faults in the order in which they are run. Freeze waits for 45 seconds, so it begins first.
var kinds = []kind{
	{Freeze, "freezes", []string{Postgres}, 1},
	{Kill, "kills", []string{SQLite, Postgres}, 15},
	{Write, "kills at a write", []string{SQLite, Postgres}, 10},
	{Power, "power losses", []string{SQLite, Postgres}, 10},
	{Disk, "full disks", []string{SQLite, Postgres}, 2},
	{IO, "I/O errors", []string{SQLite, Postgres}, 6},
	{Server, "server crashes", []string{Postgres}, 15},
	{Backend, "backends ended", []string{Postgres}, 15},
	{Cut, "network cuts", []string{SQLite, Postgres}, 6},
}

// Faults are the names of all faults.
func Faults() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// Options say what is done. Binary, Engines, Faults and Now are needed.
type Options struct {
	Binary  string
	Engines []string
	Faults  []string
	// Counts are how often each fault is made on each engine; a fault that isn't there has its default.
	Counts map[string]int
	Seed   uint64
	// Parallel is how many campaigns run side by side; 0 is two.
	Parallel int
	// WithoutControls leaves out the runs that must find losses.
	WithoutControls bool
	Now             func() time.Time
	// Progress, when set, is told of every fault that was made, from several goroutines.
	Progress func(Progress)
	// Commit and Command are copied into each result.
	Commit, Command string
}

// Progress is how far a run is.
type Progress struct {
	Done, Total int64
	Campaign    string // of which it is news
	News        string // "" when only the counts moved
}

// Report is what a run found.
type Report struct {
	Results []proof.Result `json:"results"`
	// Violations are the first of each campaign in words, beginning with its name. Those of controls are expected.
	Violations []string `json:"violations"`
	// Kept are folders that stay for an autopsy.
	Kept []string `json:"kept,omitempty"`
}

// Check refuses options that can't be run.
func (o Options) Check() error {
	for _, e := range o.Engines {
		if e != SQLite && e != Postgres {
			return fmt.Errorf("engine %q: expected sqlite or postgres", e)
		}
	}
	for _, f := range o.Faults {
		if !slices.Contains(Faults(), f) {
			return fmt.Errorf("fault %q: expected %s", f, strings.Join(Faults(), ", "))
		}
	}
	for f, n := range o.Counts {
		if !slices.Contains(Faults(), f) || n < 1 {
			return fmt.Errorf("count of %q: expected a fault and a number above 0", f)
		}
	}
	return nil
}
