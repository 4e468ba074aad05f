package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// actWithdrawal runs one act on a withdrawal, whose row it holds.
func (g *Gateway) actWithdrawal(ctx context.Context, id withdrawal.ID, act func(b *batch, row *store.Withdrawal) error) error {
	return g.moveMoney(ctx, func(b *batch) error {
		row, err := b.q.LockWithdrawal(b.ctx, int64(id))
		if isNoRows(err) {
			return refuse(CodeNotFound, "no withdrawal %d", id)
		}
		if err != nil {
			return fmt.Errorf("read withdrawal: %w", err)
		}
		b.lease = row.Lease
		return act(b, &row)
	})
}

// moveWithdrawal gives a withdrawal that this transaction holds its next state, and books and tells what ends it. row has
// what else is to be stored; next_at and lease are the caller's to set.
func (b *batch) moveWithdrawal(row *store.Withdrawal, to withdrawal.State, actor, reason string) error {
	from := withdrawal.State(row.State)
	if !withdrawal.CanMove(from, to) {
		return refuse(CodeConflict, "withdrawal %d is %s and can't become %s", row.ID, from, to)
	}
	row.State, row.Reason, row.DecidedAt = string(to), reason, b.now.UnixMicro()
	switch to {
	case withdrawal.Submitted:
		row.SubmittedAt = nullMicro(b.now)
	case withdrawal.Refused, withdrawal.Cancelled, withdrawal.Paid, withdrawal.Refunded:
		row.NextAt, row.Lease = sql.NullInt64{}, 0
	}
	if err := b.saveWithdrawal(row, from); err != nil {
		return err
	}
	b.logWithdrawal(row.ID, from, to, actor, reason)
	if !to.Ended() {
		return nil
	}
	if row.Test == 0 {
		amount := money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}
		if err := b.post(ledger.WithdrawalEnded(row.ID, merchant.ID(row.MerchantID), amount, to == withdrawal.Paid)); err != nil {
			return err
		}
	}
	return b.tellWithdrawal(row, to == withdrawal.Paid)
}

// saveWithdrawal stores what may change of a withdrawal. Nobody else can have moved it, as its row is held; where somebody
// has, or approvals are missing, the database refuses.
func (b *batch) saveWithdrawal(row *store.Withdrawal, from withdrawal.State) error {
	moved, err := b.q.MoveWithdrawal(b.ctx, store.MoveWithdrawalParams{
		State: row.State, Reason: row.Reason, Utr: row.Utr, RailID: row.RailID, ClaimedBy: row.ClaimedBy, SubmittedAt: row.SubmittedAt,
		DecidedAt: row.DecidedAt, FailedAt: row.FailedAt, NextAt: row.NextAt, Asked: row.Asked, Lease: row.Lease, ID: row.ID, FromState: string(from), FromLease: b.lease,
	})
	if err != nil {
		return fmt.Errorf("move withdrawal %d: %w", row.ID, err)
	}
	if moved != 1 {
		return fmt.Errorf("move withdrawal %d from %s to %s: the database refuses it", row.ID, from, row.State)
	}
	b.lease = row.Lease
	return nil
}

func (b *batch) logWithdrawal(id int64, from, to withdrawal.State, actor, reason string) {
	b.out.transitions = append(b.out.transitions, transitionRow{
		ID: b.ids.next(idTransition), Kind: "withdrawal", SubjectID: id, FromState: string(from), ToState: string(to),
		At: b.now.UnixMicro(), Actor: actor, Reason: reason,
	})
	b.logLater(slog.LevelInfo, "withdrawal.moved", slog.Int64("withdrawal", id), slog.String("from", string(from)),
		slog.String("to", string(to)), slog.String("actor", actor), slog.String("reason", reason))
}

// intact reports a row that isn't what its hash, and so its approvals, are of.
func (b *batch) intact(row *store.Withdrawal) error {
	if instructionOf(*row).Hash() != row.InstructionHash {
		return fmt.Errorf("withdrawal %d was changed after it was stored: nothing is paid of it", row.ID)
	}
	return nil
}

// onHold says why no new payout may begin, "" when nothing speaks against it. After a restore nobody knows here what was paid
// since the backup.
func (b *batch) onHold(row *store.Withdrawal) string {
	m, known := b.dir.Merchant(merchant.ID(row.MerchantID))
	switch {
	case b.dir.Recovery:
		return "the installation is in recovery"
	case b.dir.Stopped:
		return moneyStopped
	case !known || m.State == merchant.Paused:
		return "its merchant is paused"
	case b.dir.rails[row.Rail].State == RailPaused:
		return "rail " + row.Rail + " is paused"
	}
	return b.seenPaid(row)
}

// approveIfEnough approves a withdrawal that has all the approvals that it needs, once nobody need wait.
func (b *batch) approveIfEnough(row *store.Withdrawal, actor string) error {
	enough, err := b.approvedEnough(row)
	switch {
	case err != nil:
		return err
	case !enough && row.NextAt.Valid: // people said yes who may no longer: nothing is due until somebody else does
		row.NextAt = sql.NullInt64{}
		return b.saveWithdrawal(row, withdrawal.State(row.State))
	case !enough:
		return nil
	}
	automatic := !b.dir.byPeople(row.Rail)
	if row.NotBefore > b.now.UnixMicro() { // of a cool-off; the teller comes back to it
		row.NextAt = sql.NullInt64{Int64: row.NotBefore, Valid: true}
		return b.saveWithdrawal(row, withdrawal.State(row.State))
	}
	row.NextAt = sql.NullInt64{Int64: b.now.UnixMicro(), Valid: automatic}
	return b.moveWithdrawal(row, withdrawal.Approved, actor, "")
}

// approvedEnough counts the people who said yes to just this and still may.
func (b *batch) approvedEnough(row *store.Withdrawal) (bool, error) {
	if row.Approvals == 0 {
		return true, nil
	}
	approvals, err := b.q.ListApprovals(b.ctx, row.ID)
	if err != nil {
		return false, fmt.Errorf("read approvals: %w", err)
	}
	count := int16(0)
	for _, a := range approvals {
		if a.State == OperatorActive && a.InstructionHash == row.InstructionHash {
			count++
		}
	}
	return count >= row.Approvals, nil
}

// tellWithdrawal writes the postback of a withdrawal's end with its final bytes.
func (b *batch) tellWithdrawal(row *store.Withdrawal, paid bool) error {
	m, ok := b.dir.Merchant(merchant.ID(row.MerchantID))
	if !ok {
		return fmt.Errorf("%w: withdrawal of merchant %d", errUnknownMerchant, row.MerchantID)
	}
	at, status := galla.FormatTime(b.now, m.Zone), galla.WithdrawalFailed
	if paid {
		status = galla.WithdrawalPaid
	}
	p := galla.Postback{
		WalletType: row.Method, Amount: money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}, Label: row.Payee,
		Direction: galla.DirectionWithdrawal, CreatedDatetime: at,
		Data: galla.PostbackData{
			ActivatedDatetime: at, Comment: row.Comment, StockpilingID: row.ID, TransactionID: row.Utr, WithdrawalID: row.WithdrawalID,
			WithdrawalStatus: status, AccountNumber: row.AccountNumber, AccountName: row.AccountName, BankCode: row.BankCode, BranchCode: row.BranchCode,
		},
	}
	return b.addPostback(m, PostbackWithdrawal, row.ID, p)
}
