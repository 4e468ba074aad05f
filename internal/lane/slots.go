package lane

import (
	"sync"

	"github.com/galla-gateway/galla/internal/gateway"
)

// slots counts the open requests, in all and per endpoint. An endpoint starts with a limit of one; each delivery adds
// one, which while it answers doubles the limit with each round trip, and each failure halves it, down to one again.
//
// A request to an endpoint that nothing is known of, or whose failures brought its limit down to one, is a probe. Probes of
// endpoints that fail may take half of all slots, those of endpoints that nothing is known of a quarter. So however many
// are dead, the others have a quarter to themselves, and newcomers don't queue behind the dead. The last quarter of the slots
// is for endpoints with few requests open.
type slots struct {
	mu          sync.Mutex
	most        int // open requests in all
	perEndpoint func(gateway.Endpoint) int
	open        int
	probes      [probeKinds]int
	endpoints   map[gateway.Endpoint]*load
}

type load struct {
	open, limit int
	known       bool // a request has ended
	well        bool // the last one that ended was delivered
	probing     bool
	probe       probeKind // of the open request, if probing
}

// fewOpen is how many requests an endpoint may have open when the last quarter of all slots is reached: those that answer,
// but slowly, can't take it from all others.
const fewOpen = 4

type probeKind int

const (
	probeNew probeKind = iota
	probeSick
	probeKinds
)

func (l *load) kind() probeKind {
	if l.known {
		return probeSick
	}
	return probeNew
}

// quota is how many probes of a kind may be open.
func (s *slots) quota(kind probeKind) int {
	if kind == probeNew {
		return max(1, s.most/4)
	}
	return max(1, s.most/2)
}

func newSlots(most int, perEndpoint func(gateway.Endpoint) int) *slots {
	return &slots{most: most, perEndpoint: perEndpoint, endpoints: map[gateway.Endpoint]*load{}}
}

// free is how many more requests may be open in all.
func (s *slots) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most - s.open
}

// limit is how many requests may be open to an endpoint now.
func (s *slots) limit(e gateway.Endpoint) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.load(e).limit
}

// rooms returns the function that tells how many more requests may be open to an endpoint. It counts the probes that it
// grants, so that one call of rooms can be asked of many endpoints.
func (s *slots) rooms() func(gateway.Endpoint) int {
	var granted [probeKinds]int
	return func(e gateway.Endpoint) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		l := s.load(e)
		if l.limit > 1 || l.well {
			room := min(l.limit, s.perEndpoint(e)) - l.open
			if s.open >= s.most-s.most/4 {
				room = min(room, fewOpen-l.open)
			}
			return max(0, room)
		}
		kind := l.kind()
		if l.open > 0 || s.probes[kind]+granted[kind] >= s.quota(kind) {
			return 0
		}
		granted[kind]++
		return 1
	}
}

// take starts a request for which there was room.
func (s *slots) take(e gateway.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.load(e)
	s.open++
	l.open++
	if l.limit == 1 && !l.well && !l.probing {
		l.probing, l.probe = true, l.kind()
		s.probes[l.probe]++
	}
}

// end ends a request that told how its endpoint is.
func (s *slots) end(e gateway.Endpoint, delivered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.giveBack(e)
	l.known, l.well = true, delivered
	if delivered {
		l.limit = max(1, min(l.limit+1, s.perEndpoint(e)))
	} else {
		l.limit = max(l.limit/2, 1)
	}
}

// cancel ends a request that was not made.
func (s *slots) cancel(e gateway.Endpoint) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBack(e)
}

// giveBack is called with the lock held. A probe is its endpoint's only request, unless the limit fell to one while
// others were open; then the first to end counts as the probe.
func (s *slots) giveBack(e gateway.Endpoint) *load {
	l := s.load(e)
	s.open--
	l.open--
	if l.probing {
		l.probing = false
		s.probes[l.probe]--
	}
	return l
}

// load is called with the lock held.
func (s *slots) load(e gateway.Endpoint) *load {
	l, ok := s.endpoints[e]
	if !ok {
		l = &load{limit: 1}
		s.endpoints[e] = l
	}
	return l
}
