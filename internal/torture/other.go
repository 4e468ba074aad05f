//go:build !linux

package torture

import (
	"context"
	"errors"
	"io"
)

// errLinux says what a machine lacks on which nothing can be run.
var errLinux = errors.New("galla torture needs Linux")

// Run needs Linux.
func Run(context.Context, Options) (Report, error) { return Report{}, errLinux }

// Isolated is Run without a world of its own.
func Isolated() bool { return true }

// Isolate needs Linux.
func Isolate(context.Context, []string, io.Writer, io.Writer) (int, error) { return 0, errLinux }
