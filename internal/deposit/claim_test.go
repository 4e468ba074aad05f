package deposit

import (
	"slices"
	"testing"
	"time"

	"github.com/galla-gateway/galla/money"
)

var (
	claimStates    = []State{New, Waiting, Held, Accepted, Refused, Expired, Withdrawn}
	transferStates = []TransferState{TransferNew, Observed, Credited, Quarantined, Internal, Reversed, Rejected, Disputed}
)

// The whole table, written a second time: every move that isn't listed here must be impossible (invariant S-1).
func TestClaimMoves(t *testing.T) {
	want := map[State][]State{
		New:     {Waiting, Held, Accepted, Refused},
		Waiting: {Held, Accepted, Refused, Expired, Withdrawn},
		Held:    {Accepted, Refused},
	}
	for _, from := range claimStates {
		for _, to := range claimStates {
			if got := CanMove(from, to); got != slices.Contains(want[from], to) {
				t.Errorf("a claim can move from %q to %q: %t", from, to, got)
			}
		}
	}
	for _, s := range claimStates {
		if s.Live() != (s == Waiting || s == Held) {
			t.Errorf("%q is live: %t", s, s.Live())
		}
	}
}

func TestTransferMoves(t *testing.T) {
	want := map[TransferState][]TransferState{
		TransferNew: {Observed, Quarantined, Internal, Reversed},
		Observed:    {Credited, Quarantined, Internal, Reversed, Rejected},
		Quarantined: {Observed, Internal, Reversed, Rejected},
		Internal:    {Observed, Quarantined, Reversed, Rejected},
		Reversed:    {Observed, Quarantined, Rejected},
		Credited:    {Disputed},
		Disputed:    {Credited},
		Rejected:    {Observed, Quarantined, Internal, Reversed},
	}
	for _, from := range transferStates {
		for _, to := range transferStates {
			if got := CanMoveTransfer(from, to); got != slices.Contains(want[from], to) {
				t.Errorf("a transfer can move from %q to %q: %t", from, to, got)
			}
		}
	}
}

func TestSameContentAndCorrection(t *testing.T) {
	stored := Claim{MerchantID: 1, OrderID: "o", Payer: "p", Method: "phone_pe", Given: "321302038123", Amount: rupees(500_00)}
	for _, test := range []struct {
		name           string
		change         func(*Claim)
		same, corrects bool
	}{
		{"nothing", func(*Claim) {}, true, true},
		{"number", func(c *Claim) { c.Given = "321302038124" }, false, true},
		{"amount", func(c *Claim) { c.Amount = rupees(501_00) }, false, true},
		{"number and amount", func(c *Claim) { c.Given, c.Amount = "321302038124", rupees(501_00) }, false, true},
		{"payer", func(c *Claim) { c.Payer = "q" }, false, false},
		{"merchant", func(c *Claim) { c.MerchantID = 2 }, false, false},
		{"method", func(c *Claim) { c.Method = "paytm" }, false, false},
		{"currency", func(c *Claim) { c.Amount = money.Money{Minor: 500_00, Currency: money.BDT} }, false, false},
		{"order", func(c *Claim) { c.OrderID = "o2" }, false, false},
	} {
		c := stored
		test.change(&c)
		if same, corrects := c.SameContent(stored), c.Corrects(stored); same != test.same || corrects != test.corrects {
			t.Errorf("another %s: same %t, corrects %t", test.name, same, corrects)
		}
	}
}

func TestExpiredAt(t *testing.T) {
	c := Claim{State: Waiting, ExpiresAt: claimedAt}
	if c.ExpiredAt(claimedAt.Add(-time.Microsecond)) || !c.ExpiredAt(claimedAt) {
		t.Error("a waiting claim lives until the moment it expires, and not at it")
	}
	c.State = Held
	if c.ExpiredAt(claimedAt.Add(time.Hour)) {
		t.Error("a held claim never expires")
	}
}

func TestOnlyWhatWaitsExpires(t *testing.T) {
	for _, state := range []State{New, Held, Accepted, Refused, Expired, Withdrawn} {
		if (Claim{State: state, ExpiresAt: claimedAt}).ExpiredAt(claimedAt.Add(time.Hour)) {
			t.Errorf("a claim that is %q expires", state)
		}
	}
}
