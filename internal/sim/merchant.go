package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"
)

// Reply is how a merchant answers a postback.
type Reply int

// The replies. Only the first three end a postback.
const (
	ReplyOK        Reply = iota // {"status":"ok"}
	ReplyCapitals               // {"status":"OK"} with more members
	ReplySlow                   // {"status":"ok"} after a while
	ReplyFault                  // 500 with a page
	ReplyWrongBody              // 200 with the text ok, which is no JSON object
	ReplyFail                   // 200 {"status":"fail"}
)

// slowReply is how long ReplySlow takes.
const slowReply = 2 * time.Second

// maxPostback bounds a body, in bytes, and keptPostbacks how many are remembered: the newest.
const (
	maxPostback   = 64 << 10
	keptPostbacks = 1000
)

// Postback is one request that a merchant received.
type Postback struct {
	At        time.Time
	WebhookID string
	Body      []byte
	Attempt   int // 1 for the first with this webhook-id

	Legacy  error // nil: the signature in the body is right
	Webhook error // nil: the webhook headers' signature is right

	DepositID int64 // of a withdrawal its number
	Order     string
	Payer     string // label
	Number    string
	Amount    json.Number
	Currency  string

	Withdrawal string // the merchant's id of a withdrawal that has ended, "" in postbacks about deposits
	Paid       bool   // how it ended

	Status int    // what was answered
	Answer string // likewise
	Taken  bool   // that answer ends it; else it is sent again
}

// Right reports whether both signatures were right.
func (p Postback) Right() bool { return p.Legacy == nil && p.Webhook == nil }

// Merchant is the part of a merchant's server that takes postbacks. It checks them as the documentation says, with
// code of its own, credits each deposit once however often it is told, and answers a repeat the same way.
type Merchant struct {
	keys    Keys
	now     func() time.Time
	replies func(Postback) Reply
	credit  func(Postback)

	mu       sync.Mutex
	attempts map[string]int
	credited map[int64]bool
	received []Postback
	changed  chan struct{} // closed and replaced when something came
}

// NewMerchant returns a merchant with its keys. replies says how a postback with right signatures is answered; nil is
// always ReplyOK. credit is told of each deposit once; nil is nobody.
func NewMerchant(keys Keys, now func() time.Time, replies func(Postback) Reply, credit func(Postback)) *Merchant {
	if replies == nil {
		replies = func(Postback) Reply { return ReplyOK }
	}
	if credit == nil {
		credit = func(Postback) {}
	}
	return &Merchant{
		keys: keys, now: now, replies: replies, credit: credit,
		attempts: map[string]int{}, credited: map[int64]bool{}, changed: make(chan struct{}),
	}
}

// ServeHTTP takes one postback.
func (m *Merchant) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPostback))
	if r.Method != http.MethodPost || err != nil {
		http.Error(w, "send a postback", http.StatusBadRequest)
		return
	}
	p := m.read(r.Header, body)
	p.Attempt = m.count(p.WebhookID)
	reply := ReplyFail
	if p.Right() {
		reply = m.replies(p)
	}
	if reply == ReplySlow && !sleep(r.Context(), slowReply) {
		return
	}
	if p.Taken = reply <= ReplySlow; p.Taken {
		m.creditOnce(p)
	}
	p.Status, p.Answer = reply.answer()
	m.keep(p)
	if p.Status == http.StatusOK {
		w.Header().Set("Content-Type", "application/json")
	}
	w.WriteHeader(p.Status)
	_, _ = io.WriteString(w, p.Answer) // the sender is gone: it will send again
}

// answer is what a reply looks like.
func (r Reply) answer() (status int, body string) {
	switch r {
	case ReplyCapitals:
		return http.StatusOK, `{"status":"OK","message":"thank you"}`
	case ReplyFault:
		return http.StatusInternalServerError, "<h1>500 Internal Server Error</h1>"
	case ReplyWrongBody:
		return http.StatusOK, "ok"
	case ReplyFail:
		return http.StatusOK, `{"status":"fail"}`
	}
	return http.StatusOK, `{"status":"ok"}`
}

// read checks a postback and takes from it what a shop needs.
func (m *Merchant) read(header http.Header, body []byte) Postback {
	p := Postback{
		At: m.now(), WebhookID: header.Get("webhook-id"), Body: body,
		Legacy: m.keys.VerifyLegacy(body), Webhook: m.keys.VerifyWebhook(header, body, m.now()),
	}
	var fields struct {
		Direction      string      `json:"direction"`
		Amount         json.Number `json:"amount"`
		Currency       string      `json:"currency_code"`
		Label          string      `json:"label"`
		AdditionalData []struct {
			DepositID  int64  `json:"stockpiling_id"`
			Number     string `json:"transaction_id"`
			Order      string `json:"plugin_custom_order_id"`
			Withdrawal string `json:"withdrawal_id"`
			Ended      int    `json:"withdrawal_status"`
		} `json:"additional_data"`
	}
	if err := json.Unmarshal(body, &fields); err != nil || len(fields.AdditionalData) != 1 {
		p.Legacy = fmt.Errorf("the body isn't that of a postback")
		return p
	}
	data := fields.AdditionalData[0]
	p.Amount, p.Currency, p.Payer = fields.Amount, fields.Currency, fields.Label
	p.DepositID, p.Number, p.Order = data.DepositID, data.Number, data.Order
	if fields.Direction == outgoing {
		p.Withdrawal, p.Paid = data.Withdrawal, data.Ended == withdrawalPaid
	}
	return p
}

// count says which attempt a request is.
func (m *Merchant) count(webhookID string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.attempts[webhookID]++
	return m.attempts[webhookID]
}

// What a postback about a withdrawal says.
const (
	outgoing       = "outgoing"
	withdrawalPaid = 1
)

func (m *Merchant) creditOnce(p Postback) {
	if p.Withdrawal != "" {
		return // money that left is nobody's deposit
	}
	m.mu.Lock()
	known := m.credited[p.DepositID]
	m.credited[p.DepositID] = true
	m.mu.Unlock()
	if !known {
		m.credit(p)
	}
}

func (m *Merchant) keep(p Postback) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.received = append(m.received, p)
	if len(m.received) > keptPostbacks {
		m.received = m.received[len(m.received)-keptPostbacks:]
	}
	close(m.changed)
	m.changed = make(chan struct{})
}

// Received returns the newest requests, in the order in which they were answered.
func (m *Merchant) Received() []Postback {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]Postback(nil), m.received...)
}

// Credited is how many different deposits were credited.
func (m *Merchant) Credited() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.credited)
}

// Wait returns the first postback about the order, as soon as it has come.
func (m *Merchant) Wait(ctx context.Context, order string) (Postback, error) {
	return m.wait(ctx, "order "+order, func(p Postback) bool { return p.Order == order && p.Withdrawal == "" })
}

// WaitPayout returns the first postback about a withdrawal by the merchant's id, as soon as it has come.
func (m *Merchant) WaitPayout(ctx context.Context, id string) (Postback, error) {
	return m.wait(ctx, "withdrawal "+id, func(p Postback) bool { return p.Withdrawal == id })
}

func (m *Merchant) wait(ctx context.Context, what string, is func(Postback) bool) (Postback, error) {
	for {
		m.mu.Lock()
		changed, at := m.changed, slices.IndexFunc(m.received, is)
		if at >= 0 {
			defer m.mu.Unlock()
			return m.received[at], nil
		}
		m.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return Postback{}, fmt.Errorf("no postback about %s came: %w", what, ctx.Err())
		}
	}
}

// sleep waits unless ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
