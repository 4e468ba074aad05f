package lane

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// A process that stood still for an hour while it looked, or whose clock was moved, looks again soon. One that failed as well does
// so first of all: until then it leases nothing.
func TestLongLookIsFollowedSoon(t *testing.T) {
	for name, c := range map[string]struct {
		found  found
		within time.Duration
	}{
		"looked":         {found{looked: true, took: time.Hour}, mostBetween},
		"and failed":     {found{looked: true, took: time.Hour, err: errors.New("the lease failed")}, faultPause},
		"long by itself": {found{looked: true, took: time.Second}, lookShare * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := New(Config{Now: time.Now, poll: func() time.Duration { return time.Millisecond }})
				began := time.Now()
				l.use(t.Context(), c.found)
				<-l.poll.C
				if waited := time.Since(began); waited != c.within {
					t.Errorf("it looks again after %v, want %v", waited, c.within)
				}
			})
		})
	}
}
