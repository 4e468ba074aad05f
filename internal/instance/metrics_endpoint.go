package instance

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galla-gateway/galla/internal/gateway"
)

// endpointsTimeout bounds what a scrape asks of the database about endpoints.
const endpointsTimeout = 2 * time.Second

// endpointMetrics shows how endpoints stand in the database: every instance shows the same. It counts no postbacks, so
// it is there also when that takes too long.
type endpointMetrics struct {
	gateway *gateway.Gateway
	now     func() time.Time
}

var (
	endpointCount   = prometheus.NewDesc("galla_postback_endpoints", "Endpoints by state, in the database.", []string{"state"}, nil)
	endpointStopped = prometheus.NewDesc("galla_postback_endpoint_stopped_seconds",
		"How long an endpoint has been open (it failed and is only probed) or paused. Closed ones, in good order, aren't shown.",
		[]string{"merchant", "kind", "state"}, nil)
	endpointLag = prometheus.NewDesc("galla_postback_lag_seconds",
		"How long the postback that is due longest waits at a closed endpoint, in the database. Near 0 while anybody sends.", nil, nil)
)

// Describe names the metrics.
func (m *endpointMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{endpointCount, endpointStopped, endpointLag} {
		to <- desc
	}
}

// Collect reads them. They are left out while the database doesn't answer.
func (m *endpointMetrics) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), endpointsTimeout)
	defer cancel()
	endpoints, err := m.gateway.Endpoints(ctx)
	if err != nil {
		return
	}
	now := m.now()
	gauge := func(desc *prometheus.Desc, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, float64(value), labels...)
	}
	states, lag := map[gateway.EndpointState]int64{}, time.Duration(0)
	for _, e := range endpoints {
		states[e.State]++
		lag = max(lag, e.Lag(now))
		if e.State != gateway.EndpointClosed {
			gauge(endpointStopped, int64(e.StoppedFor(now)/time.Second), e.Merchant, string(e.Kind), string(e.State))
		}
	}
	for _, state := range []gateway.EndpointState{gateway.EndpointClosed, gateway.EndpointOpen, gateway.EndpointPaused} {
		gauge(endpointCount, states[state], string(state))
	}
	gauge(endpointLag, int64(lag/time.Second))
}
