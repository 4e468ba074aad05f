package bankfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
)

const titlesXML = `<row r="1"><c t="str"><v>Reference</v></c><c t="str"><v>Amount</v></c><c t="str"><v>Status</v></c></row>`

// zipped packs parts; those that aren't given are those of a small workbook.
func zipped(t fataler, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	all := map[string]string{
		"xl/workbook.xml":            `<workbook><sheets><sheet name="x" sheetId="1" r:id="r1"/></sheets></workbook>`,
		"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Target="worksheets/s.xml"/></Relationships>`,
		"xl/worksheets/s.xml":        sheetXML(titlesXML),
	}
	for name, content := range parts {
		all[name] = content
	}
	for name, content := range all {
		if content == "-" {
			continue
		}
		part, err := w.Create(name)
		if err == nil {
			_, err = part.Write([]byte(content))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func sheetXML(rows ...string) string {
	return `<worksheet><sheetData>` + strings.Join(rows, "") + `</sheetData></worksheet>`
}

func dataXML(row int, reference string) string {
	return fmt.Sprintf(`<row r="%d"><c t="str"><v>%s</v></c><c><v>5</v></c><c t="str"><v>paid</v></c></row>`, row, reference)
}

// allocated returns the bytes that f allocated in all, which is more than it ever held at once.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Files that can't be read as a whole say so, yield no row, and don't fill the memory.
func TestReadHostileFiles(t *testing.T) {
	const text = "Reference,Amount,Status\n"
	spaces := strings.Repeat(" ", MaxUnzippedBytes)
	manyParts := map[string]string{}
	for i := range maxParts {
		manyParts[fmt.Sprint(i)] = ""
	}
	for name, c := range map[string]struct {
		content []byte
		want    string
	}{
		"empty":               {nil, "no row of titles"},
		"one byte":            {[]byte("x"), "no row of titles"},
		"too large":           {bytes.Repeat([]byte("x"), MaxFileBytes+1), "bytes, and at most"},
		"endless line":        {bytes.Repeat([]byte("x,"), MaxFileBytes/2), "no row of titles"},
		"endless title rows":  {bytes.Repeat([]byte("x,y\n"), MaxFileBytes/4), "no row of titles"},
		"too many rows":       {append([]byte(text), bytes.Repeat([]byte("G,5,paid\n"), MaxRows+1)...), "more than 50000 rows"},
		"wrong delimiter":     {[]byte("Reference:Amount:Status\nGL1:5:paid\n"), "no row of titles"},
		"no status":           {[]byte("Reference,Amount\nGL1,5\n"), "no row of titles"},
		"titles late":         {[]byte(strings.Repeat("x\n", MaxTitleRows) + text), "no row of titles"},
		"two amounts":         {[]byte("Reference,Amount,Status,AMOUNT\nGL1,5,paid,6\n"), `two columns "Amount"`},
		"a PDF":               {[]byte("%PDF-1.7"), "a PDF"},
		"HTML named xls":      {[]byte("<HTML><table>"), "an HTML page"},
		"an old workbook":     {[]byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "old or password-protected"},
		"zip cut off":         {zipped(t, nil)[:200], "zip"},
		"zip of other things": {zipped(t, map[string]string{"xl/workbook.xml": "-", "word/document.xml": "<w/>"}), "no workbook"},
		"no sheets":           {zipped(t, map[string]string{"xl/workbook.xml": "<workbook/>"}), "no sheet"},
		"sheet missing":       {zipped(t, map[string]string{"xl/worksheets/s.xml": "-"}), "first sheet isn't there"},
		"broken XML":          {zipped(t, map[string]string{"xl/worksheets/s.xml": "<worksheet><row><c></row"}), "row 1"},
		"sheet cut off":       {zipped(t, map[string]string{"xl/worksheets/s.xml": "<worksheet><sheetData>" + titlesXML}), "unexpected EOF"},
		"row cut off":         {zipped(t, map[string]string{"xl/worksheets/s.xml": "<worksheet><row><c>"}), "unexpected EOF"},
		"no such shared text": {zipped(t, map[string]string{"xl/worksheets/s.xml": sheetXML(`<row><c t="s"><v>7</v></c></row>`)}), "shared text"},
		"shared text below 0": {zipped(t, map[string]string{"xl/worksheets/s.xml": sheetXML(`<row><c t="s"><v>-1</v></c></row>`)}), "shared text"},
		"entity bomb": {zipped(t, map[string]string{"xl/worksheets/s.xml": `<!DOCTYPE l [<!ENTITY a "aaaa">]><worksheet><row><c t="str"><v>&a;</v>` +
			`</c></row></worksheet>`}), "entity"},
		"memory: spaces":     {zipped(t, map[string]string{"xl/worksheets/s.xml": sheetXML(titlesXML, spaces)}), "more than 262144"},
		"bomb of rows":       {zipped(t, map[string]string{"xl/worksheets/s.xml": sheetXML(titlesXML, strings.Repeat(spaces[:200<<10]+"<row/>", 330))}), "unzipped"},
		"memory: one text":   {zipped(t, map[string]string{"xl/sharedStrings.xml": "<sst><si><t>" + spaces + "</t></si></sst>"}), "more than 262144"},
		"bomb of texts":      {zipped(t, map[string]string{"xl/sharedStrings.xml": strings.Repeat("<si></si>", maxShared+1)}), "more than 1048576 of them"},
		"bomb of long texts": {zipped(t, map[string]string{"xl/sharedStrings.xml": strings.Repeat("<si><t>"+spaces[:maxTextBytes]+"</t></si>", 600)}), "more than 16777216"},
		"two of one name":    {zipped(t, map[string]string{"XL/Workbook.xml": "<workbook/>"}), "two parts"},
		"too many parts":     {zipped(t, manyParts), "parts, and at most 1000"},
		"bomb in the index":  {zipped(t, map[string]string{"xl/workbook.xml": "<workbook>" + strings.Repeat("<a/>", 1<<20)}), "unzipped"},
		"too many rows XLSX": {zipped(t, map[string]string{"xl/worksheets/s.xml": sheetXML(titlesXML, strings.Repeat(dataXML(0, "G"), MaxRows+1))}), "more than 50000"},
	} {
		t.Run(name, func(t *testing.T) {
			var got response
			memory := allocated(func() { got = read(template(t, "generic"), c.content) })
			if !errors.Is(got.err, ErrFile) || !strings.Contains(got.err.Error(), c.want) {
				t.Fatalf("error is %v, want ErrFile and %q", got.err, c.want)
			}
			if len(got.rows)+len(got.problems) > 0 {
				t.Errorf("it yields %d rows and %d problems before the error", len(got.rows), len(got.problems))
			}
			if strings.HasPrefix(name, "memory") && memory > 8<<20 {
				t.Errorf("%d bytes were allocated", memory)
			}
		})
	}
}

// Rows of a workbook that are made to be misread are problems of their own.
func TestReadHostileSheet(t *testing.T) {
	wide := `<row r="3">` + strings.Repeat(`<c><v>1</v></c>`, 1_000_000) + `</row>`
	for name, c := range map[string]struct{ row, want string }{
		"a million columns": {wide, "more than 256 cells"},
		"a far column":      {`<row><c r="A3" t="str"><v>GL1</v></c><c r="ZZZZ3"><v>5</v></c></row>`, "more than 256 cells"},
		"cells backwards":   {`<row><c r="B3"><v>5</v></c><c r="A3" t="str"><v>GL1</v></c></row>`, "out of order"},
		"a cell twice":      {`<row><c r="A3" t="str"><v>GL1</v></c><c r="A3" t="str"><v>GL2</v></c></row>`, "out of order"},
		"a long cell":       {`<row><c t="str"><v>` + strings.Repeat("x", MaxCellBytes+1) + `</v></c></row>`, "more than 1024 bytes"},
		"formula reference": {`<row><c t="str"><f>A1</f><v>GL1</v></c><c><v>5</v></c><c t="str"><v>paid</v></c></row>`, "no reference"},
		"formula amount":    {`<row><c t="str"><v>GL1</v></c><c><f>2+3</f><v>5</v></c><c t="str"><v>paid</v></c></row>`, "formula"},
		"formula status":    {`<row><c t="str"><v>GL1</v></c><c><v>5</v></c><c t="str"><f>A1</f><v>paid</v></c></row>`, "formula"},
		"error amount":      {`<row><c t="str"><v>GL1</v></c><c t="e"><v>#REF!</v></c><c t="str"><v>paid</v></c></row>`, "no amount"},
		"true for amount":   {`<row><c t="str"><v>GL1</v></c><c t="b"><v>x</v></c><c t="str"><v>paid</v></c></row>`, "no amount"},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(template(t, "generic"), zipped(t, map[string]string{
				"xl/worksheets/s.xml": sheetXML(titlesXML, dataXML(2, "GL8"), c.row, dataXML(4, "GL9")),
			}))
			if got.err != nil || len(got.problems) != 1 || !strings.Contains(got.problems[0].Reason, c.want) || got.problems[0].Line != 3 {
				t.Fatalf("error %v, problems %v, want %q in line 3", got.err, got.problems, c.want)
			}
			if len(got.rows) != 2 || got.rows[0].Reference != "GL8" || got.rows[1].Reference != "GL9" || got.rows[1].Line != 4 {
				t.Errorf("rows are %+v", got.rows)
			}
		})
	}
}

// The forms in which other programs write the same sheet.
func TestReadSheetForms(t *testing.T) {
	want := []string{`7 GL1 1218.10 utr= tail= paid/ code="paid" reason="" `}
	titles := strings.Replace(titlesXML, "Reference", "Ref&#101;rence", 1)
	for name, parts := range map[string]map[string]string{
		"shared, inline, CDATA, prefixes, gaps": {
			"xl/sharedStrings.xml": `<sst><si><r><t>GL</t></r><r><t>1</t></r><rPh><t>spoken</t></rPh></si></sst>`,
			"xl/worksheets/s.xml": `<x:worksheet><x:sheetData>` + titles + `<row r="5"/><x:row r="7"><x:c r="A7" t="s"><x:v>0</x:v></x:c>` +
				`<x:c r="B7"><x:v>1218.0999999999999</x:v></x:c><x:c r="C7" t="inlineStr"><x:is><x:t><![CDATA[paid]]></x:t></x:is></x:c></x:row>` +
				`</x:sheetData></x:worksheet>`,
		},
		"a formula that says Amount": {"xl/worksheets/s.xml": sheetXML(
			strings.Replace(titlesXML, `</row>`, `<c t="str"><f>A1</f><v>Amount</v></c></row>`, 1),
			`<row r="7"><c t="str"><v>GL1</v></c><c><v>1218.1</v></c><c t="str"><v>paid</v></c></row>`)},
		"rooted target": {
			"xl/_rels/workbook.xml.rels": `<Relationships><Relationship Id="r1" Target="/xl/Worksheets/S.xml"/></Relationships>`,
			"xl/worksheets/s.xml": sheetXML(titlesXML, `<row r="7"><c t="str"><v>GL1</v></c><c><v>1218.1</v></c><c t="str"><v>paid</v></c>`+
				`</row>`),
		},
	} {
		t.Run(name, func(t *testing.T) { wantRows(t, read(template(t, "generic"), zipped(t, parts)), want) })
	}
}

// A formula among the titles is no title, and one in a column that isn't read doesn't matter.
func TestReadFormulaElsewhere(t *testing.T) {
	got := read(template(t, "generic"), xlsxBytes(t, [][]string{
		{"=A1", "Reference", "Amount", "Status", "Remarks"}, {"=A2", "GL1", "#5", "failed", "=A1"},
	}))
	wantRows(t, got, []string{`2 GL1 5.00 utr= tail= failed/ code="failed" reason="" `})
}

// Each word of each template means what its template says, and the words that banks are known for aren't turned round.
func TestWords(t *testing.T) {
	for _, template := range Templates() {
		words := template.Response.folded()
		for _, word := range []string{"success", "paid", "e"} {
			if outcome, known := words[word]; known && outcome != payout.Paid {
				t.Errorf("%s: %s is %s", template.Name, word, outcome)
			}
		}
		for _, word := range []string{"failed", "failure", "rejected", "reversed", "returned", "r"} {
			if outcome, known := words[word]; known && outcome != payout.Failed {
				t.Errorf("%s: %s is %s", template.Name, word, outcome)
			}
		}
	}
}
