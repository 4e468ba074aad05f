package simulator

import (
	"context"
	"testing"
)

func TestQuick(t *testing.T) {
	r, err := Run(context.Background(), Options{Seed: 1, Steps: 40, Count: 50, Workers: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(r.Seeds, r.Steps, r.Hits)
	for _, f := range r.Failures {
		t.Errorf("%d %v", f.Seed, f.Violations)
	}
}
