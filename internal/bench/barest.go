package bench

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

// barest is the least that an API on these tables can be: it parses JSON, gathers what arrived while the last commit
// ran, runs the statements of an activation for all of it and answers. It judges nothing, signs nothing and knows no
// repeats: what is left is what the engine, net/http and encoding/json cost.
type barest struct {
	store   *store.Store
	tokens  map[string]int64 // "Bearer TOKEN" to merchant
	queue   chan *bareRequest
	writers sync.WaitGroup

	mu   sync.Mutex
	next int64 // of the units
}

type bareRequest struct {
	credit credit
	done   chan error
}

func newBarest(s *store.Store, tokens map[string]int64) *barest {
	b := &barest{store: s, tokens: tokens, queue: make(chan *bareRequest, gateway.MaxQueue)}
	for range gateway.Writers(s.Engine()) {
		b.writers.Go(b.write)
	}
	return b
}

// close stops the writers; no request may be open any more.
func (b *barest) close() {
	close(b.queue)
	b.writers.Wait()
}

// ServeHTTP serves one activation.
func (b *barest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var asked struct {
		Label string `json:"label"`
		Key1  string `json:"key1"`
		Order string `json:"custom_transaction_id"`
	}
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &asked)
	}
	merchant := b.tokens[r.Header.Get("Authorization")]
	if err != nil || merchant == 0 {
		http.Error(w, "bad request", http.StatusBadRequest)
		return
	}
	request := &bareRequest{done: make(chan error, 1), credit: credit{
		order: asked.Order, payer: asked.Label, number: asked.Key1, merchant: merchant,
	}}
	b.queue <- request
	if err := <-request.done; err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	io.WriteString(w, `{"status":"ok","amount":500}`) // an error means that the client is gone
}

func (b *barest) write() {
	for first := range b.queue {
		requests := append(make([]*bareRequest, 0, gateway.MaxBatch), first)
	gather:
		for len(requests) < gateway.MaxBatch {
			select {
			case request, open := <-b.queue:
				if !open {
					break gather
				}
				requests = append(requests, request)
			default:
				break gather
			}
		}
		err := b.commit(requests)
		for _, request := range requests {
			request.done <- err
		}
	}
}

func (b *barest) commit(requests []*bareRequest) error {
	credits := make([]credit, len(requests))
	b.mu.Lock()
	for i, request := range requests {
		credits[i] = request.credit
		credits[i].n = b.next
		b.next++
	}
	b.mu.Unlock()
	now := time.Now().UnixMicro()
	return b.store.WriteBatch(context.Background(), func(ctx context.Context, q *store.Queries) error {
		known := lookupsOf(credits, now)
		if err := known.find(ctx, q, credits); err != nil {
			return err
		}
		decided := savesOf(credits, now)
		return decided.write(ctx, q)
	})
}
