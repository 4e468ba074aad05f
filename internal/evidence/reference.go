package evidence

import (
	"regexp"
	"strings"
)

// ReferenceDigits is the length of a UPI or IMPS reference number (RRN).
const ReferenceDigits = 12

// referenceContext is what stands right before a reference: a word such as "UPI Ref No", or a path such as "UPI/P2A/".
var (
	referenceContext = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:upi|imps|rrn|utr|ref|reference)` +
		`(?:[\s./-]{0,2}(?:ref|reference|rrn|utr|id|no|num|number))*[\s.:#(-]{0,4}(?:is[\s:]{1,2})?$`)
	referencePath = regexp.MustCompile(`(?i)(?:^|[^a-z])(?:upi|imps)(?:/[a-z][a-z0-9 .&-]{0,30}){0,2}/\s?$`)
)

const referenceLookBack = 80 // bytes before a number that are looked at

// references returns the distinct numbers of a text that stand where banks print a reference, in order. What stands
// inside a VPA was chosen by its owner.
func references(text string) []string {
	text = maskVPAs(text)
	var found []string
	for i := 0; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		end := i
		for end < len(text) && isDigit(text[end]) {
			end++
		}
		if end-i == ReferenceDigits && standsAlone(text, i, end) {
			before := text[max(0, i-referenceLookBack):i]
			before = strings.TrimSuffix(before, gluedLetter(before))
			number := text[i:end]
			if (referenceContext.MatchString(before) || referencePath.MatchString(before)) && !contains(found, number) {
				found = append(found, number)
			}
		}
		i = end
	}
	return found
}

func isDigit(c byte) bool { return c-'0' <= 9 }

func isLetter(c byte) bool { return (c|0x20)-'a' <= 'z'-'a' }

func contains(list []string, text string) bool {
	for _, item := range list {
		if item == text {
			return true
		}
	}
	return false
}

// gluedLetter is the single letter some banks print right before the digits: "C627612345678" has "C".
func gluedLetter(before string) string {
	n := len(before)
	if n > 0 && isLetter(before[n-1]) && (n == 1 || !isLetter(before[n-2]) && !isDigit(before[n-2])) {
		return before[n-1:]
	}
	return ""
}

// standsAlone reports whether the digits at [start, end) are a number of their own, not a part of an amount, a VPA, a
// masked account or a longer code.
func standsAlone(text string, start, end int) bool {
	if end < len(text) {
		switch c := text[end]; {
		case isLetter(c), c == '@', c == '_':
			return false
		case (c == '.' || c == ',') && end+1 < len(text) && isDigit(text[end+1]):
			return false
		}
	}
	if start == 0 {
		return true
	}
	switch c := text[start-1]; {
	case isLetter(c):
		return gluedLetter(text[:start]) != ""
	case c == '@', c == '_', c == '*', c == '+':
		return false
	case (c == '.' || c == ',') && start > 1 && isDigit(text[start-2]):
		return false
	}
	return true
}
