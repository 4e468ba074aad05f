package gateway

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/store"
)

// reasonConflict: evidence names another amount or account for a known reference.
const reasonConflict evidence.Reason = "conflict"

// save writes what the batch decided, in sets. The order of locks is reference (taken), order id, transfer, account.
func (b *batch) save() error {
	if err := b.saveClaims(); err != nil {
		return err
	}
	if err := b.saveTransfers(); err != nil {
		return err
	}
	deltas := make([]deltaRow, 0, len(b.deltas))
	for _, row := range b.deltas {
		if row.Amount != 0 {
			deltas = append(deltas, *row)
		}
	}
	otp := make([]otpRow, 0, len(b.otp))
	for source, refused := range b.otp {
		otp = append(otp, otpRow{source, refused})
	}
	return errors.Join(
		write(b, "evidence", b.out.evidence, b.q.InsertEvidence),
		write(b, "reversals", b.out.reversed, b.q.MarkReversed),
		write(b, "disputes", b.out.disputes, b.q.InsertDisputes),
		write(b, "ended disputes", b.out.settled, b.q.DeleteDisputes),
		write(b, "deposits", b.out.deposits, b.q.InsertDeposits),
		write(b, "postings", b.out.postings, b.q.InsertPostings),
		write(b, "balances", deltas, b.q.InsertDeltas),
		write(b, "transitions", b.out.transitions, b.q.InsertTransitions),
		write(b, "postbacks", b.out.postbacks, b.q.InsertPostbacks),
		write(b, "events", b.out.postbacks, b.q.InsertNewEvents),
		write(b, "OTP count", otp, b.q.CountOTP),
	)
}

// write runs one set statement, or nothing for an empty set.
func write[T any](b *batch, what string, list []T, statement func(context.Context, store.Batch) error) error {
	if len(list) == 0 || b.failed {
		return nil
	}
	if err := statement(b.ctx, store.Rows(list)); err != nil {
		b.failed = true // PostgreSQL refuses everything after the first error: report only that
		return fmt.Errorf("save %s: %w", what, err)
	}
	return nil
}

// saveClaims replaces claims before it inserts their successors, which take over their place in the unique key. Where
// that key refuses one, its order id was lost to another transaction: everything is judged again over what that stored.
func (b *batch) saveClaims() error {
	if len(b.out.claims) > 0 {
		slices.SortFunc(b.out.claims, func(x, y *claimState) int { return cmp.Compare(x.ID, y.ID) })
		updates := make([]claimUpdateRow, len(b.out.claims))
		for i, c := range b.out.claims {
			updates[i] = claimUpdateRow{
				ID: int64(c.ID), FromState: string(c.stored), State: string(c.State), Reason: string(c.Reason),
				UntilEvidence: flag(c.UntilEvidence), Told: flag(c.Told), SupersededBy: int64(c.supersededBy), DecidedAt: c.DecidedAt.UnixMicro(),
			}
		}
		if err := write(b, "claims", updates, b.q.UpdateClaims); err != nil {
			return err
		}
	}
	slices.SortFunc(b.out.newClaims, func(x, y *claimState) int {
		return cmp.Or(cmp.Compare(x.MerchantID, y.MerchantID), cmp.Compare(x.OrderID, y.OrderID), cmp.Compare(x.ID, y.ID))
	})
	inserts := make([]claimRow, len(b.out.newClaims))
	for i, c := range b.out.newClaims {
		inserts[i] = claimRow{
			ID: int64(c.ID), MerchantID: int64(c.MerchantID), OrderID: c.OrderID, SupersededBy: int64(c.supersededBy), Payer: c.Payer,
			Method: c.Method, Given: c.Given, Amount: c.Amount.Minor, Currency: string(c.Amount.Currency), State: string(c.State),
			Reason: string(c.Reason), UntilEvidence: flag(c.UntilEvidence), Corrections: c.Corrections, Told: flag(c.Told),
			CreatedAt: c.CreatedAt.UnixMicro(), DecidedAt: c.DecidedAt.UnixMicro(), ExpiresAt: c.ExpiresAt.UnixMicro(),
		}
		if c.ReferenceID != 0 {
			id := int64(c.ReferenceID)
			inserts[i].ReferenceID = &id
		}
	}
	return write(b, "new claims", inserts, b.q.InsertClaims)
}

func (b *batch) saveTransfers() error {
	var inserts, updates []transferRow
	for _, t := range b.out.transfers {
		row := transferRow{
			ID: int64(t.ID), ReferenceID: int64(t.ReferenceID), AccountID: int64(t.AccountID), Amount: t.Amount.Minor,
			Currency: string(t.Amount.Currency), OccurredAt: t.OccurredAt.UnixMicro(), Accuracy: int(t.Precision), Strength: int(t.Strength),
			Payer: t.Payer, Marks: int(t.Marks), Released: int(t.Released), State: string(t.State), ObservedAt: t.ObservedAt.UnixMicro(),
		}
		if t.stored == deposit.TransferNew {
			inserts = append(inserts, row)
			continue
		}
		row.FromState = string(t.stored)
		updates = append(updates, row)
	}
	if err := write(b, "new transfers", inserts, b.q.InsertTransfers); err != nil {
		return err
	}
	// The conditional update is what makes a credit happen once, whatever was loaded (invariant C-1).
	return write(b, "transfers", updates, b.q.UpdateTransfers)
}

// knownEvidence is a row of this batch as a later repeat in the same batch finds it.
func knownEvidence(row evidenceRow) store.LoadEvidenceRow {
	known := store.LoadEvidenceRow{ID: row.ID, Outcome: row.Outcome, Reason: row.Reason}
	if row.TransferID != nil {
		known.TransferID = sql.NullInt64{Int64: *row.TransferID, Valid: true}
	}
	return known
}

func hexText(b []byte) string { return hex.EncodeToString(b) }

func flag(b bool) int16 {
	if b {
		return 1
	}
	return 0
}

func nullString(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }
