package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
)

const maxRuns = 1000

// StartOptions of Start.
type StartOptions struct {
	Program  string   // the binary
	Args     []string // that make it serve; settings come as GALLA_ variables
	Database string   // as in Options
	Runs     int
	Log      io.Writer // what a server writes that doesn't get ready
}

// StartReport says how long a server takes from its start until /readyz says yes.
type StartReport struct {
	Engine    string    `json:"engine"`
	MedianMS  float64   `json:"median_ms"`
	FastestMS float64   `json:"fastest_ms"`
	SlowestMS float64   `json:"slowest_ms"`
	AllMS     []float64 `json:"all_ms"`
}

// Start measures starts of a server over a database that an earlier start made.
func Start(ctx context.Context, opts StartOptions) (report *StartReport, err error) {
	if opts.Runs < 1 || opts.Runs > maxRuns {
		return nil, fmt.Errorf("runs: expected 1 to %d", maxRuns)
	}
	p, err := newPlace(ctx, opts.Database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.remove()) }()
	database, err := p.make(ctx, "start")
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "galla-bench-key-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	keyFile := filepath.Join(folder, "galla.key")
	if err := keyring.Generate(keyFile); err != nil {
		return nil, err
	}
	report = &StartReport{Engine: string(p.engine)}
	for run := range opts.Runs + 1 {
		took, err := startOnce(ctx, opts, database, keyFile)
		if err != nil {
			return nil, err
		}
		if run > 0 { // the first one makes the schema
			report.AllMS = append(report.AllMS, milliseconds(took))
		}
	}
	sorted := slices.Sorted(slices.Values(report.AllMS))
	report.MedianMS, report.FastestMS, report.SlowestMS = sorted[len(sorted)/2], sorted[0], sorted[len(sorted)-1]
	return report, nil
}

// startOnce starts a server, waits until it is ready, and stops it.
func startOnce(ctx context.Context, opts StartOptions, database, keyFile string) (time.Duration, error) {
	p, took, err := startProcess(ctx, opts.program(), database, keyFile)
	if err != nil {
		return 0, err
	}
	return took, p.stop()
}

func (o *StartOptions) program() program { return program{o.Program, o.Args, o.Log} }
