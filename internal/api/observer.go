package api

import (
	"errors"
	"fmt"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/wallet"
)

// templateTransfer is kept with structured evidence where a message's template would be.
const templateTransfer = "transfer"

// observer makes items for the gateway out of what a source sent. It is pure.
type observer struct {
	sourceID int64
	account  wallet.Account
	method   method.Method // of the source's wallet: its form of transaction numbers
	now      time.Time     // when the request came
}

// newObserver gathers what reading a source's evidence depends on. An error is a fault: the directory contradicts itself.
func newObserver(directory *gateway.Directory, source *gateway.Source, now time.Time) (observer, error) {
	account, ok := directory.Account(source.AccountID)
	if !ok {
		return observer{}, fmt.Errorf("source %d watches the unknown account %d", source.ID, source.AccountID)
	}
	wallet, ok := directory.Wallet(source.WalletID)
	if !ok {
		return observer{}, fmt.Errorf("source %d belongs to the unknown wallet %d", source.ID, source.WalletID)
	}
	payMethod, ok := method.Lookup(wallet.Method)
	if !ok {
		return observer{}, fmt.Errorf("wallet %d has the unknown method %q", wallet.ID, wallet.Method)
	}
	return observer{sourceID: source.ID, account: account, method: payMethod, now: now}, nil
}

// rules are what a structured source may report.
func (o observer) rules() evidence.TransferRules {
	return evidence.TransferRules{Currency: o.account.Currency, Normalize: func(typed string) (string, error) {
		number, hint := o.method.Reference(typed)
		if hint.Code != method.HintNone {
			return "", errors.New(hint.Message)
		}
		return number, nil
	}}
}

// item is what items of both kinds have alike.
func (o observer) item(raw []byte) gateway.EvidenceItem {
	return gateway.EvidenceItem{
		SourceID: o.sourceID, AccountID: deposit.AccountID(o.account.ID), Rail: o.account.Rail, ReceivedAt: o.now, Raw: raw,
	}
}

// transfer makes an item of a structured transfer. What names its own fields is believed for any amount.
func (o observer) transfer(given evidence.TransferItem) gateway.EvidenceItem {
	item := o.item(given.Raw)
	t := given.Transfer
	item.Fingerprint = evidence.Fingerprint(o.sourceID, "", given.Fields(), t.GivenTime)
	item.Template, item.Strength = templateTransfer, evidence.StrengthAny
	if given.Reason != "" {
		item.Outcome, item.Reason = evidence.Refused, given.Reason
		return item
	}
	item.Outcome, item.Number, item.Amount, item.Payer = evidence.Credit, t.Number, t.Amount, galla.StripControl(t.Payer)
	item.OccurredAt, item.Precision = evidence.OccurredAt(t.OccurredAt, t.Precision, o.now), t.Precision
	return item
}

// message makes an item of a text and what the reader found in it. Of a one-time password nothing is passed on but that
// there was one.
func (o observer) message(m evidence.Message, reading evidence.Reading) gateway.EvidenceItem {
	if reading.Outcome == evidence.OTP {
		item := o.item(nil)
		item.Outcome, item.Reason = evidence.OTP, reading.Reason
		return item
	}
	item := o.item(m.Raw)
	item.Fingerprint = fingerprintOf(o.sourceID, m)
	item.Sender, item.Payer = galla.StripControl(senderOf(m)), galla.StripControl(reading.Payer)
	item.Outcome, item.Reason = o.judgeOutcome(reading)
	item.Template, item.Strength = reading.Template, reading.Strength()
	switch item.Outcome {
	case evidence.Credit:
		item.Number, item.Amount = reading.Number, reading.Amount
		item.OccurredAt, item.Precision = reading.OccurredAt, reading.Precision
	case evidence.Reversal:
		item.Number = reading.ReversalOf
	}
	return item
}

// judgeOutcome is the reading's outcome as far as this account is concerned. The texts that the reader knows are about
// Indian accounts: of a wallet on another rail they say nothing.
func (o observer) judgeOutcome(reading evidence.Reading) (evidence.Outcome, evidence.Reason) {
	switch {
	case !o.account.Watches(reading.Tail):
		return evidence.Refused, evidence.ReasonOtherAccount
	case reading.Outcome == evidence.Credit && reading.Amount.Currency != o.account.Currency:
		return evidence.Refused, evidence.ReasonBadCurrency
	case reading.Outcome == evidence.Reversal && o.account.Rail != method.RailIndia:
		return evidence.Refused, evidence.ReasonReversal
	}
	return reading.Outcome, reading.Reason
}

// fingerprintOf covers what makes a message the same as an earlier one. An item whose members couldn't be read is
// covered byte by byte.
func fingerprintOf(sourceID int64, m evidence.Message) [32]byte {
	if m.Problem != "" {
		return evidence.Fingerprint(sourceID, "", "raw"+string(m.Raw), "")
	}
	text := m.Text
	if m.Title != "" {
		text = m.Title + "\n" + text
	}
	return evidence.Fingerprint(sourceID, senderOf(m), text, m.GivenTime)
}

// senderOf is who a message is from; a notification may name nothing but its app.
func senderOf(m evidence.Message) string {
	if m.Sender == "" {
		return m.App
	}
	return m.Sender
}
