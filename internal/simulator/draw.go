package simulator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"
)

// draw is where everything random of a life comes from.
type draw struct{ *rand.Rand }

func newDraw(seed uint64, purpose uint64) draw {
	return draw{rand.New(rand.NewPCG(seed, purpose))}
}

// percent is true so many times in a hundred.
func (d draw) percent(n int) bool { return d.IntN(100) < n }

// between is from the first to the second, both included.
func (d draw) between(from, to int64) int64 { return from + d.Int64N(to-from+1) }

// delay is a duration up to most, small ones as likely as large ones.
func (d draw) delay(most time.Duration) time.Duration {
	return time.Duration(d.Int64N(int64(most)>>d.IntN(12) + 1))
}

// pick is one of a list that isn't empty.
func pick[T any](d draw, list []T) T { return list[d.IntN(len(list))] }

// fault is one way in which the world misbehaves.
type fault int

// The faults.
const (
	lateEvidence fault = iota
	repeatedEvidence
	missingEvidence
	contradiction
	weakEvidence
	reversal
	mistypedNumber
	wrongAmount
	squatter
	guesser
	correction
	deafReceiver
	frozenSender
	strayOrder // one order id for two payments
	bankSilent // no answer, and the payment was taken
	bankLost   // no answer, and the payment never came
	bankRefuses
	bankRegrets // "failed", and paid within the hour
	sleepyTeller
	crash
	lostCommit
	outage
	interleaving
	sharedBatch
	person
	faultCount
)

var faultNames = [faultCount]string{
	"late evidence", "repeated evidence", "missing evidence", "contradiction", "weak evidence", "reversal", "mistyped number", "wrong amount",
	"squatter", "guesser", "correction", "deaf receiver", "frozen sender", "stray order", "bank silent", "bank lost", "bank refuses", "bank regrets",
	"sleepy teller", "crash", "lost commit", "outage", "interleaving", "shared batch", "person",
}

func (f fault) String() string { return faultNames[f] }

// swarm is which faults a life has.
type swarm [faultCount]bool

// newSwarm enables each fault in about half of the lives, and in one of sixteen none.
func newSwarm(d draw) (s swarm) {
	if d.percent(6) {
		return s
	}
	for f := range s {
		s[f] = d.percent(45)
	}
	return s
}

func (s swarm) String() string {
	var names []string
	for f, on := range s {
		if on {
			names = append(names, fault(f).String())
		}
	}
	if names == nil {
		return "no faults"
	}
	return fmt.Sprintf("%d faults: %s", len(names), strings.Join(names, ", "))
}
