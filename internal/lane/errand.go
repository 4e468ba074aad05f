package lane

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
)

// How much is read at once. Few large errands cost less than many small ones: each pays for what was written since the
// last.
const (
	// lowQueue is how few postbacks must be queued for more to be read, and a half of what is then read. A lane with nothing
	// queued is read all the same: it must not wait for a slow one.
	lowQueue = 1024
	// queueOfLane is how many postbacks a lane queues for each request that it may have open, but for the last page.
	queueOfLane = 16
	// mostOfLane bounds what is read of a lane at once, fewOfLane of one that is not known to be fast.
	mostOfLane = 512
	fewOfLane  = 16
	// fastLimit is the limit of open requests from which a lane counts as fast.
	fastLimit = 4
	// readAnew is how long a reading goes on before it begins anew.
	readAnew = 2 * time.Second
	// leaseSize bounds the lanes that one errand leases, so that instances share them.
	leaseSize = 64
)

// errand is one round of reading: look for due lanes, lease them, read what is due in these and in lanes that have room
// for more.
type errand struct {
	look   bool
	wanted []gateway.Endpoint        // that something came for; not owned
	have   []reader                  // owned, with room
	renew  []gateway.LaneLease       // of these, whose lease is running out
	busy   map[gateway.Endpoint]bool // owned; nil unless it looks
}

// reader is a lane to be read.
type reader struct {
	gateway.LeasedLane
	after   gateway.Postback // the last that was read; zero: from the start
	held    int              // postbacks that the lane holds and that may come back once more
	refused int64
}

// found is what an errand brought. Only what came before err, if any, is set.
type found struct {
	looked bool
	took   time.Duration // the look
	lanes  []gateway.LaneStatus
	left   []gateway.Endpoint  // due lanes that there was no room for
	asked  []gateway.LaneLease // that were to be leased or renewed
	leased []gateway.LeasedLane
	read   []reader
	work   map[gateway.Endpoint][]work
	full   map[gateway.Endpoint]bool // there may be more
	err    error
}

// sendErrand starts an errand if there is cause for one.
func (l *Lane) sendErrand(ctx context.Context) {
	if l.errands || l.failing {
		return
	}
	now := l.config.Now()
	e := errand{look: l.look || !l.due.IsZero() && !now.Before(l.due)}
	for endpoint := range l.wanted {
		if l.owned[endpoint] == nil {
			e.wanted = append(e.wanted, endpoint)
		}
	}
	clear(l.wanted)
	for o := range l.hungry {
		if o.leaving || o.gone {
			delete(l.hungry, o)
			continue
		}
		if l.full(o) {
			continue
		}
		delete(l.hungry, o)
		o.more = false
		if now.Sub(o.reading.beganAt) > readAnew {
			o.reading = reading{}
		}
		o.out = true
		l.out = append(l.out, o)
		e.have = append(e.have, reader{o.LeasedLane, o.reading.after, len(o.held), o.refused})
		o.refused = 0
		if o.Until.Sub(now) < renewAt {
			e.renew = append(e.renew, o.LaneLease)
		}
	}
	if !e.look && len(e.wanted)+len(e.have) == 0 {
		return
	}
	if e.look {
		l.look = false
		e.busy = make(map[gateway.Endpoint]bool, len(l.owned))
		for endpoint := range l.owned {
			e.busy[endpoint] = true
		}
	}
	l.errands = true
	go func() { l.found <- l.run(ctx, e) }()
}

// run does an errand. It is its own goroutine and touches only what is shared.
func (l *Lane) run(ctx context.Context, e errand) (f found) {
	g := l.config.Gateway
	candidates := e.wanted
	if e.look {
		start := l.config.Now()
		if f.lanes, f.err = g.Lanes(ctx); f.err != nil {
			return f
		}
		f.looked, f.took = true, l.config.Now().Sub(start)
		now := l.config.Now()
		for _, lane := range f.lanes {
			if !lane.DueAt.IsZero() && !lane.DueAt.After(now) && !lane.Leased {
				candidates = append(candidates, lane.Endpoint)
			}
		}
	}
	leases, left := l.choose(candidates, e.busy)
	f.asked, f.left = append(e.renew, leases...), left
	if f.leased, f.err = g.LeaseLanes(ctx, f.asked); f.err != nil {
		return f
	}
	had := make(map[gateway.LaneLease]reader, len(e.have))
	for _, r := range e.have {
		had[r.LaneLease] = r
	}
	for _, lane := range f.leased {
		r, renewed := had[lane.LaneLease]
		if renewed {
			r.Until = lane.Until // its breaker may be newer than the stored one
		} else {
			r.LeasedLane = lane
		}
		delete(had, lane.LaneLease)
		f.read = append(f.read, r)
	}
	for _, r := range had {
		if r.Until.Sub(l.config.Now()) >= MinLeaseLeft {
			f.read = append(f.read, r)
		}
	}
	f.work, f.full, f.err = l.read(ctx, f.read)
	return f
}

// choose picks the lanes to lease: no more than can be sent to at once. Who comes first is left to chance, so that
// nobody's place in the list favours them. left are the others.
func (l *Lane) choose(candidates []gateway.Endpoint, busy map[gateway.Endpoint]bool) (leases []gateway.LaneLease, left []gateway.Endpoint) {
	rand.Shuffle(len(candidates), func(i, j int) { candidates[i], candidates[j] = candidates[j], candidates[i] })
	most, room := min(l.slots.free(), leaseSize), l.slots.rooms()
	seen := map[gateway.Endpoint]bool{}
	for _, e := range candidates {
		if _, known := l.config.Gateway.Directory().Merchant(e.MerchantID); !known || busy[e] || seen[e] {
			continue
		}
		seen[e] = true
		if len(leases) < most && room(e) > 0 {
			leases = append(leases, gateway.NewLaneLease(e))
		} else {
			left = append(left, e)
		}
	}
	return leases, left
}

// read reads what is due in leased lanes.
func (l *Lane) read(ctx context.Context, lanes []reader) (map[gateway.Endpoint][]work, map[gateway.Endpoint]bool, error) {
	list, full := map[gateway.Endpoint][]work{}, map[gateway.Endpoint]bool{}
	bySize := map[int][]gateway.LaneReading{}
	for _, lane := range lanes {
		if lane.Breaker.State != postback.Closed {
			w, err := l.readProbe(ctx, lane)
			if err != nil {
				return nil, nil, err
			}
			if w.probe != postback.ProbeNone {
				list[lane.Endpoint] = []work{w}
			}
			continue
		}
		size, limit := fewOfLane, l.slots.limit(lane.Endpoint)
		if limit >= fastLimit {
			size = min(max(2*lowQueue/len(lanes), fewOfLane), queueOfLane*limit, mostOfLane)
		}
		if lane.after.ID == 0 {
			size = (size + lane.held + fewOfLane - 1) / fewOfLane * fewOfLane // few different sizes: each is a query
		}
		bySize[size] = append(bySize[size], gateway.LaneReading{LaneLease: lane.LaneLease, AfterAt: lane.after.NextAt, AfterID: lane.after.ID})
	}
	for size, readings := range bySize {
		due, err := l.config.Gateway.ReadLanes(ctx, readings, size)
		if err != nil {
			return nil, nil, err
		}
		for _, p := range due {
			list[p.Endpoint] = append(list[p.Endpoint], work{p, postback.ProbeNone})
		}
		for _, r := range readings {
			full[r.Endpoint] = len(list[r.Endpoint]) == size
		}
	}
	return list, full, nil
}

// readProbe reads what an open lane is to be probed with.
func (l *Lane) readProbe(ctx context.Context, lane reader) (work, error) {
	if lane.refused == 0 {
		p, probe, err := l.config.Gateway.DueProbe(ctx, lane.LeasedLane)
		return work{p, probe}, err
	}
	// The one that was refused is due still, as far as is stored.
	due, err := l.config.Gateway.DuePostbacks(ctx, []gateway.LaneLease{lane.LaneLease}, 2)
	for _, p := range due {
		if p.ID != lane.refused {
			return work{p, postback.ProbeFresh}, err
		}
	}
	return work{}, err
}

// use takes over what an errand brought.
func (l *Lane) use(ctx context.Context, f found) {
	l.errands = false
	pause := max(l.config.poll(), min(lookShare*f.took, mostBetween))
	if f.err != nil && ctx.Err() == nil { // else it was broken off
		l.counters.Faults.Add(1)
		l.log.Error("postback.read_failed", "error", f.err)
		pause, l.failing = faultPause, true
	}
	if f.looked || f.err != nil {
		l.poll.Reset(pause)
		if !l.due.After(l.config.Now()) {
			l.due = time.Time{}
		}
		for _, lane := range f.lanes {
			l.dueAt(lane.DueAt)
		}
	}
	if f.looked {
		l.exhaust(ctx, f.lanes)
	}
	l.useLeases(f)
	l.keptOut = f.left
	if len(f.leased) > 0 || l.running == 0 { // if all ended meanwhile, nothing else would try
		l.tryKeptOut()
	}
	for _, o := range l.out {
		o.out = false
	}
	for _, lane := range f.read {
		o := l.owned[lane.Endpoint]
		if o == nil || o.Lease != lane.Lease || o.leaving {
			continue
		}
		if f.err == nil && lane.Breaker == l.watch(lane.Endpoint).Breaker && !l.stopping {
			l.enqueue(o, f.work[lane.Endpoint])
			l.readOn(o, f.work[lane.Endpoint], f.full[lane.Endpoint])
		} // one that moved meanwhile lets something else out
		if f.err != nil {
			l.wants(o)
		}
		l.settle(o)
	}
	for _, o := range l.out {
		if f.err != nil {
			l.wants(o)
		}
		l.settle(o)
	}
	l.out = nil
	now := l.config.Now()
	for _, lane := range f.lanes {
		if o := l.owned[lane.Endpoint]; o != nil && !lane.DueAt.IsZero() && !lane.DueAt.After(now) {
			l.wants(o) // or it is on its way; then there is nothing to read
		}
	}
	for _, o := range l.forgetful {
		for _, id := range o.forget {
			delete(o.held, id)
		}
		o.forget = nil
	}
	l.forgetful = nil
}

// tryKeptOut tries again to lease the lanes that there was no room for.
func (l *Lane) tryKeptOut() {
	for _, e := range l.keptOut {
		l.wanted[e] = true
	}
	l.keptOut, l.freed = nil, 0
}

// readOn notes how far a lane was read, and whether there is more.
func (l *Lane) readOn(o *owned, read []work, full bool) {
	if !full {
		if o.reading.after.ID != 0 {
			l.wants(o) // what came late is before that
		}
		o.reading = reading{}
		return
	}
	if o.reading.after.ID == 0 {
		o.reading.beganAt = l.config.Now()
	}
	o.reading.after = read[len(read)-1].Postback
	o.reading.after.Body = nil
	l.wants(o)
}

// useLeases notes which lanes are ours, and until when.
func (l *Lane) useLeases(f found) {
	for _, lane := range f.leased {
		if o := l.owned[lane.Endpoint]; o != nil && o.Lease == lane.Lease {
			o.Until = lane.Until
			continue
		} else if o != nil {
			l.lose(o)
		}
		l.watch(lane.Endpoint).Adopt(lane.Breaker)
		l.owned[lane.Endpoint] = &owned{LeasedLane: lane, held: map[int64]bool{}}
	}
	if f.err != nil {
		for _, asked := range f.asked {
			if l.owned[asked.Endpoint] == nil { // it may be stored all the same, and would keep others away
				o := &owned{LeasedLane: gateway.LeasedLane{LaneLease: asked}, gone: true}
				l.entries = append(l.entries, entry{lane: o, move: &gateway.LaneMove{LaneLease: asked, Release: true}})
			}
		}
		return
	}
	kept := make(map[gateway.LaneLease]bool, len(f.leased))
	for _, lane := range f.leased {
		kept[lane.LaneLease] = true
	}
	for _, asked := range f.asked {
		if !kept[asked] {
			l.elsewhere[asked.Endpoint] = l.config.Now()
		}
		if o := l.owned[asked.Endpoint]; o != nil && o.Lease == asked.Lease && !kept[asked] {
			l.lose(o) // paused, or somebody else's by now
		}
	}
}

// dueAt notes when a lane is due that isn't yet.
func (l *Lane) dueAt(at time.Time) {
	if at.After(l.config.Now()) && (l.due.IsZero() || at.Before(l.due)) {
		l.due = at
	}
}
