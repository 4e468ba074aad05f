package gateway

import (
	"context"
	"database/sql"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

// judged runs every check over the whole database, as somebody sees it, and returns the invariants that don't hold, each once.
func (w *world) judged(db oracle.Database) (failed []string, found []oracle.Violation) {
	w.t.Helper()
	o := oracle.New(db, string(w.g.store.Engine()))
	found, err := o.Check(context.Background())
	w.must(err)
	w.must(o.Close())
	return invariants(found), found
}

func invariants(found []oracle.Violation) (failed []string) {
	for _, v := range found {
		failed = append(failed, v.Invariant)
	}
	slices.Sort(failed)
	return slices.Compact(failed)
}

// audited runs the audit and returns the invariants that failed.
func (w *world) audited() (failed []string, report oracle.Report) {
	w.t.Helper()
	return w.auditedBy(w.beside())
}

func (w *world) auditedBy(db oracle.Database) (failed []string, report oracle.Report) {
	w.t.Helper()
	var done, total int64
	o := oracle.New(db, string(w.g.store.Engine()))
	report, err := o.Audit(context.Background(), oracle.Options{Hashes: AuditHashes(w.keys), Progress: func(d, of int64) { done, total = d, of }})
	w.must(err)
	w.must(o.Close())
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
	w.must(w.g.NumberEvents(context.Background()))
	w.deliver()
}

// deliver stores that the first postback was delivered with its second attempt.
func (w *world) deliver() {
	w.t.Helper()
	const first = "(SELECT min(id) FROM postback)"
	w.mutate("UPDATE postback SET state = 'delivered', attempts = 2, ended_at = created_at + 1 WHERE id = " + first)
	for number, status := range []int{500, 200} {
		w.mutate(fmt.Sprintf("INSERT INTO postback_attempt (postback_id, number, lease, started_at, duration, address, tls, status, failure, error, answer) "+
			"SELECT id, %d, 7, created_at, 1, '127.0.0.1:1', '', %d, '', '', decode('', 'hex') FROM postback WHERE id = %s", number+1, status, first))
	}
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
	w.age(fmt.Sprint("kind = 'withdrawal' AND subject_id = ", refused))
}

func TestOracleOfSoundBooks(t *testing.T) {
	eachWorld(t, func(w *world) {
		if failed, report := w.audited(); failed != nil {
			t.Fatal("an empty database fails", report)
		}
		w.business()
		for range 2 {
			if failed, found := w.judged(w.beside()); failed != nil {
				t.Fatalf("sound books fail: %+v", found)
			}
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

// corruption is one way to break the books behind our back. Where a constraint stands in its way, the tables in unguarded
// lose theirs before.
type corruption struct {
	name, query string
	failed      []string
	unguarded   string
	packed      func([]byte) []byte // with it, query is the condition of the postbacks whose packed bodies become another
}

// corrupt makes a corruption.
func (w *world) corrupt(tx *sql.Tx, c corruption) {
	w.t.Helper()
	for _, table := range strings.Fields(c.unguarded) {
		w.unguard(tx.Exec, table)
	}
	if c.packed == nil {
		if _, err := tx.Exec(w.g.store.Rewrite(c.query)); err != nil {
			w.t.Fatal(c.name, err)
		}
		return
	}
	if w.repack(tx, c.query, c.packed) == 0 {
		w.t.Fatal(c.name, "nothing to corrupt")
	}
}

const (
	firstDeposit = "(SELECT min(id) FROM deposit)"
	paidOut      = "(SELECT id FROM withdrawal WHERE state = 'paid')"
)

var corruptions = []corruption{
	{"a credit of another amount", "UPDATE deposit SET amount = amount + 1 WHERE id = " + firstDeposit, []string{"M-4", "P-1", "books"}, "", nil},
	{"a credit in another currency", "UPDATE deposit SET currency = 'BDT' WHERE id = " + firstDeposit, []string{"M-4", "P-1", "books"}, "", nil},
	{"a fee that wasn't booked", "UPDATE deposit SET fee = fee + 1 WHERE id = " + firstDeposit, []string{"M-4", "books"}, "", nil},
	{"a posting of another amount", "UPDATE posting SET amount = amount + 1 WHERE kind = 'deposit' AND event_id = " + firstDeposit, []string{"M-2", "M-4"}, "", nil},
	{"a posting of nothing", "UPDATE posting SET amount = 0 WHERE kind = 'deposit' AND event_id = " + firstDeposit, []string{"M-1", "M-2", "M-4"}, "posting", nil},
	{"a posting in another currency", "UPDATE posting SET currency = 'BDT' WHERE kind = 'deposit' AND event_id = " + firstDeposit, []string{"M-1"}, "", nil},
	{"a posting from nowhere", "UPDATE posting SET source_id = 999 WHERE kind = 'transfer'", []string{"M-1", "M-2"}, "", nil},
	{"a lost entry", "DELETE FROM posting WHERE kind = 'deposit' AND event_id = " + firstDeposit, []string{"M-2", "M-4"}, "", nil},
	{"an entry of a lost transfer", "UPDATE posting SET event_id = 999 WHERE kind = 'transfer' AND event_id = 1", []string{"books"}, "", nil},
	{"an entry of a lost withdrawal", "UPDATE posting SET event_id = 999 WHERE kind = 'withdrawal' AND event_id = " + paidOut, []string{"W-4"}, "", nil},
	{"a lost delta", "DELETE FROM balance_delta WHERE account_id = 1", []string{"M-2", "books"}, "", nil},
	{"a delta of no account", "UPDATE balance_delta SET account_id = 999 WHERE account_id = 2", []string{"M-2", "books"}, "", nil},
	{"a balance that moved by itself", "UPDATE ledger_account SET balance = balance + 1 WHERE id = 1", []string{"M-2", "books"}, "", nil},
	{"a merchant in debt", "UPDATE ledger_account SET balance = balance - 10000000 WHERE kind = 'merchant' AND owner_id = 1", []string{"M-2", "M-3", "books"}, "", nil},
	{"a transfer that changed after its credit", "UPDATE transfer SET amount = amount + 1 WHERE id = (SELECT transfer_id FROM deposit WHERE id = " + firstDeposit + ")", []string{"M-4", "books"}, "", nil},
	{"a credited transfer that is free again", "UPDATE transfer SET state = 'observed' WHERE state = 'credited'", []string{"C-2", "S-1", "books"}, "", nil},
	{"a transfer credited without a credit", "UPDATE transfer SET state = 'credited' WHERE state = 'observed'", []string{"C-2", "S-1", "books"}, "", nil},
	{"two transfers of a number", "INSERT INTO transfer SELECT id + 900, reference_id, account_id, amount, currency, occurred_at, accuracy, strength, payer, marks, released, state, observed_at FROM transfer WHERE state = 'observed'",
		[]string{"C-1", "E-1", "books"}, "transfer", nil},
	{"a contradicted transfer that can be claimed", "UPDATE transfer SET marks = 1 WHERE state = 'observed'", []string{"E-3"}, "", nil},
	{"a contradicted credit that isn't disputed", "UPDATE transfer SET marks = 1 WHERE state = 'credited'", []string{"E-3"}, "", nil},
	{"a quarantine that nothing speaks for", "UPDATE transfer SET marks = 0 WHERE state = 'quarantined'", []string{"E-3"}, "", nil},
	{"a forgotten dispute", "DELETE FROM disputed_transfer", []string{"E-2"}, "", nil},
	{"a dispute of nothing", "INSERT INTO disputed_transfer (transfer_id, account_id) SELECT id, account_id FROM transfer WHERE state = 'observed'", []string{"E-2"}, "", nil},
	{"lost evidence", "DELETE FROM evidence WHERE transfer_id = (SELECT id FROM transfer WHERE state = 'observed')", []string{"E-1"}, "", nil},
	{"evidence without its bytes", "UPDATE evidence SET raw = decode('', 'hex') WHERE id = (SELECT min(id) FROM evidence)", []string{"E-1"}, "", nil},
	{"evidence of another number", "UPDATE evidence SET reference_id = reference_id + 1 WHERE id = (SELECT min(id) FROM evidence)", []string{"E-1"}, "", nil},
	{"evidence that is kept twice", "INSERT INTO evidence SELECT id + 900, source_id, fingerprint, raw, sender, received_at, outcome, reason, reading, reference_id, transfer_id FROM evidence", []string{"E-1"}, "evidence", nil},
	{"an accepted claim without credit", "UPDATE claim SET state = 'accepted' WHERE state = 'held'", []string{"C-2", "S-1"}, "", nil},
	{"a credit whose claim is refused", "UPDATE claim SET state = 'refused' WHERE state = 'accepted'", []string{"C-2", "S-1"}, "", nil},
	{"a credit to another merchant than the claim's", "UPDATE deposit SET merchant_id = 2 WHERE id = " + firstDeposit, []string{"C-2", "M-4", "P-1", "books"}, "", nil},
	{"a credit of a claim on another number", "UPDATE claim SET reference_id = reference_id + 1 WHERE state = 'accepted'", []string{"C-2"}, "", nil},
	{"a lost deposit", "DELETE FROM deposit WHERE id = " + firstDeposit, []string{"C-2", "P-1", "S-1", "books"}, "", nil},
	{"a double credit", "INSERT INTO deposit SELECT id + 500, claim_id, transfer_id, merchant_id, amount, fee, currency, created_at FROM deposit", []string{"C-1", "M-4", "P-1", "books"}, "deposit", nil},
	{"an order without a current claim", "UPDATE claim SET superseded_by = 777 WHERE state = 'held'", []string{"C-3"}, "", nil},
	{"an order with two current claims", "UPDATE claim SET superseded_by = 0 WHERE state = 'withdrawn'", []string{"C-3"}, "claim", nil},
	{"a move that isn't listed", "UPDATE transition SET from_state = 'refused' WHERE kind = 'claim' AND to_state = 'withdrawn'", []string{"S-1"}, "", nil},
	{"a move that isn't logged", "DELETE FROM transition WHERE kind = 'withdrawal' AND to_state = 'paid'", []string{"S-1"}, "", nil},
	{"a transfer's lost dispute", "DELETE FROM transition WHERE kind = 'transfer' AND to_state = 'disputed'", []string{"S-1"}, "", nil},
	{"a transfer's lost beginning", "DELETE FROM transition WHERE kind = 'transfer' AND from_state = ''", []string{"S-1"}, "", nil},
	{"a transfer that was observed at no time", "UPDATE transfer SET observed_at = 0 WHERE state = 'observed'", []string{"S-1"}, "", nil},
	{"a transfer that was credited twice", "INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT 9000 + n, 'transfer', transfer_id, 'observed', 'credited', 1, '', '' FROM deposit, (SELECT 1 AS n UNION ALL SELECT 2) twice", []string{"S-1"}, "", nil},
	{"a credit by another", "INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT 9001, 'transfer', transfer_id, 'observed', 'credited', created_at, 'asha', 'matched' FROM deposit WHERE id = " + firstDeposit, []string{"S-1"}, "", nil},
	{"a beginning at another time", "INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT 9001, 'transfer', id, '', 'observed', observed_at + 1, 'rules', 'created' FROM transfer WHERE state = 'observed'", []string{"S-1"}, "", nil},
	{"a release that nobody made", "UPDATE transfer SET marks = 1, released = 1 WHERE state = 'observed'", []string{"S-1"}, "", nil},
	{"an acceptance that isn't logged", "DELETE FROM transition WHERE kind = 'claim' AND to_state = 'accepted'", []string{"S-1"}, "", nil},
	{"a transfer's move out of an end", "INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT 9001, 'transfer', id, 'credited', 'observed', 1, '', '' FROM transfer WHERE state = 'observed'", []string{"S-1"}, "", nil},

	{"a lost postback", "DELETE FROM postback WHERE kind = 'deposit' AND subject_id = " + firstDeposit, []string{"P-1"}, "", nil},
	{"a postback of another amount", "kind = 'deposit'", []string{"P-1"}, "", resaid(`"amount":500`, `"amount":501`)},
	{"a postback of another order", "id > 0", []string{"P-1"}, "", resaid(`"o1"`, `"o2"`)},
	{"a postback of another payer", "id > 0", []string{"P-1"}, "", resaid(`"label":"p1"`, `"label":"p2"`)},
	{"a postback of another direction", "kind = 'deposit'", []string{"P-1"}, "", resaid(`"ingoing"`, `"outgoing"`)},
	{"a postback of another end", "kind = 'withdrawal'", []string{"P-1"}, "", resaid(`"withdrawal_status":1`, `"withdrawal_status":5`)},
	{"a postback that is no JSON", "kind = 'deposit' AND subject_id = " + firstDeposit, []string{"P-1"}, "", func([]byte) []byte { return postback.Pack([]byte("x")) }},
	{"a plain body of another amount", "UPDATE postback SET body = replace(body, '\"amount\":200', '\"amount\":201')", []string{"P-1"}, "", nil},
	{"a plain body of nothing", "UPDATE postback SET body = 'x' WHERE body <> ''", []string{"P-1"}, "", nil},
	{"a body in both columns", "UPDATE postback SET body = '{}' WHERE body = ''", []string{"P-1"}, "postback", nil},
	{"a body in no column", "UPDATE postback SET body = '', packed = NULL", []string{"P-1"}, "postback", nil},
	{"a packed body of no bytes", "kind = 'deposit'", []string{"P-1"}, "", func([]byte) []byte { return []byte{} }},
	{"a packed body that is cut", "kind = 'deposit'", []string{"P-1"}, "", func(packed []byte) []byte { return packed[:len(packed)-9] }},
	{"a packed body that goes on", "kind = 'deposit'", []string{"P-1"}, "", func(packed []byte) []byte { return append(packed, 0) }},
	{"a packed body of an unknown form", "kind = 'deposit'", []string{"P-1"}, "", func(packed []byte) []byte { packed[0] = 9; return packed }},
	{"a packed body with a bit turned", "kind = 'withdrawal'", []string{"P-1"}, "", func(packed []byte) []byte { packed[20] ^= 4; return packed }},
	{"a postback to another merchant", "UPDATE postback SET merchant_id = 2 WHERE kind = 'deposit' AND subject_id = " + firstDeposit, []string{"P-1", "feed"}, "", nil},
	{"a delivery that was refused", "UPDATE postback_attempt SET status = 500", []string{"P-2"}, "", nil},
	{"a lost attempt", "DELETE FROM postback_attempt WHERE number = 1", []string{"P-3"}, "", nil},
	{"an attempt of nobody", "UPDATE postback_attempt SET lease = 0 WHERE number = 1", []string{"P-3"}, "", nil},
	{"an attempt that isn't counted", "UPDATE postback SET attempts = 1 WHERE state = 'delivered'", []string{"P-2", "P-3"}, "", nil},
	{"an event twice", "INSERT INTO event_new (merchant_id, postback_id) SELECT merchant_id, postback_id FROM event", []string{"feed"}, "", nil},
	{"a gap in a feed", "UPDATE event SET position = position + 100 WHERE position = 1", []string{"feed"}, "", nil},

	{"a paid withdrawal that came back", "UPDATE withdrawal SET state = 'refunded' WHERE state = 'paid'", []string{"P-1", "S-1", "W-1", "W-3", "books"}, "", nil},
	{"a withdrawal that is paid and given back", "INSERT INTO posting SELECT entry_id + 9000, 1, kind, event_id, source_id, destination_id, amount, currency, at FROM posting WHERE kind = 'withdrawal_end'", []string{"M-2", "W-1"}, "", nil},
	{"a withdrawal of another amount", "UPDATE withdrawal SET amount = amount + 1 WHERE state = 'paid'", []string{"P-1", "W-1", "W-4", "books"}, "", nil},
	{"a withdrawal that was paid unapproved", "DELETE FROM withdrawal_approval", []string{"W-4"}, "", nil},
	{"an end that the books don't have", "UPDATE withdrawal SET state = 'refused' WHERE state = 'created'", []string{"P-1", "S-1", "W-1", "books"}, "", nil},
	{"an end that isn't one any more", "UPDATE withdrawal SET state = 'created' WHERE state = 'refused'", []string{"P-1", "S-1", "W-1", "books"}, "", nil},
	{"a lost postback of a withdrawal", "DELETE FROM postback WHERE kind = 'withdrawal' AND subject_id = " + paidOut, []string{"P-1"}, "", nil},
	{"a postback of another proof", "UPDATE withdrawal SET utr = '999999999999' WHERE state = 'paid'", []string{"P-1"}, "", nil},
	{"another reference", "UPDATE withdrawal SET reference = 'GL99999999999999' WHERE state = 'paid'", []string{"W-2"}, "", nil},
	{"an end that nobody said", "DELETE FROM withdrawal_answer", []string{"W-3"}, "", nil},
	{"a bank that heard too early", "UPDATE withdrawal SET rail_id = 'x' WHERE state = 'created'", []string{"W-5"}, "", nil},
	{"one signed text paid twice", "UPDATE withdrawal SET signed_digest = (SELECT o.signed_digest FROM withdrawal o WHERE o.state = 'paid')", []string{"W-7"}, "withdrawal", nil},
	{"what was refused is paid", "INSERT INTO withdrawal_refusal SELECT merchant_id, signed_digest, '', '', 1 FROM withdrawal WHERE state = 'paid'", []string{"W-7"}, "", nil},
	{"a top-up that wasn't booked", "UPDATE adjustment SET amount = amount + 1", []string{"books"}, "", nil},
	{"a top-up that isn't there", "DELETE FROM adjustment", []string{"books"}, "", nil},
	{"a top-up by one person", "UPDATE adjustment SET checked_by = made_by", []string{"M-3"}, "adjustment", nil},
	{"a lost act", "DELETE FROM audit_log WHERE seq = 2", []string{"A-1"}, "", nil},
	{"a lost last act", "DELETE FROM audit_log WHERE seq = (SELECT max(seq) FROM audit_log)", []string{"A-1"}, "", nil},
}

// Each way to break the books makes just the checks fail that are about it, and each check sees one of them.
func TestOracleFinds(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.business()
		if failed, found := w.judged(w.beside()); failed != nil {
			t.Fatalf("sound books fail: %+v", found)
		}
		seen := map[string]bool{}
		for i, test := range corruptions {
			tx, err := w.beside().Begin()
			w.must(err)
			w.corrupt(tx, test)
			failed, found := w.judged(tx)
			audited, report := failed, oracle.Report{}
			if i%5 == 0 || w.g.store.Engine() == store.SQLite { // PostgreSQL plans long for each of its statements
				audited, report = w.auditedBy(tx)
			}
			w.must(tx.Rollback())
			slices.Sort(test.failed)
			if !slices.Equal(failed, test.failed) {
				w.t.Errorf("%s: failed %v, want %v: %+v", test.name, failed, test.failed, found)
			}
			if !slices.Equal(audited, test.failed) {
				w.t.Errorf("%s: the audit finds %v, want %v: %+v", test.name, audited, test.failed, report)
			}
			for _, v := range found {
				for i := range oracle.Checks {
					if c := &oracle.Checks[i]; c.Invariant == v.Invariant && wordsOf(c).MatchString(v.What) {
						seen[c.Invariant+" "+c.What] = true
					}
				}
			}
		}
		for _, c := range oracle.Checks {
			if !c.Outside && !seen[c.Invariant+" "+c.What] {
				t.Errorf("nothing shows that this check sees anything: %s, %s", c.Invariant, c.What)
			}
		}
	})
}

// Books of before log every move of a transfer: they are as sound.
func TestOracleReadsOldLogs(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.business()
		const insert = "INSERT INTO transition (id, kind, subject_id, from_state, to_state, at, actor, reason) SELECT "
		w.mutate(insert + "90000 + id, 'transfer', id, '', 'observed', observed_at, 'rules', 'created' FROM transfer t " +
			"WHERE NOT EXISTS (SELECT 1 FROM transition m WHERE m.kind = 'transfer' AND m.subject_id = t.id AND m.from_state = '')")
		w.mutate(insert + "91000 + id, 'transfer', transfer_id, 'observed', 'credited', created_at, 'rules', 'matched' FROM deposit")
		if failed, found := w.judged(w.beside()); failed != nil {
			t.Errorf("old books fail: %+v", found)
		}
	})
}

// unguard takes all constraints from a table.
func (w *world) unguard(exec func(string, ...any) (sql.Result, error), table string) {
	w.t.Helper()
	cascade := " CASCADE"
	if strings.HasPrefix(w.database, "sqlite:") {
		cascade = ""
	}
	for _, statement := range []string{"CREATE TABLE copy AS SELECT * FROM " + table, "DROP TABLE " + table + cascade, "ALTER TABLE copy RENAME TO " + table} {
		if _, err := exec(statement); err != nil {
			w.t.Fatal(statement, err)
		}
	}
}

var (
	placeholder = regexp.MustCompile(`\{[^}]*\}`)
	constant    = regexp.MustCompile(`'((?:[^']|'')*)'`)
)

// wordsOf matches what a check tells.
func wordsOf(c *oracle.Check) *regexp.Regexp {
	var fixed []string
	if c.Table != "" {
		fixed = placeholder.Split(c.Tells, -1)
	} else {
		words, _, _ := strings.Cut(c.Wrong, " AS told")
		for _, match := range constant.FindAllStringSubmatch(words, -1) {
			if match[1] != "nothing" {
				fixed = append(fixed, strings.ReplaceAll(match[1], "''", "'"))
			}
		}
	}
	for i := range fixed {
		fixed[i] = regexp.QuoteMeta(fixed[i])
	}
	return regexp.MustCompile("(?s)" + strings.Join(fixed, ".*"))
}

// A bank that changed its mind fails the audit, and is none of what Galla did.
func TestOracleTellsWhatOthersDid(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.business()
		w.mutate("INSERT INTO withdrawal_answer (withdrawal_id, number, at, source, outcome, rail_id, utr, code, reason, raw) " +
			"SELECT id, 99, decided_at + 1, 'bank', 'failed', '', '', '', '', decode('', 'hex') FROM withdrawal WHERE state = 'paid'")
		if failed, found := w.judged(w.beside()); failed != nil {
			t.Errorf("it is taken for ours: %+v", found)
		}
		if failed, report := w.audited(); !slices.Equal(failed, []string{"W-1"}) || len(report.Stopping) != 0 {
			t.Errorf("the audit finds %v: %+v", failed, report)
		}
	})
}

// BenchmarkOracle is what a check of everything costs on a database of a few hundred rows.
func BenchmarkOracle(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	for i := range 20 {
		number := fmt.Sprintf("4213020382%02d", i)
		w.observe(w.credit(number, "100"))
		w.wantClaim(claimRequest(fmt.Sprintf("b%d", i), fmt.Sprintf("pb%d", i), number, "100"), deposit.Accepted, deposit.ReasonMatched)
	}
	w.business()
	rows := int64(0)
	for _, table := range []string{"claim", "transfer", "evidence", "deposit", "posting", "balance_delta", "transition", "postback", "withdrawal", "audit_log", "ledger_account"} {
		rows += w.count("SELECT count(*) FROM " + table)
	}
	o := oracle.New(w.beside(), "sqlite")
	for b.Loop() {
		found, err := o.Check(context.Background())
		if err != nil || found != nil {
			b.Fatal(found, err)
		}
	}
	b.ReportMetric(float64(rows), "rows")
}

// BenchmarkOracleRecent is what a look at what is new costs: of nothing, and of one credit.
func BenchmarkOracleRecent(b *testing.B) {
	w := newWorld(b, testkit.SQLite(b))
	look := func(recent *oracle.Recent) {
		if found, err := recent.Look(context.Background()); err != nil || found != nil {
			b.Fatal(found, err)
		}
	}
	credits := 0
	credit := func() {
		number := fmt.Sprintf("42130%07d", credits)
		credits++
		w.observe(w.credit(number, "100"))
		w.wantClaim(claimRequest("b"+number, "p"+number, number, "100"), deposit.Accepted, deposit.ReasonMatched)
	}
	for range 1000 {
		credit()
	}
	w.must(w.g.NumberEvents(context.Background()))
	recent := oracle.New(w.beside(), "sqlite").Recent()
	look(recent)
	b.Run("nothing", func(b *testing.B) {
		for b.Loop() {
			look(recent)
		}
	})
	b.Run("credit", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			credit()
			w.must(w.g.NumberEvents(context.Background()))
			b.StartTimer()
			look(recent)
		}
	})
}
