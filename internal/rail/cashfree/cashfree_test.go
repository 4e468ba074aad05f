package cashfree

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

func TestNew(t *testing.T) {
	whole := Config{ClientID: "CF123", Secret: clientSecret}
	if r, err := New(whole); err != nil || r.hook.Reveal() != clientSecret {
		t.Errorf("whole: %v", err)
	}
	for name, spoil := range map[string]func(*Config){
		"no id": func(c *Config) { c.ClientID = "" }, "no secret": func(c *Config) { c.Secret = "" },
		"plain": func(c *Config) { c.BaseURL = "http://api.example.com" },
	} {
		c := whole
		spoil(&c)
		if _, err := New(c); err == nil || strings.Contains(err.Error(), clientSecret) {
			t.Errorf("%s: error is %v", name, err)
		}
	}
}

func TestNothingPrintsTheSecret(t *testing.T) {
	r, _ := open(t, reply{200, ""})
	c := Config{ClientID: "CF123", Secret: clientSecret, WebhookSecret: clientSecret}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		shown := fmt.Sprintf(verb, r) + fmt.Sprintf(verb, *r) + fmt.Sprintf(verb, c)
		if strings.Contains(shown, clientSecret) || strings.Contains(shown, fmt.Sprintf("%x", clientSecret)) {
			t.Errorf("%s prints %s", verb, shown)
		}
	}
}

func TestRequests(t *testing.T) {
	r, b := open(t, reply{200, transferBody()})
	r.Pay(t.Context(), instruction)
	r.Find(t.Context(), instruction, "123456")
	const keys = "\nx-client-id: CF123\nx-client-secret: client-secret\nx-api-version: 2024-01-01\nContent-Type: "
	for i, want := range []string{
		"POST /payout/transfers" + keys + "application/json\n" +
			`{"transfer_id":"GL00000000000007","transfer_amount":700.50,"transfer_currency":"INR","transfer_mode":"imps",` +
			`"beneficiary_details":{"beneficiary_name":"Gaurav Kumar","beneficiary_instrument_details":` +
			`{"bank_account_number":"7766671501729","bank_ifsc":"SBIN0000003"}},"transfer_remarks":"GL00000000000007"}`,
		"GET /payout/transfers?transfer_id=GL00000000000007" + keys + "\n",
	} {
		if b.seen[i] != want {
			t.Errorf("request %d was\n%s\nwant\n%s", i, b.seen[i], want)
		}
	}
}

// Amounts that a float would spoil are written to the paisa.
func TestAmountsAreExact(t *testing.T) {
	for minor, want := range map[int64]string{
		1: "0.01", 10: "0.10", 100: "1.00", 70050: "700.50", 110: "1.10", 50000000: "500000.00", 99999999999999: "999999999999.99",
		9007199254740993: "90071992547409.93",
	} {
		r, b := open(t, reply{200, ""})
		in := instruction
		in.Amount.Minor = minor
		r.Pay(t.Context(), in)
		if !strings.Contains(b.seen[0], `"transfer_amount":`+want+`,`) {
			t.Errorf("%d paise were written as\n%s", minor, b.seen[0])
		}
	}
}

func TestOnlyRupeesAreSent(t *testing.T) {
	r, b := open(t, reply{200, transferBody()})
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

// Every row of the table, in the answer to a payment and to a look-up.
func TestStates(t *testing.T) {
	rows := 0
	for _, codes := range states {
		rows += len(codes)
	}
	want := []struct {
		status, code string
		outcome      payout.Outcome
		told         string
	}{
		{"RECEIVED", "RECEIVED", payout.Sent, "RECEIVED"},
		{"APPROVAL_PENDING", "VELOCITY_CHECK_FAILED", payout.Sent, "VELOCITY_CHECK_FAILED"},
		{"QUEUED", "QUEUED", payout.Sent, "QUEUED"},
		{"PENDING", "SENT_TO_BANK", payout.Sent, "SENT_TO_BANK"},
		{"SUCCESS", "COMPLETED", payout.Paid, "COMPLETED"},
		{"SUCCESS", "SENT_TO_BENEFICIARY", payout.Sent, "SENT_TO_BENEFICIARY"},
		{"FAILED", "IMPS_MODE_FAIL", payout.Failed, "IMPS_MODE_FAIL"},
		{"REVERSED", "INVALID_ACCOUNT_FAIL", payout.Failed, "reversed"},
		{"REJECTED", "INVALID_MODE_FOR_PYID", payout.Failed, "INVALID_MODE_FOR_PYID"},
		{"MANUALLY_REJECTED", "", payout.Failed, "MANUALLY_REJECTED"},
	}
	if rows != len(want) {
		t.Errorf("the table has %d rows, this test %d", rows, len(want))
	}
	for _, unknown := range [][2]string{
		{"SUCCESS", ""}, {"SUCCESS", "REFUNDED"}, {"SUCCESS", "*"}, {"FAILED", "*"}, {"success", "COMPLETED"}, {"COMPLETED", "COMPLETED"},
		{"", ""}, {"ERROR", "FAILED"},
	} {
		told := unknown[1]
		if told == "" {
			told = unknown[0]
		}
		want = append(want, struct {
			status, code string
			outcome      payout.Outcome
			told         string
		}{unknown[0], unknown[1], payout.Unknown, told})
	}
	for _, c := range want {
		body := transferBody(`"SUCCESS"`, `"`+c.status+`"`, `"COMPLETED"`, `"`+c.code+`"`)
		r, _ := open(t, reply{200, body})
		for _, a := range []payout.Answer{r.Pay(t.Context(), instruction), r.Find(t.Context(), instruction, "123456")} {
			if a.Outcome != c.outcome || a.Code != c.told || a.RailID != "123456" || a.Reason == "" {
				t.Errorf("%s %s is %+v, want %s, %s", c.status, c.code, a, c.outcome, c.told)
			}
			if utr := map[bool]string{true: "TESTR92023012200543116"}[c.outcome == payout.Paid]; a.UTR != utr {
				t.Errorf("%s %s has UTR %q, want %q", c.status, c.code, a.UTR, utr)
			}
			if !a.At.Equal(time.Date(2021, 11, 24, 13, 40, 27, 0, time.UTC)) {
				t.Errorf("%s %s is of %v", c.status, c.code, a.At)
			}
			secretless(t, a)
		}
	}
}

// Whatever isn't a transfer of ours in words that are known is Unknown, never Failed and never Absent.
func TestUnknown(t *testing.T) {
	failed := func(changes ...string) string {
		return transferBody(append([]string{`"SUCCESS"`, `"FAILED"`}, changes...)...)
	}
	for name, c := range map[string]struct {
		reply  reply
		reason string
	}{
		"server error":    {reply{500, `{"type":"api_error","code":"internal_error","message":"trouble"}`}, "HTTP 500: trouble"},
		"unknown error":   {reply{520, `{"message":"Unknown error occurred"}`}, "HTTP 520"},
		"bad gateway":     {reply{502, "<html>" + clientSecret}, "HTTP 502"},
		"too many":        {reply{429, `{"code":"too_many_requests"}`}, "too many requests"},
		"keys":            {reply{401, `{"code":"authentication_error","message":"bad ` + clientSecret + `"}`}, "mend the client secret"},
		"address":         {reply{403, `{"code":"ip_not_whitelisted","message":"IP not whitelisted"}`}, "mend the client secret"},
		"refused field":   {reply{400, `{"code":"bank_ifsc_invalid","message":"of account 7766671501729"}`}, "HTTP 400: of account …1729"},
		"unprocessable":   {reply{422, `{"code":"bank_account_number_same_as_source"}`}, "HTTP 422"},
		"no balance":      {reply{400, `{"code":"insufficient_balance","message":"Not enough available balance in the account"}`}, "HTTP 400: Not enough"},
		"bare 404":        {reply{404, `404 page not found`}, "HTTP 404"},
		"empty 404":       {reply{404, `{}`}, "HTTP 404"},
		"beneficiary 404": {reply{404, `{"code":"beneficiary_not_found","message":"Beneficiary does not exist"}`}, "HTTP 404"},
		"redirect":        {reply{302, ``}, "HTTP 302"},
		"accepted":        {reply{202, failed()}, "HTTP 202"},
		"failed with 400": {reply{400, failed()}, "HTTP 400"},
		"empty":           {reply{200, ``}, "isn't a transfer"},
		"null":            {reply{200, `null`}, "no id"},
		"page":            {reply{200, `<html>`}, "isn't a transfer"},
		"cut":             {reply{200, failed()[:200]}, "isn't a transfer"},
		"two":             {reply{200, failed() + failed()}, "isn't a transfer"},
		"error with 200":  {reply{200, `{"type":"x","code":"y","message":"z"}`}, "no id"},
		"old version":     {reply{200, `{"status":"ERROR","subCode":"403","message":"APIs not enabled"}`}, "no id"},
		"paise":           {reply{200, failed(`700.5`, `70050`)}, "another amount"},
		"a paisa less":    {reply{200, failed(`700.5`, `700.49`)}, "another amount"},
		"finer":           {reply{200, failed(`700.5`, `700.501`)}, "another amount"},
		"no amount":       {reply{200, failed(`"transfer_amount":700.5,`, ``)}, "another amount"},
		"other reference": {reply{200, failed(`GL00000000000007`, `GL00000000000008`)}, "reference differs"},
		"other account":   {reply{200, failed(`7766671501729`, `7766671501728`)}, "another bank account"},
		"other ifsc":      {reply{200, failed(`SBIN0000003`, `SBIN0000004`)}, "another bank account"},
		"no id":           {reply{200, failed(`"cf_transfer_id":"123456",`, ``)}, "no id"},
		"odd id":          {reply{200, failed(`"123456"`, `"12 34"`)}, "no id"},
		"too long":        {reply{200, failed() + strings.Repeat(" ", 70<<10)}, "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			r, _ := open(t, c.reply)
			for from, a := range map[string]payout.Answer{"pay": r.Pay(t.Context(), instruction), "find": r.Find(t.Context(), instruction, "")} {
				if a.Outcome != payout.Unknown || a.RailID != "" || a.UTR != "" || !strings.Contains(a.Reason, c.reason) {
					t.Errorf("%s: %+v, want reason %q", from, a, c.reason)
				}
				secretless(t, a)
			}
		})
	}
}

func TestAmountsAreReadHoweverTheyAreWritten(t *testing.T) {
	for _, amount := range []string{"700.50", "700.500", "7.005e2", `"700.5"`} {
		r, _ := open(t, reply{200, transferBody("700.5", amount)})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Paid {
			t.Errorf("%s: %+v", amount, a)
		}
	}
}

// A transfer_id that is taken is looked for: it may have been paid.
func TestDuplicateIsFound(t *testing.T) {
	for _, duplicate := range []reply{
		{409, `{"type":"invalid_request_error","code":"transfer_id_already_exists","message":"exists"}`},
		{400, `{"code":"transfer_id_already_exists"}`}, {409, ``},
	} {
		r, b := open(t, duplicate, reply{200, transferBody()})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Paid || len(b.seen) != 2 {
			t.Errorf("paid: %+v after %d requests", a, len(b.seen))
		}
		r, _ = open(t, duplicate, reply{404, `{"code":"transfer_not_found","message":"transfer does not exist"}`})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Unknown || a.Reason == "" {
			t.Errorf("not found: %+v", a)
		}
		r, _ = open(t, duplicate, reply{500, ``})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Unknown {
			t.Errorf("no look-up: %+v", a)
		}
	}
}

func TestAbsentTakesWords(t *testing.T) {
	for body, want := range map[string]payout.Outcome{
		`{"code":"transfer_not_found","message":""}`:                         payout.Absent,
		`{"code":"x","message":"transfer_id does not exist"}`:                payout.Absent,
		`{"code":"404","message":"TransferId is invalid or does not exist"}`: payout.Absent,
		`{"message":"Transfer not found"}`:                                   payout.Absent,
		`{"message":"no Route matched with those values"}`:                   payout.Unknown,
		`{"code":"resource_not_found"}`:                                      payout.Unknown,
		`{"code":"transfer_failed"}`:                                         payout.Unknown,
		`transfer not found`:                                                 payout.Unknown,
		``:                                                                   payout.Unknown,
	} {
		r, _ := open(t, reply{404, body})
		if a := r.Find(t.Context(), instruction, ""); a.Outcome != want {
			t.Errorf("%s: %+v, want %s", body, a, want)
		}
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Unknown {
			t.Errorf("pay, %s: %+v", body, a)
		}
		if a := r.Find(t.Context(), instruction, "123456"); a.Outcome != payout.Unknown {
			t.Errorf("what had an id is never absent: %+v", a)
		}
		r, _ = open(t, reply{400, body})
		if a := r.Find(t.Context(), instruction, ""); a.Outcome != payout.Unknown {
			t.Errorf("HTTP 400, %s: %+v", body, a)
		}
	}
}

// A number that none can be isn't kept, and the transfer is paid all the same.
func TestUTRThatIsNone(t *testing.T) {
	for _, utr := range []string{`null`, `"null"`, `""`, `"see dashboard"`} {
		r, _ := open(t, reply{200, transferBody(`"TESTR92023012200543116"`, utr)})
		if a := r.Pay(t.Context(), instruction); a.Outcome != payout.Paid || a.UTR != "" {
			t.Errorf("%s: %+v", utr, a)
		}
	}
}

func TestAnswerWithAnotherIDIsUnknown(t *testing.T) {
	r, _ := open(t, reply{200, transferBody()})
	if a := r.Find(t.Context(), instruction, "654321"); a.Outcome != payout.Unknown || !strings.Contains(a.Reason, "id differs") {
		t.Errorf("%+v", a)
	}
}

func TestNoAnswer(t *testing.T) {
	r, err := New(Config{ClientID: "CF123", Secret: clientSecret, BaseURL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []payout.Answer{r.Pay(t.Context(), instruction), r.Find(t.Context(), instruction, "")} {
		if a.Outcome != payout.Unknown || !strings.HasPrefix(a.Reason, "no answer") {
			t.Errorf("%+v", a)
		}
	}
}
