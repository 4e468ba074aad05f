package ifsc

import (
	_ "embed"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Table knows banks and their branches. It never changes after it is made, so that any number may read it at once.
type Table struct {
	source   string
	complete bool
	banks    map[string]bank
	// sublets maps a code, or what several codes begin with, to who runs these branches: the code of a bank, or its name.
	sublets map[string]string
}

// bank is what a table knows of a bank.
type bank struct {
	name     string
	imps     Support
	branches []uint32 // packed, ascending, each once
}

//go:generate go run ../../scripts/ifsctable -version 2.0.50 -sha256 c3c3d45c1824ca3507965f852e901a382f2b028d4ef3d70eab1f397f36e23507 -output table.bin

//go:embed table.bin
var embedded string

// Embedded is the table that comes with the binary. It is read when it is first asked for.
var Embedded = sync.OnceValue(func() *Table {
	t, err := decode(embedded)
	if err != nil {
		panic(fmt.Sprintf("the embedded table of IFSC codes: %v", err)) // the binary itself is broken
	}
	return t
})

// Lookup tells what is known of a code.
func (t *Table) Lookup(code Code) Info {
	info := Info{Code: code}
	if len(code) != codeLength {
		return info // never made by Parse
	}
	info.BankCode = string(code[:bankLength])
	b, ok := t.banks[info.BankCode]
	if !ok {
		return info
	}
	info.Bank, info.KnownBank, info.IMPS = b.name, true, b.imps
	if branch, ok := pack(string(code[branchAt:])); ok && code[zeroAt] == '0' {
		_, info.KnownBranch = slices.BinarySearch(b.branches, branch)
	}
	// A bank that took over another's codes may be named twice.
	if info.Sublet = t.sublet(string(code)); info.Sublet == info.Bank {
		info.Sublet = ""
	}
	return info
}

// sublet is who runs the branch: what is known of the longest beginning of the code.
func (t *Table) sublet(code string) string {
	for n := codeLength; n >= minSublet; n-- {
		who, ok := t.sublets[code[:n]]
		if !ok {
			continue
		}
		if b, ok := t.banks[who]; ok && b.name != "" {
			return b.name
		}
		return who
	}
	return ""
}

// Source names what the table was made from, for people: "ifsc 2.0.50", or the name of a file.
func (t *Table) Source() string { return t.source }

// Complete tells whether the table replaces others. One that isn't complete, made from a list of codes, adds to them.
func (t *Table) Complete() bool { return t.complete }

// Older tells whether the table is of an earlier version of the npm package than other. Where either isn't of the package
// nobody can tell, and it is false.
func (t *Table) Older(other *Table) bool {
	own, known := version(t.source)
	than, comparable := version(other.source)
	return known && comparable && slices.Compare(own, than) < 0
}

// version reads the numbers of "ifsc 2.0.50".
func version(source string) (numbers []int, ok bool) {
	text, ok := strings.CutPrefix(source, packageName+" ")
	if !ok {
		return nil, false
	}
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			return nil, false
		}
		numbers = append(numbers, n)
	}
	return numbers, true
}

// Banks is how many banks the table knows.
func (t *Table) Banks() int { return len(t.banks) }

// Branches is how many codes the table knows.
func (t *Table) Branches() int {
	count := 0
	for _, b := range t.banks {
		count += len(b.branches)
	}
	return count
}

// Over is the table to look codes up in where t is newer than base: t itself if it is complete, else both together, and t's
// word where they differ.
func (t *Table) Over(base *Table) *Table {
	if t.complete {
		return t
	}
	both := newTable(t.source+" over "+base.source, base.complete)
	for _, from := range []*Table{base, t} {
		for code, b := range from.banks {
			known := both.banks[code]
			if b.name != "" {
				known.name = b.name
			}
			if b.imps != Unknown {
				known.imps = b.imps
			}
			known.branches = slices.Concat(known.branches, b.branches)
			both.banks[code] = known
		}
		for beginning, who := range from.sublets {
			both.sublets[beginning] = who
		}
	}
	both.tidy()
	return both
}

func newTable(source string, complete bool) *Table {
	return &Table{source: printable(source), complete: complete, banks: map[string]bank{}, sublets: map[string]string{}}
}

// tidy sorts branches, each once, as Lookup needs them.
func (t *Table) tidy() {
	for code, b := range t.banks {
		slices.Sort(b.branches)
		b.branches = slices.Clip(slices.Compact(b.branches))
		t.banks[code] = b
	}
}

// radix is how many characters a branch is written in. radix^6 fits into 32 bits.
const radix = 36

// pack makes a number of the six characters of a branch; in order of the text.
func pack(branch string) (uint32, bool) {
	if len(branch) != codeLength-branchAt {
		return 0, false
	}
	var packed uint32
	for i := range len(branch) {
		c := branch[i]
		switch {
		case isDigit(c):
			packed = packed*radix + uint32(c-'0')
		case isLetter(c):
			packed = packed*radix + uint32(c-'A') + 10
		default:
			return 0, false
		}
	}
	return packed, true
}

// endOfBranches is above every packed branch.
const endOfBranches = radix * radix * radix * radix * radix * radix
