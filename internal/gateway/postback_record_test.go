package gateway

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/postback"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/internal/testkit"
)

func (w *world) record(g *Gateway, attempts []Attempt, moves ...LaneMove) []AttemptResult {
	w.t.Helper()
	results, err := g.RecordAttempts(context.Background(), attempts, moves)
	w.must(err)
	if len(results) != len(attempts) {
		w.t.Fatalf("%d results of %d attempts", len(results), len(attempts))
	}
	return results
}

func (w *world) failure(p Postback, lane LeasedLane) Attempt {
	return Attempt{Postback: p, Lease: lane.Lease, StartedAt: w.clock.Now(), Duration: time.Second, Status: 500, Answer: []byte("oops \x00\xff")}
}

func (w *world) delivery(p Postback, lane LeasedLane) Attempt {
	return Attempt{
		Postback: p, Lease: lane.Lease, StartedAt: w.clock.Now(), Duration: time.Second, Status: 200, Answer: []byte(`{"status":"ok"}`),
		Delivered: true,
	}
}

// stored are the attempts of a postback as kept.
func (w *world) stored(id int64) []store.PostbackAttempt {
	w.t.Helper()
	rows, err := w.g.store.Read().ListPostbackAttempts(context.Background(), id)
	w.must(err)
	return rows
}

var stale = AttemptResult{Stale: true}

func TestStaleOwnerRecordsNothing(t *testing.T) {
	eachWorld(t, func(w *world) {
		second := w.instance()
		w.postbacks(1, 2, shopDeposits)
		old := w.lease(w.g, shopDeposits)
		late := w.due(w.g, 10, old)
		w.clock.Set(old.Until)
		fresh := w.lease(second, shopDeposits)
		open := postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1, ProbeID: 1}
		refused := func(when string) {
			t.Helper()
			results := w.record(w.g, []Attempt{w.delivery(late[0], old), w.failure(late[1], old)}, LaneMove{LaneLease: old.LaneLease, Breaker: &open, Release: true})
			if !slices.Equal(results, []AttemptResult{stale, stale}) {
				t.Errorf("%s: %+v", when, results)
			}
			w.want("moved", w.count("SELECT count(*) FROM endpoint WHERE state <> 'closed' OR lease <> $1", fresh.Lease), 0)
		}
		refused("before its successor sent")
		w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 0)
		w.want("untouched", w.count("SELECT count(*) FROM postback WHERE state = 'pending' AND attempts = 0"), 2)
		due := w.due(second, 10, fresh)
		if got := w.record(second, []Attempt{w.failure(due[0], fresh)})[0]; got.State != PostbackPending || got.Stale {
			t.Errorf("the owner's record: %+v", got)
		}
		refused("after its successor sent")
		w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 1)
		w.want("tried once", w.count("SELECT count(*) FROM postback WHERE id = 1 AND state = 'pending' AND attempts = 1"), 1)
		w.want("not tried", w.count("SELECT count(*) FROM postback WHERE id = 2 AND state = 'pending' AND attempts = 0"), 1)
	})
}

// A process that slept leases a lane again, and what it sent before comes in beside what it sends now.
func TestStaleBesideCurrent(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 3, shopDeposits)
		w.postbacks(4, 1, otherDeposits)
		old, beside := w.lease(w.g, shopDeposits), w.lease(w.g, otherDeposits)
		late := w.due(w.g, 10, old)
		w.clock.Set(old.Until)
		fresh := w.lease(w.g, shopDeposits)
		now := w.due(w.g, 10, fresh)
		attempts := []Attempt{
			w.delivery(late[0], old), w.failure(now[0], fresh), w.failure(now[1], fresh), w.delivery(late[1], old), w.delivery(late[2], old),
			w.delivery(w.due(w.g, 1, beside)[0], beside),
		}
		moves := []LaneMove{
			{LaneLease: old.LaneLease, Breaker: &postback.Breaker{State: postback.Closed, ChangedAt: w.clock.Now()}, Release: true},
			{LaneLease: fresh.LaneLease, Breaker: &postback.Breaker{State: postback.Open, Reason: "HTTP 500", Failures: 1}},
		}
		for _, when := range []string{"at first", "repeated"} {
			results := w.record(w.g, attempts, moves...)
			want := []AttemptResult{stale, attempts[1].Outcome(), attempts[2].Outcome(), stale, stale, {State: PostbackDelivered}}
			if !slices.Equal(results, want) || results[1].State != PostbackPending {
				t.Fatalf("%s: got %+v\n   want %+v", when, results, want)
			}
			w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 3)
			w.want("of the old lease", w.count("SELECT count(*) FROM postback_attempt WHERE lease = $1", old.Lease), 0)
			w.want("delivered", w.count("SELECT count(*) FROM postback WHERE state = 'delivered'"), 1)
			w.want("opened and leased", w.count("SELECT count(*) FROM endpoint WHERE state = 'open' AND lease = $1", fresh.Lease), 1)
		}
	})
}

func TestRecordAttemptsFollowsTheSchedule(t *testing.T) {
	eachWorld(t, func(w *world) {
		created := w.clock.Now()
		tests := []struct {
			name       string
			attempts   int
			after      time.Duration // from the credit to the start of the attempt
			retryAfter time.Duration
			delivered  bool
			want       PostbackState
		}{
			{"delivered at once", 0, 0, 0, true, PostbackDelivered},
			{"failed at once", 0, 0, 0, false, PostbackPending},
			{"told to wait", 0, 0, 10 * time.Minute, false, PostbackPending},
			{"twelfth try", 11, 50 * time.Hour, 0, false, PostbackPending},
			{"thirteenth try", 12, 77 * time.Hour, 0, false, PostbackExhausted},
			{"thirteenth try delivered", 12, 77 * time.Hour, 0, true, PostbackDelivered},
			{"too old", 3, 80 * time.Hour, 0, false, PostbackExhausted},
			{"too old and delivered", 3, 90 * time.Hour, 0, true, PostbackDelivered},
		}
		w.postbacks(1, len(tests), shopDeposits)
		for i, test := range tests {
			w.mutate(fmt.Sprintf("UPDATE postback SET attempts = %d WHERE id = %d", test.attempts, i+1))
		}
		lane := w.lease(w.g, shopDeposits)
		due := w.due(w.g, len(tests), lane)
		slices.SortFunc(due, func(a, b Postback) int { return int(a.ID - b.ID) })
		var attempts []Attempt
		for i, test := range tests {
			w.want(test.name, int64(due[i].Attempts), int64(test.attempts))
			attempts = append(attempts, Attempt{
				Postback: due[i], Lease: lane.Lease, StartedAt: created.Add(test.after), Duration: 1500 * time.Millisecond,
				Address: "203.0.113.9:443", TLS: "TLS 1.3", Status: 200, Failure: "timeout",
				Error: "cut \x00 off \xff" + strings.Repeat("é", 400), Answer: bytes.Repeat([]byte{0, 0xff}, 3000),
				Delivered: test.delivered, RetryAfter: test.retryAfter,
			})
		}
		results := w.record(w.g, attempts)
		for i, test := range tests {
			ended := attempts[i].StartedAt.Add(1500 * time.Millisecond)
			next, endedAt := ended, ended.UnixMicro()
			if test.want == PostbackPending {
				next, _ = postback.Next(test.attempts+1, created, ended, test.retryAfter, uint64(due[i].ID))
				next, endedAt = time.UnixMicro(next.UnixMicro()).UTC(), 0
				if wait := results[i].NextAt.Sub(ended); wait < test.retryAfter || wait < 4*time.Second {
					t.Errorf("%s: next try after %v", test.name, wait)
				}
			}
			if results[i].State != test.want || test.want == PostbackPending && !results[i].NextAt.Equal(next) {
				t.Errorf("%s: %+v, want %s at %v", test.name, results[i], test.want, next)
			}
			row := fmt.Sprintf("SELECT count(*) FROM postback WHERE id = %d AND state = '%s' AND attempts = %d AND next_at = %d AND COALESCE(ended_at, 0) = %d",
				due[i].ID, test.want, test.attempts+1, next.UnixMicro(), endedAt)
			if w.count(row) != 1 {
				t.Errorf("%s: no such row: %s", test.name, row)
			}
		}
		kept := w.stored(1)
		if len(kept) != 1 {
			t.Fatalf("%d attempts of the first postback", len(kept))
		}
		a := kept[0]
		if a.Number != 1 || a.Lease != lane.Lease || a.StartedAt != created.UnixMicro() || a.Duration != 1500000 || a.Address != "203.0.113.9:443" ||
			a.Tls != "TLS 1.3" || a.Status != 200 || a.Failure != "timeout" || !strings.HasPrefix(a.Error, "cut  off é") || len(a.Error) > 500 ||
			!bytes.Equal(a.Answer, bytes.Repeat([]byte{0, 0xff}, 2048)) || a.NextAt.Valid {
			t.Errorf("stored %+v", a)
		}
		if next := w.stored(2)[0].NextAt; next.Int64 != results[1].NextAt.UnixMicro() {
			t.Errorf("next try in the attempt: %v", next)
		}
	})
}

// A record whose COMMIT gave no answer is repeated, alone or with others, also when it gave its lane back.
func TestRecordAttemptsMayBeRepeated(t *testing.T) {
	eachWorld(t, func(w *world) {
		second := w.instance()
		w.postbacks(1, 3, shopDeposits)
		lane := w.lease(w.g, shopDeposits)
		due := w.due(w.g, 3, lane)
		first, delivered, third := w.failure(due[0], lane), w.delivery(due[1], lane), w.delivery(due[2], lane)
		once := w.record(w.g, []Attempt{first, delivered})
		again := w.record(w.g, []Attempt{third, delivered, first}, LaneMove{LaneLease: lane.LaneLease, Release: true})
		if again[0].State != PostbackDelivered || again[1] != once[1] || again[2] != once[0] || once[0].State != PostbackPending {
			t.Errorf("first %+v, repeated %+v", once, again)
		}
		// Its successor has sent meanwhile, too.
		w.clock.Set(once[0].NextAt)
		fresh := w.lease(second, shopDeposits)
		w.record(second, []Attempt{w.failure(w.due(second, 1, fresh)[0], fresh)})
		move := LaneMove{LaneLease: lane.LaneLease, Breaker: &postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1}, Release: true}
		if late := w.record(w.g, []Attempt{third, delivered, first}, move); !slices.Equal(late, again) {
			t.Errorf("repeated after the release: %+v\n want %+v", late, again)
		}
		w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 4)
		w.want("still its successor's", w.count("SELECT count(*) FROM endpoint WHERE state = 'closed' AND lease = $1", fresh.Lease), 1)
		if results := w.record(w.g, nil); len(results) != 0 {
			t.Errorf("nothing recorded gives %v", results)
		}
	})
}

// C-4 for postbacks: whether a COMMIT without an answer was stored or not, repeating the record tells what became of it.
func TestRecordWithoutAnAnswer(t *testing.T) {
	for _, after := range []bool{false, true} {
		t.Run(map[bool]string{false: "lost before", true: "stored, answer lost"}[after], func(t *testing.T) {
			w := newWorld(t, testkit.Postgres(t))
			cutter, database := cutDatabase(t, w.database, after)
			g := w.through(database)
			w.postbacks(1, 2, shopDeposits)
			lane := w.lease(g, shopDeposits)
			due := w.due(g, 2, lane)
			attempts := []Attempt{w.delivery(due[0], lane), w.failure(due[1], lane)}
			move := LaneMove{LaneLease: lane.LaneLease, Breaker: &postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 2}, Release: true}
			cutter.arm(t, g, 1)
			if results, err := g.RecordAttempts(t.Context(), attempts, []LaneMove{move}); !errors.Is(err, ErrUnknown) {
				t.Fatalf("%+v, %v", results, err)
			}
			w.want("cut", cutter.cut.Load(), 1)
			stored := int64(0)
			if after {
				stored = 2
			}
			w.want("stored by then", w.count("SELECT count(*) FROM postback_attempt"), stored)
			results := w.record(g, attempts, move)
			if want := []AttemptResult{attempts[0].Outcome(), attempts[1].Outcome()}; !slices.Equal(results, want) {
				t.Errorf("repeated %+v, want %+v", results, want)
			}
			w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 2)
			w.want("opened and free", w.count("SELECT count(*) FROM endpoint WHERE state = 'open' AND failures = 2 AND lease = 0"), 1)
		})
	}
}

// A record stands or falls as a whole, and one that the database refuses isn't told as one to be repeated.
func TestPoisonInRecord(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 3, shopDeposits)
		lane := w.lease(w.g, shopDeposits)
		due := w.due(w.g, 3, lane)
		good := []Attempt{w.delivery(due[0], lane), w.failure(due[1], lane)}
		poisonous := LaneMove{LaneLease: lane.LaneLease, Breaker: &postback.Breaker{State: "ajar"}, Release: true}
		poison := w.delivery(due[2], lane)
		poison.Postback.Attempts = 1 << 20 // not a number that the column holds, nor the next one
		type call struct {
			attempts []Attempt
			moves    []LaneMove
		}
		calls := []call{{good, []LaneMove{poisonous}}}
		if w.g.store.Engine() == store.Postgres {
			calls = append(calls, call{append(slices.Clone(good), poison), nil})
		}
		for _, c := range calls {
			results, err := w.g.RecordAttempts(context.Background(), c.attempts, c.moves)
			if err == nil || errors.Is(err, ErrUnknown) {
				t.Fatalf("%+v, %v", results, err)
			}
		}
		w.want("attempts kept", w.count("SELECT count(*) FROM postback_attempt"), 0)
		w.want("untouched", w.count("SELECT count(*) FROM postback WHERE state = 'pending' AND attempts = 0"), 3)
		w.want("leased", w.count("SELECT count(*) FROM endpoint WHERE state = 'closed' AND lease = $1", lane.Lease), 1)
		if results := w.record(w.g, good); results[0].State != PostbackDelivered || results[1].State != PostbackPending {
			t.Errorf("without the poison: %+v", results)
		}
	})
}

// A replay begins the schedule anew: thirteen tries more, while the numbers of attempts count on without a gap.
func TestScheduleAfterReplay(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 1, shopDeposits)
		lane := w.lease(w.g, shopDeposits)
		tries := func(first int) {
			t.Helper()
			began := w.clock.Now()
			for try := 1; try <= postback.Tries; try++ {
				due := w.due(w.g, 10, lane)
				if len(due) != 1 || due[0].Attempts != first+try-2 || due[0].ScheduleTries != first-1 || !due[0].ScheduleAt.Equal(began) {
					t.Fatalf("try %d after %d: due %+v", try, first-1, due)
				}
				got := w.record(w.g, []Attempt{w.failure(due[0], lane)})[0]
				if try == postback.Tries {
					if got.State != PostbackExhausted {
						t.Fatalf("after its last try: %+v", got)
					}
					break
				}
				want := postback.Schedule[try]
				if wait := got.NextAt.Sub(w.clock.Now().Add(time.Second)); got.State != PostbackPending || wait < want*8/10 || wait > want*12/10 {
					t.Fatalf("after try %d: %+v, in %v", try, got, wait)
				}
				w.clock.Set(got.NextAt)
			}
			w.wantIDs("after the last try", w.due(w.g, 10, lane))
		}
		tries(1)
		w.clock.Advance(100 * time.Hour)
		w.mutate(fmt.Sprintf("UPDATE postback SET state = 'pending', ended_at = NULL, schedule_tries = attempts, schedule_at = %d, next_at = %d",
			w.clock.Now().UnixMicro(), w.clock.Now().UnixMicro()))
		tries(1 + postback.Tries)
		kept := w.stored(1)
		w.want("attempts kept", int64(len(kept)), 2*postback.Tries)
		for i, a := range kept {
			if int(a.Number) != i+1 || a.NextAt.Valid == ((i+1)%postback.Tries == 0) {
				t.Errorf("attempt %d is number %d with %v", i+1, a.Number, a.NextAt)
			}
		}
	})
}

// What is recorded out of turn leaves no gap: a number that isn't the next one is refused.
func TestAttemptNumbersHaveNoGaps(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 1, shopDeposits)
		lane := w.lease(w.g, shopDeposits)
		p := w.due(w.g, 1, lane)[0]
		early := p
		early.Attempts = 1
		if got := w.record(w.g, []Attempt{w.failure(early, lane)})[0]; got != stale {
			t.Errorf("the second attempt before the first: %+v", got)
		}
		w.record(w.g, []Attempt{w.failure(p, lane)})
		if got := w.record(w.g, []Attempt{w.failure(early, lane)})[0]; got.State != PostbackPending {
			t.Errorf("the second attempt: %+v", got)
		}
		var numbers []int16
		for _, a := range w.stored(1) {
			numbers = append(numbers, a.Number)
		}
		if !slices.Equal(numbers, []int16{1, 2}) {
			t.Errorf("attempts kept: %v", numbers)
		}
	})
}

func TestPlainText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.SampledFrom([]byte("a\x00\xff\xc3\xa9\xf0\x9f\x98\x80"))).Draw(t, "text"))
		limit := rapid.IntRange(0, 30).Draw(t, "limit")
		got := plainText(text, limit)
		if !utf8.ValidString(got) || strings.Contains(got, "\x00") || len(got) > limit {
			t.Fatalf("%q is %q within %d", text, got, limit)
		}
		if clean := strings.ReplaceAll(text, "\x00", ""); utf8.ValidString(clean) && len(clean) <= limit && got != clean {
			t.Fatalf("%q became %q", text, got)
		}
	})
}
