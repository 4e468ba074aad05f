package gateway

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// MaxReason is the longest reason a person may give, in bytes.
const MaxReason = 1000

// errSkipped: the claim an act was meant for has moved on, or isn't what the act needs.
var errSkipped = errors.New("nothing to do")

// ResolveClaim is a person's end of a held claim: accept credits it, as the rules would, and only with a transfer that
// was observed and that nobody has; refuse sends nothing, and repeating the claim then answers fail.
func (g *Gateway) ResolveClaim(ctx context.Context, id deposit.ClaimID, accept bool, actor, reason string) (ClaimResult, error) {
	if err := checkReason(actor, reason); err != nil {
		return ClaimResult{}, err
	}
	key, err := g.claimReference(ctx, id)
	if err != nil {
		return ClaimResult{}, err
	}
	var result ClaimResult
	err = g.act(ctx, key, func(b *batch, ref *refState) error {
		c := ref.claim(id)
		if c == nil || c.State != deposit.Held {
			done, err := b.endedBefore(id, accept)
			if err != nil || done.ClaimID != 0 {
				result = done
				return err
			}
			return refuse("not_held", "claim %d isn't held: only a held claim can be accepted or refused", id)
		}
		if !accept {
			b.moveClaim(c, deposit.Refused, deposit.ReasonPerson, false, personFacts(reason), actor)
			result = b.dir.truth(c)
			return b.audit(actorOf(actor), "claim.refused", claimSubject(id), reason)
		}
		if ref.transfer == nil || ref.transfer.State != deposit.Observed {
			return refuse("no_transfer", "claim %d has no observed transfer to credit: %s", id, transferWord(ref))
		}
		if ref.transfer.Amount.Currency != c.Amount.Currency {
			return refuse("currency", "claim %d is in %s, the transfer in %s", id, c.Amount.Currency, ref.transfer.Amount.Currency)
		}
		if !b.dir.servedBy(c.MerchantID, ref.transfer.AccountID) {
			return refuse("other_account", "the transfer of claim %d is on account %d, which has no wallet of its merchant", id, ref.transfer.AccountID)
		}
		if err := b.accept(c, ref, personFacts(reason), deposit.ReasonPerson, actor); err != nil {
			return err
		}
		result = b.dir.truth(c)
		return b.audit(actorOf(actor), "claim.accepted", claimSubject(id), reason)
	})
	return result, err
}

func claimSubject(id deposit.ClaimID) string { return "claim:" + strconv.FormatInt(int64(id), 10) }

// endedBefore is the result of an earlier run of this act that was stored though its COMMIT had no answer; zero when
// there was none.
func (b *batch) endedBefore(id deposit.ClaimID, accept bool) (ClaimResult, error) {
	if !b.again {
		return ClaimResult{}, nil
	}
	row, err := b.q.GetClaim(b.ctx, int64(id))
	if err != nil {
		return ClaimResult{}, fmt.Errorf("read claim: %w", err)
	}
	wanted := deposit.Refused
	if accept {
		wanted = deposit.Accepted
	}
	if deposit.State(row.State) != wanted || deposit.Reason(row.Reason) != deposit.ReasonPerson {
		return ClaimResult{}, nil
	}
	credited := money.Money{Minor: row.Credited, Currency: money.Currency(row.Currency)}
	return b.dir.truth(&claimState{Claim: deposit.Claim{ID: id, State: wanted, Reason: deposit.ReasonPerson}, credited: credited}), nil
}

func transferWord(ref *refState) string {
	if ref.transfer == nil {
		return "none was seen"
	}
	return "it is " + string(ref.transfer.State)
}

func (r *refState) claim(id deposit.ClaimID) *claimState {
	for _, c := range r.claims {
		if c.ID == id {
			return c
		}
	}
	return nil
}

// ResolveTransfer is a person's end of a quarantined (also internal, reversed, or disputed) transfer: release overrules
// what speaks against it, so that claims on it are judged again; reject takes an uncredited one out of the books.
func (g *Gateway) ResolveTransfer(ctx context.Context, id deposit.TransferID, release bool, actor, reason string) error {
	if err := checkReason(actor, reason); err != nil {
		return err
	}
	row, err := g.store.Read().GetTransferReference(ctx, int64(id))
	if errors.Is(err, sql.ErrNoRows) {
		return refuse("not_found", "no transfer %d", id)
	}
	if err != nil {
		return fmt.Errorf("read transfer: %w", err)
	}
	return g.act(ctx, refKey{method.Rail(row.Rail), row.Number}, func(b *batch, ref *refState) error {
		t := ref.transfer
		if t == nil {
			return refuse("not_found", "no transfer %d", id)
		}
		next := t.Release()
		if !release {
			next = t.Transfer
			next.State = deposit.Rejected
		}
		if b.again && (release && t.Marks&^t.Released == 0 || !release && t.State == deposit.Rejected) {
			return nil // an earlier run was stored
		}
		if t.State == next.State || t.State == deposit.Rejected || !deposit.CanMoveTransfer(t.State, next.State) { // only a bank brings back what was rejected
			return refuse("state", "transfer %d is %s: it can't become %s", id, t.State, next.State)
		}
		if err := b.moveTransfer(ref, next, actor, reason); err != nil {
			return err
		}
		did := "transfer.released"
		if !release {
			did = "transfer.rejected"
		}
		if err := b.audit(actorOf(actor), did, "transfer:"+strconv.FormatInt(int64(id), 10), reason); err != nil {
			return err
		}
		return b.settle(ref)
	})
}

// EndRecovery lets the installation credit by itself again after a restore, and judges what recovery held.
func (g *Gateway) EndRecovery(ctx context.Context, actor, reason string) (judged int, err error) {
	if err := checkReason(actor, reason); err != nil {
		return 0, err
	}
	err = g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		if err := q.SetRecovery(ctx, sql.NullInt64{}); err != nil {
			return err
		}
		return g.appendAudit(ctx, q, g.now(), actorOf(actor), auditEntry{"recovery.ended", "installation", reason})
	})
	if err == nil {
		err = g.Reload(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("end recovery: %w", err)
	}
	return g.judgeHeld(ctx, deposit.ReasonRecovery, actor)
}

// judgeHeld judges what was held for a reason that is over, and that nobody has judged since.
func (g *Gateway) judgeHeld(ctx context.Context, reason deposit.Reason, actor string) (judged int, err error) {
	for after := int64(0); ; {
		held, err := g.store.Read().ListHeldForReason(ctx, store.ListHeldForReasonParams{Reason: string(reason), After: after, Size: MaxBatch})
		if err != nil || len(held) == 0 {
			return judged, err
		}
		for _, row := range held {
			after = row.ID
			err := g.act(ctx, refKey{method.Rail(row.Rail), row.Number}, rejudge(deposit.ClaimID(row.ID), actor))
			if err != nil && !errors.Is(err, errSkipped) {
				return judged, err
			}
			judged++
		}
	}
}

// rejudge asks the rules again about one live claim, as if it had just come.
func rejudge(id deposit.ClaimID, actor string) func(*batch, *refState) error {
	return func(b *batch, ref *refState) error {
		c := ref.claim(id)
		if c == nil || !c.Live() || c.ExpiredAt(b.now) {
			return errSkipped
		}
		verdict, facts, err := b.judge(c, ref)
		if err != nil {
			return err
		}
		return b.apply(c, ref, verdict, facts, actor)
	}
}

// act runs one decision from outside the rules on a locked reference. A Refusal of apply changes nothing.
func (g *Gateway) act(ctx context.Context, key refKey, apply func(*batch, *refState) error) error {
	var outcome error
	it := &item{act: &act{ref: key, apply: func(b *batch, ref *refState) error {
		// The outcome of the last run counts: a batch may be run again.
		outcome = apply(b, ref)
		var refusal *Refusal
		if errors.As(outcome, &refusal) || errors.Is(outcome, errSkipped) {
			return nil
		}
		return outcome
	}}}
	if err := g.submit(ctx, []*item{it}); err != nil {
		return err
	}
	return outcome
}

// claimReference finds the reference of a claim.
func (g *Gateway) claimReference(ctx context.Context, id deposit.ClaimID) (refKey, error) {
	row, err := g.store.Read().GetClaimReference(ctx, int64(id))
	if errors.Is(err, sql.ErrNoRows) {
		return refKey{}, refuse("not_found", "no claim %d", id)
	}
	if err != nil {
		return refKey{}, fmt.Errorf("read claim: %w", err)
	}
	if !row.Number.Valid {
		return refKey{}, refuse("not_held", "claim %d was refused for the shape of its number: there is nothing to resolve", id)
	}
	return refKey{method.Rail(row.Rail.Int16), row.Number.String}, nil
}

func checkReason(actor, reason string) error {
	switch {
	case actor == "":
		return refuse("actor", "an actor is needed: who decides?")
	case reason == "":
		return refuse("reason", "a reason is needed")
	case len(reason) > MaxReason:
		return refuse("reason", "the reason is longer than %d bytes", MaxReason)
	}
	return nil
}

// personFacts keeps a person's words where the rules keep their facts.
func personFacts(reason string) string {
	return jsonText(map[string]string{"person_reason": reason})
}

// jsonText is the JSON of a plain value.
func jsonText(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // values that can't fail
	}
	return string(text)
}
