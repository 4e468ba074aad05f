package galla

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/money"
)

func aWithdrawal() WithdrawalRequest {
	return WithdrawalRequest{
		WithdrawalID: "w-1", PaymentSystem: PaymentSystemIMPS, Amount: 700, CurrencyCode: "INR", Label: "55", AccountNumber: "001234567890",
		AccountName: "Asha Rao", BranchCode: "SBIN0000300",
	}
}

// payer is a client that may withdraw, at a server that answers with e.
func payer(t *testing.T, e *exchange) *Client {
	t.Helper()
	client := serve(t, e)
	if err := client.SignWithdrawals(WithdrawalKeys{PrivateKey: withdrawalKey, Merchant: "a&b"}); err != nil {
		t.Fatal(err)
	}
	return client
}

func TestClientWithdraw(t *testing.T) {
	for _, want := range []WithdrawalAnswer{
		{Status: StatusOK},
		{Status: StatusFail, Message: "Withdrawals are paused"},
		{Status: StatusFail, Field: "withdrawals_sum_amount", Message: MessageInsufficient},
	} {
		e := &exchange{code: 200, answer: "\ufeff" + string(want.AppendJSON(nil))}
		got, err := payer(t, e).Withdraw(t.Context(), aWithdrawal())
		if err != nil || got != want {
			t.Errorf("%+v, %v, want %+v", got, err, want)
		}
		sent, err := DecodeWithdrawal([]byte(e.body))
		if err != nil || e.method != "POST" || e.uri != "/v2/withdrawal/create?merchant=a%26b" || sent.WithdrawalID != "w-1" {
			t.Errorf("sent %+v: %v", e, err)
		}
		if err := sent.Verify(withdrawalKey); err != nil {
			t.Error(err)
		}
	}
	several := &exchange{code: 200, answer: `{"status":"fail","message":{"amount":["too small","too round"],"label":["odd"]}}`}
	if got, err := payer(t, several).Withdraw(t.Context(), aWithdrawal()); err != nil || got.Field != "amount" || got.Message != "too small too round" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestClientWithdrawRefused(t *testing.T) {
	for _, test := range []struct {
		code                   int
		answer, field, message string
		repeat                 bool
	}{
		{403, `{"status":"fail","message":"The signature does not match"}`, "", "The signature does not match", false},
		{404, `{"status":"fail","message":"Not found"}`, "", "Not found", false},
		{422, `{"status":"fail","message":{"comment":["comment may not look like an IFSC."]}}`, "comment", "comment may not look like an IFSC.", false},
		{422, `{"status":"fail","message":{"comment":"odd"}}`, "comment", "odd", false},
		{503, `{"status":"error","message":"repeat with the same id"}`, "", "repeat with the same id", true},
		{200, `{"status":"pending"}`, "", "unknown status in the answer", true},
		{200, `<html>`, "", "no JSON answer: The body must be one JSON object.", true},
	} {
		answer, err := payer(t, &exchange{code: test.code, answer: test.answer}).Withdraw(t.Context(), aWithdrawal())
		var refused *AnswerError
		if !errors.As(err, &refused) || answer != (WithdrawalAnswer{}) {
			t.Errorf("%d %s: %+v, %v", test.code, test.answer, answer, err)
			continue
		}
		if refused.HTTPStatus != test.code || refused.Field != test.field || refused.Message != test.message || refused.Repeat() != test.repeat {
			t.Errorf("%d %s: %+v, repeat %t", test.code, test.answer, refused, refused.Repeat())
		}
		if !strings.Contains(refused.Error(), test.field) {
			t.Errorf("%v doesn't name %s", refused, test.field)
		}
	}
}

// What can't be asked isn't sent.
func TestClientWithdrawSendsNothing(t *testing.T) {
	e := &exchange{}
	noKey, ready := serve(t, e), payer(t, e)
	if _, err := noKey.Withdraw(t.Context(), aWithdrawal()); err == nil || !strings.Contains(err.Error(), "SignWithdrawals") {
		t.Errorf("without a key: %v", err)
	}
	for field, change := range map[string]func(*WithdrawalRequest){
		"withdrawal_id": func(r *WithdrawalRequest) { r.WithdrawalID = "" },
		"amount":        func(r *WithdrawalRequest) { r.Amount = 0 },
		"account_name":  func(r *WithdrawalRequest) { r.AccountName = "Asha 2" },
	} {
		r := aWithdrawal()
		change(&r)
		_, err := ready.Withdraw(t.Context(), r)
		var wrong *RequestError
		if !errors.As(err, &wrong) || wrong.Field != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	if e.method != "" {
		t.Errorf("sent %+v", e)
	}
	for _, keys := range []WithdrawalKeys{{}, {PrivateKey: "a\nb"}, {PrivateKey: "a", Merchant: "a\nb"}} {
		if err := noKey.SignWithdrawals(keys); err == nil {
			t.Errorf("%q is taken", keys)
		}
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, ready); strings.Contains(text, withdrawalKey) {
			t.Errorf("%s shows the key: %s", format, text)
		}
	}
}

func TestClientWithdrawals(t *testing.T) {
	one := Withdrawal{
		ID: 12, WithdrawalID: "w-1", State: WithdrawalStatePaid, Amount: money.Money{Minor: 700_50, Currency: money.INR}, Test: true, Label: "55",
		AccountNumber: "7890", IFSC: "SBIN0000300", UTR: "412345678901", CreatedAt: time.Date(2026, 11, 22, 10, 0, 0, 1000, time.UTC),
		EndedAt: time.Date(2026, 11, 22, 10, 1, 0, 0, time.UTC),
	}
	open := one
	open.State, open.UTR, open.EndedAt = WithdrawalPending, "", time.Time{}
	page := WithdrawalPage{Withdrawals: []Withdrawal{one, open}, Next: 12, More: true, Mode: ModeLive, Merchant: "shop"}
	balances := BalancePage{
		Balances: []Balance{{Available: money.Money{Minor: 800_00, Currency: money.INR}, Reserved: money.Money{Minor: 1, Currency: money.INR}}},
		Mode:     ModeLive, Merchant: "shop",
	}
	e := &exchange{code: 200}
	client := serve(t, e)
	for _, c := range []struct {
		answer, asked string
		want          any
		ask           func() (any, error)
	}{
		{string(one.AppendJSON(nil)), "GET /v3/withdrawals/12", one, func() (any, error) { return client.Withdrawal(t.Context(), 12) }},
		{string(open.AppendJSON(nil)), "POST /v3/withdrawals/12/cancel", open, func() (any, error) { return client.CancelWithdrawal(t.Context(), 12) }},
		{string(page.AppendJSON(nil)), "GET /v3/withdrawals?after=11&limit=2", page, func() (any, error) { return client.Withdrawals(t.Context(), 11, 2) }},
		{string(page.AppendJSON(nil)), "GET /v3/withdrawals?after=0", page, func() (any, error) { return client.Withdrawals(t.Context(), 0, 0) }},
		{string(balances.AppendJSON(nil)), "GET /v3/balances", balances, func() (any, error) { return client.Balances(t.Context()) }},
	} {
		e.answer = c.answer
		got, err := c.ask()
		if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
			t.Errorf("%s: %v\n%s", c.asked, err, diff)
		}
		if asked := e.method + " " + e.uri; asked != c.asked || e.body != "" {
			t.Errorf("asked %s with %q, want %s", asked, e.body, c.asked)
		}
		for _, odd := range []string{
			`<html>`, `{"withdrawals":[{"id":1,"state":"paid","amount":"1.005","currency_code":"INR"}],"next":1,"balances":[{"currency_code":"INR","available":"1","reserved":"x"}]}`,
		} {
			e.answer = odd
			_, err := c.ask()
			var refused *AnswerError
			if !errors.As(err, &refused) || !refused.Repeat() {
				t.Errorf("%s answered %s: %v", c.asked, odd, err)
			}
		}
	}
	e.answer = `{"withdrawals":[]}`
	if _, err := client.Withdrawals(t.Context(), 0, 0); err == nil {
		t.Error("a page that doesn't say how to go on was taken")
	}
	e.code, e.answer = 409, string(Problem{Title: "Conflict", Status: 409, Code: "conflict", Detail: "too late"}.AppendJSON(nil))
	var refused *AnswerError
	if _, err := client.CancelWithdrawal(t.Context(), 12); !errors.As(err, &refused) || refused.HTTPStatus != 409 || refused.Message != "too late" || refused.Repeat() {
		t.Errorf("%v", err)
	}
}
