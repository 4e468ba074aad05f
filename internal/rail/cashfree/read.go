package cashfree

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail/wire"
	"github.com/galla-gateway/galla/money"
)

// anyCode stands in states for every status_code that has no line of its own.
const anyCode = "*"

// reversed is the Code of a transfer that came back.
const reversed = "reversed"

// states is what each status of Cashfree means, by payouts/make-payouts/lifecycle, and where the status doesn't say
// enough, with its status_code. What isn't here is payout.Unknown.
var states = map[string]map[string]payout.Outcome{
	"RECEIVED":         {anyCode: payout.Sent}, // taken on, nothing more
	"APPROVAL_PENDING": {anyCode: payout.Sent}, // waits for an approval in the dashboard
	"QUEUED":           {anyCode: payout.Sent}, // waits for its turn
	"PENDING":          {anyCode: payout.Sent}, // at the partner bank; "yet to be confirmed"
	"SUCCESS": {
		"COMPLETED":           payout.Paid, // "credited to the end beneficiary"
		"SENT_TO_BENEFICIARY": payout.Sent, // debited from the merchant; the beneficiary's bank hasn't confirmed
	},
	"FAILED":            {anyCode: payout.Failed}, // final; what was debited comes back within 24 hours
	"REVERSED":          {anyCode: payout.Failed}, // after SUCCESS: the beneficiary's bank gave it back
	"REJECTED":          {anyCode: payout.Failed}, // by Cashfree, before any bank heard of it
	"MANUALLY_REJECTED": {anyCode: payout.Failed}, // by hand, instead of the approval
}

// transfer is as much of a transfer as is read.
type transfer struct {
	TransferID  string      `json:"transfer_id"`
	ID          string      `json:"cf_transfer_id"`
	Status      string      `json:"status"`
	Code        string      `json:"status_code"`
	Description string      `json:"status_description"`
	Amount      json.Number `json:"transfer_amount"` // rupees
	UTR         string      `json:"transfer_utr"`
	UpdatedOn   string      `json:"updated_on"`
	Beneficiary struct {
		Instrument struct {
			AccountNumber string `json:"bank_account_number"`
			IFSC          string `json:"bank_ifsc"`
		} `json:"beneficiary_instrument_details"`
	} `json:"beneficiary_details"`
}

// refusal is an answer that isn't a 2xx.
type refusal struct {
	Type    string `json:"type"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

func refused(reply wire.Reply) (f refusal) {
	_ = json.Unmarshal(reply.Body, &f) // what isn't JSON has no words to tell
	return f
}

// taken tells whether a transfer was refused because there is one of that transfer_id: 409 by error-handling, and by its
// code whatever the status, since older versions answered 400.
func taken(reply wire.Reply) bool {
	return reply.Missing == "" && (reply.Status == http.StatusConflict ||
		reply.Status == http.StatusBadRequest && refused(reply).Code == "transfer_id_already_exists")
}

// absent tells whether Cashfree says that it has no such transfer. A bare 404 may be a wrong URL or somebody on the way.
// The pages give the status and not the code, so the words must name a transfer and say that it isn't there.
func absent(reply wire.Reply) bool {
	f := refused(reply)
	words := strings.ReplaceAll(strings.ToLower(f.Code+" "+f.Message), "_", " ")
	return reply.Missing == "" && reply.Status == http.StatusNotFound && strings.Contains(words, "transfer") &&
		(strings.Contains(words, "not found") || strings.Contains(words, "not exist"))
}

// judge reads the answer that holds one transfer. railID is the cf_transfer_id it must have, "" if any will do. Every
// reply that isn't a whole 200 is Unknown: a 4xx says that this request was refused, and nothing of an earlier one.
func (r *Rail) judge(reply wire.Reply, in payout.Instruction, railID string) payout.Answer {
	a := payout.Answer{Outcome: payout.Unknown, Raw: r.wire.Scrub(reply.Body)}
	switch {
	case reply.Missing != "":
		a.Reason = reply.Missing
	case reply.Status != http.StatusOK:
		f := refused(reply)
		a.Code, a.Reason = r.wire.Text(f.Code), fmt.Sprintf("HTTP %d", reply.Status)
		switch reply.Status {
		case http.StatusUnauthorized, http.StatusForbidden:
			a.Reason += ", mend the client secret or the list of allowed addresses"
		case http.StatusTooManyRequests:
			a.Reason += ", too many requests"
		}
		if words := r.wire.Text(f.Message); words != "" {
			a.Reason += ": " + words
		}
	default:
		var t transfer
		if err := json.Unmarshal(reply.Body, &t); err != nil {
			a.Reason = "the answer isn't a transfer"
			break
		}
		a = r.agree(a, t, in, railID)
	}
	return a.Clip()
}

// id is the form of a cf_transfer_id.
var id = regexp.MustCompile(`^[A-Za-z0-9_-]{1,60}$`)

// agree fills in what a transfer says, if it is the instruction's: else the answer stays Unknown.
func (r *Rail) agree(a payout.Answer, t transfer, in payout.Instruction, railID string) payout.Answer {
	amount, err := money.Parse(t.Amount.String(), money.INR)
	theirs := t.Beneficiary.Instrument
	switch {
	case !id.MatchString(t.ID):
		a.Reason = "the transfer has no id"
	case railID != "" && t.ID != railID:
		a.Reason = "the answer is another transfer's: the id differs"
	case t.TransferID != in.Reference:
		a.Reason = "the answer is another transfer's: the reference differs"
	case err != nil || amount != in.Amount:
		a.Reason = "Cashfree has another amount under this reference"
	case !wire.Masks(theirs.AccountNumber) && theirs.AccountNumber != in.AccountNumber,
		theirs.IFSC != "" && theirs.IFSC != in.IFSC:
		a.Reason = "Cashfree has another bank account under this reference"
	default:
		a = r.state(a, t)
	}
	return a
}

// state reads the words for the state and what stands beside them.
func (r *Rail) state(a payout.Answer, t transfer) payout.Answer {
	a.RailID, a.Code = t.ID, r.wire.Text(t.Code)
	if a.Code == "" {
		a.Code = r.wire.Text(t.Status)
	}
	a.Reason = r.wire.Text(t.Description)
	if at, err := time.Parse(time.RFC3339, t.UpdatedOn); err == nil {
		a.At = at.UTC()
	}
	codes := states[t.Status]
	outcome, known := codes[t.Code]
	if !known {
		outcome, known = codes[anyCode]
	}
	switch {
	case !known || t.Code == anyCode:
		a.Outcome, a.Reason = payout.Unknown, r.wire.Text("the state "+t.Status+" "+t.Code+" isn't known here")
		return a
	case t.Status == "REVERSED":
		a.Code, a.Reason = reversed, r.wire.Text(t.Code+": "+t.Description)
	case outcome == payout.Paid:
		a.UTR = wire.UTR(t.UTR)
	}
	a.Outcome = outcome
	return a
}
