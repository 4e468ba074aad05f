package money

import (
	"errors"
	"strings"
)

// MaxText is the longest decimal text that is read, in bytes (protocol section 4).
const MaxText = 256

// What can be wrong with an amount. Match with errors.Is.
var (
	ErrCurrency = errors.New("unknown currency")
	ErrSyntax   = errors.New("not a decimal number")
	ErrDecimals = errors.New("too many decimals")
	ErrRange    = errors.New("out of range")
	ErrMismatch = errors.New("currencies differ")
	ErrNegative = errors.New("negative")
)

const (
	// maxDigits is how many decimal digits always fit an int64.
	maxDigits = 18
	// maxPower is where exponents saturate. It is beyond what MaxText digits can bring back into range, and small
	// enough that sums of powers never overflow.
	maxPower = 10 * MaxText
)

// scanDecimal reads [-]digits[.digits][e[+|-]digits] and returns its value times ten to the scale. It reads each byte
// once, so an exponent of any size costs nothing.
func scanDecimal(text string, scale int, exponentForm bool) (int64, error) {
	if len(text) > MaxText {
		return 0, ErrSyntax
	}
	rest, negative := strings.CutPrefix(text, "-")
	var mantissa digits
	rest, whole := mantissa.scan(rest)
	if whole == 0 {
		return 0, ErrSyntax
	}
	power := scale
	if after, found := strings.CutPrefix(rest, "."); found {
		var fraction int
		rest, fraction = mantissa.scan(after)
		if fraction == 0 {
			return 0, ErrSyntax
		}
		power -= fraction
	}
	if rest != "" {
		exponent, ok := scanExponent(rest)
		if !ok || !exponentForm {
			return 0, ErrSyntax
		}
		power += exponent
	}
	value, err := mantissa.shift(power)
	if negative {
		value = -value
	}
	return value, err
}

// digits is a run of decimal digits without leading and trailing zeros: value × 10^zeros. More digits than fit are
// counted and not kept.
type digits struct {
	value int64
	count int // significant digits in value
	zeros int // zeros behind them
}

// scan takes the digits at the start of text and returns what follows them and how many they were.
func (d *digits) scan(text string) (rest string, n int) {
	for n < len(text) && text[n]-'0' <= 9 {
		d.push(int64(text[n] - '0'))
		n++
	}
	return text[n:], n
}

func (d *digits) push(digit int64) {
	if digit == 0 {
		if d.count > 0 {
			d.zeros++
		}
		return
	}
	d.count += d.zeros + 1
	if d.count <= maxDigits {
		d.value = d.value*powerOfTen(d.zeros+1) + digit
	}
	d.zeros = 0
}

// shift returns the digits times ten to the power, exactly or not at all.
func (d *digits) shift(power int) (int64, error) {
	if d.count == 0 {
		return 0, nil
	}
	power += d.zeros
	switch {
	case power < 0:
		return 0, ErrDecimals
	case d.count+power > maxDigits:
		return 0, ErrRange
	}
	return d.value * powerOfTen(power), nil
}

// scanExponent reads e[+|-]digits and saturates at ±maxPower.
func scanExponent(text string) (int, bool) {
	if text[0] != 'e' && text[0] != 'E' {
		return 0, false
	}
	text = text[1:]
	sign := 1
	if text != "" && (text[0] == '+' || text[0] == '-') {
		if text[0] == '-' {
			sign = -1
		}
		text = text[1:]
	}
	if text == "" {
		return 0, false
	}
	power := 0
	for i := range len(text) {
		if text[i]-'0' > 9 {
			return 0, false
		}
		power = min(power*10+int(text[i]-'0'), maxPower)
	}
	return sign * power, true
}

// powerOfTen returns 10^n for n from 0 to maxDigits.
func powerOfTen(n int) int64 {
	power := int64(1)
	for range n {
		power *= 10
	}
	return power
}
