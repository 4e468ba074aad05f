package evidence

import (
	"regexp"
	"strings"
)

// One-time passwords must not reach the database, and a credit whose text warns "never share your OTP" must. So: words
// that name a password, and whether a code is given with them.

const (
	otpWords = `(?:\bo[ ._-]?t[ ._-]?p(?:s|in)?\b|\b0tp\b|ओटीपी|` +
		`\bone[ -]?time[ -]?(?:pass(?:word|code)|pin|code)\b|\bpasscode\b|` +
		`\b(?:verification|security|authentication|authori[sz]ation|confirmation|access|log-?in|sign-?in|activation) ` +
		`(?:code|pin|no|number)\b)`
	// secretWords also name things that are no one-time passwords; they count only with a code right beside.
	secretWords = `(?:` + otpWords + `|\bpassword\b|\b[mu]?pin\b|\bcvv\b|\bcode\b)`
	codeDigits  = `(?:\d{4,8}|\d{3}[ -]\d{3})`
)

var (
	otpWord = gate([]string{"otp", "0tp", "o t", "o-t", "o.t", "o_t", "t p", "t.p", "t-p", "t_p", "ओटीपी",
		"one time", "one-time", "onetime", "passcode", "verif", "secur", "authen", "authori", "confirm", "access", "log", "sign", "activat"},
		`(?i)`+otpWords)
	// otpGiven is a code right beside the word: "OTP is 123456", "123456 is your OTP", "123456 OTP".
	otpGiven = gate(append([]string{"password", "pin", "cvv", "code"}, otpWord.words...), `(?i)`+
		secretWords+`(?:\W|\bis\b|\bcode\b|\bno\b|\bnumber\b|\bfor\b|\byour\b){0,8}\b[a-z]?`+codeDigits+`\b|`+
		`\b[a-z]?`+codeDigits+`\s*(?:\bis\b|\bas\b|[-:(])\s*(?:[\w&.']+[ -]+){0,4}`+otpWords+`|`+
		`\b`+codeDigits+`\s+`+otpWords)
	// otpWarning is a sentence that tells never to give a password away.
	otpWarning = regexp.MustCompile(`(?i)\b(?:never|do ?n[o']t|don.?t|not|no one|nobody|bank (?:will )?never|without) ` +
		`(?:ever )?(?:to )?(?:share|disclose|reveal|tell|give|ask|asks|call|enter|send|forward)[^.!\n]{0,80}?` + otpWords +
		`[^.!\n\d]{0,60}`)
	// otpCode is a number that could be a code: 4 to 8 digits by themselves, not an amount, account, date or phone.
	otpCode = regexp.MustCompile(`(?:^|[^\d.,/:*xX₹-])\b(` + codeDigits + `)\b(?:[^\d,/:-]|$)`)
	otpNot  = regexp.MustCompile(`(?i)(?:rs|inr|₹|a/?c|acc?t|account|no|ending|call|dial|sms|to|card|bal|amt|ref|upi|rrn|` +
		`jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[\s.:]*$`)
)

// isOTP decides whether a normalised text is a one-time password. readable says whether a template reads the text
// as a credit: then only a code right beside the word counts.
func isOTP(text string, readable func() bool) bool {
	text = maskVPAs(text)
	lower := strings.ToLower(text)
	named := otpWord.find(text, lower) != nil
	if otpGiven.find(text, lower) != nil {
		return named || !readable()
	}
	if !named {
		return false
	}
	rest := otpWarning.ReplaceAllString(text, " ")
	if readable() {
		return false
	}
	return otpWord.pattern.MatchString(rest) || givesCode(text)
}

// givesCode reports whether a text holds a number that could be a code.
func givesCode(text string) bool {
	for _, at := range otpCode.FindAllStringSubmatchIndex(text, -1) {
		if !otpNot.MatchString(text[:at[2]]) {
			return true
		}
	}
	return false
}
