package bench

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// measure is what a thing under measurement did, all its slices added up.
type measure struct {
	done    int64 // units: activations, pieces of evidence
	errors  int64
	first   error // the first of them
	elapsed time.Duration
	cpu     time.Duration // of this process: all that took part but a PostgreSQL server
	latency histogram     // of requests
}

func (m *measure) add(other *measure) {
	m.done += other.done
	m.errors += other.errors
	m.elapsed += other.elapsed
	m.cpu += other.cpu
	m.first = firstError(m.first, other.first)
	m.latency.merge(&other.latency)
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// perSecond is the rate over the time that was measured.
func (m *measure) perSecond() float64 {
	if m.elapsed <= 0 {
		return 0
	}
	return float64(m.done) / m.elapsed.Seconds()
}

// cpuEach is the processor time per unit, in microseconds.
func (m *measure) cpuEach() float64 {
	return round(float64(m.cpu.Microseconds())/float64(max(m.done, 1)), 1)
}

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// worker does one request after another. first is the number of its first unit; it returns how many units it did.
type worker func(first int64) (units int64, err error)

// source hands out numbers of units up to what is in stock.
type source struct {
	next  atomic.Int64
	stock int64
	each  int64 // units per request
}

func (s *source) take() (first int64, ok bool) {
	last := s.next.Add(s.each)
	if last > s.stock {
		return 0, false
	}
	return last - s.each, true
}

// left is how many units are in stock; nobody may take meanwhile.
func (s *source) left() int64 {
	if next := s.next.Load(); next < s.stock {
		return s.stock - next
	}
	s.next.Store(s.stock) // takers that came too late have moved it on
	return 0
}

// closedLoop lets every worker do its next request when the last one is answered, until the time is over or the stock
// used up.
func closedLoop(ctx context.Context, length time.Duration, workers []worker, from *source) *measure {
	start := time.Now()
	deadline := start.Add(length)
	return run(start, workers, func(w worker, own *measure) bool {
		begin := time.Now()
		if !begin.Before(deadline) || ctx.Err() != nil {
			return false
		}
		first, ok := from.take()
		return ok && own.count(w, first, begin)
	})
}

// openLoop sends requests at a constant rate, whatever the answers do: the i-th is due i/rate after the start, and its
// latency counts from then, also when no worker was free to send it. It ends when all that were due within the time are
// answered.
func openLoop(ctx context.Context, length time.Duration, perSecond int64, workers []worker, from *source) *measure {
	var arrivals atomic.Int64
	start := time.Now()
	return run(start, workers, func(w worker, own *measure) bool {
		due := time.Duration(arrivals.Add(1)-1) * time.Second / time.Duration(perSecond)
		if due >= length || ctx.Err() != nil {
			return false
		}
		intended := start.Add(due)
		time.Sleep(time.Until(intended))
		first, ok := from.take()
		if !ok {
			own.fail(errors.New("the prepared transfers are used up"))
		}
		return ok && own.count(w, first, intended)
	})
}

// run repeats step for every worker until it says no, and adds up.
func run(start time.Time, workers []worker, step func(worker, *measure) bool) *measure {
	own := make([]measure, len(workers))
	cpu := cpuTime()
	var group sync.WaitGroup
	for i, w := range workers {
		group.Go(func() {
			for step(w, &own[i]) {
			}
		})
	}
	group.Wait()
	total := &measure{}
	for i := range own {
		total.add(&own[i])
	}
	total.elapsed, total.cpu = time.Since(start), cpuTime()-cpu
	return total
}

// count does one request. After an error the worker stops.
func (m *measure) count(w worker, first int64, begin time.Time) bool {
	units, err := w(first)
	if err != nil {
		m.fail(err)
		return false
	}
	m.done += units
	m.latency.add(time.Since(begin))
	return true
}

func (m *measure) fail(err error) {
	m.errors++
	m.first = firstError(m.first, err)
}
