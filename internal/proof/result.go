// Package proof keeps what campaigns found: each run of the simulator, the torture, the races, the mutants and the fuzzing adds one
// line to a result file, and docs/proof.md is made of these files alone.
package proof

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"
)

// Result is one run of one campaign on one engine.
type Result struct {
	Campaign string `json:"campaign"` // "simulate", "torture kill", "mutants", …
	Engine   string `json:"engine"`   // "sqlite", "postgres", or "" when none takes part
	Unit     string `json:"unit"`     // what Count counts: "seeds", "kills", "mutants", "executions"
	Count    int64  `json:"count"`
	// Hits is how often each fault really took place, by its name.
	Hits       map[string]int64 `json:"hits,omitempty"`
	Violations int64            `json:"violations"`
	// Measured is what a measurement gave, in thousandths, by its name, and Missed how many of its goals that doesn't meet. No money
	// depends on these.
	Measured map[string]int64 `json:"measured,omitempty"`
	Missed   int64            `json:"missed,omitempty"`
	// Expected: this run had to find violations (a control, a mutant). It failed if Violations is 0.
	Expected bool `json:"expected,omitempty"`
	// NotRun says what the machine lacked; Count is 0 then.
	NotRun string `json:"not_run,omitempty"`
	// Note is added by hand where a run failed: what it came to.
	Note string `json:"note,omitempty"`
	// Milliseconds is how long it took, Commit the short hash of the code, Date the day it began (2006-01-02), Command how to repeat it.
	Milliseconds int64  `json:"milliseconds"`
	Commit       string `json:"commit"`
	Date         string `json:"date"`
	Command      string `json:"command"`
}

// Passed tells whether the run went as it should. A goal that a measurement missed isn't that.
func (r Result) Passed() bool { return r.NotRun == "" && (r.Violations > 0) == r.Expected }

// Append adds results to a file of JSON lines, and makes it when it isn't there.
func Append(path string, results ...Result) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("results: %w", err)
	}
	encoder := json.NewEncoder(f)
	for _, r := range results {
		if err := encoder.Encode(r); err != nil {
			return errors.Join(fmt.Errorf("results: %w", err), f.Close())
		}
	}
	return f.Close()
}

// Day is the form of Result.Date.
func Day(t time.Time) string { return t.UTC().Format(time.DateOnly) }
