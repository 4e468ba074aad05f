package postback

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var credited = time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)

func TestScheduleIsTheProtocols(t *testing.T) {
	var sum time.Duration
	for _, wait := range Schedule {
		sum += wait
	}
	if want := 76*time.Hour + 42*time.Minute + 35*time.Second; sum != want {
		t.Errorf("the waits add up to %v, want %v", sum, want)
	}
}

func TestNextStaysWithinJitter(t *testing.T) {
	for attempts, wait := range Schedule {
		early, late := false, false
		for seed := range uint64(1000) {
			at, exhausted := Next(attempts, credited, credited, 0, seed)
			if exhausted {
				t.Fatalf("after %d tries: exhausted", attempts)
			}
			got := at.Sub(credited)
			if low, high := wait*8/10, wait*12/10; got < low || got > high {
				t.Fatalf("after %d tries: %v, want %v to %v", attempts, got, low, high)
			}
			early = early || got < wait*85/100
			late = late || got > wait*115/100
		}
		if wait > 0 && !(early && late) {
			t.Errorf("after %d tries: a thousand seeds don't use the jitter", attempts)
		}
	}
}

func TestNext(t *testing.T) {
	const seed = 7
	exactly := func(d time.Duration) [2]time.Duration { return [2]time.Duration{d, d} }
	about := func(d time.Duration) [2]time.Duration { return [2]time.Duration{d * 8 / 10, d * 12 / 10} }
	tests := []struct {
		name       string
		attempts   int
		age        time.Duration // now - credited
		retryAfter time.Duration
		wait       [2]time.Duration // from, to; negative: exhausted
	}{
		{"the first at once", 0, 0, 0, exactly(0)},
		{"negative attempts", -3, 0, 0, exactly(0)},
		{"the second", 1, time.Second, 0, about(5 * time.Second)},
		{"the thirteenth", 12, 50 * time.Hour, 0, about(24 * time.Hour)},
		{"none after that", 13, 50 * time.Hour, 0, exactly(-1)},
		{"nor much later", math.MaxInt, time.Hour, 0, exactly(-1)},
		{"asked to wait longer", 1, 0, 10 * time.Minute, exactly(10 * time.Minute)},
		{"asked to wait an hour", 1, 0, time.Hour, exactly(time.Hour)},
		{"asked to wait for ever", 1, 0, math.MaxInt64, exactly(time.Hour)},
		{"asked to wait less", 5, 0, time.Second, about(30 * time.Minute)},
		{"asked for the past", 2, 0, math.MinInt64, about(30 * time.Second)},
		{"asked before any try", 0, 0, 2 * time.Second, exactly(2 * time.Second)},
		{"cut at the end of the lifetime", 12, 70 * time.Hour, 0, exactly(10 * time.Hour)},
		{"Retry-After cut there too", 1, Lifetime - time.Minute, time.Hour, exactly(time.Minute)},
		{"just before the end", 1, Lifetime - 1, 0, exactly(1)},
		{"at the end", 1, Lifetime, 0, exactly(-1)},
		{"past the end without a try", 0, Lifetime + time.Hour, 0, exactly(-1)},
		{"a clock before the credit", 1, -time.Hour, 0, about(5 * time.Second)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			now := credited.Add(tt.age)
			at, exhausted := Next(tt.attempts, credited, now, tt.retryAfter, seed)
			if exhausted != (tt.wait[0] < 0) || exhausted != at.IsZero() {
				t.Fatalf("Next = %v, exhausted %v", at, exhausted)
			}
			if wait := at.Sub(now); !exhausted && (wait < tt.wait[0] || wait > tt.wait[1]) {
				t.Errorf("waits %v, want %v", wait, tt.wait)
			}
		})
	}
}

// However a receiver fails and whatever it asks for, it gets at most 13 tries,
// in order, within the lifetime.
func TestEveryPostbackEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		now, tries := credited, 0
		for {
			at, exhausted := Next(tries, credited, now, time.Duration(rapid.Int64().Draw(t, "retryAfter")), seed)
			if exhausted {
				break
			}
			if at.Before(now) || at.After(credited.Add(Lifetime)) {
				t.Fatalf("try %d at %v, now %v", tries+1, at, now)
			}
			if again, _ := Next(tries, credited, now, 0, seed); again.After(at) {
				t.Fatalf("Retry-After brought the try forward from %v to %v", again, at)
			}
			now, tries = at.Add(time.Duration(rapid.Int64Range(0, int64(15*time.Second)).Draw(t, "took"))), tries+1
		}
		if tries > Tries {
			t.Fatalf("%d tries", tries)
		}
		if tries < Tries && now.Before(credited.Add(Lifetime)) {
			t.Fatalf("exhausted after %d tries and %v", tries, now.Sub(credited))
		}
	})
}

func TestDelayNeverEnds(t *testing.T) {
	for _, failures := range []int{12, 13, 14, 1000, math.MaxInt} {
		if got := Delay(failures, 0, 1); got < 24*time.Hour*8/10 || got > 24*time.Hour*12/10 {
			t.Errorf("after %d failures: %v", failures, got)
		}
	}
	if Delay(5, 0, 1) != Delay(5, 0, 1) {
		t.Error("the same arguments give different waits")
	}
	if Delay(5, 0, 1) == Delay(5, 0, 2) {
		t.Error("different seeds give the same wait")
	}
}
