package sim

import (
	"container/heap"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/galla-gateway/galla/money"
)

// PayoutBank is the book of a simulated payout provider: what it was asked for, and what really was paid. However often
// it is asked under one key, it pays once, as long as it remembers the key. All methods may be called from many goroutines.
type PayoutBank struct {
	options PayoutOptions
	speak   speaker

	mu       sync.Mutex
	byKey    map[string]*paying
	byID     map[string]*paying
	byRef    map[string][]*paying
	order    []string // references as they first came
	attempts map[Call]int
	faults   map[CallFault]int
	steps    queue[step]
	hooks    queue[Hook]
}

// PayoutEntry is a line of the book: all that has one reference.
type PayoutEntry struct {
	Reference string
	Payouts   int         // different keys, and keys that were forgotten; more than one is a mistake of the caller's
	Asked     int         // requests to pay that were taken, repeats included
	Credits   int         // times that the beneficiary was credited
	Returns   int         // times that it came back
	Amount    money.Money // what the beneficiary has of it now
	Account   string      // of the first payout
	IFSC      string
	UTR       string
	State     string // of the last payout, in the provider's word
}

// Hook is a webhook on its way.
type Hook struct {
	Header  http.Header
	Body    []byte
	Genuine bool // signed by the provider
}

// speaker is what differs between providers. It is called with the bank locked.
type speaker interface {
	// word is the provider's for a state.
	word(stage) string
	// hook is the webhook's body and its headers when signed with the secret.
	hook(p paying, at time.Time, secret string) ([]byte, http.Header)
}

// stage is how far a payout has come.
type stage int

const (
	held stage = iota
	underway
	paid
	failed
	returned
)

// paying is one payout.
type paying struct {
	id, key, reference, utr   string
	minor                     int64
	name, account, ifsc, body string // body: of the request, to compare repeats
	stage                     stage
	made, changed             time.Time
	asked, credits, returns   int
	first                     []byte // the first answer
}

// step is what becomes of a payout at some time.
type step struct {
	of *paying
	to stage
}

func newPayoutBank(options PayoutOptions, speak speaker) *PayoutBank {
	if options.WebhookSecret == "" {
		options.WebhookSecret = options.Secret
	}
	return &PayoutBank{
		options: options, speak: speak, byKey: map[string]*paying{}, byID: map[string]*paying{}, byRef: map[string][]*paying{},
		attempts: map[Call]int{}, faults: map[CallFault]int{},
	}
}

// Paid returns how often the beneficiary of a reference was credited, and what it has of that now.
func (b *PayoutBank) Paid(reference string) (count int, amount money.Money) {
	e, _ := b.Entry(reference)
	return e.Credits, e.Amount
}

// Entry returns the line of a reference, false if the provider never took on any such payout.
func (b *PayoutBank) Entry(reference string) (PayoutEntry, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	return b.entry(reference)
}

// All returns the whole book, in the order in which the references first came.
func (b *PayoutBank) All() []PayoutEntry {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	all := make([]PayoutEntry, 0, len(b.order))
	for _, reference := range b.order {
		e, _ := b.entry(reference)
		all = append(all, e)
	}
	return all
}

// Faults returns how often the provider misbehaved in each way.
func (b *PayoutBank) Faults() map[CallFault]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	counts := make(map[CallFault]int, len(b.faults))
	for fault, n := range b.faults {
		counts[fault] = n
	}
	return counts
}

// Due returns the webhooks that are due by now and weren't returned before, in the order in which they arrive.
func (b *PayoutBank) Due() []Hook {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settle()
	var due []Hook
	for now := b.options.Now(); ; {
		_, hook, ok := b.hooks.pop(now)
		if !ok {
			return due
		}
		due = append(due, hook)
	}
}

func (b *PayoutBank) entry(reference string) (PayoutEntry, bool) {
	e := PayoutEntry{Reference: reference, Amount: money.Money{Currency: money.INR}}
	for i, p := range b.byRef[reference] {
		if i == 0 {
			e.Account, e.IFSC = p.account, p.ifsc
		}
		e.Payouts++
		e.Asked += p.asked
		e.Credits += p.credits
		e.Returns += p.returns
		e.Amount.Minor += int64(p.credits-p.returns) * p.minor
		e.UTR, e.State = p.utr, b.speak.word(p.stage)
	}
	return e, e.Payouts > 0
}

// take puts a payout into the book under its key, or finds it there. The caller holds the lock and has filled in what was
// asked for. It is false where the key is another request's.
func (b *PayoutBank) take(asked paying) (p *paying, same bool) {
	now := b.options.Now()
	if p = b.byKey[asked.key]; p != nil && (b.options.Forget == 0 || now.Sub(p.made) < b.options.Forget) {
		p.asked++
		return p, p.body == asked.body
	}
	serial := len(b.byID) + 1
	drawn := b.options.draw("payout", asked.key)
	p = &asked
	p.made, p.changed, p.asked = now, now, 1
	p.utr = fmt.Sprintf("%d%03d%08d", now.In(india).Year()%10, now.In(india).YearDay(), uint64(serial)*serialStep%serials)
	p.id += strings.ToUpper(strconv.FormatUint(drawn|1<<63, 36)) + strconv.Itoa(serial)
	b.byKey[p.key], b.byID[p.id] = p, p
	if b.byRef[p.reference] == nil {
		b.order = append(b.order, p.reference)
	}
	b.byRef[p.reference] = append(b.byRef[p.reference], p)
	b.plan(p, now, drawn)
	b.settle()
	return p, true
}

// plan decides what becomes of a payout, and when.
func (b *PayoutBank) plan(p *paying, now time.Time, drawn uint64) {
	life := choose(b.options.draw("life", p.key), payoutLives, b.options.Lives)
	if b.options.Life != nil {
		life = b.options.Life(p.reference)
	}
	decided := now
	if b.options.Settle > 0 {
		decided = now.Add(time.Duration(drawn % uint64(b.options.Settle)))
	}
	later := decided.Add(b.options.Late)
	will := func(at time.Time, to stage) { b.steps.push(at, step{p, to}) }
	if life == LifeQueued {
		p.stage = held
		will(decided, underway)
		will(later, paid)
		return
	}
	p.stage = underway
	switch life {
	case LifeStuck:
	case LifeLate:
		will(later, paid)
	case LifeFails:
		will(decided, failed)
	case LifeFailsThenPays:
		will(decided, failed)
		will(later, paid)
	case LifePaysThenReverses:
		will(decided, paid)
		will(later, returned)
	default:
		will(decided, paid)
	}
}

// settle does all that was to happen by now. The caller holds the lock.
func (b *PayoutBank) settle() {
	for now := b.options.Now(); ; {
		at, s, ok := b.steps.pop(now)
		if !ok {
			return
		}
		p := s.of
		p.stage, p.changed = s.to, at
		switch s.to {
		case paid:
			p.credits++
		case returned:
			p.returns++
		}
		b.tell(*p, at)
	}
}

// tell sends the webhook of a change on its way.
func (b *PayoutBank) tell(p paying, at time.Time) {
	send := func(at time.Time, p paying, secret string, genuine bool) {
		body, header := b.speak.hook(p, at, secret)
		b.hooks.push(at, Hook{Header: header, Body: body, Genuine: genuine})
	}
	right, wrong, late := b.options.WebhookSecret, b.options.WebhookSecret+"?", at.Add(b.options.Late)
	switch choose(b.options.draw("hook", p.key, strconv.Itoa(int(p.stage))), hookFaults, b.options.Hooks) {
	case HookLost:
	case HookTwice:
		send(at, p, right, true)
		send(late, p, right, true)
	case HookHeld:
		send(late.Add(b.options.Late), p, right, true)
	case HookUnsigned:
		send(at, p, wrong, false)
	case HookForged:
		lie := p
		if lie.stage = paid; p.stage == paid {
			lie.stage = failed
		}
		send(at, lie, wrong, false)
		send(at, p, right, true)
	default:
		send(at, p, right, true)
	}
}

// queue holds what happens later, the earliest first, and in the order of pushing at one time.
type queue[T any] struct {
	items  queued[T]
	serial int
}

func (q *queue[T]) push(at time.Time, what T) {
	q.serial++
	heap.Push(&q.items, later[T]{at, q.serial, what})
}

// pop takes the first one that is due by now.
func (q *queue[T]) pop(now time.Time) (at time.Time, what T, ok bool) {
	if len(q.items) == 0 || q.items[0].at.After(now) {
		return at, what, false
	}
	l := heap.Pop(&q.items).(later[T])
	return l.at, l.what, true
}

type later[T any] struct {
	at     time.Time
	serial int
	what   T
}

// queued is a heap of container/heap.
type queued[T any] []later[T]

func (q queued[T]) Len() int      { return len(q) }
func (q queued[T]) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q queued[T]) Less(i, j int) bool {
	return q[i].at.Before(q[j].at) || q[i].at.Equal(q[j].at) && q[i].serial < q[j].serial
}
func (q *queued[T]) Push(x any) { *q = append(*q, x.(later[T])) }
func (q *queued[T]) Pop() any {
	last := len(*q) - 1
	x := (*q)[last]
	*q = slices.Delete(*q, last, last+1)
	return x
}
