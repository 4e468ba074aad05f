package gateway

import (
	"encoding/json"
	"fmt"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// withdrawals compares each withdrawal with the books and with what its merchant is told.
func (a *audit) withdrawals(after, until int64) error {
	rows, err := a.q.AuditWithdrawals(a.ctx, store.AuditWithdrawalsParams{After: after, Until: until})
	for _, w := range rows {
		state := withdrawal.State(w.State)
		reserved, ended, to := w.Amount, int64(0), ""
		if state.Ended() {
			ended, to = w.Amount, string(ledger.Merchant)
			if state == withdrawal.Paid {
				to = string(ledger.PaidOut)
			}
		}
		if w.Test == 1 {
			reserved, ended, to = 0, 0, ""
		}
		a.expect("W-4", w.Reserved == reserved, "withdrawal %d is of %d, reserved were %d", w.ID, w.Amount, w.Reserved)
		a.expect("W-1", w.Ended == ended && w.EndedTo == to, "withdrawal %d is %s, the ledger moved %d to %q", w.ID, state, w.Ended, w.EndedTo)
		a.expect("W-1", w.Contradicted == 0, "withdrawal %d is %s, and its bank said otherwise since: galla withdrawal show %d", w.ID, state, w.ID)
		told := state == withdrawal.Created || state == withdrawal.Refused || state == withdrawal.Cancelled
		a.expect("W-4", told || w.Approved >= int64(w.Approvals), "withdrawal %d is %s with %d of %d approvals", w.ID, state, w.Approved, w.Approvals)
		if problem := checkWithdrawalPostback(w); state.Ended() || w.Body != "" {
			a.expect("P-1", problem == "", "withdrawal %d: %s", w.ID, problem)
		}
	}
	return err
}

// checkWithdrawalPostback compares the stored body with the withdrawal; "" when all agrees.
func checkWithdrawalPostback(w store.AuditWithdrawalsRow) string {
	if w.Body == "" {
		return "has no postback"
	}
	var body struct {
		Amount json.Number `json:"amount"`
		Data   []struct {
			ID     string `json:"withdrawal_id"`
			Status int    `json:"withdrawal_status"`
			UTR    string `json:"transaction_id"`
		} `json:"additional_data"`
	}
	if err := json.Unmarshal([]byte(w.Body), &body); err != nil || len(body.Data) != 1 {
		return "its postback can't be read"
	}
	status := galla.WithdrawalFailed
	if withdrawal.State(w.State) == withdrawal.Paid {
		status = galla.WithdrawalPaid
	}
	amount := money.Money{Minor: w.Amount, Currency: money.Currency(w.Currency)}
	switch data := body.Data[0]; {
	case w.PostbackMerchant != w.MerchantID:
		return fmt.Sprintf("its postback goes to merchant %d", w.PostbackMerchant)
	case body.Amount.String() != amount.Text():
		return fmt.Sprintf("its postback says %s, it is %s", body.Amount, amount)
	case data.ID != w.WithdrawalID || data.Status != status || data.UTR != w.Utr:
		return fmt.Sprintf("it is %s, its postback tells of %q with status %d", w.State, data.ID, data.Status)
	}
	return ""
}
