package simulator

import (
	"context"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/money"
)

// realPayment is money that really arrived, and whose it is.
type realPayment struct {
	shop, account int // indices
	payer, number string
	amount        int64
	at            time.Time
	claimed       bool      // by who paid
	tainted       bool      // somebody else, or some lie, was about it: nothing is promised to who paid
	lied          bool      // some source told another amount
	heard         time.Time // strong evidence of it was taken; zero: never
}

// message is a report of a transfer on its way from a phone.
type message struct {
	of  *realPayment
	due time.Time
	gateway.EvidenceItem
	lies  bool // its amount isn't what arrived
	first bool // nobody told of its number before
}

// amounts are few, so that many payments have the same.
var amounts = []int64{100_00, 500_00, 500_50, 1999_00, 25_000_00, 60_000_00}

// pay lets a payer pay, and the phones hear of it sooner or later, or never.
func (w *world) pay() {
	d := w.draw
	a := d.IntN(len(w.accounts))
	account := w.accounts[a]
	p := &realPayment{
		account: a, shop: pick(d, account.serves), payer: fmt.Sprintf("payer-%d", d.IntN(8)), amount: pick(d, amounts), at: w.clock.Now(),
		number: fmt.Sprintf("4%011d", 1000+7*len(w.payments)+d.IntN(7)),
	}
	w.payments = append(w.payments, p)
	w.seen.Transfers = append(w.seen.Transfers, oracle.SeenTransfer{Account: account.id, Number: p.number, Amount: p.amount, Currency: "INR"})
	w.say("%s pays %d to account %d, number %s", p.payer, p.amount, account.id, p.number)
	if len(account.serves) > 1 {
		w.offer(p)
	}
	if w.swarm[missingEvidence] && d.percent(20) {
		w.hit(missingEvidence)
		p.tainted = true
		return
	}
	w.hear(p, 0)
	if d.percent(40) {
		w.hear(p, 1) // another source tells of the same
	}
	if w.swarm[reversal] && d.percent(10) {
		w.hit(reversal)
		p.tainted = true
		m := w.messageOf(p, 0)
		m.Outcome = evidence.Reversal
		w.post(m)
	}
}

// offer shows the payer of a shared account a wallet before the payment.
func (w *world) offer(p *realPayment) {
	shop := w.shops[p.shop]
	i := w.instances[0]
	m, _ := i.gateway.Directory().Merchant(shop.id)
	got, err := i.gateway.Offer(context.Background(), gateway.OfferRequest{Merchant: m, Payer: p.payer, Method: w.method, Currency: "INR"})
	if err != nil || int64(got.Wallet.AccountID) != w.accounts[p.account].id {
		p.tainted = true // shown another one
	}
	p.at = w.clock.Now()
}

// hear puts what a source tells of a payment on its way.
func (w *world) hear(p *realPayment, source int) {
	m := w.messageOf(p, source)
	if w.swarm[weakEvidence] && w.draw.percent(30) {
		w.hit(weakEvidence)
		m.Strength = evidence.StrengthWeak
	}
	if w.swarm[contradiction] && w.draw.percent(12) {
		w.hit(contradiction)
		m.lies, p.lied, p.tainted = true, true, true
		m.Amount.Minor += 100
		// Who is lied to first believes it: to Galla this may be what came.
		w.seen.Transfers = append(w.seen.Transfers, oracle.SeenTransfer{Account: int64(m.AccountID), Number: p.number, Amount: m.Amount.Minor, Currency: "INR"})
	}
	w.post(m)
	if w.swarm[repeatedEvidence] && w.draw.percent(40) {
		w.hit(repeatedEvidence)
		again := *m
		w.post(&again)
	}
}

func (w *world) messageOf(p *realPayment, source int) *message {
	w.known++
	strength := evidence.StrengthAny
	if source == 1 {
		strength = evidence.StrengthSMS
	}
	account := w.accounts[p.account]
	return &message{of: p, EvidenceItem: gateway.EvidenceItem{
		SourceID: account.sources[source].ID, AccountID: deposit.AccountID(account.id), Fingerprint: sha256.Sum256(fmt.Appendf(nil, "%d", w.known)),
		Raw: fmt.Appendf(nil, "message %d: %s %d", w.known, p.number, p.amount), Outcome: evidence.Credit, Rail: w.method.Rail, Number: p.number,
		Amount: money.Money{Minor: p.amount, Currency: money.INR}, OccurredAt: p.at, Precision: evidence.PrecisionExact, Strength: strength,
	}}
}

// mostLate is how late a phone may tell of a transfer.
const mostLate = 48 * time.Hour

func (w *world) post(m *message) {
	m.due = w.clock.Now().Add(time.Duration(w.draw.IntN(20)) * time.Second)
	if w.swarm[lateEvidence] && w.draw.percent(40) {
		w.hit(lateEvidence)
		m.due = w.clock.Now().Add(w.draw.delay(mostLate))
	}
	w.phone = append(w.phone, m)
}

// deliver hands over what is due, a few at once and in any order.
func (w *world) deliver() call {
	var due []*message
	now := w.clock.Now()
	for range 1 + w.draw.IntN(4) {
		if len(w.phone) == 0 {
			break
		}
		n := w.draw.IntN(len(w.phone))
		if m := w.phone[n]; !m.due.After(now) {
			due = append(due, m)
			w.phone = append(w.phone[:n], w.phone[n+1:]...)
		}
	}
	if len(due) == 0 {
		return w.background()
	}
	return w.observe(due)
}

func (w *world) observe(due []*message) call {
	// Whoever tells of a transfer before anybody else does must be told that it is new, whatever became of the first COMMIT.
	for _, m := range due {
		m.first = m.Outcome == evidence.Credit && !w.tried[m.Number]
		w.tried[m.Number] = true
	}
	return call{what: fmt.Sprintf("observe %s", describe(due)), queued: true, run: func(i *instance) func() {
		items := make([]gateway.EvidenceItem, len(due))
		for n, m := range due {
			m.ReceivedAt = w.clock.Now()
			items[n] = m.EvidenceItem
		}
		results, err := i.gateway.Observe(context.Background(), items)
		return func() { w.observed(due, results, err) }
	}}
}

func (w *world) observed(due []*message, results []gateway.EvidenceResult, err error) {
	if err != nil {
		w.mayFail("observe", err)
		w.phone = append(w.phone, due...) // the phone sends again what got no answer
		return
	}
	for n, m := range due {
		if m.first && w.alone && results[n].Status == gateway.EvidenceDuplicate {
			w.fail("E-1", "number %s was told for the first time, and is a duplicate", m.Number)
		}
		w.say("  %s %d: %s %s", m.Number, m.Amount.Minor, results[n].Status, results[n].Reason)
		w.told.Evidence = append(w.told.Evidence, oracle.ToldEvidence{Source: m.SourceID, Number: m.Number, Amount: m.Amount.Minor, Answer: string(results[n].Status)})
		if m.Outcome == evidence.Credit && m.Strength == evidence.StrengthAny && !m.lies {
			if m.of.heard.IsZero() {
				m.of.heard = w.clock.Now()
			}
		}
	}
}

func describe(due []*message) string {
	text := ""
	for _, m := range due {
		text += fmt.Sprintf("%s=%d ", m.Number, m.Amount.Minor)
	}
	return text
}
