package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"

	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// AdjustmentKind is what an adjustment does.
type AdjustmentKind string

// The kinds.
const (
	Topup      AdjustmentKind = "topup"      // the merchant brought money in
	Settlement AdjustmentKind = "settlement" // the merchant was paid out
)

// Adjustment is money that a merchant brought in or was paid out beside deposits and withdrawals.
type Adjustment struct {
	ID       int64
	Merchant string // slug
	Kind     AdjustmentKind
	Amount   money.Money
	Reason   string
}

// ProposeAdjustment stores what one person wants to be booked. Nothing moves until another one books it.
func (g *Gateway) ProposeAdjustment(ctx context.Context, by Operator, a Adjustment) (id int64, err error) {
	if err := checkReason(by.actor(), a.Reason); err != nil {
		return 0, err
	}
	if a.Amount.Minor <= 0 {
		return 0, refuse(CodeInvalid, "amount: expected more than 0")
	}
	err = g.moveMoney(ctx, func(b *batch) error {
		m, err := getMerchant(b.ctx, b.q, a.Merchant)
		if err != nil {
			return err
		}
		id = b.ids.next(idAdjustment)
		err = b.q.InsertAdjustment(b.ctx, store.InsertAdjustmentParams{
			ID: id, MerchantID: m.ID, Kind: string(a.Kind), Amount: a.Amount.Minor, Currency: string(a.Amount.Currency), Reason: a.Reason,
			MadeBy: by.ID, CreatedAt: b.now.UnixMicro(),
		})
		if err != nil {
			return fmt.Errorf("store adjustment: %w", err)
		}
		return b.audit(by.actor(), "adjustment.proposed", adjustmentSubject(id), string(a.Kind)+" "+a.Merchant+" "+a.Amount.String()+" "+a.Reason)
	})
	return id, err
}

func adjustmentSubject(id int64) string { return "adjustment:" + strconv.FormatInt(id, 10) }

// DecideAdjustment books what another person proposed, or refuses it. A settlement takes no more than there is.
func (g *Gateway) DecideAdjustment(ctx context.Context, by Operator, id int64, book bool) error {
	return g.moveMoney(ctx, func(b *batch) error {
		row, err := b.q.GetAdjustment(b.ctx, id)
		if isNoRows(err) {
			return refuse(CodeNotFound, "no adjustment %d", id)
		}
		if err != nil {
			return fmt.Errorf("read adjustment: %w", err)
		}
		state := "refused"
		if book {
			state = "booked"
		}
		switch {
		case row.State == state && row.CheckedBy.Int64 == by.ID:
			return nil
		case row.State != "proposed":
			return refuse(CodeConflict, "adjustment %d is %s", id, row.State)
		case book && row.MadeBy == by.ID:
			return refuse(CodeConflict, "adjustment %d was proposed by %s: another operator must book it", id, by.Name)
		}
		if book {
			if err := b.bookAdjustment(row); err != nil {
				return err
			}
		}
		decided, err := b.q.DecideAdjustment(b.ctx, store.DecideAdjustmentParams{
			ID: id, State: state, CheckedBy: sql.NullInt64{Int64: by.ID, Valid: true}, DecidedAt: nullMicro(b.now),
		})
		if err != nil {
			return fmt.Errorf("decide adjustment: %w", err)
		}
		if decided != 1 {
			return refuse(CodeConflict, "adjustment %d was decided by somebody else meanwhile", id)
		}
		return b.audit(by.actor(), "adjustment."+state, adjustmentSubject(id), "")
	})
}

func (b *batch) bookAdjustment(row store.Adjustment) error {
	amount := money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}
	account, ok := b.dir.ledger[ledger.AccountKey{Kind: ledger.Merchant, OwnerID: row.MerchantID, Currency: amount.Currency}]
	if !ok {
		return errMissingLedgerAccount
	}
	in := AdjustmentKind(row.Kind) == Topup
	if !in {
		if _, err := b.q.LockLedgerAccount(b.ctx, account); err != nil {
			return fmt.Errorf("lock balance: %w", err)
		}
		balance, err := b.q.GetAvailable(b.ctx, account)
		if err != nil {
			return fmt.Errorf("read balance: %w", err)
		}
		if balance < amount.Minor {
			return refuse(CodeConflict, "the balance is %s: a settlement of %s takes more than there is", money.Money{Minor: balance, Currency: amount.Currency}, amount)
		}
	}
	return b.post(ledger.Adjusted(row.ID, merchant.ID(row.MerchantID), amount, in))
}
