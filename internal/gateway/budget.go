package gateway

import (
	"net/netip"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
)

// TooManyAttempts is what a claim is told when its payer, its order or its address has been wrong too often. Nothing was
// looked up and nothing is stored, so a right number is told the same as a wrong one.
type TooManyAttempts struct {
	Again time.Time // when a claim is looked at again
}

func (*TooManyAttempts) Error() string { return MessageTooManyAttempts }

// budget lets claims through as long as those behind it have been wrong seldom enough. Claims that are being decided
// count as if they were wrong until it is known: so many guesses at once get no further than one after another. One that
// would go beyond waits for them. It belongs to one instance.
type budget struct {
	mu      sync.Mutex
	decided *sync.Cond
	waiting int
	payers  *tallies[payerKey]
	orders  *tallies[orderKey]
	from    *tallies[netip.Addr]
	// spent are the wrong claims that may still turn out to be right, and recent their order in time.
	spent  map[deposit.ClaimID]spending
	recent []deposit.ClaimID
}

// spending is what a claim took of the budgets, and when.
type spending struct {
	attempt
	at time.Time
}

func newBudget() *budget {
	b := &budget{
		payers: newTallies[payerKey](MaxWrongOfPayer, attemptKeys), orders: newTallies[orderKey](MaxWrongOfOrder, attemptKeys),
		from: newTallies[netip.Addr](MaxWrongFrom, attemptKeys), spent: map[deposit.ClaimID]spending{},
	}
	b.decided = sync.NewCond(&b.mu)
	return b
}

// attempt is one claim before the budget.
type attempt struct {
	payer payerKey
	order orderKey
	from  netip.Addr // zero: not through the window
	guess bool       // it has a number that could be somebody's
}

// offers counts the wallets that each address was newly shown.
type offers struct {
	mu   sync.Mutex
	seen *tallies[netip.Addr]
}

func newOffers() *offers { return &offers{seen: newTallies[netip.Addr](MaxNewOffersTo, attemptKeys)} }

// admit counts one more, or tells when to come again. The zero address is not counted.
func (o *offers) admit(from netip.Addr, now time.Time) error {
	if !from.IsValid() {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	from = Household(from)
	if again, full := o.seen.full(from, now); full {
		return &TooManyAttempts{again}
	}
	o.seen.enter(from)
	o.seen.leave(from, true, now)
	return nil
}

// ipv6Network is how much of an IPv6 address names one household: whoever has one address has all of its network.
const ipv6Network = 64

// Household is the address that stands for all of one household or network: an IPv6 address is its whole network.
func Household(from netip.Addr) netip.Addr {
	from = from.Unmap().WithZone("")
	if from.Is6() {
		if network, err := from.Prefix(ipv6Network); err == nil {
			return network.Addr()
		}
	}
	return from
}

func attemptOf(it *claimItem) attempt {
	return attempt{payerKey{it.MerchantID, it.Payer}, orderKey{it.MerchantID, it.OrderID}, Household(it.From), it.number != ""}
}

// enter lets a claim through, or tells when to come again. A guess that was let through must leave. With wait, it waits
// for other claims to be decided where that is needed to know; without, again is nil and ok false.
func (b *budget) enter(a attempt, now func() time.Time, wait bool) (again *TooManyAttempts, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		if again := b.full(a, now()); !again.IsZero() {
			return &TooManyAttempts{again}, false
		}
		if !a.guess {
			return nil, true
		}
		if !b.taken(a) {
			break
		}
		if !wait {
			return nil, false
		}
		b.waiting++
		b.decided.Wait()
		b.waiting--
	}
	b.payers.enter(a.payer)
	if a.from.IsValid() {
		b.orders.enter(a.order)
		b.from.enter(a.from)
	}
	return nil, true
}

// full is when the last of the claim's budgets has room again, zero when all have.
func (b *budget) full(a attempt, now time.Time) (again time.Time) {
	latest := func(at time.Time, full bool) {
		if full && at.After(again) {
			again = at
		}
	}
	latest(b.payers.full(a.payer, now))
	if a.from.IsValid() {
		latest(b.orders.full(a.order, now))
		latest(b.from.full(a.from, now))
	}
	return again
}

func (b *budget) taken(a attempt) bool {
	return b.payers.taken(a.payer) || a.from.IsValid() && (b.orders.taken(a.order) || b.from.taken(a.from))
}

// leave ends what enter began. A wrong claim that is stored under an id may be forgiven later.
func (b *budget) leave(a attempt, id deposit.ClaimID, wrong bool, now time.Time) {
	if !a.guess {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payers.leave(a.payer, wrong, now)
	if a.from.IsValid() {
		b.orders.leave(a.order, wrong, now)
		b.from.leave(a.from, wrong, now)
	}
	if wrong && id != 0 {
		b.remember(id, spending{a, now})
	}
	if b.waiting > 0 {
		b.decided.Broadcast()
	}
}

func (b *budget) remember(id deposit.ClaimID, s spending) {
	b.spent[id] = s
	b.recent = append(b.recent, id)
	for len(b.recent) > attemptKeys || !s.at.Before(b.spent[b.recent[0]].at.Add(attemptWindow)) {
		delete(b.spent, b.recent[0])
		b.recent = b.recent[1:]
	}
}

// forgive gives back what credited claims had taken: they came before their money was seen, and were right.
func (b *budget) forgive(claims []*claimState) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, c := range claims {
		s, ok := b.spent[c.ID]
		if !ok || c.State != deposit.Accepted {
			continue
		}
		delete(b.spent, c.ID) // in recent it stays until its time is over
		b.payers.forgive(s.payer, s.at)
		if s.from.IsValid() {
			b.orders.forgive(s.order, s.at)
			b.from.forgive(s.from, s.at)
		}
	}
}
