package sim

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/galla-gateway/galla/money"
)

// india is the zone of the dates in the messages. It has no daylight saving time.
var india = time.FixedZone("IST", 5*60*60+30*60)

// Account is a receiving account of a merchant: what a payer pays to, and the bank that tells of it.
type Account struct {
	Identifier string // of the wallet, such as a phone number
	Bank       Style
	Tail       string // last digits by which the bank's messages name it
}

// Person is a payer as the bank knows them.
type Person struct {
	Name string // in capitals, as banks print it
	VPA  string // UPI address
}

// Transfer is money that a payer sent.
type Transfer struct {
	Number string // 12 digits: what the payer has to type
	AppID  string // the wallet app's own id, which payers mistake for the number
	Amount money.Money
	From   Person
	To     Account
	At     time.Time
}

// SMS is a text message.
type SMS struct {
	Sender string // XY-HEADER-S
	Text   string
	At     time.Time // when the bank sent it
}

// Inbox takes a message that arrives after a while.
type Inbox func(message SMS, after time.Duration)

// Bank is all banks and the rail between them: every transfer has a number of its own.
type Bank struct {
	now func() time.Time

	mu       sync.Mutex
	random   *rand.Rand
	serial   uint64
	accounts map[string]holding
}

// holding is an account with the phone that gets its messages.
type holding struct {
	account Account
	inbox   Inbox
}

// NewBank returns banks without accounts. Two with the same seed make the same numbers at the same times.
func NewBank(seed uint64, now func() time.Time) *Bank {
	random := newRandom(seed, "bank")
	return &Bank{now: now, random: random, serial: random.Uint64N(serials), accounts: map[string]holding{}}
}

// newRandom returns a source of its own for each part of the world, so that one part's use doesn't move another's.
func newRandom(seed uint64, part string) *rand.Rand {
	stream := uint64(0)
	for _, c := range []byte(part) {
		stream = stream*257 + uint64(c)
	}
	return rand.New(rand.NewPCG(seed, stream))
}

// Open lets an account receive money. Its messages go to the inbox; nil is a phone that is switched off.
func (b *Bank) Open(account Account, inbox Inbox) {
	if inbox == nil {
		inbox = func(SMS, time.Duration) {}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.accounts[account.Identifier] = holding{account, inbox}
}

// Pay moves money to the wallet of the identifier. The receiving bank's message about it arrives after lag; with a
// negative lag it never does.
func (b *Bank) Pay(from Person, identifier string, amount money.Money, lag time.Duration) (Transfer, error) {
	b.mu.Lock()
	to, ok := b.accounts[identifier]
	if !ok || !amount.IsPositive() || amount.Currency != money.INR {
		b.mu.Unlock()
		return Transfer{}, fmt.Errorf("the wallet app can't send %v to %q", amount, identifier)
	}
	t := Transfer{Amount: amount, From: from, To: to.account, At: b.now()}
	t.Number, t.AppID = b.number(t.At), b.appID(t.At)
	message := to.account.Bank.message(t, b.random)
	b.mu.Unlock()
	if lag >= 0 {
		to.inbox(message, lag)
	}
	return t, nil
}

// Disturb sends one of the many other messages that such a phone gets to the wallet's phone.
func (b *Bank) Disturb(identifier string) (SMS, error) {
	b.mu.Lock()
	to, ok := b.accounts[identifier]
	if !ok {
		b.mu.Unlock()
		return SMS{}, fmt.Errorf("no account for %q", identifier)
	}
	message := to.account.Bank.disturbance(to.account.Tail, b.number(b.now()), b.now(), b.random)
	b.mu.Unlock()
	to.inbox(message, 0)
	return message, nil
}

// Numbers of transfers: the last digit of the year, the day of the year, and a serial number. The serials walk through
// all of their range in steps that don't share a factor with it, so they look random and none comes twice.
const (
	serials    = 100_000_000
	serialStep = 61_803_399
)

func (b *Bank) number(at time.Time) string {
	b.serial = (b.serial + serialStep) % serials
	at = at.In(india)
	return fmt.Sprintf("%d%03d%08d", at.Year()%10, at.YearDay(), b.serial)
}

// appID is PhonePe's own id of a payment: T, the time, and some more digits.
func (b *Bank) appID(at time.Time) string {
	return "T" + at.In(india).Format("060102150405") + fmt.Sprintf("%010d", b.random.Int64N(10_000_000_000))
}

// Mistype returns the number as somebody types it who isn't careful: with two neighbours swapped, or one digit wrong.
func (b *Bank) Mistype(number string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	digits := []byte(number)
	i := b.random.IntN(len(digits) - 1)
	if digits[i] != digits[i+1] {
		digits[i], digits[i+1] = digits[i+1], digits[i]
	} else {
		digits[i] = '0' + (digits[i]-'0'+1)%10
	}
	return string(digits)
}
