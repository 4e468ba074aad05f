//go:build linux

package powerloss

import (
	"context"
	"errors"
	"io"
	"os"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// file is an open file. It offers the kernel no descriptor to pass through to: every write must come by.
type file struct {
	node   *node
	f      *os.File
	synced bool // opened with O_SYNC or O_DSYNC
}

var (
	_ fs.FileReader    = (*file)(nil)
	_ fs.FileWriter    = (*file)(nil)
	_ fs.FileGetattrer = (*file)(nil)
	_ fs.FileReleaser  = (*file)(nil)
	_ fs.FileFlusher   = (*file)(nil)
)

// Read reads what is there now.
func (f *file) Read(_ context.Context, b []byte, off int64) (fuse.ReadResult, syscall.Errno) {
	if f.node.disk.powerless() {
		return nil, syscall.EIO
	}
	n, err := f.f.ReadAt(b, off)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fs.ToErrno(err)
	}
	return fuse.ReadResultData(b[:n]), 0
}

// Write writes, and remembers what was there.
func (f *file) Write(_ context.Context, data []byte, off int64) (uint32, syscall.Errno) {
	d := f.node.disk
	if d.powerless() {
		return 0, syscall.EIO
	}
	d.writes.Add(1)
	if d.fails(&d.failWrites) {
		return 0, syscall.EIO
	}
	n, err := d.content(f.node.ino).write(f.f, data, off)
	if err != nil {
		return uint32(n), fs.ToErrno(err)
	}
	if f.synced {
		return uint32(n), d.sync(f.node.ino)
	}
	return uint32(n), 0
}

// Getattr tells of the file, also of one that has no name any more.
func (f *file) Getattr(_ context.Context, out *fuse.AttrOut) syscall.Errno {
	raw, err := f.f.SyscallConn()
	if err != nil {
		return syscall.EBADF
	}
	var st syscall.Stat_t
	var statErr error
	if err := raw.Control(func(fd uintptr) { statErr = syscall.Fstat(int(fd), &st) }); err != nil {
		return syscall.EBADF
	}
	out.FromStat(&st)
	return fs.ToErrno(statErr)
}

// Flush is a close; nothing is buffered here, and it makes nothing safe.
func (f *file) Flush(context.Context) syscall.Errno { return 0 }

// Release ends the handle.
func (f *file) Release(context.Context) syscall.Errno { return fs.ToErrno(f.f.Close()) }
