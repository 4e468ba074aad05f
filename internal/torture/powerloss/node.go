//go:build linux

package powerloss

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fs"
	"github.com/hanwen/go-fuse/v2/fuse"
)

// node is a file or folder.
type node struct {
	fs.LoopbackNode
	disk *Disk
	ino  uint64 // in the folder behind
}

var (
	_ fs.NodeCreater   = (*node)(nil)
	_ fs.NodeOpener    = (*node)(nil)
	_ fs.NodeUnlinker  = (*node)(nil)
	_ fs.NodeRenamer   = (*node)(nil)
	_ fs.NodeMkdirer   = (*node)(nil)
	_ fs.NodeRmdirer   = (*node)(nil)
	_ fs.NodeLinker    = (*node)(nil)
	_ fs.NodeSymlinker = (*node)(nil)
	_ fs.NodeSetattrer = (*node)(nil)
	_ fs.NodeFsyncer   = (*node)(nil)
)

func descriptorPath(fd uintptr) string { return fmt.Sprintf("/proc/self/fd/%d", fd) }

// behind is where the node is in the folder behind.
func (n *node) behind() string {
	return filepath.Join(n.RootData.Path, n.Path(n.RootData.RootNode.EmbeddedInode()))
}

// at is an entry of the folder.
func (n *node) at(name string) string { return filepath.Join(n.behind(), name) }

// Create makes a file and opens it.
func (n *node) Create(ctx context.Context, name string, flags, mode uint32, out *fuse.EntryOut) (*fs.Inode, fs.FileHandle, uint32, syscall.Errno) {
	d := n.disk
	if d.powerless() {
		return nil, nil, 0, syscall.EIO
	}
	d.mu.Lock()
	inode, handle, _, errno := n.LoopbackNode.Create(ctx, name, readable(flags), mode, out)
	if errno != 0 {
		d.mu.Unlock()
		return nil, nil, 0, errno
	}
	made := inode.Operations().(*node)
	path := n.at(name)
	d.change(change{keys: []uint64{n.ino, made.ino}, undo: func() error { return os.Remove(path) }})
	d.mu.Unlock()
	handle.(*fs.LoopbackFile).Release(ctx)
	own, _, errno := made.open(path, flags)
	return inode, own, fuse.FOPEN_KEEP_CACHE, errno
}

// Open opens a file.
func (n *node) Open(_ context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	if n.disk.powerless() {
		return nil, 0, syscall.EIO
	}
	return n.open(n.behind(), flags)
}

func (n *node) open(path string, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	f, err := os.OpenFile(path, int(readable(flags)&^(syscall.O_CREAT|syscall.O_EXCL)), 0)
	if err != nil {
		return nil, 0, fs.ToErrno(err)
	}
	opened := &file{node: n, f: f, synced: flags&(syscall.O_SYNC|syscall.O_DSYNC) != 0}
	if flags&syscall.O_TRUNC != 0 {
		if err := n.disk.content(n.ino).truncate(f, 0); err != nil {
			_ = f.Close()
			return nil, 0, fs.ToErrno(err)
		}
	}
	return opened, fuse.FOPEN_KEEP_CACHE, 0
}

// readable are the flags for the file behind: what is written must be read before, and the kernel gives the offsets.
func readable(flags uint32) uint32 {
	flags &^= syscall.O_APPEND | syscall.O_TRUNC | syscall.O_SYNC | syscall.O_DSYNC | syscall.O_DIRECT
	if flags&syscall.O_ACCMODE == syscall.O_WRONLY {
		flags = flags&^syscall.O_ACCMODE | syscall.O_RDWR
	}
	return flags
}

// Unlink takes a name away.
func (n *node) Unlink(_ context.Context, name string) syscall.Errno {
	d := n.disk
	if d.powerless() {
		return syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := n.at(name)
	grave, err := d.bury(path)
	if err != nil {
		return fs.ToErrno(err)
	}
	d.change(change{
		keys: []uint64{n.ino}, undo: func() error { return os.Rename(grave, path) }, done: func() error { return d.remove(grave) },
	})
	return 0
}

// Rename gives a file or folder another name, in place of what had that.
func (n *node) Rename(_ context.Context, name string, newParent fs.InodeEmbedder, newName string, flags uint32) syscall.Errno {
	d := n.disk
	to, ok := newParent.(*node)
	if !ok || flags != 0 {
		return syscall.EINVAL // nobody here exchanges two names
	}
	if d.powerless() {
		return syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	from, path := n.at(name), to.at(newName)
	var moved, replaced syscall.Stat_t
	if err := syscall.Lstat(from, &moved); err != nil {
		return fs.ToErrno(err)
	}
	c := change{keys: []uint64{n.ino, to.ino, moved.Ino}, undo: func() error { return os.Rename(path, from) }}
	if err := syscall.Lstat(path, &replaced); err == nil && replaced.Mode&syscall.S_IFMT != syscall.S_IFDIR {
		grave, err := d.bury(path)
		if err != nil {
			return fs.ToErrno(err)
		}
		c.done = func() error { return d.remove(grave) }
		c.undo = func() error {
			if err := os.Rename(path, from); err != nil {
				return err
			}
			return os.Rename(grave, path)
		}
	}
	if err := os.Rename(from, path); err != nil {
		return fs.ToErrno(err)
	}
	d.change(c)
	return 0
}

// Mkdir makes a folder.
func (n *node) Mkdir(ctx context.Context, name string, mode uint32, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	d := n.disk
	if d.powerless() {
		return nil, syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	inode, errno := n.LoopbackNode.Mkdir(ctx, name, mode, out)
	if errno == 0 {
		path := n.at(name)
		d.change(change{keys: []uint64{n.ino, inode.Operations().(*node).ino}, undo: func() error { return os.Remove(path) }})
	}
	return inode, errno
}

// Rmdir takes an empty folder away.
func (n *node) Rmdir(_ context.Context, name string) syscall.Errno {
	d := n.disk
	if d.powerless() {
		return syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := n.at(name)
	entries, err := os.ReadDir(path)
	if err != nil {
		return fs.ToErrno(err)
	}
	if len(entries) > 0 {
		return syscall.ENOTEMPTY
	}
	grave, err := d.bury(path)
	if err != nil {
		return fs.ToErrno(err)
	}
	d.change(change{
		keys: []uint64{n.ino}, undo: func() error { return os.Rename(grave, path) }, done: func() error { return os.Remove(grave) },
	})
	return 0
}

// Link gives a file a second name.
func (n *node) Link(ctx context.Context, target fs.InodeEmbedder, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	d := n.disk
	linked, ok := target.(*node)
	if !ok {
		return nil, syscall.EXDEV
	}
	if d.powerless() {
		return nil, syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	path := n.at(name)
	if err := os.Link(linked.behind(), path); err != nil {
		return nil, fs.ToErrno(err)
	}
	var st syscall.Stat_t
	if err := syscall.Lstat(path, &st); err != nil {
		return nil, fs.ToErrno(err)
	}
	out.FromStat(&st)
	d.change(change{keys: []uint64{n.ino, linked.ino}, undo: func() error { return os.Remove(path) }})
	return linked.EmbeddedInode(), 0
}

// Symlink makes a symbolic link.
func (n *node) Symlink(ctx context.Context, target, name string, out *fuse.EntryOut) (*fs.Inode, syscall.Errno) {
	d := n.disk
	if d.powerless() {
		return nil, syscall.EIO
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	inode, errno := n.LoopbackNode.Symlink(ctx, target, name, out)
	if errno == 0 {
		path := n.at(name)
		d.change(change{keys: []uint64{n.ino}, undo: func() error { return os.Remove(path) }})
	}
	return inode, errno
}

// Setattr changes the size, and what else there is of attributes, which are safe at once.
func (n *node) Setattr(ctx context.Context, handle fs.FileHandle, in *fuse.SetAttrIn, out *fuse.AttrOut) syscall.Errno {
	if n.disk.powerless() {
		return syscall.EIO
	}
	if size, ok := in.GetSize(); ok {
		if n.disk.fails(&n.disk.failWrites) {
			return syscall.EIO
		}
		opened, ok := handle.(*file)
		if !ok {
			f, err := os.OpenFile(n.behind(), os.O_RDWR, 0)
			if err != nil {
				return fs.ToErrno(err)
			}
			defer f.Close()
			opened = &file{f: f}
		}
		if err := n.disk.content(n.ino).truncate(opened.f, int64(size)); err != nil {
			return fs.ToErrno(err)
		}
		in.Valid &^= fuse.FATTR_SIZE
	}
	return n.LoopbackNode.Setattr(ctx, handle, in, out)
}

// Fsync makes a file or a folder safe.
func (n *node) Fsync(context.Context, fs.FileHandle, uint32) syscall.Errno { return n.disk.sync(n.ino) }

// folder is an open folder. What is embedded reads it.
type folder struct {
	fs.FileReaddirenter
	fs.FileReleasedirer
	fs.FileSeekdirer
	node *node
}

// Fsyncdir makes the folder's entries safe.
func (f *folder) Fsyncdir(context.Context, uint32) syscall.Errno { return f.node.disk.sync(f.node.ino) }

// OpendirHandle opens a folder.
func (n *node) OpendirHandle(ctx context.Context, flags uint32) (fs.FileHandle, uint32, syscall.Errno) {
	handle, fuseFlags, errno := n.LoopbackNode.OpendirHandle(ctx, flags)
	if errno != 0 {
		return nil, 0, errno
	}
	reader, reads := handle.(fs.FileReaddirenter)
	closer, closes := handle.(fs.FileReleasedirer)
	seeker, seeks := handle.(fs.FileSeekdirer)
	if !reads || !closes || !seeks {
		return nil, 0, syscall.ENOTSUP
	}
	return &folder{reader, closer, seeker, n}, fuseFlags, 0
}
