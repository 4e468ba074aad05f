package lane

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/testkit"
)

// eachVirtualWorld runs a story on both engines in virtual time: hours pass as soon as everybody waits for them.
func eachVirtualWorld(t *testing.T, story func(t *testing.T, w *world)) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		synctest.Test(t, func(t *testing.T) { story(t, newWorldAt(t, database, time.Now)) })
	})
}

func TestThirteenTriesThenExhausted(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(1, "http://dead.example/", "")
		w.merchant(2, "http://late.example/", "")
		begin := time.Now()
		w.postbacks(1, 1, gateway.PostbackDeposit)
		w.postbacks(1, 2, gateway.PostbackDeposit)
		var mu sync.Mutex
		tries := map[string][]time.Time{}
		const between = time.Second
		log := &lines{}
		l, stop := w.start(Config{
			Logger: log.logger(),
			poll:   func() time.Duration { return 100 * time.Hour }, // what is due later is remembered
			Send: func(ctx context.Context, r sender.Request) sender.Result {
				mu.Lock()
				defer mu.Unlock()
				tries[r.URL] = append(tries[r.URL], time.Now())
				if r.URL == "http://late.example/" && len(tries[r.URL]) == postback.Tries {
					return delivers(ctx, r)
				}
				return sender.Result{Status: 500, Answer: []byte("sorry")}
			},
		})
		l.Wake()
		for l.Counters().Exhausted.Load()+l.Counters().Delivered.Load() < 2 && time.Since(begin) < 100*time.Hour {
			time.Sleep(time.Minute)
		}
		time.Sleep(100 * time.Hour) // nothing is tried after the end
		stop()
		for url, times := range tries {
			if len(times) != postback.Tries {
				t.Fatalf("%s: %d tries, want %d", url, len(times), postback.Tries)
			}
			for i := 1; i < len(times); i++ {
				wait, planned := times[i].Sub(times[i-1]), postback.Schedule[i]
				if wait < planned*80/100 || wait > planned*120/100+between {
					t.Errorf("%s: try %d after %v, planned %v", url, i+1, wait, planned)
				}
			}
			if all := times[len(times)-1].Sub(begin); all > postback.Lifetime+between {
				t.Errorf("%s: the last try was after %v", url, all)
			}
		}
		for id, want := range map[int64]string{1: "exhausted", 2: "delivered"} {
			if state, attempts := w.stored(id); state != want || len(attempts) != postback.Tries {
				t.Errorf("postback %d is %s after %d attempts, want %s", id, state, len(attempts), want)
			}
		}
		u, err := w.g.Undelivered(t.Context())
		if err != nil || u.Pending != 0 || u.Exhausted != 1 {
			t.Errorf("undelivered: %+v, %v", u, err)
		}
		if c := l.Counters(); c.Exhausted.Load() != 1 || c.Delivered.Load() != 1 || c.Failed.Load() != 2*postback.Tries-1 {
			t.Errorf("exhausted %d, delivered %d, failed %d", c.Exhausted.Load(), c.Delivered.Load(), c.Failed.Load())
		}
		if !strings.Contains(log.String(), "level=ERROR msg=postback.exhausted postback=1 merchant=shop1") {
			t.Error("no alarm in the log")
		}
	})
}

// A request ends with its limit, whatever the receiver does, and that is a failed attempt like others.
func TestRequestLimit(t *testing.T) {
	eachVirtualWorld(t, func(t *testing.T, w *world) {
		w.merchant(merchant.ID(1), "http://slow.example/", "")
		id := w.postbacks(1, 1, gateway.PostbackDeposit)
		l, stop := w.start(Config{Send: func(ctx context.Context, _ sender.Request) sender.Result {
			start := time.Now()
			<-ctx.Done()
			if took := time.Since(start); took != RequestLimit {
				t.Errorf("the request ended after %v", took)
			}
			if !errors.Is(context.Cause(ctx), errTooSlow) {
				t.Errorf("it ended because of %v", context.Cause(ctx))
			}
			return sender.Result{Err: context.Cause(ctx), ErrKind: sender.KindTimeout, Duration: RequestLimit}
		}})
		for l.Counters().Failed.Load() == 0 {
			time.Sleep(time.Second)
		}
		stop()
		state, attempts := w.stored(id)
		if state != "pending" || len(attempts) != 1 || attempts[0].Failure != "timeout" || attempts[0].Duration != RequestLimit.Microseconds() {
			t.Errorf("%s, %+v", state, attempts)
		}
	})
}
