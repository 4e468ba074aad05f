package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
)

const (
	// readyEvery is how often a starting server is asked.
	readyEvery = time.Millisecond
	// readyLimit bounds the wait.
	readyLimit = 30 * time.Second
	maxRuns    = 1000
)

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
func startOnce(ctx context.Context, opts StartOptions, database, keyFile string) (took time.Duration, err error) {
	listen, err := freeAddress()
	if err != nil {
		return 0, err
	}
	admin, err := freeAddress()
	if err != nil {
		return 0, err
	}
	log, err := os.CreateTemp(filepath.Dir(keyFile), "log-")
	if err != nil {
		return 0, err
	}
	defer log.Close()
	command := exec.CommandContext(ctx, opts.Program, opts.Args...)
	command.Env = append(os.Environ(), "GALLA_DATABASE="+database, "GALLA_KEY_FILE="+keyFile, "GALLA_LISTEN="+listen, "GALLA_ADMIN_LISTEN="+admin)
	command.Stdout, command.Stderr = log, log
	start := time.Now()
	if err := command.Start(); err != nil {
		return 0, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	took, err = waitReady(ctx, start, "http://"+admin+"/readyz", ended)
	if err != nil {
		_ = command.Process.Kill() // it may be gone
		if text, readErr := os.ReadFile(log.Name()); readErr == nil && opts.Log != nil {
			fmt.Fprintf(opts.Log, "%s", text)
		}
		return 0, err
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		return 0, err
	}
	return took, <-ended
}

func waitReady(ctx context.Context, start time.Time, address string, ended <-chan error) (time.Duration, error) {
	ask := &http.Client{Timeout: time.Second, Transport: &http.Transport{DisableKeepAlives: true}}
	ticker := time.NewTicker(readyEvery)
	defer ticker.Stop()
	for time.Since(start) < readyLimit {
		answer, err := ask.Get(address)
		if err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return time.Since(start), nil
			}
		}
		select {
		case err := <-ended:
			return 0, fmt.Errorf("the server ended before it was ready: %w", errors.Join(err, errors.New("see its output")))
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-ticker.C:
		}
	}
	return 0, fmt.Errorf("the server was not ready within %v", readyLimit)
}

// freeAddress is an address on loopback that nobody listens on now.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}
