package galla_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/money"
)

// A merchant's server, and a postback that reaches it twice, as one does whose answer was lost.
func ExamplePostbackHandler() {
	const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	keys := galla.PostbackKeys{
		AccessKey:      "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK",
		PrivateKey:     "test_private_access_key",
		WebhookSecrets: []string{secret}, // both while it is rotated
	}
	handler := galla.PostbackHandler(keys, galla.NewMemoryStore(galla.DefaultSeenLimit), func(p galla.Postback) error {
		// Here a transaction of your database inserts the StockpilingID, UNIQUE, together with the user's new balance. It
		// returns nil when the id is there already; an error makes Galla send the postback again.
		fmt.Println("credit", p.Data.StockpilingID, "of", p.Amount.Text(), p.Amount.Currency, "for", p.Data.PluginCustomOrderID)
		return nil
	})
	server := httptest.NewServer(handler) // yours: http.Handle("/postback", handler)
	defer server.Close()

	// What Galla does.
	postback := galla.Postback{
		WalletType: "phone_pe", Amount: money.Money{Minor: 70000, Currency: money.INR}, Label: "user-55",
		Direction: galla.DirectionDeposit, Data: galla.PostbackData{StockpilingID: 1431219, PluginCustomOrderID: "order-1001"},
	}
	body := postback.AppendBody(nil, keys.AccessKey, keys.PrivateKey)
	for range 2 {
		now := time.Now()
		signature, err := galla.SignWebhook(secret, "msg_1", now, body)
		if err != nil {
			fmt.Println(err)
			return
		}
		request, err := http.NewRequest(http.MethodPost, server.URL, bytes.NewReader(body))
		if err != nil {
			fmt.Println(err)
			return
		}
		request.Header.Set(galla.HeaderWebhookID, "msg_1")
		request.Header.Set(galla.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
		request.Header.Set(galla.HeaderWebhookSignature, signature)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			fmt.Println(err)
			return
		}
		answer, err := io.ReadAll(response.Body)
		response.Body.Close()
		fmt.Println(response.StatusCode, string(answer), err)
	}
	// Output:
	// credit 1431219 of 700 INR for order-1001
	// 200 {"status":"ok"} <nil>
	// 200 {"status":"ok"} <nil>
}

// A receiver of your own making: verify, book once per id, answer ok. The same postback may come again at any time.
func ExampleVerifyPostback() {
	keys := galla.PostbackKeys{
		AccessKey:      "FQ9jMwrNSkFbyMNqYFf6Ed4xeKmjHK",
		PrivateKey:     "test_private_access_key",
		WebhookSecrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
	}
	http.HandleFunc("POST /postback", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, galla.MaxBody))
		if err != nil {
			return
		}
		postback, err := galla.VerifyPostback(body, r.Header, keys, time.Now())
		if err != nil {
			http.Error(w, `{"status":"fail"}`, http.StatusForbidden)
			return
		}
		// Book postback.Amount for the order, unless this StockpilingID is booked already.
		_ = postback.Data.PluginCustomOrderID
		io.WriteString(w, `{"status":"ok"}`)
	})
}

func ExampleWindowLink() {
	link, err := galla.WindowLink{
		Base:                "https://plugin.shop.example",
		Label:               "user-55",
		CurrencyCode:        "INR",
		WalletType:          "phone_pe",
		CustomTransactionID: "order-1001",
		FixedAmount:         "500",
		SuccessURL: galla.RedirectToken("test_redirect_key", "shop", galla.RedirectSuccess,
			"https://merchant.example/ok?id=1", time.Unix(1795000000, 0)),
	}.URL()
	fmt.Println(link, err)
	// Output: https://plugin.shop.example/?label=user-55&currency_code=INR&wallet_type=phone_pe&custom_transaction_id=order-1001&fixed_amount=500&success_url=aHR0cHM6Ly9tZXJjaGFudC5leGFtcGxlL29rP2lkPTEKMTc5NTAwMDAwMA.n9WBXGgqT8WrZFH9UihS7SHE8PYqTBZq-IZe-9gCgKc <nil>
}
