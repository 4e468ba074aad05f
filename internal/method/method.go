// Package method holds the payment methods: one value each, listed in registry.go.
package method

import "github.com/galla-gateway/galla/money"

// Method is one wallet_type of the protocol (section 7).
type Method struct {
	Name     string // wallet_type on the wire: "phone_pe"
	Title    string // for people: "PhonePe"
	Currency money.Currency
	Rail     Rail     // the namespace of its transaction numbers
	Langs    []string // languages of the payment window, the first is the default
	Order    int      // position in lists of methods, from 1
	Logo     string   // path of the logo below the server's static files, "" when there is none
	// AccountTypes are the values of account_type that create takes for this method; empty means it takes none.
	AccountTypes []string
	// WithdrawalOnly methods pay out and are never offered for deposits.
	WithdrawalOnly bool

	number     number     // what a transaction number looks like
	identifier identifier // what a wallet's identifier looks like
}

// Reference reads the transaction number that a payer typed: it drops spaces, hyphens and a leading "UTR", writes the
// digits of Indian, Arabic and full-width scripts as ASCII and letters as capitals. When the result isn't a number of
// this method, number is "" and the hint says why; otherwise the hint is zero.
func (m Method) Reference(key1 string) (number string, hint Hint) {
	return m.number.read(key1)
}

// NumberLength is how many characters a transaction number of this method has at most. So many digits are one.
func (m Method) NumberLength() int { return m.number.max }

// CheckIdentifier checks the identifier of a wallet of this method: a mobile number or a UPI address. The text must be
// exact, without spaces or country code. The error tells an operator what is expected.
func (m Method) CheckIdentifier(text string) error {
	return m.identifier.check(text)
}

// ShownIn reports whether the payment window speaks the language in this method.
func (m Method) ShownIn(lang string) bool {
	for _, l := range m.Langs {
		if l == lang {
			return true
		}
	}
	return false
}
