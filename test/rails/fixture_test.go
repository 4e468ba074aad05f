package rails

import (
	"net/http"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail"
	"github.com/galla-gateway/galla/internal/rail/cashfree"
	"github.com/galla-gateway/galla/internal/rail/razorpayx"
	"github.com/galla-gateway/galla/internal/rail/wire"
	"github.com/galla-gateway/galla/internal/sim"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/money"
)

// book is what a test reads of a provider.
type book interface {
	Paid(reference string) (count int, amount money.Money)
	Entry(reference string) (sim.PayoutEntry, bool)
	All() []sim.PayoutEntry
	Due() []sim.Hook
	Faults() map[sim.CallFault]int
	Close()
}

// joined is a rail and the provider behind it.
type joined struct {
	rail.Hearer
	book
	clock *testkit.Clock
}

// providers are the simulated providers with the rails to them.
var providers = map[string]func(t testing.TB, o sim.PayoutOptions, client *http.Client) joined{
	"razorpayx": func(t testing.TB, o sim.PayoutOptions, client *http.Client) joined {
		o.Account = "7878780080316316"
		server, err := sim.NewRazorpayX(o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := razorpayx.New(razorpayx.Config{
			KeyID: o.Key, Secret: wire.Secret(o.Secret), WebhookSecret: wire.Secret(o.WebhookSecret), Account: o.Account,
			BaseURL: server.URL, Client: client,
		})
		if err != nil {
			t.Fatal(err)
		}
		return joined{Hearer: r, book: server}
	},
	"cashfree": func(t testing.TB, o sim.PayoutOptions, client *http.Client) joined {
		server, err := sim.NewCashfree(o)
		if err != nil {
			t.Fatal(err)
		}
		r, err := cashfree.New(cashfree.Config{
			ClientID: o.Key, Secret: wire.Secret(o.Secret), WebhookSecret: wire.Secret(o.WebhookSecret), BaseURL: server.URL, Client: client,
		})
		if err != nil {
			t.Fatal(err)
		}
		return joined{Hearer: r, book: server}
	},
}

// late is how much later something happens that is late.
const late = time.Hour

// join starts each provider in turn.
func join(t *testing.T, o sim.PayoutOptions, test func(t *testing.T, j joined)) {
	t.Helper()
	for name, start := range providers {
		t.Run(name, func(t *testing.T) {
			clock := testkit.NewClock()
			own := o
			own.Now, own.Key, own.Secret, own.WebhookSecret, own.Late = clock.Now, "key-id", "key-secret-word", "hook-secret-word", late
			j := start(t, own, nil)
			j.clock = clock
			t.Cleanup(j.Close)
			test(t, j)
		})
	}
}

func instruction(id int64) payout.Instruction {
	return payout.Instruction{
		Reference: payout.Reference(id), Amount: money.Money{Minor: 10000 + id, Currency: money.INR},
		AccountNumber: "112143112154", AccountName: "Gaurav Kumar", IFSC: "HDFC0001234",
	}
}

// in returns a fault for the first request of an operation, and none else.
func in(operation sim.Operation, fault sim.CallFault) func(sim.Call) sim.CallFault {
	return func(c sim.Call) sim.CallFault {
		if c.Operation == operation && c.Attempt == 1 {
			return fault
		}
		return ""
	}
}

func life(l sim.PayoutLife) func(string) sim.PayoutLife {
	return func(string) sim.PayoutLife { return l }
}
