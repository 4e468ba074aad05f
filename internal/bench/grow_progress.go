package bench

import (
	"fmt"
	"sync"
	"time"
)

// tally tells how much of a known amount of work is done.
type tally struct {
	mu       sync.Mutex
	done, of int64
	tell     func(done, of int64)
}

func newTally(of int64, tell func(done, of int64)) *tally { return &tally{of: of, tell: tell} }

func (t *tally) add(rows int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done = min(t.done+rows, t.of)
	t.tell(t.done, t.of)
}

// growPlan guesses how long what is left will take: filling as long per transfer as the last fill took.
type growPlan struct {
	begun     time.Time
	last      int64         // size that was filled last
	each      time.Duration // to fill one transfer
	progress  func(Step)
	told      int64 // tenth of a fill that was told last
	toldOf    int64
	remaining time.Duration
}

// growEach is the first guess of growPlan.each.
const growEach = 80 * time.Microsecond

func (p *growPlan) begin(opts GrowOptions) {
	p.begun, p.each, p.progress = time.Now(), growEach, opts.Progress
}

// left is how long the sizes behind one take, and the rest of that one.
func (p *growPlan) left(opts GrowOptions, size int64, filled float64, rounds int) time.Duration {
	total := time.Duration(float64(size-size/10) * (1 - filled) * float64(p.each))
	total += time.Duration(rounds) * turnLength(opts)
	for next := size * 10; next <= opts.To; next *= 10 {
		total += time.Duration(next-next/10)*p.each + time.Duration(opts.Rounds)*turnLength(opts)
	}
	return total
}

// turnLength is how long a round takes with its preparation, as a guess.
func turnLength(opts GrowOptions) time.Duration {
	return 2 * (opts.Slice*2 + time.Second + time.Duration(len(probes))*readFor)
}

func (p *growPlan) tell(name string, left time.Duration) {
	if p.progress == nil {
		return
	}
	done := time.Since(p.begun)
	p.progress(Step{Name: name, Done: done, Length: left, Total: done + left + time.Millisecond})
}

// filling makes what is told while the database is filled to a size: each tenth of it.
func (p *growPlan) filling(opts GrowOptions, size int64) func(done, of int64) {
	return func(done, of int64) {
		tenth := done * 10 / max(of, 1)
		if p.toldOf == size && p.told == tenth {
			return
		}
		p.toldOf, p.told = size, tenth
		p.tell(fmt.Sprintf("filling to %d transfers: %d%%", size, tenth*10), p.left(opts, size, float64(done)/float64(max(of, 1)), opts.Rounds))
	}
}

func (p *growPlan) filled(size int64, took time.Duration) {
	if size > GrowBase {
		p.each = took / time.Duration(size-size/10)
	}
}

func (p *growPlan) measuring(opts GrowOptions, size int64, done int) {
	p.tell(fmt.Sprintf("measuring at %d transfers, round %d of %d", size, done+1, opts.Rounds), p.left(opts, size, 1, opts.Rounds-done))
}

func (p *growPlan) auditing(opts GrowOptions, size int64) {
	p.tell(fmt.Sprintf("auditing at %d transfers", size), p.left(opts, size, 1, 1))
}
