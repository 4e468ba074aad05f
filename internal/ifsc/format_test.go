package ifsc

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func stored(t testing.TB, table *Table) []byte {
	t.Helper()
	var out bytes.Buffer
	if err := table.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestReadWrite(t *testing.T) {
	whole := build(t, string(packed(t, nil)), "ifsc.tgz")
	reread(t, whole)
	reread(t, build(t, "HDFC0000000\nHDFC0ZZZZZZ\n", "codes.txt"))
	// The order in which a map is walked must not be seen.
	for range 20 {
		if !bytes.Equal(stored(t, whole), stored(t, build(t, string(packed(t, nil)), "other.tgz"))) {
			t.Fatal("the same package gave other bytes")
		}
	}
}

// Every text that is cut off, and every text with a byte too many, is refused. What is changed is refused or reads as another
// table: never as one that can't be stored.
func TestReadRefuses(t *testing.T) {
	data := stored(t, build(t, string(packed(t, nil)), "ifsc.tgz"))
	for n := range data {
		if table, err := Read(bytes.NewReader(data[:n])); table != nil || !errors.Is(err, errTable) {
			t.Fatalf("cut to %d bytes: %v, %v", n, table, err)
		}
		changed := bytes.Clone(data)
		changed[n] ^= 0x81
		if table, err := Read(bytes.NewReader(changed)); err == nil {
			reread(t, table)
		}
	}
	head := magic + "\x01\x04ifsc"
	for name, c := range map[string]struct{ data, want string }{
		"other file":       {"PK\x03\x04", "doesn't begin with"},
		"something behind": {string(data) + "x", "something follows"},
		"flag":             {magic + "\x02\x04ifsc\x01\x01", "flag"},
		"many branches":    {head + "\xff\xff\x3f\x01", "number of things"},
		"large number":     {head + "\xff\xff\xff\xff\x1f", "too large"},
		"endless number":   {head + "\xff\xff\xff\xff\xff\xff", "cut off"},
		"bank code":        {head + "\x01\x01HDF1\x00\x00\x01\x01\x00", "bank codes"},
		"banks descend":    {head + "\x00\x02HDFC\x00\x00\x00HDFC\x00\x00\x00\x00", "bank codes"},
		"branch twice":     {head + "\x02\x01HDFC\x00\x00\x02\x01\x00\x00", "branches must ascend"},
		"branch too high":  {head + "\x01\x01HDFC\x00\x00\x01\x81\xa0\xfc\x8d\x08\x00", "branches must ascend"},
		"fewer branches":   {head + "\x02\x01HDFC\x00\x00\x01\x01\x00", "number of branches"},
		"more branches":    {head + "\x01\x01HDFC\x00\x00\x02\x01\x01\x00", "number of things"},
		"support":          {head + "\x01\x01HDFC\x00\x03\x01\x01\x00", "flag"},
		"name":             {head + "\x01\x01HDFC\x01\x1b\x00\x01\x01\x00", "can't be printed"},
		"sublet":           {head + "\x00\x00\x01\x03HDF\x01x", "sublets"},
		"sublet of nobody": {head + "\x00\x00\x01\x05HDFC0\x00", "sublets"},
		"sublet twice":     {head + "\x00\x00\x02\x05HDFC0\x01x\x05HDFC0\x01x", "sublets"},
	} {
		if table, err := Read(strings.NewReader(c.data)); table != nil || !errors.Is(err, errTable) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, error %v, want %q in it", name, table, err, c.want)
		}
	}
	if _, err := Read(io.LimitReader(endless{}, 2*MaxTableBytes)); !errors.Is(err, errTable) || !strings.Contains(err.Error(), "more than 8388608 bytes") {
		t.Errorf("too large: %v", err)
	}
	if _, err := Read(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("the reader's own error: %v", err)
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) { return len(p), nil }

// The last branch that can be written is read.
func TestHighestBranch(t *testing.T) {
	if packed, ok := pack("ZZZZZZ"); !ok || packed != endOfBranches-1 {
		t.Errorf("ZZZZZZ packs to %d, %v", packed, ok)
	}
	for _, branch := range []string{"", "00000", "0000000", "00000a", "00000é"} {
		if _, ok := pack(branch); ok {
			t.Errorf("%q packs", branch)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(stored(f, build(f, string(packed(f, nil)), "ifsc.tgz")))
	f.Add(stored(f, build(f, "HDFC0000000\nHDFC0ZZZZZZ\n", "codes.txt")))
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, data []byte) {
		table, err := Read(bytes.NewReader(data))
		if (table == nil) != (err != nil) {
			t.Fatalf("%v, %v", table, err)
		}
		if err == nil {
			table.Lookup("HDFC0000001")
			reread(t, table)
		}
	})
}
