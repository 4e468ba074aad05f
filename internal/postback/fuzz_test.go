package postback

import (
	"testing"
	"time"
)

// FuzzBreaker: whatever requests end how, the breaker is in one of its states and only what the rules name moves it: paused stays
// until a person resumes it, and a probe that is delivered closes it.
func FuzzBreaker(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 4, 5, 6, 7})
	f.Add([]byte{0x30, 0x31, 0x32, 0x33, 0x34, 0x10})
	f.Add([]byte{0x07, 0x18, 0x29, 0x00, 0xff})
	statuses := []int{200, 0, 500, 503, 429, 410, 404, 502}
	f.Fuzz(func(t *testing.T, requests []byte) {
		w, now := newWatch(), 100
		for _, r := range requests {
			now += 1 + int(r>>5)
			status := statuses[r&7]
			e := ended(int64(r>>3&3), now-int(r>>6), now, status)
			if e.Delivered = status == 200 && r&0x08 == 0; e.Delivered {
				e.NextAt = time.Time{}
			}
			if r&0x10 != 0 {
				e.RetryAfter = time.Duration(r) * time.Second
			}
			if w.State == Open {
				e.Probe = Probe(int(r>>4) % 3)
			}
			before := w.Breaker
			changed := w.End(e)
			switch {
			case changed != (w.Breaker != before):
				t.Fatalf("changed is %t: %+v, then %+v", changed, before, w.Breaker)
			case before.State == Paused && w.State != Paused:
				t.Fatalf("it resumed itself: %+v", w.Breaker)
			case w.State != Closed && w.State != Open && w.State != Paused:
				t.Fatalf("state %q", w.State)
			case w.State == Closed && (w.Failures != 0 || w.Reason != ""):
				t.Fatalf("closed with the marks of another state: %+v", w.Breaker)
			case w.State == Open && !w.ProbeAt.After(before.ChangedAt):
				t.Fatalf("open and never probed: %+v", w.Breaker)
			case before.State == Open && e.Delivered && e.Probe != ProbeNone && w.State != Closed && e.StartedAt.After(before.ChangedAt):
				t.Fatalf("a probe was delivered and it is %+v", w.Breaker)
			}
		}
	})
}

// FuzzNext: every postback is tried again later and not too late, or is given up, and only after enough tries or time.
func FuzzNext(f *testing.F) {
	f.Add(0, int64(0), int64(0), uint64(1))
	f.Add(12, int64(79*time.Hour), int64(time.Hour), uint64(7))
	f.Add(-3, int64(-1), int64(-1), uint64(0))
	f.Fuzz(func(t *testing.T, attempts int, age, retryAfter int64, seed uint64) {
		age %= int64(1000 * time.Hour)
		now := credited.Add(time.Duration(age))
		at, exhausted := Next(attempts, credited, now, time.Duration(retryAfter), seed)
		end := credited.Add(Lifetime)
		switch {
		case exhausted != (attempts >= Tries || !now.Before(end)):
			t.Fatalf("exhausted is %t after %d tries and %s", exhausted, attempts, time.Duration(age))
		case !exhausted && (at.Before(now) || at.After(end)):
			t.Fatalf("the next try is at %s, now is %s", at, now)
		}
	})
}
