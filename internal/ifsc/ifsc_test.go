package ifsc

import (
	"regexp"
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for _, text := range []string{"HDFC0001234", "IFCS0123456", "HDFC0CAACOB", "SBIN0000001", "AAAA0ZZZZZZ", "ZZZZ0000000"} {
		if code, err := Parse(text); err != nil || string(code) != text {
			t.Errorf("%s: %q, %v", text, code, err)
		}
	}
	for text, want := range map[string]string{
		"":              "11 characters such as HDFC0001234, this has 0",
		"HDFC000123":    "this has 10",
		"HDFC00012345":  "this has 12",
		"hdfc0001234":   "4 capital letters",
		"HDF10001234":   "4 capital letters",
		"HDFC1001234":   "character 5 of an IFSC is the digit 0",
		"HDFCO001234":   "character 5 of an IFSC is the digit 0",
		"HDFC000123a":   "6 digits or capital letters",
		"HDFC0 01234":   "6 digits or capital letters",
		"HDFC0001234\n": "this has 12",
		"HDFC00012é":    "6 digits or capital letters",
	} {
		if code, err := Parse(text); err == nil || code != "" || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %q, %v, want an error with %q", text, code, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"HDFC0001234", "IFCS0123456", "hdfc0001234", "", "HDFC0\x00\x00\x00\x00\x00\x00"} {
		f.Add(text)
	}
	form := regexp.MustCompile(`\A[A-Z]{4}0[0-9A-Z]{6}\z`)
	known := Embedded()
	f.Fuzz(func(t *testing.T, text string) {
		code, err := Parse(text)
		if (err == nil) != form.MatchString(text) || err == nil && string(code) != text {
			t.Fatalf("%q: %q, %v", text, code, err)
		}
		// What never went through Parse is unknown, and no harm.
		if info := known.Lookup(Code(text)); info.KnownBranch && err != nil {
			t.Fatalf("%q is known: %+v", text, info)
		}
	})
}

func TestInfo(t *testing.T) {
	for _, c := range []struct {
		name             string
		info             Info
		warning, refused string // parts, "" for none
	}{
		{"all known", Info{Code: "HDFC0000001", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, KnownBranch: true, IMPS: Yes}, "", ""},
		{"support unknown", Info{Code: "HDFC0000001", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true, KnownBranch: true}, "", ""},
		{"unknown bank", Info{Code: "IFCS0123456", BankCode: "IFCS"}, "No bank with the code IFCS", ""},
		{"unknown branch", Info{Code: "HDFC0ZZZZZZ", BankCode: "HDFC", Bank: "HDFC Bank", KnownBank: true}, "HDFC0ZZZZZZ is no known branch of HDFC Bank", ""},
		{"bank without a name", Info{Code: "HDFC0ZZZZZZ", BankCode: "HDFC", KnownBank: true}, "branch of HDFC:", ""},
		{"no IMPS", Info{Code: "RBIS0000001", BankCode: "RBIS", Bank: "Reserve Bank", KnownBank: true, KnownBranch: true, IMPS: No}, "", "Reserve Bank takes no IMPS"},
		{"no IMPS, unknown branch", Info{Code: "RBIS0000009", BankCode: "RBIS", Bank: "Reserve Bank", KnownBank: true, IMPS: No}, "no known branch", "Reserve Bank takes no IMPS"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for what, pair := range map[string][2]string{"warning": {c.info.Warning(), c.warning}, "refused": {c.info.Refused(), c.refused}} {
				if got, want := pair[0], pair[1]; want == "" && got != "" || !strings.Contains(got, want) {
					t.Errorf("%s is %q, want %q in it", what, got, want)
				}
			}
		})
	}
}

func TestSupport(t *testing.T) {
	for support, want := range map[Support]string{Unknown: "unknown", Yes: "yes", No: "no"} {
		if support.String() != want {
			t.Errorf("%d is %q, want %q", support, support, want)
		}
	}
}
