package main

import (
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

// The documents that commands print with --json: snake_case members, amounts as decimal text with their currency
// beside them, times in RFC 3339 UTC, ids as numbers. Members are added over time, never renamed.

// moment is a stored time in a document; "" for none.
func moment(micro int64) string {
	if micro == 0 {
		return ""
	}
	return time.UnixMicro(micro).UTC().Format(time.RFC3339Nano)
}

// optionalMoment is moment of a column that may be NULL.
func optionalMoment(micro sql.NullInt64) string { return moment(micro.Int64) }

// minute is a stored time in a table for people.
func minute(micro int64) string {
	if micro == 0 {
		return "-"
	}
	return time.UnixMicro(micro).UTC().Format("2006-01-02 15:04:05Z")
}

// amountText is an amount in a document: "500.00".
func amountText(minor int64, currency string) string {
	return money.Money{Minor: minor, Currency: money.Currency(currency)}.Fixed()
}

// limitText is a limit in a document; "" for none.
func limitText(limit sql.NullInt64, currency string) string {
	if !limit.Valid {
		return ""
	}
	return amountText(limit.Int64, currency)
}

func number(n int64) string { return strconv.FormatInt(n, 10) }

// dash stands for an empty cell of a table.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// parseID reads an id given as an argument.
func parseID(what, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id < 1 {
		return 0, usagef("%s: expected the number of a %s, got %q", what, what, text)
	}
	return id, nil
}

// notFound names what is missing when a row isn't there.
func notFound(err error, what string, id any) error {
	if errors.Is(err, sql.ErrNoRows) {
		return &gateway.Refusal{Code: gateway.CodeNotFound, Message: fmt.Sprintf("no %s %v", what, id)}
	}
	return err
}

// claimDoc is a claim in a document.
type claimDoc struct {
	ID            int64  `json:"id"`
	Merchant      string `json:"merchant"`
	OrderID       string `json:"order_id"`
	Payer         string `json:"payer"`
	Method        string `json:"method"`
	Number        string `json:"number"`
	Amount        string `json:"amount"`
	Currency      string `json:"currency"`
	State         string `json:"state"`
	Reason        string `json:"reason"`
	UntilEvidence bool   `json:"until_evidence"`
	Credited      string `json:"credited,omitempty"`
	Corrections   int16  `json:"corrections"`
	SupersededBy  int64  `json:"superseded_by,omitempty"`
	CreatedAt     string `json:"created_at"`
	DecidedAt     string `json:"decided_at"`
	ExpiresAt     string `json:"expires_at,omitempty"`

	decided int64
}

func claimDocOf(c store.ListClaimsRow) claimDoc {
	doc := claimDoc{
		ID: c.ID, Merchant: c.Slug, OrderID: c.OrderID, Payer: c.Payer, Method: c.Method, Number: c.Given,
		Amount: amountText(c.Amount, c.Currency), Currency: c.Currency, State: c.State, Reason: c.Reason,
		UntilEvidence: c.UntilEvidence == 1, Corrections: c.Corrections, SupersededBy: c.SupersededBy,
		CreatedAt: moment(c.CreatedAt), DecidedAt: moment(c.DecidedAt), decided: c.DecidedAt,
	}
	if c.Credited > 0 {
		doc.Credited = amountText(c.Credited, c.Currency)
	}
	if c.State == string(deposit.Waiting) {
		doc.ExpiresAt = moment(c.ExpiresAt)
	}
	return doc
}

var claimHead = []string{"id", "state", "reason", "merchant", "order", "payer", "method", "number", "amount", "decided"}

func (d claimDoc) row() []string {
	return []string{number(d.ID), d.State, d.Reason, d.Merchant, d.OrderID, d.Payer, d.Method, d.Number, d.Amount + " " + d.Currency, minute(d.decided)}
}

// transferDoc is a transfer in a document.
type transferDoc struct {
	ID         int64    `json:"id"`
	Rail       string   `json:"rail"`
	Number     string   `json:"number"`
	AccountID  int64    `json:"account_id"`
	Amount     string   `json:"amount"`
	Currency   string   `json:"currency"`
	State      string   `json:"state"`
	Payer      string   `json:"payer"`
	OccurredAt string   `json:"occurred_at"`
	Precision  string   `json:"precision"`
	Strength   string   `json:"strength"`
	Marks      []string `json:"marks"`
	Released   []string `json:"released,omitempty"`
	ObservedAt string   `json:"observed_at"`

	occurred int64
}

func transferDocOf(t store.ListTransfersRow) transferDoc {
	return transferDoc{
		ID: t.ID, Rail: method.Rail(t.Rail).String(), Number: t.Number, AccountID: t.AccountID,
		Amount: amountText(t.Amount, t.Currency), Currency: t.Currency, State: t.State, Payer: t.Payer,
		OccurredAt: moment(t.OccurredAt), Precision: evidence.Precision(t.Accuracy).String(), Strength: evidence.Strength(t.Strength).String(),
		Marks: markNames(t.Marks), Released: markNames(t.Released), ObservedAt: moment(t.ObservedAt), occurred: t.OccurredAt,
	}
}

var transferHead = []string{"id", "state", "account", "number", "amount", "payer", "occurred"}

func (d transferDoc) row() []string {
	return []string{number(d.ID), d.State, number(d.AccountID), d.Number, d.Amount + " " + d.Currency, dash(d.Payer), minute(d.occurred)}
}

// markNames are the marks of a transfer in words.
func markNames(bits int16) []string {
	names := []string{}
	for _, mark := range []struct {
		bit  deposit.Mark
		name string
	}{
		{deposit.MarkAmount, "amount_conflict"}, {deposit.MarkAccount, "account_conflict"},
		{deposit.MarkReversed, "reversed"}, {deposit.MarkInternal, "internal"},
	} {
		if deposit.Mark(bits)&mark.bit != 0 {
			names = append(names, mark.name)
		}
	}
	return names
}

// evidenceDoc is a piece of evidence in a document. Raw is what came, as text.
type evidenceDoc struct {
	ID         int64  `json:"id"`
	SourceID   int64  `json:"source_id"`
	Sender     string `json:"sender"`
	ReceivedAt string `json:"received_at"`
	Outcome    string `json:"outcome"`
	Reason     string `json:"reason,omitempty"`
	Explained  string `json:"explained,omitempty"`
	Template   string `json:"template,omitempty"`
	TransferID int64  `json:"transfer_id,omitempty"`
	Raw        string `json:"raw"`

	received int64
}

func evidenceDocOf(e store.Evidence) evidenceDoc {
	return evidenceDoc{
		ID: e.ID, SourceID: e.SourceID, Sender: e.Sender, ReceivedAt: moment(e.ReceivedAt), Outcome: e.Outcome, Reason: e.Reason,
		Explained: evidence.Reason(e.Reason).Text(), Template: e.Reading, TransferID: e.TransferID.Int64, Raw: string(e.Raw), received: e.ReceivedAt,
	}
}

var evidenceHead = []string{"id", "outcome", "reason", "source", "transfer", "received", "raw"}

// maxRawCell is how much of a raw text a table shows, in characters.
const maxRawCell = 60

func (d evidenceDoc) row() []string {
	transfer := "-"
	if d.TransferID != 0 {
		transfer = number(d.TransferID)
	}
	return []string{number(d.ID), d.Outcome, dash(d.Reason), number(d.SourceID), transfer, minute(d.received), oneLine(d.Raw)}
}

// oneLine quotes a text from outside, so that it can't move the terminal's cursor, and cuts it for a table.
func oneLine(text string) string {
	if runes := []rune(text); len(runes) > maxRawCell {
		text = string(runes[:maxRawCell]) + "…"
	}
	return strconv.Quote(text)
}

// transitionDoc is one move of a claim or transfer in a document. Facts is what the verdict depended on.
type transitionDoc struct {
	From   string `json:"from"`
	To     string `json:"to"`
	At     string `json:"at"`
	Actor  string `json:"actor"`
	Reason string `json:"reason"`
	Facts  any    `json:"facts,omitempty"`

	at    int64
	facts string
}

var transitionHead = []string{"at", "from", "to", "actor", "reason", "facts"}

func (d transitionDoc) row() []string {
	return []string{minute(d.at), dash(d.From), d.To, d.Actor, printable(d.Reason), d.facts}
}
