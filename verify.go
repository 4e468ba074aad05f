package galla

import (
	"bytes"
	"crypto/subtle"
	"fmt"
	"net/http"
	"time"

	"github.com/galla-gateway/galla/money"
)

// PostbackKeys are a merchant's keys for postbacks, as `galla merchant add` prints them.
type PostbackKeys struct {
	AccessKey      string   // access_key
	PrivateKey     string   // postback_private_key
	WebhookSecrets []string // whsec_…; more than one while rotating; empty checks the legacy signature alone
}

// bom is the byte order mark that some senders put before JSON.
var bom = []byte("\xef\xbb\xbf")

// VerifyPostback checks a received postback and reads it. body is the raw request body. The legacy signature must
// match, and with WebhookSecrets the Standard Webhooks headers too: only they cover the members outside
// additional_data (label among them) and the time. Repeats are possible at any time: answer a known
// Data.StockpilingID or Data.WithdrawalID with {"status":"ok"} again.
func VerifyPostback(body []byte, header http.Header, keys PostbackKeys, now time.Time) (Postback, error) {
	if keys.AccessKey == "" || keys.PrivateKey == "" {
		return Postback{}, fmt.Errorf("verify postback: access key and private key are needed")
	}
	if len(keys.WebhookSecrets) > 0 {
		if err := VerifyWebhook(keys.WebhookSecrets, header, body, now, WebhookTolerance); err != nil {
			return Postback{}, err
		}
	}
	var w postbackWire
	if err := DecodeStrict(bytes.TrimPrefix(body, bom), w.member); err != nil {
		return Postback{}, fmt.Errorf("read postback: %w", err)
	}
	want := LegacySignature(keys.AccessKey, keys.PrivateKey, w.signed)
	if subtle.ConstantTimeCompare([]byte(want), []byte(w.signature)) != 1 {
		return Postback{}, fmt.Errorf("%w: the postback's signature does not match", ErrSignature)
	}
	if subtle.ConstantTimeCompare([]byte(keys.AccessKey), []byte(w.AccessKey)) != 1 {
		return Postback{}, fmt.Errorf("%w: the postback is for another access key", ErrSignature)
	}
	return w.finish()
}

// postbackWire collects a postback while it is read.
type postbackWire struct {
	Postback
	signature string
	signed    []byte // the additional_data array as it stands in the body
	elements  int

	amount, currency             string
	dataAmount, dataCurrency     string
	dataWallet                   string
	convertedText, convertedCode string
}

// finish checks that what stands twice agrees, and reads the amounts.
func (w *postbackWire) finish() (Postback, error) {
	if w.elements != 1 {
		return Postback{}, fmt.Errorf("read postback: additional_data has %d elements, want 1", w.elements)
	}
	if w.dataWallet != w.WalletType || w.dataCurrency != w.currency {
		return Postback{}, fmt.Errorf("%w: additional_data is about another wallet type or currency", ErrSignature)
	}
	amount, err := parseAmount(w.amount, w.currency)
	if err != nil {
		return Postback{}, err
	}
	signed, err := parseAmount(w.dataAmount, w.currency)
	if err != nil {
		return Postback{}, err
	}
	if amount != signed {
		return Postback{}, fmt.Errorf("%w: additional_data has another amount", ErrSignature)
	}
	w.Amount = signed
	if w.convertedCode != "" {
		if w.Converted, err = parseAmount(w.convertedText, w.convertedCode); err != nil {
			return Postback{}, err
		}
	}
	if w.Direction != DirectionDeposit && w.Direction != DirectionWithdrawal {
		return Postback{}, fmt.Errorf("read postback: unknown direction %q", clip(string(w.Direction)))
	}
	return w.Postback, nil
}

func parseAmount(text, code string) (money.Money, error) {
	currency, err := money.LookupCurrency(code)
	if err != nil {
		return money.Money{}, fmt.Errorf("read postback: %w", err)
	}
	amount, err := money.Parse(text, currency)
	if err != nil {
		return money.Money{}, fmt.Errorf("read postback: amount %q: %w", clip(text), err)
	}
	return amount, nil
}

// member takes one member of the body.
func (w *postbackWire) member(name []byte, value Value) error {
	switch string(name) {
	case "signature":
		return take(&w.signature, "signature", value)
	case "wallet_type":
		return take(&w.WalletType, "wallet_type", value)
	case "amount":
		return takeNumber(&w.amount, "amount", value)
	case "currency_code":
		return take(&w.currency, "currency_code", value)
	case "label":
		return take(&w.Label, "label", value)
	case "converted_amount":
		return value.members("converted_amount", func(code []byte, value Value) error {
			w.convertedCode = string(code)
			return takeNumber(&w.convertedText, "converted_amount", value)
		})
	case "direction":
		return take((*string)(&w.Direction), "direction", value)
	case "created_datetime":
		return take(&w.CreatedDatetime, "created_datetime", value)
	case "access_key":
		return take(&w.AccessKey, "access_key", value)
	case "additional_data":
		w.signed = value.Raw
		return value.elements("additional_data", func(element Value) error {
			w.elements++
			return element.members("additional_data", w.dataMember)
		})
	}
	return nil
}

// dataMember takes one member of additional_data[0].
func (w *postbackWire) dataMember(name []byte, value Value) error {
	d := &w.Data
	key := string(name)
	switch key {
	case "activated_datetime":
		return take(&d.ActivatedDatetime, key, value)
	case "exchanger_identifier":
		return take(&d.ExchangerIdentifier, key, value)
	case "comment":
		return take(&d.Comment, key, value)
	case "amount":
		return take(&w.dataAmount, key, value)
	case "currency_code":
		return take(&w.dataCurrency, key, value)
	case "wallet_type":
		return take(&w.dataWallet, key, value)
	case "stockpiling_id":
		return takeInt(&d.StockpilingID, key, value)
	case "transaction_id":
		return take(&d.TransactionID, key, value)
	case "plugin_custom_order_id":
		return take(&d.PluginCustomOrderID, key, value)
	case "withdrawal_id":
		return take(&d.WithdrawalID, key, value)
	case "withdrawal_status":
		var status int64
		err := takeInt(&status, key, value)
		d.WithdrawalStatus = int(status)
		return err
	case "account_number":
		return take(&d.AccountNumber, key, value)
	case "account_name":
		return take(&d.AccountName, key, value)
	case "account_email":
		return take(&d.AccountEmail, key, value)
	case "bank_details":
		return value.members(key, func(name []byte, value Value) error {
			switch string(name) {
			case "bank_code":
				return take(&d.BankCode, "bank_code", value)
			case "branch_code":
				return take(&d.BranchCode, "branch_code", value)
			}
			return nil
		})
	}
	return nil
}
