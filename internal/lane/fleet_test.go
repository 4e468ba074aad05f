package lane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

const (
	// ofEach is how many postbacks each receiver of the fleet has coming.
	ofEach = 200
	// hasty replaces RequestLimit for the kinds that hold a request as long as they may; hours of them would be waited out.
	hasty = 100 * time.Millisecond
	// fleetMemory is how much the heap may grow, receivers and their ends of all connections included.
	fleetMemory = 64 << 20
	// fleetPatience bounds what one moment takes: the first is the delivery of half of all postbacks, and a machine may be
	// busy with other tests.
	fleetPatience = 3 * time.Minute
	pollEvery     = 4 * time.Millisecond
	// openPerEndpoint is less than the default: a connection's buffers are here twice, and kept at both ends.
	openPerEndpoint = 8
)

// TestFleet is the promise of the package, kept among receivers of every kind that was ever met or feared, half of which
// are dead for ever: whoever lives gets every postback, what the dead don't take is given up for everybody to see, and
// they cost next to nothing.
func TestFleet(t *testing.T) {
	log.SetOutput(io.Discard) // net/http tells there of an SSH banner that comes before the request has gone
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	// One after the other, since each looks at the memory and the goroutines of the whole process.
	t.Run("sqlite", func(t *testing.T) { runFleet(t, testkit.SQLite) })
	t.Run("postgres", func(t *testing.T) { runFleet(t, testkit.Postgres) })
}

func runFleet(t *testing.T, database func(testing.TB) string) {
	left := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, left) })
	f := newFleet(t, newWorld(t, database(t)))
	before := heapInUse()
	f.highest = before
	stop := f.run()
	f.untilTheEnd()
	stop()
	f.checkReceivers()
	f.checkAttempts()
	f.checkAlarms()
	for _, s := range f.senders {
		s.Close()
	}
	after := heapInUse()
	t.Logf("%d requests in %d moments of %v; the heap was %d KiB, %d KiB at most, %d KiB in the end",
		f.lane.Counters().Sent.Load(), f.moments, f.now().Sub(f.begin).Round(time.Minute), before>>10, f.highest>>10, after>>10)
	if max(f.highest, after) > before+fleetMemory {
		t.Errorf("the heap grew from %d MiB to %d MiB, in the end %d MiB", before>>20, f.highest>>20, after>>20)
	}
}

// heapInUse is what is in use after a collection.
func heapInUse() uint64 {
	runtime.GC()
	return heap()
}

func heap() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}

// fleetWorld is a world in which each merchant's server is one of a fleet's receivers.
type fleetWorld struct {
	*world
	receivers []*sim.Receiver // the first is merchant 1's
	fleets    []*sim.Fleet
	senders   []*sender.Sender
	lane      *Lane
	alarms    *lines
	begin     time.Time
	moments   int    // at which something was due
	highest   uint64 // heap in use
}

// newFleet starts every kind there is, and of the first healthy ones as many again as make up for the dead.
func newFleet(t *testing.T, w *world) *fleetWorld {
	f := &fleetWorld{world: w, begin: w.now(), alarms: &lines{}}
	healthy, dead := 0, 0
	for again := []string(nil); healthy == 0 || healthy < dead; { // nil: all kinds
		fleet, err := sim.NewFleet(sim.FleetOptions{
			Now: w.now, Seed: 1, Slow: time.Millisecond, Drip: time.Millisecond, UnknownName: "postback.invalid", Kinds: again,
		})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(fleet.Close)
		f.fleets = append(f.fleets, fleet)
		f.receivers = append(f.receivers, fleet.Receivers()...)
		var alive []string
		for _, r := range fleet.Receivers() {
			if r.Healthy {
				alive = append(alive, r.Name)
			}
		}
		healthy, dead = healthy+len(alive), dead+len(fleet.Receivers())-len(alive)
		again = alive[:min(10, max(dead-healthy, 0))]
	}
	if kinds := len(f.fleets[0].Receivers()); healthy != dead || kinds != len(sim.Kinds()) || kinds < 40 {
		t.Fatalf("%d kinds, %d healthy and %d dead receivers", kinds, healthy, dead)
	}
	f.addMerchants()
	return f
}

// addMerchants adds all merchants in one transaction, and their postbacks.
func (f *fleetWorld) addMerchants() {
	f.write(func(ctx context.Context, q *store.Queries) error {
		for i, r := range f.receivers {
			if err := q.InsertMerchant(ctx, f.merchantRow(merchant.ID(i+1), r.URL, "")); err != nil {
				return err
			}
		}
		return nil
	})
	for i := range f.receivers {
		f.postbacks(ofEach, merchant.ID(i+1), gateway.PostbackDeposit)
	}
}

// run starts a lane with senders as the product has them, but for the limit where that would be waited out.
func (f *fleetWorld) run() (stop func()) {
	config := sender.Config{
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, Delivered: postback.Delivered, Timeout: RequestLimit,
		Resolver: &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("there is no name server")
		}},
	}
	patient := sender.New(config)
	config.Timeout = hasty
	impatient := sender.New(config)
	f.senders = []*sender.Sender{patient, impatient}
	byURL := map[string]*sim.Receiver{}
	for _, r := range f.receivers {
		byURL[r.URL] = r
	}
	f.lane, stop = f.start(Config{PerEndpoint: openPerEndpoint, Logger: f.alarms.errors(), Send: func(ctx context.Context, request sender.Request) sender.Result {
		r := byURL[request.URL]
		request.Trust = sender.Trust{CA: r.CA, Pin: r.Pin}
		if r.Waits {
			return impatient.Send(ctx, request)
		}
		return patient.Send(ctx, request)
	}})
	return stop
}

// untilTheEnd lets time pass until no postback is pending: whenever nothing is under way or due, the clock moves on to
// when something is. A lane that polls comes a little late, too, and so finds several endpoints due: else each would have
// moments of its own.
func (f *fleetWorld) untilTheEnd() {
	for end := f.begin.Add(postback.Lifetime); ; f.moments++ {
		f.lane.Wake()
		next := f.rest()
		f.highest = max(f.highest, heap())
		switch {
		case f.pending() == 0:
			return
		case !f.now().Before(end):
			f.giveUp()
			return
		case next.IsZero() || next.After(end):
			next = end
		}
		f.clock.Set(next.Add(min(max(3*time.Second, next.Sub(f.begin)/16), 5*time.Minute)))
	}
}

func (f *fleetWorld) pending() int64 {
	return f.count("SELECT count(*) FROM postback WHERE state = 'pending'")
}

// giveUp waits until what is too old is given up. Where a lane was leased for a last try just then, that is the next time.
func (f *fleetWorld) giveUp() {
	for range 10 {
		for begin := time.Now(); time.Since(begin) < patience/4; time.Sleep(pollEvery) {
			if f.pending() == 0 {
				return
			}
		}
		f.rest()
		f.clock.Advance(exhaustEvery)
		f.lane.Wake()
	}
	f.t.Fatalf("%v after the credits %d postbacks are pending", f.now().Sub(f.begin), f.pending())
}

// rest waits until nothing is under way or due, and returns when something will be; zero: never again.
func (f *fleetWorld) rest() (next time.Time) {
	for begin := time.Now(); ; time.Sleep(pollEvery) {
		if time.Since(begin) > fleetPatience {
			f.t.Fatalf("%v after the credits something is due and not done", f.now().Sub(f.begin))
		}
		if c := f.lane.Counters(); c.Open.Load() > 0 || c.Sent.Load() > c.Delivered.Load()+c.Failed.Load()+c.Stale.Load() {
			continue
		}
		lanes, err := f.g.Lanes(context.Background())
		if err != nil {
			f.t.Fatal(err)
		}
		next = time.Time{}
		for _, lane := range lanes {
			if !lane.DueAt.IsZero() && (next.IsZero() || lane.DueAt.Before(next)) {
				next = lane.DueAt
			}
		}
		if next.IsZero() || next.After(f.now()) {
			return next
		}
	}
}

// checkReceivers compares what the receivers saw with what is stored.
func (f *fleetWorld) checkReceivers() {
	for i, r := range f.receivers {
		id, counts := merchant.ID(i+1), r.Counts()
		delivered, exhausted := f.of(id, gateway.PostbackDelivered), f.of(id, gateway.PostbackExhausted)
		switch {
		case r.Healthy:
			if delivered != ofEach || counts.Accepted != ofEach || counts.Postbacks != ofEach || counts.MostOpen != 1 {
				f.t.Errorf("%s: %d delivered, %d exhausted; it saw %+v", r.Name, delivered, exhausted, counts)
			}
		case exhausted != ofEach || counts.Accepted != 0 || counts.Requests > mostOfDead(r):
			f.t.Errorf("%s: %d exhausted, %d delivered; it saw %+v, at most %d requests are due to the dead", r.Name, exhausted, delivered, counts, mostOfDead(r))
		}
	}
	for _, fleet := range f.fleets {
		if n := fleet.Followed(); n != 0 {
			f.t.Errorf("%d redirects were followed", n)
		}
	}
}

// mostOfDead is how many requests all postbacks of a dead endpoint cost together. One is open at a time, as nothing was
// ever delivered there. 410 pauses at the first. Whatever else fails by itself, one postback after the other, opens the
// breaker after Strikes of them at the latest. From then on only the last of these is sent, which has made one of its
// Tries, and where the receiver answered, another beside it each time: it may be the one alone that is refused. None of the
// others came since a probe, so none is tried afresh. After its last try, the thirteenth failure of the endpoint in a row,
// the next probe with another is a day away, which is past the Lifetime of all.
func mostOfDead(r *sim.Receiver) int {
	if r.Name == "410" {
		return 1
	}
	return postback.Strikes + 2*(postback.Tries-1)
}

func (f *fleetWorld) of(id merchant.ID, state gateway.PostbackState) int64 {
	return f.count(fmt.Sprintf("SELECT count(*) FROM postback WHERE merchant_id = %d AND state = '%s'", id, state))
}

// checkAttempts: numbered from one without gaps, no more than Tries, and the last told the end.
func (f *fleetWorld) checkAttempts() {
	if n := f.count(fmt.Sprintf(`SELECT count(*) FROM postback p LEFT JOIN (
		SELECT postback_id, count(*) AS made, min(number) AS first, max(number) AS last FROM postback_attempt GROUP BY postback_id
	) a ON a.postback_id = p.id
	WHERE p.attempts > %d OR p.attempts <> COALESCE(a.made, 0) OR a.first <> 1 OR a.last <> a.made OR p.state = 'delivered' AND a.made IS NULL`, postback.Tries)); n != 0 {
		f.t.Errorf("%d postbacks have too many attempts, or gaps in their numbers", n)
	}
	c := f.lane.Counters()
	if attempts := f.count("SELECT count(*) FROM postback_attempt"); attempts != c.Sent.Load() || c.Stale.Load() != 0 || c.Faults.Load() != 0 {
		f.t.Errorf("%d attempts are stored of %d requests; %d records were refused, %d faults", attempts, c.Sent.Load(), c.Stale.Load(), c.Faults.Load())
	}
}

// checkAlarms: what was given up is in the log, that of an endpoint in one line but for what was given up by its last try;
// and who doesn't want any more.
func (f *fleetWorld) checkAlarms() {
	given, batches, paused := map[string]int{}, map[string]int{}, 0
	for line := range strings.Lines(f.alarms.String()) {
		switch shop, count := attr(line, "merchant"), attr(line, "count"); attr(line, "msg") {
		case "postback.exhausted":
			if n, err := strconv.Atoi(count); err == nil {
				given[shop] += n
				batches[shop]++
			} else {
				given[shop]++
			}
		case "postback.endpoint_paused":
			paused++
		default:
			f.t.Errorf("an alarm: %s", line)
		}
	}
	for i, r := range f.receivers {
		shop := fmt.Sprintf("shop%d", i+1)
		if want := map[bool]int{false: ofEach}[r.Healthy]; given[shop] != want || batches[shop] > 1 {
			f.t.Errorf("%s: alarms for %d postbacks, %d of them for many at once", r.Name, given[shop], batches[shop])
		}
	}
	if paused != 1 {
		f.t.Errorf("alarms for %d endpoints that are gone", paused)
	}
	if u, err := f.g.Undelivered(context.Background()); err != nil || u.Pending != 0 || int(u.Exhausted) != len(f.receivers)/2*ofEach {
		f.t.Errorf("undelivered: %+v, %v", u, err)
	}
}

// attr is the value of an attribute in a line of a log, "" without.
func attr(line, name string) string {
	_, rest, _ := strings.Cut(line, " "+name+"=")
	value, _, _ := strings.Cut(rest, " ")
	return strings.TrimSpace(value)
}
