package window

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/method"
)

var placeholder = regexp.MustCompile(`\{\w*\}`)

func TestCataloguesAreEqual(t *testing.T) {
	english := catalogues["en"]
	for _, lang := range languages {
		for key, text := range catalogues[lang] {
			if _, ok := english[key]; !ok {
				t.Errorf("%s: key %q isn't English", lang, key)
			}
			if strings.TrimSpace(text) == "" || strings.ContainsAny(text, "<>") {
				t.Errorf("%s: %q is %q", lang, key, text)
			}
		}
		for key, text := range english {
			other, ok := catalogues[lang][key]
			if !ok {
				t.Errorf("%s: no %q", lang, key)
			}
			if want, got := marks(text), marks(other); !slices.Equal(want, got) {
				t.Errorf("%s: %q has placeholders %q, want %q", lang, key, got, want)
			}
		}
	}
}

func marks(text string) []string {
	found := placeholder.FindAllString(text, -1)
	slices.Sort(found)
	return slices.Compact(found)
}

// Words that stay as they are in every language: names of apps and what apps print in English.
var latin = regexp.MustCompile(`\{\w+\}|UPI transaction ID|UPI Ref No|UPI ID|Transactions|Balance & History|History|Debited from|UTR|UPI|PhonePe|` +
	`NEFT|IMPS|RTGS|RRN|SMS|PIN|OTP|QR|ID|Trx|T…|TID|T|bKash TrxID|Nagad TxnID|Rocket TxnId|Easypaisa Trx ID|JazzCash TID`)

func TestTranslationsAreTranslated(t *testing.T) {
	letters := regexp.MustCompile(`[A-Za-z]{2,}`)
	for _, lang := range languages[1:] {
		for key, text := range catalogues[lang] {
			if rest := latin.ReplaceAllString(text, ""); letters.MatchString(rest) {
				t.Errorf("%s: %q is %q: %q isn't translated", lang, key, text, letters.FindString(rest))
			}
		}
	}
}

// usedKeys are the keys in templates and Go code; those that code puts together are listed by their values.
func usedKeys(t *testing.T) map[string]bool {
	used := map[string]bool{"language": true}
	literal := regexp.MustCompile(`(?:\.T|translate\(v\.Lang,|\bT\() ?"([a-z_.]+)"`)
	quoted := regexp.MustCompile(`"((?:error|reason|problem)\.[a-z_]+)"`)
	err := filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" && filepath.Ext(path) != ".html" {
			return err
		}
		content, err := os.ReadFile(path)
		for _, pattern := range []*regexp.Regexp{literal, quoted} {
			for _, found := range pattern.FindAllSubmatch(content, -1) {
				used[string(found[1])] = true
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for kind := range numberKinds {
		used["number."+kind+".label"], used["number."+kind+".form"] = true, true
	}
	for app := range drawings {
		used["drawing."+app] = true
	}
	for _, action := range []string{"personal", "agent", "merchant"} {
		used["action."+action] = true
	}
	for _, kind := range []string{"ok", "pending", "possible", "fail"} {
		used["result."+kind+".heading"] = true
		if kind != "fail" {
			used["result."+kind+".text"] = true
		}
	}
	delete(used, "number.") // the beginning of a key that is put together
	delete(used, "drawing.")
	delete(used, "action.")
	delete(used, "result.")
	return used
}

func TestEveryUsedKeyExists(t *testing.T) {
	used := usedKeys(t)
	if len(used) < 50 {
		t.Fatalf("only %d keys were found", len(used))
	}
	for key := range used {
		if _, ok := catalogues["en"][key]; !ok {
			t.Errorf("no message %q", key)
		}
	}
	// Errors, reasons and problems are chosen by codes of the handlers; the rest must be in use.
	for key := range catalogues["en"] {
		if area, _, _ := strings.Cut(key, "."); !used[key] && !slices.Contains([]string{"error", "reason", "problem"}, area) {
			t.Errorf("message %q is used nowhere", key)
		}
	}
}

func TestEveryHintHasItsMessage(t *testing.T) {
	for _, code := range []method.HintCode{
		method.HintEmpty, method.HintPhonePeID, method.HintUPIID, method.HintNEFT, method.HintRTGS, method.HintShort, method.HintLong,
		method.HintLetters, method.HintSigns,
	} {
		if _, ok := catalogues["en"]["error."+string(code)]; !ok {
			t.Errorf("no message for %q", code)
		}
	}
	v := view{Page: Page{Lang: "en", Pay: &PayScreen{NumberKind: "rrn"}}}
	if got, want := v.Mistake("too_short", "3213 0203 812"), "This number is too short: it must have 12 digits, you entered 11."; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := v.Mistake("no such", ""); got != catalogues["en"]["error.other"] {
		t.Errorf("an unknown error says %q", got)
	}
}

func TestProblems(t *testing.T) {
	for _, c := range []struct{ code, detail, parameter, want string }{
		{"label_missing", "", "label", "The link has no label."},
		{"custom_transaction_id_too_long", "", "custom_transaction_id", "custom_transaction_id is too long."},
		{"fixed_amount_repeated", "", "fixed_amount", "fixed_amount is in the link more than once."},
		{"method_unknown", "", "wallet_type", "This payment method does not exist."},
		{"whatever", "problem.link_expired", "", "The link has expired."},
		{"whatever", "no_wallet", "", catalogues["en"]["problem.no_wallet"]},
		{"whatever", "", "", "The link could not be read."},
	} {
		v := view{Page: Page{Lang: "en", Problem: &ProblemScreen{Code: c.code, Detail: c.detail, Parameter: c.parameter}}}
		if got := v.ProblemText(); got != c.want {
			t.Errorf("%s %s: %q, want %q", c.code, c.detail, got, c.want)
		}
	}
}

// Every method has words for its numbers, in each of its languages.
func TestMethodsHaveWords(t *testing.T) {
	for _, m := range method.All() {
		if m.WithdrawalOnly {
			continue
		}
		if _, ok := numberKinds[NumberKind(m)]; !ok {
			t.Errorf("%s: no words for numbers of kind %q", m.Name, NumberKind(m))
		}
		for _, lang := range m.Langs {
			if !slices.Contains(Languages(m.Name), lang) {
				t.Errorf("%s: no catalogue for %q", m.Name, lang)
			}
		}
		for _, app := range FindApps(m) {
			if _, ok := drawings[app]; !ok {
				t.Errorf("%s: no drawing for %q", m.Name, app)
			}
		}
	}
}

func TestLanguages(t *testing.T) {
	for _, c := range []struct {
		methods string
		want    string
	}{
		{"", "en hi bn ur"},
		{"phone_pe", "en hi"},
		{"bkash", "en bn"},
		{"easypaisa paytm", "en hi ur"},
		{"unknown", ""},
	} {
		if got := strings.Join(Languages(strings.Fields(c.methods)...), " "); got != c.want {
			t.Errorf("%q: %q, want %q", c.methods, got, c.want)
		}
	}
	if got := LanguageName("hi"); got != "हिन्दी" {
		t.Error(got)
	}
}

func TestMatchLanguage(t *testing.T) {
	for _, c := range []struct{ lang, header, allowed, want string }{
		{"hi", "en-US,en;q=0.9", "en hi", "hi"},
		{"en", "hi", "en hi", "en"},
		{"", "hi-IN,hi;q=0.9,en;q=0.8", "en hi", "hi"},
		{"fr", "hi-IN", "en hi", "hi"},
		{"fr", "de-DE,fr;q=0.5", "en hi", "en"},
		{"", "", "en hi", "en"},
		{"bn", "", "en hi", "en"},
		{"", "ur-PK", "en ur", "ur"},
		{"", ";;;=,", "en hi", "en"},
		{"", "en;q=0.1,hi;q=0.9", "en hi", "hi"},
		{"", strings.Repeat("xx-yy,", 5000) + "hi", "en hi", "en"},
		{"hi", "hi", "", "en"},
	} {
		if got := MatchLanguage(c.lang, c.header, strings.Fields(c.allowed)); got != c.want {
			t.Errorf("lang %q, header %.30q, allowed %q: %q, want %q", c.lang, c.header, c.allowed, got, c.want)
		}
	}
}
