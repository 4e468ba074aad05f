package keyring

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func write(t testing.TB, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "galla.key")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestGenerateThenLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "galla.key")
	if err := Generate(path); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode() != 0o600 || info.Size() != 65 {
		t.Fatalf("key file: %v, %v; want mode 0600 and 65 bytes", info, err)
	}
	first, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}

	before, _ := os.ReadFile(path)
	if err := Generate(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("Generate over a key file = %v; want ErrExist", err)
	}
	if after, _ := os.ReadFile(path); string(after) != string(before) {
		t.Error("Generate changed a key file that was there")
	}

	other := filepath.Join(t.TempDir(), "other.key")
	if err := Generate(other); err != nil {
		t.Fatal(err)
	}
	second, err := Load(other)
	if err != nil || second.ID() == first.ID() {
		t.Errorf("two new key files have one key: %v, %v", second.ID(), err)
	}
}

func TestGenerateNeedsTheFolder(t *testing.T) {
	err := Generate(filepath.Join(t.TempDir(), "none", "galla.key"))
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Generate = %v; want ErrNotExist", err)
	}
}

func TestLoad(t *testing.T) {
	many := ""
	for range MaxKeys + 1 {
		many += newLine() + "\n"
	}
	tests := []struct {
		name, text string
		mode       fs.FileMode
		keys       int
		errorHas   string
	}{
		{"one line", lineA + "\n", 0o600, 1, ""},
		{"read-only for the owner", lineA + "\n", 0o400, 1, ""},
		{"no newline at the end", lineA, 0o600, 1, ""},
		{"capitals", strings.ToUpper(lineA) + "\n", 0o600, 1, ""},
		{"an older key", lineA + "\n" + lineB + "\n", 0o600, 2, ""},
		{"as an editor on Windows leaves it", lineA + "\r\n\r\n" + lineB + " \r\n", 0o600, 2, ""},
		{"readable by the group", lineA + "\n", 0o640, 0, "chmod 600"},
		{"readable by all", lineA + "\n", 0o604, 0, "mode 0604"},
		{"empty", "", 0o600, 0, "holds no key"},
		{"only white space", " \n\n", 0o600, 0, "holds no key"},
		{"short", lineA[:63] + "\n", 0o600, 0, "line 1 is not a key: 64 hex digits are expected, 63 characters found"},
		{"long", lineA + "0\n", 0o600, 0, "65 characters found"},
		{"not hex", "x" + lineA[1:] + "\n", 0o600, 0, "line 1 is not a key"},
		{"bad second line", lineA + "\nolder\n", 0o600, 0, "line 2 is not a key"},
		{"the same key twice", lineA + "\n" + lineB + "\n" + strings.ToUpper(lineA), 0o600, 0, "line 3 repeats key"},
		{"too many keys", many, 0o600, 0, "more than 16 keys"},
		{"some other file", strings.Repeat("x\n", maxFileSize), 0o600, 0, "not a key file"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := write(t, tt.text, tt.mode)
			ring, err := Load(path)
			if tt.errorHas == "" {
				if err != nil || len(ring.keys) != tt.keys {
					t.Fatalf("Load = %v, %v; want %d keys", ring, err, tt.keys)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.errorHas) || !strings.Contains(err.Error(), path) {
				t.Fatalf("Load = %v; want %q and the path", err, tt.errorHas)
			}
			if strings.Contains(err.Error(), lineA[1:60]) {
				t.Errorf("the error shows the key: %v", err)
			}
		})
	}
}

func TestLoadMissingOrNoFile(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "galla.key")
	if _, err := Load(path); !errors.Is(err, ErrNoFile) || !strings.Contains(err.Error(), "galla key new --file "+path) {
		t.Errorf("Load = %v; want ErrNoFile and the command that helps", err)
	}
	if _, err := Load(folder); err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("Load of a folder = %v", err)
	}
	if _, err := Rotate(path); !errors.Is(err, ErrNoFile) {
		t.Errorf("Rotate = %v; want ErrNoFile", err)
	}
}

func TestRotate(t *testing.T) {
	path := write(t, lineA, 0o600) // no newline at the end
	if err := os.WriteFile(path+".new", []byte("left by a crash"), 0o644); err != nil {
		t.Fatal(err)
	}
	ring, err := Rotate(path)
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := Load(path)
	if err != nil || loaded.ID() != ring.ID() {
		t.Fatalf("Load = %v, %v; want the ring that Rotate returned", loaded, err)
	}
	if ids := loaded.IDs(); len(ids) != 2 || ids[1] != ringOf(t, lineA).ID() {
		t.Errorf("IDs = %v; want the old key behind the new one", ids)
	}
	if _, err := os.Stat(path + ".new"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the new file is left behind: %v", err)
	}
}

func TestRotateFollowsLink(t *testing.T) {
	path := write(t, lineA, 0o600)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := Rotate(link); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("the link was replaced: %v, %v", info, err)
	}
	if ring, err := Load(path); err != nil || len(ring.IDs()) != 2 {
		t.Errorf("the file behind the link: %v, %v", ring, err)
	}
}

func TestRotateKeepsBadFile(t *testing.T) {
	path := write(t, lineA+"\nbad\n", 0o600)
	if _, err := Rotate(path); err == nil {
		t.Fatal("rotated a bad file")
	}
	if text, _ := os.ReadFile(path); string(text) != lineA+"\nbad\n" {
		t.Errorf("the bad file was changed: %q", text)
	}
}

// Without the lock two rotations read the same file and one key is lost,
// maybe after it has sealed something.
func TestRotationsFollowOneAnother(t *testing.T) {
	path := write(t, lineA+"\n", 0o600)
	const rotations = MaxKeys - 1
	ids := make([]string, rotations)
	var wait sync.WaitGroup
	for i := range rotations {
		wait.Go(func() {
			ring, err := Rotate(path)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = ring.ID()
		})
	}
	wait.Wait()
	ring, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(ring.IDs(), " ")
	for _, id := range ids {
		if !strings.Contains(all, id) {
			t.Errorf("key %s was lost", id)
		}
	}
	if _, err := Rotate(path); err == nil || !strings.Contains(err.Error(), "more than 16 keys") {
		t.Errorf("Rotate of a full file = %v", err)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", lineA, lineA + "\n" + lineB, lineA + "\r\n", "\ufeff" + lineA, strings.Repeat("0", 64), "é" + lineA[2:]} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		ring, err := parse(text)
		if err != nil {
			return
		}
		if n := len(ring.IDs()); n < 1 || n > MaxKeys {
			t.Fatalf("%d keys", n)
		}
		// Rotate writes the old text back behind a new line.
		if len(ring.keys) < MaxKeys && len(text) < maxFileSize-65 {
			rotated, err := parse(newLine() + "\n" + text)
			if err != nil || rotated.IDs()[1] != ring.ID() {
				t.Fatalf("a key in front: %v", err)
			}
		}
	})
}
