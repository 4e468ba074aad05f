package testkit

import (
	"sync"
	"time"
)

// Clock is a clock that only the test moves. Pass its Now method wherever the product takes a clock. It may be used
// from many goroutines.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// NewClock returns a clock that stands at 2026-11-22 10:00:00 UTC, a Sunday afternoon in India.
func NewClock() *Clock {
	return &Clock{now: time.Date(2026, time.November, 22, 10, 0, 0, 0, time.UTC)}
}

// Now returns the clock's time in UTC. It is the same until the test moves the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves the clock by d and returns its new time. A negative d moves it back, as an operating system's may.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// Set moves the clock to the given moment, kept in UTC and without a monotonic reading.
func (c *Clock) Set(moment time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = moment.Round(0).UTC()
}
