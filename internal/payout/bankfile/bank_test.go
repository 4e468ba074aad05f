package bankfile

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// testBatch has n payments; the third is to an account of ICICI itself, and numbers begin with zeros.
func testBatch(n int) Batch {
	names := []string{"ASHA RAO", "Vikram Singh Rathore", "M K Iyer"}
	codes := []string{"SBIN0001234", "HDFC0000060", "ICIC0000001", "PUNB0000100"}
	batch := Batch{ID: "20261126-7", Debit: "000705012345", ValueDate: time.Date(2026, 11, 25, 20, 0, 0, 0, time.UTC)}
	for i := range n {
		batch.Items = append(batch.Items, payout.Instruction{
			Reference: payout.Reference(int64(1001 + i)), Amount: money.Money{Minor: int64(121800 + 7*i), Currency: money.INR},
			AccountNumber: fmt.Sprintf("00%012d", 501001234567+i), AccountName: names[i%len(names)], IFSC: codes[i%len(codes)],
		})
	}
	return batch
}

// uploaded is one row of an upload as a bank reads it.
type uploaded struct{ reference, amount, account string }

// table reads an upload or a response with other code than the product's.
func table(t fataler, kind Kind, delimiter string, content []byte) [][]string {
	t.Helper()
	if kind == XLSX {
		file, err := excelize.OpenReader(bytes.NewReader(content))
		if err != nil {
			t.Fatal(err)
		}
		rows, err := file.GetRows(file.GetSheetName(0), excelize.Options{RawCellValue: true})
		if err != nil {
			t.Fatal(err)
		}
		return rows
	}
	reader := csv.NewReader(bytes.NewReader(content))
	reader.Comma, reader.FieldsPerRecord = rune(delimiter[0]), -1
	rows, err := reader.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

type fataler interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

// bankReads is the bank taking the upload.
func bankReads(t fataler, template Template, kind Kind, content []byte) []uploaded {
	t.Helper()
	rows := table(t, kind, template.Upload.Delimiter, content)
	rows = rows[len(template.Upload.Before):]
	if template.Upload.Titles {
		rows = rows[1:]
	}
	rows = rows[:len(rows)-len(template.Upload.After)]
	at := func(row []string, value string) string {
		return row[slices.IndexFunc(template.Upload.Columns, func(c Column) bool { return c.Value == value })]
	}
	var all []uploaded
	for _, row := range rows {
		all = append(all, uploaded{at(row, "{reference}"), at(row, "{amount}"), at(row, "{account}")})
	}
	return all
}

// said is what the simulated bank says of a payment.
type said struct {
	uploaded
	status, utr, reason, date string
}

// answerTable lays out a response as the template expects it, with columns of the bank's own beside.
func answerTable(response Response, rows []said) [][]string {
	cells := func(s said) map[string]string {
		return map[string]string{
			"reference": s.reference, "amount": s.amount, "account": s.account, "status": s.status, "utr": s.utr,
			"reason": s.reason, "date": s.date,
		}
	}
	width, place := response.Count, map[string]int{}
	titles := []string{"Sr", "Bank's own"}
	for _, f := range response.fields() {
		switch {
		case response.Count > 0:
			place[f.name] = f.Position - 1
		case len(f.Titles) > 0:
			place[f.name] = len(titles)
			titles = append(titles, f.Titles[0])
		}
	}
	var all [][]string
	if width == 0 {
		width = len(titles) + 1
		all = append(all, append(titles, "Checked by"))
	}
	for _, s := range rows {
		row := make([]string, width)
		row[0] = "x"
		for name, text := range cells(s) {
			if at, ok := place[name]; ok && at >= 0 {
				row[at] = text
			}
		}
		all = append(all, row)
	}
	return all
}

func csvBytes(t fataler, delimiter string, rows [][]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = rune(delimiter[0]), true
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// xlsxBytes writes cells as text; one that starts with # is a number and one that starts with = a formula.
func xlsxBytes(t fataler, rows [][]string) []byte {
	t.Helper()
	file := excelize.NewFile()
	for y, row := range rows {
		for x, text := range row {
			name, err := excelize.CoordinatesToCellName(x+1, y+1)
			switch {
			case err != nil:
			case strings.HasPrefix(text, "#"):
				err = file.SetCellDefault("Sheet1", name, text[1:])
			case strings.HasPrefix(text, "="):
				if err = file.SetCellStr("Sheet1", name, "GL00000000000001"); err == nil {
					err = file.SetCellFormula("Sheet1", name, text[1:])
				}
			default:
				err = file.SetCellStr("Sheet1", name, text)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	var b bytes.Buffer
	if err := file.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// response is what was read from one.
type response struct {
	rows     []Row
	problems []*RowError
	err      error
}

func read(template Template, content []byte) (got response) {
	for row, err := range template.Read(bytes.NewReader(content), int64(len(content))) {
		if problem, ok := err.(*RowError); ok {
			got.problems = append(got.problems, problem)
		} else if err != nil {
			got.err = err
		} else {
			got.rows = append(got.rows, row)
		}
	}
	return got
}

func write(t fataler, template Template, kind Kind, batch Batch) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := template.Write(&b, kind, batch); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func template(t fataler, name string) Template {
	t.Helper()
	found, ok := Lookup(name)
	if !ok {
		t.Fatalf("no template %s", name)
	}
	return found
}

// failing is a writer that takes so many bytes.
type failing struct{ left int }

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, io.ErrShortWrite
	}
	return len(p), nil
}
