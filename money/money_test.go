package money

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"
)

func TestParse(t *testing.T) {
	const jpy, kwd Currency = "JPY", "KWD"
	for _, test := range []struct {
		text     string
		currency Currency
		minor    int64
		err      error
	}{
		{"500", INR, 50000, nil},
		{"500.0", INR, 50000, nil},
		{"500.00", INR, 50000, nil},
		{"500.000000", INR, 50000, nil},
		{"5e2", INR, 50000, nil},
		{"5E+2", INR, 50000, nil},
		{"50000e-2", INR, 50000, nil},
		{"0.5e3", INR, 50000, nil},
		{"0.01", INR, 1, nil},
		{"1e-2", INR, 1, nil},
		{"0", INR, 0, nil},
		{"0e999999999", INR, 0, nil},
		{"0.000e-999999999", INR, 0, nil},
		{"-0.5", INR, -50, nil},
		{"000500.5", INR, 50050, nil},
		{"999999999999.99", INR, 99999999999999, nil},
		{"-999999999999.99", INR, -99999999999999, nil},
		{"999999999999", jpy, 999999999999, nil},
		{"999999999999.99", kwd, 999999999999990, nil},
		{"1.005", kwd, 1005, nil},
		{"500", jpy, 500, nil},
		{"1" + strings.Repeat("0", 11) + "." + strings.Repeat("0", 200), INR, 10000000000000, nil},
		{"0." + strings.Repeat("0", 200) + "1e203", INR, 10000, nil},

		{"1.005", INR, 0, ErrDecimals},
		{"1e-3", INR, 0, ErrDecimals},
		{"1e-999999999999999999999", INR, 0, ErrDecimals},
		{"500.5", jpy, 0, ErrDecimals},
		{"1.0005", kwd, 0, ErrDecimals},
		{"1000000000000", INR, 0, ErrRange},
		{"-1000000000000", INR, 0, ErrRange},
		{"1000000000000", jpy, 0, ErrRange},
		{"1e999999999", INR, 0, ErrRange},
		{"1e99999999999999999999999", INR, 0, ErrRange},
		{"5e18446744073709551618", INR, 0, ErrRange}, // 2^64+2
		{"9223372036854775808", INR, 0, ErrRange},
		{strings.Repeat("9", 200), INR, 0, ErrRange},
		{"", INR, 0, ErrSyntax},
		{"-", INR, 0, ErrSyntax},
		{"+5", INR, 0, ErrSyntax},
		{".5", INR, 0, ErrSyntax},
		{"5.", INR, 0, ErrSyntax},
		{"5e", INR, 0, ErrSyntax},
		{"5e+", INR, 0, ErrSyntax},
		{"5e1.5", INR, 0, ErrSyntax},
		{"e5", INR, 0, ErrSyntax},
		{"1,000", INR, 0, ErrSyntax},
		{" 5", INR, 0, ErrSyntax},
		{"5 ", INR, 0, ErrSyntax},
		{"0x10", INR, 0, ErrSyntax},
		{"NaN", INR, 0, ErrSyntax},
		{"Infinity", INR, 0, ErrSyntax},
		{"1_000", INR, 0, ErrSyntax},
		{"५००", INR, 0, ErrSyntax},
		{"--5", INR, 0, ErrSyntax},
		{"1.2.3", INR, 0, ErrSyntax},
		{strings.Repeat("0", MaxText+1), INR, 0, ErrSyntax},
		{"5", "XXX", 0, ErrCurrency},
		{"5", "", 0, ErrCurrency},
	} {
		got, err := Parse(test.text, test.currency)
		if !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("Parse(%q, %s): error %v, want %v", test.text, test.currency, err, test.err)
			continue
		}
		if err == nil && got != (Money{test.minor, test.currency}) {
			t.Errorf("Parse(%q, %s) = %+v, want %d", test.text, test.currency, got, test.minor)
		}
		if err != nil && got != (Money{}) {
			t.Errorf("Parse(%q, %s) = %+v beside an error", test.text, test.currency, got)
		}
	}
}

// Exponents must cost nothing: a million of the worst ones in well under the time one big number would take.
func TestParseExponentIsCheap(t *testing.T) {
	start := time.Now()
	for range 100_000 {
		if _, err := Parse("1e999999999", INR); !errors.Is(err, ErrRange) {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("100,000 parses took %v", took)
	}
	if allocs := testing.AllocsPerRun(100, func() { Parse("500.50", INR) }); allocs != 0 {
		t.Errorf("Parse allocates %v times", allocs)
	}
}

func TestParseGrouped(t *testing.T) {
	for text, want := range map[string]string{
		"13,30,614.75":      "1330614.75",
		"1,330,614.75":      "1330614.75",
		"1330614.75":        "1330614.75",
		"1,000":             "1000",
		"12,345":            "12345",
		"1,23,456":          "123456",
		"123,456":           "123456",
		"1,00,00,000.00":    "10000000",
		"14,565.00":         "14565",
		"2.00":              "2",
		"6226":              "6226",
		"0.50":              "0.5",
		"999,999,999,999":   "999999999999",
		"-5":                "",
		"":                  "",
		",500":              "",
		"500,":              "",
		"5,00":              "",
		"1,0000":            "",
		"1,,000":            "",
		"1234,567":          "",
		"123,45,678":        "",
		"12,345,67,890":     "",
		"1,23,4567":         "",
		"0,500":             "",
		"1,000,":            "",
		"1,000.5.5":         "",
		"1,000.":            "",
		"1,000.00,0":        "",
		"1,000.005":         "",
		"5e2":               "",
		"1,000e2":           "",
		"1, 000":            "",
		"15,OOO":            "",
		"1,-00":             "",
		"+1,000":            "",
		"9,999,999,999,999": "",
	} {
		got, err := ParseGrouped(text, INR)
		if want == "" {
			if err == nil {
				t.Errorf("ParseGrouped(%q) = %v, want an error", text, got)
			}
			continue
		}
		if err != nil || got.Text() != want {
			t.Errorf("ParseGrouped(%q) = %v, %v, want %s", text, got, err, want)
		}
	}
}

func TestText(t *testing.T) {
	for _, test := range []struct {
		m           Money
		text, fixed string
	}{
		{Money{70000, INR}, "700", "700.00"},
		{Money{70050, INR}, "700.5", "700.50"},
		{Money{70005, INR}, "700.05", "700.05"},
		{Money{5, INR}, "0.05", "0.05"},
		{Money{0, INR}, "0", "0.00"},
		{Money{-150, INR}, "-1.5", "-1.50"},
		{Money{-5, INR}, "-0.05", "-0.05"},
		{Money{1000, "JPY"}, "1000", "1000"},
		{Money{1500, "KWD"}, "1.5", "1.500"},
		{Money{math.MinInt64, INR}, "-92233720368547758.08", "-92233720368547758.08"},
		{Money{math.MaxInt64, INR}, "92233720368547758.07", "92233720368547758.07"},
	} {
		if got := test.m.Text(); got != test.text {
			t.Errorf("Text of %d %s = %q, want %q", test.m.Minor, test.m.Currency, got, test.text)
		}
		if got := test.m.Fixed(); got != test.fixed {
			t.Errorf("Fixed of %d %s = %q, want %q", test.m.Minor, test.m.Currency, got, test.fixed)
		}
		if got := string(test.m.AppendText([]byte("x00."))); got != "x00."+test.text {
			t.Errorf("AppendText = %q", got)
		}
	}
	if got := (Money{70050, INR}).String(); got != "700.50 INR" {
		t.Errorf("String = %q", got)
	}
}

func TestArithmetic(t *testing.T) {
	inr := func(minor int64) Money { return Money{minor, INR} }
	if got, err := inr(150).Add(inr(-250)); err != nil || got != inr(-100) {
		t.Errorf("Add = %v, %v", got, err)
	}
	if got, err := inr(150).Sub(inr(250)); err != nil || got != inr(-100) {
		t.Errorf("Sub = %v, %v", got, err)
	}
	if got, err := inr(5).Add(inr(0)); err != nil || got != inr(5) {
		t.Errorf("Add zero = %v, %v", got, err)
	}
	for name, err := range map[string]error{
		"over the top":     second(inr(math.MaxInt64).Add(inr(1))),
		"under the bottom": second(inr(math.MinInt64).Add(inr(-1))),
		"minus the lowest": second(inr(0).Sub(inr(math.MinInt64))),
		"sub under":        second(inr(math.MinInt64).Sub(inr(1))),
	} {
		if !errors.Is(err, ErrRange) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := second(inr(1).Add(Money{1, BDT})); !errors.Is(err, ErrMismatch) {
		t.Errorf("add other currency: %v", err)
	}
	if inr(1).Cmp(inr(2)) != -1 || inr(2).Cmp(inr(2)) != 0 || inr(3).Cmp(inr(2)) != 1 {
		t.Error("Cmp is wrong")
	}
	if inr(0).IsPositive() || inr(-1).IsPositive() || !inr(1).IsPositive() || !inr(0).IsZero() || inr(1).IsZero() {
		t.Error("IsPositive or IsZero is wrong")
	}
	defer func() {
		if recover() == nil {
			t.Error("Cmp compared two currencies")
		}
	}()
	inr(1).Cmp(Money{1, BDT})
}

func second(_ Money, err error) error { return err }

func TestPercent(t *testing.T) {
	for _, test := range []struct {
		minor, ppm, want int64
	}{
		{50000, 25000, 1250},
		{10, 50000, 1}, // 0.5 up
		{30, 50000, 2}, // 1.5 up
		{9, 50000, 0},  // 0.45 down
		{1, 500000, 1}, // 0.5 up
		{1, 499999, 0}, // just below
		{50000, 0, 0},  // free
		{12345, whole, 12345},
		{math.MaxInt64, whole, math.MaxInt64},
	} {
		got, err := Money{test.minor, INR}.Percent(test.ppm)
		if err != nil || got != (Money{test.want, INR}) {
			t.Errorf("%d ppm of %d = %v, %v, want %d", test.ppm, test.minor, got, err, test.want)
		}
	}
	if err := second(Money{math.MaxInt64, INR}.Percent(whole + 1)); !errors.Is(err, ErrRange) {
		t.Errorf("overflow: %v", err)
	}
	if err := second(Money{-1, INR}.Percent(1)); !errors.Is(err, ErrNegative) {
		t.Errorf("negative amount: %v", err)
	}
	if err := second(Money{1, INR}.Percent(-1)); !errors.Is(err, ErrNegative) {
		t.Errorf("negative percentage: %v", err)
	}
}

func TestParsePercent(t *testing.T) {
	for text, want := range map[string]int64{"2.5": 25000, "2.5%": 25000, "0": 0, "100": whole, "0.0001": 1, "1.50": 15000} {
		if got, err := ParsePercent(text); err != nil || got != want {
			t.Errorf("ParsePercent(%q) = %d, %v, want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "%", "-1", "100.0001", "0.00001", "1e1", "2,5", "2.5%%", "two"} {
		if got, err := ParsePercent(text); err == nil {
			t.Errorf("ParsePercent(%q) = %d, want an error", text, got)
		}
	}
}

func TestRate(t *testing.T) {
	for _, test := range []struct {
		rate string
		from Money
		to   Currency
		want int64
	}{
		{"0.71", Money{50000, BDT}, INR, 35500},
		{"0.71", Money{1, BDT}, INR, 1},            // 0.71 up
		{"0.5", Money{1, BDT}, INR, 1},             // half up
		{"0.49999999", Money{1, BDT}, INR, 0},      // below half
		{"1.8", Money{10000, INR}, "JPY", 180},     // 100.00 INR
		{"0.00372", Money{10000, INR}, "KWD", 372}, // 0.372
		{"1", Money{150, INR}, "JPY", 2},           // 1.5 up
		{"300.5", Money{1000, "JPY"}, "KWD", 300500000},
		{"100000000", Money{maxAmountHundredths / 10_000_000, INR}, INR, maxAmountHundredths / 10_000_000 * 100_000_000},
	} {
		rate, err := ParseRate(test.rate)
		if err != nil {
			t.Fatal(err)
		}
		if rate.Text() != test.rate {
			t.Errorf("rate %s reads back as %s", test.rate, rate.Text())
		}
		got, err := rate.Convert(test.from, test.to)
		if err != nil || got != (Money{test.want, test.to}) {
			t.Errorf("%v × %s = %v, %v, want %d %s", test.from, test.rate, got, err, test.want, test.to)
		}
	}
	for _, text := range []string{"", "0", "-1", "0.000000001", "1e2", "100000000.1", "x"} {
		if _, err := ParseRate(text); err == nil {
			t.Errorf("ParseRate(%q) gives no error", text)
		}
	}
	top, _ := ParseRate("100000000")
	if err := second(top.Convert(Money{math.MaxInt64, INR}, INR)); !errors.Is(err, ErrRange) {
		t.Errorf("overflow: %v", err)
	}
	if err := second(top.Convert(Money{-1, INR}, INR)); !errors.Is(err, ErrNegative) {
		t.Errorf("negative: %v", err)
	}
	if err := second(top.Convert(Money{1, INR}, "???")); !errors.Is(err, ErrCurrency) {
		t.Errorf("unknown currency: %v", err)
	}
	if !(Rate{}).IsZero() || top.IsZero() {
		t.Error("IsZero is wrong")
	}
}

func TestLookupCurrency(t *testing.T) {
	for code, exponent := range map[string]int{"INR": 2, "BDT": 2, "PKR": 2, "PHP": 2, "USD": 2, "EUR": 2, "JPY": 0, "KWD": 3} {
		c, err := LookupCurrency(code)
		if err != nil || string(c) != code || c.Exponent() != exponent {
			t.Errorf("LookupCurrency(%s) = %s with %d decimals, %v", code, c, c.Exponent(), err)
		}
	}
	for _, code := range []string{"", "inr", "IN", "INRR", "XXX", " INR", strings.Repeat("₹", 1000)} {
		_, err := LookupCurrency(code)
		if !errors.Is(err, ErrCurrency) || len(err.Error()) > 200 {
			t.Errorf("LookupCurrency(%.20q): %v", code, err)
		}
	}
	for code, c := range knownCurrencies {
		if len(code) != 3 || string(c) != code || strings.ToUpper(code) != code {
			t.Errorf("bad code %q", code)
		}
	}
}
