package gateway

import (
	"context"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/postback"
)

// A person who resumes or pauses an endpoint while a probe of it is under way has the last word: what the probe found is of
// the state before.
func TestPersonsWordOutlastsAProbe(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.postbacks(1, 2, shopDeposits)
		opened := postback.Breaker{State: postback.Open, Reason: "timeout", Failures: 1, ChangedAt: w.clock.Now(), ProbeID: 1, ProbeAt: w.clock.Now().Add(time.Hour)}
		again := opened
		again.Failures, again.ProbeAt = 2, w.clock.Now().Add(2*time.Hour)
		for name, c := range map[string]struct {
			word func() error
			want string
		}{
			"resumed":  {func() error { return w.g.ResumeEndpoints(ctx, "shop", []PostbackKind{PostbackDeposit}) }, string(postback.Closed)},
			"paused":   {func() error { return w.g.PauseEndpoints(ctx, "shop", []PostbackKind{PostbackDeposit}, "x") }, string(postback.Paused)},
			"replayed": {func() error { _, err := w.g.ReplayPostbacks(ctx, []int64{1}); return err }, string(postback.Closed)},
		} {
			w.mutate("DELETE FROM endpoint")
			lane := w.lease(w.g, shopDeposits)
			w.breaker(lane, opened)
			w.clock.Advance(time.Minute)
			w.must(c.word())
			w.record(w.g, nil, LaneMove{LaneLease: lane.LaneLease, Breaker: &again, From: opened.ChangedAt})
			if got := w.status(shopDeposits); string(got.State) != c.want || got.Failures != 0 && c.want == string(postback.Closed) {
				t.Errorf("%s: the probe made it %+v", name, got)
			}
		}
	})
}

// A replay while an attempt is under way isn't swallowed by the attempt's record: a failure is counted, and the new schedule
// stands; a delivery ends both.
func TestReplayOutlastsAnAttempt(t *testing.T) {
	eachWorld(t, func(w *world) {
		w.postbacks(1, 2, shopDeposits)
		lane := w.lease(w.g, shopDeposits)
		due := w.due(w.g, 10, lane)
		if len(due) != 2 {
			t.Fatal(due)
		}
		w.clock.Advance(time.Minute)
		if n, err := w.g.ReplayPostbacks(context.Background(), []int64{due[0].ID, due[1].ID}); err != nil || n != 2 {
			t.Fatal(n, err)
		}
		replayedAt := w.clock.Now()
		w.clock.Advance(time.Second)
		w.record(w.g, []Attempt{w.failure(due[0], lane), w.delivery(due[1], lane)})
		left := w.due(w.g, 10, lane)
		if len(left) != 1 || left[0].ID != due[0].ID || left[0].Attempts != 1 || !left[0].ScheduleAt.Equal(replayedAt) || left[0].NextAt.After(replayedAt) {
			t.Errorf("due after the record: %+v, want the replayed one at once", left)
		}
	})
}
