//go:build linux

package powerloss

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Survival says what of the unsynced is still there after a power loss.
type Survival int

// From worst to best for those who forgot to sync; the ones in the middle are worst for those who rely on an order.
const (
	Nothing    Survival = iota
	Pages               // any pages, each as it was at any time since it was synced
	Torn                // likewise, and some pages mixed of sectors of different times
	Everything          // the disk was quick
)

// Loss is what a power loss took.
type Loss struct {
	Files  int64 // that had anything unsynced
	Pages  int64 // that weren't synced
	Bytes  int64 // that are not as they were
	Torn   int64 // pages that were put together of different times
	Names  int64 // creations, deletions and renames that are undone
	Behind int64 // names that were not synced and stay
}

// change is one change of names that isn't safe yet.
type change struct {
	keys []uint64 // inodes whose sync makes it safe
	undo func() error
	done func() error // when it is safe
}

// change adds to the journal what has just been done. It is called with the disk's lock held.
func (d *Disk) change(c change) { d.journal = append(d.journal, c) }

// settle makes safe the last change that concerns an inode, and all before it. It is called with the disk's lock held.
func (d *Disk) settle(ino uint64) {
	last := -1
	for i, c := range d.journal {
		if slices.Contains(c.keys, ino) {
			last = i
		}
	}
	for _, c := range d.journal[:last+1] {
		if c.done != nil {
			_ = c.done() // a file that nobody sees stays longer
		}
	}
	d.journal = slices.Delete(d.journal, 0, last+1)
}

// bury takes a file's name away and keeps it until that is safe. It is called with the disk's lock held.
func (d *Disk) bury(path string) (grave string, err error) {
	d.buried++
	grave = filepath.Join(d.gone, strconv.Itoa(d.buried))
	return grave, os.Rename(path, grave)
}

// remove ends a buried file.
func (d *Disk) remove(grave string) error {
	var st syscall.Stat_t
	if err := syscall.Lstat(grave, &st); err == nil && st.Nlink == 1 {
		if c := d.contents[st.Ino]; c != nil {
			c.sync()
			delete(d.contents, st.Ino)
		}
	}
	return os.Remove(grave)
}

// Lose is what the disk looks like when the power is back: call it after Cut and Unmount.
func (d *Disk) Lose(how Survival) (Loss, error) {
	if d.server != nil {
		return Loss{}, errors.New("disk: it is still mounted")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	kept := len(d.journal)
	switch how {
	case Nothing:
		kept = 0
	case Pages, Torn:
		kept = d.random.IntN(len(d.journal) + 1)
	}
	loss := Loss{Names: int64(len(d.journal) - kept), Behind: int64(kept)}
	var errs []error
	// Bytes first: a file whose creation is undone is gone then, whatever is in it.
	for _, c := range d.contents {
		if c.f != nil {
			loss.Files, loss.Pages = loss.Files+1, loss.Pages+int64(len(c.pages))
		}
		bytes, torn, err := c.lose(how)
		loss.Bytes, loss.Torn, errs = loss.Bytes+bytes, loss.Torn+torn, append(errs, err)
	}
	for i := len(d.journal) - 1; i >= kept; i-- {
		errs = append(errs, d.journal[i].undo())
	}
	for _, c := range d.journal[:kept] {
		if c.done != nil {
			errs = append(errs, c.done())
		}
	}
	d.journal = nil
	clear(d.contents)
	if err := errors.Join(errs...); err != nil {
		return loss, fmt.Errorf("disk: lose: %w", err)
	}
	return loss, nil
}
