package ifsc

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// maxEmbedded bounds what the table adds to the binary.
const maxEmbedded = 512 << 10

func TestEmbedded(t *testing.T) {
	table := Embedded()
	if len(embedded) > maxEmbedded {
		t.Errorf("the table has %d bytes, at most %d are allowed", len(embedded), maxEmbedded)
	}
	if table.Branches() < 150_000 || table.Banks() < 1000 || !table.Complete() || !strings.HasPrefix(table.Source(), "ifsc ") {
		t.Errorf("%q, complete %v: %d branches of %d banks", table.Source(), table.Complete(), table.Branches(), table.Banks())
	}
	if string(stored(t, table)) != embedded {
		t.Error("the table that is embedded isn't the one that would be written: run go generate ./internal/ifsc")
	}
	for _, c := range []struct {
		code             Code
		bank, sublet     string
		imps             Support
		warning, refused string // parts, "" for none
	}{
		{"HDFC0000001", "HDFC Bank", "", Unknown, "", ""},
		{"HDFC0001234", "HDFC Bank", "", Unknown, "", ""},
		{"SBIN0000001", "State Bank of India", "", Unknown, "", ""},
		{"HDFC0CKUB01", "HDFC Bank", "Khamgaon Urban Co-operative Bank", Unknown, "", ""},
		{"HDFC0ZZZZZZ", "HDFC Bank", "", Unknown, "HDFC0ZZZZZZ is no known branch of HDFC Bank", ""},
		{"IFCS0123456", "", "", Unknown, "No bank with the code IFCS is known", ""},
		{"RBIN0RTGS00", "Reserve Bank Of India", "", No, "", "takes no IMPS"},
	} {
		info := table.Lookup(c.code)
		if info.Bank != c.bank || info.Sublet != c.sublet || info.IMPS != c.imps {
			t.Errorf("%s: %+v", c.code, info)
		}
		for what, pair := range map[string][2]string{"warning": {info.Warning(), c.warning}, "refused": {info.Refused(), c.refused}} {
			if got, want := pair[0], pair[1]; want == "" && got != "" || !strings.Contains(got, want) {
				t.Errorf("%s: %s is %q, want %q in it", c.code, what, got, want)
			}
		}
	}
}

// What go:generate downloads, what the NOTICE tells and what the table says of itself are one version.
func TestNotice(t *testing.T) {
	source, err := os.ReadFile("table.go")
	if err != nil {
		t.Fatal(err)
	}
	notice, err := os.ReadFile("NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	pinned := regexp.MustCompile(`//go:generate .* -version (\S+) -sha256 (\S+) `).FindSubmatch(source)
	if pinned == nil {
		t.Fatal("go:generate pins no version")
	}
	version, checksum := string(pinned[1]), string(pinned[2])
	for _, part := range []string{"version " + version + ",", "ifsc-" + version + ".tgz: " + checksum + "\n", "Copyright (c)"} {
		if !strings.Contains(string(notice), part) {
			t.Errorf("NOTICE lacks %q", part)
		}
	}
	if got := Embedded().Source(); got != "ifsc "+version {
		t.Errorf("the table is of %s, go:generate pins %s", got, version)
	}
}

func BenchmarkLookup(b *testing.B) {
	table := Embedded()
	for name, code := range map[string]Code{"branch": "HDFC0001234", "sublet": "HDFC0CKUB01", "bank": "IFCS0123456"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				table.Lookup(code)
			}
		})
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := decode(embedded); err != nil {
			b.Fatal(err)
		}
	}
}
