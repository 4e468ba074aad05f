package api

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/gateway"
)

func TestAvailable(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.addWallet(gateway.NewWallet{Method: "upi_l", Identifier: "shop@okhdfcbank", Merchants: []string{"shop"}})
		const (
			inr     = `{"code":"INR","symbol":"INR"}`
			bdt     = `{"code":"BDT","symbol":"BDT"}`
			phonePe = `{"type":"phone_pe","currency_code":"INR","order":1,"logo":"","name":"PhonePe"}`
			upi     = `{"type":"upi_l","currency_code":"INR","order":3,"logo":"","name":"UPI L"}`
			bkash   = `{"type":"bkash","currency_code":"BDT","order":9,"logo":"","name":"bKash"}`
		)
		list := func(currencies, wallets string) string {
			return `{"status":"ok","params":{"currency_data":[` + currencies + `],"wallets":[` + wallets + `]}}`
		}
		all, rupees, taka, none := list(inr+","+bdt, phonePe+","+upi+","+bkash), list(inr, phonePe+","+upi), list(bdt, bkash), list("", "")
		for _, c := range []struct{ query, body, answer string }{
			{"", "", all},
			{"", "{}", all},
			{"&label=55", "", all},
			{"&currency_code[]=INR", "", rupees},
			{"&currency_code%5B%5D=INR&label=55", "", rupees},
			{"&currency_code=BDT", "", taka},
			{"&currency_code[]=INR&currency_code[]=BDT&currency_code[]=INR", "", all},
			{"", `{"currency_code":["BDT"],"label":"55"}`, taka},
			{"", `{"currency_code":"INR"}`, rupees},
			{"", `{"currency_code[]":["INR","BDT"]}`, all},
			{"&currency_code[]=INR", `{"currency_code":["BDT"]}`, all},
			{"&currency_code[]=USD", "", none},
			{"&extra=1", `{"extra":[]}`, all},
		} {
			w.want(call{method: http.MethodGet, path: w.availablePath(c.query), body: c.body}, http.StatusOK, c.answer)
		}
		for _, c := range []struct{ query, body, message string }{
			{"&currency_code[]=XYZ", "", `currency_code "XYZ" is not a known currency.`},
			{"&currency_code[]=inr", "", `currency_code "inr" is not a known currency.`},
			{"&currency_code[]=RUPEES", "", "currency_code must be a currency code of 3 letters, for example INR."},
			{"&label=1&label=2", "", "label stands twice in the query."},
			{"&label=" + strings.Repeat("x", 191), "", "label is longer than 190 characters."},
			{"&label=%00", "", "label has a control character or a line separator."},
			{"&x=%zz", "", "The query can't be read."},
			{"&x=1;y=2", "", "The query can't be read."},
			{"", "INR", "The body must be one JSON object."},
			{"", `{"currency_code":[356]}`, "currency_code must be a string or an array of strings, not a number."},
			{"", `{"currency_code":{"0":"INR"}}`, "currency_code must be a string or an array of strings, not an object."},
			{"", `{"label":55}`, "label must be a string, not a number: put it in quotes."},
		} {
			w.want(call{method: http.MethodGet, path: w.availablePath(c.query), body: c.body}, unprocessable, failJSON(c.message))
		}
		// Nothing of one merchant shows in an answer to another.
		w.want(call{method: http.MethodGet, host: baseHost, path: "/api/v1/payment-systems/available?secret=" + w.keys["other"].APISecret.Reveal()},
			http.StatusOK, list(inr, phonePe))
		head := httptest.NewRequest(http.MethodHead, "http://"+baseHost+w.availablePath(""), nil)
		recorder := httptest.NewRecorder()
		w.handler.ServeHTTP(recorder, head)
		if recorder.Code != http.StatusOK {
			t.Errorf("HEAD: %d", recorder.Code)
		}
		w.pause("shop")
		w.want(call{method: http.MethodGet, path: w.availablePath("")}, http.StatusOK, none)
	})
}
