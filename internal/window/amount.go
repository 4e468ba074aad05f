package window

import (
	"errors"
	"strings"
	"unicode"

	"github.com/galla-gateway/galla/money"
)

// Message keys of what is wrong with a typed amount.
const (
	amountMissing  = "amount_missing"
	amountSyntax   = "amount_syntax"
	amountDecimals = "amount_decimals"
	amountTooLarge = "amount_too_large"
	amountZero     = "amount_zero"
)

// signs are what payers write around an amount.
var signs = []string{"₹", "RS.", "RS", "INR", "৳", "BDT", "TK", "PKR", "/-"}

// readAmount reads the amount that a payer typed: digits of any script, with or without grouping and the currency's
// sign. key says what is wrong, "" for nothing.
func readAmount(typed string, currency money.Currency) (amount money.Money, key string) {
	text := strings.ToUpper(strings.Map(plainAmount, typed))
	for _, sign := range signs {
		text = strings.TrimSuffix(strings.TrimPrefix(text, sign), sign)
	}
	if text == "" {
		return amount, amountMissing
	}
	amount, err := money.ParseGrouped(text, currency)
	switch {
	case errors.Is(err, money.ErrDecimals):
		return amount, amountDecimals
	case errors.Is(err, money.ErrRange):
		return amount, amountTooLarge
	case err != nil:
		return amount, amountSyntax
	case !amount.IsPositive():
		return amount, amountZero
	}
	return amount, ""
}

// plainAmount writes digits as ASCII and drops spaces and invisible characters.
func plainAmount(r rune) rune {
	switch {
	case unicode.IsSpace(r), unicode.Is(unicode.Cf, r):
		return -1
	case r == '٫':
		return '.'
	case r == '٬':
		return ','
	case r > unicode.MaxASCII && unicode.IsDigit(r):
		// Unicode keeps the ten digits of a script together, and each block of them starts at a zero.
		zero := r
		for unicode.IsDigit(zero-1) && r-zero < 9 {
			zero--
		}
		return asciiOf(r, zero)
	}
	return r
}

// asciiOf is the ASCII digit of r. Scripts whose digits touch another script's don't exist below the mathematical
// alphabets, which no keyboard types; they are refused as no digit.
func asciiOf(r, zero rune) rune {
	if r-zero > 9 || r >= '\U0001D7CE' {
		return '?'
	}
	return '0' + r - zero
}
