package sim

import (
	"hash/fnv"
	"time"
)

// PayoutOptions say how a simulated payout provider behaves. Now, Key and Secret are required. Shares are per mille of
// what they are of, and are drawn by the seed and by what is asked, never by the order in which requests come.
type PayoutOptions struct {
	Now           func() time.Time
	Seed          uint64
	Key, Secret   string // what a caller must show
	WebhookSecret string // what webhooks are signed with; "" is Secret
	Account       string // that is debited; RazorpayX only

	Settle time.Duration // a payout is decided after up to this long; 0 decides at once
	Late   time.Duration // how much longer it takes where something is late, or comes a second time
	Takes  time.Duration // a request takes up to this long in real time, one half before anything is done, the other after it
	Forget time.Duration // after which a key is taken for a new one, as providers do; 0 is never

	Calls map[CallFault]int  // shares of the requests
	Lives map[PayoutLife]int // shares of the payouts
	Hooks map[HookFault]int  // shares of the webhooks

	Fault func(Call) CallFault              // chooses instead of Calls
	Life  func(reference string) PayoutLife // chooses instead of Lives
}

// Call is a request at a provider. Attempt is 1 for the first with this operation and reference.
type Call struct {
	Operation Operation
	Reference string // "" where a request names none that is known
	Attempt   int
}

// Operation is what a request asks for.
type Operation string

// The operations.
const (
	OperationPay  Operation = "pay"
	OperationFind Operation = "find"
)

// CallFault is how a provider misbehaves in one request. "" is not at all.
type CallFault string

// The faults of a request. Before means that nothing was done, after that all was.
const (
	CallHangsBefore    CallFault = "hangs-before"    // no answer until the caller gives up
	CallHangsAfter     CallFault = "hangs-after"     //
	CallDropsBefore    CallFault = "drops-before"    // the connection ends without an answer: as a time-out, without the wait
	CallDropsAfter     CallFault = "drops-after"     //
	CallBreaksBefore   CallFault = "breaks-before"   // 5xx
	CallBreaksAfter    CallFault = "breaks-after"    //
	CallTooMany        CallFault = "too-many"        // 429, before
	CallUnauthorised   CallFault = "unauthorised"    // 401, before: the keys were changed
	CallRefused        CallFault = "refused"         // 400, before: no balance
	CallStale          CallFault = "stale"           // the answer that the first request got, whatever happened since
	CallMisses         CallFault = "misses"          // a search doesn't find what is there
	CallWrongID        CallFault = "wrong-id"        // of another payout
	CallWrongReference CallFault = "wrong-reference" //
	CallWrongAmount    CallFault = "wrong-amount"    //
	CallWrongAccount   CallFault = "wrong-account"   //
	CallWrongState     CallFault = "wrong-state"     // a word that no page has
	CallGarbage        CallFault = "garbage"         // 200 with what is no text
	CallHTML           CallFault = "html"            // 200 with somebody's page
	CallCut            CallFault = "cut"             // the answer ends in the middle
	CallLong           CallFault = "long"            // the answer goes on and on
)

var callFaults = []CallFault{
	CallHangsBefore, CallHangsAfter, CallDropsBefore, CallDropsAfter, CallBreaksBefore, CallBreaksAfter, CallTooMany,
	CallUnauthorised, CallRefused, CallStale, CallMisses, CallWrongID, CallWrongReference, CallWrongAmount, CallWrongAccount,
	CallWrongState, CallGarbage, CallHTML, CallCut, CallLong,
}

// PayoutLife is what becomes of a payout. "" is that it is paid.
type PayoutLife string

// The lives that aren't just paid.
const (
	LifeQueued           PayoutLife = "queued"             // waits first, then is paid
	LifeLate             PayoutLife = "late"               // is paid, but Late later
	LifeStuck            PayoutLife = "stuck"              // is never decided
	LifeFails            PayoutLife = "fails"              // doesn't arrive
	LifeFailsThenPays    PayoutLife = "fails-then-pays"    // is said to have failed, and is paid Late later
	LifePaysThenReverses PayoutLife = "pays-then-reverses" // arrives, and is given back Late later
)

var payoutLives = []PayoutLife{LifeQueued, LifeLate, LifeStuck, LifeFails, LifeFailsThenPays, LifePaysThenReverses}

// HookFault is how a webhook goes wrong. "" is not at all.
type HookFault string

// The faults of a webhook.
const (
	HookLost     HookFault = "lost"     // never comes
	HookTwice    HookFault = "twice"    // comes twice, the second time Late later
	HookHeld     HookFault = "held"     // comes twice Late later, so after those that follow it
	HookUnsigned HookFault = "unsigned" // comes with a wrong signature, and never with a right one
	HookForged   HookFault = "forged"   // somebody sends another one with the opposite news and a wrong signature
)

var hookFaults = []HookFault{HookLost, HookTwice, HookHeld, HookUnsigned, HookForged}

// draw returns a number that the seed and the words decide, and nothing else.
func (o *PayoutOptions) draw(words ...string) uint64 {
	h := fnv.New64a()
	for _, word := range words {
		_, _ = h.Write([]byte(word)) // never fails
		_, _ = h.Write([]byte{0})
	}
	x := h.Sum64() ^ o.Seed*0x9e3779b97f4a7c15
	for range 2 { // FNV's last byte hardly moves the high bits; this does
		x ^= x >> 30
		x *= 0xbf58476d1ce4e5b9
		x ^= x >> 27
	}
	return x
}

// choose takes one of the kinds by their shares, "" with what is left of a thousand.
func choose[K ~string](drawn uint64, kinds []K, shares map[K]int) K {
	left := int(drawn % 1000)
	for _, kind := range kinds {
		if left -= shares[kind]; left < 0 {
			return kind
		}
	}
	return ""
}
