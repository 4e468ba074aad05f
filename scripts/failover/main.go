// Command failover kills a PostgreSQL primary under load and has its synchronous standby take over, beside two instances of
// galla serve that are told of both servers and of nothing else. It makes both servers itself, in a temporary folder and on
// loopback. Whoever was answered ok must still be credited then, and nobody twice.
//
//	go run ./scripts/failover
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"
	"time"

	"github.com/galla-gateway/galla/internal/proof"
)

type options struct {
	galla         string
	before, after time.Duration
	clients       int
	commits       string
	result        string
	keep          bool
}

func main() {
	var o options
	flag.StringVar(&o.galla, "galla", "", "the binary; built from here when not given")
	flag.DurationVar(&o.before, "before", 8*time.Second, "load before the primary dies")
	flag.DurationVar(&o.after, "after", 8*time.Second, "load after the standby has taken over")
	flag.IntVar(&o.clients, "clients", 16, "payments that are under way at once")
	flag.StringVar(&o.commits, "commits", "on", "synchronous_commit of the servers: on or remote_apply")
	flag.StringVar(&o.result, "result", "", "append the result to this file of JSON lines")
	flag.BoolVar(&o.keep, "keep", false, "leave the folder with the servers' data and logs")
	flag.Parse()
	runtime.LockOSThread() // children end with the thread that started them
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	began := time.Now()
	found, err := run(ctx, o)
	if err == nil || found != nil {
		found.print()
		if o.result != "" {
			err = errors.Join(err, proof.Append(o.result, found.line(o, began)))
		}
		if found.wrong() > 0 {
			err = errors.Join(err, errors.New("not all that was acknowledged is there just once"))
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "failover: %v\n", err)
		os.Exit(1)
	}
}

// findings of a run.
type findings struct {
	acknowledged, before, lost, twice, untold, audit int64
	refused                                          int64         // answers that were no decision, and were asked again
	promoted                                         time.Duration // from the kill until the standby was the primary
	first                                            [2]time.Duration
}

func (f *findings) wrong() int64 { return f.lost + f.twice + f.untold + f.audit }

func (f *findings) print() {
	fmt.Printf("acknowledged credits        %d, of them %d before the primary was killed\n", f.acknowledged, f.before)
	fmt.Printf("lost                        %d\ncredited twice              %d\nwithout their one postback  %d\nfailures of galla audit     %d\n", f.lost, f.twice, f.untold, f.audit)
	fmt.Printf("requests that were repeated %d\n", f.refused)
	fmt.Printf("standby was primary after   %.2f s\nfirst credit again after    %.2f s and %.2f s, by each instance\n", f.promoted.Seconds(), f.first[0].Seconds(), f.first[1].Seconds())
}

func (f *findings) line(o options, began time.Time) proof.Result {
	return proof.Result{
		Campaign: "failover", Engine: "postgres", Unit: "acknowledged credits", Count: f.acknowledged, Violations: f.wrong(),
		Hits: map[string]int64{"primary killed": 1, "acknowledged before": f.before, "repeated requests": f.refused, "ms to promotion": f.promoted.Milliseconds(),
			"ms to first credit": max(f.first[0], f.first[1]).Milliseconds()},
		Milliseconds: time.Since(began).Milliseconds(), Commit: proof.Commit(context.Background()), Date: proof.Day(began),
		Command: "go run ./scripts/failover -commits " + o.commits,
	}
}

func run(ctx context.Context, o options) (found *findings, err error) {
	folder, err := os.MkdirTemp("", "galla-failover-")
	if err != nil {
		return nil, err
	}
	if o.keep {
		fmt.Fprintln(os.Stderr, "everything is in", folder)
	} else {
		defer os.RemoveAll(folder)
	}
	if o.galla == "" {
		o.galla = filepath.Join(folder, "galla")
		build := exec.CommandContext(ctx, "go", "build", "-o", o.galla, "./cmd/galla")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if output, err := build.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("build galla: %w\n%s", err, output)
		}
	}
	p, err := startPair(ctx, folder, o.commits)
	if err != nil {
		return nil, err
	}
	defer p.stop()
	site, err := startSite(ctx, o.galla, folder, p.url())
	if err != nil {
		return nil, err
	}
	defer site.stop()
	l := startLoad(site, o.clients)
	defer l.stop()
	if err := sleep(ctx, o.before); err != nil {
		return nil, err
	}
	found = &findings{before: l.count()}
	killed := time.Now()
	if err := p.kill(); err != nil {
		return nil, err
	}
	if err := p.promote(ctx); err != nil {
		return nil, err
	}
	found.promoted = time.Since(killed)
	until := time.Now().Add(recovery)
	for i := range found.first {
		for {
			at, ok := l.firstAfter(i, killed.Add(found.promoted))
			if ok {
				found.first[i] = at.Sub(killed)
				break
			}
			if time.Now().After(until) {
				return nil, fmt.Errorf("instance %d credits nothing %v after the standby took over; its last answer: %s", i+1, recovery, l.lastError())
			}
			if err := sleep(ctx, 10*time.Millisecond); err != nil {
				return nil, err
			}
		}
	}
	if err := sleep(ctx, o.after); err != nil {
		return nil, err
	}
	l.stop()
	return found, check(ctx, p, site, l, found)
}

// recovery bounds how long instances may take to find the new primary.
const recovery = 60 * time.Second

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}
