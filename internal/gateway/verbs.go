package gateway

import (
	"context"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/method"
)

// Activate judges claims and answers each. The error is a fault, or the *TooManyAttempts of a lone request; of several,
// each has its own in its result.
func (g *Gateway) Activate(ctx context.Context, requests []ClaimRequest) ([]ClaimResult, error) {
	results := make([]ClaimResult, len(requests))
	items := make([]*claimItem, 0, len(requests))
	places := make([]int, 0, len(requests))
	dir := g.Directory()
	for i, request := range requests {
		if m, ok := dir.Merchant(request.MerchantID); ok && m.Sandbox {
			request.Method.Rail = request.Method.Rail.Sandbox()
		}
		it := newClaimItem(request)
		tooMany, ok := g.budget.enter(attemptOf(it), g.now, len(items) == 0)
		if tooMany == nil && !ok { // it must wait, maybe for those before it
			if err := g.activate(ctx, items, places, results); err != nil {
				return nil, err
			}
			items, places = items[:0], places[:0]
			tooMany, _ = g.budget.enter(attemptOf(it), g.now, true)
		}
		if tooMany != nil {
			if len(requests) == 1 {
				return nil, tooMany
			}
			results[i] = ClaimResult{TooMany: tooMany, Message: MessageTooManyAttempts}
			continue
		}
		items, places = append(items, it), append(places, i)
	}
	if err := g.activate(ctx, items, places, results); err != nil {
		return nil, err
	}
	return results, nil
}

// activate decides claims that the budget has let through, and puts their results into their places.
func (g *Gateway) activate(ctx context.Context, claims []*claimItem, places []int, results []ClaimResult) error {
	items := make([]*item, len(claims))
	for i, it := range claims {
		items[i] = &item{claim: it}
	}
	err := g.submit(ctx, items)
	now := g.now()
	for i, it := range items {
		// A fault tells a guesser nothing.
		wrong := err == nil && it.claim.result.State != deposit.Accepted && !it.claim.repeat
		g.budget.leave(attemptOf(it.claim), it.claim.result.ClaimID, wrong, now)
		if err == nil {
			results[places[i]] = it.claim.result
		}
	}
	return err
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
