package api

import (
	"errors"
	"fmt"
	"net/http/httptest"
	"testing"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/money"
)

// client is the client of package galla against the world's handlers, as shop whom the host doesn't name.
func (w *world) client(privateKey string) *galla.Client {
	w.t.Helper()
	server := httptest.NewServer(w.handler)
	w.t.Cleanup(server.Close)
	client, err := galla.New(server.URL, w.keys["shop"].APISecret.Reveal())
	must(w.t, err)
	must(w.t, client.SignWithdrawals(galla.WithdrawalKeys{PrivateKey: privateKey, Merchant: "shop"}))
	return client
}

// The client and the server speak of withdrawals as each expects.
func TestClientOfWithdrawals(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.fund(1000)
		client, ctx := w.client(w.keys["shop"].WithdrawalKey.Reveal()), t.Context()
		request := galla.WithdrawalRequest{
			WithdrawalID: "w-1", PaymentSystem: galla.PaymentSystemIMPS, Amount: 600, CurrencyCode: "INR", Label: "55", AccountNumber: "123456789012",
			AccountName: "Asha Rao", BranchCode: "HDFC0000001",
		}
		withdraw := func(change func(*galla.WithdrawalRequest), want galla.WithdrawalAnswer) {
			t.Helper()
			r := request
			if change != nil {
				change(&r)
			}
			if got, err := client.Withdraw(ctx, r); err != nil || got != want {
				t.Errorf("%s: %+v, %v, want %+v", r.WithdrawalID, got, err, want)
			}
		}
		ok := galla.WithdrawalAnswer{Status: galla.StatusOK}
		withdraw(nil, ok)
		withdraw(nil, ok) // a retry
		withdraw(func(r *galla.WithdrawalRequest) { r.Amount = 601 },
			galla.WithdrawalAnswer{Status: galla.StatusFail, Message: "withdrawal_id w-1 was sent before with another content"})
		withdraw(func(r *galla.WithdrawalRequest) { r.WithdrawalID = "w-2" },
			galla.WithdrawalAnswer{Status: galla.StatusFail, Field: "withdrawals_sum_amount", Message: galla.MessageInsufficient})
		withdraw(func(r *galla.WithdrawalRequest) { r.WithdrawalID, r.Amount = "w-3", 100 }, ok)

		var denied *galla.AnswerError
		if _, err := w.client("another key").Withdraw(ctx, request); !errors.As(err, &denied) || denied.HTTPStatus != 403 || denied.Message != messageSignature {
			t.Errorf("another key: %v", err)
		}
		page, err := client.Withdrawals(ctx, 0, 1)
		if err != nil || len(page.Withdrawals) != 1 || !page.More || page.Merchant != "shop" || page.Mode != galla.ModeLive {
			t.Fatalf("%+v, %v", page, err)
		}
		first := page.Withdrawals[0]
		if rest, err := client.Withdrawals(ctx, page.Next, 0); err != nil || len(rest.Withdrawals) != 1 || rest.More || rest.Withdrawals[0].WithdrawalID != "w-3" {
			t.Errorf("%+v, %v", rest, err)
		}
		if one, err := client.Withdrawal(ctx, first.ID); err != nil || one != first || one.State != galla.WithdrawalPending || one.Amount.Minor != 600_00 {
			t.Errorf("%+v, %v, listed as %+v", one, err, first)
		}
		w.wantBalance(client, "available 300, reserved 700")
		gone, err := client.CancelWithdrawal(ctx, first.ID)
		if err != nil || gone.State != galla.WithdrawalReturned || gone.EndedAt.IsZero() {
			t.Errorf("%+v, %v", gone, err)
		}
		w.wantBalance(client, "available 900, reserved 100")
		for _, ask := range []func() error{
			func() error { _, err := client.Withdrawal(ctx, 999); return err },
			func() error { _, err := client.CancelWithdrawal(ctx, 999); return err },
		} {
			if err := ask(); !errors.As(err, &denied) || denied.HTTPStatus != 404 || denied.Repeat() {
				t.Errorf("one that isn't there: %v", err)
			}
		}
		if _, err := client.Withdrawals(ctx, 0, galla.MaxWithdrawalLimit+1); !errors.As(err, &denied) || denied.HTTPStatus != 400 {
			t.Errorf("a page that is too long: %v", err)
		}
	})
}

func (w *world) wantBalance(client *galla.Client, want string) {
	w.t.Helper()
	page, err := client.Balances(w.t.Context())
	if err != nil || page.Merchant != "shop" {
		w.t.Fatalf("%+v, %v", page, err)
	}
	for _, b := range page.Balances {
		got := fmt.Sprintf("available %s, reserved %s", b.Available.Text(), b.Reserved.Text())
		if b.Available.Currency == money.INR && got == want {
			return
		}
	}
	w.t.Errorf("balances are %+v, want %s", page.Balances, want)
}
