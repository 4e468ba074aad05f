package gateway

import (
	"context"
	"database/sql"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/payout/bankfile"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// sourceReport is what answers of reports are kept with, before the report's number. The queries know it.
const sourceReport = "report:"

// maxReportName is how much of a file's name is kept, in bytes.
const maxReportName = 200

// PayoutReport is a file in which a bank says what became of payouts.
type PayoutReport struct {
	ID       int64
	Rail     string
	Template bankfile.Template
	At       time.Time // when it was downloaded, as far as anybody knows
	Again    bool      // the very same bytes were read before: they are no new word of the bank
}

// source is who says what the report says.
func (r PayoutReport) source() string { return sourceReport + strconv.FormatInt(r.ID, 10) }

// ReportTemplate is what reads the reports of a rail.
func (g *Gateway) ReportTemplate(rail string) (bankfile.Template, error) {
	_, t, err := g.Directory().bankFile(rail)
	return t, err
}

// OpenReport notes that a person reads a bank's file into the books, before any of its rows counts. downloaded is when the file
// was made on this machine: what it says was said then at the latest.
func (g *Gateway) OpenReport(ctx context.Context, by Operator, rail, name string, sum [32]byte, downloaded time.Time) (PayoutReport, error) {
	report := PayoutReport{Rail: rail, At: g.reportTime(downloaded)}
	for len(name) > maxReportName || !utf8.ValidString(name) {
		name = strings.ToValidUTF8(name[:min(len(name), maxReportName)], "")
	}
	err := g.moveMoney(ctx, func(b *batch) error {
		var err error
		if _, report.Template, err = b.dir.bankFile(rail); err != nil {
			return err
		}
		report.ID, err = b.q.FindPayoutReport(b.ctx, store.FindPayoutReportParams{Rail: rail, Sha256: sum[:]})
		if report.Again = err == nil; report.Again {
			return b.audit(by.actor(), "payout_report.read_again", "payout_report:"+strconv.FormatInt(report.ID, 10), "")
		}
		if !isNoRows(err) {
			return fmt.Errorf("find report: %w", err)
		}
		if report.ID, err = reserve(b.ctx, b.q, "payout_report", 1); err != nil {
			return fmt.Errorf("reserve report: %w", err)
		}
		err = b.q.InsertPayoutReport(b.ctx, store.InsertPayoutReportParams{
			ID: report.ID, Rail: rail, Sha256: sum[:], Name: name, ReadBy: by.ID, ReadAt: b.now.UnixMicro(),
		})
		if err != nil {
			return fmt.Errorf("store report: %w", err)
		}
		return b.audit(by.actor(), "payout_report.read", "payout_report:"+strconv.FormatInt(report.ID, 10), rail+" "+hex.EncodeToString(sum[:])+" "+name)
	})
	return report, err
}

// reportTime is never in the future, whatever a file's time says.
func (g *Gateway) reportTime(downloaded time.Time) time.Time {
	if now := g.now(); downloaded.After(now) {
		return now
	}
	return downloaded
}

// ReportResult is what a row of a report does.
type ReportResult string

// The results.
const (
	ReportPaid     ReportResult = "paid"
	ReportFailed   ReportResult = "failed"   // the bank says so; the money is the merchant's again once it is certain
	ReportRefunded ReportResult = "refunded" // it is certain
	ReportOpen     ReportResult = "open"     // the bank hasn't decided
	ReportUnknown  ReportResult = "unknown"  // the bank's word isn't understood
	ReportKnown    ReportResult = "known"    // nothing new
	ReportForeign  ReportResult = "foreign"  // no withdrawal of ours
	ReportConflict ReportResult = "conflict" // a person must look
)

// ReportVerdict is what becomes of a row of a report.
type ReportVerdict struct {
	Withdrawal withdrawal.ID // 0 when it is foreign
	Result     ReportResult
	Reason     string // of a conflict
	Held       bool   // it isn't paid by anything from now on: the bank says that it was, and nobody here told it
}

// reportFacts are what the verdict on a row depends on.
type reportFacts struct {
	Said  time.Time // when the report was downloaded
	Rail  string    // of the report
	Other int64     // withdrawal that has the row's UTR as its proof, 0 when none has
	Again bool      // this very report said the same before
	Twice bool      // the bank may have been told twice: a no may be of the second time
}

// judgeReport decides what a row does to the withdrawal of its reference. It is pure.
func judgeReport(w *store.Withdrawal, r bankfile.Row, f reportFacts) ReportVerdict {
	state, outcome := withdrawal.State(w.State), r.Answer.Outcome
	v := ReportVerdict{Withdrawal: withdrawal.ID(w.ID)}
	amount := money.Money{Minor: w.Amount, Currency: money.Currency(w.Currency)}
	conflict := func(format string, args ...any) ReportVerdict {
		v.Result, v.Reason = ReportConflict, fmt.Sprintf(format, args...)
		return v
	}
	switch {
	case w.Rail != f.Rail:
		return conflict("it is paid by rail %s", w.Rail)
	case r.Amount != amount:
		return conflict("it is of %s, the bank's row of %s", amount, r.Amount)
	case r.AccountTail != "" && !strings.HasSuffix(w.AccountNumber, r.AccountTail):
		return conflict("it goes to another account than the bank's row")
	case !w.SubmittedAt.Valid:
		v.Held = outcome == payout.Paid && !state.Ended()
		return conflict("it is %s and was in no file for the bank", state)
	case f.Other != 0:
		return conflict("the bank's number %s is the proof of withdrawal %d", r.Answer.UTR, f.Other)
	case state == withdrawal.Refunded && outcome == payout.Paid:
		return conflict("it was given back to its merchant, and the bank says that it was paid")
	case state == withdrawal.Paid && outcome == payout.Failed:
		return conflict("it is paid, and the bank says that it failed")
	case state == withdrawal.Paid && r.Answer.UTR != "" && w.Utr != "" && r.Answer.UTR != w.Utr:
		return conflict("it is paid by the bank's number %s, the bank's row has %s", w.Utr, r.Answer.UTR)
	}
	v.Result = reportedResult(state, outcome, f, w.FailedAt)
	return v
}

// reportedResult is the result of a row against which nothing speaks.
func reportedResult(state withdrawal.State, outcome payout.Outcome, f reportFacts, failedAt sql.NullInt64) ReportResult {
	switch {
	case state.Ended():
		return ReportKnown
	case outcome == payout.Paid:
		return ReportPaid
	case f.Again:
		return ReportKnown
	case outcome == payout.Failed && (state != withdrawal.Failed || !failedAt.Valid): // the bank had doubts since
		return ReportFailed
	case outcome == payout.Failed && (f.Twice || f.Said.Sub(fromMicro(failedAt.Int64)) < certainAfter):
		return ReportKnown
	case outcome == payout.Failed:
		return ReportRefunded
	case outcome == payout.Sent:
		return ReportOpen
	}
	return ReportUnknown
}

// PreviewReport tells what a row of a rail's report would do, and stores nothing.
func (g *Gateway) PreviewReport(ctx context.Context, rail string, sum [32]byte, downloaded time.Time, r bankfile.Row) (ReportVerdict, error) {
	q := g.store.Read()
	row, v, err := findReported(ctx, q, r)
	if err != nil || v.Result == ReportForeign {
		return v, err
	}
	report := PayoutReport{Rail: rail, At: g.reportTime(downloaded)}
	report.ID, err = q.FindPayoutReport(ctx, store.FindPayoutReportParams{Rail: rail, Sha256: sum[:]})
	if err != nil && !isNoRows(err) {
		return v, fmt.Errorf("find report: %w", err)
	}
	f, err := factsOfReport(ctx, q, report, &row, r)
	return judgeReport(&row, r, f), err
}

// findReported finds the withdrawal of a row's reference.
func findReported(ctx context.Context, q *store.Queries, r bankfile.Row) (row store.Withdrawal, v ReportVerdict, err error) {
	id, err := q.FindByReference(ctx, r.Reference)
	if isNoRows(err) {
		return row, ReportVerdict{Result: ReportForeign}, nil
	}
	if err == nil {
		row, err = q.GetWithdrawal(ctx, id)
	}
	if err != nil {
		return row, v, fmt.Errorf("find withdrawal: %w", err)
	}
	return row, ReportVerdict{Withdrawal: withdrawal.ID(id)}, nil
}

func factsOfReport(ctx context.Context, q *store.Queries, report PayoutReport, row *store.Withdrawal, r bankfile.Row) (reportFacts, error) {
	f := reportFacts{Said: report.At, Rail: report.Rail}
	if r.Answer.UTR != "" {
		other, err := q.FindUTR(ctx, store.FindUTRParams{Rail: report.Rail, Utr: r.Answer.UTR, ID: row.ID})
		if err != nil && !isNoRows(err) {
			return f, fmt.Errorf("look for the bank's number: %w", err)
		}
		f.Other = other
	}
	same, err := q.CountAnswersOf(ctx, store.CountAnswersOfParams{
		WithdrawalID: row.ID, Source: report.source(), Outcome: string(r.Answer.Outcome),
	})
	if err != nil {
		return f, fmt.Errorf("count answers: %w", err)
	}
	told, err := q.GetTellings(ctx, row.ID)
	if err != nil {
		return f, fmt.Errorf("read answers: %w", err)
	}
	f.Again, f.Twice = same > 0, told.Twice == 1
	return f, nil
}

// RecordReport takes a row of a report for what it says, in a transaction of its own. Reading a report again is safe.
func (g *Gateway) RecordReport(ctx context.Context, report PayoutReport, r bankfile.Row) (ReportVerdict, error) {
	found, v, err := findReported(ctx, g.store.Read(), r)
	if err != nil || v.Result == ReportForeign {
		return v, err
	}
	err = g.actWithdrawal(ctx, withdrawal.ID(found.ID), func(b *batch, row *store.Withdrawal) error {
		f, err := factsOfReport(b.ctx, b.q, report, row, r)
		if err != nil {
			return err
		}
		v = judgeReport(row, r, f)
		a := r.Answer
		switch {
		case v.Result == ReportKnown, v.Held:
			return b.keepAnswer(row, report.source(), a)
		case v.Result == ReportConflict && !withdrawal.State(row.State).Ended():
			a.Outcome, a.Reason, a.UTR = payout.Unknown, v.Reason, ""
			return b.keepAnswer(row, report.source(), a.Clip())
		}
		// Of what has ended, recordAnswer keeps the answer and alarms.
		return b.recordAnswer(row, report.source(), row.Lease, a)
	})
	return v, err
}
