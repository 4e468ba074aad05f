//go:build linux

package powerloss

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/galla-gateway/galla/internal/testkit"
)

// bench is a disk and the folder where it is seen.
type bench struct {
	*Disk
	t    *testing.T
	seen string
}

func newBench(t *testing.T, seed uint64) *bench {
	testkit.Mounts(t)
	folder := t.TempDir()
	b := &bench{t: t, seen: filepath.Join(folder, "seen")}
	var err error
	if b.Disk, err = New(folder, b.seen, seed); err != nil {
		t.Fatal(err)
	}
	b.must(b.Mount())
	t.Cleanup(func() { b.must(b.Unmount()) })
	return b
}

func (b *bench) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) at(name string) string { return filepath.Join(b.seen, name) }

// write writes at an offset and syncs when that is asked for.
func (b *bench) write(name string, off int64, data []byte, sync bool) {
	b.t.Helper()
	f, err := os.OpenFile(b.at(name), os.O_CREATE|os.O_WRONLY, 0o600)
	b.must(err)
	_, err = f.WriteAt(data, off)
	b.must(err)
	if sync {
		b.must(f.Sync())
	}
	b.must(f.Close())
}

func (b *bench) syncFolder(name string) {
	b.t.Helper()
	f, err := os.Open(b.at(name))
	b.must(err)
	b.must(f.Sync())
	b.must(f.Close())
}

// lose cuts the power and turns it on again.
func (b *bench) lose(how Survival) Loss {
	b.t.Helper()
	b.Cut()
	b.must(b.Unmount())
	loss, err := b.Lose(how)
	b.must(err)
	b.must(b.Mount())
	return loss
}

func (b *bench) read(name string) []byte {
	b.t.Helper()
	content, err := os.ReadFile(b.at(name))
	b.must(err)
	return content
}

func (b *bench) want(name string, content []byte) {
	b.t.Helper()
	if got := b.read(name); !bytes.Equal(got, content) {
		b.t.Errorf("%s holds %d bytes %.40q…, want %d bytes %.40q…", name, len(got), got, len(content), content)
	}
}

func (b *bench) wantMissing(name string) {
	b.t.Helper()
	if _, err := os.Stat(b.at(name)); !errors.Is(err, os.ErrNotExist) {
		b.t.Errorf("%s: %v, want that it isn't there", name, err)
	}
}

func filled(c byte, n int) []byte { return bytes.Repeat([]byte{c}, n) }

func TestSyncedSurvivesAndUnsyncedIsLost(t *testing.T) {
	b := newBench(t, 1)
	b.write("a", 0, filled('1', 10000), true)
	b.write("a", 5000, filled('2', 20000), false)
	b.write("new", 0, filled('n', 100), false)
	if n := b.Unsynced(); n < 20000 {
		t.Errorf("%d bytes are unsynced, want those of the second write", n)
	}
	b.want("a", append(filled('1', 5000), filled('2', 20000)...)) // until the power goes nobody sees a difference
	loss := b.lose(Nothing)
	b.want("a", filled('1', 10000))
	b.wantMissing("new")
	if loss.Bytes < 20000 || loss.Files != 2 || loss.Names != 1 {
		t.Errorf("the loss is %+v", loss)
	}
	b.want("a", filled('1', 10000))
}

func TestEverythingMaySurvive(t *testing.T) {
	b := newBench(t, 1)
	b.write("a", 0, filled('1', 10000), true)
	b.write("a", 0, filled('2', 20000), false)
	if loss := b.lose(Everything); loss.Bytes != 0 || loss.Names != 0 {
		t.Errorf("the loss is %+v", loss)
	}
	b.want("a", filled('2', 20000))
}

// Of the pages that nobody synced each is old, new or from between, whatever the others are.
func TestPagesSurviveOneByOne(t *testing.T) {
	b := newBench(t, 7)
	const pages = 64
	b.write("a", 0, filled('1', pages*pageSize), true)
	b.write("a", 0, filled('2', pages*pageSize), false)
	b.write("a", 0, filled('3', pages*pageSize), false)
	b.lose(Pages)
	found := map[byte]int{}
	content := b.read("a")
	for i := range pages {
		one := content[i*pageSize : (i+1)*pageSize]
		if !bytes.Equal(one, filled(one[0], pageSize)) {
			t.Errorf("page %d is torn", i)
		}
		found[one[0]]++
	}
	if found['1'] == 0 || found['2'] == 0 || found['3'] == 0 || len(found) != 3 {
		t.Errorf("pages are left as %v, want some of each write", found)
	}
}

func TestTornAtSectors(t *testing.T) {
	b := newBench(t, 7)
	const pages = 64
	b.write("a", 0, filled('1', pages*pageSize), true)
	b.write("a", 0, filled('2', pages*pageSize), false)
	loss := b.lose(Torn)
	content, mixed := b.read("a"), int64(0)
	for i := range pages {
		one := content[i*pageSize : (i+1)*pageSize]
		if !bytes.Equal(one, filled(one[0], pageSize)) {
			mixed++
		}
		for at := 0; at < pageSize; at += sectorSize {
			if sector := one[at : at+sectorSize]; !bytes.Equal(sector, filled(sector[0], sectorSize)) {
				t.Errorf("page %d is torn within a sector", i)
			}
		}
	}
	if mixed == 0 || loss.Torn < mixed {
		t.Errorf("%d pages are torn, the loss says %+v", mixed, loss)
	}
}

func TestTruncationComesBack(t *testing.T) {
	b := newBench(t, 1)
	b.write("a", 0, filled('1', 3*pageSize+100), true)
	b.must(os.Truncate(b.at("a"), 10))
	b.write("a", 10, filled('2', 20), false)
	b.want("a", append(filled('1', 10), filled('2', 20)...))
	b.lose(Nothing)
	b.want("a", filled('1', 3*pageSize+100))

	f, err := os.OpenFile(b.at("a"), os.O_WRONLY|os.O_TRUNC, 0)
	b.must(err)
	b.must(f.Sync())
	b.must(f.Close())
	b.lose(Nothing)
	b.want("a", nil)
}

// Names change in their order: a synced one takes those before it along, and those after it are lost from the last on.
func TestNames(t *testing.T) {
	b := newBench(t, 1)
	b.must(os.Mkdir(b.at("d"), 0o700))
	b.write("d/old", 0, []byte("old"), true)
	b.write("d/next", 0, []byte("next"), true)
	b.must(os.Rename(b.at("d/next"), b.at("d/old")))
	b.want("d/old", []byte("next"))
	b.write("d/gone", 0, []byte("gone"), true) // syncs the rename too
	b.must(os.Remove(b.at("d/gone")))
	b.write("d/next", 0, []byte("again"), false)
	b.must(os.Mkdir(b.at("e"), 0o700))
	b.must(os.Rename(b.at("d/old"), b.at("e/old")))
	if loss := b.lose(Nothing); loss.Names != 4 {
		t.Errorf("the loss is %+v, want 4 names", loss)
	}
	b.want("d/old", []byte("next"))
	b.want("d/gone", []byte("gone"))
	b.wantMissing("d/next")
	b.wantMissing("e")

	b.must(os.Remove(b.at("d/gone")))
	b.must(os.Rename(b.at("d/old"), b.at("d/new")))
	b.syncFolder("d")
	b.lose(Nothing)
	b.wantMissing("d/gone")
	b.wantMissing("d/old")
	b.want("d/new", []byte("next"))
}

// A rename over a file that isn't synced gives back both.
func TestReplacedFileComesBack(t *testing.T) {
	b := newBench(t, 1)
	b.write("a", 0, []byte("old"), true)
	b.write("b", 0, []byte("new"), true)
	b.must(os.Rename(b.at("b"), b.at("a")))
	b.lose(Nothing)
	b.want("a", []byte("old"))
	b.want("b", []byte("new"))
}

func TestFailures(t *testing.T) {
	b := newBench(t, 1)
	f, err := os.OpenFile(b.at("a"), os.O_CREATE|os.O_WRONLY, 0o600)
	b.must(err)
	defer f.Close()
	b.FailWrites(1)
	if _, err := f.WriteAt([]byte("x"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("write: %v, want EIO", err)
	}
	_, err = f.WriteAt([]byte("x"), 0)
	b.must(err)
	b.FailSyncs(1)
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v, want EIO", err)
	}
	if n := b.Counts().Failed; n != 2 {
		t.Errorf("%d failures are counted, want 2", n)
	}
	b.lose(Nothing)
	b.wantMissing("a")
}

func TestNothingHappensWithoutPower(t *testing.T) {
	b := newBench(t, 1)
	f, err := os.OpenFile(b.at("a"), os.O_CREATE|os.O_RDWR, 0o600)
	b.must(err)
	defer f.Close()
	_, err = f.WriteAt([]byte("x"), 0)
	b.must(err)
	b.Cut()
	if err := f.Sync(); !errors.Is(err, syscall.EIO) {
		t.Errorf("sync: %v, want EIO", err)
	}
	if _, err := f.WriteAt([]byte("y"), 0); !errors.Is(err, syscall.EIO) {
		t.Errorf("write: %v, want EIO", err)
	}
	if n := b.Counts().Refused; n < 2 {
		t.Errorf("%d calls were refused, want both", n)
	}
}
