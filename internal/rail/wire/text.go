package wire

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"github.com/galla-gateway/galla/internal/payout"
)

// Scrub returns an answer without the secrets: a proxy's error page may print the request.
func (c *Client) Scrub(raw []byte) []byte {
	for _, secret := range c.secrets {
		raw = bytes.ReplaceAll(raw, []byte(secret), []byte(hidden))
	}
	return raw
}

// accounts are digits enough to be somebody's account.
var accounts = regexp.MustCompile(`[0-9]{5,}[0-9]{4}`)

// Text returns what a provider wrote as it may be kept and shown: one line, without secrets, and without more than the
// last four digits of anything that may be an account number.
func (c *Client) Text(text string) string {
	for _, secret := range c.secrets {
		text = strings.ReplaceAll(text, secret, hidden)
	}
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	text = accounts.ReplaceAllStringFunc(text, func(digits string) string { return "…" + digits[len(digits)-4:] })
	return strings.Join(strings.Fields(text), " ")
}

// utr is the form of transaction numbers of Indian banks: 12 digits for IMPS, 16 characters for NEFT, 22 for RTGS, and
// what partner banks make of these.
var utr = regexp.MustCompile(`^[A-Za-z0-9]{10,30}$`)

// UTR returns a bank's transaction number, "" if the text isn't of such a form: providers also write "null".
func UTR(text string) string {
	if !utr.MatchString(text) || !strings.ContainsAny(text, "0123456789") {
		return ""
	}
	return text
}

// Ours tells whether a reference is one that payout.Reference makes. A provider's account may have other payouts too,
// made by hand.
func Ours(reference string) bool {
	digits, ok := strings.CutPrefix(reference, "GL")
	id, err := strconv.ParseInt(digits, 10, 64)
	return ok && err == nil && id > 0 && payout.Reference(id) == reference
}

// Masks tells whether what a provider says of an account can't be held against the instruction: it says nothing, or
// prints it with characters in place of digits.
func Masks(account string) bool {
	return account == "" || strings.Trim(account, "0123456789") != ""
}
