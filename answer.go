package galla

import "github.com/galla-gateway/galla/money"

// Status is the member "status" of every answer.
type Status string

// The statuses of protocol sections 1, 2 and 4.
const (
	// StatusOK: done; for activate, the credit is booked.
	StatusOK Status = "ok"
	// StatusPending: somebody or more evidence decides later.
	StatusPending Status = "pending"
	// StatusPossible: no evidence of the transfer yet; it activates itself when evidence comes.
	StatusPossible Status = "possible_transaction_created"
	// StatusFail: decided against, for good unless something else is sent.
	StatusFail Status = "fail"
	// StatusError: nothing was decided; repeat with the same ids.
	StatusError Status = "error"
)

// Fixed messages of answers.
const (
	MessagePending = "The deposit status check has been started. The operation may take longer than expected. " +
		"Upon completion of the verification, the funds will be credited to your account"
	MessagePossible = "Transaction not found. Possible transaction created"
	MessageNotFound = "Not found"
	MessageRepeat   = "Internal error. Nothing was decided: repeat the request with the same id"
)

// Answer is the answer to activate, and every answer that is only a status and a message.
type Answer struct {
	Status  Status
	Amount  money.Money // the observed amount; StatusOK only
	Message string      // StatusFail and StatusError only; pending and possible have fixed messages
}

// AppendJSON appends the answer as it goes over the wire.
func (a Answer) AppendJSON(b []byte) []byte {
	b = appendMember(append(b, '{'), "status", string(a.Status))
	switch a.Status {
	case StatusOK:
		b = append(b, `,"deposit":true,"deposit_amount":`...)
		b = a.Amount.AppendText(b)
		b = append(appendName(b, "currency"), '{')
		b = appendCurrency(b, a.Amount.Currency)
		b = append(b, '}')
	case StatusPending:
		b = appendMember(b, "message", MessagePending)
	case StatusPossible:
		b = appendMember(b, "message", MessagePossible)
	default:
		b = appendMember(b, "message", a.Message)
	}
	return append(b, '}')
}

// appendCurrency appends the members code and symbol; the symbol is the code.
func appendCurrency(b []byte, c money.Currency) []byte {
	b = appendMember(b, "code", string(c))
	return appendMember(b, "symbol", string(c))
}

// CreateAnswer is the answer to create when there is a wallet.
type CreateAnswer struct {
	Identifier string // where to pay: a phone number or a UPI address
}

// AppendJSON appends the answer as it goes over the wire.
func (a CreateAnswer) AppendJSON(b []byte) []byte {
	b = append(b, `{"status":"ok","params":{`...)
	b = appendMember(b, "identifier", a.Identifier)
	return append(b, "}}"...)
}

// AvailableAnswer is the answer to payment-systems/available.
type AvailableAnswer struct {
	Currencies []money.Currency
	Wallets    []AvailableWallet
}

// AvailableWallet is one payment method that a merchant can offer in one currency.
type AvailableWallet struct {
	Type     string // "phone_pe"
	Currency money.Currency
	Order    int    // position in a list, from 1
	Logo     string // URL or ""
	Name     string // for people: "PhonePe"
}

// AppendJSON appends the answer as it goes over the wire.
func (a AvailableAnswer) AppendJSON(b []byte) []byte {
	b = append(b, `{"status":"ok","params":{"currency_data":[`...)
	for i, c := range a.Currencies {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendCurrency(append(b, '{'), c), '}')
	}
	b = append(b, `],"wallets":[`...)
	for i, w := range a.Wallets {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendMember(append(b, '{'), "type", w.Type)
		b = appendMember(b, "currency_code", string(w.Currency))
		b = appendInt(b, "order", int64(w.Order))
		b = appendMember(b, "logo", w.Logo)
		b = append(appendMember(b, "name", w.Name), '}')
	}
	return append(b, "]}}"...)
}

// WithdrawalAnswer is the answer to a withdrawal request (protocol section 6): ok, or why not. With a Field the message goes
// out as an object, that member to a list of messages.
type WithdrawalAnswer struct {
	Status  Status
	Field   string // "" when no member is at fault
	Message string
}

// AppendJSON appends the answer as it goes over the wire.
func (a WithdrawalAnswer) AppendJSON(b []byte) []byte {
	b = appendMember(append(b, '{'), "status", string(a.Status))
	switch {
	case a.Status == StatusOK:
	case a.Field == "":
		b = appendMember(b, "message", a.Message)
	default:
		b = appendName(append(appendName(b, "message"), '{'), a.Field)
		b = appendString(append(b, '['), a.Message)
		b = append(b, "]}"...)
	}
	return append(b, '}')
}
