package instance

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
)

const (
	// lookEvery is how often what is new is held against what must always hold, lookLimit how long that may take.
	lookEvery = 5 * time.Second
	lookLimit = 30 * time.Second
	// judgeFor is how long one instance looks for all of them after it last said that it does. Another begins with what was new
	// judgeSince looks before: the one before it may have ended right after it said so, before it looked.
	judgeFor   = 3 * lookEvery
	judgeSince = int(judgeFor/lookEvery) + 2
	// fullEvery is how often everything is, fullFirst how long after the start for the first time, and fullLimit how long that
	// may take. fullRest is how long the database is left alone after each of its statements.
	fullEvery = time.Hour
	fullFirst = 5 * time.Minute
	fullLimit = 50 * time.Minute
	fullRest  = 50 * time.Millisecond
	// mostLogged bounds the violations that one look logs, mostTold those that are remembered as logged.
	mostLogged = 10
	mostTold   = 10_000
)

// watch judges the books while the server works, and stops money when they don't hold. It can't harm the server: a fault of
// its own is logged, and stops nothing.
type watch struct {
	gateway *gateway.Gateway
	judge   *gateway.Judge
	recent  *oracle.Recent
	now     func() time.Time
	log     *slog.Logger
	lease   int64 // of who looks for all instances

	mu      sync.Mutex
	told    map[oracle.Violation]bool // logged by this process
	pending []oracle.Violation        // found, and money couldn't be stopped yet
	blind   map[string]bool           // the last look of a name failed, which is logged once

	looks, fulls, faults, violations atomic.Int64
	behind                           atomic.Bool
	judging                          atomic.Bool  // it is this instance that looks for all
	fullAt                           atomic.Int64 // when everything was looked at last, in microseconds
}

func newWatch(g *gateway.Gateway, now func() time.Time, log *slog.Logger) (*watch, error) {
	judge, err := gateway.OpenJudge(g.Store())
	if err != nil {
		return nil, err
	}
	w := &watch{gateway: g, judge: judge, recent: judge.Recent(), now: now, log: log, lease: gateway.NewJudgeLease(), told: map[oracle.Violation]bool{}, blind: map[string]bool{}}
	w.fullAt.Store(now().UnixMicro())
	return w, nil
}

// Run looks until ctx ends. To look at everything takes long, and doesn't keep what is new waiting.
func (w *watch) Run(ctx context.Context) error {
	var group sync.WaitGroup
	group.Go(func() {
		w.loop(ctx, lookEvery, func() time.Duration {
			w.guard(ctx, "recent", lookLimit, w.look)
			return lookEvery
		})
	})
	group.Go(func() {
		w.loop(ctx, fullFirst, func() time.Duration {
			if !w.judging.Load() { // it may be any moment
				return fullFirst
			}
			w.guard(ctx, "full", fullLimit, w.full)
			return fullEvery
		})
	})
	group.Wait()
	w.leave(ctx)
	return w.judge.Close()
}

// leaveLimit bounds how long an instance that ends tries to tell the others.
const leaveLimit = 2 * time.Second

// leave lets another instance look. If it can't be told, it looks when the lease has ended.
func (w *watch) leave(ctx context.Context) {
	if !w.judging.Swap(false) {
		return
	}
	bounded, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveLimit)
	defer cancel()
	if err := w.gateway.LeaveJudging(bounded, w.lease); err != nil {
		w.log.Warn("oracle.not_left", "error", err)
	}
}

// loop looks, and again after as long as look says.
func (w *watch) loop(ctx context.Context, first time.Duration, look func() time.Duration) {
	timer := time.NewTimer(first)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			timer.Reset(look())
		}
	}
}

// guard runs one look, in bounded time, and keeps what goes wrong in it from the server.
func (w *watch) guard(ctx context.Context, name string, limit time.Duration, look func(context.Context) error) {
	bounded, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	err := func() (err error) {
		defer func() {
			if r := recover(); r != nil {
				err = fmt.Errorf("panic: %v", r)
			}
		}()
		return look(bounded)
	}()
	if ctx.Err() != nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.faults.Add(1)
		if !w.blind[name] {
			w.log.Warn("oracle.failed", "look", name, "error", err)
		}
	}
	w.blind[name] = err != nil
}

// look holds what is new against what must always hold, unless another instance does.
func (w *watch) look(ctx context.Context) error {
	if err := w.stop(ctx, nil); err != nil { // what is left of an earlier look
		return err
	}
	mine, err := w.gateway.TakeJudging(ctx, w.lease, judgeFor)
	if err != nil {
		return err
	}
	w.judging.Store(mine)
	if !mine {
		w.behind.Store(false)
		w.fullAt.Store(w.now().UnixMicro())
		return w.recent.Follow(ctx, judgeSince)
	}
	found, err := w.recent.Look(ctx)
	if err != nil {
		w.leave(ctx) // who can't look mustn't keep others from it
		return err
	}
	w.looks.Add(1)
	w.behind.Store(w.recent.Behind())
	return w.stop(ctx, found)
}

// full holds everything that is stored against it.
func (w *watch) full(ctx context.Context) error {
	report, err := w.judge.Audit(ctx, oracle.Options{Hashes: w.gateway.AuditHashes, Pause: oracle.Rest(fullRest)})
	if err != nil {
		return err
	}
	w.fulls.Add(1)
	w.fullAt.Store(w.now().UnixMicro())
	return w.stop(ctx, report.Stopping)
}

// stop logs what was found, each once, and stops money unless a person has seen all of it and let it pass. What couldn't be
// stored is tried again.
func (w *watch) stop(ctx context.Context, found []oracle.Violation) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	found = append(w.pending, found...)
	w.pending = nil
	if len(found) == 0 {
		return nil
	}
	open, err := w.gateway.Unaccepted(ctx, found)
	if err != nil {
		w.pending = found
		return err
	}
	if len(open) == 0 {
		return nil
	}
	w.tell(open)
	first, err := w.gateway.StopMoney(ctx, open)
	if first {
		w.log.Error("money.stopped", "violations", len(open), "look", "galla audit")
	}
	if err != nil {
		w.pending = open
	}
	return err
}

func (w *watch) tell(found []oracle.Violation) {
	logged := 0
	for _, v := range found {
		if w.told[v] {
			continue
		}
		w.violations.Add(1)
		if len(w.told) < mostTold {
			w.told[v] = true
		}
		if logged++; logged <= mostLogged {
			w.log.Error("oracle.violated", "invariant", v.Invariant, "what", v.What)
		}
	}
	if logged > mostLogged {
		w.log.Error("oracle.violated", "more", logged-mostLogged)
	}
}

var (
	moneyStopped     = prometheus.NewDesc("galla_money_stopped", "1 while nothing is credited or paid by itself, as the books don't hold.", nil, nil)
	oracleViolations = prometheus.NewDesc("galla_oracle_violations_total", "Violations that this process found of what must always hold.", nil, nil)
	oracleLooks      = prometheus.NewDesc("galla_oracle_looks_total", "Looks of this process at what must always hold: at what is new, or at everything.", []string{"at"}, nil)
	oracleFaults     = prometheus.NewDesc("galla_oracle_faults_total", "Looks that couldn't be finished.", nil, nil)
	oracleBehind     = prometheus.NewDesc("galla_oracle_behind", "1 while there is more that is new than one look takes.", nil, nil)
	oracleJudging    = prometheus.NewDesc("galla_oracle_judging", "1 while it is this process that looks at the books for all.", nil, nil)
	oracleFullAge    = prometheus.NewDesc("galla_oracle_full_age_seconds", "How long ago this process looked at everything, began, or last left it to another one.", nil, nil)
)

// Describe names the metrics.
func (w *watch) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{moneyStopped, oracleViolations, oracleLooks, oracleFaults, oracleBehind, oracleJudging, oracleFullAge} {
		to <- desc
	}
}

// Collect reads them.
func (w *watch) Collect(to chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, kind, float64(value), labels...)
	}
	flag := func(b bool) int64 {
		if b {
			return 1
		}
		return 0
	}
	send(moneyStopped, prometheus.GaugeValue, flag(w.gateway.Directory().Stopped))
	send(oracleViolations, prometheus.CounterValue, w.violations.Load())
	send(oracleLooks, prometheus.CounterValue, w.looks.Load(), "recent")
	send(oracleLooks, prometheus.CounterValue, w.fulls.Load(), "full")
	send(oracleFaults, prometheus.CounterValue, w.faults.Load())
	send(oracleBehind, prometheus.GaugeValue, flag(w.behind.Load()))
	send(oracleJudging, prometheus.GaugeValue, flag(w.judging.Load()))
	send(oracleFullAge, prometheus.GaugeValue, (w.now().UnixMicro()-w.fullAt.Load())/int64(time.Second/time.Microsecond))
}
