package evidence

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/galla-gateway/galla/money"
)

// TransferRules say what a structured source may report: the currency of its wallet and the form of its rail's numbers.
type TransferRules struct {
	Currency  money.Currency
	Normalize func(number string) (string, error) // the rail's number rule; its error is shown to the sender
}

// DecodeTransfers reads one request of a structured source: an object, or an array of at most MaxItems of them,
// {"reference","amount","currency","occurred_at","payer","note"}. reference and amount are needed; amount is decimal text
// or a number, read from its digits; currency defaults to the wallet's; occurred_at is RFC 3339. Items keep their order,
// and a bad one is refused alone. Only a body that can't be cut into items is a *DecodeError.
func DecodeTransfers(body []byte, rules TransferRules) ([]TransferItem, error) {
	raws, err := splitItems(body)
	if err != nil {
		return nil, err
	}
	items := make([]TransferItem, len(raws))
	for i, raw := range raws {
		items[i] = decodeTransfer(raw, rules)
	}
	return items, nil
}

func decodeTransfer(raw []byte, rules TransferRules) TransferItem {
	item := TransferItem{Raw: raw}
	fields, err := parseObject(raw)
	if err == nil {
		item.Transfer, item.Reason, err = readTransfer(fields, rules)
	}
	if err != nil {
		if item.Reason == "" {
			item.Reason = ReasonMalformed
		}
		item.Transfer, item.Detail = Structured{}, err.Error()
	}
	return item
}

func readTransfer(o object, rules TransferRules) (t Structured, reason Reason, err error) {
	var reference, amount, currency string
	for _, field := range [...]struct {
		key      string
		target   *string
		maxChars int
	}{
		{"reference", &reference, MaxFieldChars}, {"amount", &amount, money.MaxText},
		{"currency", &currency, MaxFieldChars}, {"occurred_at", &t.GivenTime, MaxFieldChars},
		{"payer", &t.Payer, MaxFieldChars}, {"note", &t.Note, MaxNoteChars},
	} {
		if *field.target, err = o.text(field.key); err != nil {
			return t, ReasonMalformed, err
		}
		if utf8.RuneCountInString(*field.target) > field.maxChars {
			return t, ReasonTooLong, fmt.Errorf("%q is longer than %d characters", field.key, field.maxChars)
		}
	}
	if reference == "" || amount == "" {
		return t, ReasonMalformed, fmt.Errorf(`"reference" and "amount" are needed`)
	}
	if t.Number, err = rules.Normalize(reference); err != nil {
		return t, ReasonBadReference, err
	}
	if currency != "" && currency != string(rules.Currency) {
		return t, ReasonBadCurrency, fmt.Errorf("the wallet of this source has %s", rules.Currency)
	}
	if t.Amount, err = money.Parse(amount, rules.Currency); err != nil {
		return t, ReasonBadAmount, err
	}
	if !t.Amount.IsPositive() {
		return t, ReasonBadAmount, fmt.Errorf("the amount must be above zero")
	}
	if t.GivenTime != "" {
		if t.OccurredAt, err = time.Parse(time.RFC3339Nano, t.GivenTime); err != nil {
			return t, ReasonBadTime, fmt.Errorf(`"occurred_at" must be RFC 3339, for example 2026-11-22T10:00:00Z`)
		}
		t.OccurredAt, t.Precision = t.OccurredAt.UTC(), PrecisionExact
	}
	t.Payer = strings.TrimSpace(t.Payer)
	return t, "", nil
}

// Fields is the item as the text that its fingerprint covers: what it says, not how its JSON is spaced; an item that was
// refused is covered byte by byte.
func (item TransferItem) Fields() string {
	if item.Reason != "" {
		return "raw" + string(item.Raw)
	}
	t := item.Transfer
	var b strings.Builder
	for _, part := range [...]string{t.Number, t.Amount.Fixed(), string(t.Amount.Currency), t.Payer, t.Note} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}
