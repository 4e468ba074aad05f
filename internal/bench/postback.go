package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/lane"
	"github.com/galla-gateway/galla/internal/sender"
	"github.com/galla-gateway/galla/internal/store"
)

// Shape of a run.
const (
	// MaxEndpoints bounds the receivers: each has a port of its own.
	MaxEndpoints = 5000

	postbackRounds = 3
	insertSize     = 500 // postbacks of one transaction
	drainLimit     = 2 * time.Minute
	idleRate       = 20 // activations a second on an idle system
	idleLength     = 5 * time.Second
	// wireLatency is how long the last postbacks may take after the last activation.
	wireLatency = 30 * time.Second
)

// PostbackOptions of Postbacks.
type PostbackOptions struct {
	// Endpoints is how many merchants are told, each at a port of its own.
	Endpoints int
	// Duration is how long deliveries are measured, and the raw limit as long.
	Duration time.Duration
	// Rate is how many activations a second make the postbacks whose latency is measured, for Duration.
	Rate int64
	// Sustain is how long Clients activate as fast as they are answered while what they wrote is delivered; 0: not at all.
	Sustain time.Duration
	Clients int
	// Fleet measures latency at Rate once more, in turns without and beside sick receivers of every kind (sim.NewFleet), each
	// with postbacks waiting. What hangs is waited for, so that takes longer than its turns.
	Fleet bool
	// Database is as in Options.
	Database string
	// Profile, if not nil, takes a CPU profile of the last backlog's delivery, or of what Sustain asks for.
	Profile  io.Writer
	Progress func(Step)

	fleetKinds []string // nil: all
}

// Check says what can't be measured.
func (o *PostbackOptions) Check() error {
	switch {
	case o.Endpoints < 1 || o.Endpoints > MaxEndpoints:
		return fmt.Errorf("endpoints: expected 1 to %d", MaxEndpoints)
	case o.Duration < minDuration || o.Duration > maxDuration:
		return fmt.Errorf("duration: expected %v to %v", minDuration, maxDuration)
	case o.Sustain < 0 || o.Sustain > maxDuration:
		return fmt.Errorf("sustain: expected 0 to %v", maxDuration)
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("clients: expected 1 to %d", MaxClients)
	case o.Rate < 1 || o.Rate > 1_000_000:
		return errors.New("rate: expected 1 to 1000000 per second")
	}
	return nil
}

// PostbackReport is what a run measured.
type PostbackReport struct {
	Simulated bool   `json:"simulated"` // always
	Engine    string `json:"engine"`
	Endpoints int    `json:"endpoints"`

	// Durable row → signed POST → recorded answer, from a backlog; beside it, in turns, the same POSTs from a bare loop.
	Postbacks    int64   `json:"postbacks"`
	PerSecond    float64 `json:"per_second"`
	RawPerSecond float64 `json:"raw_per_second"`
	Ratio        float64 `json:"ratio"`
	CPUMicros    float64 `json:"cpu_us"`
	RawCPUMicros float64 `json:"raw_cpu_us"`

	// From the request of an activation to the arrival of its postback: at Rate activations a second, and at 20.
	Rate      int64   `json:"rate"`
	P50MS     float64 `json:"p50_ms"`
	P99MS     float64 `json:"p99_ms"`
	IdleP50MS float64 `json:"idle_p50_ms"`
	IdleP99MS float64 `json:"idle_p99_ms"`

	// The same at Rate, medians of turns without and beside the fleet, which has so many kinds of sick receivers; with / without.
	HealthyP99MS          float64 `json:"healthy_p99_ms,omitzero"`
	HealthyP99WithFleetMS float64 `json:"healthy_p99_with_fleet_ms,omitzero"`
	FleetRatio            float64 `json:"fleet_ratio,omitzero"`
	FleetKinds            int     `json:"fleet_kinds,omitzero"`

	// Activations over HTTP whose postbacks arrived while they went on.
	SustainedSeconds   float64 `json:"sustained_seconds,omitzero"`
	ActivatedPerSecond float64 `json:"activated_per_second,omitzero"`
	SustainedPerSecond float64 `json:"sustained_per_second,omitzero"` // activated and received

	RSSBytes int64 `json:"rss_bytes"`
}

// deliveries is a run under way.
type deliveries struct {
	opts      PostbackOptions
	base      bench // place, engine, server
	received  *received
	receivers []*receiver
	lane      atomic.Pointer[lane.Lane]
	sick      sickFleet
	orders    int64 // activated so far
	last      int64 // id of the last postback that was written directly
	writeEach time.Duration
	report    PostbackReport
}

// Postbacks measures the delivery of postbacks.
func Postbacks(ctx context.Context, opts PostbackOptions) (report *PostbackReport, err error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	d := &deliveries{opts: opts, writeEach: firstWriteEach}
	defer func() { err = errors.Join(err, d.base.close()) }()
	if err := d.open(ctx); err != nil {
		return nil, err
	}
	highest, stop := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { watchMemory(highest, &d.report.RSSBytes) })
	err = d.measure(ctx)
	stop()
	watch.Wait()
	return &d.report, err
}

func (d *deliveries) open(ctx context.Context) (err error) {
	b := &d.base
	if b.place, err = newPlace(ctx, d.opts.Database); err != nil {
		return err
	}
	b.later(b.place.remove)
	database, err := b.place.make(ctx, "galla")
	if err != nil {
		return err
	}
	folder, err := os.MkdirTemp("", "galla-bench-key-")
	if err != nil {
		return err
	}
	b.later(func() error { return os.RemoveAll(folder) })
	d.received = newReceived(d.capacity())
	var stop func()
	if d.receivers, stop, err = startReceivers(d.opts.Endpoints, d.received); err != nil {
		return err
	}
	b.later(func() error { stop(); return nil })
	urls := make([]string, len(d.receivers))
	for i, r := range d.receivers {
		urls[i] = r.url
	}
	b.engine, err = openEngine(ctx, database, folder, urls, func(list []gateway.Postback) {
		if l := d.lane.Load(); l != nil {
			l.Offer(list)
		}
	})
	if err != nil {
		return err
	}
	b.later(b.engine.close)
	d.report = PostbackReport{Simulated: true, Engine: string(b.place.engine), Endpoints: d.opts.Endpoints, Rate: d.opts.Rate}
	if d.opts.Fleet {
		return d.addFleet(ctx)
	}
	return nil
}

// capacity is more activations than a run can make.
func (d *deliveries) capacity() int64 {
	const fastest = 20_000 // a second
	return 10_000 + (2*fleetRounds+1)*d.opts.Rate*int64(d.opts.Duration/time.Second+1) + fastest*int64(d.opts.Sustain/time.Second)
}

func (d *deliveries) step(name string, length time.Duration) {
	if d.opts.Progress == nil {
		return
	}
	b := &d.base
	total := 3*d.opts.Duration + idleLength + d.opts.Sustain
	if d.opts.Fleet {
		total += 2 * fleetRounds * d.opts.Duration
	}
	d.opts.Progress(Step{Name: name, Done: b.done, Length: length, Total: total})
	b.done += length
}

func (d *deliveries) measure(ctx context.Context) error {
	stop, err := d.serve(ctx)
	if err != nil {
		return err
	}
	defer stop()
	if err := d.throughput(ctx); err != nil {
		return err
	}
	d.step("latency on an idle system", idleLength)
	if d.report.IdleP50MS, d.report.IdleP99MS, err = d.latency(ctx, idleRate, idleLength); err != nil {
		return err
	}
	d.step(fmt.Sprintf("latency at %d activations/s", d.opts.Rate), d.opts.Duration)
	if d.report.P50MS, d.report.P99MS, err = d.latency(ctx, d.opts.Rate, d.opts.Duration); err != nil {
		return err
	}
	if d.opts.Fleet {
		if err := d.besideFleet(ctx); err != nil {
			return err
		}
	}
	if d.opts.Sustain > 0 {
		d.step("activations and their postbacks", d.opts.Sustain)
		return d.sustain(ctx)
	}
	return nil
}

// runLane delivers until stop is called.
func (d *deliveries) runLane(ctx context.Context) (stop func() error) {
	post := lane.NewSender(sender.Config{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	l := lane.New(lane.Config{Gateway: d.base.engine.gateway, Send: post.Send, Now: time.Now})
	d.lane.Store(l)
	running, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- l.Run(running) }()
	return func() error {
		cancel()
		err := <-done
		post.Close()
		return err
	}
}

// throughput drains backlogs, and posts the same from a bare loop, in turns.
func (d *deliveries) throughput(ctx context.Context) error {
	var own, raw measure
	slice := d.opts.Duration / postbackRounds
	perSecond := 5000.0
	for round := range postbackRounds + 1 {
		d.step("delivery", slice*postbackRounds/(postbackRounds+1))
		delivered, err := d.drain(ctx, int64(perSecond*slice.Seconds()), round == postbackRounds)
		if err != nil {
			return err
		}
		d.step("bare loop", slice*postbackRounds/(postbackRounds+1))
		posted := d.bareLoop(ctx, slice)
		if posted.first != nil {
			return fmt.Errorf("bare loop: %w", posted.first)
		}
		perSecond = delivered.perSecond()
		if round > 0 { // the first warms up, and tells how much the others take
			own.add(delivered)
			raw.add(posted)
		}
	}
	r := &d.report
	r.Postbacks, r.PerSecond, r.RawPerSecond, r.Ratio = own.done, round(own.perSecond(), 1), round(raw.perSecond(), 1), ratio(&own, &raw)
	r.CPUMicros, r.RawCPUMicros = own.cpuEach(), raw.cpuEach()
	return nil
}

// drain measures how long it takes until a backlog is recorded as delivered, from the moment at which all of it is due. One
// that took longer to write than was planned is delivered unmeasured, and the next one is given more time.
func (d *deliveries) drain(ctx context.Context, count int64, last bool) (*measure, error) {
	count = max(count/insertSize, 1) * insertSize
	for range mostBacklogs {
		before := d.lane.Load().Counters().Delivered.Load()
		writing := time.Now()
		due := writing.Add(writeTime + time.Duration(count)*d.writeEach)
		if err := d.backlog(ctx, count, due); err != nil {
			return nil, err
		}
		d.writeEach = 2 * time.Since(writing) / time.Duration(count)
		d.lane.Load().Wake() // it learns when they are due
		late := time.Until(due) <= 0
		time.Sleep(time.Until(due))
		if last && !late && d.opts.Profile != nil && d.opts.Sustain == 0 {
			if err := pprof.StartCPUProfile(d.opts.Profile); err != nil {
				return nil, err
			}
			defer pprof.StopCPUProfile()
		}
		m, err := d.delivered(ctx, before, count)
		if err != nil || !late {
			return m, err
		}
	}
	return nil, fmt.Errorf("%d backlogs took longer to write than was planned: the machine is too busy", mostBacklogs)
}

// delivered waits until count more are recorded as delivered than before.
func (d *deliveries) delivered(ctx context.Context, before, count int64) (*measure, error) {
	cpu, start := cpuTime(), time.Now()
	delivered := func() int64 { return d.lane.Load().Counters().Delivered.Load() - before }
	if !within(ctx, drainLimit, func() bool { return delivered() >= count }) {
		return nil, fmt.Errorf("%d of %d postbacks were delivered", delivered(), count)
	}
	return &measure{done: count, elapsed: time.Since(start), cpu: cpuTime() - cpu}, nil
}

// backlog writes postbacks that become due together, spread over the endpoints.
func (d *deliveries) backlog(ctx context.Context, count int64, due time.Time) error {
	e := d.base.engine
	for written := int64(0); written < count; written += insertSize {
		at := due.UnixMicro()
		rows := make([]postbackRow, insertSize)
		for i := range rows {
			d.last++
			id := backlogIDs + d.last
			rows[i] = postbackRow{id, int64(e.seller(d.last).id), string(gateway.PostbackDeposit), id, fmt.Sprintf("msg_%032d", id), postbackPacked(), at, at}
		}
		err := e.store.Write(ctx, func(ctx context.Context, q *store.Queries) error { return q.InsertPostbacks(ctx, store.Rows(rows)) })
		if err != nil {
			return fmt.Errorf("write postbacks: %w", err)
		}
	}
	return nil
}

// How long the writing of a backlog may take: in all, and for each postback of the first; then it is known.
const (
	writeTime      = time.Second
	mostBacklogs   = 5 // that are written for one measure
	firstWriteEach = 500 * time.Microsecond
)

// backlogIDs keeps the ids of these postbacks away from those of credits.
const backlogIDs = 1 << 40

// bareLoop posts the same body to the same receivers with as many requests open at once, and nothing else.
func (d *deliveries) bareLoop(ctx context.Context, length time.Duration) *measure {
	open := min(lane.DefaultConcurrency, lane.DefaultPerEndpoint*len(d.receivers))
	transport := &http.Transport{MaxIdleConnsPerHost: open, MaxIdleConns: 2 * open, DisableCompression: true}
	defer transport.CloseIdleConnections()
	callers := make([]worker, open)
	for i := range callers {
		callers[i] = func(n int64) (int64, error) { return 1, d.post(ctx, transport, n) }
	}
	return closedLoop(ctx, length, callers, &source{stock: 1 << 40, each: 1})
}

func (d *deliveries) post(ctx context.Context, transport *http.Transport, n int64) error {
	url := d.receivers[n%int64(len(d.receivers))].url
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(postbackBody()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Webhook-Id", webhookID)
	request.Header.Set("Webhook-Timestamp", "1763850000")
	request.Header.Set("Webhook-Signature", "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=")
	answer, err := transport.RoundTrip(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	return err
}
