package lane

import (
	"sync"

	"github.com/galla-gateway/galla/internal/gateway"
)

// news is what others tell Run.
type news struct {
	*newsState
	signal chan struct{}
}

type newsState struct {
	mu        sync.Mutex
	look      bool // something may be due anywhere
	endpoints map[gateway.Endpoint]bool
}

func newNews() news {
	return news{&newsState{endpoints: map[gateway.Endpoint]bool{}}, make(chan struct{}, 1)}
}

func (n news) tell(endpoints []gateway.Endpoint) {
	n.mu.Lock()
	n.look = n.look || len(endpoints) == 0
	for _, e := range endpoints {
		n.endpoints[e] = true
	}
	n.mu.Unlock()
	select {
	case n.signal <- struct{}{}:
	default: // it is going to look anyway
	}
}

// take returns what was told since the last call.
func (n news) take() (look bool, endpoints []gateway.Endpoint) {
	n.mu.Lock()
	defer n.mu.Unlock()
	look, n.look = n.look, false
	for e := range n.endpoints {
		endpoints = append(endpoints, e)
	}
	clear(n.endpoints)
	return look, endpoints
}
