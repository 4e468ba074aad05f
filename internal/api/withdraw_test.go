package api

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/money"
)

const withdrawPath = "/v2/withdrawal/create"

// withdrawal is a signed body of shop's.
func (w *world) withdrawal(id string, amount int64, change func(*galla.WithdrawalRequest)) string {
	w.t.Helper()
	r := galla.WithdrawalRequest{
		WithdrawalID: id, PaymentSystem: galla.PaymentSystemIMPS, Amount: amount, CurrencyCode: "INR", Label: "55", AccountNumber: "123456789012",
		AccountName: "Asha Rao", BranchCode: "HDFC0000001",
	}
	if change != nil {
		change(&r)
	}
	body, err := r.AppendJSON(nil, w.keys["shop"].WithdrawalKey.Reveal())
	must(w.t, err)
	return string(body)
}

// fund gives shop money.
func (w *world) fund(rupees int64) {
	w.t.Helper()
	var people []gateway.Operator
	for _, name := range []string{"maker", "checker"} {
		key, err := w.g.AddOperator(context.Background(), name)
		must(w.t, err)
		by, err := w.g.Operator(context.Background(), key)
		must(w.t, err)
		people = append(people, by)
	}
	id, err := w.g.ProposeAdjustment(context.Background(), people[0], gateway.Adjustment{
		Merchant: "shop", Kind: gateway.Topup, Amount: money.Money{Minor: rupees * 100, Currency: money.INR}, Reason: "by cheque",
	})
	must(w.t, err)
	must(w.t, w.g.DecideAdjustment(context.Background(), people[1], id, true))
}

func TestWithdraw(t *testing.T) {
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		const ok, poor = `{"status":"ok"}`, `{"status":"fail","message":{"withdrawals_sum_amount":["Insufficient balance"]}}`
		w.want(call{path: withdrawPath, body: w.withdrawal("w-1", 100, nil)}, http.StatusOK, poor)
		w.fund(1000)
		w.want(call{path: withdrawPath, body: w.withdrawal("w-1", 100, nil)}, http.StatusOK, poor) // what was refused stays so
		w.want(call{path: withdrawPath, body: w.withdrawal("w-1", 600, nil)}, http.StatusOK, ok)
		w.want(call{path: withdrawPath, body: w.withdrawal("w-1", 600, nil)}, http.StatusOK, ok)
		w.want(call{path: withdrawPath, body: w.withdrawal("w-1", 601, nil)}, http.StatusOK, failJSON("withdrawal_id w-1 was sent before with another content"))
		w.want(call{path: withdrawPath, body: w.withdrawal("w-2", 600, nil)}, http.StatusOK, poor)
		w.want(call{path: withdrawPath, body: w.withdrawal("w-3", 200_001, nil)}, http.StatusOK,
			`{"status":"fail","message":{"amount":["amount is above the maximum of 200000."]}}`)
		w.want(call{path: withdrawPath, body: w.withdrawal("t-1", 5000, func(r *galla.WithdrawalRequest) { r.IsTest = true })}, http.StatusOK, ok)
		w.want(call{path: withdrawPath, body: w.withdrawal("w-4", 10, func(r *galla.WithdrawalRequest) { r.BranchCode, r.BankCode = "", "IFCS0123456" })}, http.StatusOK, ok)
		if n := w.count("SELECT count(*) FROM withdrawal"); n != 3 {
			t.Errorf("%d withdrawals", n)
		}
		if n := w.count("SELECT count(*) FROM withdrawal WHERE warning <> ''"); n != 1 {
			t.Errorf("%d have a warning", n)
		}
		w.pause("shop")
		w.want(call{path: withdrawPath, body: w.withdrawal("w-5", 10, nil)}, http.StatusOK, failJSON("Withdrawals are paused"))
		if strings.Contains(w.log.String(), "123456789012") {
			t.Error("a whole account number is in the log")
		}
	})
}

// Who the merchant is comes from the host, or from the query where the host names nobody.
func TestWithdrawWhoAsks(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.fund(1000)
	n := 0
	body := func() string { n++; return w.withdrawal(fmt.Sprintf("w-%d", n), 1, nil) }
	for _, c := range []struct {
		name, host, query string
		code              int
	}{
		{"by host", "api.shop." + baseHost, "", http.StatusOK},
		{"by host and the same in the query", "api.shop." + baseHost, "?merchant=shop", http.StatusOK},
		{"another in the query", "api.shop." + baseHost, "?merchant=other", http.StatusNotFound},
		{"by its domain", "api.pay.example.com", "", http.StatusOK},
		{"by the default", "api." + baseHost, "", http.StatusOK},
		{"by query", baseHost, "?merchant=shop", http.StatusOK},
		{"by query on any host", "127.0.0.1:8080", "?merchant=shop", http.StatusOK},
		{"by query, twice", baseHost, "?merchant=shop&merchant=shop", http.StatusNotFound},
		{"by nothing", baseHost, "", http.StatusNotFound},
		{"nobody", baseHost, "?merchant=nobody", http.StatusNotFound},
		{"nobody's host", "api.nobody." + baseHost, "?merchant=shop", http.StatusNotFound},
		{"signed by another", "api.other." + baseHost, "", http.StatusForbidden},
	} {
		got := w.do(call{host: c.host, path: withdrawPath + c.query, body: body()})
		if got.Code != c.code {
			t.Errorf("%s: %d %s, want %d", c.name, got.Code, got.Body, c.code)
		}
	}
	w.set("shop", "allow_ip=203.0.113.0/24")
	w.want(call{path: withdrawPath, body: body()}, http.StatusNotFound, notFoundJSON)
	w.want(call{path: withdrawPath, body: body(), remote: "203.0.113.9"}, http.StatusOK, `{"status":"ok"}`)
}

func TestWithdrawRefuses(t *testing.T) {
	w := newWorld(t, testkit.SQLite(t))
	w.fund(1000)
	for _, c := range badBodies {
		w.want(call{path: withdrawPath, body: c.body}, c.code, failJSON(c.message))
	}
	good := w.withdrawal("w-1", 100, nil)
	for _, c := range []struct {
		name, body string
		code       int
		answer     string
	}{
		{"amount in quotes", strings.Replace(good, `"amount":100`, `"amount":"100"`, 1), unprocessable,
			`{"status":"fail","message":{"amount":["amount must be a whole number of rupees above 0, without quotes, for example 1218."]}}`},
		{"another amount than signed", strings.Replace(good, `"amount":100`, `"amount":101`, 1), http.StatusForbidden, failJSON("The signature does not match")},
		{"no signature", strings.Replace(good, `"signature"`, `"signatur"`, 1), unprocessable,
			failJSON("signatur is no member of a withdrawal: what is signed would have more than one reading.")},
		{"a member that breaks out", strings.Replace(good, `"signature"`, `"x\":1,\"y"`, 1), unprocessable,
			failJSON(`x":1,"y is no member of a withdrawal: what is signed would have more than one reading.`)},
	} {
		w.want(call{path: withdrawPath, body: c.body}, c.code, c.answer)
	}
	got := w.do(call{method: http.MethodGet, path: withdrawPath})
	if got.Code != http.StatusMethodNotAllowed {
		t.Errorf("GET: %d", got.Code)
	}
	if n := w.count("SELECT count(*) FROM withdrawal"); n != 0 {
		t.Errorf("%d withdrawals", n)
	}
}
