package galla

import (
	"context"
	"sync"
)

// SeenStore remembers which postbacks were handled, by their webhook-id.
type SeenStore interface {
	// Once returns nil when the id was handled before. Otherwise it calls handle and returns its error; only when
	// that is nil the id is remembered. Calls with one id take turns: the second waits until the first has ended, and
	// then finds it handled or calls its own handle. ctx ends the wait. handle doesn't panic.
	//
	// In PostgreSQL, for several processes: a transaction inserts the id into a unique column with ON CONFLICT DO
	// NOTHING, which waits for another that has inserted it; when the row is new it calls handle, which uses a
	// connection of its own; it commits, or rolls back on an error.
	Once(ctx context.Context, id string, handle func() error) error
}

// DefaultSeenLimit is how many ids a MemoryStore remembers unless told otherwise: some megabytes.
const DefaultSeenLimit = 10_000

// MemoryStore is a SeenStore for one process. It forgets everything with the process, and the oldest ids beyond its
// limit: their repeats are handled again.
type MemoryStore struct {
	mu    sync.Mutex
	limit int
	seen  map[string]bool
	order []string                 // the ids of seen, a ring once it is full
	next  int                      // where the oldest id of a full ring is
	open  map[string]chan struct{} // calls of handle that are under way; closed at their end
}

// NewMemoryStore returns a store that remembers the last limit ids, DefaultSeenLimit when that is 0 or less.
func NewMemoryStore(limit int) *MemoryStore {
	if limit <= 0 {
		limit = DefaultSeenLimit
	}
	return &MemoryStore{limit: limit, seen: map[string]bool{}, open: map[string]chan struct{}{}}
}

// Once is that of SeenStore.
func (s *MemoryStore) Once(ctx context.Context, id string, handle func() error) error {
	seen, err := s.begin(ctx, id)
	if seen || err != nil {
		return err
	}
	handled := false
	defer func() { s.end(id, handled) }() // whatever handle does
	err = handle()
	handled = err == nil
	return err
}

// begin waits for the id's turn. seen tells that there is nothing left to do; otherwise end must follow.
func (s *MemoryStore) begin(ctx context.Context, id string) (seen bool, err error) {
	for {
		s.mu.Lock()
		seen, other := s.seen[id], s.open[id]
		if !seen && other == nil {
			s.open[id] = make(chan struct{})
		}
		s.mu.Unlock()
		if seen || other == nil {
			return seen, nil
		}
		select {
		case <-other:
		case <-ctx.Done():
			return false, context.Cause(ctx)
		}
	}
}

func (s *MemoryStore) end(id string, handled bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.open[id])
	delete(s.open, id)
	if !handled {
		return
	}
	s.seen[id] = true
	if len(s.order) < s.limit {
		s.order = append(s.order, id)
		return
	}
	delete(s.seen, s.order[s.next])
	s.order[s.next] = id
	s.next = (s.next + 1) % s.limit
}
