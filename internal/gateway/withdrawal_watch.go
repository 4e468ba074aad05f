package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// ContradictionReach is how many of the newest ids of withdrawals are looked through for contradictions. `galla audit` looks
// through all.
const ContradictionReach = 100_000

// OpenWithdrawals are those of one rail that are in one state and haven't ended. Those of the sandbox aren't counted.
type OpenWithdrawals struct {
	State withdrawal.State
	Rail  string
	Count int64
	Since time.Time // when the oldest came to that state, or its cool-off ended or will end
}

// ListOpenWithdrawals counts what hasn't ended.
func ListOpenWithdrawals(ctx context.Context, q *store.Queries) ([]OpenWithdrawals, error) {
	rows, err := q.CountOpenWithdrawals(ctx)
	if err != nil {
		return nil, fmt.Errorf("count open withdrawals: %w", err)
	}
	list := make([]OpenWithdrawals, len(rows))
	for i, row := range rows {
		list[i] = OpenWithdrawals{withdrawal.State(row.State), row.Rail, row.Withdrawals, fromMicro(row.Oldest)}
	}
	return list, nil
}

// OpenWithdrawals counts what hasn't ended.
func (g *Gateway) OpenWithdrawals(ctx context.Context) ([]OpenWithdrawals, error) {
	return ListOpenWithdrawals(ctx, g.store.Read())
}

// Contradicted counts withdrawals whose bank said otherwise since they ended, among the newest ContradictionReach ids.
func (g *Gateway) Contradicted(ctx context.Context) (int64, error) {
	n, err := g.store.Read().CountContradicted(ctx, ContradictionReach)
	if err != nil {
		return 0, fmt.Errorf("count contradicted withdrawals: %w", err)
	}
	return n, nil
}

// ProposedAdjustments counts those that wait for a second person.
func (g *Gateway) ProposedAdjustments(ctx context.Context) (int64, error) {
	row, err := g.store.Read().CountProposedAdjustments(ctx)
	if err != nil {
		return 0, fmt.Errorf("count proposed adjustments: %w", err)
	}
	return row.Adjustments, nil
}
