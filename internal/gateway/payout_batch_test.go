package gateway

import (
	"bytes"
	"context"
	"database/sql"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

const fileRail = "icici"

// fileWorld has three approved withdrawals of 100, 200 and 300 on a rail of files, and 400 left.
func fileWorld(t *testing.T, story func(w *world, by, other Operator, ids []withdrawal.ID)) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		maker, checker := w.fund("shop", 1000)
		w.must(w.g.AddRail(context.Background(), maker, Rail{
			Name: fileRail, Kind: RailBankFile, RailSettings: RailSettings{Template: "icici", Account: "000405001234", File: "csv"},
		}, CheckBankFile))
		w.policy(shop, func(p *merchant.Policy) { p.Withdrawal.Rail = fileRail })
		var ids []withdrawal.ID
		for i, amount := range []int64{100, 200, 300} {
			id := w.take("w-"+string(rune('1'+i)), amount)
			if _, err := w.g.ApproveWithdrawal(context.Background(), maker, id, ""); err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		w.notDue()
		story(w, maker, checker, ids)
		w.wantClean()
	})
}

func (w *world) export(by Operator, most int) PayoutBatch {
	w.t.Helper()
	made, err := w.g.ExportPayouts(context.Background(), by, fileRail, most, w.clock.Now())
	if err != nil {
		w.t.Fatal(err)
	}
	return made
}

func TestExportSubmitsWhatItWrites(t *testing.T) {
	fileWorld(t, func(w *world, by, other Operator, ids []withdrawal.ID) {
		made := w.export(by, 2)
		if made.Payments != 2 || made.Total.Minor != 300_00 || made.Kind != "csv" || made.Name() != "GB00000001" || len(made.LeftOut) != 0 {
			t.Errorf("%+v", made)
		}
		lines := strings.Split(strings.TrimSpace(string(made.File)), "\r\n")
		if len(lines) != 3 || !strings.Contains(lines[1], "GL00000000000001") || !strings.Contains(lines[2], "GL00000000000002") ||
			!strings.Contains(lines[1], "000405001234") || !strings.Contains(lines[1], "GB00000001") {
			t.Errorf("%s", made.File)
		}
		w.wantState(ids[0], withdrawal.Submitted)
		w.wantState(ids[1], withdrawal.Submitted)
		w.wantState(ids[2], withdrawal.Approved)
		w.notDue()

		rest := w.export(by, DefaultBatch)
		if rest.Payments != 1 || bytes.Contains(rest.File, []byte("GL00000000000001")) {
			t.Errorf("%+v: %s", rest, rest.File)
		}
		if none := w.export(by, DefaultBatch); none.Payments != 0 || none.ID != 0 || none.File != nil {
			t.Errorf("%+v", none)
		}
		// The same bytes again, also after days and whatever the day of payment is then.
		w.clock.Advance(50 * time.Hour)
		again, err := w.g.ExportedPayouts(context.Background(), other, made.ID)
		if err != nil || !bytes.Equal(again.File, made.File) || again.SHA256 != made.SHA256 || again.Payments != 2 {
			t.Errorf("%+v, %v", again, err)
		}
		w.want("audit rows", w.count("SELECT count(*) FROM audit_log WHERE act LIKE 'payout_batch.%'"), 3)
		_, err = w.g.ExportedPayouts(context.Background(), by, 99)
		w.refused(err, CodeNotFound, "no batch 99")
		w.mutate("UPDATE payout_batch SET payments = 1, file = " + w.bytesLiteral("x") + " WHERE id = 1")
		if _, err := w.g.ExportedPayouts(context.Background(), by, made.ID); err == nil || !strings.Contains(err.Error(), "was changed") {
			t.Error("a file that was changed is given out:", err)
		}
		w.wantBalances(400_00, 600_00, 0)
	})
}

// bytesLiteral is text as bytes in a statement.
func (w *world) bytesLiteral(text string) string {
	if w.g.store.Engine() == "postgres" {
		return "convert_to('" + text + "', 'UTF8')"
	}
	return "CAST('" + text + "' AS BLOB)"
}

// Many exports at once over two instances: each withdrawal is in exactly one file.
func TestNoPayoutIsExportedTwice(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		second := w.instance()
		var mu sync.Mutex
		seen := map[string]int{}
		var group sync.WaitGroup
		for i := range 16 {
			g := []*Gateway{w.g, second}[i%2]
			group.Go(func() {
				made, err := g.ExportPayouts(context.Background(), by, fileRail, 1+i%3, w.clock.Now())
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				for _, reference := range []string{"GL00000000000001", "GL00000000000002", "GL00000000000003"} {
					if bytes.Contains(made.File, []byte(reference)) {
						seen[reference]++
					}
				}
			})
		}
		group.Wait()
		if len(seen) != len(ids) || seen["GL00000000000001"] != 1 || seen["GL00000000000002"] != 1 || seen["GL00000000000003"] != 1 {
			t.Errorf("files hold %v", seen)
		}
		w.want("payments in batches", w.count("SELECT count(*) FROM payout_batch_item"), 3)
		// Were the code wrong, the database would still refuse.
		if _, err := w.beside().Exec("INSERT INTO payout_batch_item (withdrawal_id, batch_id, place) VALUES (1, 1, 99)"); err == nil {
			t.Error("the database lets a withdrawal be in two files")
		}
	})
}

func TestExportLeavesOut(t *testing.T) {
	fileWorld(t, func(w *world, by, other Operator, ids []withdrawal.ID) {
		w.mutate("UPDATE withdrawal SET account_name = 'Somebody Else' WHERE id = 1")
		made := w.export(by, DefaultBatch)
		if made.Payments != 2 || len(made.LeftOut) != 1 || made.LeftOut[0].ID != ids[0] || !strings.Contains(made.LeftOut[0].Reason, "was changed") {
			t.Errorf("%+v", made)
		}
		w.wantState(ids[0], withdrawal.Approved)
		w.mutate("UPDATE withdrawal SET account_name = 'Asha Rao' WHERE id = 1")
		// Its approver has gone: nobody stands for it.
		w.must(w.g.RetireOperator(context.Background(), "maker"))
		none := w.export(by, DefaultBatch)
		if none.Payments != 0 || len(none.LeftOut) != 1 || !strings.Contains(none.LeftOut[0].Reason, "galla withdrawal approve 1") {
			t.Errorf("%+v", none)
		}
		w.wantState(ids[0], withdrawal.Approved)
		if _, err := w.g.ApproveWithdrawal(context.Background(), other, ids[0], ""); err != nil {
			t.Fatal(err)
		}
		if made := w.export(by, DefaultBatch); made.Payments != 1 {
			t.Errorf("%+v", made)
		}
	})
}

func TestExportRefuses(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		export := func(rail string, most int) error {
			_, err := w.g.ExportPayouts(context.Background(), by, rail, most, w.clock.Now())
			return err
		}
		w.refused(export("nobody", 1), CodeNotFound, `no rail "nobody"`)
		w.refused(export(fileRail, 0), CodeInvalid, "1 to 10000")
		w.refused(export(fileRail, 10_001), CodeInvalid, "1 to 10000")
		w.must(w.g.AddRail(context.Background(), by, Rail{Name: "rx", Kind: RailRazorpayX, RailSettings: RailSettings{KeyID: "k"}}, func(Rail) error { return nil }))
		w.refused(export("rx", 1), CodeConflict, "no files are made for it")
		w.must(w.g.MoveRail(context.Background(), by, fileRail, RailPaused))
		w.refused(export(fileRail, 1), CodeConflict, "is paused")
		w.must(w.g.MoveRail(context.Background(), by, fileRail, RailActive))
		// A paused merchant's wait; so does everything after a restore.
		w.mutate("UPDATE merchant SET state = 'paused' WHERE id = 1")
		w.must(w.g.Reload(context.Background()))
		if made := w.export(by, 1); made.Payments != 0 || len(made.LeftOut) != 3 {
			t.Errorf("%+v", made)
		}
		w.mutate("UPDATE merchant SET state = 'active' WHERE id = 1")
		w.must(w.g.store.Write(context.Background(), func(ctx context.Context, q *store.Queries) error {
			return q.SetRecovery(ctx, sql.NullInt64{Int64: w.clock.Now().UnixMicro(), Valid: true})
		}))
		w.must(w.g.Reload(context.Background()))
		w.refused(export(fileRail, 1), CodeConflict, "recovery")
		for _, id := range ids {
			w.wantState(id, withdrawal.Approved)
		}
	})
}

func TestCheckBankFile(t *testing.T) {
	ok := RailSettings{Template: "hdfc", Account: "123456789"}
	for what, change := range map[string]func(*RailSettings){
		"template":                  func(s *RailSettings) { s.Template = "nobodys" },
		"not a template":            func(s *RailSettings) { s.Template = `{"name":"mine"}` },
		"9 to 18 digits":            func(s *RailSettings) { s.Account = "12345678" },
		"9 to 18 digits ":           func(s *RailSettings) { s.Account = "1234567890123456789" },
		"9 to 18 digits  ":          func(s *RailSettings) { s.Account = "12345678x" },
		"no \"xlsx\"":               func(s *RailSettings) { s.File = "xlsx" },
		"template, account and fil": func(s *RailSettings) { s.Secret = keyring.Secret("hidden-word") },
	} {
		s := ok
		change(&s)
		err := CheckBankFile(Rail{RailSettings: s})
		if err == nil || !strings.Contains(err.Error(), strings.TrimSpace(what)) || strings.Contains(err.Error(), "hidden-word") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := CheckBankFile(Rail{RailSettings: ok}); err != nil {
		t.Error(err)
	}
}

// A file is given out again only while nothing has become of its payments, and what then fails is certain for nobody.
func TestFileIsGivenOutAgain(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		made := w.export(by, DefaultBatch)
		again := func() error {
			_, err := w.g.ExportedPayouts(context.Background(), by, made.ID)
			return err
		}
		w.must(again())
		w.read(w.report(by, "one"), failedRow(ids[0], 100_00), ReportFailed)
		w.clock.Advance(2 * certainAfter)
		w.read(w.report(by, "two"), failedRow(ids[0], 100_00), ReportKnown)
		w.wantState(ids[0], withdrawal.Failed)
		w.refused(again(), CodeConflict, "mustn't be uploaded")
	})
}

// One payment of a file that nobody may have uploaded yet isn't given back: it would still stand in the file.
func TestPaymentOfAFileIsNotEndedAlone(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		w.export(by, DefaultBatch)
		_, err := w.g.ResolveWithdrawal(context.Background(), by, ids[0], Resolution{Proof: "it isn't on the statement"})
		w.refused(err, CodeConflict, "is submitted")
		w.clock.Advance(resolvableAfter)
		if _, err := w.g.ResolveWithdrawal(context.Background(), by, ids[0], Resolution{Proof: "it isn't on the statement"}); err != nil {
			t.Error(err)
		}
	})
}

// A file that was never uploaded: two people say so, and only while no bank has spoken.
func TestDiscardBatch(t *testing.T) {
	fileWorld(t, func(w *world, by, other Operator, ids []withdrawal.ID) {
		discard := func(who Operator, id int64) (proposed, ended int, err error) {
			return w.g.DiscardBatch(context.Background(), who, id, "the bank's list of uploads of today")
		}
		_, _, err := discard(by, 1)
		w.refused(err, CodeNotFound, "no batch 1")
		first, second := w.export(by, 1), w.export(by, 2)
		for range 2 {
			if proposed, ended, err := discard(by, second.ID); proposed != 2 || ended != 0 || err != nil {
				t.Error(proposed, ended, err)
			}
		}
		w.wantBalances(400_00, 600_00, 0)
		if proposed, ended, err := discard(other, second.ID); proposed != 0 || ended != 2 || err != nil {
			t.Error(proposed, ended, err)
		}
		w.wantState(ids[1], withdrawal.Refunded)
		w.wantBalances(900_00, 100_00, 0)
		_, _, err = discard(other, second.ID)
		w.refused(err, CodeConflict, "no payment")
		w.read(w.report(by, "one"), paidRow(ids[0], 100_00, "412345678901"), ReportPaid)
		_, _, err = discard(by, first.ID)
		w.refused(err, CodeConflict, "was uploaded")
	})
}
