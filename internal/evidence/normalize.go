package evidence

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// normalText is a text as it is read: compatibility forms resolved, digits of every script turned into 0-9, invisible
// characters taken out, spaces and line ends made plain.
type normalText struct {
	text string
	// oddAt is where the first character stands that a bank never prints but a forger does: a styled letter or digit,
	// or a Greek or Cyrillic letter. -1 when there is none.
	oddAt int
}

func normalize(text string) normalText {
	if plainASCII(text) {
		return normalText{strings.TrimSpace(text), -1}
	}
	var b strings.Builder
	b.Grow(len(text))
	odd := -1
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	for _, r := range text {
		plain, isOdd := normalizeRune(r)
		if isOdd && odd < 0 {
			odd = b.Len()
		}
		b.WriteString(plain)
	}
	return normalText{b.String(), odd}
}

func plainASCII(text string) bool {
	for i := range len(text) {
		if c := text[i]; c != '\n' && (c < ' ' || c >= 0x7f) {
			return false
		}
	}
	return true
}

const enclosingKeycap = '\u20E3' // makes a digit emoji of the digit before it

func normalizeRune(r rune) (plain string, odd bool) {
	switch {
	case r == '\n' || r > ' ' && r < 0x7f:
		return string(r), false
	case r == '\r':
		return "\n", false
	case unicode.IsSpace(r):
		return " ", false
	case r == enclosingKeycap:
		return "", true
	case unicode.Is(unicode.Cf, r) || unicode.IsControl(r) || unicode.Is(unicode.Variation_Selector, r):
		return "", false
	case r == '₨', r == '№', r == '™':
		return norm.NFKC.String(string(r)), false
	case unicode.In(r, unicode.Greek, unicode.Cyrillic):
		return string(r), true
	}
	plain = norm.NFKC.String(string(r))
	if strings.IndexFunc(plain, asciiAlphanumeric) >= 0 {
		return plain, true
	}
	if first, size := utf8.DecodeRuneInString(plain); size == len(plain) && unicode.IsDigit(first) {
		return string(rune('0' + decimalValue(first))), false
	}
	return plain, false
}

func asciiAlphanumeric(r rune) bool {
	return r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z'
}

// decimalValue is the value of a decimal digit of any script: Unicode keeps the ten digits of a script in a row that
// starts at its zero.
func decimalValue(r rune) rune {
	zero := r
	for zero > 0 && unicode.IsDigit(zero-1) && r-zero < 9 {
		zero--
	}
	return r - zero
}
