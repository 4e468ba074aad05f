package gateway

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/testkit"
)

// heldBooks are what an honest world has to say of w.business.
func (w *world) heldBooks() (told oracle.Told, seen oracle.Seen) {
	w.t.Helper()
	told.Claims = []oracle.ToldClaim{
		{Merchant: 1, OrderID: "o1", Number: "321302038123", Amount: 500_00, Answer: "ok"},
		{Merchant: 1, OrderID: "o2", Number: "321302038124", Amount: 250_00, Answer: "pending"},
		{Merchant: 1, OrderID: "o3", Number: "321302038999", Amount: 10_00, Answer: "possible"},
		{Merchant: 1, OrderID: "o3", Number: "321302038125", Answer: "ok"}, // whatever came
		{Merchant: 1, OrderID: "o1", Number: "321302038777", Amount: 1_00, Answer: "fail"},
		{Merchant: 1, OrderID: "lost", Number: "321302038777", Amount: 1_00},
	}
	told.Evidence = []oracle.ToldEvidence{
		{Source: 1, Number: "321302038123", Amount: 500_00, Answer: "created"},
		{Source: 1, Number: "321302038123", Amount: 500_00, Answer: "duplicate"},
		{Source: 1, Number: "321302038126", Amount: 91_00, Answer: "refused"},
		{Source: 1, Answer: "unparsed"},
	}
	told.Withdrawals = []oracle.ToldWithdrawal{{Merchant: 1, WithdrawalID: "w-1", Amount: 100_00, Answer: "ok"}, {Merchant: 1, WithdrawalID: "w-9", Amount: 1, Answer: "fail"}}
	for _, number := range []string{"321302038123 50000", "321302038124 25050", "321302038125 10000", "321302038126 9000"} {
		t := oracle.SeenTransfer{Account: 1, Currency: "INR"}
		_, err := fmt.Sscan(number, &t.Number, &t.Amount)
		w.must(err)
		seen.Transfers = append(seen.Transfers, t)
	}
	p := oracle.SeenPayout{Amount: 100_00, Credits: 1}
	w.must(w.beside().QueryRow("SELECT reference, account_number FROM withdrawal WHERE withdrawal_id = 'w-1'").Scan(&p.Reference, &p.Account))
	seen.Payouts = []oracle.SeenPayout{p}
	rows, err := w.beside().Query("SELECT id, merchant_id, webhook_id, body, packed FROM postback ORDER BY id")
	w.must(err)
	defer rows.Close()
	for rows.Next() {
		p := oracle.SeenPostback{Verified: true, Acknowledged: true}
		var id int64
		var plain string
		var packed []byte
		w.must(rows.Scan(&id, &p.Merchant, &p.WebhookID, &plain, &packed))
		body, err := postback.StoredBody(id, plain, packed)
		w.must(err)
		p.Body = string(body)
		seen.Postbacks = append(seen.Postbacks, p)
	}
	w.must(rows.Err())
	seen.Postbacks = append(seen.Postbacks, oracle.SeenPostback{Merchant: 1, WebhookID: SampleWebhookID + "1", Body: "{}", Verified: true})
	return told, seen
}

// Books that agree with the database say nothing, and each lie is seen for what it is.
func TestOracleCompares(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.business()
		o := oracle.New(w.beside(), string(w.g.store.Engine()))
		compare := func(name string, want []string, change func(*oracle.Told, *oracle.Seen)) {
			t.Helper()
			told, seen := w.heldBooks()
			change(&told, &seen)
			found, err := o.Compare(context.Background(), told, seen)
			w.must(err)
			if got := invariants(found); !slices.Equal(got, want) {
				w.t.Errorf("%s: found %v, want %v: %+v", name, got, want, found)
			}
		}
		compare("honest books", nil, func(*oracle.Told, *oracle.Seen) {})
		compare("no books", nil, func(told *oracle.Told, seen *oracle.Seen) { *told, *seen = oracle.Told{}, oracle.Seen{} })
		for _, lie := range []struct {
			name, invariant string
			change          func(*oracle.Told, *oracle.Seen)
		}{
			{"ok without a credit", "C-4", func(told *oracle.Told, _ *oracle.Seen) { told.Claims[1].Answer = "ok" }},
			{"ok of another merchant", "C-4", func(told *oracle.Told, _ *oracle.Seen) { told.Claims[0].Merchant = 2 }},
			{"ok of another number", "C-4", func(told *oracle.Told, _ *oracle.Seen) { told.Claims[0].Number = "321302038124" }},
			{"ok of another amount", "C-4", func(told *oracle.Told, _ *oracle.Seen) { told.Claims[0].Amount++ }},
			{"fail, and credited", "C-4", func(told *oracle.Told, _ *oracle.Seen) { told.Claims[0].Answer = "fail" }},
			{"created and not kept", "E-1", func(told *oracle.Told, _ *oracle.Seen) { told.Evidence[0].Source = 2 }},
			{"created twice", "E-1", func(told *oracle.Told, _ *oracle.Seen) { told.Evidence[1].Answer = "created" }},
			{"known and unknown", "E-1", func(told *oracle.Told, _ *oracle.Seen) { told.Evidence[1].Number = "321302038000" }},
			{"a withdrawal that isn't there", "W-7", func(told *oracle.Told, _ *oracle.Seen) { told.Withdrawals[1].Answer = "ok" }},
			{"a withdrawal of another amount", "W-7", func(told *oracle.Told, _ *oracle.Seen) { told.Withdrawals[0].Amount++ }},
			{"a refused withdrawal that is there", "W-7", func(told *oracle.Told, _ *oracle.Seen) { told.Withdrawals[0].Answer = "fail" }},
			{"money that never came", "M-4", func(_ *oracle.Told, seen *oracle.Seen) { seen.Transfers = seen.Transfers[1:] }},
			{"another account", "M-4", func(_ *oracle.Told, seen *oracle.Seen) { seen.Transfers[0].Account = 2 }},
			{"another amount came", "M-4", func(_ *oracle.Told, seen *oracle.Seen) { seen.Transfers[0].Amount-- }},
			{"nothing ever came", "M-4", func(_ *oracle.Told, seen *oracle.Seen) { seen.Transfers = []oracle.SeenTransfer{} }},
			{"paid twice", "W-1", func(_ *oracle.Told, seen *oracle.Seen) { seen.Payouts[0].Credits = 2 }},
			{"paid at two banks", "W-1", func(_ *oracle.Told, seen *oracle.Seen) { seen.Payouts = append(seen.Payouts, seen.Payouts[0]) }},
			{"paid to somebody else", "W-1", func(_ *oracle.Told, seen *oracle.Seen) { seen.Payouts[0].Account = "999999999999" }},
			{"paid another amount", "W-1", func(_ *oracle.Told, seen *oracle.Seen) { seen.Payouts[0].Amount++ }},
			{"a payout that nobody ordered", "W-5", func(_ *oracle.Told, seen *oracle.Seen) { seen.Payouts[0].Reference = "GL99999999999999" }},
			{"a wrong signature", "P-3", func(_ *oracle.Told, seen *oracle.Seen) { seen.Postbacks[0].Verified = false }},
			{"another body", "P-3", func(_ *oracle.Told, seen *oracle.Seen) { seen.Postbacks[0].Body += " " }},
			{"a postback of nothing", "P-1", func(_ *oracle.Told, seen *oracle.Seen) { seen.Postbacks[0].WebhookID = "msg_x" }},
			{"somebody else's postback", "I-1", func(_ *oracle.Told, seen *oracle.Seen) { seen.Postbacks[0].Merchant = 2 }},
		} {
			compare(lie.name, []string{lie.invariant}, lie.change)
		}
		w.mutate("UPDATE withdrawal SET state = 'refunded' WHERE state = 'paid'")
		compare("paid and given back", []string{"W-1"}, func(*oracle.Told, *oracle.Seen) {})
		w.mutate("UPDATE withdrawal SET state = 'approved', submitted_at = NULL WHERE state = 'refunded'")
		compare("a bank that wasn't told", []string{"W-5"}, func(*oracle.Told, *oracle.Seen) {})
	})
}

// What is new is looked at as it comes, also where its ids are far below those that were there before.
func TestOracleLooksAtWhatIsNew(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.business()
		recent := oracle.New(w.beside(), string(w.g.store.Engine())).Recent()
		look := func(name string, want ...string) {
			t.Helper()
			found, err := recent.Look(ctx)
			w.must(err)
			if got := invariants(found); !slices.Equal(got, want) {
				w.t.Errorf("%s: found %v, want %v: %+v", name, got, want, found)
			}
		}
		look("sound books")
		credit := func(number string) {
			w.observe(w.credit(number, "50"))
			r := w.wantClaim(claimRequest("n"+number, "p9", number, "50"), deposit.Held, deposit.ReasonDisputed)
			_, err := w.g.ResolveClaim(ctx, r.ClaimID, true, "meena", "a test")
			w.must(err)
		}
		credit("321302039001")
		look("a credit")
		credit("321302039002")
		w.mutate("UPDATE deposit SET amount = amount + 1 WHERE id = (SELECT max(id) FROM deposit)")
		look("a credit of another amount", "M-4", "P-1")
		look("what was told of before")
		w.mutate("UPDATE deposit SET amount = amount - 1 WHERE id = (SELECT max(id) FROM deposit)")
		credit("321302039005")
		body := w.bodies("id = (SELECT max(id) FROM postback)")[0]
		for name, packed := range map[string][]byte{
			"a postback of another amount": postback.Pack([]byte(strings.Replace(body, `"amount":50`, `"amount":5`, 1))), "a damaged body": {1, 2, 3, 4, 5, 6},
		} {
			repack := func(packed []byte) {
				_, err := w.beside().Exec(w.g.store.Rewrite("UPDATE postback SET packed = $1 WHERE id = (SELECT max(id) FROM postback)"), packed)
				w.must(err)
			}
			repack(packed)
			recent = oracle.New(w.beside(), string(w.g.store.Engine())).Recent()
			look(name, "P-1")
			repack(postback.Pack([]byte(body)))
		}
		// Another instance draws ids far above those that come here afterwards.
		w.mutate("UPDATE id_counter SET next_id = next_id + 5000000")
		here, there := w.g, w.instance()
		w.g = there
		credit("321302039003")
		for look("a credit with high ids"); recent.Behind(); look("the rest") {
		}
		w.g = here
		credit("321302039004")
		w.mutate("UPDATE transfer SET amount = amount + 1 WHERE id = (SELECT transfer_id FROM deposit WHERE id = (SELECT max(id) FROM deposit WHERE id < 1000000))")
		w.must(w.g.NumberEvents(ctx))
		look("a credit with a low id", "M-4")
	})
}

// Over 20,000 ids the audit takes several ranges, and leaps over gaps.
func TestAuditLeapsOverGaps(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		w.mutate("UPDATE id_counter SET next_id = next_id + 30000000")
		w.g = w.instance()
		w.observe(w.credit("321302038123", "500"))
		w.wantClaim(claimRequest("o1", "p1", "321302038123", "500"), deposit.Accepted, deposit.ReasonMatched)
		w.wantClean()
		w.mutate("UPDATE transfer SET amount = amount + 1")
		if failed, _ := w.audited(); !slices.Equal(failed, []string{"M-4", "books"}) {
			t.Errorf("failed %v", failed)
		}
	})
}
