package postback

import (
	"net/http"
	"slices"
	"strconv"
	"time"
)

// Limits of the breaker.
const (
	// Strikes is how many postbacks an endpoint may refuse one after another, with no other delivered in between, before
	// it counts as broken itself: fewer may be the fault of what they say.
	Strikes = 5
	// FreshProbe is how long after a failed probe a postback that came since is tried at the latest. An endpoint that was
	// dead for a day is probed once in many hours; who pays now should not wait for that.
	FreshProbe = 10 * time.Minute
)

// BreakerState is whether an endpoint is sent to.
type BreakerState string

// Closed: all that is due is sent. Open: only probes are. Paused: nothing is, until a person resumes it.
const (
	Closed BreakerState = "closed"
	Open   BreakerState = "open"
	Paused BreakerState = "paused"
)

// FailureDamaged is the failure of an attempt that sent nothing: what is stored of the postback isn't its body any more.
const FailureDamaged = "damaged_body"

// ReasonGone pauses an endpoint: it answered 410, so it doesn't want any more.
const ReasonGone = "gone"

// Breaker keeps a broken endpoint from being sent to but by probes, as far as it is stored. Its zero value but for State
// Closed is that of an endpoint without a past.
type Breaker struct {
	State     BreakerState
	Reason    string    // why it isn't closed
	Failures  int       // scheduled probes that failed in a row, the request that opened it included
	ChangedAt time.Time // when the state began
	ProbeID   int64     // the postback that is probed with, 0: the one that is due longest
	ProbeAt   time.Time // the next scheduled probe; nothing is sent before but a fresh probe
	ProbedAt  time.Time // when the last failed request ended, or later: FreshProbe before the end of the pause it asked for
}

// Probe is what a request to an endpoint that isn't closed is for.
type Probe int

// ProbeNone: the endpoint is closed. ProbeScheduled: it is made with the postback that failed last, when that is due.
// ProbeFresh: with another, one that came after the last probe and was never tried, or any when the receiver refused the
// postback of a scheduled probe: it may be that one alone which it refuses.
const (
	ProbeNone Probe = iota
	ProbeScheduled
	ProbeFresh
)

// Ended is one request that came to its end, as the breaker sees it.
type Ended struct {
	PostbackID int64
	Probe      Probe
	StartedAt  time.Time
	EndedAt    time.Time
	Delivered  bool
	Status     int           // HTTP status, 0 without an answer
	Failure    string        // kind of error, "" when an answer came
	RetryAfter time.Duration // what the receiver asked for
	NextAt     time.Time     // of the postback, zero when it is exhausted
}

// OfEndpoint tells whether a failure says something of the endpoint and not of the one postback: no answer came, or one
// that servers give for all alike.
func (e Ended) OfEndpoint() bool {
	if e.Failure == FailureDamaged {
		return false
	}
	switch e.Status {
	case 0, http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// asks tells whether the receiver asked for a pause.
func (e Ended) asks() bool {
	return e.RetryAfter > 0 && (e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable)
}

// probedAt is what FreshProbe counts from: a pause that the receiver asked for holds what comes meanwhile, too. Whatever
// comes in its beginning waits for the scheduled probe then, which mostly is at its end.
func (e Ended) probedAt() time.Time {
	if e.asks() {
		return e.EndedAt.Add(max(0, min(e.RetryAfter, MaxRetryAfter)-FreshProbe))
	}
	return e.EndedAt
}

func (e Ended) reason() string {
	if e.Status != 0 {
		return "HTTP " + strconv.Itoa(e.Status)
	}
	return e.Failure
}

// Watch follows the requests to one endpoint and moves its breaker. It is for one goroutine.
type Watch struct {
	Breaker
	strikes     []int64   // postbacks that it refused since the last delivery
	deliveredAt time.Time // when the last delivered request ended
	asked       bool      // it is open because the receiver asked for a pause
}

// Adopt takes over what is stored of the endpoint, in microseconds. While the state is the same one, what isn't stored
// stays.
func (w *Watch) Adopt(b Breaker) {
	if b.State != w.State || b.ChangedAt.UnixMicro() != w.ChangedAt.UnixMicro() {
		w.strikes, w.asked = nil, false
	}
	w.Breaker = b
}

// End takes note of a request. changed: the breaker is to be stored.
func (w *Watch) End(e Ended) (changed bool) {
	switch {
	case e.Delivered:
		return w.delivered(e)
	case w.State == Paused:
		return false
	case w.State == Closed && e.Failure == FailureDamaged: // the endpoint wasn't asked
		return false
	case e.Status == http.StatusGone:
		w.Breaker = Breaker{State: Paused, Reason: ReasonGone, Failures: w.Failures + 1, ChangedAt: e.EndedAt, ProbedAt: e.EndedAt}
		return true
	case w.State == Open:
		return w.probed(e)
	}
	if !slices.Contains(w.strikes, e.PostbackID) {
		w.strikes = append(w.strikes, e.PostbackID)
	}
	// A request that failed while others went well tells of itself only.
	alive := w.deliveredAt.After(e.StartedAt)
	if !e.asks() && !(e.OfEndpoint() && !alive) && len(w.strikes) < Strikes {
		return false
	}
	w.asked = e.asks()
	w.Breaker = Breaker{State: Open, Reason: e.reason(), ChangedAt: e.EndedAt}
	w.wait(e)
	return true
}

// delivered closes the breaker. Requests that were under way when the receiver asked for a pause don't: it still wants
// one.
func (w *Watch) delivered(e Ended) (changed bool) {
	w.deliveredAt, w.strikes = e.EndedAt, nil
	if w.State == Closed || w.State == Paused || w.asked && e.StartedAt.Before(w.ChangedAt) {
		return false
	}
	w.asked = false
	w.Breaker = Breaker{State: Closed, ChangedAt: e.EndedAt}
	return true
}

// probed takes note of a request that failed while the breaker was open. Only probes count: what was under way when it
// opened tells nothing new.
func (w *Watch) probed(e Ended) (changed bool) {
	switch e.Probe {
	case ProbeScheduled:
		w.wait(e)
		w.Reason = e.reason()
		return true
	case ProbeFresh:
		w.ProbedAt = e.probedAt()
		return true
	}
	return false
}

// wait sets the next scheduled probe: by the schedule of the endpoint's failures in a row, with the postback that failed,
// if that is due by then.
func (w *Watch) wait(e Ended) {
	w.Failures++
	w.ProbeID, w.ProbedAt = e.PostbackID, e.probedAt()
	w.ProbeAt = e.EndedAt.Add(Delay(w.Failures, e.RetryAfter, uint64(e.PostbackID)))
}
