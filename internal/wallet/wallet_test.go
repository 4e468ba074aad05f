package wallet

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/merchant"
)

func candidate(id ID, change ...func(*Candidate)) Candidate {
	c := Candidate{Wallet: Wallet{ID: id, State: Active}}
	for _, f := range change {
		f(&c)
	}
	return c
}

func state(s State) func(*Candidate)  { return func(c *Candidate) { c.Wallet.State = s } }
func payers(n int64) func(*Candidate) { return func(c *Candidate) { c.Load.Payers = n } }
func amount(taken, limit int64) func(*Candidate) {
	return func(c *Candidate) { c.Load.Amount, c.Wallet.DailyAmount = taken, limit }
}
func count(taken, limit int64) func(*Candidate) {
	return func(c *Candidate) { c.Load.Transfers, c.Wallet.DailyCount = taken, limit }
}

func TestChoose(t *testing.T) {
	for _, test := range []struct {
		name    string
		list    []Candidate
		current ID
		want    ID // 0: none
		reason  string
	}{
		{"none", nil, 0, 0, "no wallet"},
		{"the only one", []Candidate{candidate(1)}, 0, 1, "of 1 healthy"},
		{"the oldest of equals", []Candidate{candidate(2), candidate(1)}, 0, 1, "of 2 healthy"},
		{"the one with fewer payers", []Candidate{candidate(1, payers(2)), candidate(2, payers(1))}, 0, 2, "payers 1"},
		{"room before payers", []Candidate{candidate(1, amount(50, 100)), candidate(2, payers(9))}, 0, 2, "room 1000"},
		{"the tighter limit counts", []Candidate{candidate(1, amount(10, 100), count(9, 10)), candidate(2, amount(80, 100))}, 0, 2, "room 200"},
		{"sticky, though another is better", []Candidate{candidate(1), candidate(2, payers(9), amount(99, 100))}, 2, 2, "sticky"},
		{"sticky no more when paused", []Candidate{candidate(1), candidate(2, state(Paused))}, 2, 1, "of 1 healthy"},
		{"sticky no more when retired", []Candidate{candidate(1), candidate(2, state(Retired))}, 2, 1, "of 1 healthy"},
		{"sticky no more when full", []Candidate{candidate(1), candidate(2, amount(100, 100))}, 2, 1, "of 1 healthy"},
		{"the amount reached exactly", []Candidate{candidate(1, amount(100, 100))}, 0, 0, "wallet 1: daily amount reached"},
		{"the count reached", []Candidate{candidate(1, count(3, 3)), candidate(2, state(Paused))}, 0, 0, "wallet 1: daily count reached; wallet 2: paused"},
		{"a paisa below the limit", []Candidate{candidate(1, amount(99, 100))}, 0, 1, "room 10"},
		{"a current one that is gone", []Candidate{candidate(1)}, 5, 1, "of 1 healthy"},
	} {
		w, reason, ok := Choose(test.list, test.current)
		if w.ID != test.want || ok != (test.want != 0) || !strings.Contains(reason, test.reason) {
			t.Errorf("%s: wallet %d, %q, %t; want %d, %q", test.name, w.ID, reason, ok, test.want, test.reason)
		}
	}
}

// Whatever the loads: a healthy wallet is found when there is one, never a sick one, and order doesn't matter.
func TestChooseIsHealthyAndOrderless(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []Candidate
		for id := range rapid.IntRange(0, 6).Draw(t, "wallets") {
			list = append(list, candidate(ID(id+1),
				state(rapid.SampledFrom([]State{Active, Active, Paused, Retired}).Draw(t, "state")),
				payers(rapid.Int64Range(0, 2).Draw(t, "payers")),
				amount(rapid.Int64Range(0, 12).Draw(t, "amount"), rapid.SampledFrom([]int64{0, 10}).Draw(t, "limit")),
				count(rapid.Int64Range(0, 3).Draw(t, "count"), rapid.SampledFrom([]int64{0, 2}).Draw(t, "count limit"))))
		}
		current := ID(rapid.IntRange(0, 6).Draw(t, "current"))
		healthy := 0
		for _, c := range list {
			if ok, why := c.Healthy(); ok {
				healthy++
			} else if why == "" {
				t.Fatal("sick without a reason")
			}
		}
		w, reason, ok := Choose(list, current)
		if ok != (healthy > 0) || reason == "" {
			t.Fatalf("%d healthy, found %t (%q)", healthy, ok, reason)
		}
		for _, c := range list {
			if c.Wallet.ID == w.ID {
				if fine, why := c.Healthy(); !fine {
					t.Fatalf("chose a wallet that is %s", why)
				}
			}
		}
		again, _, _ := Choose(rapid.Permutation(list).Draw(t, "shuffled"), current)
		if again.ID != w.ID {
			t.Fatalf("another order chose %d, not %d", again.ID, w.ID)
		}
	})
}

func TestWatches(t *testing.T) {
	for _, test := range []struct {
		tails []string
		tail  string
		want  bool
	}{
		{nil, "", true}, {nil, "2536", true}, {[]string{"2536"}, "", true}, {[]string{"2536"}, "2536", true},
		{[]string{"2536"}, "536", true}, {[]string{"2536"}, "112536", true}, {[]string{"2536"}, "2537", false},
		{[]string{"2536"}, "25361", false}, {[]string{"1111", "2536"}, "2536", true}, {[]string{"1111", "2222"}, "2536", false},
	} {
		if got := (Account{Tails: test.tails}).Watches(test.tail); got != test.want {
			t.Errorf("an account with tails %v, a message about %q: %t", test.tails, test.tail, got)
		}
	}
}

func TestServes(t *testing.T) {
	live, sandbox := merchant.Merchant{ID: 1}, merchant.Merchant{ID: 2, Sandbox: true}
	for _, test := range []struct {
		name   string
		wallet Wallet
		m      merchant.Merchant
		want   bool
	}{
		{"every merchant", Wallet{}, live, true},
		{"every sandbox merchant, not a live one", Wallet{Sandbox: true}, live, false},
		{"every live merchant, not a sandbox one", Wallet{}, sandbox, false},
		{"named", Wallet{Merchants: []merchant.ID{3, 1}}, live, true},
		{"not named", Wallet{Merchants: []merchant.ID{3}}, live, false},
		{"named, but of the other kind", Wallet{Merchants: []merchant.ID{2}}, sandbox, false},
	} {
		if got := test.wallet.Serves(test.m); got != test.want {
			t.Errorf("%s: %t", test.name, got)
		}
	}
}
