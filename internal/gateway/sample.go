package gateway

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/keyring"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

const (
	// SampleWebhookID begins the webhook-id of postbacks that tell of nothing that happened.
	SampleWebhookID = "msg_test_"
	// sampleIDs and what is added to them at most are ids that no deposit reaches and JavaScript still reads exactly.
	sampleIDs    = 8_000_000_000_000_000
	sampleIDsEnd = 9_000_000_000_000_000
	sampleAmount = "500"
	sampleOrder  = 8 // random characters of an order id that wasn't given
)

// Sample asks for a postback that tells of nothing that happened.
type Sample struct {
	Type    galla.EventType
	Amount  string // decimal text in the merchant's currency, "": 500
	OrderID string // of a withdrawal its id; "": an invented one
}

// SamplePostback is a signed postback that isn't stored anywhere.
type SamplePostback struct {
	Kind    PostbackKind
	Webhook galla.Webhook
	Body    []byte
}

// SamplePostback makes a sample with the merchant's real keys. A receiver can't tell it from a true one, and books it: so
// it is refused for live merchants.
func (g *Gateway) SamplePostback(slug string, s Sample) (SamplePostback, error) {
	dir, now := g.Directory(), g.now()
	m, ok := dir.MerchantBySlug(slug)
	if !ok {
		return SamplePostback{}, refuse(CodeNotFound, "no merchant %q: galla merchant list shows them", slug)
	}
	if !m.Sandbox && !dir.Simulated {
		return SamplePostback{}, refuse(CodeConflict, "merchant %s is live: its receiver would book a signed sample as money. Use a sandbox merchant (galla merchant add --sandbox)", slug)
	}
	p, kind, err := s.postback(m)
	if err != nil {
		return SamplePostback{}, err
	}
	at := galla.FormatTime(now, m.Zone)
	p.CreatedDatetime, p.Data.ActivatedDatetime = at, at
	if p.Converted, err = dir.converted(p.Amount); err != nil {
		return SamplePostback{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return SamplePostback{}, err
	}
	body := p.AppendBody(nil, m.AccessKey, m.postbackKey.Reveal())
	webhook, err := galla.NewWebhook(m.WebhookSecrets(now), SampleWebhookID+id.String(), now, body)
	if err != nil {
		return SamplePostback{}, fmt.Errorf("sign sample: %w", err)
	}
	return SamplePostback{Kind: kind, Webhook: webhook, Body: body}, nil
}

// postback is the sample without its times.
func (s Sample) postback(m *Merchant) (galla.Postback, PostbackKind, error) {
	if s.Amount == "" {
		s.Amount = sampleAmount
	}
	if s.OrderID == "" {
		s.OrderID = "test-" + keyring.NewAlphanumeric(sampleOrder)
	}
	amount, err := money.Parse(s.Amount, m.Currency)
	switch {
	case err != nil:
		return galla.Postback{}, "", refuse(CodeInvalid, "amount: %v", err)
	case amount.Minor <= 0:
		return galla.Postback{}, "", refuse(CodeInvalid, "amount: expected more than 0")
	case !utf8.ValidString(s.OrderID) || galla.StripControl(s.OrderID) != s.OrderID || utf8.RuneCountInString(s.OrderID) > galla.MaxField:
		return galla.Postback{}, "", refuse(CodeInvalid, "order id: expected at most %d characters, none of them a control character", galla.MaxField)
	}
	id := sampleIDs + rand.Int64N(sampleIDsEnd-sampleIDs)
	p := galla.Postback{Amount: amount, Label: "test-payer", Data: galla.PostbackData{StockpilingID: id}}
	switch s.Type {
	case galla.EventDepositOK:
		by, ok := methodOf(m.Currency)
		if !ok {
			return p, "", refuse(CodeConflict, "no method takes %s", m.Currency)
		}
		p.Direction, p.WalletType = galla.DirectionDeposit, by.Name
		p.Data.ExchangerIdentifier, p.Data.TransactionID, p.Data.PluginCustomOrderID = "test-payer@sandbox", digits(by.NumberLength()), s.OrderID
		return p, PostbackDeposit, nil
	case galla.EventWithdrawalPaid, galla.EventWithdrawalFailed:
		if m.Currency != money.INR {
			return p, "", refuse(CodeConflict, "withdrawals are in %s, merchant %s has %s", money.INR, m.Slug, m.Currency)
		}
		p.Direction, p.WalletType = galla.DirectionWithdrawal, "imps_ib"
		p.Data.WithdrawalID, p.Data.WithdrawalStatus = s.OrderID, galla.WithdrawalFailed
		if s.Type == galla.EventWithdrawalPaid {
			p.Data.WithdrawalStatus = galla.WithdrawalPaid
		}
		p.Data.AccountNumber, p.Data.AccountName, p.Data.BankCode = "123456789", "Test Name", "TEST0123456"
		return p, PostbackWithdrawal, nil
	}
	return p, "", refuse(CodeInvalid, "type: expected %s, %s or %s", galla.EventDepositOK, galla.EventWithdrawalPaid, galla.EventWithdrawalFailed)
}

// methodOf is the first method that takes deposits in a currency.
func methodOf(c money.Currency) (method.Method, bool) {
	for _, m := range method.All() {
		if !m.WithdrawalOnly && m.Currency == c {
			return m, true
		}
	}
	return method.Method{}, false
}

// digits are n random digits, the first of which is none that a spreadsheet would drop.
func digits(n int) string {
	var b strings.Builder
	b.WriteByte(byte('1' + rand.IntN(9)))
	for b.Len() < n {
		b.WriteByte(byte('0' + rand.IntN(10)))
	}
	return b.String()
}
