package money

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxAmount is the largest amount that is read, whatever the currency (protocol section 4). Sums may be larger.
const MaxAmount = "999999999999.99"

// maxAmountHundredths is MaxAmount in hundredths.
const maxAmountHundredths = 99_999_999_999_999

// Money is a number of minor units of a currency: {70050, "INR"} is 700.50 rupees.
type Money struct {
	Minor    int64
	Currency Currency
}

// Parse reads decimal text such as "500", "500.00" or "5e2" exactly. It is an error when the value has more decimals
// than the currency (ErrDecimals; "1.500" rupees are fine, "1.505" are not), is beyond ±MaxAmount (ErrRange), is
// anything else than a decimal number or longer than MaxText (ErrSyntax), or when the currency is unknown.
func Parse(text string, c Currency) (Money, error) {
	return parse(text, c, true)
}

func parse(text string, c Currency, exponentForm bool) (Money, error) {
	if !c.known() {
		return Money{}, fmt.Errorf("%w %q", ErrCurrency, clip(string(c)))
	}
	minor, err := scanDecimal(text, c.Exponent(), exponentForm)
	if err == nil && (minor > maxMinor(c) || minor < -maxMinor(c)) {
		err = ErrRange
	}
	switch err {
	case nil:
		return Money{Minor: minor, Currency: c}, nil
	case ErrDecimals:
		return Money{}, fmt.Errorf("%w: %s has %d", ErrDecimals, c, c.Exponent())
	case ErrRange:
		return Money{}, fmt.Errorf("%w: at most %s", ErrRange, MaxAmount)
	}
	return Money{}, err
}

// maxMinor is MaxAmount in minor units of the currency.
func maxMinor(c Currency) int64 {
	exponent := c.Exponent()
	if exponent < defaultExponent {
		return maxAmountHundredths / powerOfTen(defaultExponent-exponent)
	}
	return maxAmountHundredths * powerOfTen(exponent-defaultExponent)
}

// ParseGrouped reads an amount as banks print it: plain, in Indian groups ("13,30,614.75") or in Western ones
// ("1,330,614.75"). Signs, exponents, spaces and groups of any other length are ErrSyntax.
func ParseGrouped(text string, c Currency) (Money, error) {
	if strings.HasPrefix(text, "-") {
		return Money{}, ErrSyntax
	}
	whole, fraction, dotted := strings.Cut(text, ".")
	if strings.Contains(whole, ",") {
		if len(text) > MaxText || !grouped(whole) {
			return Money{}, ErrSyntax
		}
		whole = strings.ReplaceAll(whole, ",", "")
		text = whole
		if dotted {
			text += "." + fraction
		}
	}
	return parse(text, c, false)
}

// grouped reports whether the commas stand as in 12,34,567 or as in 1,234,567.
func grouped(whole string) bool {
	groups := strings.Split(whole, ",")
	first, middle, last := groups[0], groups[1:len(groups)-1], groups[len(groups)-1]
	if first == "" || first[0] == '0' || len(last) != 3 {
		return false
	}
	of := func(size int) bool {
		for _, group := range middle {
			if len(group) != size {
				return false
			}
		}
		return len(first) <= size
	}
	return of(2) || of(3)
}

// Text is the shortest decimal: "700", "700.5".
func (m Money) Text() string {
	var buf [24]byte
	return string(m.AppendText(buf[:0]))
}

// AppendText appends Text to b.
func (m Money) AppendText(b []byte) []byte {
	b = m.appendFixed(b)
	if m.Currency.Exponent() == 0 {
		return b
	}
	end := len(b)
	for b[end-1] == '0' {
		end--
	}
	if b[end-1] == '.' {
		end--
	}
	return b[:end]
}

// Fixed has all decimals of the currency: "700.50".
func (m Money) Fixed() string {
	var buf [24]byte
	return string(m.appendFixed(buf[:0]))
}

func (m Money) appendFixed(b []byte) []byte {
	units := magnitude(m.Minor)
	if m.Minor < 0 {
		b = append(b, '-')
	}
	exponent := m.Currency.Exponent()
	scale := uint64(powerOfTen(exponent))
	b = strconv.AppendUint(b, units/scale, 10)
	if exponent == 0 {
		return b
	}
	b = append(b, '.')
	fraction := units % scale
	for digit := scale / 10; digit > 0; digit /= 10 {
		b = append(b, '0'+byte(fraction/digit%10))
	}
	return b
}

// magnitude is |n|, also of the smallest int64.
func magnitude(n int64) uint64 {
	if n < 0 {
		return -uint64(n)
	}
	return uint64(n)
}

// String is Fixed and the currency, for people: "700.50 INR".
func (m Money) String() string { return m.Fixed() + " " + string(m.Currency) }

// Add returns m + other, or ErrMismatch or ErrRange.
func (m Money) Add(other Money) (Money, error) {
	if m.Currency != other.Currency {
		return Money{}, fmt.Errorf("%w: %s and %s", ErrMismatch, m.Currency, other.Currency)
	}
	sum := m.Minor + other.Minor
	if (sum > m.Minor) != (other.Minor > 0) {
		return Money{}, fmt.Errorf("%w: %s + %s", ErrRange, m, other)
	}
	return Money{Minor: sum, Currency: m.Currency}, nil
}

// Sub returns m − other, or ErrMismatch or ErrRange.
func (m Money) Sub(other Money) (Money, error) {
	if other.Minor == math.MinInt64 {
		return Money{}, fmt.Errorf("%w: %s - %s", ErrRange, m, other)
	}
	return m.Add(Money{Minor: -other.Minor, Currency: other.Currency})
}

// Cmp is -1, 0 or 1 as m is less than, equal to or more than other. Only amounts of one currency can be compared;
// otherwise it panics, because no caller can go on sensibly.
func (m Money) Cmp(other Money) int {
	if m.Currency != other.Currency {
		panic(fmt.Sprintf("money: compare %s with %s", m.Currency, other.Currency))
	}
	return cmp.Compare(m.Minor, other.Minor)
}

// IsPositive reports m > 0.
func (m Money) IsPositive() bool { return m.Minor > 0 }

// IsZero reports m = 0.
func (m Money) IsZero() bool { return m.Minor == 0 }
