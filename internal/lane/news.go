package lane

import (
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
)

// mostOffers bounds the postbacks that are offered and not taken over yet; what is beyond is read when it is looked for.
const mostOffers = 4 * lowQueue

// news is what others tell Run.
type news struct {
	mu     sync.Mutex
	look   bool // something may be due anywhere
	offers []gateway.Postback
	signal chan struct{}
}

func (n *news) tell(look bool, offers []gateway.Postback) {
	n.mu.Lock()
	if len(n.offers)+len(offers) > mostOffers {
		look, offers = true, nil
	}
	n.look = n.look || look
	n.offers = append(n.offers, offers...)
	n.mu.Unlock()
	select {
	case n.signal <- struct{}{}:
	default: // it is going to look anyway
	}
}

// take returns what was told since the last call.
func (n *news) take() (look bool, offers []gateway.Postback) {
	n.mu.Lock()
	defer n.mu.Unlock()
	look, offers = n.look, n.offers
	n.look, n.offers = false, nil
	return look, offers
}

// remembered is how long at least the postbacks are remembered that were sent: one that was read, sent and recorded
// before its offer came must not be sent again. What slips through costs a request, its record is refused.
const remembered = 5 * time.Second

// recent holds ids for remembered to twice that.
type recent struct {
	now, before map[int64]struct{}
	turnedAt    time.Time
}

func (r *recent) add(id int64, now time.Time) {
	if now.Sub(r.turnedAt) > remembered {
		r.before, r.now, r.turnedAt = r.now, map[int64]struct{}{}, now
	}
	r.now[id] = struct{}{}
}

func (r *recent) has(id int64) bool {
	_, now := r.now[id]
	_, before := r.before[id]
	return now || before
}
