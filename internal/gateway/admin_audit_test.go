package gateway

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
)

// audited runs the audit and returns the checks that failed.
func (w *world) audited() (failed []string, report AuditReport) {
	w.t.Helper()
	return w.auditedBy(AuditQueries(w.g.store))
}

func (w *world) auditedBy(q *store.Queries) (failed []string, report AuditReport) {
	w.t.Helper()
	var done, total int64
	report, err := Audit(context.Background(), q, func(d, of int64) { done, total = d, of })
	w.must(err)
	if done != total {
		w.t.Errorf("progress ended at %d of %d", done, total)
	}
	for _, check := range report.Checks {
		if check.Failed > 0 {
			failed = append(failed, check.ID)
		}
		if (check.Failed > 0) != (len(check.Examples) > 0) {
			w.t.Errorf("%s: %d failed, told %q", check.ID, check.Failed, check.Examples)
		}
	}
	return failed, report
}

// business makes rows of every sort: credits with and without fee, open, wrong and corrected claims, transfers of every
// state.
func (w *world) business() {
	w.t.Helper()
	w.policy(shop, func(p *merchant.Policy) {
		p.Fees = map[string]merchant.Fee{"*": {PPM: 15_000, Fixed: 200}}
	})
	w.observe(w.credit("321302038123", "500"), w.credit("321302038124", "250.50"), w.credit("321302038125", "100"), w.credit("321302038126", "90"))
	w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	w.wantClaim(claimRequest("o2", "p2", "321302038124", "250"), deposit.Held, deposit.ReasonMismatch)
	w.wantClaim(claimRequest("o3", "p3", "321302038999", "10"), deposit.Waiting, deposit.ReasonNoTransfer)
	w.wantClaim(claimRequest("o3", "p3", "321302038125", "100"), deposit.Accepted, deposit.ReasonMatched) // a correction
	w.wantEvidence(w.credit("321302038126", "91"), EvidenceRefused, "conflict")
	w.wantEvidence(w.credit("321302038123", "501"), EvidenceRefused, "conflict") // disputes a credit
	reversal := w.credit("321302038127", "1")
	reversal.Outcome, reversal.Reason = evidence.Reversal, evidence.ReasonReversal
	w.wantEvidence(reversal, EvidenceRefused, evidence.ReasonReversal)
	w.observe(w.credit("321302038127", "5"))
	w.payOut()
}

// payOut makes a withdrawal that is paid, one that is refused and one that is open.
func (w *world) payOut() {
	w.t.Helper()
	ctx := context.Background()
	maker, _ := w.fund("shop", 1000)
	paid, refused := w.take("w-1", 100), w.take("w-2", 200)
	w.take("w-3", 300)
	_, err := w.g.ApproveWithdrawal(ctx, maker, paid, "")
	w.must(err)
	_, err = w.g.ClaimWithdrawal(ctx, maker, paid, false)
	w.must(err)
	w.must(w.g.SettleWithdrawal(ctx, maker, paid, true, "412345678901", ""))
	w.must(w.g.RefuseWithdrawal(ctx, maker, refused, "looks like fraud"))
}

func TestAuditOfSoundBooks(t *testing.T) {
	eachWorld(t, func(w *world) {
		if failed, _ := w.audited(); failed != nil {
			t.Fatal("an empty database fails", failed)
		}
		w.business()
		for range 2 {
			failed, report := w.audited()
			if failed != nil {
				t.Fatalf("sound books fail %v: %+v", failed, report)
			}
			for _, check := range report.Checks {
				if check.Checked == 0 {
					t.Errorf("%s compared nothing", check.ID)
				}
			}
			w.must(w.g.RollUp(context.Background())) // the second round has stored balances
		}
	})
}

// Each way to break the books behind our back makes just the checks fail that are about it.
func TestAuditFinds(t *testing.T) {
	const first = "(SELECT min(id) FROM deposit)"
	tests := []struct {
		name, query string
		failed      []string
	}{
		{"a credit of another amount", "UPDATE deposit SET amount = amount + 1 WHERE id = " + first, []string{"M-4", "P-1", "books"}},
		{"a credit in another currency", "UPDATE deposit SET currency = 'BDT' WHERE id = " + first, []string{"M-4", "P-1", "books"}},
		{"a fee that wasn't booked", "UPDATE deposit SET fee = fee + 1 WHERE id = " + first, []string{"M-4", "books"}},
		{"a posting of another amount", "UPDATE posting SET amount = amount + 1 WHERE kind = 'deposit' AND event_id = " + first, []string{"M-2", "M-4"}},
		{"a posting in another currency", "UPDATE posting SET currency = 'BDT' WHERE kind = 'deposit' AND event_id = " + first, []string{"M-1"}},
		{"a posting from nowhere", "UPDATE posting SET source_id = 999 WHERE kind = 'transfer'", []string{"M-1", "M-2"}},
		{"a lost entry", "DELETE FROM posting WHERE kind = 'deposit' AND event_id = " + first, []string{"M-2", "M-4"}},
		{"a lost delta", "DELETE FROM balance_delta WHERE account_id = 1", []string{"M-2", "books"}},
		{"a delta of no account", "UPDATE balance_delta SET account_id = 999 WHERE account_id = 2", []string{"M-2", "books"}},
		{"a balance that moved by itself", "UPDATE ledger_account SET balance = balance + 1 WHERE id = 1", []string{"M-2", "books"}},
		{"a transfer that changed after its credit", "UPDATE transfer SET amount = amount + 1 WHERE id = (SELECT transfer_id FROM deposit WHERE id = " + first + ")", []string{"M-4", "books"}},
		{"a credited transfer that is free again", "UPDATE transfer SET state = 'observed' WHERE id = (SELECT transfer_id FROM deposit WHERE id = " + first + ")", []string{"books", "C-2"}},
		{"a transfer credited without a credit", "UPDATE transfer SET state = 'credited' WHERE state = 'observed'", []string{"books", "C-2"}},
		{"an accepted claim without credit", "UPDATE claim SET state = 'accepted' WHERE state = 'held'", []string{"C-2"}},
		{"a credit whose claim is refused", "UPDATE claim SET state = 'refused' WHERE state = 'accepted'", []string{"C-2"}},
		{"a credit to another merchant than the claim's", "UPDATE deposit SET merchant_id = 2 WHERE id = " + first, []string{"books", "C-2", "P-1"}},
		{"a lost deposit", "DELETE FROM deposit WHERE id = " + first, []string{"books", "C-2", "P-1"}},
		{"a lost postback", "DELETE FROM postback WHERE kind = 'deposit' AND subject_id = " + first, []string{"P-1"}},
		{"a postback of another amount", "UPDATE postback SET body = replace(body, '\"amount\":500', '\"amount\":501') WHERE kind = 'deposit'", []string{"P-1"}},
		{"a postback of another order", "UPDATE postback SET body = replace(body, '\"o1\"', '\"o2\"')", []string{"P-1"}},
		{"a postback that is no JSON", "UPDATE postback SET body = 'x' WHERE kind = 'deposit' AND subject_id = " + first, []string{"P-1"}},
		{"a paid withdrawal that came back", "UPDATE withdrawal SET state = 'refunded' WHERE state = 'paid'", []string{"P-1", "W-1", "books"}},
		{"a withdrawal of another amount", "UPDATE withdrawal SET amount = amount + 1 WHERE state = 'paid'", []string{"P-1", "W-1", "W-4", "books"}},
		{"a withdrawal that was paid unapproved", "DELETE FROM withdrawal_approval", []string{"W-4"}},
		{"an end that the books don't have", "UPDATE withdrawal SET state = 'refused' WHERE state = 'created'", []string{"P-1", "W-1", "books"}},
		{"an end that isn't one any more", "UPDATE withdrawal SET state = 'created' WHERE state = 'refused'", []string{"P-1", "W-1", "books"}},
		{"a lost postback of a withdrawal", "DELETE FROM postback WHERE kind = 'withdrawal' AND body LIKE '%\"withdrawal_status\":1%'", []string{"P-1"}},
		{"a postback of another proof", "UPDATE withdrawal SET utr = '999999999999' WHERE state = 'paid'", []string{"P-1"}},
		{"a top-up that wasn't booked", "UPDATE adjustment SET amount = amount + 1", []string{"books"}},
		{"an order without a current claim", "UPDATE claim SET superseded_by = 777 WHERE state = 'held'", []string{"C-3"}},
	}
	eachWorld(t, func(w *world) {
		w.business()
		for _, test := range tests {
			tx, err := w.beside().Begin()
			w.must(err)
			_, err = tx.Exec(test.query)
			w.must(err)
			failed, report := w.auditedBy(store.New(&uncommitted{w.g.store, tx}))
			w.must(tx.Rollback())
			slices.Sort(failed)
			slices.Sort(test.failed)
			if !slices.Equal(failed, test.failed) {
				w.t.Errorf("%s: failed %v, want %v: %+v", test.name, failed, test.failed, report)
			}
		}
	})
}

// uncommitted runs the store's statements inside a transaction that is going to be rolled back.
type uncommitted struct {
	store *store.Store
	tx    *sql.Tx
}

func (u *uncommitted) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return u.tx.ExecContext(ctx, u.store.Rewrite(query), args...)
}

func (u *uncommitted) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return u.tx.PrepareContext(ctx, u.store.Rewrite(query))
}

func (u *uncommitted) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	return u.tx.QueryContext(ctx, u.store.Rewrite(query), args...)
}

func (u *uncommitted) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	return u.tx.QueryRowContext(ctx, u.store.Rewrite(query), args...)
}

// Without the unique keys a double credit can be written; the audit must see it.
func TestAuditFindsDoubleCredit(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.business()
		if strings.HasPrefix(w.database, "sqlite:") {
			// SQLite can't drop a table's own unique key: a copy of the table has none.
			w.mutate("CREATE TABLE copy AS SELECT * FROM deposit; DROP TABLE deposit; ALTER TABLE copy RENAME TO deposit")
		} else {
			w.mutate("ALTER TABLE deposit DROP CONSTRAINT deposit_transfer_id_key; ALTER TABLE deposit DROP CONSTRAINT deposit_claim_id_key; ALTER TABLE deposit DROP CONSTRAINT deposit_pkey")
		}
		w.mutate("INSERT INTO deposit (id, claim_id, transfer_id, merchant_id, amount, fee, currency, created_at) SELECT id + 500, claim_id, transfer_id, merchant_id, amount, fee, currency, created_at FROM deposit")
		failed, _ := w.audited()
		if !slices.Contains(failed, "C-1") {
			t.Fatal("a double credit was not found", failed)
		}
	})
}

func TestRetryEvidence(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.must(addSourceRow(w))
		unparsed := func(raw string) EvidenceItem {
			return EvidenceItem{
				SourceID: 1, AccountID: 1, Fingerprint: sha256.Sum256([]byte(raw)), Raw: []byte(raw), ReceivedAt: w.clock.Now(),
				Outcome: evidence.Unparsed, Reason: evidence.ReasonNotACredit, Rail: method.RailIndia,
			}
		}
		w.observe(unparsed("credit"), unparsed("again"), unparsed("otp"), unparsed("refused"), unparsed("never"), unparsed("unreadable"), unparsed("reversal"))
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		received := w.clock.Now()
		w.clock.Advance(time.Hour)

		read := func(_ *Source, raw []byte, at time.Time) (EvidenceItem, bool) {
			if !at.Equal(received) {
				t.Errorf("%s is read as of %v, it came at %v", raw, at, received)
			}
			item := unparsed(string(raw))
			switch string(raw) {
			case "credit", "again":
				item = w.credit("321302038123", "500")
				item.Raw, item.OccurredAt = raw, at
			case "reversal":
				item.Outcome, item.Reason, item.Number = evidence.Reversal, evidence.ReasonReversal, "321302038777"
			case "otp":
				item.Outcome, item.Reason = evidence.OTP, evidence.ReasonOTP
			case "refused":
				item.Outcome, item.Reason = evidence.Refused, evidence.ReasonRefund
			case "unreadable":
				return item, false
			}
			return item, true
		}
		got, err := w.g.RetryEvidence(ctx, read)
		w.must(err)
		if got != (Retried{Read: 7, Created: 1, Duplicate: 1, Refused: 3, Unparsed: 2}) {
			t.Fatalf("retried %+v", got)
		}
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.want("one transfer", w.count("SELECT count(*) FROM transfer"), 1)
		w.want("evidence of it", w.count("SELECT count(*) FROM evidence WHERE transfer_id = (SELECT id FROM transfer)"), 2)
		w.want("reversed numbers", w.count("SELECT count(*) FROM reference WHERE reversed_at IS NOT NULL"), 1)
		w.want("one-time passwords kept", w.count("SELECT count(*) FROM evidence WHERE reason = 'otp' AND length(raw) > 0"), 0)
		got, err = w.g.RetryEvidence(ctx, read)
		w.must(err)
		if got != (Retried{Read: 2, Unparsed: 2}) {
			t.Fatalf("a second run: %+v", got)
		}
		if failed, report := w.audited(); failed != nil {
			t.Fatalf("audit %v: %+v", failed, report)
		}
	})
}

// A claim on an account of several merchants is credited by late reading if the payer was shown the wallet.
func TestRetryEvidenceOfSharedAccount(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.must(addSourceRow(w))
		w.mutate("INSERT INTO assignment (merchant_id, payer, method, currency, wallet_id, account_id, first_shown_at, assigned_at, reason) VALUES (1, 'p1', 'phone_pe', 'INR', 3, 3, 1, 1, '')")
		item := w.credit("321302038123", "500")
		item.AccountID, item.Outcome, item.Number = 3, evidence.Unparsed, ""
		w.observe(item)
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Waiting, deposit.ReasonNoTransfer)
		got, err := w.g.RetryEvidence(ctx, func(*Source, []byte, time.Time) (EvidenceItem, bool) {
			item.Outcome, item.Number = evidence.Credit, "321302038123"
			return item, true
		})
		w.must(err)
		if got.Created != 1 {
			t.Fatalf("retried %+v", got)
		}
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
	})
}

// addSourceRow gives the seeded world the source that its evidence names.
func addSourceRow(w *world) error {
	w.mutate("INSERT INTO source (id, wallet_id, account_id, sandbox, kind, state, created_at) VALUES (1, 1, 1, 0, 'statement', 'active', 1)")
	return w.g.Reload(context.Background())
}
