package evidence

import (
	"regexp"
	"strings"
)

// gated is a pattern with words of which every match has at least one. Looking for the words first saves most texts the
// pattern: a text is looked at with some thirty patterns.
type gated struct {
	words   []string // lower case
	pattern *regexp.Regexp
}

func gate(words []string, pattern string) gated { return gated{words, regexp.MustCompile(pattern)} }

// find returns the place of the first match, nil without one. lower is text in lower case.
func (g gated) find(text, lower string) []int {
	for _, word := range g.words {
		if strings.Contains(lower, word) {
			return g.pattern.FindStringIndex(text)
		}
	}
	return nil
}

// maskVPAs puts "@" in the place of every VPA.
func maskVPAs(text string) string {
	if !strings.ContainsAny(text, "@_") {
		return text
	}
	return vpaToken.ReplaceAllString(text, "@")
}

// refusals are the signs that a text is no incoming payment, whatever else it says; the first that fits decides. They
// look at the text without the payer's note and without VPAs, so that only the bank's words and the payer's registered
// name can refuse.
var refusals = []struct {
	reason Reason
	sign   gated
}{
	{ReasonReversal, gate([]string{"revers", "returned", "charge"}, `(?i)\brevers(?:al|ed|ing)\b|\breturned\b|\bcharge-?back\b`)},
	{ReasonCollectRequest, gate([]string{"request", "collect", "approve"}, `(?i)\b(?:has|have|is|are|was) request(?:ed|ing)\b|\bcollect (?:request|money)\b|`+
		`\b(?:payment|money|pay) request\b|\brequest(?:s|ed|ing)? (?:for |of |a |you )*(?:money|payment|rs\b|inr\b|₹)|`+
		`\bapprove (?:the |this )?(?:request|payment|collect)\b|\bto pay\b.{0,20}\bapprove\b`)},
	{ReasonMandate, gate([]string{"mandate", "auto", "standing", "nach"}, `(?i)\bmandates?\b|\bauto-?\s?pay\b|\bstanding instruction|\be-?nach\b|\bnach\b`)},
	{ReasonFailed, gate([]string{"fail", "declined", "unsuccessful", "dishono", "bounced", "not", "n't", "cancel", "rejected", "timed", "expired"}, `(?i)\bfail(?:ed|ure|s|ing)?\b|\bdeclined\b|\bunsuccessful\b|\bdishonou?red\b|\bbounced\b|`+
		`\b(?:not|n't) (?:been |yet )?(?:credited|received|deposited|processed|successful|completed|gone through)\b|`+
		`\b(?:could|can)(?:not| not|n't)\b|\bcancell?ed\b|\brejected\b|\btimed out\b|\bexpired\b`)},
	{ReasonNotYetCredited, gate([]string{" be ", "being", "will", "to get", "to receive", "pending", "process", "on hold", "initiated", "shortly", "scheduled"}, `(?i)\b(?:will|shall|would|may|might|can|could|to) be (?:\w+ )?(?:credited|received|deposited)\b|`+
		`\bis being (?:credited|processed|deposited)\b|\b(?:will|to) (?:get|receive)\b|\bpending\b|\b(?:in|under) process\b|`+
		`\bon hold\b|\binitiated\b|\bshortly\b|\bscheduled\b`)},
	{ReasonCheque, gate([]string{"cheque", "chq"}, `(?i)\bcheques?\b|\bchq\b`)},
	{ReasonCardPayment, gate([]string{"card"}, `(?i)\b(?:credit|debit) card (?:x|no|ending|a/?c)|`+
		`\b(?:towards|on|to|for|from) (?:your |ur )?(?:\w+ ){0,3}(?:credit|debit) card\b`)},
	{ReasonRefund, gate([]string{"refund"}, `(?i)\brefund(?:ed|s|able|ing)?\b`)},
	{ReasonCashback, gate([]string{"cash"}, `(?i)\bcash[ -]?back\b`)},
	{ReasonSalary, gate([]string{"sal", "payroll", "wages", "pension"}, `(?i)\bsalary\b|\bsal (?:cr|credit)|\bpayroll\b|\bwages\b|\bpension\b`)},
	{ReasonDividend, gate([]string{"dividend"}, `(?i)\bdividends?\b`)},
	{ReasonInterest, gate([]string{"int"}, `(?i)\binterest\b|\bint\.? ?(?:pd|paid|cr|credit|credited)\b`)},
	{ReasonOffer, gate([]string{"loan", "approved", "offer", "lottery", "prize", "jackpot", "bonus", "reward", "apply", "congrat", "winner", "won", "voucher", "coupon", "emi", "claim", "redeem", "withdraw", "click", "avail"}, `(?i)\bloans?\b|\bpre-?\s?approved\b|\boffers?\b|\blottery\b|\bprize\b|\bjackpot\b|\bbonus\b|`+
		`\brewards?\b|\bapply now\b|\bcongrat(?:s|ulations)\b|\bwinners?\b|\bwon\b|\bvouchers?\b|\bcoupons?\b|\bemi\b|`+
		`\b(?:claim|redeem|withdraw) (?:now|it|your)\b|\bclick (?:to|and) (?:claim|avail|get|apply|withdraw)|\bavail (?:now|of|your)\b`)},
}

var (
	vpaToken = regexp.MustCompile(`(?i)\b[a-z0-9][a-z0-9._-]*@[a-z][a-z0-9]*\b|\b[a-z0-9.-]+_(?:axl|ybl|ibl|ok[a-z]+|paytm|upi|apl)\b`)

	creditWord = regexp.MustCompile(`(?i)\b(?:credited|received|deposited)\b|\bcredit alert\b|\bcr\b`)
	// debitWord names money that leaves us. "has sent" is what apps say of a payer who pays us.
	debitWord = gate([]string{"debit", "dr", "withdrawn", "spent", "purchase", "paid", "sent", " of ", "transferred", "beneficiary"}, `(?i)\bdebit(?:ed)?\b|\bdr\b|\bwithdrawn\b|\bspent\b|\bpurchased?\b|\byou(?:'ve| have)? (?:paid|sent)\b|`+
		`\bpaid(?: to\b|\s*(?:rs|inr|₹))|\b(?:txn|payment|transfer) of .{0,30}\bto\b|\btransferred (?:from your|to)\b|`+
		`(?:^|\byou |\. ?)sent\b|\bsent to\b|\bbeneficiary\b`)
	debitedAfter = regexp.MustCompile(`(?i)\bdebited\b`)
	payersSide   = regexp.MustCompile(`(?i)^debited from (?:a/?c|acc?t|account)\b`)

	// lookalikeAmount is an amount with letters among its digits: Rs.15,OOO/-.
	lookalikeAmount = regexp.MustCompile(`(?i:\brs|\binr|₹)[.:\s]{0,2}(?:[0-9][0-9,.]*[OoIlQ]|[OoIl],?[0-9OoIl]{2})[0-9OoIlQ,.]*(?:\b|/-)`)
	// lookalikeNumber is a number of 12 characters, most of them digits, some of them letters that look like digits.
	lookalikeNumber = regexp.MustCompile(`\b[0-9OoIl]{12}\b`)
	twelveDigits    = regexp.MustCompile(`^[0-9]{12}$`)
)

// refusal returns why a text is no incoming payment, "" when nothing speaks against it. text is normalised and has no
// note.
func refusal(text string) Reason {
	if lookalike(text) {
		return ReasonLookalike
	}
	masked := maskVPAs(text)
	lower := strings.ToLower(masked)
	for _, rule := range refusals {
		if rule.sign.find(masked, lower) != nil {
			return rule.reason
		}
	}
	if ownPayment(masked, lower) {
		return ReasonOwnPayment
	}
	return ""
}

func lookalike(text string) bool {
	if lookalikeAmount.MatchString(text) {
		return true
	}
	for _, token := range lookalikeNumber.FindAllString(text, -1) {
		digits := 0
		for _, r := range token {
			if r >= '0' && r <= '9' {
				digits++
			}
		}
		if digits >= len(token)/2 && !twelveDigits.MatchString(token) {
			return true
		}
	}
	return false
}

// ownPayment: whoever is named first is us. "debited … ; NAME credited" is our payment; "credited … and debited from
// a/c …" names the payer's account.
func ownPayment(text, lower string) bool {
	debit := debitWord.find(text, lower)
	if debit == nil {
		return false
	}
	credit := creditWord.FindStringIndex(text)
	if credit == nil || debit[0] < credit[0] {
		return true
	}
	for _, at := range debitedAfter.FindAllStringIndex(text, -1) {
		if !payersSide.MatchString(text[at[0]:]) {
			return true
		}
	}
	return false
}
