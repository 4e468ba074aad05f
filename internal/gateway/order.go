package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// OrderTruth is what is known of an order now.
type OrderTruth struct {
	Result               ClaimResult // of its current claim
	Method               string
	Payer                string
	Amount               money.Money // as claimed
	Given                string      // the number, normalised; as the payer typed it when its shape is wrong
	Corrections          int         // so many of deposit.MaxCorrections are used
	CreatedAt, ExpiresAt time.Time
}

// Order is the present truth of an order, in the words that repeating its claim would be answered with. It writes
// nothing, so it doesn't judge anew what was refused or has expired. found is false when nothing was claimed yet.
func (g *Gateway) Order(ctx context.Context, id merchant.ID, orderID string) (truth OrderTruth, found bool, err error) {
	row, err := g.store.Read().GetOrderClaim(ctx, store.GetOrderClaimParams{MerchantID: int64(id), OrderID: orderID})
	if isNoRows(err) {
		return OrderTruth{}, false, nil
	}
	if err != nil {
		return OrderTruth{}, false, fmt.Errorf("read order: %w", err)
	}
	c := orderClaim(store.LoadOrderClaimsRow(row))
	if c.ExpiredAt(g.now()) { // and nobody has marked it yet
		c.State, c.Reason = deposit.Expired, deposit.ReasonExpired
	}
	truth = OrderTruth{
		Result: g.Directory().truth(c), Method: c.Method, Payer: c.Payer, Amount: c.Amount, Given: c.Given, Corrections: c.Corrections,
		CreatedAt: c.CreatedAt, ExpiresAt: c.ExpiresAt,
	}
	if used, ok := method.Lookup(c.Method); ok && c.Reason == deposit.ReasonShape {
		_, truth.Result.Hint = used.Reference(c.Given)
		truth.Result.Message = truth.Result.Hint.Message
	}
	return truth, true, nil
}

// orderClaim is the current claim of an order as stored, with what was credited.
func orderClaim(row store.LoadOrderClaimsRow) *claimState {
	stored := store.Claim{
		ID: row.ID, MerchantID: row.MerchantID, OrderID: row.OrderID, SupersededBy: row.SupersededBy, Payer: row.Payer,
		Method: row.Method, ReferenceID: row.ReferenceID, Given: row.Given, Amount: row.Amount, Currency: row.Currency,
		State: row.State, Reason: row.Reason, UntilEvidence: row.UntilEvidence, Corrections: row.Corrections, Told: row.Told,
		CreatedAt: row.CreatedAt, DecidedAt: row.DecidedAt, ExpiresAt: row.ExpiresAt,
	}
	return &claimState{
		Claim: claimOf(stored), stored: deposit.State(row.State),
		credited: money.Money{Minor: row.Credited, Currency: money.Currency(row.Currency)},
	}
}

// truth is the present state of a stored claim as an answer.
func (d *Directory) truth(c *claimState) ClaimResult {
	result := ClaimResult{ClaimID: c.ID, State: c.State, Reason: c.Reason}
	if c.State == deposit.Accepted {
		result.Amount = c.credited
	}
	if c.State == deposit.Waiting && d.Recovery {
		// Whether its money came, and was credited, between the backup and now is not known.
		result.State, result.Reason = deposit.Held, deposit.ReasonRecovery
	}
	if c.State == deposit.Refused || c.State == deposit.Expired {
		result.Message = failMessage(c.Reason)
	}
	return result
}
