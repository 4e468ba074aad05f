package gateway

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// This file stands in for what the gateway will bring for the window; it goes at the merge.

// StubMerchant is what tests register for a merchant.
type StubMerchant struct {
	Redirects map[int]string
	Brand     merchant.Brand
	Origins   []string
}

var stubMerchants sync.Map // *Merchant's slug in this process → StubMerchant

// SetStub registers it.
func SetStub(slug string, s StubMerchant) { stubMerchants.Store(slug, s) }

func (m *Merchant) stub() StubMerchant {
	found, _ := stubMerchants.Load(m.Slug)
	s, _ := found.(StubMerchant)
	return s
}

// Redirect is a registered redirect URL.
func (m *Merchant) Redirect(id int) (string, bool) {
	target, ok := m.stub().Redirects[id]
	return target, ok
}

// Brand is how the merchant looks.
func (m *Merchant) Brand() merchant.Brand {
	brand := m.stub().Brand
	if brand.Name == "" {
		brand.Name = m.Name
	}
	return brand
}

// Origins are the registered origins of pages that embed the window.
func (m *Merchant) Origins() []string { return m.stub().Origins }

// OrderTruth is the truth of an order.
type OrderTruth struct {
	Result      ClaimResult
	Method      string
	Payer       string
	Amount      money.Money
	Given       string
	Corrections int
	CreatedAt   time.Time
	ExpiresAt   time.Time
}

// Order reads the current claim of an order.
func (g *Gateway) Order(ctx context.Context, id merchant.ID, orderID string) (OrderTruth, bool, error) {
	rows, err := g.store.Read().ListOrderClaims(ctx, store.ListOrderClaimsParams{MerchantID: int64(id), OrderID: orderID})
	if err != nil {
		return OrderTruth{}, false, fmt.Errorf("read order: %w", err)
	}
	for _, row := range rows {
		if row.SupersededBy != 0 {
			continue
		}
		currency := money.Currency(row.Currency)
		truth := OrderTruth{
			Result: ClaimResult{
				ClaimID: deposit.ClaimID(row.ID), State: deposit.State(row.State), Reason: deposit.Reason(row.Reason),
				Amount: money.Money{Minor: row.Credited, Currency: currency},
			},
			Method: row.Method, Payer: row.Payer, Amount: money.Money{Minor: row.Amount, Currency: currency}, Given: row.Given,
			Corrections: int(row.Corrections), CreatedAt: fromMicro(row.CreatedAt), ExpiresAt: fromMicro(row.ExpiresAt),
		}
		if truth.Result.State == deposit.Waiting && !g.now().Before(truth.ExpiresAt) {
			truth.Result.State, truth.Result.Reason = deposit.Expired, deposit.ReasonExpired
		}
		switch truth.Result.State {
		case deposit.Waiting:
			if g.Directory().Recovery {
				truth.Result.State, truth.Result.Reason = deposit.Held, deposit.ReasonRecovery
			}
		case deposit.Refused, deposit.Expired:
			truth.Result.Message = failMessage(truth.Result.Reason)
			if m, ok := method.Lookup(row.Method); ok && truth.Result.Reason == deposit.ReasonShape {
				_, truth.Result.Hint = m.Reference(row.Given)
			}
		}
		return truth, true, nil
	}
	return OrderTruth{}, false, nil
}

// Watch never tells: readers look again by themselves.
func (g *Gateway) Watch(merchant.ID, string) (changed <-chan struct{}, stop func()) {
	return nil, func() {}
}

// TooManyAttempts means that too many wrong claims came.
type TooManyAttempts struct{ Again time.Time }

func (e *TooManyAttempts) Error() string { return "too many attempts" }
