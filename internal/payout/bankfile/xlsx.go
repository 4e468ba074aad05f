package bankfile

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// The sheet is read by its XML and not by excelize, which writes: excelize puts large sheets into temporary files, holds all
// shared texts as structures many times their size, and doesn't tell a formula from what the bank wrote unless it has the
// whole sheet in memory.

const (
	maxParts     = 1000     // files in an XLSX
	maxPartBytes = 1 << 20  // of the small parts that say where the sheet is
	maxShared    = 1 << 20  // texts that cells share
	maxTextBytes = 32 << 10 // of a text that is kept; a longer one is beyond MaxCellBytes anyway
	maxRunBytes  = 256 << 10
)

// workbook is an open XLSX.
type workbook struct {
	parts  map[string]*zip.File
	budget int64 // bytes that may still be unzipped
	shared []string
	sheet  *zip.File
}

// openXLSX finds the first sheet and reads the texts that its cells share.
func openXLSX(at io.ReaderAt, size int64) (opener, error) {
	archive, err := zip.NewReader(at, size)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	if len(archive.File) > maxParts {
		return nil, fmt.Errorf("%w: %d parts, and at most %d are read", ErrFile, len(archive.File), maxParts)
	}
	book := &workbook{parts: map[string]*zip.File{}, budget: MaxUnzippedBytes}
	for _, file := range archive.File {
		name := strings.ToLower(strings.TrimPrefix(file.Name, "/"))
		if book.parts[name] != nil {
			return nil, fmt.Errorf("%w: two parts %.40q", ErrFile, name)
		}
		book.parts[name] = file
	}
	sheet, err := book.findSheet()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	book.sheet = sheet
	if err := book.readShared(); err != nil {
		return nil, fmt.Errorf("%w: shared texts: %w", ErrFile, err)
	}
	return book.open, nil
}

// findSheet follows the workbook to its first sheet.
func (b *workbook) findSheet() (*zip.File, error) {
	var index struct {
		Sheets []struct {
			Attributes []xml.Attr `xml:",any,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := b.unmarshal("xl/workbook.xml", &index); err != nil {
		return nil, err
	}
	if len(index.Sheets) == 0 {
		return nil, errors.New("no sheet")
	}
	id := ""
	for _, attribute := range index.Sheets[0].Attributes {
		if attribute.Name.Local == "id" { // r:id; the sheet's own number is sheetId
			id = attribute.Value
		}
	}
	var relations struct {
		All []struct {
			ID     string `xml:"Id,attr"`
			Target string `xml:"Target,attr"`
		} `xml:"Relationship"`
	}
	if err := b.unmarshal("xl/_rels/workbook.xml.rels", &relations); err != nil {
		return nil, err
	}
	for _, relation := range relations.All {
		if relation.ID != id {
			continue
		}
		target := relation.Target
		if !strings.HasPrefix(target, "/") {
			target = path.Join("xl", target)
		}
		if sheet := b.parts[strings.ToLower(strings.TrimPrefix(target, "/"))]; sheet != nil {
			return sheet, nil
		}
	}
	return nil, errors.New("its first sheet isn't there")
}

func (b *workbook) unmarshal(name string, into any) error {
	file := b.parts[name]
	if file == nil {
		return fmt.Errorf("this is no workbook: %s is missing", name)
	}
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	if err := xml.NewDecoder(&budgeted{Reader: content, left: maxPartBytes}).Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// budgeted is a reader that fails where more is unzipped than allowed, whatever the archive says of itself, and where a text
// or a tag is so long that it can only be meant to fill the memory.
type budgeted struct {
	io.Reader
	left int64
	run  int // bytes since the last <
}

func (b *budgeted) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, fmt.Errorf("more bytes when unzipped than are read, which are %d in all", MaxUnzippedBytes)
	}
	for rest := p[:n]; ; {
		length := bytes.IndexByte(rest, '<')
		if b.run += max(length, 0); length < 0 {
			b.run += len(rest)
		}
		if b.run > maxRunBytes {
			return 0, fmt.Errorf("a text of more than %d bytes", maxRunBytes)
		}
		if length < 0 {
			return n, err
		}
		b.run, rest = 0, rest[length+1:]
	}
}

// readShared reads xl/sharedStrings.xml, if there is one.
func (b *workbook) readShared() error {
	file := b.parts["xl/sharedstrings.xml"]
	if file == nil {
		return nil
	}
	content, err := file.Open()
	if err != nil {
		return err
	}
	defer content.Close()
	limited := &budgeted{Reader: content, left: b.budget}
	tokens := xml.NewDecoder(limited)
	total := 0
	for {
		token, err := tokens.RawToken()
		if err == io.EOF {
			b.budget = limited.left
			return nil
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "si" {
			continue
		}
		text, err := textUpTo(tokens, "si")
		if err != nil {
			return err
		}
		b.shared = append(b.shared, text)
		if total += len(text); total > maxSharedBytes || len(b.shared) > maxShared {
			return fmt.Errorf("more than %d of them, or more than %d bytes", maxShared, maxSharedBytes)
		}
	}
}

// textUpTo joins the texts <t> up to the end of the element; <rPh>, which says how a text is spoken, is left out.
func textUpTo(tokens *xml.Decoder, element string) (string, error) {
	var b strings.Builder
	inText, spoken := false, false
	for {
		token, err := tokens.RawToken()
		if err != nil {
			return "", unexpected(err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			inText = token.Name.Local == "t"
			spoken = spoken || token.Name.Local == "rPh"
		case xml.EndElement:
			inText = false
			switch token.Name.Local {
			case "rPh":
				spoken = false
			case element:
				return b.String(), nil
			}
		case xml.CharData:
			if inText && !spoken && b.Len() <= maxTextBytes {
				b.Write(token)
			}
		}
	}
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (b *workbook) open() (lines, error) {
	content, err := b.sheet.Open()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFile, err)
	}
	limited := &budgeted{Reader: content, left: b.budget}
	return &sheetLines{tokens: xml.NewDecoder(limited), shared: b.shared}, nil
}
