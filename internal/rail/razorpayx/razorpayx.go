// Package razorpayx pays by RazorpayX: one composite payout for each instruction, by IMPS to a bank account.
//
// Written by these pages of https://razorpay.com/docs, as they stood in November 2026:
//
//	api/x/payout-composite/create/bank-account   the request and the payout it answers with
//	api/x/payout-idempotency                     X-Payout-Idempotency
//	api/x/payouts/fetch-with-id, .../fetch-all   how to ask later, also by reference_id
//	x/payouts/states-life-cycle                  the states
//	errors/x                                     errors, and what to do after a 5xx
//	webhooks/payouts, webhooks/validate-test     webhooks and their signature
package razorpayx

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail/wire"
	"github.com/galla-gateway/galla/money"
)

// Production is where the documentation has the API. Test mode is the same place with keys that begin with rzp_test_.
const Production = "https://api.razorpay.com"

// KeyLifetime is how long RazorpayX knows an idempotency key (errors/x, "Handling 5XX Errors"). A Pay later than this
// after the first one might pay a second time: look with Find before, and pay only what is Absent.
const KeyLifetime = 7 * 24 * time.Hour

// Config says which account pays. WebhookSecret and what has a default may be left out.
type Config struct {
	KeyID         string
	Secret        wire.Secret  // of the key
	WebhookSecret wire.Secret  // as typed into the dashboard; without it Hear believes nobody
	Account       string       // RazorpayX account number or customer identifier that is debited
	BaseURL       string       // default: Production
	Client        *http.Client // default: one of wire's own
}

// Rail pays by RazorpayX. It is a rail.Hearer and prints as "razorpayx".
type Rail struct {
	wire    *wire.Client
	account string
	basic   wire.Secret // Authorization
	hook    wire.Secret
}

// New checks the configuration. It calls nobody.
func New(c Config) (*Rail, error) {
	if c.KeyID == "" || c.Secret == "" || c.Account == "" {
		return nil, errors.New("razorpayx: key id, secret and account are required")
	}
	if c.BaseURL == "" {
		c.BaseURL = Production
	}
	basic := wire.Secret(base64.StdEncoding.EncodeToString([]byte(c.KeyID + ":" + c.Secret.Reveal())))
	client, err := wire.Open(c.BaseURL, c.Client, c.Secret, c.WebhookSecret, basic)
	if err != nil {
		return nil, fmt.Errorf("razorpayx: %w", err)
	}
	return &Rail{wire: client, account: c.Account, basic: basic, hook: c.WebhookSecret}, nil
}

// Format prints "razorpayx" for every verb: the fields hold secrets.
func (r Rail) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "razorpayx") }

// Fixed values of every payout.
const (
	path        = "/v1/payouts"
	mode        = "IMPS"
	purpose     = "payout"
	contactType = "customer"
	accountType = "bank_account"
	rupees      = "INR"
)

// order is the request. The same instruction gives the same bytes each time, as the idempotency key demands.
type order struct {
	AccountNumber string      `json:"account_number"`
	Amount        int64       `json:"amount"` // paise
	Currency      string      `json:"currency"`
	Mode          string      `json:"mode"`
	Purpose       string      `json:"purpose"`
	FundAccount   fundAccount `json:"fund_account"`
	// QueueIfLowBalance is false. A queued payout goes out whenever the account is filled, up to three months later, when
	// the merchant may have paid the user in another way; and it can be stopped only by hand. A payout that is refused
	// is known to be, and is the merchant's to send again. (The states queued and pending are read all the same: they
	// also come from a bank that is down and from an approval workflow.)
	QueueIfLowBalance bool   `json:"queue_if_low_balance"`
	ReferenceID       string `json:"reference_id"`
	Narration         string `json:"narration"` // on the statements of both sides: letters, digits and spaces, at most 30
}

type fundAccount struct {
	AccountType string      `json:"account_type"`
	BankAccount bankAccount `json:"bank_account"`
	Contact     contact     `json:"contact"`
}

type bankAccount struct {
	Name          string `json:"name"`
	IFSC          string `json:"ifsc"`
	AccountNumber string `json:"account_number"`
}

type contact struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// ReferenceID is another one for each bank account. RazorpayX takes an existing contact and fund account where the
	// name, type and reference of the contact are the same, and doesn't list the account number among what must be the
	// same: two users of one name must never share a contact.
	ReferenceID string `json:"reference_id"`
}

func (r *Rail) order(in payout.Instruction) order {
	return order{
		AccountNumber: r.account, Amount: in.Amount.Minor, Currency: rupees, Mode: mode, Purpose: purpose,
		FundAccount: fundAccount{
			AccountType: accountType,
			BankAccount: bankAccount{Name: in.AccountName, IFSC: in.IFSC, AccountNumber: in.AccountNumber},
			Contact:     contact{Name: in.AccountName, Type: contactType, ReferenceID: contactReference(in)},
		},
		ReferenceID: in.Reference, Narration: in.Reference,
	}
}

// contactReference is the same for the same account and tells nothing of it: 32 hexadecimal digits, of at most 40.
func contactReference(in payout.Instruction) string {
	sum := sha256.Sum256([]byte("galla.contact.v1|" + in.IFSC + "|" + in.AccountNumber + "|" + in.AccountName))
	return hex.EncodeToString(sum[:16])
}

// Pay hands over an instruction. It answers payout.Failed only where RazorpayX has a payout of this reference and says
// that it failed. No HTTP error is Failed, not even a refused field: after a Pay that timed out, a later one may be
// refused (keys changed, address not allowed, balance used up by the first) though the first went through. Find tells.
func (r *Rail) Pay(ctx context.Context, in payout.Instruction) payout.Answer {
	if in.Amount.Currency != money.INR || in.Amount.Minor <= 0 {
		return payout.Answer{Outcome: payout.Failed, Code: "not_sent", Reason: "only rupees can be paid, and more than none"}
	}
	body, err := json.Marshal(r.order(in))
	if err != nil {
		return payout.Answer{Outcome: payout.Unknown, Reason: "the request can't be written"}
	}
	header := r.header()
	header.Set("Content-Type", "application/json")
	header.Set("X-Payout-Idempotency", in.Reference)
	return r.judge(r.wire.Ask(ctx, http.MethodPost, path, header, body), in, "")
}

// id is the form of a payout's id. Nothing else gets into a path.
var id = regexp.MustCompile(`^pout_[A-Za-z0-9]{1,40}$`)

// Find asks what became of an instruction, by RazorpayX's id of it where that is known and by reference else.
func (r *Rail) Find(ctx context.Context, in payout.Instruction, railID string) payout.Answer {
	if !id.MatchString(railID) {
		return r.search(ctx, in)
	}
	reply := r.wire.Ask(ctx, http.MethodGet, path+"/"+railID, r.header(), nil)
	if reply.Missing == "" && (reply.Status == http.StatusBadRequest || reply.Status == http.StatusNotFound) {
		// "The id provided does not exist" is a 400. The reference has the last word, but what RazorpayX once had
		// can't be absent.
		a := r.search(ctx, in)
		if a.Outcome == payout.Absent {
			a.Outcome, a.Reason = payout.Unknown, "RazorpayX gave this payout an id and doesn't know it any more"
		}
		return a
	}
	return r.judge(reply, in, railID)
}

func (r *Rail) search(ctx context.Context, in payout.Instruction) payout.Answer {
	query := url.Values{"account_number": {r.account}, "reference_id": {in.Reference}}
	return r.judgeAll(r.wire.Ask(ctx, http.MethodGet, path+"?"+query.Encode(), r.header(), nil), in)
}

func (r *Rail) header() http.Header {
	return http.Header{"Authorization": {"Basic " + r.basic.Reveal()}, "Accept": {"application/json"}}
}
