package gateway

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/wallet"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// sourceStatement is what answers of statements are kept with, before the number of the account. The queries know it.
const sourceStatement = "statement:"

// StatedPayout is what one statement has of one reference.
type StatedPayout struct {
	Reference string
	Entries   []payout.Entry // all rows of the file that carry it
}

// StatedStatus is what came of it.
type StatedStatus string

// What comes of it.
const (
	StatedNothing  StatedStatus = "nothing"  // no withdrawal of ours that is real, or nothing that tells of one
	StatedKnown    StatedStatus = "known"    // as it is stored
	StatedPaid     StatedStatus = "paid"     // by this statement
	StatedReturned StatedStatus = "returned" // by this statement: it failed, and was given back if that is certain
	StatedConflict StatedStatus = "conflict" // a person must look; nothing was moved
)

// StatedResult is what came of a StatedPayout.
type StatedResult struct {
	Reference string
	Status    StatedStatus
	ID        withdrawal.ID    // 0 when the reference is no withdrawal's, as the next two
	Amount    money.Money      // of the withdrawal
	State     withdrawal.State // as it is now
	UTR       string           // as it is now
	Reason    string           // of a conflict
	Back      string           // the bank's number of a payment that certainly came back, "" when none did
}

// errNotMeant ends a transaction that was only tried.
var errNotMeant = errors.New("a dry run stores nothing")

// StatePayouts takes what a statement of an account shows of payouts. A statement is a bank's answer like any other, but that
// nobody asked for it; money leaves from whatever account of ours, so the account only says where it can be seen. by is nil
// where nobody says who imports it. With dryRun it tells what would come of it and stores nothing.
func (g *Gateway) StatePayouts(ctx context.Context, by *Operator, account wallet.AccountID, stated []StatedPayout, dryRun bool) ([]StatedResult, error) {
	if err := g.refresh(ctx); err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	results := make([]StatedResult, len(stated))
	for i, s := range stated {
		var err error
		if results[i], err = g.statePayout(ctx, by, account, s, dryRun); err != nil {
			return nil, fmt.Errorf("%s: %w", s.Reference, err)
		}
	}
	return results, nil
}

func (g *Gateway) statePayout(ctx context.Context, by *Operator, account wallet.AccountID, s StatedPayout, dryRun bool) (StatedResult, error) {
	result := StatedResult{Reference: s.Reference, Status: StatedNothing}
	id, err := g.store.Read().FindByReference(ctx, s.Reference)
	switch {
	case isNoRows(err):
		return result, nil
	case err != nil:
		return result, fmt.Errorf("find withdrawal: %w", err)
	}
	actor := g.actor()
	if by != nil {
		actor = by.actor()
	}
	source := sourceStatement + strconv.FormatInt(int64(account), 10)
	err = g.actWithdrawal(ctx, withdrawal.ID(id), func(b *batch, row *store.Withdrawal) (err error) {
		result = StatedResult{Reference: s.Reference, Status: StatedNothing}
		if !b.isReal(row) {
			return nil // invented money is on no statement
		}
		result.ID, result.Amount = withdrawal.ID(id), money.Money{Minor: row.Amount, Currency: money.Currency(row.Currency)}
		before := withdrawal.State(row.State)
		if err := b.recordStated(row, source, s.Entries, &result); err != nil {
			return err
		}
		result.State, result.UTR = withdrawal.State(row.State), row.Utr
		if result.State != before {
			if err := b.audit(actor, "withdrawal.stated", subjectOf(row), strings.TrimSpace(row.State+" "+row.Utr+" "+source)); err != nil {
				return err
			}
		}
		if dryRun {
			return errNotMeant
		}
		return nil
	})
	if errors.Is(err, errNotMeant) {
		err = nil
	}
	return result, err
}

// isReal reports whether a withdrawal moves money.
func (b *batch) isReal(row *store.Withdrawal) bool {
	m, known := b.dir.Merchant(merchant.ID(row.MerchantID))
	return known && !m.Sandbox && row.Test == 0 && row.Rail != merchant.RailSandbox
}

// recordStated has a statement answer for a rail, and fills in the result.
func (b *batch) recordStated(row *store.Withdrawal, source string, entries []payout.Entry, result *StatedResult) error {
	before := withdrawal.State(row.State)
	found := payout.ReadEntries(entries, result.Amount)
	a := found.Answer.Clip()
	result.Back = found.Back
	switch {
	case a.Outcome == "":
		return nil
	case found.Conflict:
		// Whatever is asked about it goes on as it was.
		b.logLater(slog.LevelError, "withdrawal.contradicted", slog.Int64("withdrawal", row.ID), slog.String("state", row.State),
			slog.String("outcome", string(a.Outcome)), slog.String("code", a.Code), slog.String("reason", a.Reason))
		result.Status, result.Reason = StatedConflict, a.Reason
		return b.keepAnswer(row, source, a)
	}
	if a.UTR == row.AccountNumber {
		a.UTR = "" // a number of twelve digits, but not the bank's
	}
	told, err := b.q.GetTellings(b.ctx, row.ID)
	if err != nil {
		return fmt.Errorf("read answers: %w", err)
	}
	if a.Outcome == payout.Paid && told.CameBack == 1 && !before.Ended() {
		// The file with its return came first: the two together are what one file with both would be, but for the bank's number.
		a.Outcome, a.UTR, a.Code = payout.Failed, "", payout.CodeReturned
	}
	// What a rail may have been told of twice may have left twice, and who is asking at this moment may tell it again.
	// So may what a person has begun to pay by hand: nobody but them knows whether they have tried again.
	a.Certain = a.Certain && told.Twice == 0 && (row.Lease == 0 || row.NextAt.Int64 <= b.now.UnixMicro()) && row.ClaimedBy == 0
	if err := b.recordAnswer(row, source, unasked, a); err != nil {
		return err
	}
	result.Status, result.Reason = statedStatus(a.Outcome, before, withdrawal.State(row.State))
	return nil
}

// statedStatus is what came of a statement's answer, by the states before and after it. It is pure.
func statedStatus(said payout.Outcome, before, after withdrawal.State) (StatedStatus, string) {
	paid, returned := after == withdrawal.Paid, after == withdrawal.Failed || after == withdrawal.Refunded
	switch {
	case said == payout.Paid && paid && before != after:
		return StatedPaid, ""
	case said == payout.Failed && returned && before != after:
		return StatedReturned, ""
	case said == payout.Paid && paid, said == payout.Failed && returned:
		return StatedKnown, ""
	case said == payout.Failed:
		return StatedConflict, "the statement shows that it came back"
	case after == withdrawal.Created || after == withdrawal.Approved:
		return StatedConflict, "the statement shows that it left, and no bank was told of it: somebody paid it beside Galla"
	case after.Ended():
		return StatedConflict, "the statement shows that it left"
	}
	return StatedConflict, "the bank's number on the statement is the proof of another withdrawal"
}

// seenPaid says why a bank mustn't be told of a withdrawal because of a bank's file, "" when none shows that it left already.
func (b *batch) seenPaid(row *store.Withdrawal) string {
	said, err := b.q.GetStatedOutcome(b.ctx, row.ID)
	switch {
	case isNoRows(err), err == nil && payout.Outcome(said.Outcome) == payout.Failed:
		return ""
	case err != nil:
		return fmt.Sprintf("what statements say of it can't be read: %v", err)
	}
	file := "a " + strings.Replace(said.Source, ":", " of account ", 1)
	if number, ok := strings.CutPrefix(said.Source, sourceReport); ok {
		file = "the bank's report " + number
	}
	return file + " shows that money left for it; two people end it by galla withdrawal resolve, or it is refused"
}
