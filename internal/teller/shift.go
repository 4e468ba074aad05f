package teller

import (
	"context"
	"errors"
	"sync"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// railCalls bounds the calls that are open at once on one rail. A rail that doesn't answer takes these and no others.
const railCalls = 16

// shift is work on what was found due: each rail has its own queue and its own slots.
type shift struct {
	teller *Teller
	ctx    context.Context // begins nothing more once it has ended
	group  sync.WaitGroup  // of open slots

	mu     sync.Mutex
	queues map[string]*queue // by rail
	known  map[withdrawal.ID]bool
}

// queue is one rail's part of a shift.
type queue struct {
	waiting []withdrawal.ID
	open    int  // slots at work
	more    bool // the last look found as many as it may
}

func (t *Teller) newShift(ctx context.Context) *shift {
	return &shift{teller: t, ctx: ctx, queues: map[string]*queue{}, known: map[withdrawal.ID]bool{}}
}

// add takes what a look found and doesn't wait. What this shift has already, waiting or with a call under way, is left out.
func (s *shift) add(due []gateway.DuePayout) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[string]int{}
	for _, d := range due {
		l := s.queues[d.Rail]
		if l == nil {
			l = &queue{}
			s.queues[d.Rail] = l
		}
		found[d.Rail]++
		if s.known[d.ID] || s.ctx.Err() != nil {
			continue
		}
		s.known[d.ID] = true
		l.waiting = append(l.waiting, d.ID)
	}
	for rail, l := range s.queues {
		l.more = found[rail] >= gateway.MostDue
		for l.open < railCalls && len(l.waiting) > 0 {
			l.open++
			id := l.take()
			s.group.Go(func() { s.work(l, id) })
		}
	}
}

// take is the one that waits longest.
func (l *queue) take() withdrawal.ID {
	id := l.waiting[0]
	l.waiting = l.waiting[1:]
	return id
}

// work is one slot of a rail: it sees to one after another while any waits.
func (s *shift) work(l *queue, id withdrawal.ID) {
	for again := true; again; {
		err := s.teller.Serve(s.ctx, id)
		if err != nil && s.ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil // it wasn't begun
		}
		if err != nil {
			s.teller.counters.Faults.Add(1)
			s.teller.log.Error("payout.failed", "withdrawal", int64(id), "error", err)
		}
		id, again = s.next(l, id, err != nil)
	}
}

// next is what a slot sees to after done. Without any the slot is closed, and where no look has found all that is due there
// is another at once; not after a fault, which may be everyone's.
func (s *shift) next(l *queue, done withdrawal.ID, fault bool) (id withdrawal.ID, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.known, done)
	l.more = l.more && !fault
	if s.ctx.Err() != nil || len(l.waiting) == 0 {
		l.open--
		if l.more {
			s.teller.Wake()
		}
		return 0, false
	}
	return l.take(), true
}
