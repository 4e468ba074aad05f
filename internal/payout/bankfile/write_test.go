package bankfile

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"

	"github.com/galla-gateway/galla/money"
)

var update = flag.Bool("update", false, "write the golden files in testdata anew")

// golden compares with testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s isn't what is written now: go test ./internal/payout/bankfile -update, and look at the difference", path)
	}
}

// Each template and kind: the bytes are the golden file's, also the second time, and a bank reads the payments from them.
func TestWriteGolden(t *testing.T) {
	for _, template := range Templates() {
		for _, kind := range template.Upload.Kinds {
			t.Run(template.Name+"/"+string(kind), func(t *testing.T) {
				batch := testBatch(4)
				got := write(t, template, kind, batch)
				golden(t, template.Name+"."+string(kind), got)
				if again := write(t, template, kind, testBatch(4)); !bytes.Equal(again, got) {
					t.Error("written twice, the bytes differ")
				}
				for i, row := range bankReads(t, template, kind, got) {
					item := batch.Items[i]
					if want := (uploaded{item.Reference, item.Amount.Fixed(), item.AccountNumber}); row != want {
						t.Errorf("payment %d is %+v, want %+v", i, row, want)
					}
				}
			})
		}
	}
}

// A person who opens the workbook sees the digits: account numbers are strings, with the format of text.
func TestWriteXLSXCells(t *testing.T) {
	file, err := excelize.OpenReader(bytes.NewReader(write(t, template(t, "icici"), XLSX, testBatch(3))))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"C2": "000705012345", "E2": "00501001234567", "G2": "1218.00", "M2": "26-11-2026", "B2": "IMPS", "B4": "FT",
	} {
		got, err := file.GetCellValue("Sheet1", name, excelize.Options{RawCellValue: true})
		if err != nil || got != want {
			t.Errorf("%s is %q, %v, want %q", name, got, err, want)
		}
		kind, err := file.GetCellType("Sheet1", name)
		isText := kind == excelize.CellTypeSharedString || kind == excelize.CellTypeInlineString
		if err != nil || isText != (name != "G2") {
			t.Errorf("%s is of type %v, %v", name, kind, err)
		}
		style, err := file.GetCellStyle("Sheet1", name)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := file.GetStyle(style); err != nil || name != "G2" && s.NumFmt != textFormat {
			t.Errorf("%s has the format %+v, %v", name, s, err)
		}
	}
}

// The day of payment is India's: 20:00 UTC on the 25th is the 26th there.
func TestWriteSBI(t *testing.T) {
	got := string(write(t, template(t, "sbi"), CSV, testBatch(2)))
	want := "HDR^20261126-7^000705012345^2^2436.07\r\n" +
		"TXN^000705012345^SBIN0001234^00501001234567^ASHA RAO^1218.00^GL00000000001001\r\n" +
		"TXN^000705012345^HDFC0000060^00501001234568^Vikram Singh Rathore^1218.07^GL00000000001002\r\n" +
		"TRL^2^2436.07\r\n"
	if got != want {
		t.Errorf("got\n%s want\n%s", got, want)
	}
}

// What can't be written leaves no byte behind, and the error has no account number in it.
func TestWriteRefuses(t *testing.T) {
	long := strings.Repeat("A", 31)
	for name, spoil := range map[string]func(*Batch){
		"no payment":        func(b *Batch) { b.Items = nil },
		"too many":          func(b *Batch) { *b = testBatch(5001) },
		"no id":             func(b *Batch) { b.ID = "" },
		"id is a formula":   func(b *Batch) { b.ID = "=1" },
		"id with a line":    func(b *Batch) { b.ID = "a\nb" },
		"no debit account":  func(b *Batch) { b.Debit = "" },
		"debit letters":     func(b *Batch) { b.Debit = "12345678X" },
		"no day":            func(b *Batch) { b.ValueDate = time.Time{} },
		"no reference":      func(b *Batch) { b.Items[1].Reference = "" },
		"long reference":    func(b *Batch) { b.Items[1].Reference = "GL000000000000001" },
		"small reference":   func(b *Batch) { b.Items[1].Reference = "gl1" },
		"same reference":    func(b *Batch) { b.Items[1].Reference = b.Items[0].Reference },
		"zero":              func(b *Batch) { b.Items[1].Amount.Minor = 0 },
		"below zero":        func(b *Batch) { b.Items[1].Amount.Minor = -1 },
		"taka":              func(b *Batch) { b.Items[1].Amount.Currency = money.BDT },
		"above IMPS":        func(b *Batch) { b.Items[1].Amount.Minor = 50000001 },
		"short account":     func(b *Batch) { b.Items[1].AccountNumber = "12345678" },
		"long account":      func(b *Batch) { b.Items[1].AccountNumber = "1234567890123456789" },
		"account with E":    func(b *Batch) { b.Items[1].AccountNumber = "5.01E+13" },
		"no name":           func(b *Batch) { b.Items[1].AccountName = "" },
		"name with comma":   func(b *Batch) { b.Items[1].AccountName = "RAO, ASHA" },
		"name is a formula": func(b *Batch) { b.Items[1].AccountName = "=HYPERLINK" },
		"name with quote":   func(b *Batch) { b.Items[1].AccountName = `RAO"` },
		"name with a caret": func(b *Batch) { b.Items[1].AccountName = "RAO^" },
		"name in Hindi":     func(b *Batch) { b.Items[1].AccountName = "आशा" },
		"long name":         func(b *Batch) { b.Items[1].AccountName = long },
		"space in front":    func(b *Batch) { b.Items[1].AccountName = " RAO" },
		"bad IFSC":          func(b *Batch) { b.Items[1].IFSC = "SBIN1001234" },
	} {
		t.Run(name, func(t *testing.T) {
			batch := testBatch(3)
			spoil(&batch)
			var b bytes.Buffer
			err := template(t, "sbi").Write(&b, CSV, batch)
			if !errors.Is(err, ErrBatch) || b.Len() > 0 {
				t.Fatalf("error is %v, and %d bytes are written", err, b.Len())
			}
			if strings.Contains(err.Error(), "0501001234") {
				t.Errorf("%v tells an account", err)
			}
		})
	}
}

func TestWriteKindTotalAndWriter(t *testing.T) {
	hdfc := template(t, "hdfc")
	if err := hdfc.Write(&bytes.Buffer{}, XLSX, testBatch(1)); !errors.Is(err, ErrKind) {
		t.Errorf("a workbook of hdfc: %v", err)
	}
	if err := (Template{}).Write(&bytes.Buffer{}, CSV, testBatch(1)); !errors.Is(err, ErrTemplate) {
		t.Errorf("no template: %v", err)
	}
	hdfc.Upload.MaxTotal = "2436.06"
	if err := hdfc.Write(&bytes.Buffer{}, CSV, testBatch(2)); !errors.Is(err, ErrBatch) {
		t.Errorf("beyond the total: %v", err)
	}
	hdfc.Upload.MaxTotal = "2436.07"
	if err := hdfc.Write(&bytes.Buffer{}, CSV, testBatch(2)); err != nil {
		t.Errorf("at the total: %v", err)
	}
	for _, kind := range []Kind{CSV, XLSX} {
		if err := template(t, "generic").Write(&failing{left: 10}, kind, testBatch(2)); err == nil {
			t.Errorf("%s: a full disk is no error", kind)
		}
	}
}
