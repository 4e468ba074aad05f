package torture

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/galla-gateway/galla/internal/torture/powerloss"
)

// ground is where a database lies.
type ground struct {
	folder string // where its users see it
	behind string // where this process may read it
	disk   *powerloss.Disk
	small  bool // a file system that can be filled
}

// smallBytes is the size of a disk that is to be filled: a new PostgreSQL takes a good third of it.
const smallBytes = 160 << 20

// newGround makes the place for a fault's database below folder.
func newGround(folder, fault string, seed uint64) (*ground, error) {
	g := &ground{folder: filepath.Join(folder, "ground")}
	g.behind = g.folder
	if err := os.Mkdir(g.folder, 0o755); err != nil {
		return nil, err
	}
	switch fault {
	case Power, IO:
		disk, err := powerloss.New(filepath.Join(folder, "disk"), g.folder, seed)
		if err != nil {
			return nil, err
		}
		g.disk, g.behind = disk, disk.Store()
		return g, disk.Mount()
	case Disk:
		g.small = true
		if err := unix.Mount("tmpfs", g.folder, "tmpfs", 0, fmt.Sprintf("size=%d,mode=0755", smallBytes)); err != nil {
			return nil, fmt.Errorf("mount a small disk: %w", err)
		}
	}
	return g, nil
}

// filler is the file that fills a small disk.
func (g *ground) filler() string { return filepath.Join(g.folder, "filler") }

// fill leaves no room on a small disk.
func (g *ground) fill() (bytes int64, err error) {
	f, err := os.OpenFile(g.filler(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for {
		n, err := f.Write(block)
		bytes += int64(n)
		switch {
		case errors.Is(err, unix.ENOSPC) && len(block) > 1:
			block = block[:len(block)/2]
		case errors.Is(err, unix.ENOSPC):
			return bytes, nil
		case err != nil:
			return bytes, err
		}
	}
}

// free takes the filling away.
func (g *ground) free() error { return os.Remove(g.filler()) }

// close takes the mounts away.
func (g *ground) close() error {
	switch {
	case g.disk != nil:
		return g.disk.Unmount()
	case g.small:
		return unix.Unmount(g.folder, unix.MNT_DETACH)
	}
	return nil
}
