package keyring

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// MaxKeys is the number of keys that a key file may hold. Each costs one more
// hash on every request whose secret is unknown.
const MaxKeys = 16

// maxFileSize bounds what Load reads: MaxKeys lines and some white space.
const maxFileSize = 4 << 10

// fileMode of a key file: nobody but the owner.
const fileMode fs.FileMode = 0o600

// ErrNoFile: there is no key file at the path.
var ErrNoFile = errors.New("no key file")

// Generate makes a key file with one new key: mode 0600, on disk before it
// returns. It never overwrites: a file that is there is an error that
// errors.Is fs.ErrExist.
func Generate(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("key file %s is there already and was left as it is: %w", path, fs.ErrExist)
	}
	if err != nil {
		return fmt.Errorf("make key file: %w", err)
	}
	if err := writeKeys(f, newLine()+"\n"); err != nil {
		os.Remove(path) // half a key would only be in the way
		return fmt.Errorf("make key file %s: %w", path, err)
	}
	return syncFolder(path)
}

// Load reads a key file. The error says which file, which line and what to do;
// it never shows what the line held. A missing file is ErrNoFile.
func Load(path string) (*Keyring, error) {
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	ring, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	return ring, nil
}

// Rotate puts a new key in front of the key file and returns the ring that
// seals with it. The old keys stay: what they sealed still opens. The file is
// replaced whole or not at all, and two at once follow one another.
func Rotate(path string) (*Keyring, error) {
	// Behind a symbolic link the file is replaced, not the link.
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	lock, err := lockFile(path)
	if err != nil {
		return nil, err
	}
	defer lock.Close() // frees the lock
	text, err := read(path)
	if err != nil {
		return nil, err
	}
	if _, err := parse(text); err != nil {
		return nil, fmt.Errorf("key file %s: %w", path, err)
	}
	text = newLine() + "\n" + text
	ring, err := parse(text)
	if err != nil {
		return nil, fmt.Errorf("rotate key file %s: %w", path, err)
	}
	if err := replace(lock, path, text); err != nil {
		return nil, fmt.Errorf("rotate key file %s: %w", path, err)
	}
	return ring, nil
}

// lockFile holds the kernel's lock on the file that path names now. Rotate
// renames a new file into place, so whoever waited looks again.
func lockFile(path string) (*os.File, error) {
	for {
		f, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil, missing(path)
		}
		if err != nil {
			return nil, fmt.Errorf("open key file: %w", err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
			f.Close()
			return nil, fmt.Errorf("lock key file %s: %w", path, err)
		}
		locked, err := f.Stat()
		if err != nil {
			f.Close()
			return nil, fmt.Errorf("lock key file: %w", err)
		}
		if named, err := os.Stat(path); err == nil && os.SameFile(locked, named) {
			return f, nil
		}
		f.Close()
	}
}

// replace writes text beside path and renames it into place. The name of the
// new file is fixed, so that one left behind by a crash is cleared next time.
func replace(old *os.File, path, text string) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	// Rotated by root, the file must stay readable for the server's user.
	if err := keepOwner(old, f); err != nil {
		f.Close()
		os.Remove(fresh)
		return err
	}
	if err := writeKeys(f, text); err != nil {
		os.Remove(fresh)
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		os.Remove(fresh)
		return err
	}
	return syncFolder(path)
}

func keepOwner(old, fresh *os.File) error {
	var was, is unix.Stat_t
	if err := unix.Fstat(int(old.Fd()), &was); err != nil {
		return err
	}
	if err := unix.Fstat(int(fresh.Fd()), &is); err != nil {
		return err
	}
	if was.Uid == is.Uid && was.Gid == is.Gid {
		return nil
	}
	return fresh.Chown(int(was.Uid), int(was.Gid))
}

// writeKeys fills, syncs and closes f.
func writeKeys(f *os.File, text string) error {
	// The umask may have taken bits away.
	err := f.Chmod(fileMode)
	if err == nil {
		_, err = f.WriteString(text)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncFolder makes the name of a new file durable, not only its content.
func syncFolder(path string) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("sync the folder of key file %s: %w", path, err)
	}
	return errors.Join(folder.Sync(), folder.Close())
}

func read(path string) (string, error) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", missing(path)
	}
	if err != nil {
		return "", fmt.Errorf("read key file: %w", err)
	}
	// Asked before opening: opening a pipe would wait for its other end.
	if !info.Mode().IsRegular() {
		return "", fmt.Errorf("key file %s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read key file: %w", err)
	}
	defer f.Close()
	if info, err = f.Stat(); err != nil {
		return "", fmt.Errorf("read key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return "", fmt.Errorf("key file %s can be read by others (mode %04o): run chmod 600 on it", path, mode)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFileSize+1))
	if err != nil {
		return "", fmt.Errorf("read key file: %w", err)
	}
	return string(text), nil
}

func missing(path string) error {
	return fmt.Errorf("%w at %s: make one with galla key new --file %s", ErrNoFile, path, path)
}

// parse reads the text of a key file: one key of 64 hex digits a line, newest
// first. Spaces around a key and empty lines are allowed, as editors leave them.
func parse(text string) (*Keyring, error) {
	if len(text) > maxFileSize {
		return nil, fmt.Errorf("longer than %d bytes: not a key file", maxFileSize)
	}
	ring := &Keyring{}
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		raw, err := hex.DecodeString(line)
		if err != nil || len(raw) != keySize {
			return nil, fmt.Errorf("line %d is not a key: 64 hex digits are expected, %d characters found",
				i+1, len([]rune(line)))
		}
		if len(ring.keys) == MaxKeys {
			return nil, fmt.Errorf("more than %d keys", MaxKeys)
		}
		k, err := newKey([keySize]byte(raw))
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
		for _, other := range ring.keys {
			if other.id == k.id {
				return nil, fmt.Errorf("line %d repeats key %s", i+1, k.idText())
			}
		}
		ring.keys = append(ring.keys, k)
	}
	if len(ring.keys) == 0 {
		return nil, errors.New("it holds no key: 64 hex digits are expected on the first line")
	}
	return ring, nil
}
