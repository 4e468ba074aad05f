// Package ifsc reads IFSC codes, which name the branches of Indian banks, and looks them up in a table of all branches. The
// table comes with the binary (NOTICE tells from where) and may be replaced by a newer one. It is pure.
//
// The table only ever warns: branches open and close faster than tables are renewed. The one thing that it refuses is a bank
// that is known to take no IMPS.
package ifsc

import (
	"fmt"
	"strings"
)

// The parts of a code: four letters of the bank, a zero, six characters of the branch.
const (
	codeLength = 11
	bankLength = 4
	zeroAt     = 4
	branchAt   = 5
)

// Code is an IFSC in its only form: ^[A-Z]{4}0[0-9A-Z]{6}$.
type Code string

// Parse checks the form of a code and nothing else. Its error tells a merchant's developer what is wrong.
func Parse(text string) (Code, error) {
	if len(text) != codeLength {
		return "", fmt.Errorf("an IFSC has %d characters such as HDFC0001234, this has %d", codeLength, len(text))
	}
	for i := range codeLength {
		switch c := text[i]; {
		case i < bankLength && !isLetter(c):
			return "", fmt.Errorf("an IFSC begins with %d capital letters such as HDFC0001234", bankLength)
		case i == zeroAt && c != '0':
			return "", fmt.Errorf("character %d of an IFSC is the digit 0 as in HDFC0001234", zeroAt+1)
		case i >= branchAt && !isLetter(c) && !isDigit(c):
			return "", fmt.Errorf("an IFSC ends with %d digits or capital letters such as HDFC0001234", codeLength-branchAt)
		}
	}
	return Code(text), nil
}

func isLetter(c byte) bool { return 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// Support tells whether a bank takes a kind of payment.
type Support uint8

// What may be known of a kind of payment. The numbers are part of the table's format.
const (
	Unknown Support = iota
	Yes
	No
)

// String is unknown, yes or no.
func (s Support) String() string {
	switch s {
	case Yes:
		return "yes"
	case No:
		return "no"
	default:
		return "unknown"
	}
}

// Info is what a table knows of a code.
type Info struct {
	Code        Code
	BankCode    string // the first four letters
	Bank        string // the bank's name, "" where none is known
	KnownBank   bool   // some code of the bank, or its name, is in the table
	KnownBranch bool   // the code itself is in the table
	IMPS        Support
	// Sublet is the bank that runs the branch under another bank's code: its name, or its code where the table has no name.
	// "" where none is known.
	Sublet string
}

// Warning is a sentence to keep beside a withdrawal whose code the table doesn't know, "" if there is nothing to say.
func (i Info) Warning() string {
	switch {
	case !i.KnownBank:
		return fmt.Sprintf("No bank with the code %s is known: the IFSC may be mistyped.", i.BankCode)
	case !i.KnownBranch:
		return fmt.Sprintf("%s is no known branch of %s: it may be mistyped, new or closed.", i.Code, i.bankName())
	default:
		return ""
	}
}

// Refused is why no IMPS transfer to the code can succeed, "" unless its bank is known to take none.
func (i Info) Refused() string {
	if i.IMPS != No {
		return ""
	}
	return i.bankName() + " takes no IMPS transfers"
}

func (i Info) bankName() string {
	if i.Bank == "" {
		return i.BankCode
	}
	return i.Bank
}

// isBankCode tells whether a text is what a code may begin with.
func isBankCode(text string) bool {
	return len(text) == bankLength && strings.IndexFunc(text, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}
