package statement

import (
	"fmt"
	"strings"
	"testing"
)

// What left, and what came back of it, carries all by which a payout is known.
func TestDebitsAndReturns(t *testing.T) {
	const heads = "Date,Narration,Ref No,Withdrawal,Deposit,Balance\n"
	for content, want := range map[string]string{
		"22/11/26,IMPS/P2A/412345678901/GL00000000000012/GAURAV KUMAR/HDFC,,700.00,,1.00": "debit debit 412345678901 placed 700.00 reversal=false",
		"22/11/26,FUND TRANSFER GAURAV,GL00000000000012,700.00,,1.00":                     "debit debit  written 700.00 reversal=false GL00000000000012",
		"22/11/26,IMPS GAURAV 412345678901 GL00000000000012,,700.00,,1.00":                "debit debit 412345678901 written 700.00 reversal=false",
		"22/11/26,IMPS GAURAV 412345678901 412345678902 GL00000000000012,,700.00,,1.00":   "debit debit  written 700.00 reversal=false",
		"22/11/26,REV-IMPS-412345678901-GL00000000000012,0000412345678901,,700.00,701.00": "skipped credit 412345678901 placed 700.00 reversal=true 0000412345678901",
		"22/11/26,GL00000000000012 RETURNED,,,700.00,701.00":                              "skipped credit  written 700.00 reversal=false",
		"22/11/26,IMPS/P2A/412345678901/GL00000000000012,,-700.00,,1.00":                  "debit skipped 412345678901 placed 700.00 reversal=false",
		"22/11/26,IMPS/P2A/412345678901/GL00000000000012,,letters,,1.00":                  "skipped skipped  written 0.00 reversal=false",
		"22/11/26,IMPS/P2A/412345678901/GL00000000000012,412345678901,500.00,700.00,1.00": "skipped skipped  written 0.00 reversal=false 412345678901",
		"22/11/26,IMPS/REV/412345678901/GL00000000000012,412345678901,700.00,,1.00":       "debit debit 412345678901 placed 700.00 reversal=true 412345678901",
	} {
		rows := readAll(t, []byte(heads+content+"\n"))
		r := rows[0]
		place := "written"
		if r.Placed {
			place = "placed"
		}
		got := strings.TrimSpace(fmt.Sprintf("%s %s %s %s %s reversal=%t %s", r.Outcome, r.Direction, r.Number, place, r.Amount.Fixed(), r.Reversal, r.References))
		if len(rows) != 1 || got != want {
			t.Errorf("%s:\n got %q\nwant %q", content, got, want)
		}
	}
	signed := readAll(t, []byte("Date,Description,Amount\n22/11/26,GL00000000000012,-700.00\n22/11/26,GL00000000000012,700.00\n"))
	if signed[0].Direction != Debit || signed[1].Direction != Credit {
		t.Errorf("a column of signed amounts: %v %v", signed[0].Direction, signed[1].Direction)
	}
}

// A row is the same wherever it stands: a statement of a longer time has the rows of the shorter one.
func TestSameRowsOfAnotherFile(t *testing.T) {
	const head = "Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance\n"
	const row = "22/11/26,UPI-ASHA RAO-asha@ybl-HDFC0000001-321302038123-PAYMENT,0000321302038123,22/11/26,,500.00,1500.00\n"
	const before = "21/11/26,UPI-ASHA RAO-asha@ybl-HDFC0000001-321302038122-PAYMENT,0000321302038122,21/11/26,,1000.00,1000.00\n"
	fields := func(text string) (all []string) {
		s, err := Open(strings.NewReader(text), "x", Options{})
		if err != nil {
			t.Fatal(err)
		}
		for {
			row, err := s.Next()
			if err != nil {
				return all
			}
			if row.Outcome == Credit {
				all = append(all, row.Fields())
			}
		}
	}
	short, long := fields(head+row), fields(head+before+row)
	if len(short) != 1 || len(long) != 2 || short[0] != long[1] || short[0] == long[0] {
		t.Errorf("%q, %q", short, long)
	}
}
