package statement

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/money"
)

func readAll(t testing.TB, content []byte) []Row {
	t.Helper()
	s, err := Open(bytes.NewReader(content), "test.csv", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var rows []Row
	for {
		row, err := s.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
	if s.BytesRead() != int64(len(content)) {
		t.Errorf("read %d of %d bytes", s.BytesRead(), len(content))
	}
	return rows
}

// summary is a row in one line: line, what it is, number, amount, date, payer.
func summary(r Row) string {
	switch {
	case r.Outcome == Skipped && r.Amount.Minor == 0:
		return fmt.Sprintf("%d skipped %s", r.Line, r.Reason)
	case r.Outcome == Skipped:
		return fmt.Sprintf("%d skipped %s %s", r.Line, r.Reason, r.Amount.Fixed())
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s %s %s %s %s", r.Line, r.Outcome, r.Number, r.Amount.Fixed(),
		r.OccurredAt.In(zone).Format("2006-01-02T15:04:05"), r.Payer))
}

func TestBanks(t *testing.T) {
	for name, want := range map[string][]string{
		"hdfc.csv": {
			"9 credit 526830463424 2.00 2024-12-07T23:59:59 PAYER34@AXISBANK",
			"10 credit 434211111111 130614.75 2024-12-07T23:59:59 ram-1@okaxis",
			"11 debit 434322222222 500.00 2024-12-08T23:59:59 SHOP@YBL",
			"12 credit 435202444399 1.00 2024-12-08T23:59:59 PAYER TWO",
			"13 skipped no_reference 900.00",
			"14 skipped reversal 500.00",
			"15 skipped no_reference 35.00",
			"17 skipped no_transaction", "18 skipped no_transaction", "19 skipped no_transaction", "20 skipped no_transaction",
			"21 skipped no_transaction",
		},
		"hdfc_delimited.csv": {"2 credit 526830463424 2.00 2024-12-07T23:59:59 PAYER34@AXISBANK"},
		"icici.csv": {
			"6 credit 517722323232 6000.00 2025-06-26T23:59:59 payer@okicici",
			"7 credit 517733333333 750.50 2025-06-26T23:59:59 payer2@ybl",
			"8 skipped ambiguous_reference 10.00",
			"9 credit 517855555555 1800.00 2025-06-27T23:59:59 GIFT",
			"10 skipped no_reference 5000.00",
			"11 debit 517966666666 200.00 2025-06-28T23:59:59 shop@ybl",
			"13 skipped no_transaction", "14 skipped no_transaction",
		},
		"sbi.tsv": {
			"6 credit 511760274797 6226.00 2025-04-27T23:59:59 payer@ybl",
			"7 debit 511811111111 226.00 2025-04-28T23:59:59 shop@ybl",
			"8 skipped no_reference 50.00",
			"9 skipped no_transaction",
		},
		"axis.csv": {
			"5 skipped no_transaction",
			"6 credit 524565742400 50000.00 2025-09-02T23:59:59 PAYER NAME",
			"7 debit 524611111111 120.00 2025-09-03T23:59:59 SHOP",
			"8 credit 524722222222 75.00 2025-09-04T23:59:59 PAYER TWO",
			"9 skipped no_transaction", "10 skipped no_transaction", "11 skipped no_transaction",
		},
		"kotak.csv": {
			"5 credit 528722222222 250.00 2025-10-14T23:59:59 PAYER NAME",
			"6 debit 528811111111 40.00 2025-10-15T10:11:12 SHOP",
			"7 skipped bad_amount",
			"8 credit 528944444444 329.00 2025-10-16T23:59:59 PAYER TWO",
			"9 skipped no_transaction",
		},
	} {
		t.Run(name, func(t *testing.T) {
			content, err := os.ReadFile("testdata/" + name)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, row := range readAll(t, content) {
				got = append(got, summary(row))
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestKeepsWhatItReads(t *testing.T) {
	content, err := os.ReadFile("testdata/hdfc.csv")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(content), "\n")
	for _, row := range readAll(t, content) {
		if row.Raw != lines[row.Line-1] {
			t.Errorf("line %d: raw %q, want %q", row.Line, row.Raw, lines[row.Line-1])
		}
	}
	rows := readAll(t, content)
	if rows[0].Narration != "UPI-PAYER NAME-PAYER34@AXISBANK-UTIB0000001-526830463424-UPI" || rows[0].GivenTime != "07/12/24" ||
		rows[0].Precision != evidence.PrecisionDay || rows[5].Number != "434322222222" || !rows[5].Reversal {
		t.Errorf("%+v\n%+v", rows[0], rows[5])
	}
	seen := map[string]int{}
	for _, row := range rows {
		if other, twice := seen[row.Fields()]; twice {
			t.Errorf("lines %d and %d have the same fields", other, row.Line)
		}
		seen[row.Fields()] = row.Line
	}
}

const plainHeader = "Date,Narration,Ref No,Withdrawal,Deposit,Balance\n"

func one(t *testing.T, content string) Row {
	t.Helper()
	rows := readAll(t, []byte(content))
	if len(rows) != 1 {
		t.Fatalf("%d rows: %+v", len(rows), rows)
	}
	return rows[0]
}

func TestEncodings(t *testing.T) {
	text := plainHeader + "07/12/24,UPI/CR/526830463424/JOSÉ “X”/SBIN,,,2.00,3.00\r\n"
	utf16Bytes := func(bigEndian bool) []byte {
		var b []byte
		for _, unit := range utf16.Encode([]rune("\ufeff" + text)) {
			if bigEndian {
				b = append(b, byte(unit>>8), byte(unit))
			} else {
				b = append(b, byte(unit), byte(unit>>8))
			}
		}
		return b
	}
	windows := strings.NewReplacer("É", "\xc9", "“", "\x93", "”", "\x94").Replace(text)
	for name, content := range map[string][]byte{
		"utf-8": []byte(text), "utf-8 with mark": []byte("\ufeff" + text), "utf-16 little endian": utf16Bytes(false),
		"utf-16 big endian": utf16Bytes(true), "windows-1252": []byte(windows),
	} {
		row := one(t, string(content))
		if row.Narration != "UPI/CR/526830463424/JOSÉ “X”/SBIN" || row.Number != "526830463424" || row.Payer != "JOSÉ “X”" {
			t.Errorf("%s: %+v", name, row)
		}
	}
}

func TestDelimitersAndQuotes(t *testing.T) {
	for _, content := range []string{
		"Date;Narration;Ref No;Withdrawal;Deposit\n07-12-24;UPI/CR/526830463424/X;;;2.00\n",
		"Date\tNarration\tRef No\tWithdrawal\tDeposit\n07-12-24\tUPI/CR/526830463424/X\t\t\t2.00\n",
		"Date|Narration|Ref No|Withdrawal|Deposit\n07-12-24|UPI/CR/526830463424/X|||2.00\n",
		"\"Date\",\"Narration\",\"Deposit\"\n\"07-12-24\",\"UPI/CR/526830463424/X\",\"2.00\"\n",
		"Date,Narration,Deposit\n07-12-24,\"UPI/CR/526830463424/X\nsecond line\",2.00\n",
		"Date,Narration,Deposit\n07-12-24,UPI/CR/526830463424/X \"quoted,2.00\n",
		"Date,Narration,Deposit\n07-12-24,UPI/CR/526830463424/A, B, AND C,2.00\n",
		"Date,Narration,Deposit\n07-12-24,UPI/CR/526830463424/X,2.00,,,\n",
		"Date,Narration,Deposit,Ref No\n07-12-24,UPI,2.00,'526830463424\n",
		"Date,Narration,Deposit,Ref No\n07-12-24,UPI,2.00,\"=\"\"526830463424\"\"\"\n",
		"Date,Narration,Deposit\r\n07-12-24,UPI/CR/526830463424/X,2.00",
	} {
		if row := one(t, content); row.Outcome != Credit || row.Number != "526830463424" || row.Amount.Minor != 200 {
			t.Errorf("%q: %+v", content, row)
		}
	}
	stray := "Date,Narration,Deposit\n07-12-24,\"UPI/CR/526830463424/X,2.00\n" + strings.Repeat("08-12-24,UPI/CR/434311111111/Y,3.00\n", 20)
	if rows := readAll(t, []byte(stray)); len(rows) != 21 || rows[0].Number != "526830463424" {
		t.Errorf("a stray quote swallows rows: %d rows, first %+v", len(rows), rows[0])
	}
}

func TestLineNumbersAcrossQuotedLineEnds(t *testing.T) {
	rows := readAll(t, []byte("Date,Narration,Deposit\n\n07-12-24,\"UPI/CR/526830463424/\nX\",2.00\n08-12-24,UPI/CR/434311111111/Y,3.00\n"))
	if len(rows) != 2 || rows[0].Line != 3 || rows[1].Line != 5 {
		t.Errorf("%+v", rows)
	}
}

func TestHeaders(t *testing.T) {
	for _, header := range []string{
		"Date,Narration,Chq./Ref.No.,Value Dt,Withdrawal Amt.,Deposit Amt.,Closing Balance",
		"Date,Narration,Value Dat,Debit Amount,Credit Amount,Chq/Ref Number,Closing Balance",
		"S No.,Value Date,Transaction Date,Cheque Number,Transaction Remarks,Withdrawal Amount (INR ),Deposit Amount (INR ),Balance (INR )",
		"Txn Date,Value Date,Description,Ref No./Cheque No.,        Debit,Credit,Balance",
		"Tran Date,CHQNO,PARTICULARS,DR,CR,BAL,SOL",
		"SRL NO,Tran Date,Value Date,CHQNO,Transaction Particulars,Amount(INR),DR|CR,Balance(INR),Branch Name",
		"Sl. No.,Date,Description,Chq / Ref number,Amount,Dr / Cr,Balance,Dr / Cr",
		"Sl. No.,Transaction Date,Value Date,Description,Chq / Ref No.,Debit,Credit,Balance",
		"Transaction Date,UTR No,Amount,Type",
	} {
		if _, ok := findColumns(splitCells(header, ',')); !ok {
			t.Errorf("%s is no header", header)
		}
	}
	for _, line := range []string{"", "Date", "Date,Balance", "Narration,Credit", "Account,Name,Date", "07/12/24,UPI,,,2.00,3.00"} {
		if _, ok := findColumns(splitCells(line, ',')); ok {
			t.Errorf("%s is a header", line)
		}
	}
}

func TestAmounts(t *testing.T) {
	for cells, want := range map[string]string{
		",2.00": "credit 2.00", "0.00,2.00": "credit 2.00", "-,2": "credit 2.00", ",\"13,30,614.75\"": "credit 1330614.75",
		",₹ 2.00": "credit 2.00", ",INR 2.00": "credit 2.00", ",2.00 Cr": "credit 2.00", ",2.00(Cr)": "credit 2.00", ",.50": "credit 0.50",
		"2.00,": "debit 2.00", "2.00,0": "debit 2.00", "-2.00,": "debit 2.00", "2.00 Dr,": "debit 2.00",
		",": "skipped no_amount", "0,0": "skipped no_amount", "2.00,3.00": "skipped ambiguous_amount", ",-2.00": "skipped ambiguous_amount",
		",2.005": "skipped bad_amount", ",two": "skipped bad_amount", ",1e3": "skipped bad_amount", ",\"1,00,00\"": "skipped bad_amount",
		",2.00 Dr": "skipped ambiguous_amount", ",99999999999999": "skipped bad_amount",
	} {
		row := one(t, plainHeader+"07/12/24,UPI/CR/526830463424/X,,"+cells+",9\n")
		got := row.Outcome.String() + " " + row.Amount.Fixed()
		if row.Outcome == Skipped {
			got = "skipped " + string(row.Reason)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", cells, got, want)
		}
	}
	for cells, want := range map[string]string{
		"2.00,CR": "credit 2.00", "2.00,Dr.": "debit 2.00", "2.00,": "skipped ambiguous_amount", "-2.00,CR": "skipped ambiguous_amount",
		"-2.00,DR": "debit 2.00", "2.00 Cr,C": "credit 2.00",
	} {
		row := one(t, "Date,Description,Amount,Dr / Cr\n07/12/24,UPI/CR/526830463424/X,"+cells+"\n")
		got := row.Outcome.String() + " " + row.Amount.Fixed()
		if row.Outcome == Skipped {
			got = "skipped " + string(row.Reason)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", cells, got, want)
		}
	}
	for cell, want := range map[string]Outcome{"2.00": Credit, "+2.00": Credit, "-2.00": Debit, "(2.00)": Debit, "2.00 DR": Debit} {
		if row := one(t, "Date,Description,Amount\n07/12/24,UPI/CR/526830463424/X,"+cell+"\n"); row.Outcome != want || row.Amount.Minor != 200 {
			t.Errorf("%s: %+v", cell, row)
		}
	}
}

func TestReferences(t *testing.T) {
	for _, test := range []struct{ narration, column, want string }{
		{"UPI/CR/526830463424/RAM/SBIN/ram@ybl/511111111111", "", "526830463424"},
		{"UPI/526830463424/note 511111111111/ram@ybl", "", "526830463424"},
		{"UPI/P2A/526830463424/UPI/CR/511111111111/X", "", "526830463424"},
		{"UPI-RAM-RAM@YBL-SBIN0001234-526830463424-SBIN0001234-511111111111-X", "", "526830463424"},
		{"IMPS-526830463424-RAM-SBIN", "", "526830463424"},
		{"IMPS/526830463424/RAM", "", "526830463424"},
		{"MMT/IMPS/526830463424/511111111111/RAM", "", "526830463424"},
		{"UPI/RAM/511111111111/note", "526830463424", "526830463424"},
		{"UPI/RAM/526830463424/note", "", "526830463424"},
		{"Received by UPI Ref 526830463424", "", "526830463424"},
		{"RRN:526830463424", "", "526830463424"},
		{"UPI/RAM/511111111111/526830463424", "", "ambiguous_reference"},
		{"UPI/CR/526830463424/RAM", "526830463425", "ambiguous_reference"},
		{"UPI/CR/526830463424/RAM", "0000526830463424", "526830463424"},
		{"UPI/CR/526830463424/RAM", "UPI-526830463424", "526830463424"},
		{"UPI/CR/526830463424/RAM", "5.26830E+11", "526830463424"},
		{"UPI/CR/526830463424/RAM", "TRANSFER FROM 4897690162095", "526830463424"},
		{"UPI/RAM/919876543210@ybl/pay", "", "no_reference"},
		{"UPI/RAM/A526830463424/pay", "", "no_reference"},
		{"UPI/RAM/5268304634245/pay", "", "no_reference"},
		{"CASH DEPOSIT 526830463424", "", "no_reference"},
		{"NEFT-SBIN526830463424-RAM", "", "no_reference"},
		{"", "", "no_reference"},
	} {
		row := one(t, plainHeader+"07/12/24,"+test.narration+","+test.column+",,2.00,9\n")
		got := row.Number
		if row.Outcome == Skipped {
			got = string(row.Reason)
		}
		if got != test.want {
			t.Errorf("%s, %s: got %s, want %s", test.narration, test.column, got, test.want)
		}
	}
	row := one(t, "Date,Cheque No,UTR No,Narration,Credit\n07/12/24,511111111111,526830463424,X,2.00\n")
	if row.Reason != evidence.ReasonAmbiguousReference {
		t.Errorf("two reference columns that differ: %+v", row)
	}
}

func TestTimes(t *testing.T) {
	for cell, want := range map[string]string{
		"07/12/24": "2024-12-07T18:29:59.999999Z", "07-Dec-2024": "2024-12-07T18:29:59.999999Z", "7 Dec 2024": "2024-12-07T18:29:59.999999Z",
		"2024-12-07": "2024-12-07T18:29:59.999999Z", "07/12/2024 10:11:12": "2024-12-07T04:41:12Z", "07/12/2024 10:11 PM": "2024-12-07T16:41:00Z",
		"2024-12-07T10:11:12": "2024-12-07T04:41:12Z", "07 Dec 2024 10:11": "2024-12-07T04:41:00Z", "12/31/24": "", "Total": "", "": "",
	} {
		row := one(t, plainHeader+cell+",UPI/CR/526830463424/X,,,2.00,9\n")
		got := ""
		if row.Outcome == Credit {
			got = row.OccurredAt.Format(time.RFC3339Nano)
		}
		if got != want {
			t.Errorf("%q: got %s, want %s", cell, got, want)
		}
	}
	received := time.Date(2024, 12, 7, 8, 0, 0, 0, time.UTC)
	s, err := Open(strings.NewReader(plainHeader+"07/12/24,UPI/CR/526830463424/X,,,2.00,9\n"), "x", Options{Received: received, Currency: money.INR})
	if err != nil {
		t.Fatal(err)
	}
	if row, err := s.Next(); err != nil || !row.OccurredAt.Equal(received) {
		t.Errorf("a row of the day of the import counts as received then: %s, %v", row.OccurredAt, err)
	}
	row := one(t, "Date,Time,Description,Amount\n07/12/24,10:11:12,UPI/CR/526830463424/X,5\n")
	if row.Precision != evidence.PrecisionExact || row.GivenTime != "07/12/24 10:11:12" {
		t.Errorf("a time column: %+v", row)
	}
}

func TestFilesThatAreNoStatement(t *testing.T) {
	for content, want := range map[string]string{
		"":                      "no header row",
		"hello\n":               "no header row",
		"PK\x03\x04zip":         "Excel",
		"\xd0\xcf\x11\xe0xls":   "Excel",
		"%PDF-1.7":              "PDF",
		"<HTML><table>":         "HTML",
		"<?xml version='1.0'?>": "XML",
		strings.Repeat("\n", MaxPreambleLines) + plainHeader: "no header row",
	} {
		_, err := Open(strings.NewReader(content), "file.csv", Options{})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "file.csv") {
			t.Errorf("%.20q: got %v, want %s", content, err, want)
		}
	}
}

func TestLimits(t *testing.T) {
	long := "07/12/24,UPI/CR/526830463424/" + strings.Repeat("x", MaxLineBytes) + ",,,2.00,9\n"
	rows := readAll(t, []byte(plainHeader+long+"08/12/24,UPI/CR/434311111111/X,,,2.00,9\n"))
	if len(rows) != 2 || rows[0].Reason != evidence.ReasonTooLong || rows[1].Number != "434311111111" || rows[1].Line != 3 {
		t.Errorf("a line over the limit: %d rows, %s, %+v", len(rows), rows[0].Reason, rows[len(rows)-1])
	}
	s, err := Open(strings.NewReader(plainHeader+"x\ny\n"), "x", Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.rows = MaxRows - 1
	if _, err := s.Next(); err != nil {
		t.Errorf("the last row that may be: %v", err)
	}
	if _, err := s.Next(); err == nil || !strings.Contains(err.Error(), "1000000 rows") {
		t.Errorf("one row more: %v", err)
	}
}

func TestReadErrorsAreToldNotSwallowed(t *testing.T) {
	broken := errors.New("disk gone")
	s, err := Open(io.MultiReader(strings.NewReader(plainHeader+"07/12/24,UPI/CR/526830463424/X,,,2.00,9\n"), failing{broken}), "x", Options{})
	for err == nil {
		_, err = s.Next()
	}
	if !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func FuzzStatement(f *testing.F) {
	for _, name := range []string{"hdfc.csv", "hdfc_delimited.csv", "icici.csv", "sbi.tsv", "axis.csv", "kotak.csv"} {
		content, err := os.ReadFile("testdata/" + name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("\xff\xfeD\x00"))
	f.Fuzz(func(t *testing.T, content []byte) {
		s, err := Open(bytes.NewReader(content), "x", Options{})
		if err != nil {
			return
		}
		lastLine := 0
		for {
			row, err := s.Next()
			if err != nil {
				break
			}
			if row.Line <= lastLine {
				t.Fatalf("line %d after %d", row.Line, lastLine)
			}
			lastLine = row.Line
			if (row.Outcome == Skipped) != (row.Reason != "") {
				t.Fatalf("outcome %s, reason %q", row.Outcome, row.Reason)
			}
			if row.Outcome != Skipped && (!row.Amount.IsPositive() || row.OccurredAt.IsZero()) {
				t.Fatalf("%+v", row)
			}
			if row.Outcome == Credit && len(row.Number) != evidence.ReferenceDigits {
				t.Fatalf("credit without a number: %+v", row)
			}
		}
	})
}
