package sim

import (
	"context"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// Payout is what a shop asks to be paid to one of its users by IMPS.
type Payout struct {
	ID      string // the shop's
	Payer   string // the shop's name of its user
	Rupees  int64
	Account string
	Name    string
	IFSC    string
}

// Withdraw asks for a payment to a bank account. slug names the merchant, key is its withdrawal key. A refusal is an answer,
// with the reasons in reasons by the member that is at fault, "" for the whole.
func (b *Backend) Withdraw(ctx context.Context, slug, key string, p Payout) (ok bool, reasons map[string]string, e Exchange, err error) {
	e = Exchange{Path: "/v2/withdrawal/create?merchant=" + url.QueryEscape(slug), Request: p.Signed(key)}
	if e.Status, e.Answer, err = post(ctx, b.Client, b.URL+e.Path, "", e.Request); err != nil {
		return false, nil, e, fmt.Errorf("ask %s: %w", e.Path, err)
	}
	var answer struct {
		Status  string          `json:"status"`
		Message json.RawMessage `json:"message"`
	}
	if err := json.Unmarshal(e.Answer, &answer); err != nil || answer.Status != AnswerOK && answer.Status != AnswerFail {
		return false, nil, e, fmt.Errorf("withdrawal/create answered %d %s", e.Status, e.Answer)
	}
	if answer.Status == AnswerOK {
		return true, nil, e, nil
	}
	reasons = map[string]string{}
	var text string
	var members map[string][]string
	switch {
	case json.Unmarshal(answer.Message, &text) == nil:
		reasons[""] = text
	case json.Unmarshal(answer.Message, &members) == nil:
		for member, list := range members {
			reasons[member] = strings.Join(list, "; ")
		}
	default:
		return false, nil, e, fmt.Errorf("withdrawal/create answered %d %s", e.Status, e.Answer)
	}
	return false, reasons, e, nil
}

// payoutRequest is the body, its members sorted by name: in the order in which they are signed.
type payoutRequest struct {
	AccountName   string `json:"account_name"`
	AccountNumber string `json:"account_number"`
	Amount        int64  `json:"amount"`
	BankDetails   struct {
		BranchCode string `json:"branch_code"`
	} `json:"bank_details"`
	CurrencyCode  string `json:"currency_code"`
	IsTest        bool   `json:"is_test"`
	Label         string `json:"label"`
	PaymentSystem string `json:"payment_system"`
	WithdrawalID  string `json:"withdrawal_id"`
	Signature     string `json:"signature"`
}

// Signed is the request as it is sent: JSON, signed with the shop's withdrawal key.
func (p Payout) Signed(key string) []byte { return encode(p.request(key)) }

func (p Payout) request(key string) payoutRequest {
	r := payoutRequest{
		AccountName: p.Name, AccountNumber: p.Account, Amount: p.Rupees, CurrencyCode: "INR", Label: p.Payer, PaymentSystem: "imps_ib", WithdrawalID: p.ID,
	}
	r.BankDetails.BranchCode = p.IFSC
	// false is empty text in PHP, in which the aggregator's own examples sign.
	joined := strings.Join([]string{
		r.AccountName, r.AccountNumber, strconv.FormatInt(r.Amount, 10), p.IFSC, r.CurrencyCode, "", r.Label, r.PaymentSystem, r.WithdrawalID,
	}, ":")
	inner := md5.Sum([]byte(joined))
	outer := sha1.Sum([]byte(key + hex.EncodeToString(inner[:])))
	r.Signature = hex.EncodeToString(outer[:])
	return r
}
