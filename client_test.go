package galla

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/money"
)

// exchange is one request to a test server and its answer.
type exchange struct {
	method, uri, body string // as received
	code              int
	answer            string
}

// serve answers every request with the exchange's answer and records what came.
func serve(t *testing.T, e *exchange) *Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		e.method, e.uri, e.body = r.Method, r.URL.String(), string(body)
		if got := r.Header.Get("Authorization"); got != "Bearer top-secret" {
			t.Errorf("Authorization %q", got)
		}
		w.WriteHeader(e.code)
		io.WriteString(w, e.answer)
	}))
	t.Cleanup(server.Close)
	client, err := New(server.URL+"/", "top-secret")
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func TestClientCreate(t *testing.T) {
	e := &exchange{code: 200, answer: string(CreateAnswer{Identifier: "6234234234"}.AppendJSON(nil))}
	got, err := serve(t, e).Create(t.Context(), "phone_pe", CreateRequest{Currency: "INR", Label: "eligendi"})
	if err != nil || got.Identifier != "6234234234" {
		t.Errorf("%+v, %v", got, err)
	}
	if e.method != "POST" || e.uri != "/api/v1/transaction/create/phone_pe" || e.body != `{"currency":"INR","label":"eligendi"}` {
		t.Errorf("sent %+v", e)
	}
	e = &exchange{code: 200, answer: `{"status":"fail","message":"No wallet"}`}
	_, err = serve(t, e).Create(t.Context(), "a/../b", CreateRequest{})
	var refused *AnswerError
	if !errors.As(err, &refused) || refused.Message != "No wallet" || refused.Repeat() {
		t.Errorf("%v", err)
	}
	if e.uri != "/api/v1/transaction/create/a%2F..%2Fb" {
		t.Errorf("asked for %s", e.uri)
	}
}

func TestClientActivate(t *testing.T) {
	request, err := DecodeActivate([]byte(pageActivate))
	if err != nil {
		t.Fatal(err)
	}
	for _, answer := range []Answer{
		{Status: StatusOK, Amount: money.Money{Minor: 50050, Currency: money.INR}},
		{Status: StatusPending, Message: MessagePending},
		{Status: StatusPossible, Message: MessagePossible},
		{Status: StatusFail, Message: "no"},
	} {
		e := &exchange{code: 200, answer: "\ufeff" + string(answer.AppendJSON(nil))}
		got, err := serve(t, e).Activate(t.Context(), request)
		if err != nil || got != answer {
			t.Errorf("%+v, %v, want %+v", got, err, answer)
		}
		if e.method != "POST" || e.uri != "/api/v1/transaction/activate" || e.body != pageActivate {
			t.Errorf("sent %+v", e)
		}
	}
	for _, test := range []struct {
		code   int
		answer string
		repeat bool
	}{
		{404, `{"status":"fail","message":"Not found"}`, false},
		{422, `{"status":"fail","message":"label is required."}`, false},
		{429, `{"status":"fail","message":"slow down"}`, true},
		{503, `{"status":"error","message":"repeat with the same id"}`, true},
		{200, `{"status":"error","message":"odd"}`, true},
		{502, `<html>Bad gateway</html>`, true},
		{200, `<html>Captive portal</html>`, true},
		{200, `{"status":"new"}`, true},
		{200, `{"status":5}`, true},
		{301, ``, true},
	} {
		_, err := serve(t, &exchange{code: test.code, answer: test.answer}).Activate(t.Context(), request)
		var refused *AnswerError
		if !errors.As(err, &refused) || refused.HTTPStatus != test.code || refused.Repeat() != test.repeat {
			t.Errorf("%d %s: %v", test.code, test.answer, err)
		}
	}
	e := &exchange{}
	request.Amount = "1.005"
	var wrong *RequestError
	if _, err := serve(t, e).Activate(t.Context(), request); !errors.As(err, &wrong) || e.method != "" {
		t.Errorf("%v after sending %+v", err, e)
	}
	request.Amount = "500"
	if _, err := serve(t, &exchange{code: 200, answer: `{"status":"ok","deposit_amount":1.005,"currency":{"code":"INR"}}`}).Activate(t.Context(), request); err == nil {
		t.Error("an impossible amount was read")
	}
}

func TestClientAvailable(t *testing.T) {
	want := AvailableAnswer{
		Currencies: []money.Currency{money.INR, money.BDT},
		Wallets:    []AvailableWallet{{Type: "phone_pe", Currency: money.INR, Order: 1, Logo: "x", Name: "PhonePe"}},
	}
	e := &exchange{code: 200, answer: string(want.AppendJSON(nil))}
	got, err := serve(t, e).Available(t.Context(), AvailableRequest{CurrencyCodes: []string{"INR", "BDT"}, Label: "a b"})
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
	if e.method != "GET" || e.uri != "/api/v1/payment-systems/available?currency_code%5B%5D=INR&currency_code%5B%5D=BDT&label=a+b" {
		t.Errorf("asked %s %s", e.method, e.uri)
	}
	e = &exchange{code: 200, answer: `{"status":"fail","message":"no"}`}
	if _, err := serve(t, e).Available(t.Context(), AvailableRequest{}); err == nil || e.uri != "/api/v1/payment-systems/available" {
		t.Errorf("%v, asked %s", err, e.uri)
	}
}

func TestNew(t *testing.T) {
	for _, server := range []string{"", "shop.example", "ftp://shop.example", "https://", "https://shop.example?x=1", "https://u:p@shop.example", "::"} {
		if _, err := New(server, "secret"); err == nil {
			t.Errorf("New(%q) gives no error", server)
		}
	}
	for _, secret := range []string{"", "a\nb"} {
		if _, err := New("https://shop.example", secret); err == nil {
			t.Errorf("New with secret %q gives no error", secret)
		}
	}
}

func TestClientKeepsItsSecret(t *testing.T) {
	client, err := New("http://127.0.0.1:1", "top-secret")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, failed := client.Create(ctx, "phone_pe", CreateRequest{})
	if !errors.Is(failed, context.Canceled) {
		t.Errorf("%v", failed)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, client) + failed.Error(); strings.Contains(text, "top-secret") {
			t.Errorf("%s shows the secret: %s", format, text)
		}
	}
}
