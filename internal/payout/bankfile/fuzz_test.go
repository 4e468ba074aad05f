package bankfile

import (
	"bytes"
	"errors"
	"math/big"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
)

// checkRead reads twice with each template and checks what must hold of every row, whatever the file.
func checkRead(t *testing.T, content []byte) {
	for _, template := range Templates() {
		got, again := read(template, content), read(template, content)
		if len(got.rows) != len(again.rows) || len(got.problems) != len(again.problems) || (got.err == nil) != (again.err == nil) {
			t.Fatalf("read twice: %+v, %+v", got, again)
		}
		if got.err != nil && (!errors.Is(got.err, ErrFile) || len(got.rows)+len(got.problems) > 0) {
			t.Fatalf("%v behind %d rows and %d problems", got.err, len(got.rows), len(got.problems))
		}
		seen, last := map[string]bool{}, 0
		for _, row := range got.rows {
			if seen[row.Reference] || !readReference.MatchString(row.Reference) || row.Line <= last {
				t.Fatalf("reference twice, or none, or lines out of order: %+v", row)
			}
			seen[row.Reference], last = true, row.Line
			answer := row.Answer
			switch outcome := template.Response.folded()[fold(answer.Code)]; {
			case row.Amount.Minor <= 0 || row.Amount.Currency != "INR":
				t.Fatalf("amount: %+v", row)
			case answer.Outcome == payout.Absent || answer.Outcome == "":
				t.Fatalf("outcome: %+v", row)
			case answer.Outcome != payout.Unknown && answer.Outcome != outcome:
				t.Fatalf("%s isn't what the word means: %+v", answer.Outcome, row)
			case answer.UTR != "" && (answer.Outcome != payout.Paid || answer.UTR != row.UTR):
				t.Fatalf("UTR: %+v", row)
			case answer.Outcome == payout.Paid && answer.UTR == "" && template.Response.PaidNeedsUTR:
				t.Fatalf("paid without UTR: %+v", row)
			case longNumber.MatchString(answer.Reason) || longNumber.MatchString(answer.Code):
				t.Fatalf("a whole number in words: %+v", row)
			}
		}
		for _, problem := range got.problems {
			if problem.Reason == "" || problem.Line == 0 {
				t.Fatalf("problem: %+v", problem)
			}
		}
	}
}

func FuzzReadCSV(f *testing.F) {
	for _, template := range Templates() {
		rows := answerTable(template.Response, []said{
			{uploaded{"GL1", "1,218.00", "00501001234567"}, "Success", "533012345678", "", "26/11/2026"},
			{uploaded{"GL2", "5", "00501001234567"}, "R", "", `says "no", 12345678901`, ""},
		})
		f.Add(csvBytes(f, ",", rows))
		f.Add(csvBytes(f, "\t", rows))
		f.Add(append([]byte("\xef\xbb\xbfTitle\n"), csvBytes(f, "|", rows)...))
	}
	f.Add([]byte("\xff\xfeR\x00e\x00f"))
	f.Fuzz(checkRead)
}

// FuzzReadXLSX changes the sheet and the shared texts, which a fuzzer would hardly get at through the compression.
func FuzzReadXLSX(f *testing.F) {
	f.Add([]byte(sheetXML(titlesXML, dataXML(2, "GL1"), dataXML(3, "GL2"))), []byte("<sst><si><t>GL3</t></si></sst>"))
	f.Add([]byte(sheetXML(titlesXML, `<row r="9"><c r="B9" t="s"><v>0</v></c><c><f>1</f></c></row>`)), []byte("<sst><si><r><t>x</t></r></si></sst>"))
	f.Add([]byte(`<worksheet><row><c t="inlineStr"><is><t>a</t></is></c></row></worksheet>`), []byte(""))
	f.Fuzz(func(t *testing.T, sheet, shared []byte) {
		checkRead(t, zipped(t, map[string]string{"xl/worksheets/s.xml": string(sheet), "xl/sharedStrings.xml": string(shared)}))
	})
}

// FuzzReadZip changes the archive itself.
func FuzzReadZip(f *testing.F) {
	f.Add(zipped(f, nil))
	f.Add(xlsxBytes(f, [][]string{{"Reference", "Amount", "Status"}, {"GL1", "#5", "paid"}}))
	f.Fuzz(checkRead)
}

// FuzzReadNumber: an Excel number of few digits is never changed, and another by less than Excel itself can show.
func FuzzReadNumber(f *testing.F) {
	for _, text := range []string{"1218.0999999999999", "0.29999999999999999", "1e5", "99999.989999999991", "-1.5", "0", "0.9999999999999997"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := decimal(text)
		if len(text) <= excelDigits && got != text {
			t.Fatalf("%s becomes %s", text, got)
		}
		if !numberForm.MatchString(text) {
			return
		}
		before, ok := new(big.Rat).SetString(text)
		after, still := new(big.Rat).SetString(got)
		if !ok || !still {
			t.Fatalf("%s becomes %s, which is no number", text, got)
		}
		apart := new(big.Rat).Sub(before, after)
		if apart.Abs(apart).Cmp(before.Abs(before).Mul(before, big.NewRat(1, 100_000_000_000_000))) > 0 {
			t.Fatalf("%s becomes %s", text, got)
		}
	})
}

func BenchmarkWrite(b *testing.B) {
	for _, c := range []struct {
		name string
		kind Kind
	}{{"sbi", CSV}, {"icici", XLSX}} {
		b.Run(c.name+"/"+string(c.kind), func(b *testing.B) {
			t := template(b, c.name)
			t.Upload.MaxRows = MaxBatch
			batch := testBatch(MaxBatch)
			b.ReportAllocs()
			for b.Loop() {
				if err := t.Write(&bytes.Buffer{}, c.kind, batch); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(MaxBatch*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func BenchmarkRead(b *testing.B) {
	const rows = 10_000
	var answers []said
	for _, item := range testBatch(rows).Items {
		answers = append(answers, said{uploaded{item.Reference, item.Amount.Fixed(), item.AccountNumber}, "Success", "533012345678", "", "26/11/2026"})
	}
	answer := answerTable(icici().Response, answers)
	for kind, content := range map[Kind][]byte{CSV: csvBytes(b, ",", answer), XLSX: xlsxBytes(b, answer)} {
		b.Run(string(kind), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if got := read(icici(), content); got.err != nil || len(got.rows) != rows {
					b.Fatalf("%d rows, %v, %v", len(got.rows), got.problems, got.err)
				}
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
