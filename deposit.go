package galla

import (
	"bytes"
	"errors"
	"fmt"
	"net/url"
	"unicode"
	"unicode/utf8"

	"github.com/galla-gateway/galla/money"
)

// Limits of fields, in Unicode characters.
const (
	// MaxField is the longest label, key1, custom_transaction_id or wallet_type.
	MaxField = 190
	// currencyLength is the length of an ISO 4217 code.
	currencyLength = 3
)

// RequestError says what is wrong with a request, for the developer who sent it. Field is the member's name on the
// wire, "" when the body as a whole is wrong. The server answers it as "fail" with HTTP 422.
type RequestError struct {
	Field   string
	Message string
}

// Error is the message; it names the field.
func (e *RequestError) Error() string { return e.Message }

func fieldError(field, format string, args ...any) error {
	return &RequestError{Field: field, Message: field + " " + fmt.Sprintf(format, args...)}
}

// CreateRequest asks which wallet a payer should pay to (protocol section 2).
type CreateRequest struct {
	Currency string // ISO 4217 code; three characters, not looked up yet
	Label    string // the merchant's id of the payer, 1 to MaxField characters
}

// AppendJSON appends the body of the request.
func (r CreateRequest) AppendJSON(b []byte) []byte {
	b = appendMember(append(b, '{'), "currency", r.Currency)
	return append(appendMember(b, "label", r.Label), '}')
}

// DecodeCreate reads the body of a create request and checks its fields. Errors are *RequestError.
func DecodeCreate(body []byte) (CreateRequest, error) {
	var r CreateRequest
	var currency, label field
	err := DecodeStrict(body, func(name []byte, value Value) error {
		switch string(name) {
		case "currency":
			return currency.set("currency", value)
		case "label":
			return label.set("label", value)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if r.Currency, err = currency.code("currency"); err != nil {
		return r, err
	}
	r.Label, err = label.id("label")
	return r, err
}

// ActivateRequest is a payer's claim to have paid (protocol section 4). DecodeActivate has checked types and lengths;
// the currency, the method, the number and the amount are still text.
type ActivateRequest struct {
	CurrencyCode        string // three characters
	WalletType          string // "phone_pe"
	Label               string // the merchant's id of the payer
	Key1                string // the transaction number as the payer typed it
	Amount              string // decimal text of the number or string that was sent, at most money.MaxText bytes
	CustomTransactionID string // the merchant's id of the order
}

// DecodeActivate reads the body of an activate request and checks its fields. Errors are *RequestError.
func DecodeActivate(body []byte) (ActivateRequest, error) {
	var r ActivateRequest
	var currency, wallet, label, key1, amount, order field
	err := DecodeStrict(body, func(name []byte, value Value) error {
		switch string(name) {
		case "currency_code":
			return currency.set("currency_code", value)
		case "wallet_type":
			return wallet.set("wallet_type", value)
		case "label":
			return label.set("label", value)
		case "key1":
			return key1.set("key1", value)
		case "amount":
			return amount.setAmount("amount", value)
		case "custom_transaction_id":
			return order.set("custom_transaction_id", value)
		}
		return nil
	})
	if err != nil {
		return r, err
	}
	if r.CurrencyCode, err = currency.code("currency_code"); err != nil {
		return r, err
	}
	if r.WalletType, err = wallet.id("wallet_type"); err != nil {
		return r, err
	}
	if r.Label, err = label.id("label"); err != nil {
		return r, err
	}
	if r.Key1, err = key1.text("key1"); err != nil {
		return r, err
	}
	if r.Amount, err = amount.present("amount"); err != nil {
		return r, err
	}
	r.CustomTransactionID, err = order.id("custom_transaction_id")
	return r, err
}

// AppendJSON appends the body of the request, the amount as a number. Errors are those of Money.
func (r ActivateRequest) AppendJSON(b []byte) ([]byte, error) {
	amount, err := r.Money()
	if err != nil {
		return b, err
	}
	b = appendMember(append(b, '{'), "currency_code", r.CurrencyCode)
	b = appendMember(b, "wallet_type", r.WalletType)
	b = appendMember(b, "label", r.Label)
	b = appendMember(b, "key1", r.Key1)
	b = amount.AppendText(appendName(b, "amount"))
	return append(appendMember(b, "custom_transaction_id", r.CustomTransactionID), '}'), nil
}

// Money reads the amount in the request's currency: above 0, at most money.MaxAmount, no more decimals than the
// currency has. Errors are *RequestError.
func (r ActivateRequest) Money() (money.Money, error) {
	currency, err := money.LookupCurrency(r.CurrencyCode)
	if err != nil {
		return money.Money{}, fieldError("currency_code", "%q is not a known currency.", clip(r.CurrencyCode))
	}
	amount, err := money.Parse(r.Amount, currency)
	switch {
	case errors.Is(err, money.ErrDecimals):
		return money.Money{}, fieldError("amount", "has too many decimals: %s has %d.", currency, currency.Exponent())
	case errors.Is(err, money.ErrRange):
		return money.Money{}, fieldError("amount", "is too large: the maximum is %s.", money.MaxAmount)
	case err != nil:
		return money.Money{}, fieldError("amount", "must be a number, for example 500 or 500.50.")
	case !amount.IsPositive():
		return money.Money{}, fieldError("amount", "must be greater than 0.")
	}
	return amount, nil
}

// AvailableRequest asks for the payment methods a merchant can offer (protocol section 7).
type AvailableRequest struct {
	CurrencyCodes []string // in the order sent, without repetitions; empty means all
	Label         string   // "" when not sent
}

// maxCurrencies is how many currencies one available request may name.
const maxCurrencies = 20

// DecodeAvailable reads currency_code (or currency_code[], any number of times) and label from the query and from the
// body, which may be empty or a JSON object with the same members. Errors are *RequestError.
func DecodeAvailable(query url.Values, body []byte) (AvailableRequest, error) {
	var r AvailableRequest
	for _, name := range []string{"currency_code", "currency_code[]"} {
		for _, code := range query[name] {
			if err := r.addCurrency(code); err != nil {
				return AvailableRequest{}, err
			}
		}
	}
	var label field
	switch labels := query["label"]; {
	case len(labels) > 1:
		return AvailableRequest{}, fieldError("label", "stands twice in the query.")
	case len(labels) == 1:
		label = field{value: labels[0], ok: labels[0] != ""}
	}
	if len(bytes.TrimSpace(body)) > 0 {
		if err := r.readBody(body, &label); err != nil {
			return AvailableRequest{}, err
		}
	}
	if label.ok {
		text, err := label.id("label")
		if err != nil {
			return AvailableRequest{}, err
		}
		r.Label = text
	}
	return r, nil
}

func (r *AvailableRequest) readBody(body []byte, label *field) error {
	return DecodeStrict(body, func(name []byte, value Value) error {
		switch string(name) {
		case "currency_code", "currency_code[]":
			if value.Kind != KindArray {
				return r.addCurrencyValue(value)
			}
			return value.elements("currency_code", r.addCurrencyValue)
		case "label":
			return label.set("label", value)
		}
		return nil
	})
}

func (r *AvailableRequest) addCurrencyValue(value Value) error {
	switch value.Kind {
	case KindString:
		return r.addCurrency(value.Text())
	case KindNull:
		return nil
	default:
		return fieldError("currency_code", "must be a string or an array of strings, not %s.", value.Kind)
	}
}

func (r *AvailableRequest) addCurrency(text string) error {
	code, err := (&field{value: text, ok: true}).code("currency_code")
	if err != nil {
		return err
	}
	for _, other := range r.CurrencyCodes {
		if other == code {
			return nil
		}
	}
	if len(r.CurrencyCodes) == maxCurrencies {
		return fieldError("currency_code", "names more than %d currencies.", maxCurrencies)
	}
	r.CurrencyCodes = append(r.CurrencyCodes, code)
	return nil
}

// field is a text member while it is collected: ok once it was sent and isn't null.
type field struct {
	value string
	ok    bool
}

// set takes a string. null counts as not sent.
func (f *field) set(name string, value Value) error {
	switch value.Kind {
	case KindNull:
		return nil
	case KindString:
		f.value, f.ok = value.Text(), true
		return nil
	case KindNumber:
		return fieldError(name, "must be a string, not a number: put it in quotes.")
	}
	return fieldError(name, "must be a string, not %s.", value.Kind)
}

// setAmount takes a number or a string.
func (f *field) setAmount(name string, value Value) error {
	switch value.Kind {
	case KindNull:
		return nil
	case KindNumber, KindString:
		text := value.Text()
		if len(text) > money.MaxText {
			return fieldError(name, "is longer than %d characters.", money.MaxText)
		}
		f.value, f.ok = text, true
		return nil
	}
	return fieldError(name, "must be a number, not %s.", value.Kind)
}

// present returns the value, or an error when there is none.
func (f *field) present(name string) (string, error) {
	if !f.ok || f.value == "" {
		return "", fieldError(name, "is required.")
	}
	return f.value, nil
}

// text returns a value of 1 to MaxField characters.
func (f *field) text(name string) (string, error) {
	if len(f.value) > MaxField && utf8.RuneCountInString(f.value) > MaxField {
		return "", fieldError(name, "is longer than %d characters.", MaxField)
	}
	return f.present(name)
}

// id returns a text that comes back unchanged and may therefore not have control characters or line separators.
func (f *field) id(name string) (string, error) {
	text, err := f.text(name)
	if err != nil {
		return "", err
	}
	if hasControl(text) {
		return "", fieldError(name, "has a control character or a line separator.")
	}
	return text, nil
}

// code returns a currency code, which is not looked up yet.
func (f *field) code(name string) (string, error) {
	code, err := f.present(name)
	if err != nil {
		return "", err
	}
	if utf8.RuneCountInString(code) != currencyLength {
		return "", fieldError(name, "must be a currency code of %d letters, for example INR.", currencyLength)
	}
	return code, nil
}

// hasControl reports control characters (C0, DEL, C1) and the separators U+2028 and U+2029.
func hasControl(text string) bool {
	for _, r := range text {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return true
		}
	}
	return false
}

// StripControl removes from free text what ids may not have: control characters, U+2028, U+2029, and bytes that aren't
// UTF-8.
func StripControl(text string) string {
	if utf8.ValidString(text) && !hasControl(text) {
		return text
	}
	kept := make([]byte, 0, len(text))
	for i, r := range text {
		if r == utf8.RuneError {
			if _, size := utf8.DecodeRuneInString(text[i:]); size == 1 {
				continue
			}
		}
		if !unicode.IsControl(r) && r != '\u2028' && r != '\u2029' {
			kept = utf8.AppendRune(kept, r)
		}
	}
	return string(kept)
}
