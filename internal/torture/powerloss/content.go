//go:build linux

package powerloss

import (
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"syscall"
)

// pageSize is what a file is remembered in, sectorSize what a disk writes whole.
const (
	pageSize   = 4096
	sectorSize = 512
)

// page is what a page was before it was written.
type page struct {
	safe    []byte // as it was synced; nil: the file was shorter
	between []byte // as it was at some moment since, nil when it was written once only
	writes  int
}

// content is what is remembered of one file's unsynced bytes. Its zero pages say that all of it is safe.
type content struct {
	mu       sync.Mutex
	random   *rand.Rand
	f        *os.File // while there is anything to remember
	safeSize int64
	pages    map[int64]*page
	resized  bool
}

// touch begins to remember, by any descriptor of the file.
func (c *content) touch(f *os.File) error {
	if c.f != nil {
		return nil
	}
	own, err := duplicate(f)
	if err != nil {
		return err
	}
	info, err := own.Stat()
	if err != nil {
		return errors.Join(err, own.Close())
	}
	c.f, c.safeSize = own, info.Size()
	return nil
}

// duplicate is the same file behind another descriptor, which can be read and written.
func duplicate(f *os.File) (*os.File, error) {
	raw, err := f.SyscallConn()
	if err != nil {
		return nil, err
	}
	var path string
	if err := raw.Control(func(fd uintptr) { path = descriptorPath(fd) }); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_RDWR, 0)
}

// keep remembers page i as it is, before it changes.
func (c *content) keep(i int64) error {
	p := c.pages[i]
	if p == nil {
		p = &page{}
		if i*pageSize < c.safeSize {
			now, err := c.read(i)
			if err != nil {
				return err
			}
			p.safe = now
		}
		c.pages[i] = p
	} else if p.writes++; c.random.IntN(p.writes) == 0 {
		now, err := c.read(i)
		if err != nil {
			return err
		}
		p.between = now
	}
	return nil
}

// read is page i as it is now, zeros behind the file's end.
func (c *content) read(i int64) ([]byte, error) {
	b := make([]byte, pageSize)
	if _, err := c.f.ReadAt(b, i*pageSize); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

func (c *content) write(f *os.File, data []byte, off int64) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.touch(f); err != nil {
		return 0, err
	}
	for i := off / pageSize; i*pageSize < off+int64(len(data)); i++ {
		if err := c.keep(i); err != nil {
			return 0, err
		}
	}
	return c.f.WriteAt(data, off)
}

func (c *content) truncate(f *os.File, size int64) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.touch(f); err != nil {
		return err
	}
	for i := size / pageSize; i*pageSize < c.safeSize; i++ {
		if c.pages[i] == nil {
			if err := c.keep(i); err != nil {
				return err
			}
		}
	}
	c.resized = true
	return c.f.Truncate(size)
}

// sync makes everything safe.
func (c *content) sync() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget()
}

func (c *content) forget() {
	if c.f != nil {
		_ = c.f.Close() // nothing is buffered in it
	}
	c.f, c.resized = nil, false
	clear(c.pages)
}

// lose puts back what how chooses, and forgets the rest. It tells how many bytes differ from what was there.
func (c *content) lose(how Survival) (dropped int64, torn int64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.f == nil {
		return 0, 0, nil
	}
	defer c.forget()
	info, err := c.f.Stat()
	if err != nil {
		return 0, 0, err
	}
	if info.Sys().(*syscall.Stat_t).Nlink == 0 {
		return 0, 0, nil // deleted for good
	}
	size := c.size(how, info.Size())
	for i, p := range c.pages {
		now, err := c.read(i)
		if err != nil {
			return dropped, torn, err
		}
		kept, tears := c.choose(how, p, now, i*pageSize >= info.Size())
		torn += tears
		dropped += difference(now, kept)
		if _, err := c.f.WriteAt(kept, i*pageSize); err != nil {
			return dropped, torn, err
		}
	}
	if size != info.Size() {
		dropped += max(size-info.Size(), info.Size()-size)
	}
	return dropped, torn, c.f.Truncate(size)
}

// size is how long the file is found.
func (c *content) size(how Survival, now int64) int64 {
	switch how {
	case Nothing:
		return c.safeSize
	case Everything:
		return now
	}
	pages := (now - c.safeSize) / pageSize
	switch pick := c.random.IntN(3); {
	case pick == 0 || now < c.safeSize && pick == 1:
		return c.safeSize
	case pick == 1 && pages > 0:
		return c.safeSize/pageSize*pageSize + (1+c.random.Int64N(pages))*pageSize
	}
	return now
}

// choose is what is found of a page. cutOff says that the file ends before it now.
func (c *content) choose(how Survival, p *page, now []byte, cutOff bool) (kept []byte, torn int64) {
	safe := p.safe
	if safe == nil {
		safe = make([]byte, pageSize)
	}
	versions := [][]byte{safe, now}
	if p.between != nil {
		versions = append(versions, p.between)
	}
	switch {
	case how == Nothing || cutOff:
		return safe, 0
	case how == Everything:
		return now, 0
	case how == Pages || c.random.IntN(2) == 0:
		return versions[c.random.IntN(len(versions))], 0
	}
	kept = make([]byte, 0, pageSize)
	for at := 0; at < pageSize; at += sectorSize {
		kept = append(kept, versions[c.random.IntN(len(versions))][at:at+sectorSize]...)
	}
	return kept, 1
}

func difference(a, b []byte) (n int64) {
	for i := range a {
		if a[i] != b[i] {
			n++
		}
	}
	return n
}
