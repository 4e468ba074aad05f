package gateway

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
)

// errUnknownMerchant: a claim is of a merchant that this process's directory doesn't know yet.
var errUnknownMerchant = fmt.Errorf("merchant is unknown: %w", errMissingLedgerAccount)

// actorRules is the actor of automatic decisions.
const actorRules = "rules"

// decide folds the items: evidence before claims, then acts, else in order of arrival. Each is judged over what was
// loaded plus what its forerunners decided.
func (b *batch) decide(items []*item) error {
	var touched []*refState
	for _, it := range items {
		if it.evidence == nil {
			continue
		}
		ref, err := b.observe(it.evidence)
		if err != nil {
			return err
		}
		if ref != nil && !ref.touched {
			ref.touched = true
			touched = append(touched, ref)
		}
	}
	for _, ref := range touched {
		if err := b.settle(ref); err != nil {
			return err
		}
	}
	for _, it := range items {
		switch {
		case it.claim != nil:
			if err := b.activate(it.claim); err != nil {
				return err
			}
		case it.act != nil:
			if err := it.act.apply(b, b.refs[it.act.ref]); err != nil {
				return err
			}
		}
	}
	return nil
}

// observe folds one item of evidence. It returns the reference whose claims must be judged again, if any.
func (b *batch) observe(e *evidenceItem) (*refState, error) {
	if e.Outcome == evidence.OTP {
		b.otp[e.SourceID]++
		e.result = EvidenceResult{Status: EvidenceRefused, Reason: e.Reason}
		b.g.counters.NotTaken.Add(1)
		return nil, nil
	}
	if e.id == 0 {
		e.id = b.ids.next(idEvidence)
	}
	if known, ok := b.known[e.Fingerprint]; ok {
		e.result = repeated(e, known)
		return nil, nil
	}
	row := evidenceRow{
		ID: e.id, SourceID: e.SourceID, Fingerprint: hexText(e.Fingerprint[:]), Raw: hexText(e.Raw), Sender: e.Sender,
		ReceivedAt: e.ReceivedAt.UnixMicro(), Reading: e.Template,
	}
	result := EvidenceResult{EvidenceID: e.id, Reason: e.Reason}
	var ref *refState
	switch e.Outcome {
	case evidence.Credit:
		ref = b.refs[refKey{e.Rail, e.Number}]
		if err := b.credit(e, ref, &result); err != nil {
			return nil, err
		}
	case evidence.Reversal:
		ref = b.refs[refKey{e.Rail, e.Number}]
		result.Status = EvidenceRefused
		if ref.transfer != nil && foreign(ref.transfer.Transfer, e.EvidenceItem) {
			result.Reason = reasonConflict
		} else if err := b.reverse(ref); err != nil {
			return nil, err
		}
	case evidence.Unparsed:
		result.Status = EvidenceUnparsed
	default:
		result.Status = EvidenceRefused
	}
	if ref != nil {
		id := int64(ref.id)
		row.ReferenceID = &id
		if ref.transfer != nil {
			transferID := int64(ref.transfer.ID)
			row.TransferID = &transferID
		}
	}
	row.Outcome, row.Reason = string(result.Status), string(result.Reason)
	b.out.evidence = append(b.out.evidence, row)
	// The same item twice in one batch is a repeat as well.
	b.known[e.Fingerprint] = knownEvidence(row)
	e.result = result
	b.g.counters.countEvidence(result.Status)
	return ref, nil
}

// repeated answers an item that is stored already. A rerun after a doubtful commit finds its own row and tells the same
// as the first time.
func repeated(e *evidenceItem, known store.LoadEvidenceRow) EvidenceResult {
	result := EvidenceResult{EvidenceID: known.ID, Status: EvidenceStatus(known.Outcome), Reason: evidence.Reason(known.Reason)}
	if result.Status == EvidenceCreated && known.ID != e.id {
		result.Status = EvidenceDuplicate
	}
	if result.Status == EvidenceCreated || result.Status == EvidenceDuplicate {
		result.TransferID = deposit.TransferID(known.TransferID.Int64)
		result.Reference, result.Amount = e.Number, e.Amount
	}
	return result
}

// credit folds an observed transfer: the first on its reference creates it, others confirm or contradict it.
func (b *batch) credit(e *evidenceItem, ref *refState, result *EvidenceResult) error {
	fact := evidence.Fact{
		Amount: e.Amount, AccountID: int64(e.AccountID), OccurredAt: e.OccurredAt, Precision: e.Precision,
		Payer: e.Payer, Strength: e.Strength, Internal: b.dir.isOwn(e.Payer, e.AccountID),
	}
	before := ref.transfer
	if before == nil {
		first := deposit.Transfer{ID: deposit.TransferID(b.ids.next(idTransfer)), ReferenceID: ref.id}
		ref.transfer = &transferState{Transfer: first}
		next := first.Apply(fact, b.now)
		if ref.reversed {
			next = next.Reverse()
		}
		result.Status = EvidenceCreated
		if err := b.moveTransfer(ref, next, actorRules, string(EvidenceCreated)); err != nil {
			return err
		}
	} else {
		result.Status, result.Reason = confirms(before.Transfer, e.EvidenceItem)
		reason := cmp.Or(string(result.Reason), string(result.Status))
		if err := b.moveTransfer(ref, before.Apply(fact, b.now), actorRules, reason); err != nil {
			return err
		}
	}
	if result.Status != EvidenceRefused {
		result.TransferID, result.Reference, result.Amount = ref.transfer.ID, ref.key.number, e.Amount
	}
	return nil
}

// confirms tells what one more observation is to a transfer that is known.
func confirms(t deposit.Transfer, e EvidenceItem) (EvidenceStatus, evidence.Reason) {
	switch {
	case t.Amount == e.Amount && t.AccountID == e.AccountID:
		return EvidenceDuplicate, ""
	case t.State.Open() && e.Strength.Outweighs(t.Strength):
		return EvidenceCreated, "" // it takes the place of what only weak evidence told
	}
	return EvidenceRefused, reasonConflict
}

// foreign reports whether a reversal was heard by another account than the transfer's: it takes nothing back from this one.
func foreign(t deposit.Transfer, reversal EvidenceItem) bool {
	return t.State != deposit.TransferNew && t.AccountID != reversal.AccountID
}

// reverse remembers that the bank took the transfer of a reference back, whether it is known yet or not.
func (b *batch) reverse(ref *refState) error {
	if !ref.reversed {
		ref.reversed, ref.marked = true, true
		b.out.reversed = append(b.out.reversed, reversedRow{int64(ref.id), b.now.UnixMicro()})
	}
	if ref.transfer == nil {
		return nil
	}
	return b.moveTransfer(ref, ref.transfer.Reverse(), actorRules, "reversal")
}

// settle judges again the claims that wait for evidence on a reference: amounts that fit first, then the oldest.
func (b *batch) settle(ref *refState) error {
	var open []*claimState
	for _, c := range ref.claims {
		if c.Live() && !c.ExpiredAt(b.now) && (c.State == deposit.Waiting || c.UntilEvidence) {
			open = append(open, c)
		}
	}
	if len(open) == 0 {
		return nil
	}
	slices.SortFunc(open, func(x, y *claimState) int {
		return cmp.Or(-compareBool(b.amountFits(x, ref), b.amountFits(y, ref)), x.CreatedAt.Compare(y.CreatedAt), cmp.Compare(x.ID, y.ID))
	})
	for _, c := range open {
		if !c.Live() {
			continue // refused when another on the reference was accepted
		}
		verdict, facts, err := b.judge(c, ref)
		if err != nil {
			return err
		}
		if err := b.apply(c, ref, verdict, facts, actorRules); err != nil {
			return err
		}
	}
	return nil
}

func (b *batch) amountFits(c *claimState, ref *refState) bool {
	return ref.transfer != nil && c.Amount == ref.transfer.Amount
}

func compareBool(x, y bool) int {
	switch {
	case x == y:
		return 0
	case x:
		return 1
	}
	return -1
}

// judge gathers the facts of a claim and asks the rules.
func (b *batch) judge(c *claimState, ref *refState) (deposit.Verdict, deposit.Facts, error) {
	m, ok := b.dir.Merchant(c.MerchantID)
	if !ok {
		return deposit.Verdict{}, deposit.Facts{}, fmt.Errorf("%w: claim of merchant %d", errUnknownMerchant, c.MerchantID)
	}
	payer := payerKey{c.MerchantID, c.Payer}
	f := deposit.Facts{
		Now: b.now, Claim: c.Claim, Policy: m.Policy, Recovery: b.dir.Recovery, Stopped: b.dir.Stopped,
		Waiting: b.waiting[payer],
	}
	for _, other := range ref.claims {
		if other.ID == c.ID {
			continue
		}
		// A wrong amount counts for ever, also when the order has named another since.
		if other.Contends(b.now) && !other.SamePayer(c.Claim) {
			f.Contested = true
		}
		if other.Reason == deposit.ReasonMismatch {
			f.Mismatches++
		}
	}
	if t := ref.transfer; t != nil {
		transfer := t.Transfer
		f.Transfer, f.Fits = &transfer, b.dir.fits(m, c.Claim, transfer)
		f.Shared, f.ShownAt = b.dir.shared(t.AccountID), b.shown[payer][t.AccountID]
		f.Disputed = b.disputed[t.AccountID]
		if f.Fits && transfer.State == deposit.Observed {
			limit, err := b.limits(m, c.Claim, transfer, b.dir.accounts[wallet.AccountID(transfer.AccountID)])
			if err != nil {
				return deposit.Verdict{}, f, err
			}
			f.OverLimit = limit
		}
	}
	return deposit.Judge(f), f, nil
}
