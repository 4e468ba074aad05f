package lane

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
)

const between = 2 * time.Second // how late something may be that is looked for every second

// script is a Send that answers what the test says and remembers what it was asked.
type script struct {
	answer func(id string, now time.Time) sender.Result
	mu     sync.Mutex
	sent   []sending
}

type sending struct {
	id string // webhook-id
	at time.Time
}

func (s *script) send(_ context.Context, r sender.Request) sender.Result {
	id, now := r.Header.Get("webhook-id"), time.Now()
	s.mu.Lock()
	s.sent = append(s.sent, sending{id, now})
	s.mu.Unlock()
	return s.answer(id, now)
}

// requests are those that were made so far, in their order.
func (s *script) requests() []sending {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]sending(nil), s.sent...)
}

// of are the times of the requests for a postback.
func (s *script) of(id int64) (times []time.Time) {
	for _, r := range s.requests() {
		if r.id == webhookID(id) {
			times = append(times, r.at)
		}
	}
	return times
}

func refused(status int) sender.Result { return sender.Result{Status: status} }

func asking(status int, pause time.Duration) sender.Result {
	return sender.Result{Status: status, RetryAfter: pause}
}

var (
	accepted    = sender.Result{Status: 200, Answer: []byte(`{"status":"ok"}`), Delivered: true}
	noAnswer    = sender.Result{Err: fmt.Errorf("connection refused"), ErrKind: sender.KindConnect}
	dead        = func(string, time.Time) sender.Result { return noAnswer }
	seldom      = func() time.Duration { return 4 * time.Hour }
	everySecond = func() time.Duration { return time.Second }
	everyMinute = func() time.Duration { return time.Minute }
)

// after lets virtual time pass. It ends at rest: what was due by then is done.
func after(d time.Duration) { time.Sleep(d + between) }

// endpoint is the breaker of merchant 1's deposits as stored.
func (w *world) endpoint() (state, reason string, failures int, probeAt time.Time) {
	w.t.Helper()
	var at int64
	row := w.g.Store().ReadPool().QueryRow("SELECT state, reason, failures, probe_at FROM endpoint WHERE merchant_id = 1 AND kind = 'deposit'")
	if err := row.Scan(&state, &reason, &failures, &at); err != nil {
		w.t.Fatal(err)
	}
	return state, reason, failures, time.UnixMicro(at)
}

// Of 200 postbacks that wait at a dead endpoint one is sent and charged, at each probe; at the end all are given up, with
// one alarm for all that were never sent.
func TestDeadEndpointCostsItsProbes(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://dead.example/", "")
		const waiting = 200
		w.postbacks(waiting, 1, gateway.PostbackDeposit)
		s, log := &script{answer: dead}, &lines{}
		l, stop := w.start(Config{Logger: log.errors(), Send: s.send, poll: seldom}) // when probes are due is remembered
		for hours := 8; hours < 80; hours += 8 {
			after(8*time.Hour - between)
			probes := len(s.requests())
			if tried := w.count("SELECT count(*) FROM postback WHERE attempts > 0"); tried != 1 || w.count("SELECT count(*) FROM postback_attempt") != int64(probes) {
				t.Fatalf("after %d h: %d requests for %d postbacks", hours, probes, tried)
			}
		}
		after(12 * time.Hour)
		stop()
		if n := len(s.requests()); n > postback.Tries || n < postback.Tries-1 {
			t.Errorf("%d requests", n)
		}
		if n := w.count("SELECT count(*) FROM postback WHERE state = 'exhausted'"); n != waiting || l.Counters().Exhausted.Load() != waiting {
			t.Errorf("%d are given up, counted %d", n, l.Counters().Exhausted.Load())
		}
		alarms := strings.Count(log.String(), "msg=postback.exhausted merchant=shop1 kind=deposit count=")
		if all := strings.Count(log.String(), "\n"); alarms != 1 || all > 2 {
			t.Errorf("the log: %s", log)
		}
	})
}

// A postback that the receiver alone refuses delays no other, however often it is tried.
func TestPoisonDelaysNobody(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://picky.example/", "")
		s := &script{answer: func(id string, _ time.Time) sender.Result {
			if id == webhookID(1) {
				return refused(500)
			}
			return accepted
		}}
		w.postbacks(1, 1, gateway.PostbackDeposit)
		l, stop := w.start(Config{Send: s.send, poll: everySecond})
		for range 60 {
			w.postbacks(3, 1, gateway.PostbackDeposit)
			written := time.Now()
			after(time.Minute)
			for id := w.last - 2; id <= w.last; id++ {
				if times := s.of(id); len(times) != 1 || times[0].Sub(written) > between {
					t.Fatalf("postback %d was written at %v and sent at %v", id, written, times)
				}
			}
			if state, _, _, _ := w.endpoint(); state != "closed" {
				t.Fatalf("the endpoint is %s", state)
			}
		}
		stop()
		if n := len(s.of(1)); n != 6 || l.Counters().Failed.Load() != 6 {
			t.Errorf("the poison was tried %d times within an hour", n)
		}
	})
}

// An endpoint that comes back is found by its next probe, and all that waited follows at once.
func TestEndpointComesBack(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://restarting.example/", "")
		const waiting = 200
		w.postbacks(waiting, 1, gateway.PostbackDeposit)
		back := time.Now().Add(3 * time.Hour)
		log := &lines{}
		s := &script{answer: func(_ string, now time.Time) sender.Result {
			if now.Before(back) {
				return refused(502)
			}
			return accepted
		}}
		_, stop := w.start(Config{Logger: log.logger(), Send: s.send, poll: seldom})
		time.Sleep(time.Until(back))
		state, reason, failures, probeAt := w.endpoint()
		probes := len(s.requests())
		if state != "open" || reason != "HTTP 502" || failures != probes || probeAt.Before(back) {
			t.Fatalf("it is %s (%s) after %d failures of %d requests, the next probe is at %v", state, reason, failures, probes, probeAt)
		}
		after(time.Until(probeAt))
		stop()
		for i, r := range s.requests()[probes:] {
			if late := r.at.Sub(probeAt); late < 0 || late > between || i == 0 && r.id != webhookID(1) {
				t.Fatalf("request %d for %s was made %v after the probe was due", i, r.id, late)
			}
		}
		if n := w.count("SELECT count(*) FROM postback WHERE state = 'delivered'"); n != waiting || len(s.requests()) != probes+waiting {
			t.Errorf("%d are delivered, by %d requests", n, len(s.requests())-probes)
		}
		if state, reason, failures, _ := w.endpoint(); state != "closed" || reason != "" || failures != 0 {
			t.Errorf("it is %s (%s) after %d failures", state, reason, failures)
		}
		for _, want := range []string{
			`level=WARN msg=postback.endpoint_opened merchant=shop1 kind=deposit reason="HTTP 502" probe_at=`,
			"level=INFO msg=postback.endpoint_closed merchant=shop1 kind=deposit\n",
		} {
			if strings.Count(log.String(), want) != 1 {
				t.Errorf("not once in the log: %s", want)
			}
		}
	})
}

// Who answers 410 is sent nothing any more: neither what waits nor what comes.
func TestGoneIsPaused(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://gone.example/", "")
		w.postbacks(20, 1, gateway.PostbackDeposit)
		s, log := &script{answer: func(string, time.Time) sender.Result { return refused(410) }}, &lines{}
		l, stop := w.start(Config{Logger: log.errors(), Send: s.send, poll: everyMinute})
		after(time.Hour)
		w.postbacks(5, 1, gateway.PostbackDeposit)
		l.Wake()
		after(2 * time.Hour)
		if state, reason, _, _ := w.endpoint(); state != "paused" || reason != postback.ReasonGone || len(s.requests()) != 1 {
			t.Errorf("it is %s (%s) after %d requests", state, reason, len(s.requests()))
		}
		if n := w.count("SELECT count(*) FROM postback WHERE state = 'pending' AND attempts = 0"); n != 24 {
			t.Errorf("%d wait", n)
		}
		if text := log.String(); text != "level=ERROR msg=postback.endpoint_paused merchant=shop1 kind=deposit reason=gone\n" {
			t.Errorf("the log: %s", text)
		}
		stop()
	})
}

// Retry-After holds the whole endpoint: what waits, and what comes meanwhile. An hour is the most, nonsense is nothing.
func TestRetryAfterHoldsTheEndpoint(t *testing.T) {
	tests := []struct {
		name     string
		answer   sender.Result
		from, to time.Duration // when the next request may be made
	}{
		{"ten minutes", asking(429, 10*time.Minute), 10 * time.Minute, 10*time.Minute + between},
		{"half an hour, unavailable", asking(503, 30*time.Minute), 30 * time.Minute, 30*time.Minute + between},
		{"for ever", asking(429, sender.MaxRetryAfter), time.Hour, time.Hour + between},
		{"negative", asking(429, -time.Hour), 4 * time.Second, 6*time.Second + between},
		{"nothing", asking(429, 0), 4 * time.Second, 6*time.Second + between},
	}
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		for _, test := range tests {
			first, begin := true, time.Now()
			s := &script{answer: func(string, time.Time) sender.Result {
				if first {
					first = false
					return test.answer
				}
				return accepted
			}}
			if w.last == 0 {
				w.merchant(1, "http://busy.example/", "")
			}
			l, stop := w.start(Config{Send: s.send, poll: everyMinute})
			w.postbacks(5, 1, gateway.PostbackDeposit)
			l.Wake()
			for range 70 { // something new each minute
				after(time.Minute - between)
				w.postbacks(1, 1, gateway.PostbackDeposit)
			}
			after(2 * time.Minute)
			stop()
			sent := s.requests()
			if len(sent) != 76 || sent[0].at.Sub(begin) > between {
				t.Fatalf("%s: %d requests, the first at %v", test.name, len(sent), sent[0].at.Sub(begin))
			}
			if wait := sent[1].at.Sub(sent[0].at); wait < test.from || wait > test.to || sent[1].id != sent[0].id {
				t.Errorf("%s: after %v %s was sent, after %s", test.name, wait, sent[1].id, sent[0].id)
			}
			if rest := sent[5].at.Sub(sent[1].at); rest > between {
				t.Errorf("%s: what waited was sent %v after", test.name, rest)
			}
		}
	})
}

// Who pays now doesn't wait for the probe of an endpoint that was dead for long: what came since the last probe is tried
// within FreshProbe of that, and once it is delivered everything else follows.
func TestFreshPostbackFindsTheEndpointAlive(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://back.example/", "")
		const waiting = 20
		w.postbacks(waiting, 1, gateway.PostbackDeposit)
		begin := time.Now()
		alive := begin.Add(100 * time.Hour)
		var mu sync.Mutex // of alive
		s := &script{answer: func(_ string, now time.Time) sender.Result {
			mu.Lock()
			defer mu.Unlock()
			if now.Before(alive) {
				return noAnswer
			}
			return accepted
		}}
		_, stop := w.start(Config{Send: s.send, poll: everyMinute})
		after(5 * time.Hour)
		// The first that comes is tried in vain. That is no reason to try another, or to probe later.
		_, _, failures, probeAt := w.endpoint()
		probes := len(s.requests())
		unheard := w.postbacks(2, 1, gateway.PostbackDeposit)
		after(postback.FreshProbe + time.Minute)
		if n, all := len(s.of(unheard)), len(s.requests()); n != 1 || all != probes+1 {
			t.Fatalf("%d requests for what came, %d in all", n, all-probes)
		}
		if _, _, now, at := w.endpoint(); now != failures || !at.Equal(probeAt) || time.Until(at) < time.Hour {
			t.Fatalf("the schedule of its probes moved: %d failures, probe at %v; before %d, %v", now, at, failures, probeAt)
		}
		mu.Lock()
		alive = time.Now()
		mu.Unlock()
		heard := w.postbacks(1, 1, gateway.PostbackDeposit)
		after(postback.FreshProbe + time.Minute)
		if sent := s.requests()[probes+1:]; len(sent) != waiting+3 || sent[0].id != webhookID(heard) || sent[waiting+2].at.Sub(sent[0].at) > between {
			t.Errorf("%+v", sent)
		}
		if n := w.count("SELECT count(*) FROM postback WHERE state = 'delivered'"); n != waiting+3 {
			t.Errorf("%d of %d are delivered", n, waiting+3)
		}
		stop()
	})
}
