package sim_test

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/testkit"
)

// outcomes is what a sender makes of the kinds that never take a postback: the status of a whole answer, or the kind of
// error.
var outcomes = map[string]string{
	"key-in-capitals": "200", "fail": "200", "nested": "200", "array": "200", "string": "200", "text": "200", "empty": "200",
	"half-an-object": "200", "two-objects": "200", "page-around": "200", "201": "201", "204": "204", "301": "301", "307": "307",
	"308": "308", "404": "404", "410": "410", "429-huge": "429", "500": "500", "502": "502", "503": "503",

	"endless": sender.KindAnswer, "gigabyte": sender.KindAnswer, "gigabyte-declared": sender.KindAnswer, "gzip-bomb": "200",
	"too-short": sender.KindConnection, "unfinished-chunks": sender.KindConnection,
	"two-lengths": sender.KindAnswer, "negative-length": sender.KindAnswer, "broken-chunk": sender.KindAnswer,

	"endless-headers": sender.KindAnswer, "long-header": sender.KindAnswer, "hints-for-ever": sender.KindAnswer,
	"switches-protocols": "101", "wrong-version": sender.KindAnswer, "wrong-status-line": sender.KindAnswer,
	"wrong-header": sender.KindAnswer, "http0.9": sender.KindAnswer, "ssh": eitherWay,
	"closes-before-reading": sender.KindConnection, "closes-without-answer": sender.KindConnection,
	"resets": sender.KindConnection, "resets-halfway": sender.KindConnection,
	"nobody-listens": sender.KindConnect, "unknown-name": sender.KindDNS,

	"tls-expired": sender.KindTLS, "tls-self-signed": sender.KindTLS, "tls-wrong-name": sender.KindTLS,
	"tls-wrong-root": sender.KindTLS, "tls-wrong-pin": sender.KindTLS, "tls-1.1": sender.KindTLS,
	"tls-asks-certificate": eitherWay, "tls-is-plain": sender.KindTLS, "http2-resets": sender.KindConnection,

	"never-answers": sender.KindTimeout, "stops-halfway": sender.KindTimeout, "drips-for-ever": sender.KindTimeout,
	"drips-header": sender.KindTimeout, "never-reads": sender.KindTimeout, "never-accepts": sender.KindTimeout,
	"full-queue": sender.KindTimeout, "tls-never-shakes-hands": sender.KindTimeout, "http2-never-answers": sender.KindTimeout,
}

// eitherWay is the outcome of what is closed while the sender still writes: it may see the text, or that nobody reads on.
const eitherWay = "not delivered"

// Limits of the senders. Patient ones meet what ends by itself; the limit is there for a test that is wrong.
const (
	patient = time.Minute
	hasty   = 100 * time.Millisecond
)

// fleetSender is a sender as the product makes it, that may reach loopback. Names are looked up nowhere.
func fleetSender(t *testing.T, limit time.Duration) *sender.Sender {
	s := sender.New(sender.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Delivered: postback.Delivered, Timeout: limit,
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("there is no name server")
		}},
	})
	t.Cleanup(s.Close)
	return s
}

// newFleet starts a fleet, and sees that nothing is left of it after the test.
func newFleet(t *testing.T, options sim.FleetOptions) *sim.Fleet {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
	options.Now = testkit.NewClock().Now
	options.UnknownName = "postback.invalid"
	options.Slow, options.Drip = time.Millisecond, time.Millisecond
	f, err := sim.NewFleet(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// deliver makes one attempt.
func deliver(t *testing.T, s *sender.Sender, r *sim.Receiver, id string) sender.Result {
	return s.Send(t.Context(), sender.Request{
		URL: r.URL, Body: []byte(`{"signature":"` + strings.Repeat("0", 700) + `"}`),
		Header: http.Header{"Webhook-Id": {id}}, Trust: sender.Trust{CA: r.CA, Pin: r.Pin},
	})
}

// Every healthy receiver takes each postback within a few attempts, and takes it again when it is repeated.
func TestHealthyReceivers(t *testing.T) {
	f := newFleet(t, sim.FleetOptions{Seed: 1})
	s := fleetSender(t, patient)
	var group sync.WaitGroup
	healthy := 0
	for _, r := range f.Receivers() {
		if r.Healthy {
			healthy++
			group.Go(func() { takesAll(t, s, r) })
		}
	}
	group.Wait()
	if healthy < 20 {
		t.Errorf("%d healthy kinds", healthy)
	}
}

func takesAll(t *testing.T, s *sender.Sender, r *sim.Receiver) {
	const postbacks, attempts = 7, 30
	// On a connection that was used before, an attempt that is broken off is repeated at once.
	repeated := r.Name == "breaks-off-once"
	total := 0
	for n := range postbacks {
		id := fmt.Sprint("msg_", n)
		for attempt := 1; ; attempt++ {
			result := deliver(t, s, r, id)
			if of := r.Of(id); of.Requests != attempt && !repeated || of.Accepted != result.Delivered {
				t.Errorf("%s: the receiver counts %+v of attempt %d, which came to %+v", r.Name, of, attempt, result)
			}
			if result.Delivered {
				break
			}
			if attempt == attempts {
				t.Errorf("%s: not delivered after %d attempts: %+v", r.Name, attempt, result)
				return
			}
		}
		if result := deliver(t, s, r, id); !result.Delivered {
			t.Errorf("%s: a repeat is answered with %d %s %v", r.Name, result.Status, result.Answer, result.Err)
		}
		total += r.Of(id).Requests
	}
	want := sim.Counts{Requests: total, Postbacks: postbacks, Accepted: postbacks, MostOpen: 1}
	if got := r.Counts(); got != want {
		t.Errorf("%s: %+v, want %+v", r.Name, got, want)
	}
}

// No other receiver ever takes one, and each fails the way it should.
func TestDeadReceivers(t *testing.T) {
	log.SetOutput(io.Discard) // net/http tells there of an SSH banner that comes before the request has gone
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	f := newFleet(t, sim.FleetOptions{})
	slow, quick := fleetSender(t, patient), fleetSender(t, hasty)
	var group sync.WaitGroup
	dead := 0
	for _, r := range f.Receivers() {
		if r.Healthy {
			continue
		}
		dead++
		s := slow
		if r.Waits {
			s = quick
		}
		group.Go(func() { takesNone(t, s, r) })
	}
	group.Wait()
	if dead != len(outcomes) || len(f.Receivers()) < 40 || dead*2 < len(f.Receivers()) {
		t.Errorf("%d of %d kinds are dead; the table has %d", dead, len(f.Receivers()), len(outcomes))
	}
	if n := f.Followed(); n != 0 {
		t.Errorf("%d redirects were followed", n)
	}
}

func takesNone(t *testing.T, s *sender.Sender, r *sim.Receiver) {
	const attempts = 3
	for range attempts {
		result := deliver(t, s, r, "msg_1")
		outcome := result.ErrKind
		if result.Err == nil {
			outcome = strconv.Itoa(result.Status)
		}
		if want := outcomes[r.Name]; result.Delivered || outcome != want && want != eitherWay {
			t.Errorf("%s: %s, want %q: %+v", r.Name, outcome, want, result)
		}
	}
	counts := r.Counts()
	if counts.Accepted != 0 || counts.Requests > attempts {
		t.Errorf("%s: %+v", r.Name, counts)
	}
	if strings.HasPrefix(r.Name, "tls-") && !r.Waits && counts.Requests != 0 {
		t.Errorf("%s was sent %d requests before it was believed", r.Name, counts.Requests)
	}
}

// What receivers send without end, or too much of, takes no memory: neither the sender's nor theirs.
func TestFloodsTakeNoMemory(t *testing.T) {
	const perAttempt = 8 << 20
	f := newFleet(t, sim.FleetOptions{Kinds: []string{
		"endless", "gigabyte", "gigabyte-declared", "gzip-bomb", "endless-headers", "long-header", "hints-for-ever", "drips-for-ever",
	}})
	s := fleetSender(t, hasty)
	for _, r := range f.Receivers() {
		deliver(t, s, r, "msg_1") // makes what is made once
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const attempts = 3
		for range attempts {
			deliver(t, s, r, "msg_1")
		}
		runtime.ReadMemStats(&after)
		if each := (after.TotalAlloc - before.TotalAlloc) / attempts; each > perAttempt {
			t.Errorf("%s: an attempt allocates %d bytes", r.Name, each)
		}
	}
}

// The receivers speak the protocols that they are named after, and one says goodbye with GOAWAY.
func TestReceiversOverTLS(t *testing.T) {
	f := newFleet(t, sim.FleetOptions{Kinds: []string{"tls", "http2", "http2-goodbye"}})
	for _, r := range f.Receivers() {
		roots := x509.NewCertPool()
		roots.AppendCertsFromPEM([]byte(r.CA))
		client := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
		connections := 0
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(info httptrace.GotConnInfo) {
			if !info.Reused {
				connections++
			}
		}})
		for range 9 {
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, r.URL, nil)
			answer, err := client.RoundTrip(request)
			if err != nil {
				t.Fatalf("%s: %v", r.Name, err)
			}
			io.Copy(io.Discard, answer.Body)
			answer.Body.Close()
			if want := map[string]string{"tls": "HTTP/1.1"}[r.Name]; answer.Proto != cmp.Or(want, "HTTP/2.0") {
				t.Errorf("%s speaks %s", r.Name, answer.Proto)
			}
		}
		client.CloseIdleConnections()
		if goodbye := r.Name == "http2-goodbye"; goodbye != (connections > 1) {
			t.Errorf("%s: %d connections", r.Name, connections)
		}
	}
}

// Close ends what still hangs: nobody waits for his limit then.
func TestFleetIsClosedWhileRequestsHang(t *testing.T) {
	kinds := []string{
		"never-answers", "stops-halfway", "drips-for-ever", "drips-header", "never-reads", "tls-never-shakes-hands", "http2-never-answers",
	}
	f := newFleet(t, sim.FleetOptions{Kinds: kinds})
	s := fleetSender(t, patient)
	results := make(chan sender.Result, len(kinds))
	for _, r := range f.Receivers() {
		go func() { results <- deliver(t, s, r, "msg_1") }()
	}
	for _, r := range f.Receivers() {
		for start := time.Now(); r.Counts().Requests == 0; time.Sleep(time.Millisecond) {
			if time.Since(start) > patient {
				t.Fatalf("%s was never reached", r.Name)
			}
		}
	}
	f.Close()
	f.Close()
	for range kinds {
		if result := <-results; result.Delivered || result.ErrKind == sender.KindTimeout {
			t.Errorf("%+v", result)
		}
	}
}

func TestFleetOptions(t *testing.T) {
	if _, err := sim.NewFleet(sim.FleetOptions{}); err == nil {
		t.Error("a fleet without a clock")
	}
	now := testkit.NewClock().Now
	if _, err := sim.NewFleet(sim.FleetOptions{Now: now, Kinds: []string{"ok", "nonsense"}}); err == nil || !strings.Contains(err.Error(), `"nonsense"`) {
		t.Errorf("an unknown kind: %v", err)
	}
	f, err := sim.NewFleet(sim.FleetOptions{Now: now})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	names := map[string]bool{}
	for _, r := range f.Receivers() {
		names[r.Name] = true
		if host := strings.Split(r.URL, "/")[2]; !strings.HasPrefix(host, "127.0.0.1:") {
			t.Errorf("%s is at %s, which isn't loopback", r.Name, r.URL)
		}
	}
	if all := sim.Kinds(); len(names) != len(all)-1 || len(names) != len(f.Receivers()) || names["unknown-name"] {
		t.Errorf("%d names of %d receivers and %d kinds; unknown-name alone should be missing", len(names), len(f.Receivers()), len(all))
	}
}
