package bankfile

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
)

// cell is one cell of a response.
type cell struct {
	text    string
	number  bool // an Excel number: text is the number as the file has it
	formula bool // text is what somebody's Excel made of it
}

// line is one line of a CSV or one row of a sheet that is not blank.
type line struct {
	number  int
	text    string // for Answer.Raw: the line itself, or the row's texts with tabs between
	cells   []cell
	problem string // it can't be read; cells are missing
}

// lines are the lines of an open response.
type lines interface {
	// next returns the next line, io.EOF after the last.
	next() (line, error)
	// readings returns the ways to split a line into cells, as long as use hasn't chosen one of them.
	readings(line) [][]cell
	use(reading int)
}

// opener opens a response from its beginning.
type opener func() (lines, error)

// notTables are what banks and people pass off as a table, by their first bytes in small letters.
var notTables = []struct{ prefix, name string }{
	{"\xd0\xcf\x11\xe0", "an old or password-protected Excel file: save it as .xlsx"},
	{"%pdf", "a PDF"}, {"<html", "an HTML page"}, {"<!doc", "an HTML page"}, {"<table", "an HTML page"}, {"<?xml", "an XML file"},
	{"{\\rtf", "a document"},
}

func (r Response) open(at io.ReaderAt, size int64) (opener, error) {
	if size > MaxFileBytes {
		return nil, fmt.Errorf("%w: %d bytes, and at most %d are read", ErrFile, size, MaxFileBytes)
	}
	const longestPrefix = 6
	start := make([]byte, min(longestPrefix, max(size, 0)))
	if n, err := at.ReadAt(start, 0); err != nil && !(err == io.EOF && n == len(start)) {
		return nil, err
	}
	kind := CSV
	if bytes.HasPrefix(start, []byte("PK\x03\x04")) {
		kind = XLSX
	}
	for _, other := range notTables {
		if bytes.HasPrefix(start, []byte(other.prefix)) || bytes.HasPrefix(bytes.ToLower(start), []byte(other.prefix)) {
			return nil, fmt.Errorf("%w: this is %s", ErrFile, other.name)
		}
	}
	if !slices.Contains(r.Kinds, kind) {
		return nil, fmt.Errorf("%w: this is a file of kind %s, and the bank's answers are %v", ErrFile, kind, r.Kinds)
	}
	if kind == XLSX {
		return openXLSX(at, size)
	}
	return func() (lines, error) { return openCSV(io.NewSectionReader(at, 0, size), r.Delimiter) }, nil
}

// columns are the positions of what is read, -1 for what the file doesn't have.
type columns struct {
	reference, amount, status, utr, account, reason, date int
	count                                                 int // more cells than that are a row that was split wrongly
}

// findColumns reads up to the row of titles; a file without them has its columns where the template says.
func (r Response) findColumns(file lines) (columns, error) {
	if r.Count > 0 {
		return columns{
			r.Reference.Position - 1, r.Amount.Position - 1, r.Status.Position - 1, r.UTR.Position - 1,
			r.Account.Position - 1, r.Reason.Position - 1, r.Date.Position - 1, r.Count,
		}, nil
	}
	for range MaxTitleRows {
		l, err := file.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return columns{}, err
		}
		if l.problem != "" {
			continue
		}
		for i, cells := range file.readings(l) {
			found, ok, err := r.titles(cells)
			if err != nil {
				return columns{}, fmt.Errorf("%w: line %d: %w", ErrFile, l.number, err)
			}
			if ok {
				file.use(i)
				return found, nil
			}
		}
	}
	return columns{}, fmt.Errorf("%w: the first %d lines have no row of titles with %q, %q and %q, or words that the template has "+
		"for them", ErrFile, MaxTitleRows, r.Reference.Titles[0], r.Amount.Titles[0], r.Status.Titles[0])
}

// titles reports whether the cells are the row of titles.
func (r Response) titles(cells []cell) (columns, bool, error) {
	at := map[string]int{}
	twice := map[string]bool{}
	for i, c := range cells {
		if c.formula {
			continue
		}
		title := fold(c.text)
		if _, known := at[title]; known {
			twice[title] = true
			continue
		}
		at[title] = i
	}
	ambiguous := ""
	place := func(f Field) int {
		for _, title := range f.Titles {
			if i, found := at[fold(title)]; found {
				if twice[fold(title)] {
					ambiguous = title
				}
				return i
			}
		}
		return -1
	}
	found := columns{
		place(r.Reference), place(r.Amount), place(r.Status), place(r.UTR), place(r.Account), place(r.Reason), place(r.Date), len(cells),
	}
	if found.reference < 0 || found.amount < 0 || found.status < 0 {
		return columns{}, false, nil
	}
	if ambiguous != "" {
		return columns{}, false, fmt.Errorf("there are two columns %q", ambiguous)
	}
	return found, true, nil
}

// fold brings words to one form: small letters and digits with single spaces between.
func fold(text string) string {
	words := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	return strings.Join(words, " ")
}
