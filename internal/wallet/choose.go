package wallet

import (
	"fmt"
	"sort"
)

// Load is what a wallet has taken today (in the bank's day), and how many payers it has.
type Load struct {
	Amount    int64 // minor units
	Transfers int64
	Payers    int64
}

// Candidate is a wallet with its load.
type Candidate struct {
	Wallet Wallet
	Load   Load
}

// Healthy reports whether the wallet can be shown now; the reason says why not.
func (c Candidate) Healthy() (ok bool, reason string) {
	switch w := c.Wallet; {
	case w.State != Active:
		return false, string(w.State)
	case w.DailyAmount > 0 && c.Load.Amount >= w.DailyAmount:
		return false, "daily amount reached"
	case w.DailyCount > 0 && c.Load.Transfers >= w.DailyCount:
		return false, "daily count reached"
	}
	return true, ""
}

// room is how much of its daily limits a wallet has left, in parts per thousand of the tighter limit.
func (c Candidate) room() int64 {
	room := int64(1000)
	if limit := c.Wallet.DailyAmount; limit > 0 {
		room = min(room, (limit-c.Load.Amount)*1000/limit)
	}
	if limit := c.Wallet.DailyCount; limit > 0 {
		room = min(room, (limit-c.Load.Transfers)*1000/limit)
	}
	return room
}

// Choose picks the wallet to show. The current one stays while it is healthy, so that a payer who saved it keeps
// paying to the right place. Else the healthy one with the most room left today, then the fewest payers, then the
// oldest. The reason is kept with the assignment. ok is false when no candidate is healthy; the reason then lists why.
func Choose(candidates []Candidate, current ID) (chosen Wallet, reason string, ok bool) {
	var healthy []Candidate
	refused := "no wallet"
	for _, c := range candidates {
		fine, why := c.Healthy()
		switch {
		case fine && c.Wallet.ID == current:
			return c.Wallet, "sticky", true
		case fine:
			healthy = append(healthy, c)
		default:
			refused += fmt.Sprintf("; wallet %d: %s", c.Wallet.ID, why)
		}
	}
	if len(healthy) == 0 {
		return Wallet{}, refused, false
	}
	sort.Slice(healthy, func(i, j int) bool {
		a, b := healthy[i], healthy[j]
		if ra, rb := a.room(), b.room(); ra != rb {
			return ra > rb
		}
		if a.Load.Payers != b.Load.Payers {
			return a.Load.Payers < b.Load.Payers
		}
		return a.Wallet.ID < b.Wallet.ID
	})
	best := healthy[0]
	return best.Wallet, fmt.Sprintf("room %d‰, payers %d, of %d healthy", best.room(), best.Load.Payers, len(healthy)), true
}
