package bankfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// plain compares rows without what the file looks like.
var plain = cmp.Options{cmpopts.IgnoreFields(payout.Answer{}, "Raw"), cmpopts.EquateEmpty()}

// shown is a row for comparing: line, reference, amount, UTR, tail, outcome, code, reason, day.
func shown(r Row) string {
	day := ""
	if !r.Answer.At.IsZero() {
		day = r.Answer.At.In(india).Format("2006-01-02 15:04")
	}
	return fmt.Sprintf("%d %s %s utr=%s tail=%s %s/%s code=%q reason=%q %s", r.Line, r.Reference, r.Amount.Fixed(), r.UTR,
		r.AccountTail, r.Answer.Outcome, r.Answer.UTR, r.Answer.Code, r.Answer.Reason, day)
}

func wantRows(t *testing.T, got response, rows []string, problems ...string) {
	t.Helper()
	if got.err != nil {
		t.Fatal(got.err)
	}
	var gotRows, gotProblems []string
	for _, row := range got.rows {
		gotRows = append(gotRows, shown(row))
	}
	for _, problem := range got.problems {
		gotProblems = append(gotProblems, problem.Reference+" "+problem.Error())
	}
	if diff := cmp.Diff(rows, gotRows, plain); diff != "" {
		t.Errorf("rows (- want):\n%s", diff)
	}
	if diff := cmp.Diff(problems, gotProblems, plain); diff != "" {
		t.Errorf("problems (- want):\n%s", diff)
	}
}

// The real columns of ICICI's report, which has amounts as numbers.
func TestReadICICIReport(t *testing.T) {
	titles := strings.Split("File_Sequence_Num|Pymt_Prod_Type_Code|Pymt_Mode|Debit_Acct_no|Beneficiary Name|Beneficiary Account No|"+
		"Bene_IFSC_Code|Amount|Debit narration|Credit narration|Mobile Numder|Email id|Remark|Pymt_Date|Reference_no|Addl_Info1|"+
		"Addl_Info2|Addl_Info3|Addl_Info4|Addl_Info5|Beneficiary LEI|STATUS|Current Step|File name|Rejected by|Rejection Reason|"+
		"Acct_Debit_date|Customer Ref No|UTR NO", "|")
	row := func(reference, amount, status, reason, date, utr string) []string {
		return []string{"75120448", "PAB_VENDOR", "IMPS", "000705012345", "ASHA RAO", "00501001234567", "SBIN0001234", amount,
			"", "", "", "", "", "26-11-2026", reference, "", "", "", "", "", "", status, "Paid", "batch 7", "", reason, date, "2458851071", utr}
	}
	got := read(template(t, "icici"), xlsxBytes(t, [][]string{
		{"Consolidated Status Report"}, {}, titles,
		row("GL00000000000001", "#1218", "Success", "", "26-11-2026", "533012345678"),
		row("GL00000000000002", "#1218.0999999999999", "Reversed", "Account 00501001234567 closed", "#46352", ""),
		row("GL00000000000003", "1,00,218.00", "Success", "", "", ""),
		row("GL00000000000004", "#500", "Parked", "", "", ""),
		row("GL00000000000005", "#500", "In Progress", "", "", ""),
		{"", "", "", "", "Total", "", "", "#4936.1"},
	}))
	wantRows(t, got, []string{
		`4 GL00000000000001 1218.00 utr=533012345678 tail=4567 paid/533012345678 code="Success" reason="" 2026-11-26 00:00`,
		`5 GL00000000000002 1218.10 utr= tail=4567 failed/ code="Reversed" reason="Account …4567 closed" 2026-11-26 00:00`,
		`6 GL00000000000003 100218.00 utr= tail=4567 unknown/ code="Success" reason="the bank says paid and gives no UTR" `,
		`7 GL00000000000004 500.00 utr= tail=4567 unknown/ code="Parked" reason="" `,
		`8 GL00000000000005 500.00 utr= tail=4567 sent/ code="In Progress" reason="" `,
	}, " line 9: has no reference, or none that can be ours")
}

// The reverse file of HDFC has no titles.
func TestReadHDFCReverse(t *testing.T) {
	got := read(template(t, "hdfc"), []byte("M,,ASHA RAO,1218.00,,26/11/2026,GL00000000000001,,,00501001234567,533012345678,E,,SBIN0001234\r\n"+
		"M,,ASHA RAO,1218.00,,26/11/2026,GL00000000000002,,,00501001234567,,R,NRE account,SBIN0001234\r\n"+
		"M,,ASHA RAO,1218.00,,26/11/2026,GL00000000000003,,,00501001234567,,R,closed, gone,SBIN0001234\r\n"+
		"M,,ASHA RAO,1218.00\r\n"))
	wantRows(t, got, []string{
		`1 GL00000000000001 1218.00 utr=533012345678 tail=4567 paid/533012345678 code="E" reason="" 2026-11-26 00:00`,
		`2 GL00000000000002 1218.00 utr= tail=4567 failed/ code="R" reason="NRE account" 2026-11-26 00:00`,
	}, "GL00000000000003 line 3: has more cells than there are columns", " line 4: has no reference, or none that can be ours")
}

// Titles are found whatever stands above them, however they are written, and whatever separates them.
func TestReadFindsTitles(t *testing.T) {
	want := []string{`%d GL00000000000001 1218.00 utr=533012345678 tail= paid/533012345678 code="SUCCESS" reason="" `}
	body := "GL00000000000001%s1218.00%sSUCCESS%s533012345678\n"
	for name, c := range map[string]struct {
		head, delimiter string
		line            int
	}{
		"plain":           {"Reference,Amount,Status,UTR\n", ",", 2},
		"byte order mark": {"\xef\xbb\xbfReference,Amount,Status,UTR\n", ",", 2},
		"case and spaces": {"  REFERENCE , amount,Status.,u t r,U.T.R\n", ",", 0},
		"small":           {" reference ,AMOUNT, status:,utr\n", ",", 2},
		"title rows":      {"Bank of Tests\n\nFrom,To\n\"a \"\" b\"\nReference,Amount,Status,UTR\n", ",", 6},
		"tabs":            {"Reference\tAmount\tStatus\tUTR\n", "\t", 2},
		"semicolons":      {"Reference;Amount;Status;UTR\n", ";", 2},
		"carets":          {"Reference^Amount^Status^UTR\r\n", "^", 2},
		"bars, in quotes": {`"Reference"|"Amount"|"Status"|"UTR"` + "\n", "|", 2},
		"formula marks":   {`="Reference",'Amount,Status,UTR` + "\n", ",", 2},
		"customer's word": {"Reference No,Customer Reference No,x\nCustomer Reference,Amount,Status,UTR\n", ",", 3},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(template(t, "generic"), []byte(c.head+fmt.Sprintf(body, c.delimiter, c.delimiter, c.delimiter)))
			if c.line == 0 { // no UTR there
				wantRows(t, got, []string{`2 GL00000000000001 1218.00 utr= tail= paid/ code="SUCCESS" reason="" `})
				return
			}
			wantRows(t, got, []string{fmt.Sprintf(want[0], c.line)})
		})
	}
	utf16 := []byte{0xff, 0xfe}
	for _, c := range "Reference,Amount,Status\nGL1,5,Paid\n" {
		utf16 = append(utf16, byte(c), 0)
	}
	wantRows(t, read(template(t, "generic"), utf16), []string{`2 GL1 5.00 utr= tail= paid/ code="Paid" reason="" `})
}

// One row of each: what is read of it, or why not.
func TestReadCells(t *testing.T) {
	for _, c := range []struct{ row, want string }{
		{`GL1,"1,218.00",Paid,533012345678`, `GL1 1218.00 utr=533012345678 tail= paid/533012345678 code="Paid" reason="" `},
		{`gl1,"12,34,567.5",PAID,533012345678`, `GL1 1234567.50 utr=533012345678 tail= paid/533012345678 code="PAID" reason="" `},
		{`GL1,Rs. 5,  paid ,'533012345678`, `GL1 5.00 utr=533012345678 tail= paid/533012345678 code="paid" reason="" `},
		{`GL1,5,paid,"=""533012345678"""`, `GL1 5.00 utr=533012345678 tail= paid/533012345678 code="paid" reason="" `},
		{`GL1,5,paid,s12345678`, `GL1 5.00 utr=S12345678 tail= paid/S12345678 code="paid" reason="" `},
		{`GL1,5,paid,IN42619755781929`, `GL1 5.00 utr=IN42619755781929 tail= paid/IN42619755781929 code="paid" reason="" `},
		{`GL1,5,paid,5.33012E+11`, `GL1 5.00 utr= tail= paid/ code="paid" reason="" `},
		{`GL1,5,paid,000000000000`, `GL1 5.00 utr= tail= paid/ code="paid" reason="" `},
		{`GL1,5,paid,NOTAVAILABLE`, `GL1 5.00 utr= tail= paid/ code="paid" reason="" `},
		{`GL1,5,Failed,533012345678`, `GL1 5.00 utr=533012345678 tail= failed/ code="Failed" reason="" `},
		{`GL1,5,In-Progress,`, `GL1 5.00 utr= tail= sent/ code="In-Progress" reason="" `},
		{`GL1,5,Deemed Success,533012345678`, `GL1 5.00 utr=533012345678 tail= unknown/ code="Deemed Success" reason="" `},
		{`GL1,5,Not Paid,`, `GL1 5.00 utr= tail= unknown/ code="Not Paid" reason="" `},
		{`GL1,5,,`, `GL1 5.00 utr= tail= unknown/ code="" reason="" `},
		{`GL1,5,account 00501001234567 bad,`, `GL1 5.00 utr= tail= unknown/ code="account …4567 bad" reason="" `},
		{`GL1,0,paid,`, "!no amount"}, {`GL1,-5,paid,`, "!no amount"}, {`GL1,,paid,`, "!no amount"},
		{`GL1,5.001,paid,`, "!no amount"}, {`GL1,5e2,paid,`, "!no amount"}, {`GL1,"1,2,3",paid,`, "!no amount"},
		{`GL1,1218 00,paid,`, "!no amount"}, {`GL1,9999999999999,paid,`, "!no amount"},
		{`,5,paid,`, "!no reference"}, {`GL 1,5,paid,`, "!no reference"}, {`=GL1,5,paid,`, "!no reference"}, {`GLſ1,5,paid,`, "!no reference"},
		{`GL1,5,paid,ſ12345678`, `GL1 5.00 utr= tail= paid/ code="paid" reason="" `},
		{`GL1,5,paid,1,2`, "!more cells"}, {`GL1,5,paid,,,,`, `GL1 5.00 utr= tail= paid/ code="paid" reason="" `},
		{`GL1,"5,paid,`, "!quotes"}, {`"GL1"x,5,paid,`, "!quotes"},
		{`GL1,5,paid,` + strings.Repeat("1", MaxCellBytes+1), "!cell of more than 1024"},
		{`GL1,5,paid,` + strings.Repeat(",", MaxColumns), "!more than 256 cells"},
		{`GL1,5,paid,` + strings.Repeat("1", maxLineBytes), "!longer than 65536"},
	} {
		t.Run(c.row[:min(len(c.row), 40)], func(t *testing.T) {
			got := read(template(t, "generic"), []byte("Reference,Amount,Status,UTR\n"+c.row+"\nGL2,7,paid,\n"))
			last := `3 GL2 7.00 utr= tail= paid/ code="paid" reason="" `
			why, refused := strings.CutPrefix(c.want, "!")
			if !refused {
				wantRows(t, got, []string{"2 " + c.want, last})
				return
			}
			if got.err != nil || len(got.problems) != 1 || got.problems[0].Line != 2 || !strings.Contains(got.problems[0].Reason, why) {
				t.Fatalf("problems are %v, error %v, want %q", got.problems, got.err, why)
			}
			if len(got.rows) != 1 || shown(got.rows[0]) != last {
				t.Errorf("the next row is lost: %v", got.rows)
			}
		})
	}
}

// One reference, several rows: nothing is believed that another row contradicts.
func TestReadSameReference(t *testing.T) {
	got := read(template(t, "generic"), []byte("Reference,Amount,Status,UTR\n"+
		"GL1,5,paid,533012345678\nGL2,5,paid,533012345679\nGL1,5.00,Success,533012345678\n"+ // the same again
		"gl2,5,failed,\n"+ // both outcomes
		"GL3,5,failed,\nGL3,6,failed,\n"+ // other amounts
		"GL4,5,paid,533012345678\nGL4,5,paid,533012345670\n"+ // other UTRs
		"GL5,5,paid,533012345678\nGL5,x,failed,\n"+ // one can't be read
		"GL6,x,failed,\nGL6,5,paid,\nGL6,5,paid,\n"))
	wantRows(t, got, []string{`2 GL1 5.00 utr=533012345678 tail= paid/533012345678 code="paid" reason="" `},
		"GL2 line 3: lines 3 and 5 don't say the same of GL2",
		"GL1 line 4: says the same of GL1 as line 2",
		"GL2 line 5: lines 3 and 5 don't say the same of GL2",
		"GL3 line 6: lines 6 and 7 don't say the same of GL3",
		"GL3 line 7: lines 6 and 7 don't say the same of GL3",
		"GL4 line 8: lines 8 and 9 don't say the same of GL4",
		"GL4 line 9: lines 8 and 9 don't say the same of GL4",
		"GL5 line 10: lines 10 and 11 don't say the same of GL5",
		"GL5 line 11: has no amount above zero that can be read",
		"GL6 line 12: has no amount above zero that can be read",
		"GL6 line 13: lines 12 and 13 don't say the same of GL6",
		"GL6 line 14: lines 12 and 13 don't say the same of GL6")
}

// A caller may stop early, and what the bank wrote is kept.
func TestReadStopsAndKeepsRaw(t *testing.T) {
	content := []byte("Reference,Amount,Status\nGL1,5,paid\nGL2,5,paid\n")
	for row, err := range template(t, "generic").Read(bytes.NewReader(content), int64(len(content))) {
		if err != nil || row.Line != 2 || string(row.Answer.Raw) != "GL1,5,paid" {
			t.Fatalf("%+v, %v", row, err)
		}
		break
	}
	for _, err := range template(t, "generic").Read(broken{}, 100) {
		if !errors.Is(err, errBroken) {
			t.Errorf("error of the disk is %v", err)
		}
	}
}

var errBroken = errors.New("disk")

type broken struct{}

func (broken) ReadAt([]byte, int64) (int, error) { return 0, errBroken }

func TestReadTimes(t *testing.T) {
	for text, want := range map[string]string{
		"26/11/2026": "2026-11-26 00:00", "26-Nov-2026 16:02:45": "2026-11-26 16:02", "2026-11-26T09:05": "2026-11-26 09:05",
		"26/11/2026 04:02:00 PM": "2026-11-26 16:02", "yesterday": "", "": "",
	} {
		got := ""
		if at := readTime(cell{text: text}); !at.IsZero() {
			got = at.Format("2006-01-02 15:04")
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]time.Time{
		"46352": time.Date(2026, 11, 26, 0, 0, 0, 0, india), "46352.75": time.Date(2026, 11, 26, 0, 0, 0, 0, india), "1": {}, "x": {},
	} {
		if got := readTime(cell{text: text, number: true}); !got.Equal(want) {
			t.Errorf("%s is %v, want %v", text, got, want)
		}
	}
}

// Excel's numbers are read as it shows them, and never by way of a floating-point number.
func TestReadNumbers(t *testing.T) {
	for text, want := range map[string]string{
		"1218": "1218.00", "1218.5": "1218.50", "1.2185E3": "1218.50", "1218.0999999999999": "1218.10", "0.29999999999999999": "0.30",
		"99999.989999999991": "99999.99", "9.9999999999999995E2": "1000.00", "1218.1000000000001": "1218.10", "1218.123": "",
		"500000.00000000000": "500000.00", "-5": "", "0": "", "1,218": "", "NaN": "", "1e400": "", "123456789012345678": "",
		"1218.1049999999999": "", "999999999999.99": "999999999999.99",
	} {
		got := ""
		if amount, ok := readAmount(cell{text: text, number: true}); ok {
			got = amount.Fixed()
		}
		if got != want {
			t.Errorf("%s is %q, want %q", text, got, want)
		}
	}
}

// A bank takes any upload, decides, and answers in any of its ways: every decision comes back as it was.
func TestRoundTrip(t *testing.T) {
	words := map[payout.Outcome][]string{}
	rapid.Check(t, func(t *rapid.T) {
		template := rapid.SampledFrom(Templates()).Draw(t, "template")
		clear(words)
		for word, outcome := range template.Response.Words {
			words[outcome] = append(words[outcome], word)
		}
		batch := testBatch(rapid.IntRange(1, 20).Draw(t, "payments"))
		for i := range batch.Items {
			batch.Items[i].Amount.Minor = rapid.Int64Range(1, 50_000_000).Draw(t, "paise")
		}
		kind := rapid.SampledFrom(template.Upload.Kinds).Draw(t, "kind")
		var rows []said
		var want []Row
		for i, payment := range bankReads(t, template, kind, write(t, template, kind, batch)) {
			item := batch.Items[i]
			outcome := rapid.SampledFrom([]payout.Outcome{payout.Paid, payout.Failed, payout.Sent, payout.Unknown}).Draw(t, "outcome")
			s := said{uploaded: payment, status: "word of its own", date: "26/11/2026"}
			if len(words[outcome]) > 0 {
				s.status = rapid.SampledFrom(words[outcome]).Draw(t, "word")
			} else {
				outcome = payout.Unknown
			}
			if outcome == payout.Paid {
				s.utr = fmt.Sprintf("5330%08d", i)
			}
			want = append(want, Row{
				Reference: item.Reference, Amount: item.Amount, UTR: s.utr, AccountTail: item.AccountNumber[len(item.AccountNumber)-4:],
				Answer: payout.Answer{Outcome: outcome, UTR: s.utr, Code: s.status, At: time.Date(2026, 11, 26, 0, 0, 0, 0, india)},
			})
			s.amount = rapid.SampledFrom([]string{s.amount, item.Amount.Text(), grouped(item.Amount), "INR " + s.amount}).Draw(t, "amount")
			rows = append(rows, s)
		}
		answer := answerTable(template.Response, rows)
		if template.Response.Count == 0 {
			above := make([][]string, rapid.IntRange(0, 5).Draw(t, "lines above"))
			for i := range above {
				above[i] = []string{"Status report"}
			}
			answer = append(above, answer...)
		}
		for i := range want {
			want[i].Line = len(answer) - len(want) + i + 1
		}
		var content []byte
		if rapid.SampledFrom(template.Response.Kinds).Draw(t, "kind of response") == XLSX {
			content = xlsxBytes(t, answer)
		} else {
			delimiter := template.Response.Delimiter
			if delimiter == "" {
				delimiter = rapid.SampledFrom(strings.Split(delimiters, "")).Draw(t, "delimiter")
			}
			content = csvBytes(t, delimiter, answer)
		}
		got := read(template, content)
		if got.err != nil || len(got.problems) > 0 {
			t.Fatalf("%v, %v", got.err, got.problems)
		}
		if diff := cmp.Diff(want, got.rows, plain); diff != "" {
			t.Fatalf("(- want)\n%s", diff)
		}
	})
}

// grouped writes an amount in Indian groups.
func grouped(m money.Money) string {
	whole, paise, _ := strings.Cut(m.Fixed(), ".")
	for at := len(whole) - 3; at > 0; at -= 2 {
		whole = whole[:at] + "," + whole[at:]
	}
	return whole + "." + paise
}
