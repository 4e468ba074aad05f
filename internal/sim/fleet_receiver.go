package sim

import (
	"sync"
	"time"
)

// Receiver is one of a fleet's. Its methods may be called at any time.
type Receiver struct {
	Name    string // of its kind
	URL     string // where postbacks go
	CA      string // PEM of the root that its certificate needs, "" for none or the system's
	Pin     string // base64 of SHA-256 over the public key that its certificates are held to, "" for none
	Healthy bool   // takes every postback sooner or later; all others never take any
	Waits   bool   // only the sender's own limit ends a request

	mu     sync.Mutex
	totals Counts
	known  map[string]*arrivals // by webhook-id
	limit  int                  // of known
}

// Counts are totals of a receiver.
type Counts struct {
	Requests  int // where a kind reads no request, its connections
	Postbacks int // different webhook-ids
	Accepted  int // different webhook-ids that were given an answer which delivers
	// MostOpen is the most requests with one webhook-id that were open at once. What a sender has given up is open
	// until the receiver notices.
	MostOpen  int
	Forgotten int // requests with a webhook-id that was one too many to remember
}

// Arrivals is what a receiver knows of one postback.
type Arrivals struct {
	Requests int
	Accepted bool      // an answer which delivers was given
	First    time.Time // when the first request came, zero for none
}

type arrivals struct {
	Arrivals
	open int
}

func newReceiver(k kind, limit int) *Receiver {
	return &Receiver{Name: k.name, Healthy: k.healthy, Waits: k.waits, known: map[string]*arrivals{}, limit: limit}
}

// Counts returns the totals.
func (r *Receiver) Counts() Counts {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.totals
}

// Of returns what is known of the postback with this webhook-id.
func (r *Receiver) Of(webhookID string) Arrivals {
	r.mu.Lock()
	defer r.mu.Unlock()
	if a := r.known[webhookID]; a != nil {
		return a.Arrivals
	}
	return Arrivals{}
}

// visit is one request at a receiver.
type visit struct {
	fleet    *Fleet
	receiver *Receiver
	id       string // webhook-id
	attempt  int    // 1 for the first with this webhook-id
	again    bool   // the postback was accepted before: repeats are answered the same way

	arrivals *arrivals // nil when it isn't remembered, or at an end
}

// arrive counts a request, which is open until end.
func (r *Receiver) arrive(f *Fleet, webhookID string) *visit {
	now := f.options.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.totals.Requests++
	v := &visit{fleet: f, receiver: r, id: webhookID, attempt: 1}
	if webhookID == "" {
		return v
	}
	a := r.known[webhookID]
	switch {
	case a == nil && len(r.known) >= r.limit:
		r.totals.Forgotten++
		return v
	case a == nil:
		a = &arrivals{Arrivals: Arrivals{First: now}}
		r.known[webhookID] = a
		r.totals.Postbacks++
	}
	a.Requests++
	a.open++
	r.totals.MostOpen = max(r.totals.MostOpen, a.open)
	v.arrivals, v.attempt, v.again = a, a.Requests, a.Accepted
	return v
}

// accept notes that an answer which delivers follows. It comes first: whoever has seen the answer must find the note.
// Likewise the request is at its end then.
func (v *visit) accept() {
	v.receiver.mu.Lock()
	if v.arrivals != nil && !v.arrivals.Accepted {
		v.arrivals.Accepted = true
		v.receiver.totals.Accepted++
	}
	v.receiver.mu.Unlock()
	v.end()
}

// end says that the request is no longer open. It comes before the last byte of the answer, or a sender that is quick
// would seem to have two requests open. Only the first call counts.
func (v *visit) end() {
	v.receiver.mu.Lock()
	defer v.receiver.mu.Unlock()
	if v.arrivals != nil {
		v.arrivals.open--
		v.arrivals = nil
	}
}
