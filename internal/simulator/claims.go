package simulator

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/money"
)

// orderOf names an order of a shop.
type orderOf struct {
	shop  int
	order string
}

// claiming is what somebody asked for under an order, and what they were told last.
type claiming struct {
	orderOf
	request gateway.ClaimRequest
	of      *realPayment // whose number it is meant to be; nil: a made up one
	sent    time.Time    // first
	known   time.Time    // first answered: Galla may not have heard of it before
	honest  bool         // by who paid, with the right number and amount
	answer  galla.Status // "": none came
}

// claimNow draws who claims what: who paid, or who didn't.
func (w *world) claimNow() call {
	d := w.draw
	if w.swarm[guesser] && d.percent(12) {
		w.hit(guesser)
		return w.claim(w.guess())
	}
	var open []*realPayment
	for _, p := range w.payments {
		if !p.claimed {
			open = append(open, p)
		}
	}
	if w.swarm[squatter] && len(w.payments) > 0 && d.percent(15) {
		w.hit(squatter)
		return w.claim(w.squat(pick(d, w.payments)))
	}
	if len(open) == 0 {
		return w.background()
	}
	p := pick(d, open)
	p.claimed = true
	c := w.newClaim(p.shop, p.payer, p.number, p.amount)
	c.of, c.honest = p, true
	switch {
	case w.swarm[mistypedNumber] && d.percent(15):
		w.hit(mistypedNumber)
		c.request.Key1, c.honest = mistype(d, p.number), false
		p.tainted = true
		for _, other := range w.payments { // it may be somebody's
			if other.number == c.request.Key1 {
				other.tainted = true
			}
		}
	case w.swarm[wrongAmount] && d.percent(15):
		w.hit(wrongAmount)
		c.request.Amount.Minor += 100
		c.honest, p.tainted = false, true
	case w.swarm[strayOrder] && d.percent(10) && len(w.claims) > 0:
		w.hit(strayOrder)
		c.orderOf = pick(d, w.claims).orderOf
		c.request.MerchantID, c.request.OrderID = w.shops[c.shop].id, c.order
		c.honest, p.tainted = false, true
	}
	return w.claim(c)
}

func (w *world) newClaim(shop int, payer, number string, amount int64) *claiming {
	w.orders++
	order := fmt.Sprintf("order-%d", w.orders)
	return &claiming{sent: w.clock.Now(), orderOf: orderOf{shop, order}, request: gateway.ClaimRequest{
		MerchantID: w.shops[shop].id, OrderID: order, Payer: payer, Method: w.method, Key1: number,
		Amount: money.Money{Minor: amount, Currency: money.INR},
	}}
}

// guess is a claim on a number near those that were paid.
func (w *world) guess() *claiming {
	number := fmt.Sprintf("4%011d", 1000+w.draw.IntN(7*len(w.payments)+7))
	for _, p := range w.payments {
		if p.number == number {
			p.tainted = true
		}
	}
	return w.newClaim(w.draw.IntN(len(w.shops)), fmt.Sprintf("guesser-%d", w.draw.IntN(3)), number, pick(w.draw, amounts))
}

// squat is a claim on somebody else's number by who saw it.
func (w *world) squat(p *realPayment) *claiming {
	p.tainted = true
	c := w.newClaim(pick(w.draw, w.accounts[p.account].serves), fmt.Sprintf("squatter-%d", w.draw.IntN(3)), p.number, p.amount)
	c.of = p
	return c
}

// mistype swaps two digits or changes one.
func mistype(d draw, number string) string {
	digits := []byte(number)
	n := 1 + d.IntN(len(digits)-1)
	if digits[n] != digits[n-1] && d.percent(50) {
		digits[n], digits[n-1] = digits[n-1], digits[n]
		return string(digits)
	}
	digits[n] = '0' + (digits[n]-'0'+1)%10
	return string(digits)
}

// claim sends a claim and remembers it.
func (w *world) claim(c *claiming) call {
	what := fmt.Sprintf("claim %s of %s: %s %d", c.order, c.request.Payer, c.request.Key1, c.request.Amount.Minor)
	return call{what: what, queued: true, run: func(i *instance) func() {
		results, err := i.gateway.Activate(context.Background(), []gateway.ClaimRequest{c.request})
		return func() { w.claimed(c, results, err) }
	}}
}

func (w *world) claimed(c *claiming, results []gateway.ClaimResult, err error) {
	var tooMany *gateway.TooManyAttempts
	c.answer = ""
	switch {
	case errors.As(err, &tooMany):
		c.answer = galla.StatusFail
	case err != nil:
		w.mayFail("claim", err)
	default:
		c.answer = results[0].Answer().Status
		w.say("  %s: %s (%s)", c.order, c.answer, results[0].Reason)
		if c.answer == galla.StatusOK && c.of != nil && !c.of.lied && c.request.Key1 == c.of.number && results[0].Amount.Minor != c.of.amount {
			w.fail("M-4", "order %s was told ok with %d; %d arrived", c.order, results[0].Amount.Minor, c.of.amount)
		}
	}
	if c.answer != "" && c.known.IsZero() {
		c.known = w.clock.Now()
	}
	if n, known := w.orderly[c.orderOf]; !known {
		w.orderly[c.orderOf] = len(w.claims)
		w.claims = append(w.claims, c)
	} else if before := w.claims[n]; before != c && (before.request.Key1 != c.request.Key1 || before.request.Payer != c.request.Payer || before.request.Amount != c.request.Amount) {
		// The order says something else now. What was said before is no longer repeated.
		if c.answer != "" && c.answer != galla.StatusFail {
			w.claims[n] = c
		}
	}
	told := oracle.ToldClaim{Merchant: int64(c.request.MerchantID), OrderID: c.order, Number: c.request.Key1, Amount: c.request.Amount.Minor, Answer: word(c.answer)}
	if c.shop == creditsAnyAmount {
		told.Amount = 0
	}
	w.told.Claims = append(w.told.Claims, told)
}

// word is an answer in the words of the oracle's book.
func word(s galla.Status) string {
	switch s {
	case galla.StatusOK:
		return "ok"
	case galla.StatusPending:
		return "pending"
	case galla.StatusPossible:
		return "possible"
	case galla.StatusFail:
		return "fail"
	}
	return ""
}

// repeat sends a claim again, as shops do that got no answer, or that ask whether it is credited by now.
func (w *world) repeat() *call {
	if len(w.claims) == 0 {
		return nil
	}
	c := pick(w.draw, w.claims)
	was := c.answer
	again := w.claim(c)
	run := again.run
	again.what = "repeat " + again.what
	again.run = func(i *instance) func() {
		learn := run(i)
		return func() {
			learn()
			if was == galla.StatusOK && c.answer != "" && c.answer != galla.StatusOK {
				w.fail("C-4", "order %s was told ok, and now %s", c.order, c.answer)
			}
		}
	}
	return &again
}

// correct sends an order again with another number, as payers do who mistyped it.
func (w *world) correct() *call {
	if !w.swarm[correction] || len(w.claims) == 0 {
		return nil
	}
	w.hit(correction)
	before := pick(w.draw, w.claims)
	c := *before
	c.answer, c.honest = "", false
	if p := before.of; p != nil {
		c.request.Key1, c.request.Amount.Minor, p.tainted = p.number, p.amount, true
	} else {
		c.request.Key1 = mistype(w.draw, c.request.Key1)
	}
	again := w.claim(&c)
	return &again
}
