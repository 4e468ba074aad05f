// Package virtual is a clock that one process moves and others read, without a message between them: eight bytes of a file
// that all of them have mapped. It outlives whoever is killed.
package virtual

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"
)

// size of the file, in bytes: microseconds since 1970.
const size = 8

// Clock reads and moves the time. Its methods may be called from many goroutines.
type Clock struct{ micro *atomic.Int64 }

// Create makes the file of a clock that stands at a moment.
func Create(path string, at time.Time) (*Clock, error) {
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		return nil, err
	}
	c, err := Open(path)
	if err == nil {
		c.micro.Store(at.UnixMicro())
	}
	return c, err
}

// Open maps the file of a clock.
func Open(path string) (*Clock, error) {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	memory, err := syscall.Mmap(int(file.Fd()), 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err := errors.Join(err, file.Close()); err != nil {
		return nil, fmt.Errorf("clock: %w", err)
	}
	// A mapping begins at a page, so the number is aligned as atomic access needs it.
	return &Clock{(*atomic.Int64)(unsafe.Pointer(&memory[0]))}, nil
}

// Now is the clock's time in UTC.
func (c *Clock) Now() time.Time { return time.UnixMicro(c.micro.Load()).UTC() }

// Advance moves the clock.
func (c *Clock) Advance(by time.Duration) { c.micro.Add(by.Microseconds()) }
