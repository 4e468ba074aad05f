package torture

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/sim"
)

const (
	// workers are the clients that send at once.
	workers = 16
	// answerLimit is how long a client waits for an answer, then it asks again.
	answerLimit = 10 * time.Second
	// longestPause is how long a worker rests between orders, longestRetry between two tries of a request.
	longestPause, longestRetry = 40 * time.Millisecond, 40 * time.Millisecond
	// keptAnswer bounds what is read of an answer, in bytes.
	keptAnswer = 1 << 20
	// olderItems is how many items of evidence are sent again with a new one at most.
	olderItems = 3
)

// order is one payment and its life.
type order struct {
	id, number string
	amount     int64
	text       string // the amount as it is sent
	at         time.Time
	sms        sim.SMS
	credited   bool // told ok
}

// load is the clients: a merchant's backend, and a provider and a phone that report money.
type load struct {
	w         *world
	merchant  int64
	secret    string
	transfers source // takes structured transfers
	phone     source // takes messages
	bank      *sim.Bank
	client    *http.Client

	urls       atomic.Pointer[[]string] // of the servers that are meant to live
	underWay   atomic.Int64
	unanswered atomic.Int64
	faults     atomic.Int64 // answers that say that nothing is known to be decided
	answered   atomic.Int64
	repeats    atomic.Int64

	mu      sync.Mutex
	message sim.SMS // about the newest transfer
	serial  int
	random  *rand.Rand
	done    []*order // their lives are over, credited
	recent  []*order // credited since the last fault
	again   []*order // to be asked about again
	items   []item   // of evidence, acknowledged
	group   sync.WaitGroup
	end     context.CancelFunc // no new orders
	stop    context.CancelFunc // no more waiting for answers
	ended   context.Context
}

// source is who reports money, as `galla source add` made it.
type source struct {
	id    int64
	token string
}

// item is one report of money.
type item struct {
	o       *order
	message bool
}

// start lets the workers begin.
func (l *load) start(ctx context.Context) {
	var stopped context.Context
	stopped, l.stop = context.WithCancel(ctx)
	l.ended, l.end = context.WithCancel(stopped)
	for range workers {
		l.group.Go(func() {
			for l.ended.Err() == nil {
				if o := l.takeAgain(); o != nil {
					l.repeat(stopped, o)
				} else if l.chance(withdrawals) {
					l.w.payouts.bring(stopped)
				} else {
					l.bring(stopped, l.order())
				}
				pause(l.ended, longestPause)
			}
		})
	}
}

// finish lets the workers end what they have begun.
func (l *load) finish() {
	l.end()
	l.group.Wait()
}

// struck tells the load of a fault: what was acknowledged just before it is asked about first.
func (l *load) struck() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.again, l.recent = append(l.again, l.recent...), nil
}

func (l *load) takeAgain() *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.again) == 0 {
		return nil
	}
	o := l.again[0]
	l.again = l.again[1:]
	return o
}

// chance is true in percent of the cases.
func (l *load) chance(percent int) bool { return l.pick(100) < percent }

func (l *load) pick(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.random.IntN(n)
}

// repeat asks again about what was acknowledged.
func (l *load) repeat(ctx context.Context, o *order) {
	l.repeats.Add(1)
	if status, ok := l.activate(ctx, o, o.id, o.number); ok && status != "ok" {
		l.w.wrong("order %s was told ok, and is told %q after a fault", o.id, status)
	}
	if status, ok := l.report(ctx, false, item{o, false}); ok && status[0] != "duplicate" {
		l.w.wrong("transfer %s was acknowledged, and is told %q after a fault", o.number, status[0])
	}
}

// anybody is one of the servers that are meant to live, "" while there is none.
func (l *load) anybody() string {
	urls := *l.urls.Load()
	if len(urls) == 0 {
		return ""
	}
	return urls[rand.IntN(len(urls))]
}

// request sends until there is an answer that decides something, or ctx ends. from is the server that gave it.
func (l *load) request(ctx context.Context, path, bearer string, body []byte) (from string, answer []byte, ok bool) {
	for ctx.Err() == nil {
		if from = l.anybody(); from != "" {
			if answer, ok = l.try(ctx, from+path, bearer, body); ok {
				l.answered.Add(1)
				return from, answer, true
			}
		}
		pause(ctx, longestRetry)
	}
	return "", nil, false
}

// try sends once; false: the answer decides nothing.
func (l *load) try(ctx context.Context, url, bearer string, body []byte) ([]byte, bool) {
	header := http.Header{"Content-Type": {"application/json"}}
	if bearer != "" {
		header.Set("Authorization", "Bearer "+bearer)
	}
	l.underWay.Add(1)
	defer l.underWay.Add(-1)
	status, answer, err := l.post(ctx, url, header, body)
	switch {
	case err != nil:
		l.unanswered.Add(1)
		return nil, false
	case status >= http.StatusInternalServerError:
		l.fault(answer)
		return nil, false
	case status != http.StatusOK:
		l.w.wrong("%s was answered with code %d: %s", url, status, answer)
		return nil, false
	}
	return answer, true
}

func (l *load) post(ctx context.Context, url string, header http.Header, body []byte) (status int, answer []byte, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	request.Header = header
	response, err := l.client.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(response.Body, keptAnswer))
	return response.StatusCode, answer, err
}

// fault holds what a fault is answered: it may say that nothing is known, and never that something is refused.
func (l *load) fault(answer []byte) {
	l.faults.Add(1)
	var decoded struct{ Status string }
	if err := json.Unmarshal(answer, &decoded); err == nil && decoded.Status == "fail" {
		l.w.wrong("a fault was answered with fail: %s", answer)
	}
}

// activate claims a number for an order.
func (l *load) activate(ctx context.Context, o *order, id, number string) (status string, ok bool) {
	entry := l.w.book.askClaim(oracle.ToldClaim{Merchant: l.merchant, OrderID: id, Number: number, Amount: o.amount})
	body := encode(map[string]any{
		"currency_code": "INR", "wallet_type": "phone_pe", "label": "payer-" + id, "key1": number, "amount": o.text, "custom_transaction_id": id,
	})
	_, answer, ok := l.request(ctx, "/api/v1/transaction/activate", l.secret, body)
	if !ok {
		return "", false
	}
	var decoded struct{ Status string }
	if err := json.Unmarshal(answer, &decoded); err != nil {
		l.w.wrong("order %s was answered with what is no JSON: %s", id, answer)
	}
	if status = decoded.Status; status == "possible_transaction_created" {
		status = "possible"
	}
	l.w.book.answerClaim(entry, status)
	return status, true
}

// report sends items of evidence to one source, shuffled, and returns the answers in the order of the items.
func (l *load) report(ctx context.Context, message bool, items ...item) (statuses []string, ok bool) {
	from, path := l.transfers, "/evidence/v1/transfers"
	if message {
		from, path = l.phone, "/evidence/v1/messages"
	}
	order := make([]int, len(items))
	for i := range order {
		order[i] = i
	}
	rand.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	told, list := make([]oracle.ToldEvidence, len(items)), make([]any, len(items))
	for i, at := range order {
		told[i] = oracle.ToldEvidence{Source: from.id, Number: items[at].o.number, Amount: items[at].o.amount}
		list[i] = items[at].o.evidence(message)
	}
	first := l.w.book.askEvidence(told...)
	_, answer, ok := l.request(ctx, path, from.token, encode(list))
	if !ok {
		return nil, false
	}
	var decoded struct {
		Results []struct{ Status, Reason string }
	}
	if err := json.Unmarshal(answer, &decoded); err != nil || len(decoded.Results) != len(items) {
		l.w.wrong("evidence was answered with %s", answer)
		return nil, false
	}
	statuses = make([]string, len(items))
	for i, at := range order {
		statuses[at] = decoded.Results[i].Status
		l.w.book.answerEvidence(first+i, statuses[at])
		if statuses[at] != "created" && statuses[at] != "duplicate" {
			l.w.wrong("evidence of transfer %s was answered with %s %s", items[at].o.number, statuses[at], decoded.Results[i].Reason)
		}
	}
	return statuses, true
}

// evidence is an order's money as it is reported.
func (o *order) evidence(message bool) any {
	if message {
		return map[string]string{"sender": o.sms.Sender, "text": o.sms.Text, "received_at": o.sms.At.UTC().Format(time.RFC3339)}
	}
	return map[string]string{
		"reference": o.number, "amount": o.text, "currency": "INR", "occurred_at": o.at.UTC().Format(time.RFC3339), "payer": payer.VPA,
	}
}

// older are some items that were acknowledged before.
func (l *load) older(message bool) (list []item) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for range l.random.IntN(olderItems + 1) {
		if len(l.items) > 0 {
			it := l.items[l.random.IntN(len(l.items))]
			same := func(other item) bool { return other.o == it.o }
			if it.message == message && !slices.ContainsFunc(list, same) {
				list = append(list, it)
			}
		}
	}
	return list
}

func encode(value any) []byte {
	text, err := json.Marshal(value)
	if err != nil {
		panic("torture: " + err.Error()) // texts only
	}
	return text
}

// pause rests for up to d, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(rand.N(d))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
