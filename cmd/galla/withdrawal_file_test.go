package main

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
)

// fileDesk is a desk whose merchant pays by files, with three approved withdrawals.
func fileDesk(t *testing.T, story func(t *testing.T, d *desk, folder string, ids []string)) {
	eachDesk(t, func(t *testing.T, d *desk) {
		folder := t.TempDir()
		settings := filepath.Join(folder, "bank.json")
		write(t, settings, `{"template":"generic","account":"000405001234"}`)
		d.asha.ok("rail", "add", "bank", "--kind", "bankfile", "--settings", settings)
		d.ok("merchant", "set", "shop", "withdrawal_rail=bank")
		d.fund("1000")
		var ids []string
		for i, rupees := range []int64{100, 200, 300} {
			n := d.ask(fmt.Sprintf("w-%d", i+1), rupees, nil)
			d.asha.ok("withdrawal", "approve", n)
			ids = append(ids, n)
		}
		story(t, d, folder, ids)
		d.wantClean()
	})
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// num is a number of a document.
func num(v any) string { return fmt.Sprint(v) }

func TestPayByFiles(t *testing.T) {
	fileDesk(t, func(t *testing.T, d *desk, folder string, ids []string) {
		upload := filepath.Join(folder, "upload.csv")
		made := d.asha.json("withdrawal", "export", "--rail", "bank", "--output", upload, "--most", "2", "--date", "2026-11-27")
		content, err := os.ReadFile(upload)
		if err != nil {
			t.Fatal(err)
		}
		if num(made["payments"]) != "2" || made["total"] != "300.00" || made["name"] != "GB00000001" || made["file"] != upload ||
			made["sha256"] != fmt.Sprintf("%x", sha256.Sum256(content)) || !strings.Contains(string(content), "27/11/2026") {
			t.Errorf("%v: %s", made, content)
		}
		if info, err := os.Stat(upload); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		d.wantState(ids[0], "submitted", nil)
		d.wantState(ids[2], "approved", nil)

		// Nothing is written over, and nothing is submitted for a file that can't be.
		d.asha.fails(exitUsage, "exists, nothing was done", "withdrawal", "export", "--rail", "bank", "--output", upload)
		d.wantState(ids[2], "approved", nil)
		again := filepath.Join(folder, "again.csv")
		d.ravi.json("withdrawal", "export", "--batch", "1", "--output", again)
		if same, err := os.ReadFile(again); err != nil || string(same) != string(content) {
			t.Errorf("the second time it is %s, %v", same, err)
		}
		// A folder that isn't there: the payments are submitted, and the file can still be had.
		d.asha.fails(exitFailed, "galla withdrawal export --batch 2", "withdrawal", "export", "--rail", "bank", "--output", filepath.Join(folder, "no", "such"))
		d.wantState(ids[2], "submitted", nil)

		report := filepath.Join(folder, "report.csv")
		var refs []string
		for _, n := range ids {
			refs = append(refs, d.json("withdrawal", "show", n)["reference"].(string))
		}
		write(t, report, "Reference,Amount,Status,UTR,Beneficiary Account,Reason\n"+
			refs[0]+",100.00,Success,412345678901,123456789012,\n"+
			refs[1]+",200.00,Rejected,,123456789012,Account closed\n"+
			refs[2]+",301.00,Success,412345678903,123456789012,\n"+
			payout.Reference(77)+",5.00,Success,412345678977,123456789012,\n"+
			",6.00,Success,412345678978,123456789012,\n")
		dry := d.json("withdrawal", "import", report, "--rail", "bank", "--dry-run")
		d.wantState(ids[0], "submitted", nil)
		real := d.ravi.json("withdrawal", "import", report, "--rail", "bank")
		for what, doc := range map[string]map[string]any{"dry": dry, "real": real} {
			results := doc["results"].(map[string]any)
			if num(doc["rows"]) != "5" || num(doc["refused"]) != "1" || num(results["paid"]) != "1" || num(results["failed"]) != "1" || num(results["conflict"]) != "1" ||
				num(results["foreign"]) != "1" || len(doc["problems"].([]any)) != 2 || doc["dry_run"] != (what == "dry") || doc["again"] != false {
				t.Errorf("%s: %v", what, doc)
			}
		}
		d.wantState(ids[0], "paid", "412345678901")
		d.wantState(ids[1], "failed", nil)
		d.wantState(ids[2], "submitted", nil)
		text := d.ravi.ok("withdrawal", "import", report, "--rail", "bank")
		for _, want := range []string{"This very file was read before", "line 4 (" + refs[2] + ", withdrawal " + ids[2] + ")", "line 6"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q isn't in %s", want, text)
			}
		}
		d.wantBalances("400.00", "500.00", "100.00")

		batches := d.list("withdrawal", "batches")
		if len(batches) != 2 || num(batches[1]["paid"]) != "1" || num(batches[1]["payments"]) != "2" || batches[1]["made_by"] != "asha.rao" || num(batches[0]["paid"]) != "0" {
			t.Errorf("%v", batches)
		}
		// The bank has said something of each file, be it of a wrong amount.
		d.asha.fails(exitFailed, "the bank has spoken", "withdrawal", "discard", "2", "--proof", "list of uploads")
		d.asha.fails(exitFailed, "the bank has spoken", "withdrawal", "discard", "1", "--proof", "list of uploads")
	})
}

func TestFilesAreRefusedClearly(t *testing.T) {
	fileDesk(t, func(t *testing.T, d *desk, folder string, _ []string) {
		d.asha.fails(exitUsage, "give --rail", "withdrawal", "export")
		d.asha.fails(exitUsage, "give --rail", "withdrawal", "export", "--rail", "bank", "--batch", "1")
		d.asha.fails(exitUsage, "expected a day", "withdrawal", "export", "--rail", "bank", "--date", "27.11.2026")
		d.asha.fails(exitFailed, "no batch 7", "withdrawal", "export", "--batch", "7")
		d.fails(exitUsage, "who acts?", "withdrawal", "export", "--rail", "bank")
		d.asha.fails(exitUsage, "no such file", "withdrawal", "import", filepath.Join(folder, "none"), "--rail", "bank")
		d.asha.fails(exitFailed, `no rail "other"`, "withdrawal", "import", filepath.Join(folder, "bank.json"), "--rail", "other")
		d.asha.fails(exitFailed, "can't be read", "withdrawal", "import", filepath.Join(folder, "bank.json"), "--rail", "bank")
		d.asha.fails(exitFailed, "no batch 7", "withdrawal", "discard", "7", "--proof", "x")
		bad := filepath.Join(folder, "bad.json")
		for content, want := range map[string]string{
			`{"template":"nobodys","account":"000405001234"}`:                "template: there is none",
			`{"template":{"name":"mine"},"account":"000405001234"}`:          "not a template",
			`{"template":"hdfc","account":"000405001234","file":"xlsx"}`:     `has no "xlsx"`,
			`{"template":"hdfc","account":"12"}`:                             "9 to 18 digits",
			`{"template":"hdfc","account":"000405001234","secret":"hidden"}`: "has only template, account and file",
			`{"template":7,"account":"000405001234"}`:                        "template: there is none",
		} {
			write(t, bad, content)
			d.asha.fails(exitUsage, want, "rail", "add", "other", "--kind", "bankfile", "--settings", bad)
		}
		// What a template prints is a template.
		printed := d.ok("rail", "template", "icici")
		var own map[string]any
		if err := json.Unmarshal([]byte(printed), &own); err != nil {
			t.Fatal(err)
		}
		own["name"] = "mine"
		text, err := json.Marshal(map[string]any{"template": own, "account": "000405001234", "file": "csv"})
		if err != nil {
			t.Fatal(err)
		}
		write(t, bad, string(text))
		d.asha.ok("rail", "add", "other", "--kind", "bankfile", "--settings", bad)
		rails := d.list("rail", "list")
		if len(rails) != 2 || rails[1]["template"] != "mine" || rails[1]["webhook_url"] != nil || rails[0]["template"] != "generic" {
			t.Errorf("%v", rails)
		}
		if len(d.list("rail", "template")) != 4 {
			t.Error("templates aren't listed")
		}
	})
}

func TestDiscardAFile(t *testing.T) {
	fileDesk(t, func(t *testing.T, d *desk, folder string, ids []string) {
		d.asha.ok("withdrawal", "export", "--rail", "bank", "--output", filepath.Join(folder, "upload.csv"))
		discard := []string{"withdrawal", "discard", "1", "--proof", "the bank's list of uploads"}
		if text := d.asha.ok(discard...); !strings.Contains(text, "Noted for 3 payments") {
			t.Error(text)
		}
		d.wantBalances("400.00", "600.00", "0.00")
		if text := d.ravi.ok(discard...); !strings.Contains(text, "3 payments have ended") {
			t.Error(text)
		}
		d.wantBalances("1000.00", "0.00", "0.00")
		d.wantState(ids[0], "refunded", nil)
		none := d.asha.json("withdrawal", "export", "--rail", "bank", "--output", filepath.Join(folder, "next.csv"))
		if num(none["payments"]) != "0" || none["file"] != nil {
			t.Errorf("%v", none)
		}
	})
}
