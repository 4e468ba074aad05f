package gateway

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
)

func BenchmarkActivate(b *testing.B) {
	for _, engine := range []string{"sqlite", "postgres"} {
		b.Run(engine, func(b *testing.B) {
			var database string
			if engine == "sqlite" {
				database = testkit.SQLite(b)
			} else {
				database = os.Getenv("PERF_PG")
			}
			benchActivate(b, database)
		})
	}
}

func benchActivate(b *testing.B, database string) {
	var w *world
	w = newWorld(b, database)
	ctx := context.Background()
	var items []EvidenceItem
	for i := range b.N {
		items = append(items, w.credit(fmt.Sprintf("%012d", i), "500"))
	}
	for i := 0; i < len(items); i += 500 {
		if _, err := w.g.Observe(ctx, items[i:min(i+500, len(items))]); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	var wg sync.WaitGroup
	for c := range 128 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := c; i < b.N; i += 128 {
				r, err := w.g.Activate(ctx, []ClaimRequest{claimRequest(fmt.Sprint("o", i), fmt.Sprint("p", i), fmt.Sprintf("%012d", i), "500")})
				if err != nil || r[0].State != "accepted" {
					b.Error(r, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "act/s")
	b.ReportMetric(float64(w.g.counters.Items.Load())/float64(w.g.counters.Batches.Load()), "items/batch")
	b.ReportMetric(float64(w.g.counters.Retries.Load()), "retries")
}
