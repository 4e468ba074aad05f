package lane

import (
	"context"
	"time"

	"golang.org/x/time/rate"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
)

// owned is a lane that this process has leased.
type owned struct {
	gateway.LeasedLane
	held    map[int64]bool // postbacks that were read and not recorded since: they must not be read again
	forget  []int64        // of these, recorded while an errand may have read them still
	queue   []work         // read and not sent
	open    int            // requests under way
	results int            // that are not recorded
	more    bool           // more is due, or may be
	reading reading
	refused int64 // of an open lane, what a probe was just refused for: another is tried before it is given back; 0: none
	news    bool  // something came while it was being given back
	ringed  bool  // in the ring or starved
	leaving bool  // given back with the next record
	out     bool  // an errand reads it or renews its lease
	gone    bool  // not owned any more
}

// reading is how far a lane was read, while there is more than was read at once. What comes with an earlier time
// meanwhile (of another instance, whose commit took longer) is found when it begins anew.
type reading struct {
	after   gateway.Postback // the last that was read; zero: begin anew
	beganAt time.Time
}

// work is a postback to send, and what its request is for.
type work struct {
	gateway.Postback
	probe postback.Probe
}

// watch is the breaker of an endpoint. It outlives leases: what is not stored of it is remembered here.
func (l *Lane) watch(e gateway.Endpoint) *postback.Watch {
	w, ok := l.watches[e]
	if !ok {
		w = &postback.Watch{Breaker: postback.Breaker{State: postback.Closed}}
		l.watches[e] = w
	}
	return w
}

// enqueue adds postbacks that were read for a lane, but those that it holds already.
func (l *Lane) enqueue(o *owned, list []work) {
	for _, w := range list {
		if o.held[w.ID] {
			continue
		}
		o.held[w.ID] = true
		o.queue = append(o.queue, w)
		l.queued++
	}
	l.ready(o)
}

// came notes that something is due at an endpoint that is well.
func (l *Lane) came(e gateway.Endpoint) {
	switch o := l.owned[e]; {
	case o == nil: // what somebody else has is left to him
		if l.config.Now().Sub(l.elsewhere[e]) > elsewhereFor {
			l.wanted[e] = true
		}
	case o.leaving:
		o.news = true
	default:
		l.wants(o)
	}
}

// offer takes over a postback that was just written, so that it need not be read. What has no place is read later.
func (l *Lane) offer(p gateway.Postback) {
	o, well := l.owned[p.Endpoint], l.watch(p.Endpoint).State == postback.Closed
	switch {
	case o == nil && !well: // it is looked at when its time comes
	case o == nil || o.leaving || o.more || !well || l.full(o):
		l.came(p.Endpoint)
	case !l.recent.has(p.ID):
		l.enqueue(o, []work{{p, postback.ProbeNone}})
	}
}

// full tells whether a lane has enough queued.
func (l *Lane) full(o *owned) bool {
	return len(o.queue) > 0 && (l.queued >= lowQueue || len(o.queue) >= queueOfLane*l.slots.limit(o.Endpoint))
}

// clearQueue lets go of what wasn't sent: it is read again when its time comes.
func (l *Lane) clearQueue(o *owned) {
	for _, w := range o.queue {
		delete(o.held, w.ID)
	}
	l.queued -= len(o.queue)
	o.queue, o.reading = nil, reading{}
}

// ready puts a lane with something to send into the ring.
func (l *Lane) ready(o *owned) {
	if !o.ringed && !o.gone && len(o.queue) > 0 {
		o.ringed = true
		l.ring = append(l.ring, o)
	}
}

// wants notes that there may be more to read for a lane.
func (l *Lane) wants(o *owned) {
	if o.gone || l.stopping {
		return
	}
	o.more = true
	l.hungry[o] = true
}

// settle gives a lane back in which nothing is left to do. Where nobody else could send, one that is well is kept.
func (l *Lane) settle(o *owned) {
	if o.gone || o.leaving || o.out || o.open > 0 || len(o.queue) > 0 || o.more {
		return
	}
	if !l.stopping && l.config.Gateway.OwnsLanes() && l.watch(o.Endpoint).State == postback.Closed {
		return
	}
	o.leaving = true
	l.entries = append(l.entries, entry{lane: o, move: &gateway.LaneMove{LaneLease: o.LaneLease, Release: true}})
}

// release gives a lane back that isn't owned any more, once nothing is open in it. Where its lease is gone that does nothing.
func (l *Lane) release(o *owned) {
	if o.gone && !o.leaving && o.open == 0 {
		o.leaving = true
		l.entries = append(l.entries, entry{lane: o, move: &gateway.LaneMove{LaneLease: o.LaneLease, Release: true}})
	}
}

// lose ends the ownership of a lane whose lease is gone, or must not be used on.
func (l *Lane) lose(o *owned) {
	if o.gone {
		return
	}
	l.clearQueue(o)
	o.gone, o.more = true, false
	l.release(o)
	delete(l.owned, o.Endpoint)
	delete(l.hungry, o)
}

// dispatch sends what is queued, one of each lane in turn, as far as there is room.
func (l *Lane) dispatch(ctx context.Context) {
	now := l.config.Now()
	l.pacedUntil = time.Time{}
	var paced []*owned
	for free := l.slots.free(); free > 0 && len(l.ring) > 0; {
		o := l.ring[0]
		l.ring = l.ring[1:]
		o.ringed = false
		switch {
		case o.gone || len(o.queue) == 0:
		case l.config.Gateway.Directory().EndpointSettings(o.Endpoint).Paused:
			l.clearQueue(o)
			o.more = false
			delete(l.hungry, o)
			l.settle(o)
		case o.Until.Sub(now) < MinLeaseLeft:
			l.counters.Late.Add(int64(len(o.queue)))
			l.clearQueue(o)
			l.wants(o) // the next errand renews the lease
		case l.slots.rooms()(o.Endpoint) == 0:
			o.ringed = true
			l.starved = append(l.starved, o)
		case !l.allow(o.Endpoint, now):
			o.ringed = true
			paced = append(paced, o)
		default:
			free--
			l.start(ctx, o)
			l.ready(o)
			if o.Until.Sub(now) < renewAt {
				l.wants(o)
			}
		}
	}
	l.ring = append(l.ring, paced...)
}

// start sends the first postback of a lane's queue.
func (l *Lane) start(ctx context.Context, o *owned) {
	w := o.queue[0]
	o.queue = o.queue[1:]
	l.queued--
	l.slots.take(o.Endpoint)
	o.open++
	l.running++
	go l.deliver(ctx, o, w, o.LaneLease, o.Until)
}

// allow takes a token of each limit of rate, or none and notes when there is one.
func (l *Lane) allow(e gateway.Endpoint, now time.Time) bool {
	var taken []*rate.Reservation
	for _, limiter := range []*rate.Limiter{l.limiter(e), l.rate} {
		if limiter == nil {
			continue
		}
		r := limiter.ReserveN(now, 1)
		taken = append(taken, r)
		if wait := r.DelayFrom(now); wait > 0 {
			for _, r := range taken {
				r.CancelAt(now)
			}
			if at := now.Add(wait); l.pacedUntil.IsZero() || at.Before(l.pacedUntil) {
				l.pacedUntil = at
			}
			return false
		}
	}
	return true
}

// limiter is the limit of rate that is set for an endpoint, nil without.
func (l *Lane) limiter(e gateway.Endpoint) *rate.Limiter {
	set := l.config.Gateway.Directory().EndpointSettings(e).Rate
	limiter := l.limits[e]
	switch {
	case set == 0:
		delete(l.limits, e)
		return nil
	case limiter == nil || limiter.Limit() != rate.Limit(set):
		limiter = newLimiter(set)
		l.limits[e] = limiter
	}
	return limiter
}

// newLimiter allows so many requests a second, and a tenth of that at once.
func newLimiter(perSecond int) *rate.Limiter {
	return rate.NewLimiter(rate.Limit(perSecond), max(1, perSecond/10))
}
