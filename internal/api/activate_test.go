package api

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
)

// The four answers of protocol section 4, byte for byte.
const (
	okJSON       = `{"status":"ok","deposit":true,"deposit_amount":500,"currency":{"code":"INR","symbol":"INR"}}`
	pendingJSON  = `{"status":"pending","message":"The deposit status check has been started. The operation may take longer than expected. Upon completion of the verification, the funds will be credited to your account"}`
	possibleJSON = `{"status":"possible_transaction_created","message":"Transaction not found. Possible transaction created"}`
)

func TestActivateAnswers(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.equal("evidence", w.transfer("321302038123", "500.00"),
			`{"results":[{"status":"created","transfer_id":1,"reference":"321302038123","amount":"500","currency":"INR"}]}`)
		w.equal("ok", w.claim("123465477897", "55", "321302038123", "500"), okJSON)
		w.equal("possible", w.claim("order-2", "55", "321302038124", "250.5"), possibleJSON)
		w.equal("possible again", w.claim("order-2", "55", "321302038124", "250.5"), possibleJSON)
		w.transfer("321302038124", "250.50")
		w.equal("ok after all", w.claim("order-2", "55", "321302038124", "250.5"), strings.Replace(okJSON, "500", "250.5", 1))
		w.transfer("321302038125", "100")
		w.equal("pending", w.claim("order-3", "55", "321302038125", "99"), pendingJSON)
		w.equal("fail", w.claim("order-4", "66", "321302038123", "500"), failJSON(gateway.MessageRefused))
		if deposits := w.count("SELECT count(*) FROM deposit"); deposits != 2 {
			t.Errorf("%d deposits, want 2", deposits)
		}
	})
}

// The page's own request, as it stands there.
func TestActivatePageExample(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.transfer("321302038123", "500")
		w.want(call{path: w.activatePath(), body: `{
    "currency_code": "INR",
    "wallet_type": "phone_pe",
    "label": "55",
    "key1": "321302038123",
    "amount": 500,
    "custom_transaction_id": "123465477897"
}`}, http.StatusOK, okJSON)
	})
}

func TestDepositAmountIsTheObservedOne(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.set("shop", "mismatch=credit")
		w.transfer("321302038123", "500.00")
		w.equal("answer", w.claim("order-1", "55", "321302038123", "700"), okJSON)
	})
}

// Every spelling of one number and one amount is the same content: each repeat answers the first one's truth.
func TestRepeatsAreComparedAfterNormalisation(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.transfer("321302038123", "500")
		w.equal("first", w.claim("order-1", "55", "321302038123", "500"), okJSON)
		for _, amount := range []string{"500", "500.0", "500.00", "5e2", "5E+2", "50000e-2", `"500"`, `"500.00"`, `"5e2"`} {
			w.equal("amount "+amount, w.claim("order-1", "55", "321302038123", amount), okJSON)
		}
		for _, key1 := range []string{
			"3213 0203 8123", " 321302038123 ", "UTR321302038123", "utr: 321302038123", "UTR 3213-0203-8123",
			"३२१३०२०३८१२३", "３２１３０２０３８１２３", "\u200b321302038123", "321302038123\u0000\n",
		} {
			body := strings.Replace(claimBody("order-1", "55", "KEY", "500"), `"KEY"`, quote(key1), 1)
			w.want(call{path: w.activatePath(), body: body}, http.StatusOK, okJSON)
		}
		if claims := w.count("SELECT count(*) FROM claim"); claims != 1 {
			t.Errorf("%d claims are stored, want 1", claims)
		}
	})
}

func TestOtherContentChangesNothing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.transfer("321302038123", "500")
		w.equal("first", w.claim("order-1", "55", "321302038123", "500"), okJSON)
		used := failJSON(gateway.MessageOrderUsed)
		w.equal("other number", w.claim("order-1", "55", "321302038124", "500"), used)
		w.equal("other amount", w.claim("order-1", "55", "321302038123", "501"), used)
		w.equal("other payer", w.claim("order-1", "56", "321302038123", "500"), used)
		w.want(call{path: w.activatePath(), body: strings.Replace(claimBody("order-1", "55", "321302038123", "500"), "phone_pe", "paytm", 1)},
			http.StatusOK, used)
		w.equal("the same again", w.claim("order-1", "55", "321302038123", "500"), okJSON)
	})
}

func TestCorrections(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.equal("first", w.claim("order-1", "55", "321302038120", "500"), possibleJSON)
		for i := 1; i <= 5; i++ {
			w.equal("correction", w.claim("order-1", "55", fmt.Sprintf("32130203812%d", i), "500"), possibleJSON)
		}
		w.equal("one too many", w.claim("order-1", "55", "321302038129", "500"), failJSON(gateway.MessageCorrections))
		w.transfer("321302038120", "500")
		w.equal("the withdrawn number doesn't count", w.claim("order-1", "55", "321302038125", "500"), possibleJSON)
		w.transfer("321302038125", "500")
		w.equal("the last number does", w.claim("order-1", "55", "321302038125", "500"), okJSON)
	})
}

// A payer's typo reaches the payer with HTTP 200, and never uses up the order id.
func TestWrongShape(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.transfer("321302038123", "500")
		for key1, message := range map[string]string{
			"32130203812":          "The transaction number is too short: it has 12 digits, you entered 11.",
			"3213020381234":        "The transaction number is too long: it has 12 digits, you entered 13.",
			"32130203812X":         "The transaction number has only digits: 12 digits.",
			"3213/0203/8123":       "The transaction number has characters that don't belong there: it has 12 digits.",
			"   ":                  "Enter the transaction number: 12 digits.",
			"HDFC230825123456":     "This is the number of a NEFT transfer. Only UPI and IMPS payments can be checked; their UTR has 12 digits.",
			"T2308251812461234567": "This is PhonePe's own transaction ID. Open the payment in PhonePe and copy the UTR: 12 digits.",
		} {
			w.equal(key1, w.claim("order-1", "55", key1, "500"), failJSON(message))
		}
		w.equal("right at last", w.claim("order-1", "55", "321302038123", "500"), okJSON)
		w.equal("a typo afterwards changes nothing", w.claim("order-1", "55", "32130203812", "500"), failJSON(gateway.MessageOrderUsed))
	})
}

func TestWaitingLimit(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.set("shop", "waiting_limit=2")
		w.equal("first", w.claim("order-1", "55", "321302038121", "500"), possibleJSON)
		w.equal("second", w.claim("order-2", "55", "321302038122", "500"), possibleJSON)
		w.equal("third", w.claim("order-3", "55", "321302038123", "500"), failJSON("Too many transactions are being checked"))
		w.equal("another payer", w.claim("order-4", "56", "321302038124", "500"), possibleJSON)
	})
}

func TestExpiredClaim(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.equal("first", w.claim("order-1", "55", "321302038121", "500"), possibleJSON)
		w.clock.Advance(73 * time.Hour)
		must(t, w.g.Expire(t.Context()))
		w.equal("expired", w.claim("order-1", "55", "321302038121", "500"), failJSON(gateway.MessageExpired))
	})
}

func TestActivateInAnotherCurrency(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		got := w.do(call{host: baseHost, path: "/evidence/v1/transfers", header: bearer(w.bkash),
			body: `{"reference":"9ab1cd2ef3","amount":"700.50","occurred_at":"2026-11-22T15:30:00+05:30"}`})
		w.equal("evidence", got.Body.String(), `{"results":[{"status":"created","transfer_id":1,"reference":"9AB1CD2EF3","amount":"700.5","currency":"BDT"}]}`)
		w.want(call{path: w.activatePath(), body: `{"currency_code":"BDT","wallet_type":"bkash","label":"55","key1":"9AB1cd2EF3","amount":700.5,"custom_transaction_id":"1"}`},
			http.StatusOK, `{"status":"ok","deposit":true,"deposit_amount":700.5,"currency":{"code":"BDT","symbol":"BDT"}}`)
	})
}

// Ids come back unchanged and at full length; characters beyond ASCII count as one each.
func TestIdsAtTheirLimits(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		long := strings.Repeat("ओ", 190)
		w.transfer("321302038123", "0.01")
		w.equal("answer", w.claim(long, long, "321302038123", "0.01"), strings.Replace(okJSON, "500", "0.01", 1))
		if stored := w.count("SELECT count(*) FROM claim WHERE order_id = payer AND length(order_id) = 190"); stored != 1 {
			t.Errorf("%d claims have the ids at full length, want 1", stored)
		}
	})
}

func TestLargestAmount(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.transfer("321302038123", "999999999999.99")
		w.equal("answer", w.claim("order-1", "55", "321302038123", "999999999999.99"), strings.Replace(okJSON, "500", "999999999999.99", 1))
	})
}

// What a client sends beside the six fields is ignored in v1.
func TestUnknownMembersAreIgnored(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		body := `{"signature":"x","LABEL2":1,"nested":{"label":"y","amount":[1,{"a":null}]},` + claimBody("order-1", "55", "321302038123", "500")[1:]
		w.want(call{path: w.activatePath(), body: body}, http.StatusOK, possibleJSON)
	})
}

// The body decides, not the media type; and a body may come in chunks.
func TestMediaTypeDoesNotMatter(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		for i, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"} {
			body := claimBody(fmt.Sprint("order-", i), "55", fmt.Sprintf("32130203812%d", i), "500")
			w.want(call{path: w.activatePath(), body: body, header: http.Header{"Content-Type": {contentType}}}, http.StatusOK, possibleJSON)
		}
	})
}

// A fault is never a fail: nothing is decided, and the same request may be sent again.
func TestClosedGatewayAnswersRepeat(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.g.Close()
		for _, c := range []call{
			{path: w.activatePath(), body: claimBody("order-1", "55", "321302038123", "500")},
			{host: baseHost, path: "/evidence/v1/messages", body: `{"sender":"VM-HDFCBK-S","text":"x"}`, header: bearer(w.tokens[evidence.SourceSMS])},
		} {
			got := w.want(c, http.StatusServiceUnavailable,
				`{"status":"error","message":"The server is restarting. Nothing was decided: repeat the request with the same id"}`)
			if got.Header().Get("Retry-After") == "" {
				t.Errorf("POST %s: no Retry-After", c.path)
			}
		}
	})
}
