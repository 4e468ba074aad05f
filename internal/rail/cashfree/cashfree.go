// Package cashfree pays by Cashfree Payouts V2: one standard transfer for each instruction, by IMPS to a bank account that
// is named in the transfer itself.
//
// Written by these pages of https://www.cashfree.com/docs, as they stood in November 2026:
//
//	api-reference/payouts/v2/transfers-v2/standard-transfer-v2      the request and the transfer it answers with
//	api-reference/payouts/v2/transfers-v2/get-transfer-status-v2    how to ask later, and status codes
//	api-reference/payouts/v2/webhooks/webhooks-v2                   webhooks and their signature
//	payouts/payouts/make-payouts/lifecycle                          the states
//	payouts/payouts/integrations/error-handling                     what HTTP statuses mean
//
// Lengths, alphabets and the shape of an error are from the documentation of Cashfree's own client,
// https://github.com/cashfree/cashfree-payout-sdk-dotnet (docs/CreateTransferRequest.md, docs/ErrorV2.md).
package cashfree

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail/wire"
	"github.com/galla-gateway/galla/money"
)

// Where the documentation has the API.
const (
	Production = "https://api.cashfree.com/payout"
	Sandbox    = "https://sandbox.cashfree.com/payout"
)

// Version is the x-api-version that this package speaks.
const Version = "2024-01-01"

// Config says which account pays. What has a default may be left out.
type Config struct {
	ClientID string
	Secret   wire.Secret
	// WebhookSecret is the client secret that webhooks are signed with: of several live ones the oldest. Default: Secret.
	WebhookSecret wire.Secret
	BaseURL       string       // default: Production
	Client        *http.Client // default: one of wire's own
}

// Rail pays by Cashfree. It is a rail.Hearer and prints as "cashfree".
type Rail struct {
	wire   *wire.Client
	client string
	secret wire.Secret
	hook   wire.Secret
}

// New checks the configuration. It calls nobody.
func New(c Config) (*Rail, error) {
	if c.ClientID == "" || c.Secret == "" {
		return nil, errors.New("cashfree: client id and secret are required")
	}
	if c.BaseURL == "" {
		c.BaseURL = Production
	}
	if c.WebhookSecret == "" {
		c.WebhookSecret = c.Secret
	}
	client, err := wire.Open(c.BaseURL, c.Client, c.Secret, c.WebhookSecret)
	if err != nil {
		return nil, fmt.Errorf("cashfree: %w", err)
	}
	return &Rail{wire: client, client: c.ClientID, secret: c.Secret, hook: c.WebhookSecret}, nil
}

// Format prints "cashfree" for every verb: the fields hold secrets.
func (r Rail) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "cashfree") }

// Fixed values of every transfer.
const (
	path = "/transfers"
	mode = "imps"
)

// order is the request.
type order struct {
	TransferID  string      `json:"transfer_id"`     // ours, at most 40 letters, digits and underscores
	Amount      json.Number `json:"transfer_amount"` // rupees with both decimals, written from paise: 700.50
	Currency    string      `json:"transfer_currency"`
	Mode        string      `json:"transfer_mode"`
	Beneficiary beneficiary `json:"beneficiary_details"`
	Remarks     string      `json:"transfer_remarks"` // letters, digits and spaces, at most 70
}

type beneficiary struct {
	Name       string     `json:"beneficiary_name,omitempty"`
	Instrument instrument `json:"beneficiary_instrument_details"`
}

type instrument struct {
	AccountNumber string `json:"bank_account_number"`
	IFSC          string `json:"bank_ifsc"`
}

// Pay hands over an instruction. The transfer_id is the idempotency key: a second transfer under it is refused, and then
// Pay answers what Find finds. It answers payout.Failed only where Cashfree has a transfer of this reference and says
// that it failed. No other HTTP error is Failed, not even a refused field: after a Pay that timed out, a later one may be
// refused (keys changed, address not allowed, balance used up by the first) though the first went through. Find tells.
func (r *Rail) Pay(ctx context.Context, in payout.Instruction) payout.Answer {
	if in.Amount.Currency != money.INR || in.Amount.Minor <= 0 {
		return payout.Answer{Outcome: payout.Failed, Code: "not_sent", Reason: "only rupees can be paid, and more than none"}
	}
	body, err := json.Marshal(order{
		TransferID: in.Reference, Amount: json.Number(in.Amount.Fixed()), Currency: string(in.Amount.Currency), Mode: mode,
		Beneficiary: beneficiary{Name: in.AccountName, Instrument: instrument{AccountNumber: in.AccountNumber, IFSC: in.IFSC}},
		Remarks:     in.Reference,
	})
	if err != nil {
		return payout.Answer{Outcome: payout.Unknown, Reason: "the request can't be written"}
	}
	header := r.header()
	header.Set("Content-Type", "application/json")
	reply := r.wire.Ask(ctx, http.MethodPost, path, header, body)
	if taken(reply) {
		a := r.Find(ctx, in, "")
		if a.Outcome == payout.Absent {
			a.Outcome, a.Reason = payout.Unknown, "Cashfree has this transfer_id already and doesn't find it"
		}
		return a
	}
	return r.judge(reply, in, "")
}

// Find asks what became of an instruction. It asks by transfer_id, which is ours and always known. railID, where given,
// must be the cf_transfer_id of what is found.
func (r *Rail) Find(ctx context.Context, in payout.Instruction, railID string) payout.Answer {
	query := url.Values{"transfer_id": {in.Reference}}
	reply := r.wire.Ask(ctx, http.MethodGet, path+"?"+query.Encode(), r.header(), nil)
	a := r.judge(reply, in, railID)
	if absent(reply) {
		a.Outcome = payout.Absent
		if railID != "" {
			a.Outcome, a.Reason = payout.Unknown, "Cashfree gave this transfer an id and doesn't know it any more"
		}
	}
	return a
}

func (r *Rail) header() http.Header {
	h := http.Header{"Accept": {"application/json"}}
	h.Set("x-client-id", r.client)
	h.Set("x-client-secret", r.secret.Reveal())
	h.Set("x-api-version", Version)
	return h
}
