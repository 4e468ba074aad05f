package gateway

import (
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
)

// claims lets n claims of a key be decided, right or wrong.
func claims(t *tallies[string], key string, n int, wrong bool, now time.Time) {
	for range n {
		t.enter(key)
		t.leave(key, wrong, now)
	}
}

func TestTallies(t *testing.T) {
	type step struct {
		after time.Duration // since the step before
		key   string
		wrong int
		right int
		again time.Duration // from now until there is budget; 0: there is some
	}
	for name, steps := range map[string][]step{
		"right ones never count": {{key: "a", right: 100}},
		"the limit is reached, not passed": {
			{key: "a", wrong: 2}, {key: "a", wrong: 1, again: time.Hour}, {key: "b"},
		},
		"the hour slides": {
			{key: "a", wrong: 1}, {after: 20 * time.Minute, key: "a", wrong: 2, again: 40 * time.Minute},
			{after: 39*time.Minute + 59*time.Second, key: "a", again: time.Second}, {after: time.Second, key: "a"},
			{key: "a", wrong: 1, again: 20 * time.Minute}, {after: time.Hour, key: "a"},
		},
		"right ones between wrong ones": {
			{key: "a", wrong: 1, right: 5}, {key: "a", wrong: 1, right: 5}, {key: "a", right: 5}, {key: "a", wrong: 1, again: time.Hour},
		},
	} {
		clock, counted := testkit.NewClock(), newTallies[string](3, 10)
		for i, s := range steps {
			now := clock.Advance(s.after)
			claims(counted, s.key, s.wrong, true, now)
			claims(counted, s.key, s.right, false, now)
			again, full := counted.full(s.key, now)
			if full != (s.again > 0) || full && again.Sub(now) != s.again {
				t.Errorf("%s: step %d: full %v, again in %v, want %v", name, i, full, again.Sub(now), s.again)
			}
		}
	}
}

// Claims that aren't decided count as if they were wrong.
func TestTalliesOfOpenClaims(t *testing.T) {
	now, counted := testkit.NewClock().Now(), newTallies[string](3, 10)
	for range 3 {
		if counted.taken("a") {
			t.Fatal("taken too early")
		}
		counted.enter("a")
	}
	if _, full := counted.full("a", now); full || !counted.taken("a") {
		t.Error("three undecided ones must be waited for, not refused")
	}
	counted.leave("a", false, now)
	if counted.taken("a") {
		t.Error("one was right: there is room for one more")
	}
	counted.leave("a", true, now)
	counted.leave("a", true, now)
	counted.enter("a")
	if !counted.taken("a") || counted.taken("b") {
		t.Error("two wrong and one undecided use the budget of three up")
	}
}

// What is remembered is bounded, and nothing is kept of keys without wrong claims.
func TestTalliesForget(t *testing.T) {
	clock, counted := testkit.NewClock(), newTallies[string](3, 2)
	claims(counted, "right", 5, false, clock.Now())
	claims(counted, "a", 3, true, clock.Now())
	claims(counted, "b", 1, true, clock.Advance(time.Minute))
	counted.enter("a")
	claims(counted, "c", 1, true, clock.Advance(time.Minute))
	if _, full := counted.full("a", clock.Now()); full || len(counted.byKey) != 3 || counted.order.Len() != 2 {
		t.Errorf("the oldest isn't forgotten: %d keys, %d in order", len(counted.byKey), counted.order.Len())
	}
	counted.leave("a", false, clock.Now())
	claims(counted, "d", 1, true, clock.Advance(attemptWindow))
	if len(counted.byKey) != 1 || counted.order.Len() != 1 {
		t.Errorf("what doesn't count any more is kept: %d keys", len(counted.byKey))
	}
	clock.Advance(attemptWindow)
	if counted.full("d", clock.Now()); len(counted.byKey) != 0 || counted.order.Len() != 0 {
		t.Errorf("%d keys are left", len(counted.byKey))
	}
}
