package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/galla-gateway/galla/money"
)

// Habit is how a payer behaves.
type Habit string

// The habits.
const (
	Honest      Habit = "pays and types the number"
	Hasty       Habit = "types the number before the bank's message is there"
	Careless    Habit = "mistypes the number, then corrects it"
	WrongAmount Habit = "pays one rupee too little"
	WrongNumber Habit = "types the app's own id, then the right number"
	Late        Habit = "pays long after asking where to"
	Greedy      Habit = "claims a credited number once more"
	Squatter    Habit = "claims somebody else's number"
)

// shares are the habits with how many of a hundred payers have them.
var shares = []struct {
	habit Habit
	share int
}{
	{Honest, 40}, {Hasty, 16}, {Careless, 12}, {WrongAmount, 6}, {WrongNumber, 10}, {Late, 8}, {Greedy, 5}, {Squatter, 3},
}

// Visit is one payer's way through the shop.
type Visit struct {
	Payer  string
	Habit  Habit
	Order  Order  // as the payer left it
	Answer Answer // the last one
}

// Pace of payers.
const (
	walletPause = 2 * time.Second  // from seeing the wallet to having paid
	typePause   = 3 * time.Second  // from having paid to sending the number
	askPause    = 2 * time.Second  // between two looks at an order that isn't decided
	latePause   = 12 * time.Second // of who is late
	hastyLag    = 5 * time.Second  // of the bank's message that a hasty payer doesn't wait for
	looks       = 30               // then the payer goes away
)

// robotPrefix begins the shop's names of simulated payers.
const robotPrefix = "payer-"

// IsRobot reports whether a shop's user is one of a Crowd.
func IsRobot(payer string) bool { return strings.HasPrefix(payer, robotPrefix) }

// Crowd is payers who come to a shop by themselves.
type Crowd struct {
	shop *Shop
	wait func(context.Context, time.Duration) bool

	mu     sync.Mutex
	random *rand.Rand
	serial int
	last   string // number that was credited last
	paid   string // number that was paid last, maybe not claimed yet
}

// NewCrowd returns the payers of a shop. wait lets their time pass, and reports false when ctx ended; nil is real time.
func NewCrowd(seed uint64, shop *Shop, wait func(context.Context, time.Duration) bool) *Crowd {
	if wait == nil {
		wait = sleep
	}
	return &Crowd{shop: shop, wait: wait, random: newRandom(seed, "crowd")}
}

// Run lets a payer come about every so often until ctx ends, and tells left how each visit ended. It returns when the
// last of them has gone.
func (c *Crowd) Run(ctx context.Context, every time.Duration, left func(Visit, error)) {
	var visits sync.WaitGroup
	defer visits.Wait()
	for c.wait(ctx, every) {
		visits.Go(func() {
			if visit, err := c.Visit(ctx); ctx.Err() == nil {
				left(visit, err)
			}
		})
	}
}

// Visit is the next payer's way through the shop.
func (c *Crowd) Visit(ctx context.Context) (Visit, error) {
	c.mu.Lock()
	c.serial++
	habit, amount := c.pick(), money.Money{Minor: 100 * (50 + 10*c.random.Int64N(200)), Currency: money.INR}
	payer := robotPrefix + strconv.Itoa(c.serial)
	from := Person{Name: "PAYER NAME", VPA: fmt.Sprintf("payer%d@ybl", c.serial)}
	c.mu.Unlock()
	return c.VisitAs(ctx, payer, from, habit, amount)
}

// pick draws a habit. Nobody can claim a credited number before there is one.
func (c *Crowd) pick() Habit {
	drawn := c.random.IntN(100)
	for _, s := range shares {
		if drawn -= s.share; drawn >= 0 {
			continue
		}
		if c.last == "" && (s.habit == Greedy || s.habit == Squatter) {
			break
		}
		return s.habit
	}
	return Honest
}

// VisitAs is the way of a payer with the habit through the shop. An error means that something between the payer and
// Galla broke; a refusal is none.
func (c *Crowd) VisitAs(ctx context.Context, payer string, from Person, habit Habit, amount money.Money) (Visit, error) {
	v := Visit{Payer: payer, Habit: habit}
	order, _, err := c.shop.Open(ctx, payer, amount)
	if err != nil {
		return v, err
	}
	v.Order = order
	number := c.foreign(habit)
	if number == "" {
		t, err := c.pay(ctx, order, from, habit)
		if err != nil {
			return v, err
		}
		for _, typed := range typedBy(habit, t, c.shop.config.Bank) {
			c.wait(ctx, typePause)
			if v.Answer, _, err = c.shop.Claim(ctx, order.ID, typed); err != nil {
				return v, err
			}
		}
		number = t.Number
	}
	v.Answer, err = c.ask(ctx, order.ID, number)
	v.Order, _ = c.shop.Order(order.ID)
	if err == nil && v.Answer.Status == AnswerOK {
		c.mu.Lock()
		c.last = number
		c.mu.Unlock()
	}
	return v, err
}

// foreign is the number of somebody else that a payer with the habit claims, "" for those who pay themselves.
func (c *Crowd) foreign(habit Habit) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch habit {
	case Greedy:
		return c.last
	case Squatter:
		return c.paid
	}
	return ""
}

// pay sends the money as the habit is.
func (c *Crowd) pay(ctx context.Context, order Order, from Person, habit Habit) (t Transfer, err error) {
	pause, lag, amount := walletPause, time.Duration(0), order.Amount
	switch habit {
	case Late:
		pause = latePause
	case Hasty:
		lag = hastyLag
	case WrongAmount:
		amount.Minor -= 1_00
	}
	c.wait(ctx, pause)
	if t, err = c.shop.Pay(order.ID, from, amount, lag); err == nil {
		c.mu.Lock()
		c.paid = t.Number
		c.mu.Unlock()
	}
	return t, err
}

// typedBy is what a payer types before the right number.
func typedBy(habit Habit, t Transfer, bank *Bank) []string {
	switch habit {
	case Careless:
		return []string{bank.Mistype(t.Number)}
	case WrongNumber:
		return []string{t.AppID}
	}
	return nil
}

// ask sends the number, and again until it is decided or the payer loses patience.
func (c *Crowd) ask(ctx context.Context, order, number string) (answer Answer, err error) {
	c.wait(ctx, typePause)
	for range looks {
		answer, _, err = c.shop.Claim(ctx, order, number)
		if err != nil || answer.Status != AnswerPossible || !c.wait(ctx, askPause) {
			break
		}
	}
	return answer, err
}
