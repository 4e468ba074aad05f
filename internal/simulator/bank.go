package simulator

import (
	"context"
	"fmt"
	"time"

	"github.com/galla-gateway/galla/internal/oracle"
	"github.com/galla-gateway/galla/internal/payout"
)

// bank pays withdrawals. Whatever it says, it pays a reference once at most. What it does is drawn for each reference, so that it
// doesn't depend on who asks when.
type bank struct {
	world  *world
	seed   uint64
	book   map[string]*payment
	order  []string
	told   int64 // its transaction numbers
	sleeps uint64
}

// payment is what the bank has under one reference.
type payment struct {
	instruction payout.Instruction
	taken       time.Time // when it arrived; zero: it never did, or not yet
	arrives     time.Time // of a request that is late
	settles     time.Time // when it is paid or refused
	paid        bool
	refused     bool // for good
	regrets     bool // it says "failed" until it is paid
	utr         string
	asked       uint64 // to pay
	searched    uint64
	faults      [faultCount]bool
}

// Times of the bank. What it regrets it does within the hour in which Galla doesn't believe a "failed".
const (
	mostRegret  = 50 * time.Minute
	mostSettle  = 3 * time.Hour
	mostArrival = 4 * time.Minute
	mostSleep   = 3 * time.Hour
)

func newBank(w *world, seed uint64) *bank {
	return &bank{world: w, seed: seed, book: map[string]*payment{}}
}

// open returns the line of a reference, as the bank will treat it.
func (b *bank) open(in payout.Instruction) *payment {
	p := b.book[in.Reference]
	if p != nil {
		return p
	}
	d := newDraw(b.seed, uint64(len(b.order))+1)
	p = &payment{instruction: in}
	for _, f := range []fault{bankSilent, bankLost, bankRefuses, bankRegrets} {
		p.faults[f] = b.world.swarm[f] && d.percent(40)
	}
	now := b.world.clock.Now()
	p.refused = p.faults[bankRefuses]
	p.regrets = p.faults[bankRegrets] && !p.refused
	p.settles = now.Add(d.delay(mostSettle))
	if p.regrets {
		p.settles = now.Add(d.delay(mostRegret))
	}
	b.told++
	p.utr = fmt.Sprintf("6%011d", b.told)
	b.book[in.Reference] = p
	b.order = append(b.order, in.Reference)
	return p
}

// pass lets time do what it does to a payment.
func (p *payment) pass(now time.Time) {
	if p.taken.IsZero() && !p.arrives.IsZero() && !now.Before(p.arrives) {
		p.taken = p.arrives
	}
	if !p.taken.IsZero() && !p.refused && !now.Before(p.settles) {
		p.paid = true
	}
}

// line is the bank as one instance reaches it.
type line struct {
	*bank
	of *instance
}

// Pay implements rail.Rail.
func (l *line) Pay(_ context.Context, in payout.Instruction) payout.Answer {
	if l.of.pass(beforeBank) != nil {
		return silence() // this process is dead, and its request never left
	}
	p := l.open(in)
	if p.instruction.Hash() != in.Hash() {
		l.world.fail("W-5", "the bank was told of %s twice, and not the same", in.Reference)
	}
	l.world.askedBank(in)
	now := l.world.clock.Now()
	p.asked++
	switch {
	case p.taken.IsZero() && p.faults[bankLost] && p.asked == 1:
		l.world.hit(bankLost)
		if d := newDraw(l.seed, 1_000_000+p.asked); d.percent(50) {
			p.arrives = now.Add(d.delay(mostArrival)) // it is under way
		}
		return l.answered(silence())
	case p.taken.IsZero():
		p.taken = now
	}
	p.pass(now)
	if p.faults[bankSilent] && p.asked == 1 {
		l.world.hit(bankSilent)
		return l.answered(silence())
	}
	return l.answered(l.word(p))
}

// Find implements rail.Rail.
func (l *line) Find(_ context.Context, in payout.Instruction, _ string) payout.Answer {
	if l.of.pass(beforeBank) != nil {
		return silence()
	}
	p, known := l.book[in.Reference]
	if known {
		p.pass(l.world.clock.Now())
		p.searched++
		if d := newDraw(l.seed, 3_000_000+p.searched); p.faults[bankSilent] && d.percent(40) {
			return l.answered(silence())
		}
	}
	if !known || p.taken.IsZero() {
		return l.answered(payout.Answer{Outcome: payout.Absent, Code: "not_found"})
	}
	return l.answered(l.word(p))
}

// answered is the moment in which the bank has done what it does and the instance doesn't know yet.
func (l *line) answered(a payout.Answer) payout.Answer {
	if l.of.pass(afterBank) != nil {
		return silence()
	}
	if l.world.swarm[sleepyTeller] {
		l.sleeps++
		if d := newDraw(l.seed, 2_000_000+l.sleeps); d.percent(10) {
			l.world.hit(sleepyTeller)
			l.world.clock.advance(d.delay(mostSleep))
		}
	}
	return a
}

func silence() payout.Answer {
	return payout.Answer{Outcome: payout.Unknown, Reason: "no answer"}
}

// word is what the bank says of a payment that it has.
func (l *line) word(p *payment) payout.Answer {
	switch {
	case p.paid:
		return payout.Answer{Outcome: payout.Paid, RailID: "r-" + p.utr, UTR: p.utr, Code: "processed"}
	case p.refused:
		l.world.hit(bankRefuses)
		return payout.Answer{Outcome: payout.Failed, RailID: "r-" + p.utr, Code: "reversed", Reason: "beneficiary bank refused"}
	case p.regrets:
		l.world.hit(bankRegrets)
		return payout.Answer{Outcome: payout.Failed, RailID: "r-" + p.utr, Code: "failed", Reason: "it is not sure"}
	}
	return payout.Answer{Outcome: payout.Sent, RailID: "r-" + p.utr, Code: "processing"}
}

// seen is the bank's book as the oracle reads it.
func (b *bank) seen() []oracle.SeenPayout {
	now := b.world.clock.Now()
	list := make([]oracle.SeenPayout, 0, len(b.order))
	for _, reference := range b.order {
		p := b.book[reference]
		p.pass(now)
		if p.taken.IsZero() {
			continue
		}
		s := oracle.SeenPayout{Reference: reference, Account: p.instruction.AccountNumber}
		if p.paid {
			s.Amount, s.Credits = p.instruction.Amount.Minor, 1
		}
		list = append(list, s)
	}
	return list
}
