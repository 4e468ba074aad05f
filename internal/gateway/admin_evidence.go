package gateway

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/store"
)

// retryStep is how many unparsed items RetryEvidence loads at once.
const retryStep = 500

// Reread reads an item's bytes again, as if they had just come from the source at that time. ok is false when the bytes
// can't be cut into one item any more.
type Reread func(source *Source, raw []byte, receivedAt time.Time) (item EvidenceItem, ok bool)

// Retried counts what RetryEvidence made of unparsed evidence.
type Retried struct {
	Read      int `json:"read"`      // looked at
	Created   int `json:"created"`   // transfers that nobody had seen
	Duplicate int `json:"duplicate"` // transfers that others had reported
	Refused   int `json:"refused"`
	Unparsed  int `json:"unparsed"` // still
}

// RetryEvidence reads everything unparsed again, after templates or senders were added. What turns out to be a transfer
// is stored as one and credits the claims that wait for it.
func (g *Gateway) RetryEvidence(ctx context.Context, reread Reread) (Retried, error) {
	var total Retried
	for after := int64(0); ; {
		rows, err := g.store.Read().ListUnparsedEvidence(ctx, store.ListUnparsedEvidenceParams{After: after, Rows: retryStep})
		if err != nil || len(rows) == 0 {
			return total, err
		}
		for _, row := range rows {
			after = row.ID
			status, err := g.retry(ctx, row, reread)
			if err != nil {
				return total, fmt.Errorf("evidence %d: %w", row.ID, err)
			}
			total.Read++
			switch status {
			case EvidenceCreated:
				total.Created++
			case EvidenceDuplicate:
				total.Duplicate++
			case EvidenceRefused:
				total.Refused++
			default:
				total.Unparsed++
			}
		}
	}
}

func (g *Gateway) retry(ctx context.Context, row store.Evidence, reread Reread) (EvidenceStatus, error) {
	source, ok := g.Directory().Source(row.SourceID)
	if !ok {
		return EvidenceUnparsed, nil
	}
	item, ok := reread(source, row.Raw, fromMicro(row.ReceivedAt))
	if !ok || item.Outcome == evidence.Unparsed {
		return EvidenceUnparsed, nil
	}
	switch item.Outcome {
	case evidence.Credit, evidence.Reversal:
		return g.retryTransfer(ctx, row.ID, item)
	case evidence.OTP:
		// A one-time password is never kept, also not when it is recognised late.
		return EvidenceRefused, g.write(ctx, func(ctx context.Context, q *store.Queries) error {
			return q.EraseEvidence(ctx, store.EraseEvidenceParams{ID: row.ID, Raw: []byte{}, Reason: string(item.Reason)})
		})
	}
	return EvidenceRefused, g.write(ctx, func(ctx context.Context, q *store.Queries) error {
		return q.UpdateEvidence(ctx, store.Rows([]rereadRow{{ID: row.ID, Outcome: string(EvidenceRefused), Reason: string(item.Reason), Reading: item.Template}}))
	})
}

// rereadRow is a row of UpdateEvidence.
type rereadRow struct {
	ID          int64  `json:"id"`
	Outcome     string `json:"outcome"`
	Reason      string `json:"reason"`
	Reading     string `json:"reading"`
	ReferenceID *int64 `json:"reference_id"`
	TransferID  *int64 `json:"transfer_id"`
}

// retryTransfer folds an item that is evidence of a transfer, with its reference locked as Observe has it.
func (g *Gateway) retryTransfer(ctx context.Context, id int64, item EvidenceItem) (EvidenceStatus, error) {
	var result EvidenceResult
	item = g.Directory().inItsWorld(item)
	err := g.act(ctx, refKey{item.Rail, item.Number}, func(b *batch, ref *refState) error {
		result = EvidenceResult{EvidenceID: id, Status: EvidenceRefused, Reason: item.Reason}
		if err := b.loadShownOn(ref); err != nil {
			return err
		}
		var err error
		if item.Outcome == evidence.Reversal {
			err = b.reverse(ref)
		} else {
			err = b.credit(&evidenceItem{EvidenceItem: item, id: id}, ref, &result)
		}
		if err != nil {
			return err
		}
		row := rereadRow{ID: id, Outcome: string(result.Status), Reason: string(result.Reason), Reading: item.Template, ReferenceID: (*int64)(&ref.id)}
		if ref.transfer != nil {
			row.TransferID = (*int64)(&ref.transfer.ID)
		}
		if err := b.q.UpdateEvidence(b.ctx, store.Rows([]rereadRow{row})); err != nil {
			return fmt.Errorf("save evidence: %w", err)
		}
		return b.settle(ref)
	})
	return result.Status, err
}

// loadShownOn loads which wallets the payers of a reference were shown: an act that brings the first transfer of a
// reference needs it, and load couldn't know.
func (b *batch) loadShownOn(ref *refState) error {
	payers := map[payerKey]bool{}
	for _, c := range ref.claims {
		payers[payerKey{c.MerchantID, c.Payer}] = true
	}
	if len(payers) == 0 {
		return nil
	}
	return b.loadShown(payers)
}
