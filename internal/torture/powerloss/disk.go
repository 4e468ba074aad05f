//go:build linux

package powerloss

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// cached is how long the kernel may believe what it knows of names and sizes. Nobody changes them but through the mount.
const cached = time.Hour

// Disk is the file system over one folder. While it is mounted the process that serves it must not touch the mount itself: a page
// fault there would wait for a server that waits for the fault.
type Disk struct {
	store, gone, mount string // the folder, where deleted files wait for their deletion to be safe, and where it is mounted
	server             *fuse.Server

	mu       sync.Mutex
	random   *rand.Rand
	contents map[uint64]*content // by inode of the folder
	journal  []change
	buried   int

	dead       atomic.Bool // no power
	failWrites atomic.Int64
	failSyncs  atomic.Int64
	writes     atomic.Int64
	syncs      atomic.Int64
	failed     atomic.Int64
	refused    atomic.Int64
}

// Counts is what a disk has done since it was made.
type Counts struct {
	Writes, Syncs int64
	Failed        int64 // calls that were given EIO by FailWrites and FailSyncs
	Refused       int64 // calls that came after Cut
}

// New makes a disk whose files are kept in folder and seen at mount; both are made when missing. It isn't mounted yet.
func New(folder, mount string, seed uint64) (*Disk, error) {
	d := &Disk{
		store: filepath.Join(folder, "store"), gone: filepath.Join(folder, "gone"), mount: mount,
		random: rand.New(rand.NewPCG(seed, 0)), contents: map[uint64]*content{},
	}
	for _, path := range []string{d.store, d.gone, mount} {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return nil, fmt.Errorf("disk: %w", err)
		}
	}
	return d, nil
}

// Store is the folder behind the mount: what is on the disk once Lose has returned, and what is seen before.
func (d *Disk) Store() string { return d.store }

// Mount turns the power on.
func (d *Disk) Mount() error {
	if d.server != nil {
		return errors.New("disk: it is mounted already")
	}
	d.dead.Store(false)
	root := &fs.LoopbackRoot{Path: d.store}
	var st syscall.Stat_t
	if err := syscall.Stat(d.store, &st); err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	root.Dev = uint64(st.Dev)
	root.NewNode = func(root *fs.LoopbackRoot, _ *fs.Inode, _ string, st *syscall.Stat_t) fs.InodeEmbedder {
		return &node{LoopbackNode: fs.LoopbackNode{RootData: root}, disk: d, ino: st.Ino}
	}
	top := root.NewNode(root, nil, "", &st)
	root.RootNode = top
	timeout := cached
	// The library opens /dev/fuse for the children as well. One that inherits it keeps the mount's own end open, and the kernel
	// would wait for answers for ever once this process is gone. So nobody is born until it is closed for them.
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	server, err := fs.Mount(d.mount, top, &fs.Options{
		EntryTimeout: &timeout, AttrTimeout: &timeout,
		MountOptions: fuse.MountOptions{
			AllowOther: true, FsName: "powerloss", Name: "powerloss", DirectMountStrict: true, DisableXAttrs: true,
			ExplicitDataCacheControl: true, // the kernel's pages are right, as all changes come through it
		},
	})
	if err != nil {
		return fmt.Errorf("disk: mount: %w", err)
	}
	d.server = server
	return closeForChildren()
}

// closeForChildren lets no child inherit the kernel's end of a mount.
func closeForChildren() error {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("disk: %w", err)
	}
	for _, e := range entries {
		if to, err := os.Readlink(filepath.Join("/proc/self/fd", e.Name())); err == nil && to == "/dev/fuse" {
			if fd, err := strconv.Atoi(e.Name()); err == nil {
				syscall.CloseOnExec(fd)
			}
		}
	}
	return nil
}

// Unmount takes the mount away, whoever still uses it. What isn't synced stays remembered.
func (d *Disk) Unmount() error {
	if d.server == nil {
		return nil
	}
	// In order where that is possible: then the kernel first writes what it still holds of mapped pages.
	err := syscall.Unmount(d.mount, 0)
	if err != nil {
		err = syscall.Unmount(d.mount, syscall.MNT_FORCE|syscall.MNT_DETACH)
	}
	if err != nil {
		return fmt.Errorf("disk: unmount: %w", err)
	}
	d.server.Wait()
	d.server = nil
	return nil
}

// Cut turns the power off: from now on nothing is written or synced any more, every call gets EIO. Kill those who use the disk,
// then Unmount and Lose.
func (d *Disk) Cut() { d.dead.Store(true) }

// FailWrites lets the next n writes end with EIO and write nothing.
func (d *Disk) FailWrites(n int64) { d.failWrites.Store(n) }

// FailSyncs lets the next n syncs end with EIO; what they should have made safe stays unsafe.
func (d *Disk) FailSyncs(n int64) { d.failSyncs.Store(n) }

// Settle makes safe whatever there is, as if everybody had synced everything.
func (d *Disk) Settle() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range d.journal {
		if c.done != nil {
			_ = c.done() // a file that nobody sees stays longer
		}
	}
	d.journal = nil
	for _, c := range d.contents {
		c.sync()
	}
}

// Counts tells what was done so far.
func (d *Disk) Counts() Counts {
	return Counts{d.writes.Load(), d.syncs.Load(), d.failed.Load(), d.refused.Load()}
}

// Unsynced is how many bytes would be lost at most, in whole pages.
func (d *Disk) Unsynced() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	pages := 0
	for _, c := range d.contents {
		c.mu.Lock()
		pages += len(c.pages)
		c.mu.Unlock()
	}
	return int64(pages) * pageSize
}

// powerless refuses what comes after Cut.
func (d *Disk) powerless() bool {
	if d.dead.Load() {
		d.refused.Add(1)
		return true
	}
	return false
}

// fails uses up one of the failures that were asked for.
func (d *Disk) fails(left *atomic.Int64) bool {
	for {
		n := left.Load()
		if n <= 0 {
			return false
		}
		if left.CompareAndSwap(n, n-1) {
			d.failed.Add(1)
			return true
		}
	}
}

// sync makes a file or folder safe.
func (d *Disk) sync(ino uint64) syscall.Errno {
	if d.powerless() {
		return syscall.EIO
	}
	d.syncs.Add(1)
	if d.fails(&d.failSyncs) {
		return syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.settle(ino)
	if c := d.contents[ino]; c != nil {
		c.sync()
	}
	return 0
}

// content is what is remembered of an inode's bytes.
func (d *Disk) content(ino uint64) *content {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.contents[ino]
	if c == nil {
		c = &content{random: rand.New(rand.NewPCG(d.random.Uint64(), ino)), pages: map[int64]*page{}}
		d.contents[ino] = c
	}
	return c
}
