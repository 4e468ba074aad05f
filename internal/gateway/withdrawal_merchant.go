package gateway

import (
	"context"
	"fmt"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// MerchantsWithdrawal is one withdrawal of a merchant. Another merchant's isn't there.
func (g *Gateway) MerchantsWithdrawal(ctx context.Context, of merchant.ID, id withdrawal.ID) (galla.Withdrawal, error) {
	row, err := g.store.Read().GetWithdrawal(ctx, int64(id))
	switch {
	case isNoRows(err), err == nil && row.MerchantID != int64(of):
		return galla.Withdrawal{}, refuse(CodeNotFound, "There is no withdrawal %d", id)
	case err != nil:
		return galla.Withdrawal{}, fmt.Errorf("read withdrawal: %w", err)
	}
	return merchantsView(row), nil
}

// MerchantsWithdrawals lists a merchant's withdrawals with ids above after, oldest first and at most limit (1 or more).
func (g *Gateway) MerchantsWithdrawals(ctx context.Context, of merchant.ID, after int64, limit int) (list []galla.Withdrawal, more bool, err error) {
	rows, err := g.store.Read().ListWithdrawalsAfter(ctx, store.ListWithdrawalsAfterParams{MerchantID: int64(of), After: after, Rows: int64(limit + 1)})
	if err != nil {
		return nil, false, fmt.Errorf("list withdrawals: %w", err)
	}
	if more = len(rows) > limit; more {
		rows = rows[:limit]
	}
	for _, row := range rows {
		list = append(list, merchantsView(row))
	}
	return list, more, nil
}

// merchantsView is what a merchant sees: not who approved it, nor what a bank or a person said.
func merchantsView(row store.Withdrawal) galla.Withdrawal {
	const tail = 4
	w := galla.Withdrawal{
		ID: row.ID, WithdrawalID: row.WithdrawalID, Amount: money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}, Test: row.Test == 1,
		Label: row.Payee, AccountNumber: row.AccountNumber[max(len(row.AccountNumber)-tail, 0):], IFSC: instructionOf(row).IFSC, UTR: row.Utr,
		CreatedAt: fromMicro(row.CreatedAt),
	}
	state := withdrawal.State(row.State)
	switch {
	case state == withdrawal.Created || state == withdrawal.Approved:
		w.State = galla.WithdrawalPending
	case state == withdrawal.Paid:
		w.State = galla.WithdrawalStatePaid
	case state.Ended():
		w.State = galla.WithdrawalReturned
	default:
		w.State = galla.WithdrawalProcessing
	}
	if state.Ended() {
		w.EndedAt = fromMicro(row.DecidedAt)
	}
	return w
}

// Balances are what a merchant has, in each of its currencies.
func (g *Gateway) Balances(ctx context.Context, of merchant.ID) ([]galla.Balance, error) {
	rows, err := g.store.Read().ListBalancesOf(ctx, int64(of))
	if err != nil {
		return nil, fmt.Errorf("list balances: %w", err)
	}
	var list []galla.Balance
	at := map[string]int{}
	for _, row := range rows {
		i, known := at[row.Currency]
		if !known {
			i = len(list)
			at[row.Currency] = i
			zero := money.Money{Currency: money.Currency(row.Currency)}
			list = append(list, galla.Balance{Available: zero, Reserved: zero})
		}
		switch ledger.AccountKind(row.Kind) {
		case ledger.Merchant:
			list[i].Available.Minor = row.Balance
		case ledger.Reserved:
			list[i].Reserved.Minor = row.Balance
		}
	}
	return list, nil
}
