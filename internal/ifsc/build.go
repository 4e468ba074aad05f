package ifsc

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
)

// Limits of what a table is built from.
const (
	// MaxFileBytes bounds a file, packed and unpacked. The published lists with all addresses have 40 MB.
	MaxFileBytes = 64 << 20
	// maxMemberBytes bounds each file that is read of a package.
	maxMemberBytes = 16 << 20
)

// Build makes a table of one of these, told apart by their first bytes:
//
//   - the npm package ifsc as it is published, ifsc-2.0.50.tgz: a complete table;
//   - its src/IFSC.json, {"HDFC": [1, 2, "CAACOB"], …}: codes without names, which add to another table;
//   - CSV with a column IFSC and perhaps a column BANK, such as the lists of the Reserve Bank, or a text with one code on
//     each line: they add to another table, too.
//
// Name is what the file is called; it becomes the table's source. Errors name the place and what is wrong there.
func Build(r io.Reader, name string) (*Table, error) {
	in := bufio.NewReader(&bounded{r: r, left: MaxFileBytes, what: "the file"})
	if mark, _ := in.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = in.Discard(len(byteOrderMark)) // they were read already
	}
	first, err := in.Peek(len(gzipMagic))
	if len(first) == 0 && errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: the file is empty", name)
	}
	if len(first) == 0 {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var t *Table
	switch {
	case string(first) == gzipMagic:
		t, err = buildPackage(in)
	case first[0] == '{':
		t = newTable(name, false)
		err = t.addBranches(&bounded{r: in, left: maxMemberBytes, what: "the file"})
	default:
		t = newTable(name, false)
		err = t.addList(in)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	t.tidy()
	if t.Branches() == 0 {
		return nil, fmt.Errorf("%s: no IFSC is in it", name)
	}
	if err := t.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return t, nil
}

// What files begin with: spreadsheets put a mark before UTF-8.
const (
	byteOrderMark = "\ufeff"
	gzipMagic     = "\x1f\x8b"
)

// bounded ends with an error, rather than silently, when more is left.
type bounded struct {
	r    io.Reader
	left int
	what string
}

func (b *bounded) Read(p []byte) (int, error) {
	if b.left < 0 {
		return 0, fmt.Errorf("%s is too large", b.what)
	}
	n, err := b.r.Read(p[:min(len(p), b.left+1)])
	if b.left -= n; b.left < 0 {
		return 0, fmt.Errorf("%s is too large", b.what)
	}
	return n, err
}

// packageName is the npm package's, and the beginning of a complete table's source.
const packageName = "ifsc"

// The files of the npm package that are read.
const (
	fileVersion  = "package.json"
	fileBranches = "src/IFSC.json"
	fileNames    = "src/banknames.json"
	fileBanks    = "src/banks.json"
	fileSublets  = "src/sublet.json"
	fileCustom   = "src/custom-sublets.json"
)

// buildPackage reads the npm package. All its files are there since many versions; one without is another package.
func buildPackage(r io.Reader) (*Table, error) {
	members, err := unpack(r)
	if err != nil {
		return nil, err
	}
	t := newTable("", true)
	for _, part := range []struct {
		file string
		read func(io.Reader) error
	}{
		{fileVersion, t.readVersion}, {fileBranches, t.addBranches}, {fileNames, t.addNames}, {fileBanks, t.addSupport},
		// A whole code tells more than what several begin with, so it is read last.
		{fileCustom, t.addSublets}, {fileSublets, t.addSublets},
	} {
		content, ok := members[part.file]
		if !ok {
			return nil, fmt.Errorf("it isn't the npm package ifsc: %s is missing", part.file)
		}
		if err := part.read(bytes.NewReader(content)); err != nil {
			return nil, fmt.Errorf("%s: %w", part.file, err)
		}
	}
	return t, nil
}

// unpack returns the files of the npm package that are read, by their names below its top folder.
func unpack(r io.Reader) (map[string][]byte, error) {
	plain, err := gzip.NewReader(r)
	if err != nil {
		return nil, err
	}
	archive := tar.NewReader(&bounded{r: plain, left: MaxFileBytes, what: "what is packed"})
	members := map[string][]byte{}
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return members, nil
		}
		if err != nil {
			return nil, err
		}
		_, name, _ := strings.Cut(header.Name, "/")
		switch name {
		case fileVersion, fileBranches, fileNames, fileBanks, fileSublets, fileCustom:
		default:
			continue
		}
		content, err := io.ReadAll(&bounded{r: archive, left: maxMemberBytes, what: name})
		if err != nil {
			return nil, err
		}
		members[name] = content
	}
}

// decodeJSON reads one JSON document.
func decodeJSON(r io.Reader, into any) error {
	decoder := json.NewDecoder(r)
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something follows the JSON document")
	}
	return nil
}

func (t *Table) readVersion(r io.Reader) error {
	var document struct{ Name, Version string }
	if err := decodeJSON(r, &document); err != nil {
		return err
	}
	if document.Name != packageName {
		return fmt.Errorf("the package is %q, expected %s", document.Name, packageName)
	}
	t.source = printable(document.Name + " " + document.Version)
	return nil
}

// branchCode is a branch in IFSC.json: a text of six characters, or a number where all six are digits.
type branchCode uint32

func (b *branchCode) UnmarshalJSON(raw []byte) error {
	text := string(raw)
	if number, err := strconv.ParseUint(text, 10, 32); err == nil {
		text = fmt.Sprintf("%06d", number)
	} else if err := json.Unmarshal(raw, &text); err != nil {
		return err
	}
	packed, ok := pack(text)
	if !ok {
		return fmt.Errorf("%q isn't a branch: expected six digits or capital letters", text)
	}
	*b = branchCode(packed)
	return nil
}

func (t *Table) addBranches(r io.Reader) error {
	var document map[string][]branchCode
	if err := decodeJSON(r, &document); err != nil {
		return err
	}
	for code, branches := range document {
		if !isBankCode(code) {
			return fmt.Errorf("%q isn't the code of a bank: expected four capital letters", code)
		}
		b := t.banks[code]
		for _, branch := range branches {
			b.branches = append(b.branches, uint32(branch))
		}
		t.banks[code] = b
	}
	return nil
}

func (t *Table) addNames(r io.Reader) error {
	var document map[string]string
	if err := decodeJSON(r, &document); err != nil {
		return err
	}
	for code, name := range document {
		if !isBankCode(code) {
			return fmt.Errorf("%q isn't the code of a bank: expected four capital letters", code)
		}
		b := t.banks[code]
		b.name = printable(name)
		t.banks[code] = b
	}
	return nil
}

// addSupport reads banks.json, of which only the word on IMPS counts.
func (t *Table) addSupport(r io.Reader) error {
	var document map[string]struct {
		IMPS *bool `json:"imps"`
	}
	if err := decodeJSON(r, &document); err != nil {
		return err
	}
	for code, known := range document {
		if !isBankCode(code) {
			return fmt.Errorf("%q isn't the code of a bank: expected four capital letters", code)
		}
		b := t.banks[code]
		if known.IMPS != nil {
			if b.imps = No; *known.IMPS {
				b.imps = Yes
			}
		}
		t.banks[code] = b
	}
	return nil
}

func (t *Table) addSublets(r io.Reader) error {
	var document map[string]string
	if err := decodeJSON(r, &document); err != nil {
		return err
	}
	for beginning, who := range document {
		who = printable(who)
		if !isBeginning(beginning) || who == "" {
			return fmt.Errorf("%q: %q isn't a bank by what its codes begin with", beginning, who)
		}
		t.sublets[beginning] = who
	}
	return nil
}

// printable is a text as it can be shown: one line, without characters that steer a terminal, and not too long.
func printable(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if len(text) > maxNameBytes {
		text = strings.ToValidUTF8(text[:maxNameBytes], "")
	}
	return strings.TrimSpace(text)
}
