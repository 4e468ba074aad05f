package galla

import (
	"crypto/subtle"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galla-gateway/galla/money"
)

// Limits of a withdrawal's fields, in characters (protocol section 6).
const (
	MaxWithdrawalID    = 36
	MaxWithdrawalLabel = 36
	MaxComment         = 64
	MinAccountNumber   = 9
	MaxAccountNumber   = 18
	MaxAccountName     = 30
)

// PaymentSystemIMPS is the only payment_system.
const PaymentSystemIMPS = "imps_ib"

// MessageInsufficient is what the member withdrawals_sum_amount of a refused withdrawal says.
const MessageInsufficient = "Insufficient balance"

var (
	accountNumberShape = regexp.MustCompile(`^[0-9]{9,18}$`)
	accountNameShape   = regexp.MustCompile(`^[a-zA-Z\s]{1,30}$`)
	ifscShape          = regexp.MustCompile(`^[A-Z]{4}0[0-9A-Z]{6}$`)
	wholeShape         = regexp.MustCompile(`^[1-9][0-9]{0,14}$`)
)

// WithdrawalRequest asks for a payment to a bank account (protocol section 6).
type WithdrawalRequest struct {
	// WithdrawalID is the merchant's id of the withdrawal, "" when none was sent: Galla then makes one of what was signed.
	WithdrawalID  string
	PaymentSystem string // PaymentSystemIMPS
	Amount        int64  // whole rupees, above 0
	CurrencyCode  string // "INR"
	IsTest        bool
	Label         string // the merchant's id of the payee
	AccountNumber string
	AccountName   string
	// BankCode and BranchCode are the IFSC under the name, or the names, that it was sent with.
	BankCode, BranchCode string
	Comment              string

	signature string
	signed    string
}

// IFSC is the branch of the account.
func (r WithdrawalRequest) IFSC() string {
	if r.BankCode != "" {
		return r.BankCode
	}
	return r.BranchCode
}

// Money is the amount.
func (r WithdrawalRequest) Money() (money.Money, error) {
	return money.Parse(strconv.FormatInt(r.Amount, 10), money.Currency(r.CurrencyCode))
}

// Signed is the text that the signature covers: of the same text there is one payout at most, whatever body it came in.
func (r WithdrawalRequest) Signed() string { return r.signed }

// Verify checks the signature of a request that DecodeWithdrawal has read, against any of the merchant's withdrawal keys.
// The error is ErrSignature.
func (r WithdrawalRequest) Verify(privateKeys ...string) error {
	matches := false
	for _, key := range privateKeys {
		matches = subtle.ConstantTimeCompare([]byte(WithdrawalSignature(key, r.signed)), []byte(r.signature)) == 1 || matches
	}
	if !matches {
		return fmt.Errorf("%w: signature does not match", ErrSignature)
	}
	return nil
}

// WithdrawalSignature is hex(SHA1(privateKey + hex(MD5(signed)))) (protocol section 6).
func WithdrawalSignature(privateKey, signed string) string {
	return LegacySignature("", privateKey, []byte(signed))
}

// AppendJSON appends the body of the request, signed.
func (r WithdrawalRequest) AppendJSON(b []byte, privateKey string) ([]byte, error) {
	body := appendMember(append([]byte(nil), '{'), "payment_system", r.PaymentSystem)
	if r.WithdrawalID != "" {
		body = appendMember(body, "withdrawal_id", r.WithdrawalID)
	}
	body = appendInt(body, "amount", r.Amount)
	body = appendMember(body, "currency_code", r.CurrencyCode)
	body = appendBool(body, "is_test", r.IsTest)
	body = appendMember(body, "label", r.Label)
	body = appendMember(body, "account_number", r.AccountNumber)
	body = appendMember(body, "account_name", r.AccountName)
	body = append(appendName(body, "bank_details"), '{')
	for _, code := range []struct{ name, value string }{{"bank_code", r.BankCode}, {"branch_code", r.BranchCode}} {
		if code.value != "" {
			body = appendMember(body, code.name, code.value)
		}
	}
	body = append(body, '}')
	if r.Comment != "" {
		body = appendMember(body, "comment", r.Comment)
	}
	read, err := DecodeWithdrawal(append(appendMember(append([]byte(nil), body...), "signature", unsignedSignature), '}'))
	if err != nil {
		return b, err
	}
	body = appendMember(body, "signature", WithdrawalSignature(privateKey, read.signed))
	return append(append(b, body...), '}'), nil
}

// unsignedSignature has the shape of a signature.
const unsignedSignature = "0000000000000000000000000000000000000000"

// DecodeWithdrawal reads the body of a withdrawal request and checks its fields; the signature is checked by Verify. Errors
// are *RequestError.
//
// What is signed is the values without their names, joined with colons. The rules below leave one way to read that text:
// no member but those of the protocol, no colon in a value, strict types, no comment that could be a bank code, and
// payment details only beside a withdrawal_id.
func DecodeWithdrawal(body []byte) (WithdrawalRequest, error) {
	var d withdrawalDecoder
	if err := DecodeStrict(body, d.member); err != nil {
		return WithdrawalRequest{}, err
	}
	if err := d.check(); err != nil {
		return WithdrawalRequest{}, err
	}
	signed, err := signedText(body)
	if err != nil {
		return WithdrawalRequest{}, err
	}
	d.request.signed = signed
	return d.request, nil
}

// withdrawalDecoder collects members.
type withdrawalDecoder struct {
	request                                                                     WithdrawalRequest
	id, system, currency, label, number, name, bank, branch, comment, signature field
	amount, isTest                                                              string
	details                                                                     bool   // payment details with something in them
	unknown                                                                     string // a member that there isn\'t
}

func (d *withdrawalDecoder) member(name []byte, value Value) error {
	text := string(name)
	switch text {
	case "withdrawal_id":
		return d.id.set(text, value)
	case "payment_system":
		return d.system.set(text, value)
	case "currency_code":
		return d.currency.set(text, value)
	case "label":
		return d.label.set(text, value)
	case "account_number":
		return d.number.set(text, value)
	case "account_name":
		return d.name.set(text, value)
	case "comment":
		return d.comment.set(text, value)
	case "signature":
		return d.signature.set(text, value)
	case "bank_details":
		return value.members(text, d.bankMember)
	case "payment_details", "payments_details":
		return d.payment(text, value)
	case "amount":
		if value.Kind != KindNumber || !wholeShape.Match(value.Raw) {
			return fieldError(text, "must be a whole number of rupees above 0, without quotes, for example 1218.")
		}
		d.amount = string(value.Raw)
		return nil
	case "is_test":
		if value.Kind != KindBool {
			return fieldError(text, "must be true or false, without quotes.")
		}
		d.isTest = string(value.Raw)
		return nil
	}
	if d.unknown == "" {
		d.unknown = clip(text)
	}
	return nil
}

func (d *withdrawalDecoder) bankMember(name []byte, value Value) error {
	switch string(name) {
	case "bank_code":
		return d.bank.set("bank_details.bank_code", value)
	case "branch_code":
		return d.branch.set("bank_details.branch_code", value)
	}
	return fieldError("bank_details", "takes bank_code or branch_code, not %q.", clip(string(name)))
}

// payment looks at details that are signed and otherwise left alone.
func (d *withdrawalDecoder) payment(name string, value Value) error {
	switch value.Kind {
	case KindNull:
		return nil
	case KindArray:
		return value.elements(name, func(Value) error { d.details = true; return nil })
	}
	return value.members(name, func([]byte, Value) error { d.details = true; return nil })
}

// check checks what was collected and fills the request. The first that is wrong is told.
func (d *withdrawalDecoder) check() error {
	r := &d.request
	var err error
	text := func(into *string, f field, name string, most int) {
		if err == nil {
			*into, err = f.signedID(name, most)
		}
	}
	text(&r.PaymentSystem, d.system, "payment_system", MaxField)
	text(&r.CurrencyCode, d.currency, "currency_code", currencyLength)
	text(&r.Label, d.label, "label", MaxWithdrawalLabel)
	text(&r.AccountNumber, d.number, "account_number", MaxAccountNumber)
	text(&r.AccountName, d.name, "account_name", MaxField) // its shape says more
	if d.id.ok {
		text(&r.WithdrawalID, d.id, "withdrawal_id", MaxWithdrawalID)
	}
	if d.comment.value != "" {
		text(&r.Comment, d.comment, "comment", MaxComment)
	}
	text(&r.signature, d.signature, "signature", MaxField)
	r.BankCode, r.BranchCode = d.bank.value, d.branch.value
	switch {
	case d.unknown != "":
		return bodyError("%s is no member of a withdrawal: what is signed would have more than one reading.", d.unknown)
	case err != nil:
		return err
	case r.PaymentSystem != PaymentSystemIMPS:
		return fieldError("payment_system", "must be %s.", PaymentSystemIMPS)
	case r.CurrencyCode != string(money.INR):
		return fieldError("currency_code", "must be %s.", money.INR)
	case d.amount == "":
		return fieldError("amount", "is required.")
	case d.isTest == "":
		return fieldError("is_test", "is required: true or false.")
	case !accountNumberShape.MatchString(r.AccountNumber):
		return fieldError("account_number", "must be %d to %d digits.", MinAccountNumber, MaxAccountNumber)
	case !accountNameShape.MatchString(r.AccountName) || strings.TrimSpace(r.AccountName) == "":
		return fieldError("account_name", "must be 1 to %d letters (a-z, A-Z) and spaces.", MaxAccountName)
	case r.IFSC() == "":
		return fieldError("bank_details", "needs branch_code (or bank_code): the IFSC of the branch.")
	case !ifscShape.MatchString(r.IFSC()) || r.BranchCode != "" && r.BranchCode != r.IFSC():
		return fieldError("bank_details", "needs one IFSC: 4 letters, 0, 6 letters or digits, for example HDFC0001234.")
	case ifscShape.MatchString(r.Comment):
		return fieldError("comment", "may not look like an IFSC.")
	case len(r.signature) != legacySize || strings.Trim(r.signature, "0123456789abcdef") != "":
		return fieldError("signature", "must be %d small hexadecimal digits.", legacySize)
	case d.details && r.WithdrawalID == "":
		return fieldError("withdrawal_id", "is required beside payment details.")
	}
	r.IsTest = d.isTest == "true"
	r.Amount, err = strconv.ParseInt(d.amount, 10, 64)
	return err
}

// signedID returns a text that comes back unchanged and that what is signed can hold: there a colon stands between values.
func (f *field) signedID(name string, most int) (string, error) {
	text, err := f.present(name)
	switch {
	case err != nil:
		return "", err
	case utf8.RuneCountInString(text) > most:
		return "", fieldError(name, "is longer than %d characters.", most)
	case strings.Contains(text, ":"):
		return "", fieldError(name, "may not have a colon: what is signed would have more than one reading.")
	case name != "account_name" && hasControl(text): // of an account's name its shape says what it may have
		return "", fieldError(name, "has a control character or a line separator.")
	}
	return text, nil
}

// Payee is the account's name as a bank is told it: words with one space between.
func (r WithdrawalRequest) Payee() string {
	return strings.Join(strings.FieldsFunc(r.AccountName, unicode.IsSpace), " ")
}
