package gateway

import "time"

const (
	// CommitDelay is how long a batch of a busy server on SQLite waits at most for company.
	CommitDelay = 600 * time.Microsecond
	// delayedBatch is how many requests no longer wait for more.
	delayedBatch = 6
	// mostCredit bounds how many delays in a row may be in vain before delays pause, delayPause for how many batches.
	mostCredit, delayPause = 8, 64
)

// commitDelay lets a lone batch wait for company when the one before it was shared. What a batch costs hardly depends on how
// many share it, so under load batches of four instead of six take the processor from the very requests that wait: the
// slowest answers come earlier when a batch waits for the fifth and the sixth.
//
// A delay that runs out before enough have come is a loss: a few clients, each of which waits for its answer, are never
// more. When losses outweigh, delays pause, and one tries whether that is still so.
type commitDelay struct {
	limit  time.Duration
	on     bool
	timer  *time.Timer
	credit int // how many more losses than gains there may be
	pause  int // batches that start at once
}

// begin begins a delay after a batch of so many, which expired ends.
func (d *commitDelay) begin(shared int, expired func()) {
	switch {
	case d.limit == 0 || d.on || shared < 2:
	case d.pause > 0:
		d.pause--
	default:
		d.on = true
		if d.timer == nil {
			d.timer = time.AfterFunc(d.limit, expired)
		} else {
			d.timer.Reset(d.limit)
		}
	}
}

// gain ends a delay in which enough have come.
func (d *commitDelay) gain() {
	d.on = false
	d.timer.Stop()
	d.credit = min(d.credit+1, mostCredit)
}

// loss ends a delay that ran out with so many waiting. If nobody did, nothing was lost.
func (d *commitDelay) loss(waiting int) {
	d.on = false
	if waiting == 0 {
		return
	}
	if d.credit--; d.credit <= 0 {
		d.credit, d.pause = 1, delayPause
	}
}
