package statement

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
	"golang.org/x/text/transform"
)

// countingReader counts what is read from the file itself, before any decoding.
type countingReader struct {
	io.Reader
	bytes int64
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.bytes += int64(n)
	return n, err
}

// line is one record: usually one line, several when a quoted cell holds line ends.
type line struct {
	number int
	text   string
	cut    bool // it was longer than MaxLineBytes; text is its beginning
}

type lineReader struct {
	counter *countingReader
	buffer  *bufio.Reader
	number  int
}

// fileTypes are what people import instead of CSV.
var fileTypes = []struct{ prefix, name string }{
	{"PK\x03\x04", "an Excel or zip file"}, {"\xd0\xcf\x11\xe0", "an old Excel file"}, {"%PDF", "a PDF"},
	{"<html", "an HTML page"}, {"<!doc", "an HTML page"}, {"<table", "an HTML page"}, {"<?xml", "an XML file"},
}

func newLineReader(r io.Reader) (*lineReader, error) {
	counter := &countingReader{Reader: r}
	buffer := bufio.NewReaderSize(counter, MaxLineBytes)
	const longestPrefix = 6
	start, err := buffer.Peek(longestPrefix)
	if err != nil && err != io.EOF {
		return nil, err
	}
	for _, other := range fileTypes {
		if bytes.HasPrefix(bytes.ToLower(start), []byte(strings.ToLower(other.prefix))) {
			return nil, errors.New("this is " + other.name + "; export the statement as CSV")
		}
	}
	switch {
	case bytes.HasPrefix(start, []byte("\xff\xfe")), bytes.HasPrefix(start, []byte("\xfe\xff")):
		decoder := unicode.UTF16(unicode.LittleEndian, unicode.ExpectBOM).NewDecoder()
		buffer = bufio.NewReaderSize(transform.NewReader(buffer, decoder), MaxLineBytes)
	case bytes.HasPrefix(start, []byte("\xef\xbb\xbf")):
		if _, err := buffer.Discard(len("\xef\xbb\xbf")); err != nil {
			return nil, err
		}
	}
	return &lineReader{counter: counter, buffer: buffer}, nil
}

// maxJoinedLines is how many lines one record may have: a stray quote must not swallow the rest of the file.
const maxJoinedLines = 8

// next returns the next record.
func (l *lineReader) next() (line, error) {
	first, err := l.physical()
	if err != nil || first.cut || !openQuote(first.text) {
		return first, err
	}
	ahead, err := l.buffer.Peek(MaxLineBytes)
	if err != nil && err != io.EOF && err != bufio.ErrBufferFull {
		return line{}, err
	}
	joined, used := first.text, 0
	for range maxJoinedLines - 1 {
		end := bytes.IndexByte(ahead[used:], '\n')
		if end < 0 && err == nil || used == len(ahead) {
			return first, nil
		}
		if end < 0 {
			end = len(ahead) - used
		}
		joined += "\n" + decodeLine(ahead[used:used+end])
		used = min(used+end+1, len(ahead))
		if !openQuote(joined) {
			l.number += strings.Count(joined, "\n")
			_, err := l.buffer.Discard(used)
			return line{number: first.number, text: joined}, err
		}
	}
	return first, nil
}

// physical returns the next line of the file.
func (l *lineReader) physical() (line, error) {
	text, err := l.buffer.ReadSlice('\n')
	if len(text) == 0 && err != nil && err != bufio.ErrBufferFull {
		return line{}, err
	}
	l.number++
	result := line{number: l.number, text: decodeLine(text)}
	for err == bufio.ErrBufferFull {
		result.cut = true
		_, err = l.buffer.ReadSlice('\n')
	}
	if err != nil && err != io.EOF {
		return line{}, err
	}
	return result, nil
}

// decodeLine takes off the line end; what is not UTF-8 is Windows-1252, line by line, because files are glued together.
func decodeLine(text []byte) string {
	text = bytes.TrimRight(text, "\r\n")
	if utf8.Valid(text) {
		return string(text)
	}
	decoded, err := charmap.Windows1252.NewDecoder().Bytes(text)
	if err != nil {
		return strings.ToValidUTF8(string(text), "\uFFFD")
	}
	return string(decoded)
}

func openQuote(text string) bool { return strings.Count(text, `"`)%2 == 1 }

// splitCells splits one record and trims its cells. A record whose quotes make no sense is split at every delimiter.
func splitCells(text string, delimiter rune) []string {
	reader := csv.NewReader(strings.NewReader(text))
	reader.Comma, reader.LazyQuotes, reader.FieldsPerRecord = delimiter, true, -1
	cells, err := reader.Read()
	if err != nil || openQuote(text) {
		cells = strings.Split(text, string(delimiter))
	}
	for i, cell := range cells {
		cells[i] = strings.Trim(strings.ReplaceAll(cell, "\u00a0", " "), " \t\r\n\"'=")
	}
	return cells
}
