package gateway

import (
	"fmt"
	"sync"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/testkit"
)

// benchCallers is how many claims wait at once: more than a batch, so that batches are full.
const benchCallers = 128

// BenchmarkActivate credits claims whose money was seen before, through the verb.
func BenchmarkActivate(b *testing.B) {
	for engine, database := range map[string]func(testing.TB) string{"sqlite": testkit.SQLite, "postgres": testkit.Postgres} {
		b.Run(engine, func(b *testing.B) {
			w := newWorld(b, database(b))
			items := make([]EvidenceItem, b.N)
			for i := range items {
				items[i] = w.credit(fmt.Sprintf("%012d", i), "500")
			}
			for i := 0; i < len(items); i += 500 {
				w.observe(items[i:min(i+500, len(items))]...)
			}
			b.ResetTimer()
			var callers sync.WaitGroup
			for c := range benchCallers {
				callers.Go(func() {
					for i := c; i < b.N; i += benchCallers {
						r, err := w.g.Activate(b.Context(), []ClaimRequest{claimRequest(fmt.Sprint("o", i), fmt.Sprint("p", i), fmt.Sprintf("%012d", i), "500")})
						if err != nil || r[0].State != deposit.Accepted {
							b.Error(r, err)
							return
						}
					}
				})
			}
			callers.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "activations/s")
			b.ReportMetric(float64(w.g.counters.Items.Load())/float64(w.g.counters.Batches.Load()), "items/batch")
		})
	}
}
