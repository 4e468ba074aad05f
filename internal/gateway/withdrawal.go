package gateway

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/ifsc"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// repeatWindow is how long the same signed body without a withdrawal_id is a repeat of the same request (protocol section
// 6). Later it may be meant as another one, so that it is refused instead of answered ok.
const repeatWindow = 10 * time.Minute

// CodeRepeated refuses a withdrawal.
const CodeRepeated = "repeated" // the id, or the signed text, was used for something else

// WithdrawalRefusal says why a withdrawal isn't taken on. Field is the member of the request that is at fault, or
// withdrawal.FieldBalance.
type WithdrawalRefusal struct {
	Field   string
	Message string
}

func (r *WithdrawalRefusal) Error() string { return r.Message }

// TakenWithdrawal is a withdrawal that is stored.
type TakenWithdrawal struct {
	ID           withdrawal.ID
	WithdrawalID string
	State        withdrawal.State
	Repeat       bool // it was stored before
}

// RequestWithdrawal takes a withdrawal on: it checks the limits, reserves the money and stores it. The request's signature
// has been verified by the caller. The same request again, whatever became of it, is answered the same and does nothing: what
// was refused stays so, as its merchant may have paid the user another way.
// Errors are *WithdrawalRefusal, *Refusal, ErrUnknown (repeat it) and faults.
func (g *Gateway) RequestWithdrawal(ctx context.Context, id merchant.ID, r galla.WithdrawalRequest) (taken TakenWithdrawal, err error) {
	amount, err := r.Money()
	if err != nil {
		return taken, &WithdrawalRefusal{Field: "amount", Message: "amount is too large."}
	}
	var refusal *WithdrawalRefusal
	err = g.moveMoney(ctx, func(b *batch) (err error) {
		taken, refusal, err = b.takeWithdrawal(id, r, amount)
		return err
	})
	if err == nil && refusal != nil {
		return taken, refusal
	}
	return taken, err
}

// takeWithdrawal stores the withdrawal, or that it is refused.
func (b *batch) takeWithdrawal(id merchant.ID, r galla.WithdrawalRequest, amount money.Money) (TakenWithdrawal, *WithdrawalRefusal, error) {
	m, there := b.dir.Merchant(id)
	account, ready := b.dir.ledger[ledger.AccountKey{Kind: ledger.Merchant, OwnerID: int64(id), Currency: amount.Currency}]
	if !there || !ready {
		return TakenWithdrawal{}, nil, fmt.Errorf("withdrawal of merchant %d: %w", id, errMissingLedgerAccount)
	}
	// Whoever holds this row decides alone over the merchant's balance. What is read after it is the newest.
	if _, err := b.q.LockLedgerAccount(b.ctx, account); err != nil {
		return TakenWithdrawal{}, nil, fmt.Errorf("lock balance: %w", err)
	}
	digest := sha256.Sum256([]byte(r.Signed()))
	if stored, err := b.repeatedWithdrawal(id, r, digest[:]); err != nil || stored.ID != 0 {
		return stored, nil, err
	}
	known, err := b.q.FindRefusal(b.ctx, store.FindRefusalParams{MerchantID: int64(id), SignedDigest: digest[:]})
	if err == nil {
		return TakenWithdrawal{}, &WithdrawalRefusal{known.Field, known.Message}, nil
	} else if !isNoRows(err) {
		return TakenWithdrawal{}, nil, fmt.Errorf("find refusal: %w", err)
	}
	if r.WithdrawalID == "" {
		r.WithdrawalID = derivedID(digest)
	}
	if m.State == merchant.Paused {
		return TakenWithdrawal{}, nil, refuse(CodeConflict, "Withdrawals are paused")
	}
	verdict, warning, err := b.judgeWithdrawal(m, account, r, amount)
	if err != nil {
		return TakenWithdrawal{}, nil, err
	}
	if verdict.Message != "" {
		err := b.q.InsertRefusal(b.ctx, store.InsertRefusalParams{
			MerchantID: int64(id), SignedDigest: digest[:], Field: verdict.Field, Message: verdict.Message, At: b.now.UnixMicro(),
		})
		return TakenWithdrawal{}, &WithdrawalRefusal{Field: verdict.Field, Message: verdict.Message}, err
	}
	taken, err := b.storeWithdrawal(m, r, amount, digest[:], verdict, warning)
	return taken, nil, err
}

// derivedID is the id of a withdrawal whose merchant sent none.
func derivedID(digest [32]byte) string { return "g-" + hex.EncodeToString(digest[:16]) }

// repeatedWithdrawal answers what is stored already. ID is 0 when nothing is.
func (b *batch) repeatedWithdrawal(id merchant.ID, r galla.WithdrawalRequest, digest []byte) (TakenWithdrawal, error) {
	signed, err := b.q.FindSignedWithdrawal(b.ctx, store.FindSignedWithdrawalParams{MerchantID: int64(id), SignedDigest: digest})
	if err == nil {
		before := TakenWithdrawal{ID: withdrawal.ID(signed.ID), WithdrawalID: signed.WithdrawalID, State: withdrawal.State(signed.State), Repeat: true}
		switch {
		case r.WithdrawalID == signed.WithdrawalID:
			return before, nil
		case r.WithdrawalID != "":
			return TakenWithdrawal{}, refuse(CodeRepeated, "What was signed here was sent before, as withdrawal %s", signed.WithdrawalID)
		case b.now.Sub(fromMicro(signed.CreatedAt)) <= repeatWindow:
			return before, nil
		}
		return TakenWithdrawal{}, refuse(CodeRepeated,
			"The same body was sent at %s and is withdrawal %s: send a withdrawal_id, so that a new one can be told from a repeat",
			fromMicro(signed.CreatedAt).Format(time.RFC3339), signed.WithdrawalID)
	}
	if !isNoRows(err) {
		return TakenWithdrawal{}, fmt.Errorf("find withdrawal: %w", err)
	}
	if r.WithdrawalID == "" {
		return TakenWithdrawal{}, nil
	}
	_, err = b.q.FindWithdrawal(b.ctx, store.FindWithdrawalParams{MerchantID: int64(id), WithdrawalID: r.WithdrawalID})
	switch {
	case isNoRows(err):
		return TakenWithdrawal{}, nil
	case err != nil:
		return TakenWithdrawal{}, fmt.Errorf("find withdrawal: %w", err)
	}
	return TakenWithdrawal{}, refuse(CodeRepeated, "withdrawal_id %s was sent before with another content", r.WithdrawalID)
}

// judgeWithdrawal gathers the facts and asks the rules.
func (b *batch) judgeWithdrawal(m *Merchant, account int64, r galla.WithdrawalRequest, amount money.Money) (withdrawal.Verdict, string, error) {
	today := indiaDay(b.now).UnixMicro()
	f := withdrawal.Facts{Now: b.now, Amount: amount, Policy: m.Policy.Withdrawal, Test: r.IsTest, Recovery: b.dir.Recovery}
	var err error
	if f.Balance, err = b.q.GetAvailable(b.ctx, account); err != nil {
		return withdrawal.Verdict{}, "", fmt.Errorf("read balance: %w", err)
	}
	if f.Today, err = b.q.SumWithdrawals(b.ctx, store.SumWithdrawalsParams{MerchantID: int64(m.ID), Since: today}); err != nil {
		return withdrawal.Verdict{}, "", fmt.Errorf("read the day's withdrawals: %w", err)
	}
	if f.PayeeToday, err = b.q.SumPayeeWithdrawals(b.ctx, store.SumPayeeWithdrawalsParams{
		MerchantID: int64(m.ID), AccountNumber: r.AccountNumber, Since: today,
	}); err != nil {
		return withdrawal.Verdict{}, "", fmt.Errorf("read the account's withdrawals: %w", err)
	}
	since, err := b.q.GetPayeeSince(b.ctx, store.GetPayeeSinceParams{MerchantID: int64(m.ID), AccountNumber: r.AccountNumber, Bank: r.IFSC()[:4]})
	if err != nil {
		return withdrawal.Verdict{}, "", fmt.Errorf("read the account's first withdrawal: %w", err)
	}
	if since != 0 {
		f.PayeeSince = fromMicro(since)
	}
	branch := b.dir.Branches().Table().Lookup(ifsc.Code(r.IFSC()))
	f.NoIMPS = branch.Refused()
	return withdrawal.Judge(f), branch.Warning(), nil
}

// railOf is the rail of a withdrawal. What isn't real never goes where money is.
func (d *Directory) railOf(m *Merchant, test bool) string {
	if test || m.Sandbox {
		return merchant.RailSandbox
	}
	return m.Policy.Withdrawal.Rail
}

func (b *batch) storeWithdrawal(m *Merchant, r galla.WithdrawalRequest, amount money.Money, digest []byte, v withdrawal.Verdict, warning string) (TakenWithdrawal, error) {
	id := b.ids.next(idWithdrawal)
	if r.IsTest || m.Sandbox {
		v.Approvals, v.NotBefore = 0, b.now
	}
	row := store.Withdrawal{
		ID: id, MerchantID: int64(m.ID), WithdrawalID: r.WithdrawalID, SignedDigest: digest, Test: flag(r.IsTest), Payee: r.Label,
		Method: r.PaymentSystem, Amount: amount.Minor, Currency: string(amount.Currency), AccountNumber: r.AccountNumber, AccountName: r.Payee(),
		BankCode: r.BankCode, BranchCode: r.BranchCode, Comment: r.Comment, Warning: warning, Rail: b.dir.railOf(m, r.IsTest),
		Reference: payout.Reference(id), Approvals: int16(v.Approvals), State: string(withdrawal.Created), NotBefore: v.NotBefore.UnixMicro(),
		CreatedAt: b.now.UnixMicro(), DecidedAt: b.now.UnixMicro(),
	}
	row.InstructionHash = instructionOf(row).Hash()
	err := b.q.InsertWithdrawal(b.ctx, store.InsertWithdrawalParams{
		ID: row.ID, MerchantID: row.MerchantID, WithdrawalID: row.WithdrawalID, SignedDigest: row.SignedDigest, Test: row.Test, Payee: row.Payee,
		Method: row.Method, Amount: row.Amount, Currency: row.Currency, AccountNumber: row.AccountNumber, AccountName: row.AccountName,
		BankCode: row.BankCode, BranchCode: row.BranchCode, Comment: row.Comment, Warning: row.Warning, Rail: row.Rail, Reference: row.Reference,
		InstructionHash: row.InstructionHash, Approvals: row.Approvals, State: row.State, NotBefore: row.NotBefore, CreatedAt: row.CreatedAt,
		DecidedAt: row.DecidedAt,
	})
	if err != nil {
		return TakenWithdrawal{}, fmt.Errorf("store withdrawal: %w", err)
	}
	b.logWithdrawal(id, withdrawal.New, withdrawal.Created, actorRules, "")
	if !r.IsTest {
		if err := b.post(ledger.WithdrawalReserved(id, m.ID, amount)); err != nil {
			return TakenWithdrawal{}, err
		}
	}
	if err := b.approveIfEnough(&row, actorRules); err != nil {
		return TakenWithdrawal{}, err
	}
	return TakenWithdrawal{ID: withdrawal.ID(id), WithdrawalID: r.WithdrawalID, State: withdrawal.State(row.State)}, nil
}

// instructionOf is what a bank is told.
func instructionOf(row store.Withdrawal) payout.Instruction {
	return payout.Instruction{
		Reference: row.Reference, Amount: money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)},
		AccountNumber: row.AccountNumber, AccountName: row.AccountName, IFSC: galla.WithdrawalRequest{BankCode: row.BankCode, BranchCode: row.BranchCode}.IFSC(),
	}
}
