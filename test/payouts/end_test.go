package payouts

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
)

// ends lists how withdrawals ended, by what became of them at the bank.
func (l *laws) ends() []count {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []count
	for what, n := range l.ended {
		list = append(list, count{what, n})
	}
	slices.SortFunc(list, func(a, b count) int { return strings.Compare(a.what, b.what) })
	return list
}

// checkAtTheEnd holds all books against each other. Nobody moves any more.
func (w *world) checkAtTheEnd(open int) {
	w.t.Helper()
	w.ctx, w.end = context.WithCancel(context.Background())
	if open != 0 {
		w.laws.breaks(lawEnds, "%d withdrawals are open after %d steps: %+v", open, w.steps.Load(), w.rows("state NOT IN ('paid', 'refunded', 'cancelled', 'refused') LIMIT 5"))
	}
	books, rows := w.bankBooks(), w.rows("1 = 1")
	w.compare(books, rows, "")
	w.checkOrders(rows)
	w.checkEnds(books, rows)
	w.checkMoney(books, rows)
	w.checkTold(rows)
	w.audit()
}

// checkOrders finds each withdrawal that a merchant was told is taken on, once.
func (w *world) checkOrders(rows []row) {
	seen := make(map[string]int, len(rows))
	for _, r := range rows {
		seen[r.account]++
		if n, known := w.index[r.account]; !known || w.orders[n].rupees*100 != r.minor || w.orders[n].of.name != r.rail {
			w.laws.breaks(lawMeant, "no merchant asked for %+v", r)
		}
	}
	for _, o := range w.orders {
		if seen[o.account] != 1 {
			w.laws.breaks(lawMeant, "%s of %s is stored %d times", o.id, o.of.name, seen[o.account])
		}
	}
}

// checkEnds finds what is paid there and not here, and counts the rest.
func (w *world) checkEnds(books []line, rows []row) {
	has := make(map[string]line, len(books))
	for _, e := range books {
		has[e.Reference] = e
	}
	ended := map[string]int{}
	for _, r := range rows {
		e, known := has[r.reference]
		if known && e.Amount.Minor != 0 && r.state != "paid" {
			w.laws.breaks(lawPaidHere, "%d is %s, there it is paid: %+v", r.id, r.state, e.PayoutEntry)
		}
		life := string(w.bank(r.rail).life(r.reference))
		switch {
		case !known:
			life = "never at the bank"
		case life == "":
			life = "paid"
		}
		ended["ended as "+r.state+", at the bank: "+life]++
	}
	w.laws.mu.Lock()
	w.laws.ended = ended
	w.laws.mu.Unlock()
}

// checkMoney accounts for every paisa: what the merchants had is what they have and what is paid out, and what is paid out is
// what the banks paid, with what they took back after it was told.
func (w *world) checkMoney(books []line, rows []row) {
	has := make(map[string]line, len(books))
	var atBanks int64
	for _, e := range books {
		has[e.Reference] = e
		atBanks += e.Amount.Minor
	}
	paid := map[int64]int64{} // by merchant
	var total int64
	for _, r := range rows {
		if r.state != "paid" {
			continue
		}
		paid[w.bank(r.rail).merchant] += r.minor
		total += r.minor
		if e := has[r.reference]; e.Returns > 0 {
			atBanks += r.minor
		}
	}
	if total != atBanks {
		w.laws.breaks(lawMoney, "%d paise are paid out here, %d at the banks", total, atBanks)
	}
	s, g := w.openGateway(store.Existing)
	defer func() { w.must(s.Close()) }()
	defer g.Close()
	balances, err := s.Read().ListBalances(w.ctx)
	w.must(err)
	for _, b := range balances {
		want, kept := int64(0), true
		switch b.Kind {
		case "merchant":
			want = topUp*100 - paid[b.OwnerID]
		case "reserved":
		case "paid_out":
			want = paid[b.OwnerID]
		default:
			kept = false
		}
		if kept && b.Balance != want {
			w.laws.breaks(lawMoney, "%s of merchant %d has %d paise, want %d", b.Kind, b.OwnerID, b.Balance, want)
		}
	}
}

// checkTold finds one postback for each withdrawal, which says how it ended.
func (w *world) checkTold(rows []row) {
	w.t.Helper()
	found, err := w.books.QueryContext(w.ctx, "SELECT id, subject_id, body, packed FROM postback WHERE kind = 'withdrawal'")
	w.must(err)
	defer func() { _ = found.Close() }() // it was read to its end
	told := map[int64][]int{}
	for found.Next() {
		var postbackID, id int64
		var plain string
		var packed []byte
		w.must(found.Scan(&postbackID, &id, &plain, &packed))
		text, err := postback.StoredBody(postbackID, plain, packed)
		w.must(err)
		var body struct {
			Data []struct {
				Status int `json:"withdrawal_status"`
			} `json:"additional_data"`
		}
		w.must(json.Unmarshal(text, &body))
		for _, data := range body.Data {
			told[id] = append(told[id], data.Status)
		}
	}
	w.must(found.Err())
	for _, r := range rows {
		want := galla.WithdrawalFailed
		if r.state == "paid" {
			want = galla.WithdrawalPaid
		}
		if !slices.Equal(told[r.id], []int{want}) {
			w.laws.breaks(lawTold, "%d is %s, its merchant was told %v, want %d", r.id, r.state, told[r.id], want)
		}
	}
	if len(told) != len(rows) {
		w.laws.breaks(lawTold, "there are postbacks for %d withdrawals, of %d", len(told), len(rows))
	}
}

// audit is what `galla audit` and `galla audit verify` do.
func (w *world) audit() {
	w.t.Helper()
	s, err := store.Open(w.ctx, w.database, store.Existing, store.Options{})
	w.must(err)
	defer func() { w.must(s.Close()) }()
	report, err := gateway.Audit(w.ctx, s, oracle.Options{Hashes: gateway.AuditHashes(w.keys)})
	w.must(err)
	for _, check := range report.Checks {
		for _, example := range check.Examples {
			w.laws.breaks(lawAudit, "%s: %s", check.ID, example)
		}
	}
}
