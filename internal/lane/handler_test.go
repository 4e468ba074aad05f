package lane

import (
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

// The legacy keys of the merchants in these tests.
const (
	accessKey  = "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK"
	privateKey = "test_private_access_key"
)

// creditOf is what the genuine postback of an id says.
func creditOf(id int64) galla.Postback {
	return galla.Postback{
		WalletType: "phone_pe", Amount: money.Money{Minor: 50000 + id, Currency: money.INR}, Label: "₹ <b>&\u0001 é😀",
		Direction: galla.DirectionDeposit, CreatedDatetime: "2026-11-22 03:00:00", AccessKey: accessKey,
		Data: galla.PostbackData{
			ActivatedDatetime: "2026-11-22 03:00:00", StockpilingID: id, TransactionID: "321302038123", PluginCustomOrderID: "ord/1&2",
		},
	}
}

func genuineBody(id int64) string { return string(creditOf(id).AppendBody(nil, accessKey, privateKey)) }

// shop is a merchant's server that receives by package galla's handler.
type shop struct {
	*receiver
	w       *world
	handler http.Handler
	book    func(id int64, n int) error
	mu      sync.Mutex
	calls   map[int64]int
}

// shop adds a merchant with such a server. book may fail the n-th call (from 1) for a deposit; nil never fails.
func (w *world) shop(id merchant.ID, book func(id int64, n int) error) *shop {
	w.t.Helper()
	s := &shop{w: w, book: book, calls: map[int64]int{}}
	s.receiver = w.receiver(func(rw http.ResponseWriter, in *http.Request, _ int) { s.handler.ServeHTTP(rw, in) })
	w.merchant(id, s.URL, "")
	s.knows(w.secrets[id])
	return s
}

// knows starts the server anew, with these webhook secrets.
func (s *shop) knows(secrets ...string) {
	keys := galla.PostbackKeys{AccessKey: accessKey, PrivateKey: privateKey, WebhookSecrets: secrets}
	s.handler = galla.PostbackHandler(keys, galla.NewMemoryStore(0), s.handle,
		galla.WithNow(s.w.now), galla.WithLogger(slog.New(slog.DiscardHandler)))
}

func (s *shop) handle(p galla.Postback) error {
	id := p.Data.StockpilingID
	if p != creditOf(id) {
		s.w.t.Errorf("handle got %+v, want %+v", p, creditOf(id))
	}
	s.mu.Lock()
	s.calls[id]++
	n := s.calls[id]
	s.mu.Unlock()
	if s.book == nil {
		return nil
	}
	return s.book(id, n)
}

// called compares how often handle was called for a deposit.
func (s *shop) called(what string, id int64, want int) {
	s.w.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[id] != want {
		s.w.t.Errorf("%s: handle was called %d times, want %d", what, s.calls[id], want)
	}
}

// answered compares the kept attempts of a postback with what the handler should have answered.
func (w *world) answered(id int64, wantState string, want ...int) {
	w.t.Helper()
	const done, fault = `{"status":"ok"}`, `{"status":"error","message":"The postback could not be handled: send it again"}`
	state, attempts := w.stored(id)
	if state != wantState || len(attempts) != len(want) {
		w.t.Fatalf("postback %d: %s after %d attempts, want %s after %d", id, state, len(attempts), wantState, len(want))
	}
	for i, a := range attempts {
		if answer := string(a.Answer); int(a.Status) != want[i] || want[i] == 200 && answer != done || want[i] == 500 && answer != fault {
			w.t.Errorf("postback %d: attempt %d was answered %d %s, want %d", id, i+1, a.Status, answer, want[i])
		}
	}
}

// What handle fails on, by an error or a panic, comes again and is handled once.
func TestHandlerRetries(t *testing.T) {
	eachWorld(t, func(w *world) {
		s := w.shop(1, func(_ int64, n int) error {
			switch n {
			case 1:
				return errors.New("the bookkeeping is away")
			case 2:
				panic("out of paper")
			}
			return nil
		})
		id := w.postbacksWith(1, 1, gateway.PostbackDeposit, genuineBody)
		l, stop := w.start(Config{})
		for try := int64(1); try <= 3; try++ {
			l.Wake()
			w.eventually("one more attempt", func() bool { return l.Counters().Delivered.Load()+l.Counters().Failed.Load() == try })
			w.clock.Advance(40 * time.Second)
		}
		l.Wake()
		stop()
		w.answered(id, "delivered", 500, 500, 200)
		s.called("after two failures", id, 3)
	})
}

// A process dies before it has recorded that a postback was delivered. It is sent again, and handle isn't called.
func TestHandlerRepeats(t *testing.T) {
	eachWorld(t, func(w *world) {
		s := w.shop(1, nil)
		id := w.postbacksWith(1, 1, gateway.PostbackDeposit, genuineBody)
		dead := New(Config{Gateway: w.instance(), Now: w.now, Send: w.sender(0).Send})
		w.sendsAlone(dead) // its result is never recorded
		s.called("at first", id, 1)
		w.clock.Advance(gateway.PostbackLease)
		l, stop := w.start(Config{})
		l.Wake()
		w.delivered(1)
		stop()
		w.answered(id, "delivered", 200)
		s.called("after the repeat", id, 1)
		if sent := s.got(); len(sent) != 2 || sent[0].id != sent[1].id {
			t.Errorf("sent %+v", sent)
		}
	})
}

// A process froze past its lease while the merchant was still booking, so a second request for the postback comes beside
// the first. It is answered when the first is, and handle isn't called.
func TestHandlerTwoAtOnce(t *testing.T) {
	eachWorld(t, func(w *world) {
		booking, goOn := make(chan struct{}, 2), make(chan struct{})
		s := w.shop(1, func(int64, int) error {
			booking <- struct{}{}
			<-goOn
			return nil
		})
		id := w.postbacksWith(1, 1, gateway.PostbackDeposit, genuineBody)
		frozen := New(Config{Gateway: w.instance(), Now: w.now, Send: w.sender(0).Send})
		go w.sendsAlone(frozen)
		<-booking
		w.clock.Advance(gateway.PostbackLease)
		l, stop := w.start(Config{})
		l.Wake()
		w.eventually("the second request", func() bool { return len(s.got()) == 2 })
		s.called("beside the first", id, 1)
		close(goOn)
		w.delivered(1)
		stop()
		if first := <-frozen.ended; !first.attempt.Delivered {
			t.Errorf("the first was answered %d %s", first.attempt.Status, first.attempt.Answer)
		}
		w.answered(id, "delivered", 200)
		s.called("after both", id, 1)
		if s.overlaps != 1 {
			t.Errorf("%d requests came beside another", s.overlaps)
		}
	})
}

// While the webhook secret is rotated, a merchant that knows either or both receives; with a strange one it refuses.
func TestHandlerRotation(t *testing.T) {
	eachWorld(t, func(w *world) {
		s := w.shop(1, nil)
		first, second := w.secrets[1], w.secret(1)
		l, stop := w.start(Config{})
		for i, known := range [][]string{{first}, {second}, {second, first}} {
			s.knows(known...)
			w.postbacksWith(1, 1, gateway.PostbackDeposit, genuineBody)
			l.Wake()
			w.delivered(int64(i + 1))
		}
		s.knows("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
		strange := w.postbacksWith(1, 1, gateway.PostbackDeposit, genuineBody)
		l.Wake()
		w.eventually("a refusal", func() bool { return l.Counters().Failed.Load() == 1 })
		stop()
		w.answered(strange, "pending", 403)
		s.called("with a strange secret", strange, 0)
		for id := int64(1); id < strange; id++ {
			w.answered(id, "delivered", 200)
			s.called("during rotation", id, 1)
		}
	})
}
