package store

import (
	"time"

	"golang.org/x/sys/unix"
)

// boundUnanswered breaks a connection whose other machine acknowledges nothing for so long.
func boundUnanswered(fd uintptr, limit time.Duration) error {
	return unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(limit.Milliseconds()))
}
