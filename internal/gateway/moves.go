package gateway

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/ledger"
	"github.com/galla-gateway/galla/internal/store"
)

// The subjects of transition.
const (
	ofClaim    = "claim"
	ofTransfer = "transfer"
)

// moveClaim changes a claim's state or reason and logs it (invariant S-1).
func (b *batch) moveClaim(c *claimState, to deposit.State, reason deposit.Reason, untilEvidence bool, facts, actor string) {
	if c.State != to && !deposit.CanMove(c.State, to) {
		panic(fmt.Sprintf("claim %d can't move from %q to %q", c.ID, c.State, to))
	}
	b.out.transitions = append(b.out.transitions, transitionRow{
		ID: b.ids.next(idTransition), Kind: ofClaim, SubjectID: int64(c.ID), FromState: string(c.State), ToState: string(to),
		At: b.now.UnixMicro(), Actor: actor, Reason: string(reason), Facts: facts,
	})
	payer := payerKey{c.MerchantID, c.Payer}
	if c.State == deposit.Waiting && !c.ExpiredAt(b.now) { // an expired one isn't counted
		b.waiting[payer]--
	}
	if to == deposit.Waiting {
		b.waiting[payer]++
	}
	c.State, c.Reason, c.UntilEvidence, c.DecidedAt = to, reason, untilEvidence, b.now
	b.changeClaim(c)
}

// changeClaim marks a stored claim for saving.
func (b *batch) changeClaim(c *claimState) {
	if c.stored != deposit.New && !c.dirty {
		c.dirty = true
		b.out.claims = append(b.out.claims, c)
	}
}

// toldElsewhere are the two moves of nearly every transfer. Each of them stands in a row that is written with it anyway: what is
// observed in the transfer itself (observed_at) and its evidence, the credit in its deposit and in the move of the claim
// that it is for, with the same time, actor and reason. TransferMoves reads them there.
func toldElsewhere(from, to deposit.TransferState) bool {
	return from == deposit.TransferNew && to == deposit.Observed || from == deposit.Observed && to == deposit.Credited
}

// moveTransfer gives a transfer its next value, logs a change of state that isn't told elsewhere and books a change of money.
func (b *batch) moveTransfer(ref *refState, next deposit.Transfer, actor, reason string) error {
	t := ref.transfer
	before := t.Transfer
	if before == next {
		return nil
	}
	if before.State != next.State {
		if !deposit.CanMoveTransfer(before.State, next.State) {
			panic(fmt.Sprintf("transfer %d can't move from %q to %q", before.ID, before.State, next.State))
		}
		if !toldElsewhere(before.State, next.State) {
			b.out.transitions = append(b.out.transitions, transitionRow{
				ID: b.ids.next(idTransition), Kind: ofTransfer, SubjectID: int64(next.ID), FromState: string(before.State),
				ToState: string(next.State), At: b.now.UnixMicro(), Actor: actor, Reason: reason,
			})
		}
		switch {
		case next.State == deposit.Disputed:
			b.disputed[next.AccountID] = true
			b.out.disputes = append(b.out.disputes, disputeRow{int64(next.ID), int64(next.AccountID)})
			b.g.log.Error("transfer.disputed", "transfer_id", next.ID, "account_id", next.AccountID, "reason", reason)
		case before.State == deposit.Disputed:
			b.out.settled = append(b.out.settled, idRow{int64(next.ID)})
		}
	}
	t.Transfer = next
	if !t.dirty {
		t.dirty = true
		b.out.transfers = append(b.out.transfers, t)
	}
	if before.State == deposit.TransferNew {
		if !next.State.OnBooks() {
			return nil
		}
		return b.post(ledger.TransferObserved(int64(next.ID), position(next)))
	}
	return b.post(ledger.TransferRevised(0, position(before), position(next)))
}

// TransferMoves gives every move of a transfer in its order, wherever it is told: also those that toldElsewhere leaves out of the
// log. id and observedAt (microseconds) are the transfer's.
func TransferMoves(ctx context.Context, q *store.Queries, id, observedAt int64) ([]store.Transition, error) {
	moves, err := q.ListTransitions(ctx, store.ListTransitionsParams{Kind: ofTransfer, SubjectID: id})
	if err != nil {
		return nil, err
	}
	logged := func(from, to deposit.TransferState) bool {
		return slices.ContainsFunc(moves, func(m store.Transition) bool {
			return m.FromState == string(from) && (to == "" || m.ToState == string(to))
		})
	}
	if !logged(deposit.TransferNew, "") {
		moves = slices.Insert(moves, 0, store.Transition{
			Kind: ofTransfer, SubjectID: id, ToState: string(deposit.Observed), At: observedAt, Actor: actorRules, Reason: string(EvidenceCreated),
		})
	}
	if logged(deposit.Observed, deposit.Credited) {
		return moves, nil
	}
	credit, err := creditOf(ctx, q, id)
	if err != nil || credit == nil {
		return moves, err
	}
	// Nothing but a dispute follows a credit.
	at := slices.IndexFunc(moves, func(m store.Transition) bool { return m.FromState == string(deposit.Credited) })
	if at < 0 {
		at = len(moves)
	}
	return slices.Insert(moves, at, *credit), nil
}

// creditOf reads the credit of a transfer from the move of the claim that it is for; nil while nobody has it.
func creditOf(ctx context.Context, q *store.Queries, transfer int64) (*store.Transition, error) {
	d, err := q.GetDepositOfTransfer(ctx, transfer)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	moves, err := q.ListTransitions(ctx, store.ListTransitionsParams{Kind: ofClaim, SubjectID: d.ClaimID})
	credit := &store.Transition{
		Kind: ofTransfer, SubjectID: transfer, FromState: string(deposit.Observed), ToState: string(deposit.Credited), At: d.CreatedAt,
	}
	for _, m := range moves {
		if m.ToState == string(deposit.Accepted) {
			credit.At, credit.Actor, credit.Reason = m.At, m.Actor, m.Reason
		}
	}
	return credit, err
}
