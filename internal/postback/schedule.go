// Package postback holds the rules of telling a merchant: when a postback is
// sent again and what counts as delivered. It does no I/O.
package postback

import (
	"math/bits"
	"time"
)

// Limits of the schedule (protocol 8).
const (
	// Tries is how often one postback is sent by itself.
	Tries = 13
	// Lifetime is the time since the credit after which nothing is sent by
	// itself any more, however many tries are left.
	Lifetime = 80 * time.Hour
	// MaxRetryAfter is the longest wait that a receiver can ask for.
	MaxRetryAfter = time.Hour
	// JitterPercent is how far a wait is drawn out or shortened at most, so
	// that what failed together doesn't come back together.
	JitterPercent = 20
)

// Schedule holds the wait before each try, counted from the failure of the one
// before: 76 h 42 min 35 s in all.
var Schedule = [Tries]time.Duration{
	0, 5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// Next tells when a postback is sent again. attempts is the number of tries it
// has had, credited the time of what it tells about, now the time of the last
// failure, retryAfter what the receiver asked for (0 if nothing), and seed any
// number of its own, such as its id: the same arguments give the same time.
// The last try isn't later than the end of the Lifetime. exhausted means that
// there is no next try; at is zero then.
func Next(attempts int, credited, now time.Time, retryAfter time.Duration, seed uint64) (at time.Time, exhausted bool) {
	end := credited.Add(Lifetime)
	if attempts >= Tries || !now.Before(end) {
		return time.Time{}, true
	}
	at = now.Add(Delay(attempts, retryAfter, seed))
	if at.After(end) {
		at = end
	}
	return at, false
}

// Delay is the wait after the given number of failures in a row, at least
// retryAfter as far as MaxRetryAfter. It never ends: past the schedule the last
// wait is repeated, as an endpoint that stays dead needs it.
func Delay(failures int, retryAfter time.Duration, seed uint64) time.Duration {
	failures = min(max(failures, 0), Tries-1)
	wait := jittered(Schedule[failures], seed+uint64(failures))
	return max(wait, min(retryAfter, MaxRetryAfter))
}

// jittered spreads wait evenly over ± JitterPercent.
func jittered(wait time.Duration, seed uint64) time.Duration {
	reach := wait * JitterPercent / 100
	// The high half of a product with a random 64-bit number is an even choice
	// below the other factor.
	offset, _ := bits.Mul64(uint64(2*reach+1), scramble(seed))
	return wait - reach + time.Duration(offset)
}

// scramble makes seeds that follow one another unlike each other (the output
// step of SplitMix64).
func scramble(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
