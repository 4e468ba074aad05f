package money

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Every amount survives being written, in both forms, and half up agrees with exact arithmetic.
func TestMoneyProperties(t *testing.T) {
	currencies := []Currency{INR, "JPY", "KWD"}
	rapid.Check(t, func(t *rapid.T) {
		c := rapid.SampledFrom(currencies).Draw(t, "currency")
		m := Money{rapid.Int64Range(-maxMinor(c), maxMinor(c)).Draw(t, "minor"), c}
		for _, text := range []string{m.Text(), m.Fixed()} {
			if got, err := Parse(text, c); err != nil || got != m {
				t.Fatalf("%+v as %q reads back as %+v, %v", m, text, got, err)
			}
		}
		if m.Minor < 0 {
			return
		}
		ppm := rapid.Int64Range(0, whole).Draw(t, "ppm")
		got, err := m.Percent(ppm)
		exact := new(big.Int).Mul(big.NewInt(m.Minor), big.NewInt(ppm))
		exact.Add(exact, big.NewInt(whole/2)).Div(exact, big.NewInt(whole))
		if err != nil || got.Minor != exact.Int64() {
			t.Fatalf("%d ppm of %v = %v, %v, want %v", ppm, m, got, err, exact)
		}
	})
}

// FuzzParse compares with exact rational arithmetic.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"500", "500.00", "5e2", "1e999999999", "-0.01", "1.005", "", "999999999999.99", "1e-9", "0e5", "00.10"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text, INR)
		if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); found && len(exponent) > 4 {
			return // the exact number would be too large to make
		}
		exact, ok := new(big.Rat).SetString(text)
		if err == nil && !ok {
			t.Fatalf("Parse(%q) = %v, but it is no number", text, got)
		}
		if err != nil && errors.Is(err, ErrSyntax) || !ok {
			return
		}
		minor := new(big.Rat).Mul(exact, big.NewRat(100, 1))
		largest := big.NewRat(maxAmountHundredths, 1)
		switch {
		case !minor.IsInt():
			if err == nil {
				t.Fatalf("Parse(%q) = %v, but it has more decimals", text, got)
			}
		case new(big.Rat).Abs(minor).Cmp(largest) > 0:
			if !errors.Is(err, ErrRange) {
				t.Fatalf("Parse(%q) = %v, %v, but it is out of range", text, got, err)
			}
		default:
			if err != nil || minor.Cmp(big.NewRat(got.Minor, 1)) != 0 {
				t.Fatalf("Parse(%q) = %v, %v, want %v", text, got, err, minor)
			}
		}
	})
}

// FuzzParseGrouped checks that grouping only ever removes commas.
func FuzzParseGrouped(f *testing.F) {
	for _, seed := range []string{"13,30,614.75", "1,330,614.75", "500", "1,,0", ",", "1,000,", "-1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseGrouped(text, INR)
		if err != nil {
			return
		}
		plain, err := Parse(strings.ReplaceAll(text, ",", ""), INR)
		if err != nil || plain != got {
			t.Fatalf("ParseGrouped(%q) = %v, without commas %v, %v", text, got, plain, err)
		}
	})
}
