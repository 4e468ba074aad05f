package payouts

import (
	"fmt"
	"sync"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/sim"
)

// law is one thing that must hold.
type law string

// The laws.
const (
	lawOnce      law = "no account is credited twice"
	lawMeant     law = "the bank has only what the gateway means"
	lawIntent    law = "the bank hears of nothing before it is stored"
	lawRefund    law = "what is paid isn't given back"
	lawPaidHere  law = "what is paid there is paid here"
	lawPaidThere law = "what is paid here was paid there"
	lawEnds      law = "everything ends"
	lawMoney     law = "all money is accounted for"
	lawTold      law = "each end is told once"
	lawAudit     law = "the audit is clean"
	lawForged    law = "who is no provider is not heard, and who is one is"
	lawRuns      law = "the gateway works"
)

// mostBroken bounds what is told.
const mostBroken = 20

type violation struct {
	law  law
	what string
}

// laws are what was broken.
type laws struct {
	mu    sync.Mutex
	list  []violation
	ended map[string]int // withdrawals by their last state and by their life
}

func (l *laws) breaks(of law, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.list) < mostBroken {
		l.list = append(l.list, violation{of, fmt.Sprintf(format, args...)})
	}
}

func (l *laws) any() bool { return len(l.broken()) > 0 }

func (l *laws) broken() []violation {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]violation(nil), l.list...)
}

// row is a withdrawal in the gateway's database.
type row struct {
	id                              int64
	reference, state, account, rail string
	minor                           int64
}

func (r row) back() bool {
	return r.state == "refunded" || r.state == "cancelled" || r.state == "refused"
}

// rows reads withdrawals. The condition is the campaign's own.
func (w *world) rows(condition string, args ...any) []row {
	found, err := w.books.QueryContext(w.ctx, "SELECT id, reference, state, account_number, rail, amount FROM withdrawal WHERE "+condition, args...)
	if err != nil {
		w.cannotRead(err)
		return nil
	}
	defer func() { _ = found.Close() }() // it was read to its end
	var list []row
	for found.Next() {
		var r row
		if err := found.Scan(&r.id, &r.reference, &r.state, &r.account, &r.rail, &r.minor); err != nil {
			w.cannotRead(err)
			return nil
		}
		list = append(list, r)
	}
	if err := found.Err(); err != nil {
		w.cannotRead(err)
		return nil
	}
	return list
}

func (w *world) cannotRead(err error) {
	if w.ctx.Err() == nil {
		w.laws.breaks(lawRuns, "the database can't be read: %v", err)
	}
}

// open is how many withdrawals haven't ended.
func (w *world) open() int {
	var n int
	err := w.books.QueryRowContext(w.ctx, "SELECT count(*) FROM withdrawal WHERE state NOT IN ('paid', 'refunded', 'cancelled', 'refused')").Scan(&n)
	if err != nil {
		w.cannotRead(err)
	}
	return n
}

// checkOnTheWay compares the books after a crash, so that what is wrong is found near its cause. What had ended at the last look
// waits for the end of the campaign, unless it is credited anew.
func (w *world) checkOnTheWay() {
	w.checking.Lock()
	defer w.checking.Unlock()
	// The banks are read first: of what they have, the database already had the intent.
	books := w.bankBooks()
	rows := w.rows("id > $1 ORDER BY id", w.checked)
	if w.ctx.Err() != nil {
		return
	}
	w.compare(books, rows, payout.Reference(w.checked))
	for _, r := range rows {
		if !r.back() && r.state != "paid" {
			break
		}
		w.checked = r.id
	}
}

// line is a line of a bank's book.
type line struct {
	sim.PayoutEntry
	of *bank
}

func (w *world) bankBooks() []line {
	var all []line
	for _, b := range w.banks {
		for _, e := range b.book.All() {
			all = append(all, line{e, b})
		}
	}
	return all
}

// compare holds the banks' books against the database, as far as they are about references behind one.
func (w *world) compare(books []line, rows []row, behind string) {
	byReference := make(map[string]row, len(rows))
	for _, r := range rows {
		byReference[r.reference] = r
	}
	credits := map[string]int{}
	for _, e := range books {
		if credits[e.Account] += e.Credits; credits[e.Account] > 1 {
			w.laws.breaks(lawOnce, "account %s was credited %d times, at last by %s of %s: %+v", e.Account, credits[e.Account], e.Reference, e.of.name, e.PayoutEntry)
		}
		r, known := byReference[e.Reference]
		switch {
		case e.Reference <= behind:
			continue
		case !known:
			w.laws.breaks(lawMeant, "%s has %s, which the gateway doesn't know: %+v", e.of.name, e.Reference, e.PayoutEntry)
			continue
		case r.account != e.Account || r.rail != e.of.name || e.Amount.Minor != 0 && e.Amount.Minor != r.minor:
			w.laws.breaks(lawMeant, "%s has %+v, which the gateway has as %+v", e.of.name, e.PayoutEntry, r)
		case r.state == "created" || r.state == "approved":
			w.laws.breaks(lawIntent, "%s has %s, which is %s here", e.of.name, e.Reference, r.state)
		case r.back() && e.Amount.Minor != 0:
			// What the book says was read before: the bank may have taken it back since.
			if now, _ := e.of.book.Entry(e.Reference); now.Amount.Minor != 0 {
				w.laws.breaks(lawRefund, "%d is %s, and paid there: %+v, life %q", r.id, r.state, now, e.of.life(r.reference))
			}
		}
	}
	for _, r := range rows {
		if r.state != "paid" {
			continue
		}
		if now, _ := w.bank(r.rail).book.Entry(r.reference); now.Credits == 0 {
			w.laws.breaks(lawPaidThere, "%d is paid, there it is %+v", r.id, now)
		}
	}
}
