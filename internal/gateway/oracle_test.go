package gateway

import (
	"context"
	"slices"
	"testing"

	"github.com/galla-gateway/galla/internal/oracle"
)

// judged runs every check over the whole database and returns the invariants that don't hold, each once.
func (w *world) judged(db oracle.Database) (failed []string, found []oracle.Violation) {
	w.t.Helper()
	o := oracle.New(db, string(w.g.store.Engine()))
	found, err := o.Check(context.Background())
	w.must(err)
	w.must(o.Close())
	for _, v := range found {
		if !slices.Contains(failed, v.Invariant) {
			failed = append(failed, v.Invariant)
		}
	}
	slices.Sort(failed)
	return failed, found
}

func TestOracleOfSoundBooks(t *testing.T) {
	eachWorld(t, func(w *world) {
		if failed, found := w.judged(w.beside()); failed != nil {
			t.Fatal("an empty database fails", found)
		}
		w.business()
		for range 2 {
			if failed, found := w.judged(w.beside()); failed != nil {
				t.Fatalf("sound books fail: %+v", found)
			}
			w.must(w.g.RollUp(context.Background())) // the second round has stored balances
			w.must(w.g.NumberEvents(context.Background()))
		}
	})
}
