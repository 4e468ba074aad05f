// Package bench measures the way of a deposit: HTTP in, verdict, ledger, postback row, durable commit. Beside it, in the
// same run and on the same engine and machine, it measures what bounds it:
//
//   - the raw limit: the statements of an activation with the same rows in a bare loop, one commit each and as many per
//     commit as the gateway's batch has;
//   - the barest API: net/http, encoding/json, a group commit and those statements, nothing else.
//
// Each has a database of its own. They take turns in slices of a few seconds, so that a noisy machine hurts all alike.
// The load client runs in this process, on the same cores.
package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// Limits of a run.
const (
	MaxClients   = 10_000
	MaxMerchants = 10_000
	minDuration  = time.Second
	maxDuration  = time.Hour
)

// Options of Activate.
type Options struct {
	// Duration is how long activations are measured. What is compared with them comes on top: about four times as much.
	Duration time.Duration
	// Clients is how many connections send at once.
	Clients int
	// Batch sends evidence in arrays of 100 instead of one by one.
	Batch bool
	// Database is a GALLA_DATABASE value that says where the run makes databases of its own, which it drops at the end:
	// beside the file, or on the server. "" is a folder for temporary files.
	Database string
	// Merchants is how many merchants are credited in turn.
	Merchants int
	// Rate sends activations at a constant rate per second, whatever the answers do; latency then counts from the moment a
	// request was due, and nothing is compared. 0: every client sends when its last answer came.
	Rate int64
	// InProcess calls the verbs directly, in batches, and compares with the batched raw limit alone.
	InProcess bool
	// Profile, if not nil, takes a CPU profile of the last slice of activations.
	Profile io.Writer
	// Progress, if not nil, is told what runs now. It returns at once.
	Progress func(Step)
}

// Step is a part of a run.
type Step struct {
	Name   string
	Done   time.Duration // planned length of all before it
	Length time.Duration // planned length of its own
	Total  time.Duration
}

// Check says what can't be measured.
func (o *Options) Check() error {
	switch {
	case o.Duration < minDuration || o.Duration > maxDuration:
		return fmt.Errorf("duration: expected %v to %v", minDuration, maxDuration)
	case o.Clients < 1 || o.Clients > MaxClients:
		return fmt.Errorf("clients: expected 1 to %d", MaxClients)
	case o.Merchants < 1 || o.Merchants > MaxMerchants:
		return fmt.Errorf("merchants: expected 1 to %d", MaxMerchants)
	case o.Rate < 0 || o.Rate > 1_000_000:
		return errors.New("rate: expected 0 to 1000000 per second")
	case o.InProcess && o.Rate > 0:
		return errors.New("rate: not with in-process, which has no requests")
	}
	return nil
}

// Report is what a run measured. What wasn't is left out of the JSON.
type Report struct {
	Simulated bool   `json:"simulated"` // always
	Engine    string `json:"engine"`    // sqlite or postgres
	InProcess bool   `json:"in_process"`
	Clients   int    `json:"clients"` // callers, in process
	Merchants int    `json:"merchants"`
	Rate      int64  `json:"rate,omitzero"`

	Rounds  int   `json:"rounds"`
	SliceMS int64 `json:"slice_ms"` // of activations and of the barest API; the others' are half as long

	Activations int64   `json:"activations"`
	Errors      int64   `json:"errors"`
	PerSecond   float64 `json:"per_second"`
	PerCommit   float64 `json:"per_commit"` // activations that shared a commit, on average
	// Latencies of requests; in process, of calls with 100 claims.
	P50MS float64 `json:"p50_ms"`
	P95MS float64 `json:"p95_ms"`
	P99MS float64 `json:"p99_ms"`

	EvidenceBatch     int64   `json:"evidence_batch"` // transfers per request
	EvidencePerSecond float64 `json:"evidence_per_second"`
	EvidenceP50MS     float64 `json:"evidence_p50_ms"`
	EvidenceP95MS     float64 `json:"evidence_p95_ms"`
	EvidenceP99MS     float64 `json:"evidence_p99_ms"`

	// Processor time of this process per activation, load client included and a PostgreSQL server not: unlike rates it
	// hardly depends on what else runs on the machine.
	CPUMicros          float64 `json:"cpu_us"`
	BarestAPICPUMicros float64 `json:"barest_api_cpu_us,omitzero"`
	RawBatchCPUMicros  float64 `json:"raw_batch_cpu_us,omitzero"`

	// Highest resident memory of the process while only gateway, server and load client were in it, and how much of it
	// SQLite's page cache may be.
	RSSBytes       int64 `json:"rss_bytes"`
	PageCacheBytes int64 `json:"page_cache_bytes"`

	RawSinglePerSecond float64 `json:"raw_single_per_second,omitzero"`
	RawBatchPerSecond  float64 `json:"raw_batch_per_second,omitzero"`
	BarestAPIPerSecond float64 `json:"barest_api_per_second,omitzero"`
	RatioBarestAPI     float64 `json:"ratio_barest_api,omitzero"` // per_second / barest_api_per_second
	RatioRawBatch      float64 `json:"ratio_raw_batch,omitzero"`  // in process: per_second / raw_batch_per_second
}

// Activate measures. An activation whose evidence was stored before and that isn't answered ok makes it fail.
func Activate(ctx context.Context, opts Options) (report *Report, err error) {
	if err := opts.Check(); err != nil {
		return nil, err
	}
	b := &bench{opts: opts}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.open(ctx); err != nil {
		return nil, err
	}
	if err := b.measure(ctx); err != nil {
		return nil, err
	}
	return b.report(ctx)
}
