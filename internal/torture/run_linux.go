package torture

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/galla-gateway/galla/internal/proof"
)

// campaign is one fault on one engine.
type campaign struct {
	kind
	fault, engine string
	control       bool // a setting that loses what is acknowledged, and must be caught at it
	count         int
}

func (c campaign) name() string {
	name := "torture " + c.fault
	if c.control && c.engine == SQLite {
		return name + ", control synchronous=NORMAL"
	}
	if c.control {
		return name + ", control fsync=off"
	}
	return name
}

// defaultParallel is how many campaigns are busy at once.
const defaultParallel = 2

// campaigns lists what the options ask for.
func (o Options) campaigns() (list []campaign) {
	for _, k := range kinds {
		for _, engine := range []string{Postgres, SQLite} { // the longer ones first
			if !slices.Contains(o.Faults, k.name) || !slices.Contains(o.Engines, engine) || !slices.Contains(k.engines, engine) {
				continue
			}
			c := campaign{kind: k, fault: k.name, engine: engine, count: k.count}
			if n := o.Counts[k.name]; n > 0 {
				c.count = n
			}
			list = append(list, c)
			if k.name == Power && !o.WithoutControls {
				c.control = true
				list = append(list, c)
			}
		}
	}
	return list
}

// Run makes the faults and tells what came of it. It ends early with what it has when ctx ends.
func Run(ctx context.Context, o Options) (Report, error) {
	if err := o.Check(); err != nil {
		return Report{}, err
	}
	if o.Parallel == 0 {
		o.Parallel = defaultParallel
	}
	r := &run{o: o, alone: furnish(), busy: make(chan struct{}, o.Parallel)}
	list := o.campaigns()
	for _, c := range list {
		r.total.Add(int64(c.count))
	}
	var group sync.WaitGroup
	for _, c := range list {
		r.busy <- struct{}{} // in their order
		group.Go(func() {
			defer func() { <-r.busy }()
			r.campaign(ctx, c)
		})
	}
	group.Wait()
	return r.report, errors.Join(r.errs...)
}

// run is a run of some campaigns.
type run struct {
	o           Options
	alone       error // why there are no namespaces, nil when there are
	busy        chan struct{}
	done, total atomic.Int64

	mu     sync.Mutex
	report Report
	errs   []error
}

// progress tells of a step.
func (r *run) progress(c campaign, faults int64, news string) {
	done := r.done.Add(faults)
	if r.o.Progress != nil {
		r.o.Progress(Progress{Done: done, Total: r.total.Load(), Campaign: c.engine + " " + c.name(), News: news})
	}
}

// campaign makes one campaign and adds its result.
func (r *run) campaign(ctx context.Context, c campaign) {
	began := r.o.Now()
	result := proof.Result{
		Campaign: c.name(), Engine: c.engine, Unit: c.unit, Expected: c.control, Commit: r.o.Commit, Date: proof.Day(began), Command: r.o.Command,
	}
	if result.NotRun = r.missing(c); result.NotRun != "" {
		r.progress(c, int64(c.count), "not run: "+result.NotRun)
		r.add(result, nil, "", nil)
		return
	}
	w, err := newWorld(ctx, r.o, c, r.idle)
	if err == nil {
		var made int64
		made, err = r.torture(ctx, w, c)
		r.progress(c, int64(c.count)-made, "")
		result.Count = made
	}
	kept, words := "", []string(nil)
	if w != nil {
		result.Hits, result.Violations, words = w.hits, w.violations, w.words
		result.Hits["requests answered"], result.Hits["requests without an answer"] = w.load.answered.Load(), w.load.unanswered.Load()+w.load.faults.Load()
		result.Hits["acknowledged asked again"] = w.load.repeats.Load()
		if w.violations > 0 && !c.control || err != nil && ctx.Err() == nil {
			kept = w.folder
		} else {
			err = errors.Join(err, os.RemoveAll(w.folder))
		}
	}
	if err != nil {
		err = fmt.Errorf("%s on %s: %w", c.name(), c.engine, err)
	}
	result.Milliseconds = r.o.Now().Sub(began).Milliseconds()
	r.progress(c, 0, fmt.Sprintf("%d %s, %d violations", result.Count, c.unit, result.Violations))
	r.add(result, words, kept, err)
}

// torture makes the faults, and judges.
func (r *run) torture(ctx context.Context, w *world, c campaign) (made int64, err error) {
	defer func() { err = errors.Join(err, w.close()) }()
	for i := range c.count {
		if ctx.Err() != nil {
			return made, ctx.Err()
		}
		if err := faults[c.fault](ctx, w, i); err != nil {
			if c.control { // it lost so much that nothing starts any more
				w.wrong("after a power loss: %v", err)
				return made + 1, nil
			}
			return made, err
		}
		made++
		r.progress(c, 1, "")
		if c.control && w.found() > 0 {
			return made, nil
		}
	}
	if err := w.settle(ctx); err != nil {
		return made, err
	}
	w.audit(ctx)
	return made, nil
}

// idle lets another campaign be busy until what it returns is called.
func (r *run) idle() (busy func()) {
	<-r.busy
	return func() { r.busy <- struct{}{} }
}

func (r *run) add(result proof.Result, words []string, kept string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.report.Results = append(r.report.Results, result)
	for _, text := range words {
		r.report.Violations = append(r.report.Violations, result.Campaign+" on "+result.Engine+": "+text)
	}
	if kept != "" {
		r.report.Kept = append(r.report.Kept, kept)
	}
	if err != nil {
		r.errs = append(r.errs, err)
	}
}

// missing tells what a campaign needs that isn't here.
func (r *run) missing(c campaign) string {
	if c.engine == Postgres {
		if _, err := postgresPrograms(); err != nil {
			return err.Error()
		}
		if _, err := serverOwner(); err != nil {
			return err.Error()
		}
	}
	programs := map[string][]string{Write: {"strace"}, Cut: {"nft"}}
	if c.engine == Postgres {
		programs[Cut] = append(programs[Cut], "ip", "nsenter", "sleep")
	}
	for _, name := range programs[c.fault] {
		if _, err := exec.LookPath(name); err != nil {
			return "no " + name
		}
	}
	if !slices.Contains([]string{Power, Disk, IO, Cut}, c.fault) {
		return ""
	}
	if r.alone != nil {
		return r.alone.Error()
	}
	if c.fault == Power || c.fault == IO {
		if _, err := os.Stat("/dev/fuse"); err != nil {
			return "no /dev/fuse"
		}
	}
	return ""
}
