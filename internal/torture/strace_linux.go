package torture

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// writeCalls are the calls by which a database reaches its disk.
const writeCalls = "pwrite64,pwritev,fsync,fdatasync,ftruncate"

// usedCalls are those that each engine makes for a commit, one of which is drawn.
var usedCalls = map[string][]string{SQLite: {"pwrite64", "fsync", writeCalls}, Postgres: {"pwrite64", "fdatasync", writeCalls}}

// mostCalls is how many calls of one thread come before the kill at most: SQLite's writes come from few threads, and a commit of
// PostgreSQL is a write and a sync.
const mostCalls = 24

// writeLimit is how long a kill at a write is waited for.
const writeLimit = 8 * time.Second

// killAtWrite kills whoever writes the database at its N-th call of a random kind.
func killAtWrite(ctx context.Context, w *world, _ int) error {
	call := usedCalls[w.engine][w.random.IntN(len(usedCalls[w.engine]))]
	inject := fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, 1+w.random.IntN(mostCalls))
	if w.engine == Postgres {
		return w.killBackendAtWrite(ctx, inject)
	}
	for _, v := range w.victims {
		if err := v.stop(); err != nil {
			w.wrong("%v", err)
		}
	}
	w.bury()
	log := filepath.Join(w.folder, "strace")
	err := w.serve(ctx, append(strace(log, inject), "-P", w.sqlite(""), "-P", w.sqlite("-wal"), "--")...)
	if err == nil {
		v := w.victims[0]
		w.until(ctx, writeLimit, func() bool { return !v.alive() })
		w.underWay()
	}
	w.countKill(log)
	w.killed()
	return w.recover(ctx)
}

// sqlite is a file of the database as the server names it.
func (w *world) sqlite(ending string) string {
	return filepath.Join(w.ground.folder, "galla.db") + ending
}

// strace is the command that injects a fault and writes down what it did. A filter in the kernel would make it faster, and lets
// it inject nothing.
func strace(log, inject string) []string {
	return []string{"strace", "-f", "-q", "-o", log, "-e", "signal=kill", "-e", "trace=" + writeCalls, "-e", inject}
}

// countKill reads what strace wrote down.
func (w *world) countKill(log string) bool {
	text, err := os.ReadFile(log)
	if err != nil {
		return false
	}
	before, _, killed := strings.Cut(string(text), "+++ killed by SIGKILL +++")
	if !killed {
		return false
	}
	call := "write"
	for _, name := range []string{"fdatasync(", "fsync(", "ftruncate("} {
		if strings.LastIndex(before, name) > strings.LastIndex(before, "pwrite") {
			call = strings.TrimSuffix(name, "(")
		}
	}
	w.hit("killed at "+call, 1)
	_ = os.Remove(log) // the next one begins anew
	return true
}

// killBackendAtWrite lets strace watch the server until one of its processes is killed. The server then ends all the others and
// recovers from its log.
func (w *world) killBackendAtWrite(ctx context.Context, inject string) error {
	log := filepath.Join(w.folder, "strace")
	arguments := append(strace(log, inject), "-p", strconv.Itoa(w.server.command.Process.Pid))
	tracer := exec.Command(arguments[0], arguments[1:]...)
	tracer.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	for _, pid := range children(w.server.command.Process.Pid) {
		tracer.Args = append(tracer.Args, "-p", strconv.Itoa(pid))
	}
	if err := tracer.Start(); err != nil {
		return fmt.Errorf("strace: %w", err)
	}
	hit := false
	w.until(ctx, writeLimit, func() bool { hit = w.countKill(log); return hit })
	if hit {
		w.underWay()
	}
	_ = tracer.Process.Signal(syscall.SIGTERM) // lets go of those it watches
	_ = tracer.Wait()
	_ = os.Remove(log)
	w.load.struck()
	if err := w.server.await(ctx); err != nil && w.server.runs() {
		return err
	}
	return w.recover(ctx)
}
