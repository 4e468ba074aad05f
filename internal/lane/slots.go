package lane

import (
	"sync"

	"github.com/galla-gateway/galla/internal/gateway"
)

// slots counts the open requests, in all and per endpoint. An endpoint starts with a limit of one; each delivery adds
// one, which while it answers doubles the limit with each round trip, and each failure halves it, down to one again.
// Requests to endpoints whose limit is one are probes; they may take half of all slots, so that however many endpoints
// are dead, the others have the other half.
type slots struct {
	mu          sync.Mutex
	most        int // open requests in all
	perEndpoint int
	open        int
	probes      int
	endpoints   map[gateway.Endpoint]*load
}

type load struct {
	open, limit int
	probe       bool // the open request is a probe
}

func newSlots(most, perEndpoint int) *slots {
	return &slots{most: most, perEndpoint: perEndpoint, endpoints: map[gateway.Endpoint]*load{}}
}

// free is how many more requests may be open in all.
func (s *slots) free() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.most - s.open
}

// rooms returns the function that tells how many more requests may be open to an endpoint. It is for one lease: it
// counts the probes that it grants.
func (s *slots) rooms() func(gateway.Endpoint) int {
	granted := 0
	return func(e gateway.Endpoint) int {
		s.mu.Lock()
		defer s.mu.Unlock()
		l := s.load(e)
		if l.limit > 1 {
			return max(0, l.limit-l.open)
		}
		if l.open > 0 || s.probes+granted >= max(1, s.most/2) {
			return 0
		}
		granted++
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
	if l.limit == 1 && !l.probe {
		l.probe = true
		s.probes++
	}
}

// end ends a request that told how its endpoint is.
func (s *slots) end(e gateway.Endpoint, delivered bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.giveBack(e)
	if delivered {
		l.limit = min(l.limit+1, s.perEndpoint)
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

// giveBack is called with the lock held. While a probe is open it is its endpoint's only request.
func (s *slots) giveBack(e gateway.Endpoint) *load {
	l := s.load(e)
	s.open--
	l.open--
	if l.probe {
		l.probe = false
		s.probes--
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
