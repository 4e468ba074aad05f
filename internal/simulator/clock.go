package simulator

import (
	"sync/atomic"
	"time"
)

// epoch is when each life begins.
var epoch = time.Date(2026, time.January, 5, 6, 30, 0, 0, time.UTC)

// clock is the virtual time of a life. Instances read it from goroutines of their own.
type clock struct{ micro atomic.Int64 }

func (c *clock) Now() time.Time          { return time.UnixMicro(c.micro.Load()).UTC() }
func (c *clock) reset()                  { c.micro.Store(epoch.UnixMicro()) }
func (c *clock) advance(d time.Duration) { c.micro.Add(d.Microseconds()) }

// retryPause is how long a transaction waits in virtual time before it is run again, whatever was drawn: that isn't the seed's.
const retryPause = 10 * time.Millisecond

func (c *clock) sleep(time.Duration) { c.advance(retryPause) }
