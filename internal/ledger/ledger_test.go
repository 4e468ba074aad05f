package ledger

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/merchant"
	"github.com/galla-gateway/galla/money"
)

func inr(minor int64) money.Money { return money.Money{Minor: minor, Currency: money.INR} }

// book adds postings to balances and checks each.
func book(t interface{ Fatalf(string, ...any) }, balances map[AccountKey]int64, postings []Posting) {
	for _, p := range postings {
		switch {
		case p.Amount.Minor <= 0:
			t.Fatalf("a posting moves %s", p.Amount)
		case p.Source == p.Destination:
			t.Fatalf("a posting from %+v to itself", p.Source)
		case p.Source.Currency != p.Amount.Currency || p.Destination.Currency != p.Amount.Currency:
			t.Fatalf("%s between accounts in %s and %s", p.Amount, p.Source.Currency, p.Destination.Currency)
		}
		balances[p.Source] -= p.Amount.Minor
		balances[p.Destination] += p.Amount.Minor
	}
}

func TestDepositFromSightToFee(t *testing.T) {
	balances := map[AccountKey]int64{}
	seen := Position{AccountID: 3, Amount: inr(500_00)}
	book(t, balances, TransferObserved(1, seen))
	if balances[AccountKey{Unclaimed, 3, money.INR}] != 500_00 || balances[AccountKey{Receiving, 3, money.INR}] != -500_00 {
		t.Fatalf("seen: %v", balances)
	}
	credit := DepositCredited(2, seen, 7, inr(9_50))
	book(t, balances, credit)
	want := map[AccountKey]int64{
		{Receiving, 3, money.INR}: -500_00, {Unclaimed, 3, money.INR}: 0,
		{Merchant, 7, money.INR}: 490_50, {Fees, 7, money.INR}: 9_50,
	}
	for key, amount := range want {
		if balances[key] != amount {
			t.Errorf("%s of %d: %d, want %d", key.Kind, key.OwnerID, balances[key], amount)
		}
	}
	if len(balances) != len(want) {
		t.Errorf("accounts: %v", balances)
	}
	if credit[0].Kind != EventDeposit || credit[1].Kind != EventDepositFee || credit[0].EventID != 2 || credit[1].EventID != 2 {
		t.Errorf("events: %+v", credit)
	}
	if free := DepositCredited(2, seen, 7, inr(0)); len(free) != 1 {
		t.Errorf("no fee, no posting: %+v", free)
	}
}

// Whatever a transfer turns out to be in the end, the books hold the last position and nothing else.
func TestRevisionsEndAtTheLastPosition(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		balances := map[AccountKey]int64{}
		position := func(name string) Position {
			if rapid.IntRange(0, 3).Draw(t, name) == 0 {
				return Position{} // off the books
			}
			return Position{rapid.Int64Range(1, 2).Draw(t, name+" account"), money.Money{
				Minor:    rapid.Int64Range(1, 5).Draw(t, name+" amount"),
				Currency: rapid.SampledFrom([]money.Currency{money.INR, money.BDT}).Draw(t, name+" currency"),
			}}
		}
		last := Position{1, inr(3)}
		book(t, balances, TransferObserved(1, last))
		for range rapid.IntRange(0, 5).Draw(t, "revisions") {
			next := position("next")
			postings := TransferRevised(9, last, next)
			if last == next && postings != nil {
				t.Fatalf("nothing changed, yet %+v", postings)
			}
			book(t, balances, postings)
			last = next
		}
		sum := map[money.Currency]int64{}
		for key, amount := range balances {
			sum[key.Currency] += amount
			want := int64(0)
			if last.Amount.Minor > 0 && key.OwnerID == last.AccountID && key.Currency == last.Amount.Currency {
				want = map[AccountKind]int64{Receiving: -last.Amount.Minor, Unclaimed: last.Amount.Minor}[key.Kind]
			}
			if amount != want {
				t.Fatalf("%+v has %d, want %d; the transfer is %+v", key, amount, want, last)
			}
		}
		for currency, total := range sum {
			if total != 0 {
				t.Fatalf("%s sums to %d (invariant M-1)", currency, total)
			}
		}
	})
}

func TestFee(t *testing.T) {
	for _, test := range []struct {
		name                     string
		credit, ppm, fixed, want int64
	}{
		{"none", 500_00, 0, 0, 0},
		{"2.5 %", 500_00, 25_000, 0, 12_50},
		{"half a paisa goes up", 1_00, 5_000, 0, 1},        // 0.5 paisa
		{"less than half goes down", 99, 5_000, 0, 0},      // 0.495
		{"half up, not half to even", 2_50, 10_000, 0, 3},  // 2.5
		{"1.5 % and 2 rupees", 100_00, 15_000, 2_00, 3_50}, //
		{"fixed alone", 100_00, 0, 2_00, 2_00},             //
		{"more than the credit takes the credit", 1_00, 0, 2_00, 1_00},
		{"100 %", 1_00, 1_000_000, 0, 1_00},
		{"100 % and more", 1_00, 1_000_000, 1, 1_00},
		{"a paisa", 1, 500_000, 0, 1},
		{"the greatest amount", 99999999999999, 25_000, 0, 2500000000000},
		{"a fixed part that overflows", 1_00, 0, 1<<63 - 1, 1_00},
	} {
		got, err := Fee(inr(test.credit), merchant.Fee{PPM: test.ppm, Fixed: test.fixed})
		if err != nil || got != inr(test.want) {
			t.Errorf("%s: %v %v, want %s", test.name, got, err, inr(test.want))
		}
	}
}

func TestFeeIsNeverMoreThanTheCredit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		credit := rapid.Int64Range(1, 99999999999999).Draw(t, "credit")
		fee, err := Fee(inr(credit), merchant.Fee{
			PPM: rapid.Int64Range(0, 2_000_000).Draw(t, "ppm"), Fixed: rapid.Int64Range(0, 1<<62).Draw(t, "fixed"),
		})
		if err != nil || fee.Minor < 0 || fee.Minor > credit || fee.Currency != money.INR {
			t.Fatalf("fee %v of %d: %v", fee, credit, err)
		}
	})
}

// A withdrawal's money is set aside, then it is outside or the merchant's again.
func TestWithdrawalFromReserveToEnd(t *testing.T) {
	for paid, want := range map[bool]map[AccountKind]int64{
		true:  {Merchant: -700_00, Reserved: 0, PaidOut: 700_00},
		false: {Merchant: 0, Reserved: 0, PaidOut: 0},
	} {
		balances := map[AccountKey]int64{}
		book(t, balances, WithdrawalReserved(5, 7, inr(700_00)))
		if balances[AccountKey{Merchant, 7, money.INR}] != -700_00 || balances[AccountKey{Reserved, 7, money.INR}] != 700_00 {
			t.Errorf("reserved: %v", balances)
		}
		book(t, balances, WithdrawalEnded(5, 7, inr(700_00), paid))
		for kind, minor := range want {
			if got := balances[AccountKey{kind, 7, money.INR}]; got != minor {
				t.Errorf("paid is %t: %s has %d, want %d", paid, kind, got, minor)
			}
		}
	}
}
