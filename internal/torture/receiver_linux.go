package torture

import (
	"cmp"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/sim"
)

const (
	// maxPostback bounds a body, in bytes.
	maxPostback = 64 << 10
	// One of refuseEvery messages is refused when it comes first.
	refuseEvery = 20
)

// receiver is the merchant's server. It checks postbacks with the code of a merchant, which is none of Galla's.
type receiver struct {
	book  *book
	now   func() time.Time
	wrong func(format string, args ...any)
	url   string
	http  *http.Server

	mu       sync.Mutex
	keys     sim.Keys
	merchant int64
	bodies   map[string]string // by webhook-id
	told     map[string]bool   // orders and withdrawals of which a postback was taken
}

func newReceiver(b *book, now func() time.Time, wrong func(string, ...any)) (*receiver, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &receiver{book: b, now: now, wrong: wrong, url: "http://" + listener.Addr().String() + "/", bodies: map[string]string{}, told: map[string]bool{}}
	r.http = &http.Server{Handler: r, ReadHeaderTimeout: startLimit}
	go func() { _ = r.http.Serve(listener) }() // ends with close
	return r, nil
}

// open gives the receiver the merchant's keys, which it has once it is added.
func (r *receiver) open(merchant int64, keys sim.Keys) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.merchant, r.keys = merchant, keys
}

// ServeHTTP takes one postback.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(io.LimitReader(request.Body, maxPostback))
	if err != nil {
		return // its sender was killed: nothing has come
	}
	var content struct {
		AdditionalData []struct {
			Order      string `json:"plugin_custom_order_id"`
			Withdrawal string `json:"withdrawal_id"`
		} `json:"additional_data"`
	}
	id := request.Header.Get("webhook-id")
	r.mu.Lock()
	keys, merchant := r.keys, r.merchant
	before, repeated := r.bodies[id]
	r.bodies[id] = string(body)
	r.mu.Unlock()
	legacy, webhook := keys.VerifyLegacy(body), keys.VerifyWebhook(request.Header, body, r.now())
	right := legacy == nil && webhook == nil
	entry := r.book.postback(oracle.SeenPostback{Merchant: merchant, WebhookID: id, Body: string(body), Verified: right})
	if err := json.Unmarshal(body, &content); err != nil || len(content.AdditionalData) != 1 || !right {
		r.wrong("a postback %s came that isn't right: %v, %v, %v", id, err, legacy, webhook)
		http.Error(w, "not right", http.StatusBadRequest)
		return
	}
	if repeated && before != string(body) {
		r.wrong("postback %s came with two bodies", id)
	}
	if !repeated && rand.IntN(refuseEvery) == 0 {
		http.Error(w, "not now", http.StatusInternalServerError)
		return
	}
	if _, err := io.WriteString(w, `{"status":"ok"}`); err == nil {
		r.book.acknowledged(entry)
		r.mu.Lock()
		r.told[cmp.Or(content.AdditionalData[0].Withdrawal, content.AdditionalData[0].Order)] = true
		r.mu.Unlock()
	}
}

// missing is how many of these orders and withdrawals no postback told of, or told of without being taken.
func (r *receiver) missing(ids ...string) (n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, id := range ids {
		if !r.told[id] {
			n++
		}
	}
	return n
}

func (r *receiver) close() error { return r.http.Close() }
