package ifsc

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// A stored table is: magic, whether it is complete (0 or 1), its source, the number of all branches, the number of banks and
// the banks, the number of sublets and the sublets; nothing behind. Numbers are unsigned varints, texts have their length
// before them. A bank is its code of four letters, its name, what is known of IMPS (one byte) and its branches: how many,
// then each as the distance from the one before, the first from -1. Banks and sublets ascend.
//
// It isn't compressed: distances are small already, and so the same table has the same bytes whatever Go wrote it.
const magic = "galla ifsc table 1\n"

// Limits of a table. All of India has less than a fifth of these branches.
const (
	// MaxTableBytes bounds a stored table.
	MaxTableBytes = 8 << 20
	maxBranches   = 1 << 20
	maxBanks      = 1 << 14
	maxSublets    = 1 << 16
	maxNameBytes  = 200
	minSublet     = bankLength
)

// errTable is wrapped in every error of Read that isn't the reader's own.
var errTable = errors.New("not a table of IFSC codes")

// Write stores the table. The same table always gives the same bytes.
func (t *Table) Write(w io.Writer) error {
	if err := t.check(); err != nil {
		return err
	}
	out := []byte(magic)
	complete := byte(0)
	if t.complete {
		complete = 1
	}
	out = append(out, complete)
	out = appendText(out, t.source)
	out = binary.AppendUvarint(out, uint64(t.Branches()))
	out = binary.AppendUvarint(out, uint64(len(t.banks)))
	for _, code := range slices.Sorted(maps.Keys(t.banks)) {
		b := t.banks[code]
		out = append(out, code...)
		out = appendText(out, b.name)
		out = append(out, byte(b.imps))
		out = binary.AppendUvarint(out, uint64(len(b.branches)))
		before := int64(-1)
		for _, branch := range b.branches {
			out = binary.AppendUvarint(out, uint64(int64(branch)-before))
			before = int64(branch)
		}
	}
	out = binary.AppendUvarint(out, uint64(len(t.sublets)))
	for _, beginning := range slices.Sorted(maps.Keys(t.sublets)) {
		out = appendText(out, beginning)
		out = appendText(out, t.sublets[beginning])
	}
	if len(out) > MaxTableBytes {
		return fmt.Errorf("the table has %d bytes, at most %d are allowed", len(out), MaxTableBytes)
	}
	_, err := w.Write(out)
	return err
}

// check holds a table to what decode takes, so that nothing is stored that can't be read.
func (t *Table) check() error {
	if len(t.banks) > maxBanks {
		return fmt.Errorf("%d banks, at most %d are allowed", len(t.banks), maxBanks)
	}
	if n := t.Branches(); n > maxBranches {
		return fmt.Errorf("%d branches, at most %d are allowed", n, maxBranches)
	}
	if len(t.sublets) > maxSublets {
		return fmt.Errorf("%d sublets, at most %d are allowed", len(t.sublets), maxSublets)
	}
	return nil
}

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// Read reads a table that Write stored. An error leaves nothing half read.
func Read(r io.Reader) (*Table, error) {
	data, err := io.ReadAll(io.LimitReader(r, MaxTableBytes+1))
	if err != nil {
		return nil, err
	}
	if len(data) > MaxTableBytes {
		return nil, fmt.Errorf("%w: more than %d bytes", errTable, MaxTableBytes)
	}
	return decode(string(data))
}

// decode reads a stored table. Its texts are parts of data, which costs no copies.
func decode(data string) (*Table, error) {
	rest, ok := strings.CutPrefix(data, magic)
	if !ok {
		return nil, fmt.Errorf("%w: it doesn't begin with %q", errTable, strings.TrimSpace(magic))
	}
	d := decoder{rest: rest}
	complete := d.byte(1)
	t := newTable(d.text(), complete == 1)
	d.branches = make([]uint32, 0, d.count(maxBranches))
	banks := d.count(maxBanks)
	t.banks = make(map[string]bank, banks)
	last := ""
	for range banks {
		code, b := d.bank()
		d.must(isBankCode(code) && code > last, "bank codes must ascend")
		if d.err != nil {
			return nil, d.err
		}
		t.banks[code], last = b, code
	}
	d.must(len(d.branches) == cap(d.branches), "the number of branches is wrong")
	sublets := d.count(maxSublets)
	t.sublets = make(map[string]string, sublets)
	last = ""
	for range sublets {
		beginning, who := d.text(), d.text()
		d.must(isBeginning(beginning) && beginning > last && who != "", "sublets must ascend")
		if d.err != nil {
			return nil, d.err
		}
		t.sublets[beginning], last = who, beginning
	}
	d.must(d.rest == "", "something follows its end")
	if d.err != nil {
		return nil, d.err
	}
	return t, nil
}

// decoder takes a stored table apart. After its first error it only returns zeros.
type decoder struct {
	rest     string
	branches []uint32 // of all banks, in one piece
	err      error
}

func (d *decoder) must(ok bool, what string) {
	if !ok && d.err == nil {
		d.err, d.rest = fmt.Errorf("%w: %s", errTable, what), ""
	}
}

// byte takes a number of one byte, at most limit.
func (d *decoder) byte(limit byte) byte {
	if d.must(d.rest != "" && d.rest[0] <= limit, "a flag is wrong"); d.err != nil {
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

// number takes a varint of at most 32 bits.
func (d *decoder) number() uint32 {
	var n uint64
	for i := 0; i < len(d.rest) && i < binary.MaxVarintLen32; i++ {
		b := d.rest[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b < 0x80 {
			d.rest = d.rest[i+1:]
			d.must(n <= 1<<32-1, "a number is too large")
			return uint32(n)
		}
	}
	d.must(false, "a number is cut off")
	return 0
}

// count takes how many things follow. Each takes a byte at least, so that a short text can't ask for much memory.
func (d *decoder) count(limit int) int {
	n := int(d.number())
	d.must(n <= limit && n <= len(d.rest), "a number of things is too large")
	if d.err != nil {
		return 0
	}
	return n
}

func (d *decoder) text() string {
	n := d.count(maxNameBytes)
	text := d.rest[:n]
	d.must(isName(text), "a text has characters that can't be printed")
	if d.err != nil {
		return ""
	}
	d.rest = d.rest[n:]
	return text
}

func (d *decoder) bank() (string, bank) {
	if d.must(len(d.rest) >= bankLength, "a bank is cut off"); d.err != nil {
		return "", bank{}
	}
	code := d.rest[:bankLength]
	d.rest = d.rest[bankLength:]
	b := bank{name: d.text(), imps: Support(d.byte(byte(No)))}
	n, first := d.count(cap(d.branches)-len(d.branches)), len(d.branches)
	before := int64(-1)
	for range n {
		step := d.number()
		before += int64(step)
		if d.must(step > 0 && before < endOfBranches, "branches must ascend"); d.err != nil {
			return "", bank{}
		}
		d.branches = append(d.branches, uint32(before))
	}
	b.branches = slices.Clip(d.branches[first:])
	return code, b
}

// isBeginning tells whether a text is a code or what codes may begin with, a bank's own letters at least.
func isBeginning(text string) bool {
	if len(text) < minSublet || len(text) > codeLength {
		return false
	}
	_, err := Parse(text + strings.Repeat("0", codeLength-len(text)))
	return err == nil
}

// isName tells whether a text can be shown on a terminal and in a page.
func isName(text string) bool {
	return len(text) <= maxNameBytes && utf8.ValidString(text) && strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
}
