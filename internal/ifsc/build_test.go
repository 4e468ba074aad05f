package ifsc

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// small is an npm package as it is published, with two banks, one that is run under another's code, and one without IMPS.
var small = map[string]string{
	"package/package.json":            `{"name": "ifsc", "version": "1.2.3"}`,
	"package/src/IFSC.json":           `{"HDFC": [1, 240, "CAACOB", "CKUB01"], "RBIS": [1], "NONM": [7]}`,
	"package/src/banknames.json":      `{"HDFC": "HDFC Bank", "RBIS": "Reserve Bank of India", "AACX": "Another Co-operative Bank"}`,
	"package/src/banks.json":          `{"HDFC": {"code": "HDFC", "imps": true, "upi": true}, "RBIS": {"imps": false}, "AACX": {"micr": null}}`,
	"package/src/sublet.json":         `{"HDFC0CAACOB": "AACX"}`,
	"package/src/custom-sublets.json": `{"HDFC0CKU": "Khamgaon Urban\tCo-operative Bank", "HDFC0C": "NONM", "HDFC0CAACOB": "HDFC", "RBIS": "RBIS"}`,
	"package/README.md":               "not read",
}

// packed makes the package's file, with some of its files changed; one that is changed to "" is left out.
func packed(t testing.TB, changes map[string]string) []byte {
	t.Helper()
	files := maps.Clone(small)
	maps.Copy(files, changes)
	var out bytes.Buffer
	zipped, err := gzip.NewWriterLevel(&out, gzip.BestSpeed) // limits are tried with large files
	if err != nil {
		t.Fatal(err)
	}
	archive := tar.NewWriter(zipped)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if files[name] == "" {
			continue
		}
		if err := archive.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := archive.Close(); err != nil {
		t.Fatal(err)
	}
	if err := zipped.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func build(t testing.TB, content, name string) *Table {
	t.Helper()
	table, err := Build(strings.NewReader(content), name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

func TestBuildPackage(t *testing.T) {
	table := build(t, string(packed(t, nil)), "ifsc-1.2.3.tgz")
	if table.Source() != "ifsc 1.2.3" || !table.Complete() || table.Banks() != 4 || table.Branches() != 6 {
		t.Errorf("%q, complete %v, %d banks, %d branches", table.Source(), table.Complete(), table.Banks(), table.Branches())
	}
	for _, want := range []Info{
		{Code: "HDFC0000001", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, KnownBranch: true, IMPS: Yes},
		{Code: "HDFC0000240", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, KnownBranch: true, IMPS: Yes},
		{Code: "HDFC0000241", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, IMPS: Yes},
		{Code: "HDFC0CAACOB", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, KnownBranch: true, IMPS: Yes, Sublet: "Another Co-operative Bank"},
		{Code: "HDFC0CKUB01", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, KnownBranch: true, IMPS: Yes, Sublet: "Khamgaon Urban Co-operative Bank"},
		{Code: "HDFC0CZZZZZ", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, IMPS: Yes, Sublet: "NONM"},
		{Code: "RBIS0000001", BankCode: "RBIS", Bank: "Reserve Bank of India", KnownBank: true, KnownBranch: true, IMPS: No},
		{Code: "AACX0000001", BankCode: "AACX", Bank: "Another Co-operative Bank", KnownBank: true},
		{Code: "NONM0000007", BankCode: "NONM", KnownBank: true, KnownBranch: true},
		{Code: "IFCS0123456", BankCode: "IFCS"},
		{Code: "short"},
		{Code: "HDFC1000001", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, IMPS: Yes}, // never made by Parse
	} {
		if got := table.Lookup(want.Code); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", want.Code, got, want)
		}
	}
}

func TestBuildList(t *testing.T) {
	for name, content := range map[string]string{
		"a code on each line": "HDFC0000001\n\n hdfc0caacob \r\nSBIN0000001\nHDFC0000001",
		"CSV": "\ufeffBANK,IFSC,BRANCH\nHDFC Bank,HDFC0000001,\"TULSIANI CHMBRS, \"\"NARIMAN\"\" PT\"\n" +
			"Bank,IFSC CODE,Branch\n,HDFC0CAACOB,x\nState Bank of India, SBIN0000001 \n,,\nshort\n",
		"JSON": "\ufeff" + `{"SBIN": [1], "HDFC": ["CAACOB", 1, 1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			table := build(t, content, "codes.csv")
			if table.Source() != "codes.csv" || table.Complete() || table.Banks() != 2 || table.Branches() != 3 {
				t.Errorf("%q, complete %v, %d banks, %d branches", table.Source(), table.Complete(), table.Banks(), table.Branches())
			}
			for _, code := range []Code{"HDFC0000001", "HDFC0CAACOB", "SBIN0000001"} {
				if !table.Lookup(code).KnownBranch {
					t.Errorf("%s isn't known", code)
				}
			}
			if name == "CSV" && (table.Lookup("HDFC0CAACOB").Bank != "HDFC Bank" || table.Lookup("SBIN0000001").Bank != "State Bank of India") {
				t.Errorf("names: %+v, %+v", table.Lookup("HDFC0CAACOB"), table.Lookup("SBIN0000001"))
			}
		})
	}
}

func TestBuildRefuses(t *testing.T) {
	changed := func(name, content string) string { return string(packed(t, map[string]string{name: content})) }
	whole := string(packed(t, nil))
	for name, c := range map[string]struct{ content, want string }{
		"empty":             {"", "the file is empty"},
		"only a mark":       {"\ufeff", "the file is empty"},
		"blank":             {"\n\n  \n", "no IFSC"},
		"a code mistyped":   {"HDFC0000001\nHDFC000001\n", "line 2: \"HDFC000001\": an IFSC has 11 characters"},
		"no heading":        {"HDFC0000001,HDFC Bank\n", "line 1: expected a heading with a column IFSC"},
		"other CSV":         {"BANK,MICR\nHDFC Bank,1\n", "line 1: expected a heading"},
		"CSV, code wrong":   {"BANK,IFSC\n\nHDFC Bank,HDFC-0001\n", "line 3: \"HDFC-0001\""},
		"steers a terminal": {"HDFC00\x1b[2Jx\n", "line 1: \"HDFC00[2Jx\""},
		"other JSON":        {`{"HDFC": {"name": "HDFC Bank"}}`, "cannot unmarshal"},
		"JSON cut off":      {`{"HDFC": [1, 2`, "unexpected EOF"},
		"JSON and more":     {`{"HDFC": [1]} x`, "something follows"},
		"two documents":     {`{"HDFC": [1]} {}`, "something follows"},
		"bank code":         {`{"HDF1": [1]}`, `"HDF1" isn't the code of a bank`},
		"branch too long":   {`{"HDFC": [1234567]}`, `"1234567" isn't a branch`},
		"branch of letters": {`{"HDFC": ["caacob"]}`, `"caacob" isn't a branch`},
		"branch is null":    {`{"HDFC": [null]}`, "isn't a branch"},
		"no branches":       {`{"HDFC": []}`, "no IFSC"},
		"gzip cut off":      {whole[:len(whole)/2], "unexpected EOF"},
		"gzip of nothing":   {"\x1f\x8b\x08\x00", "EOF"},
		"other package":     {changed("package/package.json", `{"name": "left-pad", "version": "1"}`), `the package is "left-pad"`},
		"package.json":      {changed("package/package.json", "[]"), "package.json: json"},
		"names aren't text": {changed("package/src/banknames.json", `{"HDFC": 1}`), "src/banknames.json: json"},
		"package lacks":     {changed("package/src/banks.json", ""), "src/banks.json is missing"},
		"package's JSON":    {changed("package/src/IFSC.json", "{"), "src/IFSC.json: unexpected EOF"},
		"package's names":   {changed("package/src/banknames.json", `{"hdfc": "x"}`), `src/banknames.json: "hdfc"`},
		"package's banks":   {changed("package/src/banks.json", `{"hdfc": {}}`), `src/banks.json: "hdfc"`},
		"package's sublets": {changed("package/src/sublet.json", `{"HDF": "AACX"}`), `src/sublet.json: "HDF"`},
		"sublet of nobody":  {changed("package/src/custom-sublets.json", `{"HDFC0C": " "}`), `custom-sublets.json: "HDFC0C"`},
	} {
		t.Run(name, func(t *testing.T) {
			table, err := Build(strings.NewReader(c.content), "codes.txt")
			if table != nil || err == nil || !strings.HasPrefix(err.Error(), "codes.txt: ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, error %v, want %q in it", table, err, c.want)
			}
		})
	}
}

func TestBuildLimits(t *testing.T) {
	large := strings.Repeat(" ", MaxFileBytes+1)
	var branches strings.Builder
	for n := range maxBranches + 1 {
		fmt.Fprintf(&branches, "AA%c%c0%06d\n", 'A'+n/1000000/26, 'A'+n/1000000%26, n%1000000)
	}
	var banks strings.Builder
	for n := range maxBanks + 1 {
		fmt.Fprintf(&banks, "%c%c%c%c0000001\n", 'A'+n/26/26/26%26, 'A'+n/26/26%26, 'A'+n/26%26, 'A'+n%26)
	}
	for name, c := range map[string]struct{ content, want string }{
		"file":     {large, "the file is too large"},
		"JSON":     {`{"HDFC": [` + strings.Repeat("1,", maxMemberBytes/2) + `1]}`, "the file is too large"},
		"member":   {string(packed(t, map[string]string{"package/src/IFSC.json": strings.Repeat(" ", maxMemberBytes+1)})), "src/IFSC.json is too large"},
		"unpacked": {string(packed(t, map[string]string{"package/a": strings.Repeat(" ", MaxFileBytes)})), "what is packed is too large"},
		"branches": {branches.String(), "1048577 branches, at most"},
		"banks":    {banks.String(), "16385 banks, at most"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Build(strings.NewReader(c.content), "codes.txt"); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
}

func TestLongNamesAreCut(t *testing.T) {
	table := build(t, "IFSC,BANK\nHDFC0000001,"+strings.Repeat("é", maxNameBytes)+"\n", strings.Repeat("n", 2*maxNameBytes))
	if name := table.Lookup("HDFC0000001").Bank; !isName(name) || name == "" || !isName(table.Source()) {
		t.Errorf("name %q, source %q", name, table.Source())
	}
	reread(t, table)
}

func TestOlder(t *testing.T) {
	of := func(source string) *Table { return newTable(source, true) }
	for _, c := range []struct {
		own, than string
		want      bool
	}{
		{"ifsc 2.0.9", "ifsc 2.0.50", true},
		{"ifsc 2.0.50", "ifsc 2.0.9", false},
		{"ifsc 2.0.50", "ifsc 2.0.50", false},
		{"ifsc 2.0", "ifsc 2.0.1", true},
		{"ifsc 2.0.1-rc", "ifsc 2.0.50", false},
		{"neft.csv", "ifsc 2.0.50", false},
		{"ifsc 2.0.50", "neft.csv", false},
	} {
		if got := of(c.own).Older(of(c.than)); got != c.want {
			t.Errorf("%s is older than %s: %t", c.own, c.than, got)
		}
	}
}

func TestOver(t *testing.T) {
	base := build(t, string(packed(t, nil)), "ifsc.tgz")
	list := build(t, "BANK,IFSC\nHDFC,HDFC0000241\n,HDFC0000001\nNew Bank,NEWB0000001\n", "new.csv")
	both := list.Over(base)
	for _, want := range []Info{
		{Code: "HDFC0000001", BankCode: "HDFC", Bank: "HDFC", KnownBank: true, KnownBranch: true, IMPS: Yes},
		{Code: "HDFC0000241", BankCode: "HDFC", Bank: "HDFC", KnownBank: true, KnownBranch: true, IMPS: Yes},
		{Code: "HDFC0CAACOB", BankCode: "HDFC", Bank: "HDFC", KnownBank: true, KnownBranch: true, IMPS: Yes, Sublet: "Another Co-operative Bank"},
		{Code: "RBIS0000001", BankCode: "RBIS", Bank: "Reserve Bank of India", KnownBank: true, KnownBranch: true, IMPS: No},
		{Code: "NEWB0000001", BankCode: "NEWB", Bank: "New Bank", KnownBank: true, KnownBranch: true},
	} {
		if got := both.Lookup(want.Code); got != want {
			t.Errorf("%s:\n got %+v\nwant %+v", want.Code, got, want)
		}
	}
	if both.Source() != "new.csv over ifsc 1.2.3" || both.Branches() != base.Branches()+2 {
		t.Errorf("%q, %d branches", both.Source(), both.Branches())
	}
	reread(t, both)
	if base.Lookup("HDFC0000241").KnownBranch || base.Lookup("HDFC0000001").Bank != "HDFC Bank" || list.Lookup("RBIS0000001").KnownBank {
		t.Error("a table has changed")
	}
	if base.Over(list) != base {
		t.Error("a complete table must replace what is below it")
	}
}

// reread checks that a table is the same after it was stored and read, and stored the same once more.
func reread(t testing.TB, table *Table) {
	t.Helper()
	var first, second bytes.Buffer
	if err := table.Write(&first); err != nil {
		t.Fatal(err)
	}
	again, err := Read(bytes.NewReader(first.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Write(&second); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Bytes(), second.Bytes()) {
		t.Fatal("stored again, a table has other bytes")
	}
	if again.source != table.source || again.complete != table.complete || !reflect.DeepEqual(again.sublets, table.sublets) ||
		!maps.EqualFunc(again.banks, table.banks, func(a, b bank) bool {
			return a.name == b.name && a.imps == b.imps && slices.Equal(a.branches, b.branches)
		}) {
		t.Fatal("a table isn't the same after it was stored")
	}
}

func FuzzBuild(f *testing.F) {
	f.Add(packed(f, nil))
	for _, text := range []string{"HDFC0000001\n", "BANK,IFSC\nx,HDFC0000001\n", `{"HDFC": [1, "CAACOB"]}`, "\ufeff{}", "\"", "\x1f\x8b"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := Build(bytes.NewReader(content), "fuzzed")
		if (table == nil) != (err != nil) {
			t.Fatalf("%v, %v", table, err)
		}
		if err == nil {
			reread(t, table)
		}
	})
}
