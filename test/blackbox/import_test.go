package blackbox

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// imported is what `import` prints.
type imported struct{ Rows, Created, Duplicate, Conflict, Refused, Unparsed, Skipped, Debits int }

// statements are samples of five banks, with what each import of them finds. HDFC's second file overlaps its first.
var statements = []struct {
	file  string
	finds imported
}{
	{"hdfc.csv", imported{Rows: 12, Created: 3, Refused: 1, Unparsed: 2, Skipped: 5, Debits: 1}},
	{"hdfc_delimited.csv", imported{Rows: 1, Duplicate: 1}},
	{"icici.csv", imported{Rows: 8, Created: 3, Unparsed: 2, Skipped: 2, Debits: 1}},
	{"sbi.tsv", imported{Rows: 4, Created: 1, Unparsed: 1, Skipped: 1, Debits: 1}},
	{"axis.csv", imported{Rows: 7, Created: 2, Skipped: 4, Debits: 1}},
	{"kotak.csv", imported{Rows: 5, Created: 2, Unparsed: 1, Skipped: 1, Debits: 1}},
}

func sample(t *testing.T, name string) string {
	t.Helper()
	path, err := filepath.Abs("../../internal/evidence/statement/testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (w *world) imports(path string, more ...string) imported {
	w.t.Helper()
	var found imported
	w.json(&found, append([]string{"import", path, "--wallet", fmt.Sprint(w.wallet)}, more...)...)
	if sum := found.Created + found.Duplicate + found.Conflict + found.Refused + found.Unparsed + found.Skipped + found.Debits; sum != found.Rows {
		w.t.Errorf("%d of %d rows are counted: %+v", sum, found.Rows, found)
	}
	return found
}

func TestImport(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("five banks", fiveBanks)
		w.tell("beside the server", importBeside)
		w.tell("large file", largeImport)
		w.tell("used wrongly", importWrongly)
	})
}

// fiveBanks: a dry run foresees what an import finds and stores nothing; a second import changes nothing.
func fiveBanks(w *world) {
	state := func() string {
		return w.must("transfer", "list", "--limit", "1000", "--json") + w.must("evidence", "list", "--limit", "1000", "--json") + w.must("balance", "--json")
	}
	for _, s := range statements {
		path, before := sample(w.t, s.file), state()
		if dry := w.imports(path, "--dry-run"); dry != s.finds || state() != before {
			w.t.Errorf("%s: a dry run tells %+v, or changes something", s.file, dry)
		}
		if got := w.imports(path); got != s.finds {
			w.t.Errorf("%s: got %+v, want %+v", s.file, got, s.finds)
		}
		after, again := state(), s.finds
		again.Created, again.Duplicate = 0, s.finds.Created+s.finds.Duplicate
		if got := w.imports(path); got != again || state() != after {
			w.t.Errorf("%s again: got %+v, want %+v, and no change", s.file, got, again)
		}
	}
	var sources []struct{ Kind string }
	w.json(&sources, "source", "list")
	kept := 0
	for _, s := range sources {
		kept += map[bool]int{true: 1}[s.Kind == "statement"]
	}
	if kept != 1 {
		w.t.Errorf("%d sources of statements, want 1 for the account", kept)
	}
	if plain := w.must("import", sample(w.t, "axis.csv"), "--wallet", fmt.Sprint(w.wallet)); !strings.Contains(plain, "known transfers  2") {
		w.t.Errorf("for people: %s", plain)
	}
}

// statement writes a file with today's rows and returns its path.
func (w *world) statement(rows ...string) string {
	w.t.Helper()
	path := filepath.Join(w.t.TempDir(), "statement.csv")
	content := "Account statement\n\nDate,Time,Narration,Ref No,Withdrawal,Deposit,Balance\n" + strings.Join(rows, "\n") + "\n"
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
	return path
}

func creditRow(number, amount string) string {
	now := time.Now().In(india)
	return fmt.Sprintf("%s,%s,UPI/CR/%s/PAYER/SBIN/payer@ybl,,,%s,1.00", now.Format("02/01/06"), now.Format("15:04:05"), number, amount)
}

// importBeside: while the server runs, rows credit what waits or was held for evidence, contradict, and reverse. The
// reversal of what was credited comes last: it stops every credit on the account until a person has looked.
func importBeside(w *world) {
	waits, weak, known, contradicted, reversed, credited := w.number(), w.number(), w.number(), w.number(), w.number(), w.number()
	w.wantClaim("import-waits", "importer", waits, "500", possibleJSON)
	w.bearer("/evidence/v1/messages", w.sources["sms"].Token, jsonOf(map[string]string{"sender": "VM-HDFCBK-S", "text": hdfcText(weak, "60000.00")}))
	w.wantClaim("import-held", "importer", weak, "60000", pendingJSON)
	for _, number := range []string{known, contradicted, reversed, credited} {
		w.pay(number, "500")
	}
	w.wantClaim("import-credited", "importer", credited, "500", okJSON("500"))
	file := w.statement(creditRow(waits, "500.00"), creditRow(weak, `"60,000.00"`), creditRow(known, "500"), creditRow(contradicted, "501"),
		"01/01/26,10:00,REV-UPI-"+reversed+",,500.00,,1.00",
		"01/01/26,10:00,UPI/DR/321399999991/SHOP,,20.00,,1.00", "01/01/26,10:00,CREDIT INTEREST,,,3.00,1.00", ",,TOTAL,,1,1,")
	want := imported{Rows: 8, Created: 1, Duplicate: 2, Conflict: 1, Refused: 1, Unparsed: 1, Skipped: 1, Debits: 1}
	if dry := w.imports(file, "--dry-run"); dry != want {
		w.t.Errorf("dry run %+v, want %+v", dry, want)
	}
	if got := w.imports(file); got != want {
		w.t.Errorf("got %+v, want %+v", got, want)
	}
	w.wantClaim("import-waits", "importer", waits, "500", okJSON("500"))
	w.wantClaim("import-held", "importer", weak, "60000", okJSON("60000"))
	w.told("shop", "import-waits") // the server sends what the command has credited
	w.told("shop", "import-held")
	w.wantClaim("import-contradicted", "importer", contradicted, "500", pendingJSON)
	w.wantClaim("import-reversed", "importer", reversed, "500", failJSON(refusedText))
	if again := w.imports(file); again.Created != 0 || again.Duplicate != 3 || again.Conflict != 1 {
		w.t.Errorf("again %+v", again)
	}
	other := imported{}
	w.json(&other, "import", w.statement(creditRow(known, "500")), "--wallet", fmt.Sprint(w.wallet+1))
	if other != (imported{Rows: 1, Conflict: 1}) { // on another account: one of the two reports is wrong
		w.t.Errorf("on another account %+v", other)
	}
	if got := w.imports(w.statement("01/01/26,10:00,UPI-REV-" + credited + ",,,500.00,1.00")); got != (imported{Rows: 1, Refused: 1}) {
		w.t.Errorf("reversal %+v", got)
	}
	w.wantClaim("import-credited", "importer", credited, "500", okJSON("500")) // who was told ok keeps it
	var disputed []struct{ Number string }
	if w.json(&disputed, "transfer", "list", "--state", "disputed"); len(disputed) != 1 || disputed[0].Number != credited {
		w.t.Errorf("disputed %+v", disputed)
	}
}

// largeImport goes over several transactions while the server answers.
func largeImport(w *world) {
	const rows = 1200
	var lines []string
	for i := range rows {
		lines = append(lines, creditRow(fmt.Sprintf("4444%08d", i), "10"))
	}
	file := w.statement(append(lines, lines[:10]...)...)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if got := w.imports(file); got != (imported{Rows: rows + 10, Created: rows, Duplicate: 10}) {
			w.t.Errorf("got %+v", got)
		}
	}()
	for answered := false; !answered; {
		select {
		case <-done:
			answered = true
		default:
			w.wantClaim("import-meanwhile", "meanwhile", "444499999999", "10", possibleJSON)
		}
	}
	if got := w.imports(file, "--dry-run"); got != (imported{Rows: rows + 10, Duplicate: rows + 10}) {
		w.t.Errorf("known %+v", got)
	}
}

func importWrongly(w *world) {
	wallet := fmt.Sprint(w.wallet)
	noHeader := filepath.Join(w.t.TempDir(), "none.csv")
	workbook := filepath.Join(w.t.TempDir(), "book.xlsx")
	for path, content := range map[string]string{noHeader: "a,b\n1,2\n", workbook: "PK\x03\x04 and so on"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			w.t.Fatal(err)
		}
	}
	bkash := struct{ ID int64 }{}
	w.json(&bkash, "wallet", "add", "--method", "bkash", "--identifier", "01712345678", "--holder", "HOLDER", "--account-type", "agent")
	before := w.must("source", "list", "--json")
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{sample(w.t, "hdfc.csv")}, 2, "wallet"},
		{[]string{"--wallet", wallet}, 2, "arg"},
		{[]string{"/nowhere.csv", "--wallet", wallet}, 2, "/nowhere.csv"},
		{[]string{noHeader, "--wallet", wallet}, 1, "no header row"},
		{[]string{workbook, "--wallet", wallet}, 1, "export the statement as CSV"},
		{[]string{w.t.TempDir(), "--wallet", wallet}, 1, "directory"},
		{[]string{sample(w.t, "hdfc.csv"), "--wallet", "99"}, 1, "no wallet 99"},
		{[]string{sample(w.t, "hdfc.csv"), "--wallet", fmt.Sprint(bkash.ID)}, 1, "bkash"},
	} {
		if r := w.run(append([]string{"import"}, c.args...)...); r.Code != c.code || !strings.Contains(r.Stderr, c.says) || r.Stdout != "" {
			w.t.Errorf("import %v: exit %d %s%s", c.args, r.Code, r.Stdout, r.Stderr)
		}
	}
	if after := w.must("source", "list", "--json"); after != before {
		w.t.Errorf("a failed import adds a source: %s", after)
	}
}
