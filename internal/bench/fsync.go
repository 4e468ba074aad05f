package bench

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/galla-gateway/galla/internal/store"
)

// FsyncOptions of Fsync.
type FsyncOptions struct {
	Program  string
	Args     []string
	Database string // as in Options
	Delay    time.Duration
	Clients  int
	Rounds   int
	Slice    time.Duration
	Log      io.Writer
	Progress func(Step)
}

const (
	maxFsyncDelay = time.Second
	goalFsync     = 0.4
	// attachLimit bounds the wait until strace holds a process.
	attachLimit = 10 * time.Second
)

// Check says what can't be measured.
func (o *FsyncOptions) Check() error {
	switch {
	case o.Delay < time.Microsecond || o.Delay > maxFsyncDelay:
		return fmt.Errorf("delay: expected up to %v", maxFsyncDelay)
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("clients: expected 1 to %d", MaxClients)
	case o.Rounds < 1 || o.Rounds > 100 || o.Slice < time.Second/10 || o.Slice > time.Minute:
		return errors.New("expected 1 to 100 rounds of 100ms to 1m")
	}
	return nil
}

// FsyncReport is how a slower disk slows activations. Tracing itself costs much, so the ratio is between two traced runs.
type FsyncReport struct {
	Engine           string  `json:"engine"`
	NotRun           string  `json:"not_run,omitzero"` // what the machine lacks
	DelayMicros      int64   `json:"delay_us"`
	Clients          int     `json:"clients"`
	Rounds           int     `json:"rounds"`
	PerSecond        float64 `json:"per_second"` // without strace
	P99MS            float64 `json:"p99_ms"`
	TracedPerSecond  float64 `json:"traced_per_second"`
	TracedP99MS      float64 `json:"traced_p99_ms"`
	DelayedPerSecond float64 `json:"delayed_per_second"`
	DelayedP99MS     float64 `json:"delayed_p99_ms"`
	Ratio            float64 `json:"ratio"` // delayed / traced, the median of rounds
	Goals            []Goal  `json:"goals"`
}

// Ways of running the server.
const (
	untraced = iota
	traced
	delayed
)

// Fsync measures activations with a disk whose every fsync takes longer: strace delays it, in the server of PostgreSQL or in
// galla serve on SQLite.
func Fsync(ctx context.Context, opts FsyncOptions) (report *FsyncReport, err error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	s, err := openServed(ctx, opts.Database, program{opts.Program, opts.Args, opts.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	report = &FsyncReport{Engine: string(s.place.engine), DelayMicros: opts.Delay.Microseconds(), Clients: opts.Clients, Rounds: opts.Rounds}
	strace, err := exec.LookPath("strace")
	if err != nil {
		report.NotRun = "strace is missing"
		return report, nil
	}
	var rates, slowest [3][]float64
	ways := []int{untraced, traced, delayed}
	each := opts.Slice + 5*time.Second
	for round := range opts.Rounds {
		for i := range ways {
			way := ways[(i+round)%len(ways)]
			if opts.Progress != nil {
				opts.Progress(Step{Name: [...]string{"without strace", "under strace", "fsync delayed"}[way], Done: time.Duration(3*round+i) * each, Length: each,
					Total: time.Duration(3*opts.Rounds) * each})
			}
			result, err := s.fsync(ctx, opts, strace, way)
			if errors.Is(err, errNotTraced) {
				report.NotRun = err.Error()
				return report, nil
			}
			if err != nil {
				return nil, err
			}
			_, _, p99 := result.percentiles()
			rates[way], slowest[way] = append(rates[way], result.perSecond()), append(slowest[way], p99)
		}
	}
	var ratios []float64
	for i := range rates[traced] {
		ratios = append(ratios, rates[delayed][i]/rates[traced][i])
	}
	report.Ratio = round(median(ratios), 3)
	for way, into := range [][2]*float64{{&report.PerSecond, &report.P99MS}, {&report.TracedPerSecond, &report.TracedP99MS}, {&report.DelayedPerSecond, &report.DelayedP99MS}} {
		*into[0], *into[1] = round(median(rates[way]), 1), round(median(slowest[way]), 3)
	}
	report.Goals = []Goal{goal(fmt.Sprintf("rate with %v more for each fsync", opts.Delay), goalFsync, report.Ratio, false)}
	return report, nil
}

// errNotTraced: this user may not trace that process, or it runs elsewhere.
var errNotTraced = errors.New("strace can't hold the database's processes")

// fsync is one turn.
func (s *served) fsync(ctx context.Context, opts FsyncOptions, strace string, way int) (result *measure, err error) {
	delay := time.Duration(0)
	if way == delayed {
		delay = opts.Delay
	}
	trace := []string{strace, "-f", "-qq", "-o", os.DevNull, "-e", "trace=fsync,fdatasync", "-e", "signal=none",
		"-e", "inject=fsync,fdatasync:delay_exit=" + strconv.FormatInt(delay.Microseconds(), 10)}
	var wrap []string
	if way != untraced && s.place.engine == store.SQLite {
		wrap = append(trace, "--seccomp-bpf")
	}
	list, err := s.start(ctx, 1, wrap...)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.stopTraced(list, len(wrap) > 0)) }()
	if way != untraced && s.place.engine == store.Postgres {
		// Evidence is stored before: warming up is enough to open all connections.
		if err := s.stock(ctx, list[0], warmUpStock); err != nil {
			return nil, err
		}
		if _, err := s.activate(ctx, list, opts.Clients, warmUp); err != nil {
			return nil, err
		}
		release, err := s.attach(ctx, trace)
		if err != nil {
			return nil, err
		}
		defer release()
	}
	return s.slice(ctx, list, opts.Clients, opts.Slice)
}

// stopTraced ends servers. strace passes no signal on to what it runs: its child must be told.
func (s *served) stopTraced(list []*process, wrapped bool) error {
	if !wrapped {
		return stopAll(list)
	}
	pid := list[0].command.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		return errors.Join(err, list[0].command.Process.Kill())
	}
	for _, field := range strings.Fields(string(children)) {
		child, err := strconv.Atoi(field)
		if err == nil {
			err = syscall.Kill(child, syscall.SIGTERM)
		}
		if err != nil {
			return err
		}
	}
	select {
	case err := <-list[0].ended:
		return err
	case <-time.After(stopLimit):
		return errors.Join(errors.New("the traced server doesn't stop"), list[0].command.Process.Kill())
	}
}

// attach has strace hold all processes of the PostgreSQL server, and those that it starts. release lets them go.
func (s *served) attach(ctx context.Context, trace []string) (release func(), err error) {
	pids, err := s.serverProcesses(ctx)
	if err != nil {
		return nil, err
	}
	args := trace[1:]
	for _, pid := range pids {
		args = append(args, "-p", strconv.Itoa(pid))
	}
	command := exec.CommandContext(ctx, trace[0], args...)
	if err := command.Start(); err != nil {
		return nil, err
	}
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	release = func() {
		_ = command.Process.Signal(syscall.SIGTERM) // it lets go in order
		<-ended
	}
	for begin := time.Now(); ; time.Sleep(readyEvery) {
		if allTraced(pids) {
			return release, nil
		}
		select {
		case err := <-ended:
			return nil, fmt.Errorf("%w: %w", errNotTraced, errors.Join(err, errors.New("strace ended")))
		default:
		}
		if time.Since(begin) > attachLimit {
			release()
			return nil, errNotTraced
		}
	}
}

// serverProcesses are the postmaster and its children. errNotTraced: the server runs on another machine.
func (s *served) serverProcesses(ctx context.Context) ([]int, error) {
	_, target, err := store.Parse(s.database)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("pgx", target)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var backend int
	if err := db.QueryRowContext(ctx, "SELECT pg_backend_pid()").Scan(&backend); err != nil {
		return nil, err
	}
	name, _, _ := statOf(backend)
	if !strings.HasPrefix(name, "postgres") {
		return nil, fmt.Errorf("%w: the server runs elsewhere", errNotTraced)
	}
	_, postmaster, err := statOf(backend)
	if err != nil {
		return nil, err
	}
	pids := []int{postmaster}
	folders, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return nil, err
	}
	for _, folder := range folders {
		pid, err := strconv.Atoi(filepath.Base(folder))
		if err != nil || pid == backend {
			continue
		}
		if _, parent, err := statOf(pid); err == nil && parent == postmaster {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// statOf reads the name and the parent of a process.
func statOf(pid int) (name string, parent int, err error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return "", 0, err
	}
	// pid (name) state parent …
	_, rest, _ := strings.Cut(string(text), "(")
	name, rest, found := strings.Cut(rest, ") ")
	fields := strings.Fields(rest)
	if !found || len(fields) < 2 {
		return "", 0, errors.New("a process's stat can't be read")
	}
	parent, err = strconv.Atoi(fields[1])
	return name, parent, err
}

// allTraced tells whether somebody traces every one of the processes that are still there.
func allTraced(pids []int) bool {
	for _, pid := range pids {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err == nil && strings.Contains(string(text), "TracerPid:\t0\n") {
			return false
		}
	}
	return true
}
