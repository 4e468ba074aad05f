package evidence

import (
	"regexp"
	"strings"

	"github.com/galla-gateway/galla/internal/evidence/bank"
	"github.com/galla-gateway/galla/money"
)

// The generic template reads texts of banks without a sample. It takes an amount only where it stands beside a credit
// word, a reference only where banks print one, and only when there is exactly one of each.

var (
	moneyToken = regexp.MustCompile(`(?i)` + bank.Money)
	// balanceBefore ends right before an amount that is no payment.
	balanceBefore = regexp.MustCompile(`(?i)\b(?:bal|balance|avl|avbl|avlbl|aval|avail|available|limit|lmt|outstanding|due|charges?|fees?|` +
		`minimum|maximum|upto|up to)\b[^0-9₹]{0,24}$`)
	crBefore     = regexp.MustCompile(`(?i)\bcr[.:]?\s*(?:(?:by|with|for|of)\s*)?$`)
	creditBeside = regexp.MustCompile(`(?i)\b(?:credited|received|deposited)\b`)
	genericTail  = regexp.MustCompile(`(?i)\b(?:a/?c|acc?t|account)(?:\s*(?:no|number|ending|with|in))*[\s.:]*[x*.#]*\s?(\d{3,6})\b`)
	othersSide   = regexp.MustCompile(`(?i)\bdebited from\b|\blinked to\b|\bfrom\b|\bby a/?c\b`)
	genericDay   = regexp.MustCompile(`(?i)\b(\d{1,2}[-/.]\d{1,2}[-/.](?:\d{4}|\d{2})|\d{1,2}[- ]?(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[- ,]?(?:\d{4}|\d{2}))\b`)
	genericClock = regexp.MustCompile(`(?i)^\s*,?\s*(?:at\s+)?(\d{1,2}:\d{2}(?::\d{2})?)\b`)
	genericVPA   = regexp.MustCompile(`(?i)\b([a-z0-9][a-z0-9._-]*@[a-z][a-z0-9]*)\b`)
	genericName  = regexp.MustCompile(`(?i:\b(?:from|by)) ([A-Z][A-Za-z .&']{1,60}?)\s*(?:[.(,;/-]|(?i:\bref\b|\bupi\b|\bimps\b|\brrn\b|\bon\b|\bvia\b)|$)`)
	notAName     = regexp.MustCompile(`(?i)^(?:upi|imps|neft|rtgs|rs|inr|a/?c|account|vpa|mob|the|your|an?)\b`)
	balancePrint = regexp.MustCompile(`(?i)\b(?:bal|balance|avlbl amt)\b[\s.:is]{0,5}(?:rs|inr|₹)?[\s.:]{0,3}(\d[\d,]*(?:\.\d{1,2})?)`)
)

// maxBesideText is how many bytes may stand between an amount and its credit word.
const maxBesideText = 40

type genericFields struct {
	bank.Fields
	reason Reason // why it can't be taken
}

// readGeneric finds the fields of a normalised text without note. refs are its reference candidates.
func readGeneric(text string, refs []string) genericFields {
	var g genericFields
	amounts := creditedAmounts(maskVPAs(text))
	switch {
	case len(amounts) == 0:
		g.reason = ReasonNotACredit
		return g
	case len(amounts) > 1:
		g.reason = ReasonAmbiguousAmount
		return g
	case len(refs) > 1:
		g.reason = ReasonAmbiguousReference
	case len(refs) == 0:
		g.reason = ReasonNoReference
	default:
		g.Ref = refs[0]
	}
	g.Amount = amounts[0]
	g.Tail = ownTail(text)
	g.Date, g.Time = printedTime(text)
	g.Payer = printedPayer(text)
	return g
}

// creditedAmounts returns the distinct amounts beside a credit word.
func creditedAmounts(text string) []string {
	tokens := moneyToken.FindAllStringSubmatchIndex(text, -1)
	credits := creditBeside.FindAllStringIndex(text, -1)
	var amounts []string
	for i, token := range tokens {
		if balanceBefore.MatchString(text[max(0, token[0]-referenceLookBack):token[0]]) {
			continue
		}
		from, to := 0, len(text)
		if i > 0 {
			from = tokens[i-1][1]
		}
		if i+1 < len(tokens) {
			to = tokens[i+1][0]
		}
		amount := text[token[2]:token[3]]
		if besideCredit(text, token[0], token[1], from, to, credits) && !contains(amounts, amount) {
			amounts = append(amounts, amount)
		}
	}
	return amounts
}

// besideCredit reports whether a credit word stands near the amount at [start, end), within [from, to): between its
// neighbouring amounts.
func besideCredit(text string, start, end, from, to int, credits [][]int) bool {
	if crBefore.MatchString(text[from:start]) {
		return true
	}
	for _, credit := range credits {
		before := credit[0] >= from && credit[1] <= start && start-credit[1] <= maxBesideText
		after := credit[0] >= end && credit[1] <= to && credit[0]-end <= maxBesideText
		if before && !strings.ContainsAny(text[credit[1]:start], ";\n") || after && !strings.Contains(text[end:credit[0]], ";") {
			return true
		}
	}
	return false
}

// ownTail is the account named before anything that names the payer's side.
func ownTail(text string) string {
	ours := text
	if other := othersSide.FindStringIndex(text); other != nil {
		ours = text[:other[0]]
	}
	if found := genericTail.FindStringSubmatch(ours); found != nil {
		return found[1]
	}
	return ""
}

func printedTime(text string) (day, clock string) {
	at := genericDay.FindStringSubmatchIndex(text)
	if at == nil {
		return "", ""
	}
	if found := genericClock.FindStringSubmatch(text[at[1]:]); found != nil {
		clock = found[1]
	}
	return text[at[2]:at[3]], clock
}

// printedBalance is the balance a text tells; it is shown to people and decides nothing.
func printedBalance(text string) money.Money {
	found := balancePrint.FindStringSubmatch(text)
	if found == nil {
		return money.Money{}
	}
	balance, err := money.ParseGrouped(found[1], money.INR)
	if err != nil {
		return money.Money{}
	}
	return balance
}

func printedPayer(text string) string {
	for _, at := range genericVPA.FindAllStringSubmatchIndex(text, -1) {
		email := at[1]+1 < len(text) && text[at[1]] == '.' && isLetter(text[at[1]+1])
		if !email {
			return text[at[2]:at[3]]
		}
	}
	for _, found := range genericName.FindAllStringSubmatch(text, -1) {
		if name := strings.TrimSpace(found[1]); !notAName.MatchString(name) {
			return name
		}
	}
	return ""
}
