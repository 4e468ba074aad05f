package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// acknowledged is one line of the book: who was answered ok, by which instance, and when.
type acknowledged struct {
	number, order string
	instance      int
	at            time.Time
}

// load is payments under way. Each is repeated until it is answered, at the other instance after a fault. What was answered ok
// stands in a book that no database knows of.
type load struct {
	site  *site
	http  *http.Client
	next  atomic.Int64
	ended chan struct{}
	once  sync.Once
	group sync.WaitGroup

	mu       sync.Mutex
	book     []acknowledged
	repeated int64
	failure  string
}

func startLoad(s *site, clients int) *load {
	l := &load{site: s, ended: make(chan struct{}), http: &http.Client{
		Timeout: 45 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: clients},
	}}
	for i := range clients {
		l.group.Go(func() { l.client(i) })
	}
	return l
}

// stop lets what is under way come to its answer.
func (l *load) stop() {
	l.once.Do(func() { close(l.ended) })
	l.group.Wait()
}

func (l *load) client(i int) {
	instance := i % 2
	for {
		select {
		case <-l.ended:
			return
		default:
		}
		n := l.next.Add(1)
		number, order := fmt.Sprintf("%012d", 300_000_000_000+n), fmt.Sprintf("order-%d", n)
		transfer := map[string]any{"reference": number, "amount": "500.00", "currency": "INR", "payer": "payer@ybl", "occurred_at": time.Now().UTC().Format(time.RFC3339)}
		if !l.until(&instance, "/evidence/v1/transfers", l.site.source, transfer, func(answer []byte) bool {
			return bytes.Contains(answer, []byte(`"status":"created"`)) || bytes.Contains(answer, []byte(`"status":"duplicate"`))
		}) {
			return
		}
		claim := map[string]any{"currency_code": "INR", "wallet_type": "phone_pe", "label": order, "key1": number, "amount": 500, "custom_transaction_id": order}
		if !l.until(&instance, "/api/v1/transaction/activate", l.site.secret, claim, func(answer []byte) bool {
			return bytes.Contains(answer, []byte(`"status":"ok"`))
		}) {
			return
		}
		l.mu.Lock()
		l.book = append(l.book, acknowledged{number, order, instance, time.Now()})
		l.mu.Unlock()
	}
}

// giveUp bounds how long one request is repeated after the load has ended.
const giveUp = 60 * time.Second

// until repeats a request until it is answered as it must be.
func (l *load) until(instance *int, path, token string, body any, done func([]byte) bool) bool {
	text, err := json.Marshal(body)
	if err != nil {
		return false
	}
	for begin := time.Now(); ; {
		answer, err := l.post(l.site.addresses[*instance]+path, token, text)
		if err == nil && done(answer) {
			return true
		}
		l.mu.Lock()
		l.repeated++
		l.failure = fmt.Sprintf("%.200s %v", answer, err)
		l.mu.Unlock()
		*instance = 1 - *instance
		if time.Since(begin) > giveUp {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func (l *load) post(url, token string, body []byte) ([]byte, error) {
	request, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+token)
	request.Header.Set("Content-Type", "application/json")
	response, err := l.http.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", response.StatusCode)
	}
	return answer, err
}

func (l *load) count() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int64(len(l.book))
}

// firstAfter is when an instance first answered ok after a time.
func (l *load) firstAfter(instance int, after time.Time) (time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, a := range l.book {
		if a.instance == instance && a.at.After(after) {
			return a.at, true
		}
	}
	return time.Time{}, false
}

func (l *load) lastError() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.failure
}
