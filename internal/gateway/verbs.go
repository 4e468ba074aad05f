package gateway

import (
	"context"

	"github.com/galla-gateway/galla/internal/method"
)

// Activate judges claims and answers each. A result's error is a fault of that claim alone.
func (g *Gateway) Activate(ctx context.Context, requests []ClaimRequest) ([]ClaimResult, error) {
	items := make([]*item, len(requests))
	dir := g.Directory()
	for i, request := range requests {
		if m, ok := dir.Merchant(request.MerchantID); ok && m.Sandbox {
			request.Method.Rail = request.Method.Rail.Sandbox()
		}
		items[i] = &item{claim: newClaimItem(request)}
	}
	if err := g.submit(ctx, items); err != nil {
		return nil, err
	}
	results := make([]ClaimResult, len(items))
	for i, it := range items {
		results[i] = it.claim.result
	}
	return results, nil
}

// Observe stores evidence, and credits the claims that waited for it.
func (g *Gateway) Observe(ctx context.Context, observations []EvidenceItem) ([]EvidenceResult, error) {
	items := make([]*item, len(observations))
	dir := g.Directory()
	for i := range observations {
		items[i] = &item{evidence: &evidenceItem{EvidenceItem: dir.inItsWorld(observations[i])}}
	}
	if err := g.submit(ctx, items); err != nil {
		return nil, err
	}
	results := make([]EvidenceResult, len(items))
	for i, it := range items {
		results[i] = it.evidence.result
	}
	return results, nil
}

// newClaimItem normalises what the payer typed.
func newClaimItem(r ClaimRequest) *claimItem {
	number, hint := r.Method.Reference(r.Key1)
	given := number
	if hint.Code != method.HintNone {
		given = r.Key1
	}
	return &claimItem{ClaimRequest: r, number: number, hint: hint, given: given}
}
