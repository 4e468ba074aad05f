package galla_test

import (
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/galla-gateway/galla"
)

// A receiver of postbacks: verify, book once per id, answer ok. The same postback may come again at any time.
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
