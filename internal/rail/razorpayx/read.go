package razorpayx

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/internal/rail/wire"
)

// states is what each word of RazorpayX means, by x/payouts/states-life-cycle and errors/x/payout-status-details. A word
// that isn't here is payout.Unknown.
var states = map[string]payout.Outcome{
	"pending":    payout.Sent,   // waits for an approval in the dashboard; "no processing is done"
	"queued":     payout.Sent,   // waits for balance or for a bank that is down; will be processed
	"scheduled":  payout.Sent,   // waits for its time; we never set one, somebody may by hand
	"processing": payout.Sent,   // also while NPCI deems it done and nobody is certain, up to three working days
	"processed":  payout.Paid,   // "the money has been credited into the beneficiary's account"
	"reversed":   payout.Failed, // didn't arrive, or came back after processed, and was credited to the merchant again
	"cancelled":  payout.Failed, // by hand, only out of queued or scheduled: nothing was processed
	"rejected":   payout.Failed, // by hand, only out of pending: nothing was processed
	"failed":     payout.Failed, // by the partner bank; it may still become reversed, which means the same
}

// entity is as much of a payout as is read.
type entity struct {
	ID          string `json:"id"`
	Entity      string `json:"entity"`
	Amount      int64  `json:"amount"` // paise
	Currency    string `json:"currency"`
	Status      string `json:"status"`
	UTR         string `json:"utr"`
	ReferenceID string `json:"reference_id"`
	Details     struct {
		Description string `json:"description"`
		Reason      string `json:"reason"`
	} `json:"status_details"`
	FundAccount struct {
		BankAccount struct {
			IFSC          string `json:"ifsc"`
			AccountNumber string `json:"account_number"`
		} `json:"bank_account"`
	} `json:"fund_account"`
}

// collection is what fetch-all answers.
type collection struct {
	Entity string    `json:"entity"`
	Count  *int      `json:"count"`
	Items  *[]entity `json:"items"`
}

// judge reads the answer that holds one payout. railID is the id it must have, "" if any will do.
func (r *Rail) judge(reply wire.Reply, in payout.Instruction, railID string) payout.Answer {
	a, whole := r.open(reply)
	if !whole {
		return a.Clip()
	}
	var e entity
	if err := json.Unmarshal(reply.Body, &e); err != nil {
		a.Reason = "the answer isn't a payout"
		return a.Clip()
	}
	return r.agree(a, e, in, railID).Clip()
}

// judgeAll reads the answer to a search. Absent takes an empty list in so many words.
func (r *Rail) judgeAll(reply wire.Reply, in payout.Instruction) payout.Answer {
	a, whole := r.open(reply)
	if !whole {
		return a.Clip()
	}
	var c collection
	err := json.Unmarshal(reply.Body, &c)
	switch {
	case err != nil || c.Entity != "collection" || c.Items == nil || c.Count == nil || *c.Count != len(*c.Items):
		a.Reason = "the answer isn't a list of payouts"
	case len(*c.Items) == 0:
		a.Outcome = payout.Absent
	case len(*c.Items) > 1:
		// With ours among others, the search wasn't by reference, and more of ours may be on the next page.
		a.Reason = fmt.Sprintf("the search for one reference found %d payouts", len(*c.Items))
	default:
		a = r.agree(a, (*c.Items)[0], in, "")
	}
	return a.Clip()
}

// open turns every reply that isn't a whole 200 into an answer, which is always Unknown: a 4xx says that this request was
// refused, and nothing of an earlier one.
func (r *Rail) open(reply wire.Reply) (a payout.Answer, whole bool) {
	a = payout.Answer{Outcome: payout.Unknown, Raw: r.wire.Scrub(reply.Body)}
	switch {
	case reply.Missing != "":
		a.Reason = reply.Missing
		return a, false
	case reply.Status == http.StatusOK:
		return a, true
	}
	var refusal struct {
		Error struct {
			Code        string `json:"code"`
			Description string `json:"description"`
			Reason      string `json:"reason"`
			Field       string `json:"field"`
		} `json:"error"`
	}
	_ = json.Unmarshal(reply.Body, &refusal) // what isn't JSON has no words to tell
	e := refusal.Error
	a.Code = r.wire.Text(e.Code)
	if e.Reason != "" && e.Reason != "null" && e.Reason != "NA" {
		a.Code = r.wire.Text(e.Reason)
	}
	a.Reason = fmt.Sprintf("HTTP %d", reply.Status)
	switch reply.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		a.Reason += ", mend the key or the list of allowed addresses"
	case http.StatusTooManyRequests:
		a.Reason += ", too many requests"
	}
	for _, words := range []string{e.Field, e.Description} {
		if words = r.wire.Text(words); words != "" {
			a.Reason += ": " + words
		}
	}
	return a, false
}

// agree fills in what a payout says, if it is the instruction's: else the answer stays Unknown.
func (r *Rail) agree(a payout.Answer, e entity, in payout.Instruction, railID string) payout.Answer {
	theirs := e.FundAccount.BankAccount
	switch {
	case e.Entity != "payout":
		a.Reason = "the answer isn't a payout"
	case !id.MatchString(e.ID):
		a.Reason = "the payout has no id"
	case railID != "" && e.ID != railID:
		a.Reason = "the answer is another payout's: the id differs"
	case e.ReferenceID != in.Reference:
		a.Reason = "the answer is another payout's: the reference differs"
	case e.Currency != rupees || e.Amount != in.Amount.Minor:
		a.Reason = "RazorpayX has another amount under this reference"
	case !wire.Masks(theirs.AccountNumber) && theirs.AccountNumber != in.AccountNumber,
		theirs.IFSC != "" && theirs.IFSC != in.IFSC:
		a.Reason = "RazorpayX has another bank account under this reference"
	default:
		a.RailID = e.ID
		a.Outcome, a.Code, a.Reason, a.UTR = r.state(e)
	}
	return a
}

// state reads the word for the state and what stands beside it.
func (r *Rail) state(e entity) (outcome payout.Outcome, code, reason, utr string) {
	reason = r.wire.Text(e.Details.Reason)
	if words := r.wire.Text(e.Details.Description); words != "" {
		reason += ": " + words
	}
	outcome, known := states[e.Status]
	switch {
	case !known:
		outcome, reason = payout.Unknown, "RazorpayX has a state that isn't known here"
	case outcome == payout.Paid:
		utr = wire.UTR(e.UTR)
	}
	return outcome, r.wire.Text(e.Status), reason, utr
}
