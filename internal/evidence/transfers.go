package evidence

import "github.com/galla-gateway/galla/money"

// TransferRules say what a structured source may report: the currency of its wallet and the form of its rail's numbers.
type TransferRules struct {
	Currency  money.Currency
	Normalize func(number string) (string, error) // the rail's number rule; the error is shown to the sender
}

// DecodeTransfers reads one request of a structured source.
func DecodeTransfers(body []byte, rules TransferRules) ([]TransferItem, error) {
	return nil, &DecodeError{Status: 422, Message: "not yet"}
}
