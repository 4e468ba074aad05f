// Package wallet holds receiving accounts, the wallets that hang on them, and the choice of the wallet that a payer is
// shown. Pure.
package wallet

import (
	"time"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

// Numbers of stored things.
type (
	ID        int64
	AccountID int64
)

// State of a wallet.
type State string

// The states. Paused and retired wallets are not shown; money that lands on them still counts.
const (
	Active  State = "active"
	Paused  State = "paused"
	Retired State = "retired"
)

// Account is a receiving account: where money lands.
type Account struct {
	ID       AccountID
	Sandbox  bool
	Currency money.Currency
	Rail     method.Rail
	Holder   string
	// Tails are the last digits by which messages name the account; empty: every account of that phone counts.
	Tails []string
}

// Watches reports whether a message about the account with this tail is about a. "" (the message named none) always is.
func (a Account) Watches(tail string) bool {
	if tail == "" || len(a.Tails) == 0 {
		return true
	}
	for _, own := range a.Tails {
		if sameEnd(own, tail) {
			return true
		}
	}
	return false
}

// sameEnd compares as many last digits as both show: banks print three to six of them.
func sameEnd(a, b string) bool {
	n := min(len(a), len(b))
	return n > 0 && a[len(a)-n:] == b[len(b)-n:]
}

// Wallet is an address that payers can pay to.
type Wallet struct {
	ID          ID
	AccountID   AccountID
	Sandbox     bool
	Method      string
	Identifier  string
	AccountType string // bkash, nagad, rocket: agent, personal or merchant
	Currency    money.Currency
	Holder      string
	State       State
	// DailyAmount and DailyCount are limits on observed transfers of the bank's day, 0 for none.
	DailyAmount int64
	DailyCount  int64
	// Merchants that the wallet serves; empty: all of its kind (live or sandbox).
	Merchants []merchant.ID
	CreatedAt time.Time
}

// Serves reports whether the wallet takes money for the merchant.
func (w Wallet) Serves(m merchant.Merchant) bool {
	if w.Sandbox != m.Sandbox {
		return false
	}
	if len(w.Merchants) == 0 {
		return true
	}
	for _, id := range w.Merchants {
		if id == m.ID {
			return true
		}
	}
	return false
}
