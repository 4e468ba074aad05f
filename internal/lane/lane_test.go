package lane

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
)

// TestAnswers runs one receiver of each kind beside each other.
func TestAnswers(t *testing.T) {
	type receiving struct {
		name      string
		status    int
		body      string
		header    string // of Retry-After
		delivered bool
	}
	tests := []receiving{
		{"ok", 200, `{"status":"ok"}`, "", true},
		{"in capitals", 200, `{"status":"OK"}`, "", true},
		{"with more members", 200, ` {"a":[1],"status":"ok"} `, "", true},
		{"byte order mark", 200, "\ufeff{\"status\":\"ok\"}", "", true},
		{"long", 200, `{"status":"ok","padding":"` + strings.Repeat("x", 8<<10) + `"}`, "", true},
		{"created", 201, `{"status":"ok"}`, "", false},
		{"not found", 404, `{"status":"ok"}`, "", false},
		{"gone", 410, "", "", false},
		{"fault", 500, `{"status":"ok"}`, "", false},
		{"busy", 503, "", "600", false},
		{"wrong status", 200, `{"status":"fail"}`, "", false},
		{"text", 200, "ok", "", false},
		{"empty", 200, "", "", false},
		{"array", 200, `[{"status":"ok"}]`, "", false},
		{"twice", 200, `{"status":"ok"}{"status":"ok"}`, "", false},
		{"too long", 200, `{"status":"ok","padding":"` + strings.Repeat("x", 64<<10) + `"}`, "", false},
		{"elsewhere", 307, "", "", false},
	}
	eachWorld(t, func(w *world) {
		ids := map[int64]receiving{}
		for i, test := range tests {
			r := w.receiver(func(rw http.ResponseWriter, _ *http.Request, _ int) {
				if test.header != "" {
					rw.Header().Set("Retry-After", test.header)
				}
				if test.status == 307 {
					rw.Header().Set("Location", "/elsewhere")
				}
				rw.WriteHeader(test.status)
				io.WriteString(rw, test.body)
			})
			w.merchant(merchant.ID(i+1), r.URL+"/hook?token=1", "")
			ids[w.postbacks(1, merchant.ID(i+1), gateway.PostbackDeposit)] = test
		}
		l, stop := w.start(Config{})
		l.Wake()
		w.eventually("an attempt of each", func() bool { return w.count("SELECT count(*) FROM postback_attempt") == int64(len(tests)) })
		stop()
		for id, test := range ids {
			state, attempts := w.stored(id)
			if len(attempts) != 1 || (state == "delivered") != test.delivered || !test.delivered && state != "pending" {
				t.Errorf("%s: %s after %d attempts", test.name, state, len(attempts))
				continue
			}
			a := attempts[0]
			if int(a.Status) != test.status || !strings.HasPrefix(test.body, string(a.Answer)) || len(a.Answer) != min(len(test.body), 4<<10) ||
				!strings.HasPrefix(a.Address, "127.0.0.1:") || (a.Failure != "") != (test.name == "too long") {
				t.Errorf("%s: kept %+v", test.name, a)
			}
			wait := time.Duration(a.NextAt.Int64-w.now().UnixMicro()) * time.Microsecond
			switch {
			case test.delivered && a.NextAt.Valid:
				t.Errorf("%s: next try in %v", test.name, wait)
			case test.header != "" && wait != 10*time.Minute:
				t.Errorf("%s: Retry-After 600 gives a next try in %v", test.name, wait)
			case !test.delivered && test.header == "" && (wait < 4*time.Second || wait > 6*time.Second):
				t.Errorf("%s: next try in %v", test.name, wait)
			}
		}
		c := l.Counters()
		if c.Sent.Load() != 17 || c.Delivered.Load() != 5 || c.Failed.Load() != 12 || c.Open.Load() != 0 || c.Faults.Load() != 0 || c.Late.Load() != 0 {
			t.Errorf("sent %d, delivered %d, failed %d, open %d, faults %d, late %d", c.Sent.Load(), c.Delivered.Load(), c.Failed.Load(),
				c.Open.Load(), c.Faults.Load(), c.Late.Load())
		}
	})
}

// What every attempt carries: the stored bytes, one id, its own time, and both signatures while a secret is rotated.
func TestAttemptsOfOnePostback(t *testing.T) {
	eachWorld(t, func(w *world) {
		r := w.receiver(func(rw http.ResponseWriter, in *http.Request, n int) {
			if n < 3 {
				rw.WriteHeader(500)
				return
			}
			ok(rw, in, n)
		})
		w.merchant(1, r.URL, "")
		secrets := []string{w.secrets[1], w.secret(1)}
		id := w.postbacks(1, 1, gateway.PostbackDeposit)
		log := &lines{}
		l, stop := w.start(Config{Logger: log.logger()})
		var times []time.Time
		for try := 1; try <= 3; try++ {
			times = append(times, w.now())
			w.eventually("one more attempt", func() bool { return l.Counters().Delivered.Load()+l.Counters().Failed.Load() == int64(try) })
			w.clock.Advance(40 * time.Second)
			l.Wake()
		}
		stop()
		requests := r.got()
		if state, attempts := w.stored(id); state != "delivered" || len(attempts) != 3 || len(requests) != 3 {
			t.Fatalf("%s after %d attempts and %d requests", state, len(attempts), len(requests))
		}
		for i, got := range requests {
			if got.body != bodyOf(id) || got.id != webhookID(id) || got.header.Get("Content-Type") != "application/json" {
				t.Errorf("request %d: %+v", i, got)
			}
			for _, secret := range secrets {
				if err := galla.VerifyWebhook([]string{secret}, got.header, []byte(got.body), times[i], 0); err != nil {
					t.Errorf("request %d: %v", i, err)
				}
			}
		}
		if requests[0].timestamp == requests[1].timestamp {
			t.Error("the second attempt has the time of the first")
		}
		for _, want := range []string{"level=INFO msg=postback.sent postback=1 merchant=shop1 kind=deposit subject=1 webhook_id=msg_1 attempt=1 state=pending status=500",
			"attempt=3 state=delivered status=200"} {
			if !strings.Contains(log.String(), want) {
				t.Errorf("no %q in the log:\n%s", want, log)
			}
		}
		for _, secret := range secrets {
			if strings.Contains(log.String(), secret) {
				t.Error("the log holds a secret")
			}
		}
	})
}

func TestAddressIsTheOneAtSendTime(t *testing.T) {
	eachWorld(t, func(w *world) {
		broken := w.receiver(func(rw http.ResponseWriter, _ *http.Request, _ int) { rw.WriteHeader(500) })
		deposits, withdrawals, all := w.receiver(ok), w.receiver(ok), w.receiver(ok)
		w.merchant(1, broken.URL, withdrawals.URL)
		w.merchant(2, all.URL, "")
		w.postbacks(1, 1, gateway.PostbackDeposit)
		w.postbacks(1, 1, gateway.PostbackWithdrawal)
		w.postbacks(1, 2, gateway.PostbackDeposit)
		w.postbacks(1, 2, gateway.PostbackWithdrawal)
		l, _ := w.start(Config{})
		l.Wake()
		w.delivered(3)
		w.eventually("the fourth failed", func() bool { return l.Counters().Failed.Load() == 1 })
		// A paused merchant is still told of its money, at the new address.
		if _, err := w.beside().Exec("UPDATE merchant SET state = 'paused', postback_url = '" + deposits.URL + "' WHERE id = 1"); err != nil {
			t.Fatal(err)
		}
		if err := w.g.Reload(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.clock.Advance(10 * time.Second)
		l.Wake()
		w.delivered(4)
		if len(broken.got()) != 1 || len(deposits.got()) != 1 || len(withdrawals.got()) != 1 || len(all.got()) != 2 {
			t.Errorf("requests: %d, %d, %d, %d", len(broken.got()), len(deposits.got()), len(withdrawals.got()), len(all.got()))
		}
	})
}

// Failures that end before an HTTP answer, each with its kind.
func TestRequestsWithoutAnswer(t *testing.T) {
	eachWorld(t, func(w *world) {
		silent := w.receiver(func(_ http.ResponseWriter, in *http.Request, _ int) { <-in.Context().Done() })
		reset := w.receiver(func(http.ResponseWriter, *http.Request, int) { panic(http.ErrAbortHandler) })
		closed := w.receiver(ok)
		closed.Close()
		tests := []struct{ url, failure string }{
			{silent.URL, "timeout"}, {reset.URL, "connection"}, {closed.URL, "connect"},
			{"http://10.0.0.1/", "forbidden_address"}, {"", "url"}, {"ftp://127.0.0.1/", "url"},
		}
		for i, test := range tests {
			w.merchant(merchant.ID(i+1), test.url, "")
			w.postbacks(1, merchant.ID(i+1), gateway.PostbackDeposit)
		}
		l, stop := w.start(Config{Send: w.sender(300 * time.Millisecond).Send})
		l.Wake()
		w.eventually("all failed", func() bool { return l.Counters().Failed.Load() == int64(len(tests)) })
		stop()
		for i, test := range tests {
			state, attempts := w.stored(int64(i + 1))
			if len(attempts) != 1 || state != "pending" || attempts[0].Status != 0 || attempts[0].Failure != test.failure || attempts[0].Error == "" {
				t.Errorf("%s: %s, %+v", test.url, state, attempts)
			}
		}
	})
}

// A request ends before its lease does, even where clocks differ a little.
func TestTimesFit(t *testing.T) {
	if RequestLimit+5*time.Second > MinLeaseLeft || MinLeaseLeft >= gateway.PostbackLease {
		t.Error("a request could outlive its lease")
	}
}
