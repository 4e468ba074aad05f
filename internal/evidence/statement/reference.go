package statement

import (
	"regexp"
	"strings"

	"github.com/galla-gateway/galla/internal/evidence"
)

// Narrations mix the bank's words with what the payer wrote. A reference is taken from the reference column, from the
// place right behind the bank's own prefix, or from right behind the payer's IFSC; anywhere else only when the narration
// holds no other number of twelve digits.
var (
	// leadingReference: UPI/CR/…, UPI/…, BY TRANSFER-UPI/CR/…, MMT/IMPS/…, IMPS-…, IMPS/P2A/…
	leadingReference = regexp.MustCompile(`(?i)^(?:(?:by|to) transfer[- ]+|mmt[-/]|mob[-/]|inb[-/ ]+)?(?:upi|imps)[-/ ]{1,3}` +
		`(?:(?:cr|dr|p2a|p2m|p2p|ref|rrn|in|rev|ret)[-/ ]{1,3})?([0-9]{12})(?:[^0-9a-z]|$)`)
	// ifscReference: UPI-NAME-VPA-SBIN0001234-526830463424-NOTE
	ifscReference = regexp.MustCompile(`(?i)^(?:upi|imps)-.*?-[a-z]{4}0[a-z0-9]{6}-([0-9]{12})(?:-|$)`)
	railPrefix    = regexp.MustCompile(`(?i)^(?:(?:by|to) transfer[- ]+|mmt[-/]|mob[-/]|inb[-/ ]+)?(?:upi|imps)\b|\b(?:upi|imps|rrn)[ :/-]`)
	anyNumber     = regexp.MustCompile(`[0-9]+`)

	columnReference = regexp.MustCompile(`(?i)^(?:(?:upi|imps|rrn|ref|utr)[-/: ]*)?(?:0000)?([0-9]{12})$`)

	reversalNarration = regexp.MustCompile(`(?i)^(?:rev|rvsl|reversal|return|ret)[-/: ]|^(?:upi|imps)[-/ ]*(?:rev|rvsl|reversal|ret|return|rrr)[-/ ]|\breversal of\b`)

	vpa = regexp.MustCompile(`(?i)[a-z0-9][a-z0-9._-]*@[a-z][a-z0-9]*`)
)

// findReference returns the number, and whether it stands where only the bank writes.
func findReference(narration string, columns []string) (number string, placed bool, reason evidence.Reason) {
	var fromColumn string
	for _, cell := range columns {
		if found := columnReference.FindStringSubmatch(strings.TrimSpace(cell)); found != nil {
			if fromColumn != "" && fromColumn != found[1] {
				return "", false, evidence.ReasonAmbiguousReference
			}
			fromColumn = found[1]
		}
	}
	fixed := fixedReference(narration)
	switch {
	case fromColumn != "" && fixed != "" && fromColumn != fixed:
		return "", false, evidence.ReasonAmbiguousReference
	case fromColumn != "":
		return fromColumn, true, ""
	case fixed != "":
		return fixed, true, ""
	}
	number, reason = loneReference(narration)
	return number, false, reason
}

func fixedReference(narration string) string {
	for _, pattern := range [...]*regexp.Regexp{leadingReference, ifscReference} {
		if found := pattern.FindStringSubmatch(narration); found != nil {
			return found[1]
		}
	}
	return ""
}

// loneReference is the only number of twelve digits in a narration of UPI or IMPS, VPAs aside.
func loneReference(narration string) (string, evidence.Reason) {
	if !railPrefix.MatchString(narration) {
		return "", evidence.ReasonNoReference
	}
	text := vpa.ReplaceAllString(narration, "@")
	number := ""
	for _, at := range anyNumber.FindAllStringIndex(text, -1) {
		alone := (at[0] == 0 || !wordByte(text[at[0]-1])) && (at[1] == len(text) || !wordByte(text[at[1]]))
		if at[1]-at[0] != evidence.ReferenceDigits || !alone || text[at[0]:at[1]] == number {
			continue
		}
		if number != "" {
			return "", evidence.ReasonAmbiguousReference
		}
		number = text[at[0]:at[1]]
	}
	if number == "" {
		return "", evidence.ReasonNoReference
	}
	return number, ""
}

func wordByte(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z'
}

var notAPayer = regexp.MustCompile(`(?i)^(?:upi|imps|cr|dr|p2a|p2m|mmt|[0-9x*]+|)$`)

// findPayer is the VPA in a narration, else the first part that can be a name; "" in a row without reference.
func findPayer(narration, number string) string {
	if number == "" {
		return ""
	}
	separator := "/"
	if !strings.Contains(narration, "/") {
		separator = "-"
	}
	if at := vpa.FindStringIndex(narration); at != nil {
		if separator == "/" {
			return narration[at[0]:at[1]]
		}
		return vpaBetweenDashes(narration[:at[1]])
	}
	// UPI/CR/REF/NAME and UPI/NAME/REF/NOTE: the first part behind the prefix that is a name.
	for _, part := range strings.Split(narration, separator)[1:] {
		if part = strings.TrimSpace(part); !notAPayer.MatchString(part) {
			return part
		}
	}
	return ""
}

// vpaBetweenDashes reads the end of "UPI-PAYER NAME-name-1@handle": a VPA may hold dashes itself, but no space, and it
// comes after the name.
func vpaBetweenDashes(text string) string {
	run := text[strings.LastIndexByte(text, ' ')+1:]
	if len(run) == len(text) {
		_, run, _ = strings.Cut(run, "-") // UPI-
	}
	if _, behindName, found := strings.Cut(run, "-"); found && strings.Contains(behindName, "@") {
		return behindName
	}
	return run
}
