package money

import (
	"fmt"
	"math"
	"math/bits"
	"strings"
)

const (
	// whole is 100 % in parts per million.
	whole = 1_000_000
	// percentDecimals is what fits a percentage in parts per million.
	percentDecimals = 4
	// rateDecimals is the precision of a Rate.
	rateDecimals = 8
	// maxRate is the largest Rate, one hundred million, in units of 10^-rateDecimals.
	maxRate = 100_000_000 * 100_000_000
)

// ParsePercent reads a percentage from 0 to 100 with at most four decimals, with or without a percent sign, as parts
// per million: "2.5" is 25000.
func ParsePercent(text string) (ppm int64, err error) {
	ppm, err = scanDecimal(strings.TrimSuffix(text, "%"), percentDecimals, false)
	switch {
	case err != nil:
		return 0, fmt.Errorf("percentage %q: %w", clip(text), err)
	case ppm < 0 || ppm > whole:
		return 0, fmt.Errorf("percentage %q: %w: from 0 to 100", clip(text), ErrRange)
	}
	return ppm, nil
}

// Percent returns ppm millionths of m, rounded half up to the minor unit. Both must not be negative.
func (m Money) Percent(ppm int64) (Money, error) {
	if m.Minor < 0 || ppm < 0 {
		return Money{}, fmt.Errorf("%w: %d ppm of %s", ErrNegative, ppm, m)
	}
	minor, err := mulDiv(uint64(m.Minor), uint64(ppm), whole)
	if err != nil {
		return Money{}, fmt.Errorf("%d ppm of %s: %w", ppm, m, err)
	}
	return Money{Minor: minor, Currency: m.Currency}, nil
}

// Rate is what one unit of a currency costs in another, exact to eight decimals. The zero Rate means none is set.
type Rate struct{ units int64 }

// ParseRate reads a rate above 0 with at most eight decimals, for example "0.71".
func ParseRate(text string) (Rate, error) {
	units, err := scanDecimal(text, rateDecimals, false)
	switch {
	case err != nil:
		return Rate{}, fmt.Errorf("rate %q: %w", clip(text), err)
	case units <= 0 || units > maxRate:
		return Rate{}, fmt.Errorf("rate %q: %w: above 0, at most 100000000", clip(text), ErrRange)
	}
	return Rate{units: units}, nil
}

// IsZero reports that no rate is set.
func (r Rate) IsZero() bool { return r.units == 0 }

// Text is the shortest decimal that ParseRate reads back.
func (r Rate) Text() string {
	text := fmt.Sprintf("%d.%0*d", r.units/powerOfTen(rateDecimals), rateDecimals, r.units%powerOfTen(rateDecimals))
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// Convert returns m in the other currency, rounded half up to its minor unit. m must not be negative.
func (r Rate) Convert(m Money, to Currency) (Money, error) {
	if m.Minor < 0 {
		return Money{}, fmt.Errorf("%w: %s", ErrNegative, m)
	}
	if !to.known() {
		return Money{}, fmt.Errorf("%w %q", ErrCurrency, clip(string(to)))
	}
	factor, divisor := uint64(r.units), uint64(powerOfTen(rateDecimals))
	shift := to.Exponent() - m.Currency.Exponent()
	if shift >= 0 {
		factor *= uint64(powerOfTen(shift)) // ≤ 10^16 × 10^3, fits
	} else {
		divisor *= uint64(powerOfTen(-shift))
	}
	minor, err := mulDiv(uint64(m.Minor), factor, divisor)
	if err != nil {
		return Money{}, fmt.Errorf("%s × %s: %w", m, r.Text(), err)
	}
	return Money{Minor: minor, Currency: to}, nil
}

// mulDiv returns a × b ÷ divisor rounded half up, with the product in 128 bits.
func mulDiv(a, b, divisor uint64) (int64, error) {
	high, low := bits.Mul64(a, b)
	low, carry := bits.Add64(low, divisor/2, 0)
	high += carry
	if high >= divisor {
		return 0, ErrRange
	}
	quotient, _ := bits.Div64(high, low, divisor)
	if quotient > math.MaxInt64 {
		return 0, ErrRange
	}
	return int64(quotient), nil
}
