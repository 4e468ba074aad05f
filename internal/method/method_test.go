package method

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/money"
)

// TestRegistry pins every method of protocol section 7.
func TestRegistry(t *testing.T) {
	want := strings.Fields(`
		phone_pe:INR:in.rrn:en,hi paytm:INR:in.rrn:en,hi
		upi_l:INR:in.rrn:en,hi upi_ib:INR:in.rrn:en,hi upi_hb:INR:in.rrn:en,hi
		upi_in:INR:in.rrn:en,hi upi_w:INR:in.rrn:en,hi upi_m:INR:in.rrn:en,hi
		bkash:BDT:bkash:en,bn nagad:BDT:nagad:en,bn rocket:BDT:rocket:en,bn
		easypaisa:PKR:pk.easypaisa:en,ur jazzcash:PKR:pk.jazzcash:en,ur
		imps_ib:INR:in.rrn:`)
	var got []string
	for i, m := range All() {
		got = append(got, fmt.Sprintf("%s:%s:%s:%s", m.Name, m.Currency, m.Rail, strings.Join(m.Langs, ",")))
		if m.Order != i+1 || m.Title == "" || m.identifier == nil || m.number.max == 0 {
			t.Errorf("%s is incomplete: %+v", m.Name, m)
		}
		if _, err := money.LookupCurrency(string(m.Currency)); err != nil {
			t.Errorf("%s: %v", m.Name, err)
		}
		if m.WithdrawalOnly != (m.Name == "imps_ib") {
			t.Errorf("%s: withdrawal only is %v", m.Name, m.WithdrawalOnly)
		}
		if (len(m.AccountTypes) > 0) != (m.Currency == money.BDT) {
			t.Errorf("%s: account types %v", m.Name, m.AccountTypes)
		}
		found, ok := Lookup(m.Name)
		if !ok || found.Name != m.Name {
			t.Errorf("Lookup(%s) = %+v, %v", m.Name, found, ok)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("methods\n %v\nwant\n %v", got, want)
	}
	for _, name := range []string{"", "PHONE_PE", "phone_pe ", "upi", "phonepe"} {
		if m, ok := Lookup(name); ok {
			t.Errorf("Lookup(%q) = %s", name, m.Name)
		}
	}
	All()[0].Name = "changed"
	if All()[0].Name != "phone_pe" {
		t.Error("All hands out the registry itself")
	}
	if m, _ := Lookup("phone_pe"); !m.ShownIn("hi") || m.ShownIn("bn") {
		t.Error("ShownIn is wrong")
	}
}

// TestRailNumbers pins the numbers that databases hold. They never change.
func TestRailNumbers(t *testing.T) {
	pinned := map[string]Rail{"in.rrn": 1, "bkash": 2, "nagad": 3, "rocket": 4, "pk.easypaisa": 5, "pk.jazzcash": 6}
	if len(railNames) != len(pinned)+1 {
		t.Errorf("%d rails, %d pinned: pin the new one here", len(railNames)-1, len(pinned))
	}
	for name, number := range pinned {
		got, ok := RailByName(name)
		if !ok || got != number || number.String() != name {
			t.Errorf("rail %s is %d, %v, and reads %s", name, got, ok, number)
		}
	}
	for _, name := range []string{"", "unknown", "in"} {
		if r, ok := RailByName(name); ok {
			t.Errorf("RailByName(%q) = %d", name, r)
		}
	}
	if sandbox := RailIndia.Sandbox(); sandbox != 129 || sandbox.Sandbox() != sandbox || sandbox.String() != "sandbox in.rrn" {
		t.Errorf("the sandbox of in.rrn is %d, %s", sandbox, sandbox)
	}
	if Rail(0).String() != "unknown" || Rail(200).String() != "unknown" {
		t.Error("unknown rails have a name")
	}
}

func TestReference(t *testing.T) {
	for _, test := range []struct {
		method, typed, number string
		hint                  HintCode
	}{
		{"phone_pe", "321302038123", "321302038123", ""},
		{"phone_pe", "000000000001", "000000000001", ""}, // leading zeros stay
		{"phone_pe", "  3213 0203 8123 ", "321302038123", ""},
		{"phone_pe", "3213\u00a00203\u202f8123\u3000\n", "321302038123", ""},
		{"phone_pe", "\u200e3213\u200b02038123\ufeff", "321302038123", ""},
		{"phone_pe", "3213-0203–8123", "321302038123", ""},
		{"phone_pe", "UTR 321302038123", "321302038123", ""},
		{"phone_pe", "utr:321302038123", "321302038123", ""},
		{"phone_pe", "Utr : 321302038123", "321302038123", ""},
		{"phone_pe", "ＵＴＲ：３２１３０２０３８１２３", "321302038123", ""},
		{"phone_pe", "३२१३०२०३८१२३", "321302038123", ""},
		{"phone_pe", "३२१३ 0203 ８１２３", "321302038123", ""},
		{"paytm", "৩২১৩০২০৩৮১২৩", "321302038123", ""},
		{"upi_ib", "௩௨௧௩௦௨௦௩௮௧௨௩", "321302038123", ""},

		{"phone_pe", "", "", HintEmpty},
		{"phone_pe", " \t\u00a0- ", "", HintEmpty},
		{"phone_pe", "UTR:", "", HintEmpty},
		{"phone_pe", "T2311261234567890123456", "", HintPhonePeID},
		{"phone_pe", "t23112612345678901", "", HintPhonePeID},
		{"phone_pe", "AXI0a1b2c3d4e5f60718293a4b5c6d7e8f9", "", HintUPIID},
		{"phone_pe", "HDFC0N2311261234", "", HintNEFT},
		{"phone_pe", "UTR HDFCN52023112612", "", HintNEFT},
		{"phone_pe", "HDFCR52023112612345678", "", HintRTGS},
		{"phone_pe", "32130203812", "", HintShort},
		{"phone_pe", "3213020381234", "", HintLong},
		{"phone_pe", strings.Repeat("1", 35), "", HintLong},
		{"phone_pe", "32130203812O", "", HintLetters},
		{"phone_pe", "T123", "", HintLetters},
		{"phone_pe", "payer@ybl", "", HintSigns},
		{"phone_pe", "321302038123.", "", HintSigns},
		{"phone_pe", "32130203812三", "", HintSigns},
		{"phone_pe", "32130203812\x00", "", HintSigns},
		{"phone_pe", "32130203812\xff", "", HintSigns},
		{"phone_pe", "UTR::321302038123", "", HintSigns},
		{"phone_pe", "12²302038123", "", HintSigns},

		{"bkash", "9gh5k2l1ab", "9GH5K2L1AB", ""},
		{"bkash", "UTR7K2L1AB", "UTR7K2L1AB", ""}, // a real number may begin so
		{"bkash", "UTR: 9GH5K2L1AB", "9GH5K2L1AB", ""},
		{"nagad", "71A2B3C4", "71A2B3C4", ""},
		{"rocket", "৭১২৩৪৫৬৭৮", "712345678", ""},
		{"bkash", "9GH5K2L", "", HintShort},
		{"bkash", "9GH5K2L1ABC", "", HintLong},
		{"bkash", "9GH5K2L1A!", "", HintSigns},
		{"bkash", "T2311261234567890123456", "", HintLong}, // PhonePe's hint is for Indian methods
		{"easypaisa", "12345678901", "12345678901", ""},
		{"easypaisa", "۱۲۳۴۵۶۷۸۹۰۱", "12345678901", ""},
		{"easypaisa", "١٢٣٤٥٦٧٨٩٠١", "12345678901", ""},
		{"easypaisa", "123456789012", "", HintLong},
		{"jazzcash", "12345678901", "12345678901", ""},
		{"jazzcash", "123456789012", "123456789012", ""},
		{"jazzcash", "1234567890", "", HintShort},
		{"jazzcash", "1234567890A", "", HintLetters},
	} {
		m, ok := Lookup(test.method)
		if !ok {
			t.Fatalf("no method %s", test.method)
		}
		number, hint := m.Reference(test.typed)
		if number != test.number || hint.Code != test.hint || (hint.Message == "") != (hint.Code == "") {
			t.Errorf("%s %q: %q, %+v, want %q, %q", test.method, test.typed, number, hint, test.number, test.hint)
		}
	}
}

// TestHintMessages pins what payers read.
func TestHintMessages(t *testing.T) {
	for _, test := range []struct{ method, typed, message string }{
		{"phone_pe", "", "Enter the transaction number: 12 digits."},
		{"phone_pe", "32130203812", "The transaction number is too short: it has 12 digits, you entered 11."},
		{"phone_pe", "3213020381234", "The transaction number is too long: it has 12 digits, you entered 13."},
		{"phone_pe", "T2311261234567890123456", "This is PhonePe's own transaction ID. Open the payment in PhonePe and copy the UTR: 12 digits."},
		{"bkash", "9GH", "The transaction number is too short: it has 8 to 10 letters and digits, you entered 3."},
		{"jazzcash", "abc", "The transaction number has only digits: 11 to 12 digits."},
	} {
		m, _ := Lookup(test.method)
		if _, hint := m.Reference(test.typed); hint.Message != test.message {
			t.Errorf("%s %q: %q, want %q", test.method, test.typed, hint.Message, test.message)
		}
	}
}

func TestCheckIdentifier(t *testing.T) {
	for method, cases := range map[string]map[string]bool{
		"phone_pe": {
			"6234234234": true, "9999999999": true,
			"5234234234": false, "623423423": false, "62342342345": false, "+916234234234": false, "6234 234234": false,
			"": false, "shop@ybl": false, "६२३४२३४२३४": false, "6234234234\n": false,
		},
		"paytm": {"6234234234": true, "shop@paytm": true, "shop": false, "": false},
		"upi_l": {
			"shop@okhdfcbank": true, "shop.name-1_2@ybl": true, "9876543210@kotak811": true, "a1@ibl": true,
			"@ybl": false, "shop@": false, "shop": false, "a@b@c": false, "shop @ybl": false, "shop@1bank": false,
			".shop@ybl": false, "s@ybl": false, "6234234234": false, "दुकान@ybl": false,
			strings.Repeat("a", 251) + "@ybl": true, strings.Repeat("a", 252) + "@ybl": false,
		},
		"bkash":     {"01712345678": true, "01212345678": false, "1712345678": false, "017123456789": false, "+8801712345678": false},
		"rocket":    {"01812345678": true, "018123456789": true, "0181234567890": false},
		"easypaisa": {"03012345678": true, "3012345678": false, "04012345678": false},
		"jazzcash":  {"03912345678": true, "": false},
		"imps_ib":   {"6234234234": false, "": false},
	} {
		m, _ := Lookup(method)
		for text, ok := range cases {
			err := m.CheckIdentifier(text)
			if (err == nil) != ok {
				t.Errorf("%s %q: %v", method, text, err)
			}
		}
	}
	m, _ := Lookup("paytm")
	const want = "identifier must be an Indian mobile number of 10 digits, for example 6234234234, or a UPI address, for example shop@okhdfcbank"
	if err := m.CheckIdentifier("x"); err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// FuzzReference checks for every method that a number is in its form, reads as itself again, and that exactly one of
// number and hint is given.
func FuzzReference(f *testing.F) {
	for _, seed := range []string{"321302038123", "UTR: 3213 0203 8123", "३२१३०२०३८१२३", "T2311261234567890123456", "9gh5k2l1ab", "\xff", "ＵＴＲ", "UTRUTR12345678"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		for _, m := range All() {
			number, hint := m.Reference(typed)
			if (number == "") != (hint.Code != HintNone) || (hint.Code == HintNone) != (hint.Message == "") {
				t.Fatalf("%s %q: %q, %+v", m.Name, typed, number, hint)
			}
			if number == "" {
				continue
			}
			if !m.number.fits(number) {
				t.Fatalf("%s %q: %q doesn't fit", m.Name, typed, number)
			}
			if again, hint := m.Reference(number); again != number {
				t.Fatalf("%s %q: %q reads again as %q, %+v", m.Name, typed, number, again, hint)
			}
			if spaced, _ := m.Reference(" " + strings.Join(strings.Split(typed, ""), "\u00a0")); spaced != number && !strings.ContainsRune(typed, '\ufffd') {
				t.Fatalf("%s %q: spaced out it reads as %q, not %q", m.Name, typed, spaced, number)
			}
		}
	})
}
