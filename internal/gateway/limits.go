package gateway

import (
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
)

// zones of the rails' banks, for "the bank's day".
var (
	zoneIndia      = time.FixedZone("IST", 5*3600+1800)
	zoneBangladesh = time.FixedZone("BST", 6*3600)
	zonePakistan   = time.FixedZone("PKT", 5*3600)
)

func bankZone(rail method.Rail) *time.Location {
	switch rail {
	case method.RailBkash, method.RailNagad, method.RailRocket:
		return zoneBangladesh
	case method.RailEasypaisa, method.RailJazzCash:
		return zonePakistan
	}
	return zoneIndia
}

// limits names the first daily limit of merchant, payer or wallet that crediting the transfer would pass, "" for none.
// Nothing is read for limits that aren't set.
func (b *batch) limits(m *Merchant, c deposit.Claim, t deposit.Transfer, a *account) (string, error) {
	policy, amount := m.Policy, t.Amount.Minor
	if policy.DailyAmount > 0 || policy.PayerAmount > 0 || policy.PayerCount > 0 {
		since, _ := bankDay(b.now, m.Zone)
		sum, _ := b.creditedNow(func(c credit) bool { return c.merchantID == m.ID && c.amount.Currency == t.Amount.Currency })
		stored, err := b.q.SumMerchantDeposits(b.ctx, store.SumMerchantDepositsParams{
			MerchantID: int64(m.ID), Currency: string(t.Amount.Currency), Since: since.UnixMicro(),
		})
		if err != nil {
			return "", fmt.Errorf("sum deposits: %w", err)
		}
		if policy.DailyAmount > 0 && stored.Amount+sum+amount > policy.DailyAmount {
			return "daily_amount", nil
		}
		if over, err := b.payerLimits(m, c, t, since); over != "" || err != nil {
			return over, err
		}
	}
	return b.walletLimits(c, t, a)
}

func (b *batch) payerLimits(m *Merchant, c deposit.Claim, t deposit.Transfer, since time.Time) (string, error) {
	policy := m.Policy
	if policy.PayerAmount == 0 && policy.PayerCount == 0 {
		return "", nil
	}
	stored, err := b.q.SumPayerDeposits(b.ctx, store.SumPayerDepositsParams{
		MerchantID: int64(m.ID), Currency: string(t.Amount.Currency), Since: since.UnixMicro(), Payer: c.Payer,
	})
	if err != nil {
		return "", fmt.Errorf("sum payer's deposits: %w", err)
	}
	sum, count := b.creditedNow(func(x credit) bool {
		return x.merchantID == m.ID && x.payer == c.Payer && x.amount.Currency == t.Amount.Currency
	})
	switch {
	case policy.PayerAmount > 0 && stored.Amount+sum+t.Amount.Minor > policy.PayerAmount:
		return "payer_daily_amount", nil
	case policy.PayerCount > 0 && stored.Deposits+count+1 > policy.PayerCount:
		return "payer_daily_count", nil
	}
	return "", nil
}

// walletLimits holds a credit when the account took more in the bank's day of the transfer than the claim's wallets
// may. The transfer itself is stored and counted already, or is part of this batch.
func (b *batch) walletLimits(c deposit.Claim, t deposit.Transfer, a *account) (string, error) {
	var maxAmount, maxCount int64
	for _, w := range a.wallets {
		if w.Method == c.Method && w.Currency == t.Amount.Currency {
			maxAmount, maxCount = max(maxAmount, w.DailyAmount), max(maxCount, w.DailyCount)
			if w.DailyAmount == 0 && w.DailyCount == 0 {
				return "", nil // one wallet without limits is enough
			}
		}
	}
	if maxAmount == 0 && maxCount == 0 {
		return "", nil
	}
	since, until := bankDay(t.OccurredAt, bankZone(a.Rail))
	stored, err := b.q.SumAccountTransfers(b.ctx, store.SumAccountTransfersParams{
		AccountID: int64(t.AccountID), Currency: string(t.Amount.Currency), Since: since.UnixMicro(), Until: until.UnixMicro(),
		Weak: int16(evidence.StrengthWeak),
	})
	if err != nil {
		return "", fmt.Errorf("sum transfers: %w", err)
	}
	amount, count := stored.Amount, stored.Transfers
	for _, x := range b.out.transfers {
		if x.stored == deposit.TransferNew && x.Strength != evidence.StrengthWeak && x.AccountID == t.AccountID && !x.OccurredAt.Before(since) && x.OccurredAt.Before(until) {
			amount, count = amount+x.Amount.Minor, count+1
		}
	}
	switch {
	case maxAmount > 0 && amount > maxAmount:
		return "wallet_daily_amount", nil
	case maxCount > 0 && count > maxCount:
		return "wallet_daily_count", nil
	}
	return "", nil
}

// creditedNow sums this batch's own credits, which aren't stored yet.
func (b *batch) creditedNow(counts func(credit) bool) (sum, count int64) {
	for _, c := range b.credits {
		if counts(c) {
			sum, count = sum+c.amount.Minor, count+1
		}
	}
	return sum, count
}
