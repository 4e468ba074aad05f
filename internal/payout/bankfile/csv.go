package bankfile

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// csvLines reads a CSV line by line. A cell in quotes may hold delimiters, and quotes doubled, but no line end: a stray quote
// must not swallow the rest of the file, so a line whose quotes make no sense is a problem of that line alone.
type csvLines struct {
	buffer    *bufio.Reader
	delimiter string // "": not found yet
	number    int
}

// openCSV reads UTF-8, also with a byte order mark, and UTF-16 with one.
func openCSV(r io.Reader, delimiter string) (lines, error) {
	buffer := bufio.NewReaderSize(r, maxLineBytes)
	start, err := buffer.Peek(len("\xef\xbb\xbf"))
	if err != nil && err != io.EOF {
		return nil, err
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		decoder := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		buffer = bufio.NewReaderSize(transform.NewReader(buffer, decoder), maxLineBytes)
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		if _, err := buffer.Discard(len("\xef\xbb\xbf")); err != nil {
			return nil, err
		}
	}
	return &csvLines{buffer: buffer, delimiter: delimiter}, nil
}

func (c *csvLines) next() (line, error) {
	for {
		l, err := c.physical()
		if err != nil {
			return line{}, err
		}
		if l.problem == "" && strings.Trim(l.text, " \t\",;|^~#") == "" {
			continue
		}
		if l.problem == "" && c.delimiter != "" {
			l.cells, l.problem = split(l.text, c.delimiter[0])
		}
		return l, nil
	}
}

// physical returns the next line of the file. An overlong one is read to its end and is a problem.
func (c *csvLines) physical() (line, error) {
	text, err := c.buffer.ReadSlice('\n')
	if len(text) == 0 && err != nil {
		return line{}, err
	}
	c.number++
	l := line{number: c.number, text: strings.ToValidUTF8(string(bytes.TrimRight(text, "\r\n")), "\uFFFD")}
	for err == bufio.ErrBufferFull {
		l.problem = fmt.Sprintf("is longer than %d bytes", maxLineBytes)
		_, err = c.buffer.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return line{}, err
	}
	return l, nil
}

func (c *csvLines) readings(l line) [][]cell {
	if c.delimiter != "" {
		return [][]cell{l.cells}
	}
	all := make([][]cell, len(delimiters))
	for i := range delimiters {
		all[i], _ = split(l.text, delimiters[i]) // a line that can't be split has no cells, and so no titles
	}
	return all
}

func (c *csvLines) use(reading int) {
	if c.delimiter == "" {
		c.delimiter = delimiters[reading : reading+1]
	}
}

// split splits a line into its cells, or says why it can't.
func split(text string, delimiter byte) (cells []cell, problem string) {
	for {
		var content string
		quoted := strings.TrimLeft(text, " ")
		if opened, ok := strings.CutPrefix(quoted, `"`); ok {
			var rest string
			if content, rest, ok = unquote(opened); !ok {
				return nil, "has quotes that make no sense"
			}
			rest = strings.TrimLeft(rest, " ")
			if rest != "" && rest[0] != delimiter {
				return nil, "has quotes that make no sense"
			}
			text = rest
		} else if end := strings.IndexByte(text, delimiter); end >= 0 {
			content, text = text[:end], text[end:]
		} else {
			content, text = text, ""
		}
		switch {
		case len(cells) == MaxColumns:
			return nil, fmt.Sprintf("has more than %d cells", MaxColumns)
		case len(content) > MaxCellBytes:
			return nil, fmt.Sprintf("has a cell of more than %d bytes", MaxCellBytes)
		}
		cells = append(cells, cell{text: clean(content)})
		if text == "" {
			return cells, ""
		}
		text = text[1:] // the delimiter
	}
}

// unquote returns what is up to the closing quote, and what is behind it.
func unquote(text string) (content, rest string, ok bool) {
	var b strings.Builder
	for {
		before, after, closed := strings.Cut(text, `"`)
		if !closed {
			return "", "", false
		}
		b.WriteString(before)
		if !strings.HasPrefix(after, `"`) {
			return b.String(), after, true
		}
		b.WriteByte('"')
		text = after[1:]
	}
}

// clean takes off what surrounds a cell: spaces, and the marks ' and ="…" by which tables for Excel keep digits text.
func clean(text string) string {
	text = strings.Trim(strings.ReplaceAll(text, "\u00a0", " "), " \t\r\n")
	if inside, ok := strings.CutPrefix(text, `="`); ok {
		text = strings.TrimSuffix(inside, `"`)
	}
	return strings.TrimSpace(strings.TrimPrefix(text, "'"))
}
