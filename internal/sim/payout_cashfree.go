package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"time"

	"github.com/galla-gateway/galla/money"
)

// Cashfree is a simulated Cashfree Payouts V2, by the pages of https://www.cashfree.com/docs that package
// internal/rail/cashfree names, on a real HTTP server on loopback. Its URL ends in /payout, as the documented one. It is
// made by NewCashfree and ended by Close.
type Cashfree struct{ *payoutServer }

// NewCashfree starts the server.
func NewCashfree(options PayoutOptions) (*Cashfree, error) {
	x := &Cashfree{}
	server, err := servePayouts(newPayoutBank(options, x), x.handle)
	if err != nil {
		return nil, err
	}
	server.URL += "/payout"
	x.payoutServer = server
	return x, nil
}

// cashfreePath is where transfers are made and asked for.
const cashfreePath = "/payout/transfers"

// cashfreeOrder is a request for a standard transfer.
type cashfreeOrder struct {
	TransferID  string      `json:"transfer_id"`
	Amount      json.Number `json:"transfer_amount"`
	Currency    string      `json:"transfer_currency"`
	Mode        string      `json:"transfer_mode"`
	Beneficiary struct {
		ID         string `json:"beneficiary_id"`
		Name       string `json:"beneficiary_name"`
		Instrument struct {
			AccountNumber string `json:"bank_account_number"`
			IFSC          string `json:"bank_ifsc"`
		} `json:"beneficiary_instrument_details"`
	} `json:"beneficiary_details"`
	Remarks string `json:"transfer_remarks"`
}

// What the pages allow.
var (
	cashfreeID      = regexp.MustCompile(`^[A-Za-z0-9_]{1,40}$`)
	cashfreeName    = regexp.MustCompile(`^[A-Za-z ]{1,100}$`)
	cashfreeAccount = regexp.MustCompile(`^[A-Za-z0-9]{9,18}$`)
	cashfreeRemarks = regexp.MustCompile(`^[A-Za-z0-9 ]{0,70}$`)
)

// handle is the whole API.
func (x *Cashfree) handle(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	switch {
	case !same(r.Header.Get("x-client-id"), x.options.Key) || !same(r.Header.Get("x-client-secret"), x.options.Secret):
		x.send(w, r, "", cashfreeError, cashfreeError(http.StatusUnauthorized, "authentication_failed: Invalid clientId and clientSecret combination"))
	case r.Header.Get("x-api-version") != "2024-01-01":
		x.send(w, r, "", cashfreeError, cashfreeError(http.StatusBadRequest, "x_api_version_invalid: no such version"))
	case r.Method == http.MethodPost && r.URL.Path == cashfreePath:
		order, minor, wrong := readCashfree(readPayout(r))
		call := Call{Operation: OperationPay, Reference: order.TransferID}
		x.answer(w, r, call, cashfreeError, func(fault CallFault) said { return x.pay(order, minor, wrong, fault) })
	case r.Method == http.MethodGet && r.URL.Path == cashfreePath:
		reference, id := query.Get("transfer_id"), query.Get("cf_transfer_id")
		if id != "" {
			reference = x.referenceOf(id)
		}
		x.answer(w, r, Call{Operation: OperationFind, Reference: reference}, cashfreeError, func(fault CallFault) said {
			p := x.byKey[reference]
			if p == nil || fault == CallMisses {
				return cashfreeError(http.StatusNotFound, "transfer_not_found: transfer_id does not exist")
			}
			return said{http.StatusOK, x.write(*p, fault)}
		})
	default:
		x.send(w, r, "", cashfreeError, said{http.StatusNotFound, []byte("404 page not found")})
	}
}

// readCashfree reads a request and says what is wrong with it, "" for nothing.
func readCashfree(body []byte) (o cashfreeOrder, minor int64, wrong string) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields() // a field that no page has is a mistake of the caller's
	if err := decoder.Decode(&o); err != nil {
		return o, 0, "invalid_request: " + err.Error()
	}
	amount, err := money.Parse(o.Amount.String(), money.INR)
	to := o.Beneficiary.Instrument
	for _, check := range []struct {
		ok    bool
		wrong string
	}{
		{cashfreeID.MatchString(o.TransferID), "transfer_id_invalid"},
		{err == nil && amount.Minor >= 100, "transfer_amount_invalid"},
		{o.Currency == "" || o.Currency == "INR", "transfer_currency_invalid"},
		{o.Mode == "imps", "transfer_mode_invalid"},
		{o.Beneficiary.ID == "" && cashfreeName.MatchString(o.Beneficiary.Name), "beneficiary_name_invalid"},
		{cashfreeAccount.MatchString(to.AccountNumber), "bank_account_number_invalid"},
		{anyIFSC.MatchString(to.IFSC), "bank_ifsc_invalid"},
		{cashfreeRemarks.MatchString(o.Remarks), "transfer_remarks_invalid"},
	} {
		if !check.ok {
			return o, 0, check.wrong + ": value received is invalid"
		}
	}
	return o, amount.Minor, ""
}

// pay takes a transfer on. A second one under the same transfer_id is refused, whatever it asks for.
func (x *Cashfree) pay(o cashfreeOrder, minor int64, wrong string, fault CallFault) said {
	if wrong != "" {
		return cashfreeError(http.StatusBadRequest, wrong)
	}
	to := o.Beneficiary.Instrument
	p, _ := x.take(paying{
		key: o.TransferID, reference: o.TransferID, minor: minor, name: o.Beneficiary.Name, account: to.AccountNumber, ifsc: to.IFSC,
	})
	switch {
	case p.first == nil:
		p.first = x.write(*p, "")
	case fault == CallStale:
		return said{http.StatusOK, p.first}
	default:
		return cashfreeError(http.StatusConflict, "transfer_id_already_exists: Transfer with the given transfer_id already exists")
	}
	return said{http.StatusOK, x.write(*p, fault)}
}

// write is a transfer as Cashfree prints it.
func (x *Cashfree) write(p paying, fault CallFault) []byte {
	t := x.transfer(p)
	switch fault {
	case CallWrongID:
		t["cf_transfer_id"] = "0" + p.id
	case CallWrongReference:
		t["transfer_id"] = "GL99999999999999"
	case CallWrongAmount:
		t["transfer_amount"] = json.Number(strconv.FormatInt(p.minor, 10)) // paise for rupees
	case CallWrongAccount:
		t["beneficiary_details"] = cashfreeBeneficiary("000000000", p.ifsc)
	case CallWrongState:
		t["status"] = "SETTLED_MAYBE"
	}
	return encode(t)
}

func cashfreeBeneficiary(account, ifsc string) map[string]any {
	return map[string]any{"beneficiary_instrument_details": map[string]any{"bank_account_number": account, "bank_ifsc": ifsc}}
}

func (x *Cashfree) transfer(p paying) map[string]any {
	amount := money.Money{Minor: p.minor, Currency: money.INR}
	t := map[string]any{
		"transfer_id": p.reference, "cf_transfer_id": p.id, "status": x.word(p.stage), "status_code": cashfreeCodes[p.stage],
		"status_description": "What became of it.", "beneficiary_details": cashfreeBeneficiary(p.account, p.ifsc),
		"transfer_amount": json.Number(amount.Text()), "transfer_mode": "BANK", "fundsource_id": "CASHFREE_1",
		"added_on": p.made.UTC().Format(time.RFC3339), "updated_on": p.changed.UTC().Format(time.RFC3339),
	}
	if p.stage == paid || p.stage == returned {
		t["transfer_utr"] = p.utr
	}
	return t
}

var cashfreeCodes = map[stage]string{
	held: "RECEIVED", underway: "SENT_TO_BANK", paid: "COMPLETED", failed: "INVALID_ACCOUNT_FAIL", returned: "RETURNED_FROM_BENEFICIARY",
}

// word is Cashfree's for a state.
func (x *Cashfree) word(s stage) string {
	return [...]string{held: "RECEIVED", underway: "PENDING", paid: "SUCCESS", failed: "FAILED", returned: "REVERSED"}[s]
}

// hook is the webhook of a change.
func (x *Cashfree) hook(p paying, at time.Time, secret string) ([]byte, http.Header) {
	event := map[stage]string{
		held: "TRANSFER_APPROVED", underway: "TRANSFER_APPROVED", paid: "TRANSFER_ACKNOWLEDGED", failed: "TRANSFER_FAILED",
		returned: "TRANSFER_REVERSED",
	}[p.stage]
	body := encode(map[string]any{"data": x.transfer(p), "event_time": at.In(india).Format("2006-01-02T15:04:05"), "type": event})
	timestamp := strconv.FormatInt(at.UnixMilli(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(timestamp))
	mac.Write(body)
	header := http.Header{"Content-Type": {"application/json"}}
	header.Set("x-webhook-timestamp", timestamp)
	header.Set("x-webhook-signature", base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	header.Set("x-webhook-version", "V2")
	return body, header
}

// cashfreeError is an error as Cashfree prints it. The words may begin with a code and a colon.
func cashfreeError(status int, words string) said {
	code, message := "request_failed", words
	if before, after, found := bytes.Cut([]byte(words), []byte(": ")); found {
		code, message = string(before), string(after)
	}
	return said{status, encode(map[string]any{"type": "invalid_request_error", "code": code, "message": message})}
}
