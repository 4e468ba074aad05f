package bankfile

import (
	"encoding/xml"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// sheetLines reads the rows of a sheet.
type sheetLines struct {
	tokens *xml.Decoder
	shared []string
	number int
	ended  bool // the sheet's own end was read: it isn't cut off
}

func (s *sheetLines) readings(l line) [][]cell { return [][]cell{l.cells} }

func (s *sheetLines) use(int) {}

func (s *sheetLines) next() (line, error) {
	for {
		token, err := s.tokens.RawToken()
		if err == io.EOF && s.ended {
			return line{}, io.EOF
		}
		if err != nil {
			return line{}, fmt.Errorf("%w: row %d: %w", ErrFile, s.number+1, unexpected(err))
		}
		if end, ok := token.(xml.EndElement); ok && end.Name.Local == "worksheet" {
			s.ended = true
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "row" {
			continue
		}
		l, err := s.row(start)
		if err != nil {
			return line{}, fmt.Errorf("%w: row %d: %w", ErrFile, l.number, unexpected(err))
		}
		if l.problem != "" || strings.TrimSpace(l.text) != "" {
			return l, nil
		}
	}
}

// maxSheetRow is the last row that a sheet can have.
const maxSheetRow = 1 << 20

// row reads up to the end of a row.
func (s *sheetLines) row(start xml.StartElement) (line, error) {
	s.number++
	if given, err := strconv.Atoi(attribute(start, "r")); err == nil && given > s.number && given <= maxSheetRow {
		s.number = given
	}
	l := line{number: s.number}
	column := -1
	for {
		token, err := s.tokens.RawToken()
		if err != nil {
			return l, err
		}
		switch token := token.(type) {
		case xml.EndElement:
			if token.Name.Local != "row" {
				continue
			}
			if l.problem != "" {
				l.cells = nil
			}
			l.text = joined(l.cells)
			return l, nil
		case xml.StartElement:
			if token.Name.Local != "c" {
				continue
			}
			column++
			if given := columnOf(attribute(token, "r")); given >= 0 {
				if given < column {
					l.problem = "has cells out of order"
				}
				column = max(column, given)
			}
			read, err := s.cell(token)
			if err != nil {
				return l, err
			}
			switch {
			case column >= MaxColumns && read.text != "":
				l.problem = fmt.Sprintf("has more than %d cells", MaxColumns)
			case len(read.text) > MaxCellBytes:
				l.problem = fmt.Sprintf("has a cell of more than %d bytes", MaxCellBytes)
			case column < MaxColumns:
				for len(l.cells) <= column {
					l.cells = append(l.cells, cell{})
				}
				l.cells[column] = read
			}
		}
	}
}

// cell reads up to the end of a cell.
func (s *sheetLines) cell(start xml.StartElement) (cell, error) {
	kind := attribute(start, "t")
	read := cell{number: kind == "" || kind == "n"}
	var b strings.Builder
	inValue := false
	for {
		token, err := s.tokens.RawToken()
		if err != nil {
			return read, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			switch token.Name.Local {
			case "f":
				read.formula = true
			case "v":
				inValue = true
			case "is":
				text, err := textUpTo(s.tokens, "is")
				if err != nil {
					return read, err
				}
				b.WriteString(text)
			}
		case xml.EndElement:
			switch token.Name.Local {
			case "v":
				inValue = false
			case "c":
				return s.resolve(read, kind, b.String())
			}
		case xml.CharData:
			if inValue && b.Len() <= maxTextBytes {
				b.Write(token)
			}
		}
	}
}

// resolve looks up a shared text; the other kinds hold their text themselves.
func (s *sheetLines) resolve(read cell, kind, text string) (cell, error) {
	if kind == "s" && text != "" {
		at, err := strconv.Atoi(text)
		if err != nil || at < 0 || at >= len(s.shared) {
			return read, fmt.Errorf("a cell has the shared text %.20q of %d", text, len(s.shared))
		}
		text = s.shared[at]
	}
	read.text = clean(strings.ToValidUTF8(text, "\uFFFD"))
	return read, nil
}

func attribute(element xml.StartElement, name string) string {
	for _, a := range element.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// columnOf returns the column of a cell's name: 0 for A7, 27 for AB7; -1 when it names none.
func columnOf(name string) int {
	column := 0
	for i, c := range []byte(name) {
		if c < 'A' || c > 'Z' || i > 3 {
			break
		}
		column = column*26 + int(c-'A') + 1
	}
	return column - 1
}

func joined(cells []cell) string {
	var b strings.Builder
	for i, c := range cells {
		if i > 0 {
			b.WriteByte('\t')
		}
		b.WriteString(c.text)
	}
	return b.String()
}
