package postback

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newWatch() *Watch { return &Watch{Breaker: Breaker{State: Closed}} }

// ended is a request that ran from second to second after the credit. Status 0: no answer came.
func ended(id int64, from, to, status int) Ended {
	e := Ended{PostbackID: id, StartedAt: second(from), EndedAt: second(to), Status: status, NextAt: second(to + 5)}
	if status == 0 {
		e.Failure = "timeout"
	}
	return e
}

// damagedBodies are attempts that sent nothing.
func damagedBodies(first int64, count int) []Ended {
	list := refusals(first, count)
	for i := range list {
		list[i].Status, list[i].Failure = 0, FailureDamaged
	}
	return list
}

func second(n int) time.Time { return credited.Add(time.Duration(n) * time.Second) }

func delivery(id int64, from, to int) Ended {
	e := ended(id, from, to, 200)
	e.Delivered, e.NextAt = true, time.Time{}
	return e
}

// asking is an answer with Retry-After.
func asking(id int64, from, to, status int) Ended {
	e := ended(id, from, to, status)
	e.RetryAfter = time.Minute
	return e
}

func probing(e Ended, p Probe) Ended {
	e.Probe = p
	return e
}

// refusals are answers that tell of the postback, from postbacks with ids first, first+1, …
func refusals(first int64, count int) (list []Ended) {
	for i := range count {
		list = append(list, ended(first+int64(i), i, i+1, 500))
	}
	return list
}

func TestWatch(t *testing.T) {
	tests := []struct {
		name    string
		ended   []Ended
		want    BreakerState
		reason  string
		changes int // how many of the requests moved the breaker
	}{
		{"nothing but deliveries", []Ended{delivery(1, 0, 1), delivery(2, 0, 1)}, Closed, "", 0},
		{"no answer, nothing delivered before", []Ended{ended(1, 0, 15, 0)}, Open, "timeout", 1},
		{"a gateway without its server", []Ended{ended(1, 0, 1, 502)}, Open, "HTTP 502", 1},
		{"unavailable", []Ended{ended(1, 0, 1, 503)}, Open, "HTTP 503", 1},
		{"a gateway's time-out", []Ended{ended(1, 0, 1, 504)}, Open, "HTTP 504", 1},
		{"too many", []Ended{ended(1, 0, 1, 429)}, Open, "HTTP 429", 1},
		{"one that the receiver can't stand", []Ended{ended(1, 0, 1, 500)}, Closed, "", 0},
		{"the wrong answer", []Ended{ended(1, 0, 1, 200)}, Closed, "", 0},
		{"not found, with Retry-After", []Ended{asking(1, 0, 1, 404)}, Closed, "", 0},
		{"no answer, another delivered before it began", []Ended{delivery(1, 0, 1), ended(2, 2, 17, 0)}, Open, "timeout", 1},
		{"no answer, another delivered as it began", []Ended{delivery(1, 0, 1), ended(2, 1, 17, 0)}, Open, "timeout", 1},
		{"no answer, another delivered meanwhile", []Ended{delivery(1, 0, 3), ended(2, 2, 17, 0)}, Closed, "", 0},
		{"no answer, others began after", []Ended{ended(2, 2, 17, 0), delivery(1, 18, 19)}, Closed, "", 2},
		{"asked for a pause", []Ended{asking(1, 0, 1, 429)}, Open, "HTTP 429", 1},
		{"asked for a pause while others go well", []Ended{delivery(1, 0, 3), asking(2, 2, 4, 503)}, Open, "HTTP 503", 1},
		{"too many while others go well", []Ended{delivery(1, 0, 3), ended(2, 2, 4, 429)}, Closed, "", 0},
		{"asked for a pause, others were under way", []Ended{asking(1, 0, 3, 429), delivery(2, 2, 5)}, Open, "HTTP 429", 1},
		{"asked for a pause, another began as it did", []Ended{asking(1, 0, 3, 429), delivery(2, 3, 5)}, Closed, "", 2},
		{"no answer, another under way is delivered", []Ended{ended(1, 0, 3, 0), delivery(2, 2, 5)}, Closed, "", 2},
		{"one strike less than it takes", refusals(1, Strikes-1), Closed, "", 0},
		{"as many as it takes", refusals(1, Strikes), Open, "HTTP 500", 1},
		{"more than it takes", refusals(1, Strikes+3), Open, "HTTP 500", 1},
		{"a delivery between", slices.Concat(refusals(1, Strikes-1), []Ended{delivery(9, 9, 10)}, refusals(20, Strikes-1)), Closed, "", 0},
		{"a delivery long before", slices.Concat([]Ended{delivery(9, 0, 1)}, refusals(20, Strikes)), Open, "HTTP 500", 1},
		{"damaged bodies, which it wasn't sent", damagedBodies(1, 2*Strikes), Closed, "", 0},
		{"damaged bodies while it was open", slices.Concat([]Ended{ended(1, 0, 1, 502)}, damagedBodies(2, 3)), Open, "HTTP 502", 1},
		{"the same few again", slices.Concat(refusals(1, Strikes-1), refusals(1, Strikes-1), refusals(1, Strikes-1)), Closed, "", 0},
		{"gone", []Ended{ended(1, 0, 1, 410)}, Paused, ReasonGone, 1},
		{"gone while others go well", []Ended{delivery(1, 0, 3), ended(2, 2, 4, 410)}, Paused, ReasonGone, 1},
		{"gone when it was open", []Ended{ended(1, 0, 1, 0), ended(2, 0, 4, 410)}, Paused, ReasonGone, 2},
		{"gone, others were under way", []Ended{ended(1, 0, 3, 410), delivery(2, 2, 5), ended(3, 2, 6, 0), ended(4, 2, 6, 410)}, Paused, ReasonGone, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w, changes := newWatch(), 0
			for _, e := range tt.ended {
				if w.End(e) {
					changes++
				}
			}
			if w.State != tt.want || w.Reason != tt.reason || changes != tt.changes {
				t.Errorf("%s (%q) after %d changes, want %s (%q) after %d", w.State, w.Reason, changes, tt.want, tt.reason, tt.changes)
			}
			if tt.want == Closed && tt.changes == 0 && w.Breaker != (Breaker{State: Closed}) {
				t.Errorf("nothing changed but %+v", w.Breaker)
			}
		})
	}
}

func TestOpenedBreaker(t *testing.T) {
	e := ended(7, 10, 20, 0)
	w := newWatch()
	w.End(e)
	want := Breaker{State: Open, Reason: "timeout", Failures: 1, ChangedAt: second(20), ProbeID: 7, ProbeAt: second(20).Add(Delay(1, 0, 7)), ProbedAt: second(20)}
	if e.NextAt.After(want.ProbeAt) {
		want.ProbeAt = e.NextAt
	}
	if w.Breaker != want {
		t.Errorf("opened as %+v\n     want %+v", w.Breaker, want)
	}
	w.End(probing(delivery(7, 30, 31), ProbeScheduled))
	if want := (Breaker{State: Closed, ChangedAt: second(31)}); w.Breaker != want {
		t.Errorf("closed as %+v\n     want %+v", w.Breaker, want)
	}
}

func TestPausedBreaker(t *testing.T) {
	w := newWatch()
	w.End(ended(1, 0, 5, 0))
	w.End(probing(ended(1, 20, 30, 410), ProbeScheduled))
	want := Breaker{State: Paused, Reason: ReasonGone, Failures: 2, ChangedAt: second(30), ProbedAt: second(30)}
	if w.Breaker != want {
		t.Errorf("paused as %+v\n     want %+v", w.Breaker, want)
	}
	w.Adopt(Breaker{State: Closed, ChangedAt: second(60)}) // a person resumed it
	if w.State != Closed || w.End(ended(2, 61, 62, 500)) {
		t.Errorf("resumed it is %+v", w.Breaker)
	}
}

// Scheduled probes follow the schedule of the endpoint's failures, which never ends. They are made with the postback that
// failed.
func TestScheduledProbes(t *testing.T) {
	w := newWatch()
	now := credited
	w.End(Ended{PostbackID: 1, StartedAt: now, EndedAt: now, Failure: "refused", NextAt: now})
	for failures := 1; failures < 40; failures++ {
		if want := now.Add(Delay(failures, 0, 1)); w.Failures != failures || w.ProbeAt != want || w.ProbedAt != now || w.ProbeID != 1 {
			t.Fatalf("after %d failures: %+v, want a probe at %v", failures, w.Breaker, want)
		}
		if wait := w.ProbeAt.Sub(now); wait > 24*time.Hour*12/10 || failures > Tries && wait < 24*time.Hour*8/10 {
			t.Fatalf("after %d failures it waits %v", failures, wait)
		}
		now = w.ProbeAt.Add(time.Second)
		if !w.End(Ended{PostbackID: 1, Probe: ProbeScheduled, StartedAt: w.ProbeAt, EndedAt: now, Status: 503, NextAt: now}) {
			t.Fatal("a probe that failed isn't to be stored")
		}
		if w.State != Open || w.Reason != "HTTP 503" || w.ChangedAt != credited {
			t.Fatalf("after a probe: %+v", w.Breaker)
		}
	}
	for _, tt := range []struct {
		name   string
		id     int64
		status int
		next   time.Time
		probe  int64
	}{
		{"one that is due later", 2, 504, now.Add(50 * time.Hour), 2},
		{"one that was the last try", 3, 0, time.Time{}, 3},
		{"one that the receiver refused", 4, 500, now.Add(time.Second), 4},
	} {
		w.End(Ended{PostbackID: tt.id, Probe: ProbeScheduled, StartedAt: now, EndedAt: now, Status: tt.status, NextAt: tt.next})
		if want := now.Add(Delay(Tries-1, 0, uint64(tt.id))); w.ProbeID != tt.probe || w.ProbeAt != want {
			t.Errorf("%s: %+v, want a probe at %v", tt.name, w.Breaker, want)
		}
	}
}

func TestProbeWaitsAsAsked(t *testing.T) {
	w := newWatch()
	for i, retryAfter := range []time.Duration{10 * time.Minute, 30 * time.Minute, 50 * time.Hour} {
		now := credited.Add(time.Duration(i) * time.Hour)
		w.End(Ended{PostbackID: 1, Probe: ProbeScheduled, StartedAt: now, EndedAt: now, Status: 503, RetryAfter: retryAfter, NextAt: now})
		if want := now.Add(min(retryAfter, MaxRetryAfter)); w.Failures != i+1 || w.ProbeAt != want {
			t.Errorf("asked for %v: %+v, want a probe at %v", retryAfter, w.Breaker, want)
		}
	}
}

func TestOnlyProbesCountWhileOpen(t *testing.T) {
	w := newWatch()
	w.End(ended(1, 0, 5, 0))
	opened := w.Breaker
	for i, e := range []Ended{ended(2, 1, 6, 0), ended(3, 1, 6, 500), asking(4, 1, 6, 429), ended(1, 1, 7, 0)} {
		if w.End(e) || w.Breaker != opened {
			t.Errorf("request %d, under way as it opened: %+v", i, w.Breaker)
		}
	}
	want := opened
	want.ProbedAt = second(700)
	if !w.End(probing(asking(8, 690, 700, 503), ProbeFresh)) || w.Breaker != want {
		t.Errorf("after a fresh probe: %+v\n            want %+v", w.Breaker, want)
	}
	if !w.End(probing(delivery(9, 1400, 1401), ProbeFresh)) || w.Breaker != (Breaker{State: Closed, ChangedAt: second(1401)}) {
		t.Errorf("after a fresh probe that was delivered: %+v", w.Breaker)
	}
}

// An endpoint that asked for a pause is asked again by a probe, whose delivery ends the pause, and is then like any other.
func TestAskedPauseEnds(t *testing.T) {
	w := newWatch()
	w.End(asking(1, 0, 3, 429))
	w.Adopt(w.Breaker) // leased anew for the probe, nothing moved
	if w.End(delivery(2, 2, 5)) {
		t.Errorf("a straggler closed it: %+v", w.Breaker)
	}
	if !w.End(probing(delivery(1, 63, 64), ProbeScheduled)) || w.State != Closed {
		t.Errorf("after its probe: %+v", w.Breaker)
	}
	w.End(ended(3, 70, 75, 0))
	if !w.End(delivery(4, 72, 76)) || w.State != Closed {
		t.Errorf("without a pause asked for: %+v", w.Breaker)
	}
}

func TestAdopt(t *testing.T) {
	nearly := func() *Watch {
		w := newWatch()
		w.End(delivery(9, 0, 1))
		for _, e := range refusals(1, Strikes-1) {
			w.End(e)
		}
		return w
	}
	w := nearly()
	w.Adopt(w.Breaker)
	if !w.End(ended(8, 20, 21, 500)) {
		t.Error("strikes are forgotten though nothing moved")
	}
	w = nearly()
	w.Adopt(Breaker{State: Closed, ChangedAt: second(15)}) // another process opened and closed it
	if w.End(ended(8, 20, 21, 500)) {
		t.Error("strikes of an earlier life count")
	}
	w = nearly()
	w.End(ended(7, 20, 21, 410))
	w.Adopt(Breaker{State: Closed, ChangedAt: second(21)}) // resumed at the same moment
	if w.End(ended(8, 21, 22, 500)) {
		t.Error("strikes from before a pause count")
	}
	w = newWatch()
	w.End(asking(1, 0, 3, 429))
	w.Adopt(Breaker{State: Open, Reason: "timeout", Failures: 1, ChangedAt: second(30)}) // another closed and opened it
	if !w.End(delivery(2, 20, 31)) {
		t.Error("a pause that was asked for outlives its state")
	}
	opened := Breaker{State: Open, Reason: "timeout", Failures: 4, ChangedAt: second(30), ProbeID: 5, ProbeAt: second(40), ProbedAt: second(39)}
	w.Adopt(opened)
	if w.Breaker != opened {
		t.Errorf("adopted %+v", w.Breaker)
	}
	w.End(probing(Ended{PostbackID: 5, StartedAt: second(40), EndedAt: second(41), Failure: "refused"}, ProbeScheduled))
	if want := second(41).Add(Delay(5, 0, 5)); w.Failures != 5 || w.ProbeAt != want {
		t.Errorf("after the fifth failure: %+v, want a probe at %v", w.Breaker, want)
	}
}

// A database keeps microseconds: what comes back from it is still the same state.
func TestAdoptWhatWasStored(t *testing.T) {
	fine := credited.Add(1500 * time.Nanosecond)
	w := newWatch()
	w.End(Ended{PostbackID: 1, StartedAt: credited, EndedAt: fine, Status: 503, RetryAfter: time.Minute, NextAt: fine})
	stored := w.Breaker
	stored.ChangedAt = time.UnixMicro(fine.UnixMicro()).UTC()
	w.Adopt(stored)
	if w.End(delivery(2, -1, 5)) {
		t.Error("a straggler closed it: the pause that was asked for is forgotten")
	}
}

// One postback that the receiver can't stand never stops the others, however often it is tried.
func TestPoisonNeverOpens(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWatch()
		now := 0
		for range rapid.IntRange(1, 60).Draw(t, "requests") {
			now += rapid.IntRange(1, 10).Draw(t, "wait")
			e := ended(13, now, now+1, rapid.SampledFrom([]int{200, 201, 302, 400, 401, 404, 413, 422, 500, 501}).Draw(t, "status"))
			if rapid.IntRange(0, 3).Draw(t, "other") == 0 {
				e = delivery(int64(100+now), now, now+1)
			}
			if w.End(e) || w.State != Closed {
				t.Fatalf("opened by %+v", e)
			}
		}
	})
}

// TestWatchProperties plays any history and judges each step from the whole of what came before.
func TestWatchProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w, now := newWatch(), 100
		var history []Ended
		asked := false
		for range rapid.IntRange(1, 40).Draw(t, "requests") {
			now += rapid.IntRange(1, 30).Draw(t, "wait")
			e := anyEnded(t, now, w.State)
			before := w.Breaker
			want := judge(history, before.State, asked, before.ChangedAt, e)
			changed := w.End(e)
			history = append(history, e)
			if w.State != want {
				t.Fatalf("%s, then %+v: %s, want %s", before.State, e, w.State, want)
			}
			if changed != (w.Breaker != before) {
				t.Fatalf("changed is %v: %+v, then %+v", changed, before, w.Breaker)
			}
			if w.State != before.State {
				asked = w.State == Open && e.asks()
			}
			if problem := wrong(before, w.Breaker, e); problem != "" {
				t.Fatalf("%s: %+v, then %+v: %+v", problem, before, e, w.Breaker)
			}
		}
	})
}

func anyEnded(t *rapid.T, now int, state BreakerState) Ended {
	id := rapid.Int64Range(1, 8).Draw(t, "id")
	from := now - rapid.IntRange(0, 15).Draw(t, "took")
	if rapid.IntRange(0, 2).Draw(t, "delivered") == 0 {
		return delivery(id, from, now)
	}
	e := ended(id, from, now, rapid.SampledFrom([]int{0, 200, 400, 410, 429, 500, 500, 500, 502, 503, 504}).Draw(t, "status"))
	if rapid.Bool().Draw(t, "asks") {
		e.RetryAfter = time.Duration(rapid.Int64Range(-1, int64(3*time.Hour)).Draw(t, "retryAfter"))
	}
	switch rapid.IntRange(0, 2).Draw(t, "next") {
	case 0:
		e.NextAt = time.Time{}
	case 1:
		e.NextAt = second(now + rapid.IntRange(1, 100_000).Draw(t, "nextIn"))
	}
	if state != Closed {
		e.Probe = Probe(rapid.IntRange(0, 2).Draw(t, "probe"))
	}
	return e
}

// judge is the state after a request by the rules, told from everything that ended before.
func judge(history []Ended, state BreakerState, asked bool, since time.Time, e Ended) BreakerState {
	if state == Paused {
		return Paused
	}
	if e.Delivered {
		if state == Open && asked && e.StartedAt.Before(since) {
			return Open
		}
		return Closed
	}
	if e.Status == 410 {
		return Paused
	}
	if state == Open || e.RetryAfter > 0 && (e.Status == 429 || e.Status == 503) {
		return Open
	}
	alive, refused := false, map[int64]bool{e.PostbackID: true}
	for _, h := range history {
		alive = alive || h.Delivered && h.EndedAt.After(e.StartedAt)
		if h.Delivered {
			clear(refused)
			refused[e.PostbackID] = true
			continue
		}
		refused[h.PostbackID] = true
	}
	endpoint := slices.Contains([]int{0, 429, 502, 503, 504}, e.Status)
	if endpoint && !alive || len(refused) >= Strikes {
		return Open
	}
	return Closed
}

// wrong names what may not be of a breaker after a request, "" if nothing is.
func wrong(before, after Breaker, e Ended) string {
	moved := after != before
	switch {
	case after.State == Closed && after != (Breaker{State: Closed, ChangedAt: after.ChangedAt}):
		return "something is left of the past"
	case after.State != Closed && (after.Reason == "" || after.Failures < 1):
		return "no reason or no failure"
	case (after.State != before.State) != (after.ChangedAt != before.ChangedAt) || moved && after.State != before.State && after.ChangedAt != e.EndedAt:
		return "changed_at isn't when the state began"
	case after.State != Open || !moved:
		return ""
	case e.Probe == ProbeFresh && before.State == Open:
		before.ProbedAt = e.probedAt()
		if after != before {
			return "a fresh probe moved more than probed_at"
		}
	case after.ProbeID != e.PostbackID || after.ProbedAt != e.probedAt() || after.Failures != max(1, before.Failures+1):
		return "the failure isn't counted"
	case after.ProbeAt.Before(e.EndedAt.Add(min(e.RetryAfter, MaxRetryAfter))):
		return "probed before it was asked for"
	case after.ProbeAt.After(e.EndedAt.Add(24 * time.Hour * 12 / 10)):
		return fmt.Sprintf("probed only after %v", after.ProbeAt.Sub(e.EndedAt))
	}
	return ""
}
