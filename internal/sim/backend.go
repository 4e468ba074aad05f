package sim

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/galla-gateway/galla/money"
)

// method is the payment method of the simulated wallets.
const method = "phone_pe"

// Backend is the part of a merchant's server that asks Galla, written against the documentation without the SDK.
type Backend struct {
	URL    string // of the API, without a path
	Secret string // pluginapi_secret
	Client *http.Client
}

// Exchange is one request with its answer, as they went over the wire.
type Exchange struct {
	Path    string
	Request []byte
	Status  int // HTTP status
	Answer  []byte
}

// Answer is what Galla said of a claim.
type Answer struct {
	Status  string      `json:"status"` // ok, pending, possible_transaction_created, fail
	Message string      `json:"message"`
	Amount  json.Number `json:"deposit_amount"` // of an ok
}

// Answers of a claim.
const (
	AnswerOK       = "ok"
	AnswerPending  = "pending"
	AnswerPossible = "possible_transaction_created"
	AnswerFail     = "fail"
)

// Create asks which wallet the payer is to pay to. No wallet is an error.
func (b *Backend) Create(ctx context.Context, payer string) (identifier string, e Exchange, err error) {
	e, err = b.ask(ctx, "/api/v1/transaction/create/"+method, struct {
		Currency string `json:"currency"`
		Label    string `json:"label"`
	}{string(money.INR), payer})
	if err != nil {
		return "", e, err
	}
	var answer struct {
		Status  string `json:"status"`
		Message string `json:"message"`
		Params  struct {
			Identifier string `json:"identifier"`
		} `json:"params"`
	}
	if err := json.Unmarshal(e.Answer, &answer); err != nil {
		return "", e, fmt.Errorf("create answered %d %q: %w", e.Status, e.Answer, err)
	}
	if answer.Status != AnswerOK || answer.Params.Identifier == "" {
		return "", e, fmt.Errorf("create answered %s: %s", answer.Status, answer.Message)
	}
	return answer.Params.Identifier, e, nil
}

// Activate reports the number that a payer typed. All four outcomes are answers.
func (b *Backend) Activate(ctx context.Context, order, payer, number string, amount money.Money) (Answer, Exchange, error) {
	e, err := b.ask(ctx, "/api/v1/transaction/activate", struct {
		Currency string      `json:"currency_code"`
		Wallet   string      `json:"wallet_type"`
		Label    string      `json:"label"`
		Key1     string      `json:"key1"`
		Amount   json.Number `json:"amount"`
		Order    string      `json:"custom_transaction_id"`
	}{string(amount.Currency), method, payer, number, json.Number(amount.Text()), order})
	if err != nil {
		return Answer{}, e, err
	}
	var answer Answer
	if err := json.Unmarshal(e.Answer, &answer); err != nil {
		return Answer{}, e, fmt.Errorf("activate answered %d %q: %w", e.Status, e.Answer, err)
	}
	switch answer.Status {
	case AnswerOK, AnswerPending, AnswerPossible, AnswerFail:
		return answer, e, nil
	}
	return answer, e, fmt.Errorf("activate answered %d %s", e.Status, e.Answer)
}

func (b *Backend) ask(ctx context.Context, path string, request any) (e Exchange, err error) {
	e = Exchange{Path: path, Request: encode(request)}
	e.Status, e.Answer, err = post(ctx, b.Client, b.URL+path, b.Secret, e.Request)
	if err != nil {
		return e, fmt.Errorf("ask %s: %w", path, err)
	}
	return e, nil
}
