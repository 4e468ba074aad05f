package gateway

import (
	"context"
	"crypto/sha256"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/payout/bankfile"
	"github.com/galla-gateway/galla/internal/withdrawal"
	"github.com/galla-gateway/galla/money"
)

// report opens one with that content.
func (w *world) report(by Operator, content string) PayoutReport {
	w.t.Helper()
	return w.reportOf(by, content, w.clock.Now())
}

func (w *world) reportOf(by Operator, content string, downloaded time.Time) PayoutReport {
	w.t.Helper()
	report, err := w.g.OpenReport(context.Background(), by, fileRail, content+".csv", sha256.Sum256([]byte(content)), downloaded)
	if err != nil {
		w.t.Fatal(err)
	}
	return report
}

// bankRow is what a bank says of a payout.
func bankRow(id withdrawal.ID, minor int64, a payout.Answer) bankfile.Row {
	return bankfile.Row{
		Line: 2, Reference: payout.Reference(int64(id)), Amount: money.Money{Minor: minor, Currency: money.INR}, AccountTail: "9012", UTR: a.UTR, Answer: a,
	}
}

func paidRow(id withdrawal.ID, minor int64, utr string) bankfile.Row {
	return bankRow(id, minor, payout.Answer{Outcome: payout.Paid, Code: "Success", UTR: utr})
}

func failedRow(id withdrawal.ID, minor int64) bankfile.Row {
	return bankRow(id, minor, payout.Answer{Outcome: payout.Failed, Code: "Rejected", Reason: "account closed"})
}

// read takes a row, after a preview that must tell the same and change nothing.
func (w *world) read(report PayoutReport, row bankfile.Row, want ReportResult) ReportVerdict {
	w.t.Helper()
	before := w.count("SELECT count(*) FROM withdrawal_answer")
	sum := w.sumOf(report)
	preview, err := w.g.PreviewReport(context.Background(), fileRail, sum, report.At, row)
	if err != nil {
		w.t.Fatal(err)
	}
	if after := w.count("SELECT count(*) FROM withdrawal_answer"); after != before {
		w.t.Error("a preview stores something")
	}
	got, err := w.g.RecordReport(context.Background(), report, row)
	if err != nil || got.Result != want {
		w.t.Errorf("%s of %s: %+v, %v, want %s", row.Answer.Outcome, row.Reference, got, err, want)
	}
	if got != preview {
		w.t.Errorf("the preview was %+v, it did %+v", preview, got)
	}
	return got
}

func (w *world) sumOf(report PayoutReport) (sum [32]byte) {
	w.t.Helper()
	var stored []byte
	if err := w.beside().QueryRow("SELECT sha256 FROM payout_report WHERE id = " + report.source()[len("report:"):]).Scan(&stored); err != nil {
		w.t.Fatal(err)
	}
	return [32]byte(stored)
}

func TestReportPaysAndFails(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		w.export(by, DefaultBatch)
		monday := w.report(by, "monday")
		w.read(monday, paidRow(ids[0], 100_00, "412345678901"), ReportPaid)
		w.read(monday, failedRow(ids[1], 200_00), ReportFailed)
		w.read(monday, bankRow(ids[2], 300_00, payout.Answer{Outcome: payout.Sent, Code: "Processing"}), ReportOpen)
		w.wantState(ids[0], withdrawal.Paid)
		w.wantState(ids[1], withdrawal.Failed)
		w.wantState(ids[2], withdrawal.Submitted)
		w.notDue()
		w.wantBalances(400_00, 500_00, 100_00)
		if w.toldStatus(ids[0]) != galla.WithdrawalPaid || w.toldStatus(ids[1]) != 0 {
			t.Error("told wrong")
		}

		// The very same file is no new word, however late it is read; another one within the hour isn't either.
		w.clock.Advance(2 * certainAfter)
		if monday = w.report(by, "monday"); !monday.Again {
			t.Error("the same file isn't known")
		}
		w.read(monday, paidRow(ids[0], 100_00, "412345678901"), ReportKnown)
		w.read(monday, failedRow(ids[1], 200_00), ReportKnown)
		w.wantState(ids[1], withdrawal.Failed)

		tuesday := w.report(by, "tuesday")
		w.read(tuesday, failedRow(ids[1], 200_00), ReportRefunded)
		w.read(tuesday, bankRow(ids[2], 300_00, payout.Answer{Outcome: payout.Unknown, Code: "Held by maker"}), ReportUnknown)
		w.wantState(ids[1], withdrawal.Refunded)
		w.wantState(ids[2], withdrawal.Unknown)
		w.wantBalances(600_00, 300_00, 100_00)
		if w.toldStatus(ids[1]) != galla.WithdrawalFailed {
			t.Error("not told that it failed")
		}
		w.read(tuesday, failedRow(ids[1], 200_00), ReportKnown)
		w.read(tuesday, paidRow(ids[2], 300_00, ""), ReportPaid)
		w.wantBalances(600_00, 0, 400_00)
	})
}

func TestReportFailedIsNotCertainAtOnce(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		w.export(by, DefaultBatch)
		w.read(w.report(by, "one"), failedRow(ids[0], 100_00), ReportFailed)
		w.clock.Advance(certainAfter - time.Second)
		w.read(w.report(by, "two"), failedRow(ids[0], 100_00), ReportKnown)
		w.wantState(ids[0], withdrawal.Failed)
		// The bank changes its mind: it is paid after all.
		w.read(w.report(by, "three"), paidRow(ids[0], 100_00, "412345678901"), ReportPaid)
		w.wantBalances(400_00, 500_00, 100_00)
	})
}

// What the bank doubts meanwhile must be certain anew.
func TestReportDoubtsBeginTheHourAnew(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		w.export(by, DefaultBatch)
		first := w.report(by, "one")
		w.read(first, failedRow(ids[0], 100_00), ReportFailed)
		w.clock.Advance(certainAfter)
		doubt := bankRow(ids[0], 100_00, payout.Answer{Outcome: payout.Sent, Code: "Processing"})
		w.read(w.report(by, "two"), doubt, ReportOpen)
		w.clock.Advance(certainAfter)
		w.read(w.report(by, "three"), failedRow(ids[0], 100_00), ReportFailed)
		w.wantState(ids[0], withdrawal.Failed)
		w.clock.Advance(certainAfter)
		w.read(w.report(by, "two"), doubt, ReportKnown) // an old report that is read again is no doubt
		w.read(w.report(by, "four"), failedRow(ids[0], 100_00), ReportRefunded)
		w.wantState(ids[0], withdrawal.Refunded)
	})
}

// A report says what was so when it was downloaded, however late it is read.
func TestReportIsAsOldAsItsDownload(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		w.export(by, DefaultBatch)
		morning := w.clock.Now()
		w.read(w.report(by, "one"), failedRow(ids[0], 100_00), ReportFailed)
		w.clock.Advance(2 * certainAfter)
		w.read(w.reportOf(by, "saved anew in another form", morning), failedRow(ids[0], 100_00), ReportKnown)
		w.wantState(ids[0], withdrawal.Failed)
		w.read(w.reportOf(by, "from tomorrow", w.clock.Now().Add(time.Hour)), failedRow(ids[0], 100_00), ReportRefunded)
	})
}

// After a restore the bank's report may know more than the database: what it says was paid is paid by nothing again.
func TestReportHoldsBack(t *testing.T) {
	fileWorld(t, func(w *world, by, other Operator, ids []withdrawal.ID) {
		v := w.read(w.report(by, "one"), paidRow(ids[0], 100_00, "412345678901"), ReportConflict)
		if !v.Held || !strings.Contains(v.Reason, "in no file") {
			t.Errorf("%+v", v)
		}
		made := w.export(by, DefaultBatch)
		if made.Payments != 2 || len(made.LeftOut) != 1 || !strings.Contains(made.LeftOut[0].Reason, "the bank's report 1 shows that money left") {
			t.Errorf("%+v", made)
		}
		for _, who := range []Operator{by, other} {
			if _, err := w.g.ResolveWithdrawal(context.Background(), who, ids[0], Resolution{Paid: true, UTR: "412345678901", Proof: "the report"}); err != nil {
				t.Fatal(err)
			}
		}
		w.wantState(ids[0], withdrawal.Paid)
	})
}

func TestReportConflicts(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		report := w.report(by, "report")
		conflict := func(row bankfile.Row, why string) {
			w.t.Helper()
			if v := w.read(report, row, ReportConflict); !strings.Contains(v.Reason, why) {
				w.t.Errorf("%q, want %q", v.Reason, why)
			}
		}
		w.export(by, 2)
		conflict(paidRow(ids[2], 300_00, "412345678903"), "in no file")
		w.wantState(ids[2], withdrawal.Approved)
		conflict(paidRow(ids[0], 100_01, "412345678901"), "of 100")
		other := paidRow(ids[0], 100_00, "412345678901")
		other.AccountTail = "9013"
		conflict(other, "another account")
		w.wantState(ids[0], withdrawal.Submitted)
		w.wantBalances(400_00, 600_00, 0)

		w.read(report, paidRow(ids[0], 100_00, "412345678901"), ReportPaid)
		conflict(paidRow(ids[1], 200_00, "412345678901"), "is the proof of withdrawal")
		w.wantState(ids[1], withdrawal.Submitted)
		conflict(paidRow(ids[0], 100_00, "412345678902"), "the bank's row has 412345678902")
		foreign := paidRow(99, 100_00, "412345678904")
		w.read(report, foreign, ReportForeign)
		// A rail's report says nothing of another rail's withdrawal.
		w.mutate("UPDATE withdrawal SET rail = 'manual' WHERE id = 2")
		conflict(paidRow(ids[1], 200_00, "412345678905"), "rail manual")
		w.mutate("UPDATE withdrawal SET rail = '" + fileRail + "' WHERE id = 2")
		w.wantBalances(400_00, 500_00, 100_00)
	})
}

// What a bank says of a payout that has ended changes nothing, and galla audit tells of it.
func TestReportContradictsAnEnd(t *testing.T) {
	fileWorld(t, func(w *world, by, other Operator, ids []withdrawal.ID) {
		w.export(by, 2)
		w.read(w.report(by, "one"), paidRow(ids[0], 100_00, "412345678901"), ReportPaid)
		w.read(w.report(by, "words"), bankRow(ids[1], 200_00, payout.Answer{Outcome: payout.Unknown, Code: "???"}), ReportUnknown)
		for _, who := range []Operator{by, other} {
			if _, err := w.g.ResolveWithdrawal(context.Background(), who, ids[1], Resolution{Proof: "a letter"}); err != nil {
				t.Fatal(err)
			}
		}
		w.wantState(ids[1], withdrawal.Refunded)
		w.clock.Advance(time.Hour)
		late := w.report(by, "two")
		w.read(late, failedRow(ids[0], 100_00), ReportConflict)
		w.read(late, paidRow(ids[1], 200_00, "412345678902"), ReportConflict)
		w.wantState(ids[0], withdrawal.Paid)
		w.wantState(ids[1], withdrawal.Refunded)
		w.wantBalances(600_00, 300_00, 100_00)
		failed, _ := w.audited()
		if len(failed) != 1 {
			t.Errorf("the audit found %v", failed)
		}
		w.mutate("DELETE FROM withdrawal_answer WHERE at > (SELECT w.decided_at FROM withdrawal w WHERE w.id = withdrawal_answer.withdrawal_id)") // for the last look of every story
	})
}
