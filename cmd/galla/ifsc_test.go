package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/ifsc"
	"github.com/galla-gateway/galla/internal/testkit"
)

func TestIFSCLookup(t *testing.T) {
	c := newConsole(t, testkit.SQLite(t)) // no database is needed
	text := c.ok("ifsc", "lookup", "HDFC0001234", "IFCS0123456")
	for _, part := range []string{"HDFC Bank", "No bank with the code IFCS", "branches of"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q isn't in %s", part, text)
		}
	}
	docs := c.list("ifsc", "lookup", "HDFC0001234", "IFCS0123456")
	if len(docs) != 2 || docs[0]["bank"] != "HDFC Bank" || docs[0]["known_branch"] != true || docs[0]["warning"] != nil ||
		docs[1]["known_bank"] != false || docs[1]["warning"] == nil || docs[1]["refused"] != nil {
		t.Errorf("documents: %v", docs)
	}
	c.fails(exitUsage, "character 5 of an IFSC is the digit 0", "ifsc", "lookup", "HDFCO001234")
	c.fails(exitUsage, "at least 1 arg", "ifsc", "lookup")
}

// packageOf is the npm package ifsc with one bank, whose branches are given.
func packageOf(t testing.TB, version, branches string) string {
	t.Helper()
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	archive := tar.NewWriter(zipped)
	for name, content := range map[string]string{
		"package.json": `{"name":"ifsc","version":"` + version + `"}`, "src/IFSC.json": `{"HDFC":[` + branches + `]}`,
		"src/banknames.json": `{"HDFC":"HDFC Bank"}`, "src/banks.json": `{"HDFC":{"imps":true}}`, "src/sublet.json": "{}", "src/custom-sublets.json": "{}",
	} {
		if err := archive.WriteHeader(&tar.Header{Name: "package/" + name, Mode: 0o644, Size: int64(len(content))}); err != nil {
			t.Fatal(err)
		}
		if _, err := archive.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(archive.Close(), zipped.Close()); err != nil {
		t.Fatal(err)
	}
	return written(t, "ifsc-"+version+".tgz", out.String())
}

func written(t testing.TB, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestIFSCUpdate(t *testing.T) {
	eachDesk(t, func(t *testing.T, d *desk) {
		const code = "ZZZZ0000001"
		release := ifsc.Embedded()
		known := func(code string) any { return d.list("ifsc", "lookup", code)[0]["known_branch"] }
		if known(code) != false {
			t.Fatalf("the release knows %s", code)
		}
		list := written(t, "rbi.csv", "BANK,IFSC\nZ Bank,"+code+"\n")
		d.fails(exitUsage, "who acts?", "ifsc", "update", "--file", list)
		for _, args := range [][]string{{}, {"--file", list, "--clear"}} {
			d.asha.fails(exitUsage, "--file FILE, or --clear", append([]string{"ifsc", "update"}, args...)...)
		}
		d.asha.fails(exitUsage, "no such file", "ifsc", "update", "--file", list+"x")
		d.asha.fails(exitUsage, "no IFSC is in it", "ifsc", "update", "--file", written(t, "empty.csv", "IFSC\n"))

		done := d.asha.json("ifsc", "update", "--file", list)
		before := done["before"].(map[string]any)
		if done["stored"] != true || done["branches"] != json.Number(number(int64(release.Branches()+1))) || done["warning"] != nil ||
			before["branches"] != json.Number(number(int64(release.Branches()))) || before["source"] != release.Source() {
			t.Errorf("update: %v", done)
		}
		if known(code) != true || known("HDFC0001234") != true {
			t.Error("a look-up doesn't use the list that was brought in")
		}
		info := d.json("ifsc", "info")
		if stored := info["stored"].(map[string]any); stored["source"] != "rbi.csv" || stored["branches"] != json.Number("1") || info["updated_by"] != "asha.rao" || info["updated_at"] == nil {
			t.Errorf("info: %v", info)
		}

		older := d.asha.ok("ifsc", "update", "--file", packageOf(t, "1.0.0", `1,"ABCDEF"`))
		if !strings.Contains(older, "2 branches of 1 banks, from ifsc 1.0.0") || !strings.Contains(older, "branches fewer are known than before") {
			t.Errorf("update with a small list: %s", older)
		}
		if known(code) != false || known("HDFC0ABCDEF") != true {
			t.Error("a complete list adds to the release's")
		}
		if warning := d.json("ifsc", "info")["warning"]; warning == nil || !strings.Contains(warning.(string), "the release has a newer list") {
			t.Errorf("info: %v", warning)
		}
		if got := d.asha.json("ifsc", "update", "--file", packageOf(t, "0.9.0", `1,2,3`)); got["warning"] != "this list is older than the one before" {
			t.Errorf("update with an older list: %v", got)
		}
		back := d.asha.json("ifsc", "update", "--clear")
		if back["stored"] != false || back["source"] != release.Source() || back["warning"] != nil {
			t.Errorf("clear: %v", back)
		}
		if known("HDFC0001234") != true || d.json("ifsc", "info")["stored"] != nil {
			t.Error("the list is still there")
		}
		d.wantClean()
	})
}

// A database that can't be read doesn't keep anybody from looking a code up.
func TestIFSCLookupWithoutItsDatabase(t *testing.T) {
	c := newConsole(t, "postgres://127.0.0.1:1/galla")
	got := c.run("ifsc", "lookup", "HDFC0001234")
	if got.code != exitDone || !strings.Contains(got.stdout, "HDFC Bank") || !strings.Contains(got.stderr, "only the list of the release is used") {
		t.Errorf("%+v", got)
	}
	c.fails(exitUsage, "expected sqlite:PATH", "ifsc", "lookup", "HDFC0001234", "--database", "mysql://x")
}
