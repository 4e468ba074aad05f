package payouts

import (
	"strconv"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/sim"
)

const (
	settle = 3 * time.Minute
	// quick is how much later a bank changes its mind: within the hour for which a failure isn't certain.
	quick = 45 * time.Minute
	// slow is late by days.
	slow = 50 * time.Hour
	// forget is how long a bank knows a reference; RazorpayX documents a week.
	forget = 7 * 24 * time.Hour
	// blindFor is how long a blind payout is neither answered nor found: for longer than its bank knows its reference.
	blindFor = 8 * 24 * time.Hour
)

// lifeBlind is what becomes of a payout that is paid at once while, for days, its bank answers nothing and finds nothing: whoever
// believes that, or tells the bank for ever, pays twice.
const lifeBlind sim.PayoutLife = "blind"

// bank is a simulated provider with the rail, and the merchant, of its name.
type bank struct {
	name    string
	kind    gateway.RailKind
	late    time.Duration
	lives   []share[sim.PayoutLife]
	url     string
	book    book
	account gateway.RailSettings
	// of the merchant whose withdrawals it pays
	merchant int64
	secret   keyring.Secret
	key      keyring.Secret

	mu    sync.Mutex
	first map[string]time.Time // when a blind payout first came
}

// book is what the campaign reads of a provider.
type book interface {
	Entry(reference string) (sim.PayoutEntry, bool)
	All() []sim.PayoutEntry
	Due() []sim.Hook
	Faults() map[sim.CallFault]int
	Close()
}

// newBanks makes the banks of a campaign; lives say what becomes of payouts.
func newBanks(lives []share[sim.PayoutLife]) []*bank {
	banks := []*bank{
		{name: "rx-quick", kind: gateway.RailRazorpayX, late: quick}, {name: "cf-quick", kind: gateway.RailCashfree, late: quick},
		{name: "rx-slow", kind: gateway.RailRazorpayX, late: slow}, {name: "cf-slow", kind: gateway.RailCashfree, late: slow},
	}
	for _, b := range banks {
		b.lives = lives
	}
	return banks
}

// open starts the provider on a clock.
func (b *bank) open(now func() time.Time) error {
	b.first = map[string]time.Time{}
	b.account = gateway.RailSettings{KeyID: "key-" + b.name, Secret: "secret-of-" + keyring.Secret(b.name), WebhookSecret: "hook-of-" + keyring.Secret(b.name)}
	o := sim.PayoutOptions{
		Now: now, Seed: seed, Key: b.account.KeyID, Secret: b.account.Secret.Reveal(), WebhookSecret: b.account.WebhookSecret.Reveal(),
		Settle: settle, Late: b.late, Forget: forget,
		Hooks: map[sim.HookFault]int{sim.HookLost: 200, sim.HookTwice: 100, sim.HookHeld: 100, sim.HookUnsigned: 50, sim.HookForged: 50},
		Fault: func(c sim.Call) sim.CallFault { return b.fault(c, now()) },
		Life: func(reference string) sim.PayoutLife {
			if life := b.life(reference); life != lifeBlind {
				return life
			}
			return ""
		},
	}
	if b.kind == gateway.RailCashfree {
		server, err := sim.NewCashfree(o)
		if err == nil {
			b.book, b.url = server, server.URL
		}
		return err
	}
	b.account.Account = "7878780080316316"
	o.Account = b.account.Account
	server, err := sim.NewRazorpayX(o)
	if err == nil {
		b.book, b.url = server, server.URL
	}
	return err
}

// mixed lives are a campaign's, blind ones those of a campaign that is only about banks that find nothing.
var mixed = []share[sim.PayoutLife]{
	{sim.LifeFailsThenPays, 160}, {lifeBlind, 12}, {sim.LifeQueued, 40}, {sim.LifeLate, 50}, {sim.LifeStuck, 12}, {sim.LifeFails, 80}, {sim.LifePaysThenReverses, 20},
}

var blind = []share[sim.PayoutLife]{{lifeBlind, 200}}

// life is what becomes of a payout. Only a quick bank changes its mind about a failure: see the package's comment.
func (b *bank) life(reference string) sim.PayoutLife {
	life := choose(draw(1000, "life", reference), b.lives)
	if life == sim.LifeFailsThenPays && b.late > quick {
		return sim.LifeFails
	}
	return life
}

// Each fault in a share of its own. What takes a payment on and doesn't say so comes most often.
var faults = []share[sim.CallFault]{
	{sim.CallDropsBefore, 30}, {sim.CallDropsAfter, 50}, {sim.CallBreaksBefore, 15}, {sim.CallBreaksAfter, 30}, {sim.CallTooMany, 10},
	{sim.CallUnauthorised, 10}, {sim.CallRefused, 15}, {sim.CallStale, 30}, {sim.CallMisses, 40}, {sim.CallWrongID, 10}, {sim.CallWrongReference, 10},
	{sim.CallWrongAmount, 10}, {sim.CallWrongAccount, 10}, {sim.CallWrongState, 10}, {sim.CallGarbage, 10}, {sim.CallHTML, 10}, {sim.CallCut, 15},
	{sim.CallLong, 10},
}

// fault is how the bank misbehaves in one request.
func (b *bank) fault(c sim.Call, now time.Time) sim.CallFault {
	if c.Reference != "" && b.life(c.Reference) == lifeBlind && b.blind(c, now) {
		if c.Operation == sim.OperationPay {
			return sim.CallDropsAfter
		}
		return sim.CallMisses
	}
	return choose(draw(1000, "fault", string(c.Operation), c.Reference, strconv.Itoa(c.Attempt)), faults)
}

func (b *bank) blind(c sim.Call, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	first, known := b.first[c.Reference]
	if !known && c.Operation == sim.OperationPay {
		first, b.first[c.Reference] = now, now
	}
	return now.Sub(first) < blindFor
}
