package instance

import (
	"context"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/teller"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

const (
	// withdrawalsTimeout bounds what a scrape asks of the database about withdrawals.
	withdrawalsTimeout = 2 * time.Second
	// contradictedFor is how long the count of contradictions is served as it is: many rows are looked through for it.
	contradictedFor = 5 * time.Minute
	// noRail stands for rails that there aren't: what people mistype must not become series without end.
	noRail = "none"
)

// withdrawalMetrics shows what the teller of this process did, and how withdrawals stand in the database: that every instance
// shows alike.
type withdrawalMetrics struct {
	teller  *teller.Teller
	gateway *gateway.Gateway
	now     func() time.Time

	mu           sync.Mutex
	contradicted int64
	counted      bool      // the last look gave a number
	lookedAt     time.Time // zero: not yet
}

var (
	payoutCalls    = prometheus.NewDesc("galla_payout_calls_total", "Calls of payout rails by this process.", nil, nil)
	payoutOpen     = prometheus.NewDesc("galla_payout_calls_open", "Calls of payout rails under way in this process.", nil, nil)
	payoutAnswers  = prometheus.NewDesc("galla_payout_answers_total", "Answers of payout rails to this process, by outcome.", []string{"outcome"}, nil)
	payoutFaults   = prometheus.NewDesc("galla_payout_faults_total", "Payouts that couldn't be begun or recorded, and looks that failed.", nil, nil)
	payoutUnserved = prometheus.NewDesc("galla_payout_unserved_total", "Times that a payout was due on a rail that this process doesn't have.", nil, nil)
	openCount      = prometheus.NewDesc("galla_withdrawals_open", "Withdrawals that haven't ended, in the database; the sandbox's aren't counted.", []string{"state", "rail", "kind"}, nil)
	openOldest     = prometheus.NewDesc("galla_withdrawal_oldest_seconds",
		"How long the oldest of those has been in its state; of a new account's, since its cool-off ended.", []string{"state", "rail", "kind"}, nil)
	contradictedCount = prometheus.NewDesc("galla_withdrawals_contradicted", "Withdrawals among the newest whose bank said otherwise since they ended.", nil, nil)
	proposedCount     = prometheus.NewDesc("galla_adjustments_proposed", "Top-ups and settlements that wait for a second person.", nil, nil)
)

// openStates are those that haven't ended.
var openStates = []withdrawal.State{withdrawal.Created, withdrawal.Approved, withdrawal.Submitted, withdrawal.Unknown, withdrawal.Failed}

// Describe names the metrics.
func (m *withdrawalMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{
		payoutCalls, payoutOpen, payoutAnswers, payoutFaults, payoutUnserved, openCount, openOldest, contradictedCount, proposedCount,
	} {
		to <- desc
	}
}

// Collect reads them. What only the database knows is left out while it doesn't answer.
func (m *withdrawalMetrics) Collect(to chan<- prometheus.Metric) {
	send := func(desc *prometheus.Desc, kind prometheus.ValueType, value int64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, kind, float64(value), labels...)
	}
	c := m.teller.Counters()
	send(payoutCalls, prometheus.CounterValue, c.Calls.Load())
	send(payoutOpen, prometheus.GaugeValue, c.Open.Load())
	send(payoutFaults, prometheus.CounterValue, c.Faults.Load())
	send(payoutUnserved, prometheus.CounterValue, c.Unserved.Load())
	for outcome, n := range map[payout.Outcome]int64{
		payout.Paid: c.Paid.Load(), payout.Failed: c.Failed.Load(), payout.Sent: c.Sent.Load(), payout.Unknown: c.Unknown.Load(), payout.Absent: c.Absent.Load(),
	} {
		send(payoutAnswers, prometheus.CounterValue, n, string(outcome))
	}
	ctx, cancel := context.WithTimeout(context.Background(), withdrawalsTimeout)
	defer cancel()
	if open, err := m.gateway.OpenWithdrawals(ctx); err == nil {
		m.collectOpen(open, func(desc *prometheus.Desc, value int64, labels ...string) {
			send(desc, prometheus.GaugeValue, value, labels...)
		})
	}
	if proposed, err := m.gateway.ProposedAdjustments(ctx); err == nil {
		send(proposedCount, prometheus.GaugeValue, proposed)
	}
	if contradicted, counted := m.countContradicted(ctx); counted {
		send(contradictedCount, prometheus.GaugeValue, contradicted)
	}
}

// collectOpen shows every state of every rail, so that a series is there before there is something to alarm of.
func (m *withdrawalMetrics) collectOpen(open []gateway.OpenWithdrawals, gauge func(desc *prometheus.Desc, value int64, labels ...string)) {
	type place struct {
		state withdrawal.State
		rail  string
	}
	kinds := map[string]string{merchant.RailManual: merchant.RailManual, noRail: noRail}
	for name, r := range m.gateway.Directory().Rails() {
		kinds[name] = string(r.Kind)
	}
	now, counts, ages := m.now(), map[place]int64{}, map[place]time.Duration{}
	for _, o := range open {
		at := place{o.State, o.Rail}
		if kinds[o.Rail] == "" {
			at.rail = noRail
		}
		counts[at] += o.Count
		ages[at] = max(ages[at], now.Sub(o.Since))
	}
	for name, kind := range kinds {
		for _, state := range openStates {
			at := place{state, name}
			gauge(openCount, counts[at], string(state), name, kind)
			gauge(openOldest, int64(ages[at]/time.Second), string(state), name, kind)
		}
	}
}

// countContradicted looks seldom, also when it takes too long.
func (m *withdrawalMetrics) countContradicted(ctx context.Context) (n int64, counted bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now := m.now(); m.lookedAt.IsZero() || now.Sub(m.lookedAt) >= contradictedFor {
		n, err := m.gateway.Contradicted(ctx)
		m.contradicted, m.counted, m.lookedAt = n, err == nil, now
	}
	return m.contradicted, m.counted
}
