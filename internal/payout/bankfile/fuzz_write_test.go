package bankfile

import (
	"bytes"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// FuzzWrite: what is written reads back, payment by payment; what a spreadsheet could take for a formula, or a bank for another
// cell, is never written; and where anything is refused nothing is written at all.
func FuzzWrite(f *testing.F) {
	f.Add("GL00000000000001", int64(121800), "00501001234567", "ASHA RAO", "SBIN0001234", "20261126-7", "000705012345")
	f.Add("GL1", int64(1), "123456789", "=HYPERLINK(1)", "HDFC0000060", "a,b", "\"")
	f.Add("GL2", int64(-1), "1\n2", "@SUM", "", "", "+1")
	f.Add("GL3", int64(9e15), "000000000000000000", "A\tB", "ICIC0000001", "x", "000405001234")
	f.Fuzz(func(t *testing.T, reference string, minor int64, account, name, ifsc, id, debit string) {
		batch := testBatch(2)
		batch.ID, batch.Debit = id, debit
		batch.Items[1] = payout.Instruction{
			Reference: reference, Amount: money.Money{Minor: minor, Currency: money.INR}, AccountNumber: account, AccountName: name, IFSC: ifsc,
		}
		for _, template := range Templates() {
			for _, kind := range template.Upload.Kinds {
				var file bytes.Buffer
				if err := template.Write(&file, kind, batch); err != nil {
					if file.Len() > 0 {
						t.Fatalf("%s: %v, and %d bytes are written", template.Name, err, file.Len())
					}
					continue
				}
				payments := bankReads(t, template, kind, file.Bytes())
				if len(payments) != len(batch.Items) {
					t.Fatalf("%s %s: %d payments, want %d:\n%s", template.Name, kind, len(payments), len(batch.Items), file.Bytes())
				}
				for i, p := range payments {
					item := batch.Items[i]
					amount, err := money.Parse(p.amount, money.INR)
					if p.reference != item.Reference || p.account != item.AccountNumber || err != nil || amount != item.Amount {
						t.Fatalf("%s %s: %+v reads as %+v", template.Name, kind, item, p)
					}
				}
				for _, row := range table(t, kind, template.Upload.Delimiter, file.Bytes()) {
					for _, cell := range row {
						if cell != "" && strings.ContainsAny(cell[:1], formulaStarts) {
							t.Fatalf("%s %s: a cell starts like a formula: %q", template.Name, kind, cell)
						}
					}
				}
			}
		}
	})
}
