package razorpayx

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

func TestNew(t *testing.T) {
	whole := Config{KeyID: "rzp_live_1", Secret: keySecret, Account: "7878780080316316"}
	if _, err := New(whole); err != nil {
		t.Errorf("whole: %v", err)
	}
	for name, spoil := range map[string]func(*Config){
		"no key": func(c *Config) { c.KeyID = "" }, "no secret": func(c *Config) { c.Secret = "" },
		"no account": func(c *Config) { c.Account = "" }, "plain": func(c *Config) { c.BaseURL = "http://api.example.com" },
	} {
		c := whole
		spoil(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), keySecret) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestNothingPrintsTheSecrets(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	c := Config{KeyID: "rzp_live_1", Secret: keySecret, WebhookSecret: hookSecret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		shown := fmt.Sprintf(verb, r) + fmt.Sprintf(verb, *r) + fmt.Sprintf(verb, c)
		if strings.Contains(shown, keySecret) || strings.Contains(shown, hookSecret) || strings.Contains(shown, fmt.Sprintf("%x", keySecret)) {
			t.Errorf("%s prints %s", verb, shown)
		}
	}
}

func TestRequests(t *testing.T) {
	r, b := open(t, reply{200, paidBody()})
	r.Pay(t.Context(), instruction)
	r.Find(t.Context(), instruction, "pout_00000000000001")
	r.Find(t.Context(), instruction, "")
	r.Find(t.Context(), instruction, "../contacts?x=") // no id of theirs gets into a path unless it looks like one
	const basic = "\nAuthorization: Basic cnpwX2xpdmVfMTprZXktc2VjcmV0LXdvcmQ=\n"
	const search = "GET /v1/payouts?account_number=7878780080316316&reference_id=GL00000000000007" + basic + "Content-Type: \nX-Payout-Idempotency: \n"
	for i, want := range []string{
		"POST /v1/payouts" + basic + "Content-Type: application/json\nX-Payout-Idempotency: GL00000000000007\n" +
			`{"account_number":"7878780080316316","amount":70050,"currency":"INR","mode":"IMPS","purpose":"payout","fund_account":` +
			`{"account_type":"bank_account","bank_account":{"name":"Gaurav Kumar","ifsc":"HDFC0001234","account_number":"1121431121541121"},` +
			`"contact":{"name":"Gaurav Kumar","type":"customer","reference_id":"` + contactReference(instruction) + `"}},` +
			`"queue_if_low_balance":false,"reference_id":"GL00000000000007","narration":"GL00000000000007"}`,
		"GET /v1/payouts/pout_00000000000001" + basic + "Content-Type: \nX-Payout-Idempotency: \n",
		search, search,
	} {
		if b.seen[i] != want {
			t.Errorf("request %d was\n%s\nwant\n%s", i, b.seen[i], want)
		}
	}
}

// Two users of one name must not share a contact, or RazorpayX may take the other's fund account.
func TestContactIsAnAccounts(t *testing.T) {
	other := instruction
	other.AccountNumber = "999999999999"
	again := instruction
	again.Reference = payout.Reference(8)
	if contactReference(other) == contactReference(instruction) || contactReference(again) != contactReference(instruction) {
		t.Error("a contact's reference should differ by account and by nothing else")
	}
	if n := len(contactReference(instruction)); n > 40 {
		t.Errorf("a contact's reference has %d characters, at most 40", n)
	}
}

func TestOnlyRupeesAreSent(t *testing.T) {
	r, b := open(t, reply{200, paidBody()})
	for _, amount := range []money.Money{{Minor: 70050, Currency: "USD"}, {Currency: money.INR}, {Minor: -1, Currency: money.INR}} {
		in := instruction
		in.Amount = amount
		if a := r.Pay(t.Context(), in); a.Outcome != payout.Failed || a.Code != "not_sent" {
			t.Errorf("%v: %+v", amount, a)
		}
	}
	if len(b.seen) != 0 {
		t.Errorf("sent: %v", b.seen)
	}
}

// Every row of the table, in the answer to a payout, to a look-up and to a search.
func TestStates(t *testing.T) {
	want := map[string]payout.Outcome{
		"pending": payout.Sent, "queued": payout.Sent, "scheduled": payout.Sent, "processing": payout.Sent, "processed": payout.Paid,
		"reversed": payout.Failed, "cancelled": payout.Failed, "rejected": payout.Failed, "failed": payout.Failed,
		"Processed": payout.Unknown, "settled": payout.Unknown, "": payout.Unknown,
	}
	if len(states) != len(want)-3 {
		t.Errorf("the table has %d rows, this test %d", len(states), len(want)-3)
	}
	for state, outcome := range want {
		body := paidBody(`"processed","purpose"`, `"`+state+`","purpose"`)
		r, _ := open(t, reply{200, body}, reply{200, body}, reply{200, listBody(body)})
		for _, a := range []payout.Answer{
			r.Pay(t.Context(), instruction), r.Find(t.Context(), instruction, "pout_00000000000001"), r.Find(t.Context(), instruction, ""),
		} {
			if a.Outcome != outcome || a.Code != state || a.RailID != "pout_00000000000001" || !a.At.IsZero() {
				t.Errorf("%q is %+v, want %s", state, a, outcome)
			}
			if utr := map[bool]string{true: "933815233814"}[outcome == payout.Paid]; a.UTR != utr {
				t.Errorf("%q has UTR %q, want %q", state, a.UTR, utr)
			}
			if outcome != payout.Unknown && a.Reason != "payout_processed: Payout is processed" {
				t.Errorf("%q has reason %q", state, a.Reason)
			}
			secretless(t, a)
		}
	}
}

// Whatever isn't a payout of ours in words that are known is Unknown, never Failed and never Absent.
func TestUnknown(t *testing.T) {
	failed := func(changes ...string) string {
		return paidBody(append([]string{`"processed","p`, `"failed","p`}, changes...)...)
	}
	for name, c := range map[string]struct {
		reply  reply
		reason string
	}{
		"server error":     {reply{500, `{"error":{"code":"SERVER_ERROR","description":"trouble"}}`}, "HTTP 500: trouble"},
		"bad gateway":      {reply{502, "<html>" + keySecret}, "HTTP 502"},
		"too many":         {reply{429, `{"error":{"code":"BAD_REQUEST_ERROR"}}`}, "too many requests"},
		"keys":             {reply{401, `{"error":{"code":"BAD_REQUEST_ERROR","description":"key ` + keySecret + `"}}`}, "mend the key"},
		"forbidden":        {reply{403, ``}, "mend the key"},
		"refused field":    {reply{400, `{"error":{"code":"BAD_REQUEST_ERROR","reason":"input_validation_failed","field":"ifsc","description":"of 1121431121541121"}}`}, "HTTP 400: ifsc: of …1121"},
		"other body":       {reply{400, `{"error":{"description":"Different request body sent for the same Idempotency Header"}}`}, "Different request"},
		"no balance":       {reply{400, `{"error":{"description":"Your account does not have enough balance"}}`}, "enough balance"},
		"redirect":         {reply{302, ``}, "HTTP 302"},
		"accepted":         {reply{202, failed()}, "HTTP 202"},
		"failed with 400":  {reply{400, failed()}, "HTTP 400"},
		"empty":            {reply{200, ``}, "isn't a"},
		"null":             {reply{200, `null`}, "isn't a"},
		"page":             {reply{200, `<html>`}, "isn't a"},
		"cut":              {reply{200, failed()[:200]}, "isn't a"},
		"two":              {reply{200, failed() + failed()}, "isn't a"},
		"error with 200":   {reply{200, `{"error":{"code":"BAD_REQUEST_ERROR"}}`}, "isn't a"},
		"other entity":     {reply{200, failed(`"entity":"payout"`, `"entity":"refund"`)}, "isn't a"},
		"amount as text":   {reply{200, failed(`70050`, `"70050"`)}, "isn't a"},
		"amount in rupees": {reply{200, failed(`70050`, `700.50`)}, "isn't a"},
		"other amount":     {reply{200, failed(`70050`, `70051`)}, "another amount"},
		"other currency":   {reply{200, failed(`"INR"`, `"USD"`)}, "another amount"},
		"other reference":  {reply{200, failed(`"reference_id":"GL00000000000007"`, `"reference_id":"GL00000000000008"`)}, "reference differs"},
		"no reference":     {reply{200, failed(`"reference_id":"GL00000000000007"`, `"reference_id":null`)}, "reference differs"},
		"other account":    {reply{200, failed(`1121431121541121`, `1121431121541122`)}, "another bank account"},
		"other ifsc":       {reply{200, failed(`HDFC0001234`, `HDFC0001235`)}, "another bank account"},
		"no id":            {reply{200, failed(`"id":"pout_00000000000001",`, ``)}, "no id"},
		"odd id":           {reply{200, failed(`pout_00000000000001`, `pout_/../x`)}, "no id"},
		"too long":         {reply{200, failed() + strings.Repeat(" ", 70<<10)}, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := open(t, c.reply)
			answers := map[string]payout.Answer{"pay": r.Pay(t.Context(), instruction), "find": r.Find(t.Context(), instruction, "pout_00000000000001")}
			inList := c.reply
			if inList.status == http.StatusOK && strings.HasPrefix(inList.body, "{") {
				inList.body = listBody(inList.body)
			}
			r, _ = open(t, inList)
			answers["search"] = r.Find(t.Context(), instruction, "")
			for from, a := range answers {
				if a.Outcome != payout.Unknown || a.RailID != "" || a.UTR != "" {
					t.Errorf("%s: %+v", from, a)
				}
				if !strings.Contains(a.Reason, c.reason) && !strings.Contains(a.Reason, "isn't a") {
					t.Errorf("%s: reason is %q, want %q in it", from, a.Reason, c.reason)
				}
				secretless(t, a)
			}
		})
	}
}

func TestAccountsAreComparedWhereTheyCanBe(t *testing.T) {
	for _, body := range []string{
		paidBody(`1121431121541121`, `XXXXXXXXXXXX1121`), paidBody(`"1121431121541121"`, `null`), paidBody(`"ifsc":"HDFC0001234",`, ``),
	} {
		r, _ := open(t, reply{200, body})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Paid {
			t.Errorf("%+v", a)
		}
	}
}

// A number that none can be isn't kept, and the payout is paid all the same: the documentation shows null.
func TestUTRThatIsNone(t *testing.T) {
	for _, utr := range []string{`null`, `"null"`, `""`, `"see dashboard"`} {
		r, _ := open(t, reply{200, paidBody(`"933815233814"`, utr)})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Paid || a.UTR != "" {
			t.Errorf("%s: %+v", utr, a)
		}
	}
}

func TestAnswerToAnotherIDIsUnknown(t *testing.T) {
	r, _ := open(t, reply{200, paidBody()})
	if a := r.Find(t.Context(), instruction, "pout_00000000000002"); a.Outcome != payout.Unknown || !strings.Contains(a.Reason, "id differs") {
		t.Errorf("%+v", a)
	}
}

func TestSearch(t *testing.T) {
	other := paidBody(`"reference_id":"GL00000000000007"`, `"reference_id":"GL00000000000008"`)
	for name, c := range map[string]struct {
		body string
		want payout.Outcome
	}{
		"one":           {listBody(paidBody()), payout.Paid},
		"none":          {listBody(), payout.Absent},
		"two of ours":   {listBody(paidBody(), paidBody(`pout_00000000000001`, `pout_00000000000002`)), payout.Unknown},
		"ours + other":  {listBody(paidBody(), other), payout.Unknown},
		"another's":     {listBody(other), payout.Unknown},
		"no count":      {`{"entity":"collection","items":[]}`, payout.Unknown},
		"count differs": {`{"entity":"collection","count":1,"items":[]}`, payout.Unknown},
		"no items":      {`{"entity":"collection","count":0}`, payout.Unknown},
		"null items":    {`{"entity":"collection","count":0,"items":null}`, payout.Unknown},
		"no collection": {`{"count":0,"items":[]}`, payout.Unknown},
		"empty":         {`{}`, payout.Unknown},
	} {
		r, _ := open(t, reply{200, c.body})
		if a := r.Find(t.Context(), instruction, ""); a.Outcome != c.want || (c.want == payout.Unknown) != (a.Reason != "" && a.Code == "") {
			t.Errorf("%s: %+v, want %s", name, a, c.want)
		}
	}
}

// An id that RazorpayX doesn't know is looked for by reference, and is never Absent: it had it once.
func TestIDThatIsNotKnown(t *testing.T) {
	missing := reply{400, `{"error":{"code":"BAD_REQUEST_ERROR","description":"The id provided does not exist"}}`}
	r, _ := open(t, missing, reply{200, listBody(paidBody())})
	if a := r.Find(t.Context(), instruction, "pout_00000000000009"); a.Outcome != payout.Paid {
		t.Errorf("found by reference: %+v", a)
	}
	r, _ = open(t, missing, reply{200, listBody()})
	if a := r.Find(t.Context(), instruction, "pout_00000000000009"); a.Outcome != payout.Unknown || a.Reason == "" {
		t.Errorf("found by neither: %+v", a)
	}
	for _, status := range []int{401, 429, 500} {
		r, b := open(t, reply{status, ""})
		if a := r.Find(t.Context(), instruction, "pout_00000000000009"); a.Outcome != payout.Unknown || len(b.seen) != 1 {
			t.Errorf("HTTP %d: %+v after %d requests", status, a, len(b.seen))
		}
	}
}

func TestNoAnswer(t *testing.T) {
	r, err := New(Config{KeyID: "rzp_live_1", Secret: keySecret, Account: "7878780080316316", BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []payout.Answer{r.Pay(t.Context(), instruction), r.Find(t.Context(), instruction, "")} {
		if a.Outcome != payout.Unknown || !strings.HasPrefix(a.Reason, "no answer") || strings.Contains(a.Reason, "7878780080316316") {
			t.Errorf("%+v", a)
		}
	}
}
