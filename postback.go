package galla

import (
	"time"

	"github.com/galla-gateway/galla/money"
)

// Direction tells deposits from withdrawals in a postback.
type Direction string

// The directions of protocol section 5.
const (
	DirectionDeposit    Direction = "ingoing"
	DirectionWithdrawal Direction = "outgoing"
)

// The values of withdrawal_status.
const (
	WithdrawalPaid   = 1
	WithdrawalFailed = 5
)

// Postback tells a merchant about one credit or about the end of one withdrawal (protocol section 5). What stands twice
// in the body, the wallet type, the amount and its currency, stands here once.
type Postback struct {
	WalletType      string
	Amount          money.Money // what the payer paid; fees never show
	Label           string      // the merchant's id of the payer
	Converted       money.Money // the amount in the merchant's currency; no Currency means that it is left out
	Direction       Direction
	CreatedDatetime string // when the postback was written, see FormatTime
	AccessKey       string // filled by VerifyPostback; AppendBody takes it as an argument
	Data            PostbackData
}

// PostbackData is the one element of additional_data.
type PostbackData struct {
	ActivatedDatetime   string // when the claim was accepted or the withdrawal ended, see FormatTime
	ExchangerIdentifier string // the payer's wallet as observed, "" if unknown
	Comment             string
	StockpilingID       int64  // our id of the deposit
	TransactionID       string // the transaction number, e.g. 12 digits
	PluginCustomOrderID string // the merchant's id of the order; sent as null on withdrawals
	WithdrawalID        string // sent as null on deposits
	WithdrawalStatus    int    // WithdrawalPaid or WithdrawalFailed; sent as null on deposits
	AccountNumber       string // the account_* and the bank codes are "" on deposits
	AccountName         string
	AccountEmail        string
	BankCode            string
	BranchCode          string
}

// timeLayout is the form of times in postbacks.
const timeLayout = "2006-01-02 15:04:05"

// FormatTime writes a time of a postback, YYYY-MM-DD HH:MM:SS on the wall clock of the zone.
func FormatTime(t time.Time, zone *time.Location) string { return t.In(zone).Format(timeLayout) }

// AppendBody appends the JSON body, signed with the legacy signature (protocol 5, 5.1). The same values always give
// the same bytes; store them, because every attempt must send them unchanged.
func (p Postback) AppendBody(dst []byte, accessKey, privateKey string) []byte {
	dst = append(dst, `{"signature":"`...)
	signature := len(dst)
	dst = append(dst, "0000000000000000000000000000000000000000"...)
	dst = append(dst, '"')
	dst = appendMember(dst, "wallet_type", p.WalletType)
	dst = p.Amount.AppendText(appendName(dst, "amount"))
	dst = appendMember(dst, "currency_code", string(p.Amount.Currency))
	dst = appendMember(dst, "label", p.Label)
	if p.Converted.Currency != "" {
		dst = append(appendName(dst, "converted_amount"), '{')
		dst = p.Converted.AppendText(appendName(dst, string(p.Converted.Currency)))
		dst = append(dst, '}')
	}
	dst = appendMember(dst, "direction", string(p.Direction))
	dst = appendMember(dst, "created_datetime", p.CreatedDatetime)
	dst = appendMember(dst, "access_key", accessKey)
	dst = appendName(dst, "additional_data")
	data := len(dst)
	dst = p.appendData(dst)
	putLegacySignature(dst[signature:signature+legacySize], accessKey, privateKey, dst[data:])
	return append(dst, '}')
}

// appendData appends the additional_data array, the text that is signed.
func (p Postback) appendData(b []byte) []byte {
	d := &p.Data
	b = append(b, "[{"...)
	b = appendMember(b, "activated_datetime", d.ActivatedDatetime)
	b = appendMember(b, "exchanger_identifier", d.ExchangerIdentifier)
	b = appendMember(b, "comment", d.Comment)
	b = append(appendName(b, "amount"), '"')
	b = append(p.Amount.AppendText(b), '"')
	b = appendMember(b, "currency_code", string(p.Amount.Currency))
	b = appendMember(b, "wallet_type", p.WalletType)
	b = appendInt(b, "stockpiling_id", d.StockpilingID)
	b = appendMember(b, "transaction_id", d.TransactionID)
	b = appendInt(b, "transaction_type", 0)
	if p.Direction == DirectionWithdrawal {
		b = append(appendName(b, "plugin_custom_order_id"), "null"...)
		b = appendMember(b, "withdrawal_id", d.WithdrawalID)
		b = appendInt(b, "withdrawal_status", int64(d.WithdrawalStatus))
	} else {
		b = appendMember(b, "plugin_custom_order_id", d.PluginCustomOrderID)
		b = append(b, `,"withdrawal_id":null,"withdrawal_status":null`...)
	}
	b = appendMember(b, "account_number", d.AccountNumber)
	b = appendMember(b, "account_name", d.AccountName)
	b = appendMember(b, "account_email", d.AccountEmail)
	b = append(appendName(b, "bank_details"), '{')
	b = appendMember(b, "bank_code", d.BankCode)
	b = appendMember(b, "branch_code", d.BranchCode)
	return append(b, "}}]"...)
}
