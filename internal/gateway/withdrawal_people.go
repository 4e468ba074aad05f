package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// maxProof is the longest proof that a person may give, in bytes.
const maxProof = 1000

// utrShape is the number that a bank gives an IMPS payment, proofShape what a provider may tell instead.
var (
	utrShape   = regexp.MustCompile(`^[0-9]{12}$`)
	proofShape = regexp.MustCompile(`^[A-Za-z0-9]{10,30}$`)
)

// resolvableAfter is how long a bank may take before people may say what became of a payout that it is still busy with.
const resolvableAfter = 72 * time.Hour

func subjectOf(row *store.Withdrawal) string { return "withdrawal:" + strconv.FormatInt(row.ID, 10) }

// ApproveWithdrawal is a person's yes to exactly the instruction of that hash; "" is the one that is stored. It is approved
// once enough different people have said so.
func (g *Gateway) ApproveWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, hash string) (state withdrawal.State, err error) {
	err = g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		state = withdrawal.State(row.State)
		if err := b.intact(row); err != nil {
			return err
		}
		switch {
		case hash != "" && hash != row.InstructionHash:
			return refuse(CodeConflict, "withdrawal %d isn't what you looked at: its hash is %s", id, row.InstructionHash)
		case state != withdrawal.Created && state != withdrawal.Approved:
			return refuse(CodeConflict, "withdrawal %d is %s: nothing is left to approve", id, state)
		case row.NotBefore > b.now.UnixMicro():
			return refuse(CodeConflict, "withdrawal %d is to a new account: it can be approved from %s", id, fromMicro(row.NotBefore).Format(timeOfEvidence))
		}
		added, err := b.q.InsertApproval(b.ctx, store.InsertApprovalParams{
			WithdrawalID: row.ID, OperatorID: by.ID, InstructionHash: row.InstructionHash, CreatedBy: row.CreatedBy, At: b.now.UnixMicro(),
		})
		if err != nil {
			return fmt.Errorf("store approval: %w", err)
		}
		if added == 0 {
			return nil // said before: nothing changes, and one person is one person
		}
		if err := b.audit(by.actor(), "withdrawal.approved", subjectOf(row), row.InstructionHash); err != nil {
			return err
		}
		if state == withdrawal.Created {
			err = b.approveIfEnough(row, by.actor())
			state = withdrawal.State(row.State)
		}
		return err
	})
	return state, err
}

// RefuseWithdrawal is a person's no, as long as no bank was told. The money is the merchant's again.
func (g *Gateway) RefuseWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, reason string) error {
	return g.endWithdrawal(ctx, by, id, withdrawal.Refused, reason)
}

// CancelWithdrawal takes a withdrawal back, as long as no bank was told. The money is the merchant's again.
func (g *Gateway) CancelWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, reason string) error {
	return g.endWithdrawal(ctx, by, id, withdrawal.Cancelled, reason)
}

func (g *Gateway) endWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, to withdrawal.State, reason string) error {
	if err := checkReason(by.actor(), reason); err != nil {
		return err
	}
	return g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		if withdrawal.State(row.State) == to {
			return nil
		}
		if err := b.moveWithdrawal(row, to, by.actor(), reason); err != nil {
			return err
		}
		return b.audit(by.actor(), "withdrawal."+string(to), subjectOf(row), reason)
	})
}

// CancelMerchantsWithdrawal is the same by the merchant itself. Another merchant's withdrawal isn't there.
func (g *Gateway) CancelMerchantsWithdrawal(ctx context.Context, of merchant.ID, id withdrawal.ID) error {
	return g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		switch {
		case row.MerchantID != int64(of):
			return refuse(CodeNotFound, "no withdrawal %d", id)
		case withdrawal.State(row.State) == withdrawal.Cancelled:
			return nil
		}
		return b.moveWithdrawal(row, withdrawal.Cancelled, "merchant", "cancelled by the merchant")
	})
}

// ClaimWithdrawal gives an approved withdrawal of the manual rail to one person, who alone pays it now. That is its intent:
// it is stored before any money can leave. Takeover lets another person go on with what somebody has begun, who first looks
// at the bank whether it was paid.
func (g *Gateway) ClaimWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, takeover bool) (payout.Instruction, error) {
	var instruction payout.Instruction
	err := g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		instruction = instructionOf(*row)
		state := withdrawal.State(row.State)
		switch {
		case row.Rail != merchant.RailManual:
			return refuse(CodeConflict, "withdrawal %d is paid by rail %s, not by hand", id, row.Rail)
		case state == withdrawal.Submitted && row.ClaimedBy == by.ID:
			return nil
		case state == withdrawal.Submitted && !takeover:
			return refuse(CodeConflict, "withdrawal %d is being paid by operator %d: ask them, or take it over", id, row.ClaimedBy)
		case state == withdrawal.Submitted:
			row.ClaimedBy = by.ID
			if err := b.saveWithdrawal(row, state); err != nil {
				return err
			}
			return b.audit(by.actor(), "withdrawal.taken_over", subjectOf(row), "")
		case state != withdrawal.Approved:
			return refuse(CodeConflict, "withdrawal %d is %s: only an approved one can be paid", id, state)
		}
		if why := b.onHold(row); why != "" {
			return refuse(CodeConflict, "withdrawal %d can't be paid now: %s", id, why)
		}
		if err := b.intact(row); err != nil {
			return err
		}
		row.ClaimedBy = by.ID
		if err := b.moveWithdrawal(row, withdrawal.Submitted, by.actor(), "paid by hand"); err != nil {
			return err
		}
		return b.audit(by.actor(), "withdrawal.claimed", subjectOf(row), row.InstructionHash)
	})
	return instruction, err
}

// SettleWithdrawal is the word of the person who claimed a withdrawal: paid, by the bank's number, or failed.
func (g *Gateway) SettleWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, paid bool, utr, reason string) error {
	switch {
	case paid && !utrShape.MatchString(utr):
		return refuse(CodeInvalid, "utr: expected the 12 digits that the bank gave the payment")
	case !paid || reason != "":
		if err := checkReason(by.actor(), reason); err != nil {
			return err
		}
	}
	err := g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		state := withdrawal.State(row.State)
		switch {
		case row.Rail != merchant.RailManual:
			return refuse(CodeConflict, "withdrawal %d is paid by rail %s, not by hand", id, row.Rail)
		case paid && state == withdrawal.Paid && row.Utr == utr, !paid && state == withdrawal.Failed:
			return nil
		case row.ClaimedBy != by.ID:
			return refuse(CodeConflict, "withdrawal %d isn't claimed by %s", id, by.Name)
		}
		answer := payout.Answer{Outcome: payout.Failed, Reason: reason}
		to := withdrawal.Failed
		if paid {
			answer, to, row.Utr = payout.Answer{Outcome: payout.Paid, UTR: utr, Reason: reason}, withdrawal.Paid, utr
		}
		if err := b.keepAnswer(row, by.actor(), answer); err != nil {
			return err
		}
		if err := b.moveWithdrawal(row, to, by.actor(), reason); err != nil {
			return err
		}
		return b.audit(by.actor(), "withdrawal."+string(to), subjectOf(row), strings.TrimSpace(utr+" "+reason))
	})
	if errors.Is(err, store.ErrUnique) {
		return refuse(CodeTaken, "utr %s is the proof of another withdrawal", utr)
	}
	return err
}

// Resolution is what two people say became of a withdrawal.
type Resolution struct {
	Paid  bool
	UTR   string // of a paid one
	Proof string // where it can be seen: a statement, a letter, a ticket

	batch int64 // whose file was never uploaded, 0 when a person speaks of one withdrawal
}

// ResolveWithdrawal ends a withdrawal of which the bank gives no certain word: what one person says, another one confirms by
// saying the same. done: it has ended.
func (g *Gateway) ResolveWithdrawal(ctx context.Context, by Operator, id withdrawal.ID, r Resolution) (done bool, err error) {
	switch {
	case r.Paid && !proofShape.MatchString(r.UTR):
		return false, refuse(CodeInvalid, "utr: expected the number that the bank gave the payment, mostly 12 digits")
	case !r.Paid && r.UTR != "":
		return false, refuse(CodeInvalid, "utr: what failed has none")
	case r.Proof == "" || len(r.Proof) > maxProof:
		return false, refuse(CodeInvalid, "proof: expected 1 to %d bytes that tell where it can be seen", maxProof)
	}
	err = g.actWithdrawal(ctx, id, func(b *batch, row *store.Withdrawal) error {
		done, err = b.resolveWithdrawal(by, row, r)
		return err
	})
	if errors.Is(err, store.ErrUnique) {
		return false, refuse(CodeTaken, "utr %s is the proof of another withdrawal", r.UTR)
	}
	return done, err
}

func (b *batch) resolveWithdrawal(by Operator, row *store.Withdrawal, r Resolution) (done bool, err error) {
	state := withdrawal.State(row.State)
	// Of a file that people carry one payment isn't ended as failed while nobody knows: it would still stand in the file.
	byHand := row.Rail == merchant.RailManual || b.dir.byPeople(row.Rail) && (r.Paid || r.batch != 0) || b.now.Sub(fromMicro(row.SubmittedAt.Int64)) >= resolvableAfter
	switch {
	case state == withdrawal.Approved && r.Paid && b.seenPaid(row) != "":
		// No bank was told, but a statement shows it: only people can end it as what it is.
	case state != withdrawal.Unknown && state != withdrawal.Failed && (state != withdrawal.Submitted || !byHand):
		return false, refuse(CodeConflict, "withdrawal %d is %s: people resolve what is unknown or failed, what was begun by hand, and what a bank is busy with for %v", row.ID, state, resolvableAfter)
	case r.batch != 0:
		if err := neverUploaded(b.ctx, b.q, r.batch); err != nil {
			return false, err
		}
	case !r.Paid && row.Lease != 0 && row.NextAt.Int64 > b.now.UnixMicro():
		return false, refuse(CodeConflict, "withdrawal %d: its bank is being asked at this moment. Say it again in two minutes", row.ID)
	}
	outcome := payout.Failed
	if r.Paid {
		outcome = payout.Paid
	}
	known, err := b.q.GetResolution(b.ctx, row.ID)
	switch {
	case err == nil && known.Outcome == string(outcome) && known.Utr == r.UTR && known.ProposedBy != by.ID && known.State == OperatorActive:
		return true, b.confirmResolution(by, row, r)
	case err != nil && !isNoRows(err):
		return false, fmt.Errorf("read resolution: %w", err)
	}
	err = b.q.ProposeResolution(b.ctx, store.ProposeResolutionParams{
		WithdrawalID: row.ID, Outcome: string(outcome), Utr: r.UTR, Proof: r.Proof, ProposedBy: by.ID, ProposedAt: b.now.UnixMicro(),
	})
	if err != nil {
		return false, fmt.Errorf("store resolution: %w", err)
	}
	return false, b.audit(by.actor(), "withdrawal.resolution_proposed", subjectOf(row), string(outcome)+" "+r.UTR+" "+r.Proof)
}

func (b *batch) confirmResolution(by Operator, row *store.Withdrawal, r Resolution) error {
	confirmed, err := b.q.ConfirmResolution(b.ctx, store.ConfirmResolutionParams{
		WithdrawalID: row.ID, ConfirmedBy: sql.NullInt64{Int64: by.ID, Valid: true}, ConfirmedAt: nullMicro(b.now),
	})
	if err != nil {
		return fmt.Errorf("confirm resolution: %w", err)
	}
	if confirmed != 1 {
		return fmt.Errorf("confirm resolution of withdrawal %d: the database refuses it", row.ID)
	}
	if withdrawal.State(row.State) == withdrawal.Approved {
		if err := b.moveWithdrawal(row, withdrawal.Submitted, by.actor(), r.Proof); err != nil {
			return err
		}
	}
	end := withdrawal.Refunded
	if r.Paid {
		end, row.Utr = withdrawal.Paid, r.UTR
	} else if withdrawal.State(row.State) != withdrawal.Failed {
		if err := b.moveWithdrawal(row, withdrawal.Failed, by.actor(), r.Proof); err != nil {
			return err
		}
	}
	if err := b.moveWithdrawal(row, end, by.actor(), r.Proof); err != nil {
		return err
	}
	return b.audit(by.actor(), "withdrawal.resolved", subjectOf(row), r.UTR+" "+r.Proof)
}
