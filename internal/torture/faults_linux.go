package torture

import (
	"context"
	"fmt"
	"syscall"
	"time"

	"github.com/galla-gateway/galla/internal/torture/powerloss"
)

const (
	killSignal = syscall.SIGKILL
	contSignal = syscall.SIGCONT

	// A life from one fault to the next, after so many answers.
	leastAnswers        = 8
	shortLife, longLife = 100 * time.Millisecond, 500 * time.Millisecond
	// faultLimit is how long the effect of a fault is waited for.
	faultLimit = 8 * time.Second
	// frozen is how long an instance stands still: longer than gateway.PostbackLease.
	frozen = 47 * time.Second
	// stalled is how long a backend of PostgreSQL does.
	stalled = 1500 * time.Millisecond
	// A network is cut for so long: over the limits of some waits, within others.
	shortCut, longCut = 2 * time.Second, 6 * time.Second
	// mostErrors is how many calls in a row end with EIO.
	mostErrors = 3
)

// faults make each fault once and have everything running again.
var faults = map[string]func(ctx context.Context, w *world, i int) error{
	Kill: killGalla, Write: killAtWrite, Power: losePower, Disk: fillDisk, IO: failDisk, Server: crashServer, Backend: endBackend,
	Freeze: freeze, Cut: cutNetwork,
}

func killGalla(ctx context.Context, w *world, _ int) error {
	w.work(ctx)
	w.killed()
	return w.recover(ctx)
}

// losePower kills everything, and lets the disk forget some of what nobody has synced.
func losePower(ctx context.Context, w *world, i int) error {
	w.work(ctx)
	w.underWay()
	for _, v := range w.victims {
		v.signal(syscall.SIGKILL)
	}
	w.ground.disk.Cut()
	if w.server != nil {
		w.server.crash()
	}
	for _, v := range w.victims {
		v.kill()
	}
	w.bury()
	w.load.struck()
	if err := w.ground.disk.Unmount(); err != nil {
		return err
	}
	// The worst for most, and one in ten that nothing happens to.
	how := []powerloss.Survival{powerloss.Nothing, powerloss.Torn, powerloss.Pages}[i%3]
	if i%10 == 9 {
		how = powerloss.Everything
	}
	loss, err := w.ground.disk.Lose(how)
	if err != nil {
		return err
	}
	w.hit("unsynced bytes lost", loss.Bytes)
	w.hit("unsynced pages", loss.Pages)
	w.hit("pages torn", loss.Torn)
	w.hit("names lost", loss.Names)
	if loss.Bytes+loss.Names > 0 {
		w.hit("losses of something unsynced", 1)
	}
	if err := w.ground.disk.Mount(); err != nil {
		return err
	}
	return w.recover(ctx)
}

// fillDisk leaves no room until requests are answered with faults, then frees it.
func fillDisk(ctx context.Context, w *world, _ int) error {
	w.work(ctx)
	faults := w.load.faults.Load() + w.load.unanswered.Load()
	bytes, err := w.ground.fill()
	if err != nil {
		return err
	}
	w.hit("bytes that filled it", bytes)
	full := w.until(ctx, faultLimit, func() bool {
		_, _ = w.ground.fill() // what was freed meanwhile
		return w.load.faults.Load()+w.load.unanswered.Load() > faults || len(w.victims) > 0 && !w.victims[0].alive()
	})
	if full {
		w.live(ctx, shortLife, longLife)
		w.hit("full while something was written", 1)
	}
	w.hit("requests without an answer", w.load.faults.Load()+w.load.unanswered.Load()-faults)
	if err := w.ground.free(); err != nil {
		return err
	}
	w.load.struck()
	return w.recover(ctx)
}

// failDisk gives some writes or syncs EIO.
func failDisk(ctx context.Context, w *world, i int) error {
	w.work(ctx)
	disk := w.ground.disk
	before, n := disk.Counts().Failed, 1+w.random.Int64N(mostErrors)
	what := "EIO on a write"
	if i%2 == 0 {
		what = "EIO on a sync"
		disk.FailSyncs(n)
	} else {
		disk.FailWrites(n)
	}
	w.until(ctx, faultLimit, func() bool { return disk.Counts().Failed > before })
	w.live(ctx, shortLife, longLife)
	disk.FailSyncs(0)
	disk.FailWrites(0)
	w.hit(what, disk.Counts().Failed-before)
	w.load.struck()
	if w.engine == SQLite {
		// What the cache holds after an I/O error can't be trusted, so Galla ends; a checkpoint's own are tried again.
		if w.until(ctx, shortCut, func() bool { return !w.victims[0].alive() }) {
			w.hit("galla ended itself", 1)
		}
	}
	return w.recover(ctx)
}

// crashServer ends PostgreSQL in one of three ways and starts it again after a while.
func crashServer(ctx context.Context, w *world, i int) error {
	w.work(ctx)
	w.underWay()
	switch i % 3 {
	case 0:
		w.server.crash()
		w.hit("all processes killed", 1)
	case 1:
		w.server.behead()
		w.hit("postmaster killed", 1)
	case 2:
		w.server.quit()
		w.hit("immediate stop", 1)
	}
	w.load.struck()
	w.live(ctx, 0+time.Millisecond, longLife)
	return w.recover(ctx)
}

// endBackend ends one connection of Galla's, at a COMMIT when one can be caught there.
func endBackend(ctx context.Context, w *world, i int) error {
	w.live(ctx, shortLife/2, longLife/2)
	var all, committing []int
	var failed error
	look := func() bool {
		now, inCommit, err := w.server.backends(ctx)
		if failed = err; err != nil || len(now) == 0 {
			return false
		}
		all, committing = now, inCommit
		return true
	}
	// The server may have noticed only now that it has to recover from the one before.
	if !w.until(ctx, startLimit, look) {
		return fmt.Errorf("no backend to end: %w", failed)
	}
	w.until(ctx, longLife, func() bool { return look() && len(committing) > 0 })
	pid := all[w.random.IntN(len(all))]
	if len(committing) > 0 {
		pid = committing[0]
		w.hit("at a COMMIT", 1)
	}
	w.underWay()
	if i%3 == 2 {
		_ = syscall.Kill(pid, syscall.SIGKILL) // the server ends all others and recovers
		w.hit("backends killed", 1)
	} else {
		if err := w.server.execute(ctx, "postgres", fmt.Sprintf("SELECT pg_terminate_backend(%d)", pid)); err != nil {
			return err
		}
		w.hit("backends terminated", 1)
	}
	w.load.struck()
	if err := w.server.await(ctx); err != nil && w.server.runs() {
		return err
	}
	return w.recover(ctx)
}

// freeze stops some backends briefly, then one of two instances for longer than its leases.
func freeze(ctx context.Context, w *world, _ int) error {
	if len(w.victims) < 2 {
		if err := w.serve(ctx); err != nil {
			return err
		}
	}
	for range 3 {
		w.live(ctx, shortLife, longLife)
		all, committing, err := w.server.backends(ctx)
		if err != nil {
			return err
		}
		for _, pid := range append(committing, all...)[:min(2, len(all))] {
			_ = syscall.Kill(pid, syscall.SIGSTOP)
			defer func() { _ = syscall.Kill(pid, syscall.SIGCONT) }()
			w.hit("backends stopped", 1)
		}
		w.live(ctx, stalled/2, stalled)
		for _, pid := range all {
			_ = syscall.Kill(pid, syscall.SIGCONT)
		}
	}
	v := w.victims[0]
	w.underWay()
	before := w.load.answered.Load()
	v.signal(syscall.SIGSTOP)
	busy := w.idle()
	w.live(ctx, frozen, frozen+longLife)
	busy()
	v.signal(syscall.SIGCONT)
	w.hit("answers while one stood still", w.load.answered.Load()-before)
	w.load.struck()
	w.live(ctx, stalled, 2*stalled)
	return w.recover(ctx)
}

// cutNetwork loses all packets to or from PostgreSQL, the merchant or the payout provider.
func cutNetwork(ctx context.Context, w *world, i int) error {
	w.work(ctx)
	cut := w.cable.cuts[i%len(w.cable.cuts)]
	w.underWay()
	if err := w.cable.sever(ctx, cut); err != nil {
		return err
	}
	w.live(ctx, shortCut, longCut)
	lost, err := w.cable.mend(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	w.hit(cut.what, lost)
	w.load.struck()
	// Let the load meet what is left of the old connections.
	w.live(ctx, stalled, 2*stalled)
	return w.recover(ctx)
}
