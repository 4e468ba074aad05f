package sim

import (
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

func TestReceiverCounts(t *testing.T) {
	clock := testkit.NewClock()
	f := &Fleet{options: FleetOptions{Now: clock.Now}}
	r := newReceiver(kind{name: "ok", healthy: true}, 2)
	begun := clock.Now()

	first := r.arrive(f, "a")
	clock.Advance(time.Second)
	second := r.arrive(f, "a")
	other := r.arrive(f, "b")
	if first.attempt != 1 || second.attempt != 2 || other.attempt != 1 || second.again {
		t.Errorf("attempts %d, %d and %d, accepted before: %v", first.attempt, second.attempt, other.attempt, second.again)
	}
	second.end()
	second.end() // counts once
	third := r.arrive(f, "a")
	third.accept()
	third.accept()
	first.accept()
	if fourth := r.arrive(f, "a"); !fourth.again {
		t.Error("a repeat doesn't know that the postback was accepted")
	}
	for range 3 {
		forgotten := r.arrive(f, "c")
		forgotten.accept()
		forgotten.end()
	}
	r.arrive(f, "").end()

	if got, want := r.Counts(), (Counts{Requests: 9, Postbacks: 2, Accepted: 1, MostOpen: 2, Forgotten: 3}); got != want {
		t.Errorf("counts %+v, want %+v", got, want)
	}
	if got, want := r.Of("a"), (Arrivals{Requests: 4, Accepted: true, First: begun}); got != want {
		t.Errorf("of a: %+v, want %+v", got, want)
	}
	if got, want := r.Of("b"), (Arrivals{Requests: 1, First: begun.Add(time.Second)}); got != want {
		t.Errorf("of b: %+v, want %+v", got, want)
	}
	if got := r.Of("c"); got != (Arrivals{}) || len(r.known) != 2 {
		t.Errorf("of c: %+v, and %d are remembered", got, len(r.known))
	}
}

// What fails at random fails by the seed, whatever comes in between.
func TestOneInThree(t *testing.T) {
	f := &Fleet{options: FleetOptions{Now: testkit.NewClock().Now, Seed: 7}}
	r, again := newReceiver(kind{}, 1000), newReceiver(kind{}, 1000)
	fails := 0
	for i := range 300 {
		id := string(rune('a' + i%26))
		v := r.arrive(f, id)
		if oneInThree(v) {
			fails++
		}
		w := &visit{fleet: f, receiver: again, id: id, attempt: v.attempt}
		if oneInThree(v) != oneInThree(w) {
			t.Fatalf("attempt %d of %s fails once and not the other time", v.attempt, id)
		}
	}
	if fails < 70 || fails > 130 {
		t.Errorf("%d of 300 fail; want about 100", fails)
	}
}
