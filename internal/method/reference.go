package method

import (
	"fmt"
	"strings"
	"unicode"
)

// HintCode says why a text isn't a transaction number. Codes are stored with verdicts and select translations.
type HintCode string

// The hint codes.
const (
	HintNone      HintCode = ""
	HintEmpty     HintCode = "empty"
	HintPhonePeID HintCode = "phonepe_id" // PhonePe's own id, which starts with T
	HintUPIID     HintCode = "upi_id"     // the UPI transaction id of 35 characters
	HintNEFT      HintCode = "neft_utr"   // 16 characters, starts with four letters
	HintRTGS      HintCode = "rtgs_utr"   // 22 characters, starts with four letters
	HintShort     HintCode = "too_short"
	HintLong      HintCode = "too_long"
	HintLetters   HintCode = "letters" // letters where only digits belong
	HintSigns     HintCode = "signs"   // anything but letters and digits
)

// Hint tells a payer why what they typed isn't a transaction number. The zero Hint means that it is one.
type Hint struct {
	Code    HintCode
	Message string // English, for the payer
}

// number is what the transaction numbers of a method look like.
type number struct {
	min, max int  // characters
	letters  bool // capitals too, not only digits
}

// rrn is the number of UPI and IMPS: 12 digits, leading zeros kept.
var rrn = number{min: 12, max: 12}

// read normalises what a payer typed and checks its shape.
func (n number) read(typed string) (string, Hint) {
	text := normalise(typed)
	if rest, found := strings.CutPrefix(text, "UTR"); found && !n.fits(text) {
		text = strings.TrimPrefix(rest, ":")
	}
	if n.fits(text) {
		return text, Hint{}
	}
	return "", n.explain(text)
}

// fits reports whether a normalised text is a number of this form.
func (n number) fits(text string) bool {
	if len(text) < n.min || len(text) > n.max {
		return false
	}
	for i := range len(text) {
		if !digit(text[i]) && !(n.letters && capital(text[i])) {
			return false
		}
	}
	return true
}

func digit(c byte) bool   { return c-'0' <= 9 }
func capital(c byte) bool { return c-'A' <= 'Z'-'A' }

// Lengths of numbers that payers confuse with the transaction number.
const (
	upiIDLength   = 35
	neftLength    = 16
	rtgsLength    = 22
	phonePeIDLeft = 14 // PhonePe ids are T and a time stamp with more digits behind it
)

// explain says why a normalised text doesn't fit.
func (n number) explain(text string) Hint {
	if text == "" {
		return n.hint(HintEmpty, 0)
	}
	letters, digits := 0, 0
	for i := range len(text) {
		switch {
		case digit(text[i]):
			digits++
		case capital(text[i]):
			letters++
		}
	}
	switch {
	case letters+digits < len(text):
		return n.hint(HintSigns, len(text))
	case n == rrn && text[0] == 'T' && letters == 1 && digits >= phonePeIDLeft:
		return n.hint(HintPhonePeID, len(text))
	case n == rrn && len(text) == upiIDLength && letters > 0:
		return n.hint(HintUPIID, len(text))
	case n == rrn && len(text) == neftLength && fourLetters(text):
		return n.hint(HintNEFT, len(text))
	case n == rrn && len(text) == rtgsLength && fourLetters(text):
		return n.hint(HintRTGS, len(text))
	case letters > 0 && !n.letters:
		return n.hint(HintLetters, len(text))
	case len(text) < n.min:
		return n.hint(HintShort, len(text))
	}
	return n.hint(HintLong, len(text))
}

func fourLetters(text string) bool {
	for i := range 4 {
		if !capital(text[i]) {
			return false
		}
	}
	return true
}

// hint words a code for this form; got is how many characters were typed.
func (n number) hint(code HintCode, got int) Hint {
	var message string
	switch code {
	case HintEmpty:
		message = "Enter the transaction number: " + n.describe() + "."
	case HintPhonePeID:
		message = "This is PhonePe's own transaction ID. Open the payment in PhonePe and copy the UTR: " + n.describe() + "."
	case HintUPIID:
		message = "This is the long UPI transaction ID. Look for the UTR (or UPI Ref No) of the payment: " + n.describe() + "."
	case HintNEFT:
		message = "This is the number of a NEFT transfer. Only UPI and IMPS payments can be checked; their UTR has " + n.describe() + "."
	case HintRTGS:
		message = "This is the number of an RTGS transfer. Only UPI and IMPS payments can be checked; their UTR has " + n.describe() + "."
	case HintShort:
		message = fmt.Sprintf("The transaction number is too short: it has %s, you entered %d.", n.describe(), got)
	case HintLong:
		message = fmt.Sprintf("The transaction number is too long: it has %s, you entered %d.", n.describe(), got)
	case HintLetters:
		message = "The transaction number has only digits: " + n.describe() + "."
	default:
		message = "The transaction number has characters that don't belong there: it has " + n.describe() + "."
	}
	return Hint{Code: code, Message: message}
}

// describe is the form in words: "12 digits", "8 to 10 letters and digits".
func (n number) describe() string {
	kind := "digits"
	if n.letters {
		kind = "letters and digits"
	}
	if n.min == n.max {
		return fmt.Sprintf("%d %s", n.min, kind)
	}
	return fmt.Sprintf("%d to %d %s", n.min, n.max, kind)
}

// normalise writes digits of other scripts and full-width characters as ASCII, letters as capitals, and drops spaces,
// hyphens and invisible characters. Other characters stay and will not fit.
func normalise(typed string) string {
	if plainDigits(typed) {
		return typed
	}
	var b strings.Builder
	for _, r := range typed {
		switch {
		case unicode.IsSpace(r), unicode.Is(unicode.Zs, r), unicode.Is(unicode.Cf, r), unicode.Is(unicode.Pd, r), r == '−':
			continue
		case r >= '！' && r <= '～': // full-width forms of ASCII
			r -= '！' - '!'
			if r == '-' {
				continue
			}
		default:
			r = asciiDigit(r)
		}
		if r >= 'a' && r <= 'z' {
			r -= 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

func plainDigits(text string) bool {
	for i := range len(text) {
		if !digit(text[i]) {
			return false
		}
	}
	return true
}

// digitZeros are the zeros of the scripts whose digits payers type; each is followed by its one to nine.
var digitZeros = [...]rune{
	'\u0966', // Devanagari
	'\u09E6', // Bengali
	'\u0A66', // Gurmukhi
	'\u0AE6', // Gujarati
	'\u0B66', // Oriya
	'\u0BE6', // Tamil
	'\u0C66', // Telugu
	'\u0CE6', // Kannada
	'\u0D66', // Malayalam
	'\u0660', // Arabic
	'\u06F0', // Arabic, as written in Urdu
}

func asciiDigit(r rune) rune {
	for _, zero := range digitZeros {
		if r >= zero && r <= zero+9 {
			return '0' + r - zero
		}
	}
	return r
}
