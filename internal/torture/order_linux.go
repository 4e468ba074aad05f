package torture

import (
	"context"
	"fmt"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/money"
)

// The wallet that everybody pays to, and who pays.
var (
	account = sim.Account{Identifier: "6234234234", Bank: sim.HDFC, Tail: "2536"}
	payer   = sim.Person{Name: "ASHA RAO", VPA: "asha@ybl"}
)

// withdrawals is how often, in percent, a worker asks for one and not for an order.
const withdrawals = 20

// How often, in percent of the orders, something happens.
const (
	claimsFirst   = 50 // the claim comes before the money is seen
	mistypes      = 10 // a wrong number is claimed first, corrected later
	neverPays     = 4  // a number that no money has
	neverClaims   = 4  // money that nobody claims
	claimsTwice   = 30 // somebody else's order has the same number
	byMessage     = 30 // a phone reports the money
	byBoth        = 15 // a provider, too
	reportedTwice = 15
)

// order begins the next payment: its money has moved at the bank, or never will.
func (l *load) order() *order {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := int64(l.random.IntN(90000)) + 1000
	amount := money.Money{Minor: n, Currency: money.INR}
	t, err := l.bank.Pay(payer, account.Identifier, amount, 0)
	if err != nil {
		panic("torture: " + err.Error()) // the account is open and the amount above zero
	}
	l.serial++
	return &order{
		id: fmt.Sprintf("order-%d", l.serial), number: t.Number, amount: n, text: amount.Text(), at: t.At, sms: l.message,
	}
}

// bring takes an order through its life.
func (l *load) bring(ctx context.Context, o *order) {
	if l.chance(neverPays) {
		if status, ok := l.activate(ctx, o, o.id, o.number); ok && status != "possible" {
			l.w.wrong("order %s, whose money never moved, was told %q", o.id, status)
		}
		return
	}
	l.w.book.came(oracle.SeenTransfer{Account: accountID, Number: o.number, Amount: o.amount, Currency: string(money.INR)})
	if l.chance(mistypes) {
		if status, ok := l.activate(ctx, o, o.id, l.bank.Mistype(o.number)); !ok || status == "ok" {
			return // somebody else's number, by chance: the money is theirs, and this order ends here
		}
	}
	if l.chance(claimsFirst) {
		if status, ok := l.activate(ctx, o, o.id, o.number); !ok {
			return
		} else if status != "possible" && status != "ok" {
			l.w.wrong("order %s was told %q before its money was seen", o.id, status)
		}
	}
	if !l.see(ctx, o) || l.chance(neverClaims) {
		return
	}
	status, ok := l.activate(ctx, o, o.id, o.number)
	if !ok {
		return
	}
	if status != "ok" {
		l.w.wrong("order %s was told %q with its money seen", o.id, status)
		return
	}
	l.credit(o)
	if l.chance(claimsTwice) {
		if status, ok := l.activate(ctx, o, "second-"+o.id, o.number); ok && status != "fail" {
			l.w.wrong("a second order on number %s was told %q", o.number, status)
		}
	}
}

// see reports an order's money, by whom and how often chance says, some other reports with it.
func (l *load) see(ctx context.Context, o *order) bool {
	message := l.chance(byMessage)
	ways := []bool{message}
	if l.chance(byBoth) {
		ways = append(ways, !message)
	}
	if l.chance(reportedTwice) {
		ways = append(ways, message)
	}
	for _, way := range ways {
		mine := item{o, way}
		if _, ok := l.report(ctx, way, append([]item{mine}, l.older(way)...)...); !ok {
			return false
		}
		l.mu.Lock()
		l.items = append(l.items, mine)
		l.mu.Unlock()
	}
	return true
}

// credit remembers what was acknowledged.
func (l *load) credit(o *order) {
	l.w.payouts.earn(o.amount)
	l.mu.Lock()
	defer l.mu.Unlock()
	o.credited = true
	l.done, l.recent = append(l.done, o), append(l.recent, o)
}

// credited are the ids of all orders that were told ok.
func (l *load) credited() (ids []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, o := range l.done {
		ids = append(ids, o.id)
	}
	return ids
}
