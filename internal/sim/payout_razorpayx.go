package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// RazorpayX is a simulated RazorpayX: its composite payouts, by the pages of https://razorpay.com/docs that package
// internal/rail/razorpayx names, on a real HTTP server on loopback. It is made by NewRazorpayX and ended by Close.
type RazorpayX struct{ *payoutServer }

// NewRazorpayX starts the server.
func NewRazorpayX(options PayoutOptions) (*RazorpayX, error) {
	x := &RazorpayX{}
	server, err := servePayouts(newPayoutBank(options, x), x.handle)
	if err != nil {
		return nil, err
	}
	x.payoutServer = server
	return x, nil
}

// razorpayXPath is where payouts are made and asked for.
const razorpayXPath = "/v1/payouts"

// razorpayXOrder is a request for a composite payout.
type razorpayXOrder struct {
	AccountNumber string `json:"account_number"`
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
	Mode          string `json:"mode"`
	Purpose       string `json:"purpose"`
	FundAccount   struct {
		AccountType string `json:"account_type"`
		BankAccount struct {
			Name          string `json:"name"`
			IFSC          string `json:"ifsc"`
			AccountNumber string `json:"account_number"`
		} `json:"bank_account"`
		Contact struct {
			Name        string `json:"name"`
			Email       string `json:"email"`
			Contact     string `json:"contact"`
			Type        string `json:"type"`
			ReferenceID string `json:"reference_id"`
		} `json:"contact"`
	} `json:"fund_account"`
	QueueIfLowBalance bool              `json:"queue_if_low_balance"`
	ReferenceID       string            `json:"reference_id"`
	Narration         string            `json:"narration"`
	Notes             map[string]string `json:"notes"`
}

// What the pages allow.
var (
	razorpayXKey       = regexp.MustCompile(`^[A-Za-z0-9 _-]{4,36}$`)
	razorpayXNarration = regexp.MustCompile(`^[A-Za-z0-9 ]{0,30}$`)
	razorpayXName      = regexp.MustCompile(`^[A-Za-z0-9 ’_/().-]{4,120}$`)
	razorpayXAccount   = regexp.MustCompile(`^[A-Za-z0-9]{5,35}$`)
	anyIFSC            = regexp.MustCompile(`^[A-Z]{4}0[A-Z0-9]{6}$`)
)

// handle is the whole API.
func (x *RazorpayX) handle(w http.ResponseWriter, r *http.Request) {
	key, secret, _ := r.BasicAuth()
	id, single := strings.CutPrefix(r.URL.Path, razorpayXPath+"/")
	query := r.URL.Query()
	switch {
	case !same(key, x.options.Key) || !same(secret, x.options.Secret):
		x.send(w, r, "", razorpayXError, razorpayXError(http.StatusUnauthorized, "Authentication failed"))
	case r.Method == http.MethodPost && r.URL.Path == razorpayXPath:
		body := readPayout(r)
		order, wrong := readRazorpayX(body)
		call := Call{Operation: OperationPay, Reference: order.ReferenceID}
		x.answer(w, r, call, razorpayXError, func(fault CallFault) said {
			return x.pay(r.Header.Get("X-Payout-Idempotency"), order, string(body), wrong, fault)
		})
	case r.Method == http.MethodGet && single:
		x.answer(w, r, Call{Operation: OperationFind, Reference: x.referenceOf(id)}, razorpayXError, func(fault CallFault) said {
			if p := x.byID[id]; p != nil {
				return said{http.StatusOK, x.write(*p, fault)}
			}
			return razorpayXError(http.StatusBadRequest, "The id provided does not exist")
		})
	case r.Method == http.MethodGet && r.URL.Path == razorpayXPath && query.Get("account_number") == x.options.Account:
		reference := query.Get("reference_id")
		x.answer(w, r, Call{Operation: OperationFind, Reference: reference}, razorpayXError, func(fault CallFault) said {
			return said{http.StatusOK, x.list(reference, fault)}
		})
	default:
		x.send(w, r, "", razorpayXError, razorpayXError(http.StatusBadRequest, "The requested URL was not found on the server."))
	}
}

// referenceOf is the reference of a payout that is known by id.
func (b *PayoutBank) referenceOf(id string) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	if p := b.byID[id]; p != nil {
		return p.reference
	}
	return ""
}

// readRazorpayX reads a request and says what is wrong with it, "" for nothing.
func readRazorpayX(body []byte) (o razorpayXOrder, wrong string) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields() // a field that no page has is a mistake of the caller's
	if err := decoder.Decode(&o); err != nil {
		return o, "The request isn't understood: " + err.Error()
	}
	to := o.FundAccount
	for _, check := range []struct {
		ok    bool
		wrong string
	}{
		{o.Amount >= 100, "The amount must be at least 100"},
		{o.Currency == "INR", "The currency must be INR"},
		{o.Mode == "IMPS", "The mode isn't simulated"},
		{o.Purpose == "payout" || o.Purpose == "refund", "The purpose isn't known"},
		{to.AccountType == "bank_account", "The account type isn't simulated"},
		{razorpayXName.MatchString(to.BankAccount.Name), "The name is invalid"},
		{razorpayXAccount.MatchString(to.BankAccount.AccountNumber), "The account number is invalid"},
		{anyIFSC.MatchString(to.BankAccount.IFSC), "Invalid IFSC Code"},
		{len(to.Contact.Name) >= 3 && len(to.Contact.Name) <= 50, "The contact's name is invalid"},
		{to.Contact.Type == "customer" || to.Contact.Type == "vendor", "The contact's type isn't known"},
		{len(to.Contact.ReferenceID) <= 40 && len(o.ReferenceID) <= 40, "The reference is too long"},
		{razorpayXNarration.MatchString(o.Narration), "The narration is invalid"},
	} {
		if !check.ok {
			return o, check.wrong
		}
	}
	return o, ""
}

// pay takes a payout on, or finds it under its key.
func (x *RazorpayX) pay(key string, o razorpayXOrder, body, wrong string, fault CallFault) said {
	to := o.FundAccount.BankAccount
	switch {
	case !razorpayXKey.MatchString(key):
		return razorpayXError(http.StatusBadRequest, "Idempotency key is missing. Include idempotency header and key in the request.")
	case wrong != "":
		return razorpayXError(http.StatusBadRequest, wrong)
	case o.AccountNumber != x.options.Account:
		return razorpayXError(http.StatusBadRequest, "The account number field is required")
	}
	p, same := x.take(paying{
		id: "pout_", key: key, reference: o.ReferenceID, minor: o.Amount, name: to.Name, account: to.AccountNumber, ifsc: to.IFSC,
		body: body,
	})
	switch {
	case !same:
		return razorpayXError(http.StatusBadRequest, "Different request body sent for the same Idempotency Header")
	case p.first == nil:
		p.first = x.write(*p, "")
	case fault == CallStale:
		return said{http.StatusOK, p.first}
	}
	return said{http.StatusOK, x.write(*p, fault)}
}

// list is what a search for a reference finds.
func (x *RazorpayX) list(reference string, fault CallFault) []byte {
	items := []json.RawMessage{}
	if fault != CallMisses {
		for _, p := range x.byRef[reference] {
			items = append(items, x.write(*p, fault))
		}
	}
	return encode(map[string]any{"entity": "collection", "count": len(items), "items": items})
}

// write is a payout as RazorpayX prints it.
func (x *RazorpayX) write(p paying, fault CallFault) []byte {
	e := x.entity(p)
	account := e["fund_account"].(map[string]any)["bank_account"].(map[string]any)
	switch fault {
	case CallWrongID:
		e["id"] = "pout_" + strings.Repeat("0", len(p.id)-5)
	case CallWrongReference:
		e["reference_id"] = "GL99999999999999"
	case CallWrongAmount:
		e["amount"] = p.minor + 100
	case CallWrongAccount:
		account["account_number"] = "000000000"
	case CallWrongState:
		e["status"] = "settled_maybe"
	}
	return encode(e)
}

func (x *RazorpayX) entity(p paying) map[string]any {
	var utr any
	if p.stage == paid || p.stage == returned {
		utr = p.utr
	}
	return map[string]any{
		"id": p.id, "entity": "payout", "fund_account_id": "fa_" + p.id[5:],
		"fund_account": map[string]any{
			"id": "fa_" + p.id[5:], "entity": "fund_account", "account_type": "bank_account", "active": true,
			"bank_account": map[string]any{"ifsc": p.ifsc, "bank_name": "A Bank", "name": p.name, "notes": []any{}, "account_number": p.account},
		},
		"amount": p.minor, "currency": "INR", "notes": []any{}, "fees": 0, "tax": 0, "status": x.word(p.stage), "purpose": "payout",
		"utr": utr, "mode": "IMPS", "reference_id": p.reference, "narration": p.reference, "batch_id": nil,
		"status_details": razorpayXDetails[p.stage], "created_at": p.made.Unix(), "fee_type": "",
	}
}

var razorpayXDetails = map[stage]map[string]string{
	held:     {"reason": "beneficiary_bank_down", "source": "gateway", "description": "Beneficiary bank's systems are not working."},
	underway: {"reason": "payout_bank_processing", "source": "gateway", "description": "Payout is being processed by the partner bank."},
	paid:     {"reason": "payout_processed", "source": "beneficiary_bank", "description": "Payout is processed and the money has been credited into the beneficiary's account."},
	failed:   {"reason": "bank_account_invalid", "source": "beneficiary_bank", "description": "Payout failed due to invalid beneficiary account details."},
	returned: {"reason": "beneficiary_bank_rejected", "source": "beneficiary_bank", "description": "Payout rejected by the beneficiary bank."},
}

// word is RazorpayX's for a state.
func (x *RazorpayX) word(s stage) string {
	return [...]string{held: "queued", underway: "processing", paid: "processed", failed: "failed", returned: "reversed"}[s]
}

// hook is the webhook of a change.
func (x *RazorpayX) hook(p paying, at time.Time, secret string) ([]byte, http.Header) {
	event := x.word(p.stage)
	if p.stage == underway {
		event = "initiated"
	}
	body := encode(map[string]any{
		"entity": "event", "account_id": "acc_00000000000001", "event": "payout." + event, "contains": []string{"payout"},
		"payload": map[string]any{"payout": map[string]any{"entity": x.entity(p)}}, "created_at": at.Unix(),
	})
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return body, http.Header{
		"Content-Type": {"application/json"}, "X-Razorpay-Signature": {hex.EncodeToString(mac.Sum(nil))},
		"X-Razorpay-Event-Id": {p.id + "." + event},
	}
}

// razorpayXError is an error as RazorpayX prints it.
func razorpayXError(status int, words string) said {
	code := "BAD_REQUEST_ERROR"
	if status >= http.StatusInternalServerError {
		code = "SERVER_ERROR"
	}
	return said{status, encode(map[string]any{"error": map[string]any{
		"code": code, "description": words, "source": "business", "step": nil, "reason": "null", "metadata": map[string]any{},
	}})}
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
