package bench

import (
	"context"
	"errors"
	"math"
	"time"
)

func (b *bench) report(ctx context.Context) (*Report, error) {
	r := &Report{
		Simulated: true, Engine: string(b.place.engine), InProcess: b.opts.InProcess, Clients: b.opts.Clients, Merchants: b.opts.Merchants,
		Rate: b.opts.Rate, Rounds: b.rounds, SliceMS: b.length.Milliseconds(), RSSBytes: b.memory, PageCacheBytes: b.pageCache, EvidenceBatch: 1,
	}
	activations := &b.activations.total
	r.Activations, r.Errors, r.PerSecond = activations.done, activations.errors, round(activations.perSecond(), 1)
	r.P50MS, r.P95MS, r.P99MS = activations.percentiles()
	r.CPUMicros = activations.cpuEach()
	r.PerCommit = round(float64(activations.done)/float64(max(b.commits, 1)), 1)
	evidence := &b.engine.observed
	if b.evidence != nil {
		evidence = &b.evidence.total
	}
	r.EvidencePerSecond = round(evidence.perSecond(), 1)
	r.EvidenceP50MS, r.EvidenceP95MS, r.EvidenceP99MS = evidence.percentiles()
	switch {
	case b.opts.InProcess:
		r.Clients, r.EvidenceBatch = callersInProcess, observeSet
	case b.opts.Batch:
		r.EvidenceBatch = evidenceArray
	}
	if b.batch != nil {
		r.RawSinglePerSecond, r.RawBatchPerSecond = round(b.single.total.perSecond(), 1), round(b.batch.total.perSecond(), 1)
		r.RawBatchCPUMicros = b.batch.total.cpuEach()
		if b.opts.InProcess {
			r.RatioRawBatch = ratio(activations, &b.batch.total)
		}
	}
	if b.barest != nil {
		r.BarestAPIPerSecond = round(b.barest.total.perSecond(), 1)
		r.BarestAPICPUMicros = b.barest.total.cpuEach()
		r.RatioBarestAPI = ratio(activations, &b.barest.total)
	}
	return r, b.checkBooks(ctx)
}

// checkBooks makes sure that the database holds what was answered: the measure would be worth nothing otherwise.
func (b *bench) checkBooks(ctx context.Context) error {
	var deposits, postbacks int64
	db := b.engine.store.ReadPool()
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM deposit").Scan(&deposits); err != nil {
		return err
	}
	if err := db.QueryRowContext(ctx, "SELECT count(*) FROM postback").Scan(&postbacks); err != nil {
		return err
	}
	if deposits < b.activations.total.done || deposits != postbacks {
		return errors.New("the database doesn't hold a deposit and a postback for every activation that was answered ok")
	}
	return nil
}

func (m *measure) percentiles() (p50, p95, p99 float64) {
	return milliseconds(m.latency.percentile(500)), milliseconds(m.latency.percentile(950)), milliseconds(m.latency.percentile(990))
}

func milliseconds(d time.Duration) float64 { return round(float64(d)/float64(time.Millisecond), 3) }

func ratio(own, other *measure) float64 {
	if other.perSecond() == 0 {
		return 0
	}
	return round(own.perSecond()/other.perSecond(), 3)
}

func round(x float64, digits int) float64 {
	scale := math.Pow10(digits)
	return math.Round(x*scale) / scale
}
