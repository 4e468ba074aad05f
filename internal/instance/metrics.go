package instance

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/lane"
)

// undeliveredTimeout bounds what a scrape asks of the database.
const undeliveredTimeout = 2 * time.Second

// postbackMetrics shows what the delivery lane did and what is left, as they are when asked.
type postbackMetrics struct {
	lane    *lane.Lane
	gateway *gateway.Gateway
	now     func() time.Time
}

var (
	postbackAttempts = prometheus.NewDesc("galla_postback_attempts_total", "Attempts of this process by result.", []string{"result"}, nil)
	postbackOpen     = prometheus.NewDesc("galla_postback_requests_open", "Postback requests under way in this process.", nil, nil)
	postbackFaults   = prometheus.NewDesc("galla_postback_faults_total", "Leases and records of attempts that failed.", nil, nil)
	postbackPending  = prometheus.NewDesc("galla_postbacks_pending", "Postbacks that are not delivered yet, in the database.", nil, nil)
	postbackGivenUp  = prometheus.NewDesc("galla_postbacks_exhausted", "Postbacks that were given up, in the database.", nil, nil)
	postbackOldest   = prometheus.NewDesc("galla_postback_oldest_seconds", "Age of the oldest postback that is not delivered yet.", nil, nil)
)

// Describe names the metrics.
func (m *postbackMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{postbackAttempts, postbackOpen, postbackFaults, postbackPending, postbackGivenUp, postbackOldest} {
		to <- desc
	}
}

// Collect reads them. What only the database knows is left out while it doesn't answer.
func (m *postbackMetrics) Collect(to chan<- prometheus.Metric) {
	counters := m.lane.Counters()
	count := func(desc *prometheus.Desc, kind prometheus.ValueType, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, kind, float64(value), labels...)
	}
	count(postbackAttempts, prometheus.CounterValue, counters.Delivered.Load(), "delivered")
	count(postbackAttempts, prometheus.CounterValue, counters.Failed.Load(), "failed")
	count(postbackFaults, prometheus.CounterValue, counters.Faults.Load())
	count(postbackOpen, prometheus.GaugeValue, counters.Open.Load())
	ctx, cancel := context.WithTimeout(context.Background(), undeliveredTimeout)
	defer cancel()
	left, err := m.gateway.Undelivered(ctx)
	if err != nil {
		return
	}
	count(postbackPending, prometheus.GaugeValue, left.Pending)
	count(postbackGivenUp, prometheus.GaugeValue, left.Exhausted)
	age := time.Duration(0)
	if !left.OldestAt.IsZero() {
		age = m.now().Sub(left.OldestAt)
	}
	count(postbackOldest, prometheus.GaugeValue, int64(age/time.Second))
}
