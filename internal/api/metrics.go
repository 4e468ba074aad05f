package api

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/galla-gateway/galla/internal/gateway"
)

// Bounds of the latency histogram: each bucket is twice as wide as the one before.
const (
	shortestBucket = 250 * time.Microsecond
	longestBucket  = 10 * time.Second
)

// routeOther is the route of everything that isn't in a table: labels must not grow with what strangers send.
const routeOther = "other"

// Metrics counts what happens in this process, for Prometheus.
type Metrics struct {
	registry *prometheus.Registry
	latency  *prometheus.HistogramVec
	now      func() time.Time
}

// NewMetrics measures requests (see Measure), the gateway and the Go runtime.
func NewMetrics(g *gateway.Gateway, now func() time.Time) *Metrics {
	bounds := prometheus.DefBuckets[:0:0]
	for bound := shortestBucket; bound <= longestBucket; bound *= 2 {
		bounds = append(bounds, bound.Seconds())
	}
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		latency: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "galla_http_request_seconds", Help: "Time from a request's first byte to its answer, by route and code.", Buckets: bounds,
		}, []string{"route", "code"}),
		now: now,
	}
	m.registry.MustRegister(m.latency, newGatewayMetrics(g), collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Register adds what another part of the process measures. It panics when a name is taken.
func (m *Metrics) Register(c prometheus.Collector) { m.registry.MustRegister(c) }

// Handler serves /metrics.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Measure observes how long every request to next takes. The route is the pattern that a ServeMux below found.
func (m *Metrics) Measure(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := m.now()
		seen := recorders.Get().(*recorder)
		*seen = recorder{ResponseWriter: w, code: http.StatusInternalServerError} // of a handler that panics
		defer func() {
			route := r.Pattern
			if route == "" || route == "/" {
				route = routeOther
			}
			m.latency.WithLabelValues(route, strconv.Itoa(seen.code)).Observe(m.now().Sub(start).Seconds())
			seen.ResponseWriter = nil
			recorders.Put(seen)
		}()
		next.ServeHTTP(seen, r)
		if !seen.wrote {
			seen.code = http.StatusOK
		}
	})
}

// recorder remembers the code of an answer.
type recorder struct {
	http.ResponseWriter
	code  int
	wrote bool
}

var recorders = sync.Pool{New: func() any { return new(recorder) }}

// WriteHeader notes the code of the answer.
func (r *recorder) WriteHeader(code int) {
	if !r.wrote && code >= http.StatusOK { // 1xx are not the answer
		r.code, r.wrote = code, true
	}
	r.ResponseWriter.WriteHeader(code)
}

// Write answers 200 unless a code was written before.
func (r *recorder) Write(data []byte) (int, error) {
	if !r.wrote {
		r.code, r.wrote = http.StatusOK, true
	}
	return r.ResponseWriter.Write(data)
}

// Unwrap lets http.ResponseController and web.Note reach what is below.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// gatewayMetrics shows the gateway's running totals as they are when asked.
type gatewayMetrics struct {
	gateway *gateway.Gateway
	totals  []total
	queue   *prometheus.Desc
}

// total is one running total with its name.
type total struct {
	desc  *prometheus.Desc
	label string // value of the label, "" when the metric has none
	count *atomic.Int64
}

func newGatewayMetrics(g *gateway.Gateway) *gatewayMetrics {
	m := &gatewayMetrics{gateway: g, queue: prometheus.NewDesc("galla_queue_length", "Requests that wait for a transaction.", nil, nil)}
	counters := g.Counters()
	single := func(name, help string, count *atomic.Int64) {
		m.totals = append(m.totals, total{prometheus.NewDesc(name, help, nil, nil), "", count})
	}
	single("galla_batches_total", "Write transactions begun.", &counters.Batches)
	single("galla_batch_items_total", "Requests stored by them.", &counters.Items)
	single("galla_batch_retries_total", "Transactions repeated.", &counters.Retries)
	single("galla_batch_ambiguous_total", "Commits that gave no clear answer.", &counters.Ambiguous)
	single("galla_faults_total", "Requests and background work that ended in a fault.", &counters.Faults)
	single("galla_sweep_found_total", "Claims that had missed their transfer. Must stay 0.", &counters.SweepFound)
	claims := prometheus.NewDesc("galla_claim_verdicts_total", "Verdicts on claims.", []string{"verdict"}, nil)
	items := prometheus.NewDesc("galla_evidence_items_total", "Items of evidence.", []string{"status"}, nil)
	m.totals = append(m.totals,
		total{claims, "accepted", &counters.Accepted}, total{claims, "held", &counters.Held},
		total{claims, "waiting", &counters.Waiting}, total{claims, "refused", &counters.Refused},
		total{items, "created", &counters.Created}, total{items, "duplicate", &counters.Duplicate},
		total{items, "unparsed", &counters.Unparsed}, total{items, "refused", &counters.NotTaken})
	return m
}

// Describe names the metrics.
func (m *gatewayMetrics) Describe(to chan<- *prometheus.Desc) {
	named := map[*prometheus.Desc]bool{}
	for _, t := range m.totals {
		if !named[t.desc] {
			named[t.desc] = true
			to <- t.desc
		}
	}
	to <- m.queue
}

// Collect reads the totals.
func (m *gatewayMetrics) Collect(to chan<- prometheus.Metric) {
	for _, t := range m.totals {
		var labels []string
		if t.label != "" {
			labels = []string{t.label}
		}
		to <- prometheus.MustNewConstMetric(t.desc, prometheus.CounterValue, float64(t.count.Load()), labels...)
	}
	to <- prometheus.MustNewConstMetric(m.queue, prometheus.GaugeValue, float64(m.gateway.QueueLength()))
}
