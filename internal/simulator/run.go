package simulator

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/galla-gateway/galla/internal/store"
)

// Defaults of a run.
const (
	DefaultSteps = 60
	// MaxFailures is how many failing seeds a run keeps before it stops.
	MaxFailures = 10
)

// Options of a run.
type Options struct {
	// Database is "" for SQLite in a folder of its own, or the URL of a PostgreSQL server on which databases are made and dropped.
	Database string
	Seed     uint64 // the first one
	Steps    int    // of each life before its end
	Count    int    // how many seeds, from Seed on
	Workers  int    // lives at once
	Progress func(done int)
	// Trace is told of each line of a life. With it one worker is enough: lines of several would be mixed.
	Trace func(line string)
}

// Report is what a run found.
type Report struct {
	Engine   string           `json:"engine"`
	Seeds    int64            `json:"seeds"`
	Steps    int64            `json:"steps"`
	Hits     map[string]int64 `json:"hits"`    // how often each fault really took place
	Reached  map[string]int64 `json:"reached"` // what lives came to: "claim ok", "withdrawal paid", …
	Failures []Lived          `json:"failures,omitempty"`
}

// Run lives Count seeds. The error is the harness's own, or ctx's; what was lived until then is in the report.
func Run(ctx context.Context, o Options) (Report, error) {
	folder, err := makeFolder()
	if err != nil {
		return Report{}, fmt.Errorf("simulator: %w", err)
	}
	defer func() { _ = os.RemoveAll(folder) }()
	r := &run{options: o, report: Report{Engine: string(store.SQLite), Hits: map[string]int64{}, Reached: map[string]int64{}}}
	if o.Database != "" {
		r.report.Engine = string(store.Postgres)
	}
	ctx, r.stop = context.WithCancelCause(ctx)
	defer r.stop(nil)
	var group sync.WaitGroup
	for n := range max(1, min(o.Workers, o.Count)) {
		group.Go(func() {
			if err := r.work(ctx, n, filepath.Join(folder, fmt.Sprint(n))); err != nil {
				r.stop(err)
			}
		})
	}
	group.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, errEnough) {
		return r.report, err
	}
	return r.report, nil
}

// errEnough ends a run that found enough failures.
var errEnough = errors.New("simulator: enough seeds failed")

type run struct {
	options Options
	next    atomic.Int64
	stop    context.CancelCauseFunc

	mu     sync.Mutex
	report Report
}

// work lives seeds in a world of its own until none is left.
func (r *run) work(ctx context.Context, n int, folder string) (err error) {
	if err := os.Mkdir(folder, 0o700); err != nil {
		return fmt.Errorf("simulator: %w", err)
	}
	database := "sqlite:" + filepath.Join(folder, "galla.db")
	if r.options.Database != "" {
		var drop func() error
		if database, drop, err = makeDatabase(ctx, r.options.Database, fmt.Sprintf("galla_simulate_%d_%d", os.Getpid(), n)); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, drop()) }()
	}
	w, err := newWorld(ctx, database, folder)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for ctx.Err() == nil {
		at := r.next.Add(1) - 1
		if at >= int64(r.options.Count) {
			break
		}
		lived, err := w.live(ctx, r.options.Seed+uint64(at), r.options.Steps, r.options.Trace)
		if err != nil {
			return err
		}
		r.lived(lived)
	}
	r.count(w)
	return nil
}

func (r *run) lived(l Lived) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Seeds++
	r.report.Steps += int64(l.Steps)
	if len(l.Violations) > 0 {
		r.report.Failures = append(r.report.Failures, l)
		if len(r.report.Failures) >= MaxFailures {
			r.stop(errEnough)
		}
	}
	if r.options.Progress != nil {
		r.options.Progress(int(r.report.Seeds))
	}
}

func (r *run) count(w *world) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for f, n := range w.hits {
		r.report.Hits[fault(f).String()] += n
	}
	for what, n := range w.reached {
		r.report.Reached[what] += n
	}
}

// makeDatabase makes an empty database on a server, and drops it at the end.
func makeDatabase(ctx context.Context, server, name string) (database string, drop func() error, err error) {
	address, err := url.Parse(server)
	if err != nil {
		return "", nil, errors.New("simulator: the database URL can't be read")
	}
	db, err := sql.Open("pgx", server)
	if err != nil {
		return "", nil, fmt.Errorf("simulator: %w", err)
	}
	if _, err := db.ExecContext(ctx, `CREATE DATABASE `+name); err != nil {
		return "", nil, errors.Join(fmt.Errorf("simulator: make a database: %w", err), db.Close())
	}
	address.Path = "/" + name
	return address.String(), func() error {
		_, err := db.Exec(`DROP DATABASE IF EXISTS ` + name + ` WITH (FORCE)`)
		return errors.Join(err, db.Close())
	}, nil
}
