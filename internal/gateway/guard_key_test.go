package gateway

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/withdrawal"
)

// copyRow inserts a copy of a row with some columns changed (column → SQL), or tells why the database refuses it.
func (w *world) copyRow(table, where string, changed map[string]string) error {
	w.t.Helper()
	rows, err := w.g.store.ReadPool().Query("SELECT * FROM " + table + " WHERE false")
	w.must(err)
	columns, err := rows.Columns()
	w.must(err)
	w.must(rows.Close())
	values := make([]string, len(columns))
	for i, column := range columns {
		if values[i] = changed[column]; values[i] == "" {
			values[i] = column
		}
	}
	return w.tryExec("INSERT INTO " + table + " (" + strings.Join(columns, ", ") + ") SELECT " + strings.Join(values, ", ") + " FROM " + table + " WHERE " + where)
}

// Keys that stand behind what the code looks up first. The code alone is enough as long as nobody else writes, so no other test
// shows that one of them is gone.
func TestGuardUniqueKeys(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.observe(w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("a", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		for _, test := range []struct {
			table, what string
			same, other map[string]string // what is refused, and what differs in the key and is taken
		}{
			{"claim", "a second current claim of one order", map[string]string{"id": "id + 1000"}, map[string]string{"id": "id + 1000", "order_id": "'b'"}},
			{"transfer", "a second transfer of one number", map[string]string{"id": "id + 1000"}, map[string]string{"id": "id + 1000", "reference_id": "999"}},
			{"evidence", "the same evidence twice", map[string]string{"id": "id + 1000"},
				map[string]string{"id": "id + 1000", "fingerprint": w.g.store.Rewrite("decode('" + strings.Repeat("ab", 32) + "', 'hex')")}},
			{"postback", "a second postback of one credit", map[string]string{"id": "id + 1000", "webhook_id": "'msg_b'"},
				map[string]string{"id": "id + 1000", "webhook_id": "'msg_b'", "subject_id": "999"}},
		} {
			if err := w.copyRow(test.table, "1 = 1", test.same); err == nil {
				w.t.Errorf("the database takes %s", test.what)
			}
			if err := w.copyRow(test.table, "1 = 1", test.other); err != nil {
				w.t.Errorf("%s: the copy that differs is refused: %v", test.table, err)
			}
		}
	})
}

func TestDatabaseGuardsFiles(t *testing.T) {
	fileWorld(t, func(w *world, by, _ Operator, ids []withdrawal.ID) {
		w.export(by, 1)
		if err := w.copyRow("payout_batch_item", "1 = 1", map[string]string{"place": "place + 7"}); err == nil {
			w.t.Error("the database takes a payout in two places")
		}
		if err := w.copyRow("payout_batch_item", "1 = 1", map[string]string{"place": "place + 7", "withdrawal_id": fmt.Sprint(int64(ids[2]))}); err != nil {
			w.t.Error("another payout in the same file:", err)
		}
		w.mutate("DELETE FROM payout_batch_item WHERE place > 1")
	})
}

// Who lost its lease meanwhile, or whose approvals are gone, moves nothing, whatever it had loaded.
func TestGuardWithdrawalLease(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		for _, test := range []struct {
			from  withdrawal.State
			lease int64
			moved int64
		}{{withdrawal.Submitted, p.Lease, 1}, {withdrawal.Submitted, p.Lease + 1, 0}, {withdrawal.Submitted, 0, 0}, {withdrawal.Unknown, p.Lease, 0}} {
			var moved int64
			_ = w.try(func(ctx context.Context, q *store.Queries) (err error) {
				row, err := q.LockWithdrawal(ctx, int64(id))
				if err != nil {
					return err
				}
				moved, err = q.MoveWithdrawal(ctx, store.MoveWithdrawalParams{
					State: string(withdrawal.Unknown), SubmittedAt: row.SubmittedAt, ID: row.ID, FromState: string(test.from), FromLease: test.lease,
				})
				return err
			})
			if moved != test.moved {
				w.t.Errorf("from %s under lease %d: %d moved, want %d", test.from, test.lease, moved, test.moved)
			}
		}
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
	})
}

// Keys and checks on withdrawals that need two rows to show.
func TestDatabaseGuardsWithdrawalRows(t *testing.T) {
	railWorld(t, func(w *world, id withdrawal.ID) {
		p := w.begin(id, true)
		w.answer(id, p.Lease, payout.Answer{Outcome: payout.Paid, UTR: "412345678901"}, withdrawal.Paid)
		digest := w.g.store.Rewrite("decode('" + strings.Repeat("ab", 32) + "', 'hex')")
		another := map[string]string{"id": "id + 1000", "withdrawal_id": "'another'", "signed_digest": digest, "reference": "'ANOTHER'", "utr": "utr", "test": "1"}
		if err := w.copyRow("withdrawal", "1 = 1", another); err == nil {
			w.t.Error("the database takes one number of the bank as the proof of two withdrawals")
		}
		maker, _ := w.people()
		another["utr"], another["created_by"] = "'412345678902'", fmt.Sprint(maker.ID)
		w.must(w.copyRow("withdrawal", "1 = 1", another))
		own := map[string]string{"withdrawal_id": "withdrawal_id + 1000", "created_by": fmt.Sprint(maker.ID)}
		if err := w.copyRow("withdrawal_approval", "1 = 1", own); err == nil {
			w.t.Error("the database takes an approval by who asked")
		}
		w.mutate("DELETE FROM withdrawal WHERE id > 1000")
	})
}

// The sender hears of a postback when it is stored, and not before: what it was told of and is rolled back would be sent.
func TestNoPostbackBeforeItsCommit(t *testing.T) {
	eachWorld(t, func(w *world) {
		var mu sync.Mutex
		var told []Postback
		g, end := w.open(Options{Now: w.clock.Now, LeaseNow: w.clock.Now, OnPostback: func(list []Postback) {
			for _, p := range list {
				if stored := w.count("SELECT count(*) FROM postback WHERE id = $1", p.ID); stored != 1 {
					w.t.Errorf("postback %d is told of and not stored", p.ID)
				}
			}
			mu.Lock()
			defer mu.Unlock()
			told = append(told, list...)
		}})
		defer end()
		w.observe(w.credit("321302038123", "500"))
		results, err := g.Activate(context.Background(), []ClaimRequest{claimRequest("a", "p1", "321302038123", "500")})
		if err != nil || results[0].State != deposit.Accepted {
			w.t.Fatal(results, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if len(told) != 1 {
			w.t.Errorf("told of %d postbacks, want 1", len(told))
		}
	})
}

// What one merchant did is nothing to another (invariant I-1).
func TestMerchantsDontMeet(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.policy(shop, func(p *merchant.Policy) { p.DailyAmount = 500_00 })
		theirs := w.credit("321302038124", "500")
		theirs.AccountID = deposit.AccountID(other)
		w.observe(w.credit("321302038123", "500"), theirs)
		foreign := claimRequest("same", "p2", "321302038124", "500")
		foreign.MerchantID = other
		w.wantClaim(foreign, deposit.Accepted, deposit.ReasonMatched)
		w.wantClaim(claimRequest("same", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched) // the other's deposit uses up no limit
		for id, payer := range map[merchant.ID]string{shop: "p1", other: "p2"} {
			truth, found, err := w.g.Order(ctx, id, "same")
			if err != nil || !found || truth.Payer != payer {
				w.t.Errorf("order of merchant %d: %+v, %t, %v", id, truth, found, err)
			}
			w.number(w.g)
			if events := w.feed(id, 0, 10); len(events) != 1 || !strings.Contains(string(events[0].Body), payer) {
				w.t.Errorf("merchant %d reads %d events", id, len(events))
			}
		}
		if _, found, err := w.g.Order(ctx, 3, "same"); found || err != nil {
			w.t.Errorf("an order of nobody is found: %v", err)
		}
	})
}

// The same number and amount on another account is no confirmation.
func TestEvidenceOfAnotherAccount(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.wantEvidence(w.credit("321302038123", "500"), EvidenceCreated, "")
		elsewhere := w.credit("321302038123", "500")
		elsewhere.AccountID = 2
		w.wantEvidence(elsewhere, EvidenceRefused, reasonConflict)
		w.want("quarantined", w.count("SELECT count(*) FROM transfer WHERE state = 'quarantined'"), 1)
	})
}
