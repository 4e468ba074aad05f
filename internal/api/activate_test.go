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

// okOf is the answer ok with another amount.
func okOf(amount string) string { return strings.Replace(okJSON, "500", amount, 1) }

func TestActivate(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "the four answers", fourAnswers)
		w.tell(t, "the page's example", pageExample)
		w.tell(t, "repeats are compared after normalisation", normalisedRepeats)
		w.tell(t, "other content changes nothing", otherContent)
		w.tell(t, "corrections", corrections)
		w.tell(t, "numbers of the wrong shape", wrongShapes)
		w.tell(t, "another currency", anotherCurrency)
		w.tell(t, "ids and amounts at their limits", limits)
		w.tell(t, "what doesn't matter in a request", indifferent)
		w.tell(t, "the credited amount is the observed one", observedAmount)
		w.tell(t, "too many waiting", waitingLimit)
		w.tell(t, "expired", expired)
		w.tell(t, "a closed gateway asks to repeat", closedGateway) // the last: it closes it
	})
}

func fourAnswers(t *testing.T, w *world) {
	w.equal("evidence", w.transfer("321302038101", "500.00"), answered(created(1, "321302038101", "500")))
	w.equal("ok", w.claim("four-1", "55", "321302038101", "500"), okJSON)
	w.equal("possible", w.claim("four-2", "55", "321302038102", "250.5"), possibleJSON)
	w.equal("possible again", w.claim("four-2", "55", "321302038102", "250.5"), possibleJSON)
	w.transfer("321302038102", "250.50")
	w.equal("ok after all", w.claim("four-2", "55", "321302038102", "250.5"), okOf("250.5"))
	w.transfer("321302038103", "100")
	w.equal("pending", w.claim("four-3", "55", "321302038103", "99"), pendingJSON)
	w.equal("fail", w.claim("four-4", "66", "321302038101", "500"), failJSON(gateway.MessageRefused))
	if deposits := w.count("SELECT count(*) FROM deposit"); deposits != 2 {
		t.Errorf("%d deposits, want 2", deposits)
	}
}

// pageExample is the request of the page, as it stands there.
func pageExample(_ *testing.T, w *world) {
	w.transfer("321302038123", "500")
	w.want(call{path: w.activatePath(), body: `{
    "currency_code": "INR",
    "wallet_type": "phone_pe",
    "label": "55",
    "key1": "321302038123",
    "amount": 500,
    "custom_transaction_id": "123465477897"
}`}, http.StatusOK, okJSON)
}

// Every spelling of one number and one amount is the same content: each repeat answers the first one's truth.
func normalisedRepeats(t *testing.T, w *world) {
	w.transfer("321302038201", "500")
	w.equal("first", w.claim("repeat", "repeater", "321302038201", "500"), okJSON)
	for _, amount := range []string{"500", "500.0", "500.00", "5e2", "5E+2", "50000e-2", `"500"`, `"500.00"`, `"5e2"`} {
		w.equal("amount "+amount, w.claim("repeat", "repeater", "321302038201", amount), okJSON)
	}
	for _, key1 := range []string{
		"3213 0203 8201", " 321302038201 ", "UTR321302038201", "utr: 321302038201", "UTR 3213-0203-8201",
		"३२१३०२०३८२०१", "３２１３０２０３８２０１", "\u200b321302038201", "321302038201\u0000\n",
	} {
		body := strings.Replace(claimBody("repeat", "repeater", "KEY", "500"), `"KEY"`, quote(key1), 1)
		w.want(call{path: w.activatePath(), body: body}, http.StatusOK, okJSON)
	}
	if claims := w.count("SELECT count(*) FROM claim WHERE payer = 'repeater'"); claims != 1 {
		t.Errorf("%d claims are stored, want 1", claims)
	}
}

func otherContent(_ *testing.T, w *world) {
	w.transfer("321302038301", "500")
	w.equal("first", w.claim("other", "55", "321302038301", "500"), okJSON)
	used := failJSON(gateway.MessageOrderUsed)
	w.equal("other number", w.claim("other", "55", "321302038302", "500"), used)
	w.equal("other amount", w.claim("other", "55", "321302038301", "501"), used)
	w.equal("other payer", w.claim("other", "56", "321302038301", "500"), used)
	paytm := strings.Replace(claimBody("other", "55", "321302038301", "500"), "phone_pe", "paytm", 1)
	w.want(call{path: w.activatePath(), body: paytm}, http.StatusOK, used)
	w.equal("the same again", w.claim("other", "55", "321302038301", "500"), okJSON)
}

func corrections(_ *testing.T, w *world) {
	claim := func(number string) string { return w.claim("corrected", "corrector", number, "500") }
	w.equal("first", claim("321302038400"), possibleJSON)
	for i := 1; i <= 5; i++ {
		w.equal("correction", claim(fmt.Sprint(321302038400+i)), possibleJSON)
	}
	w.equal("one too many", claim("321302038406"), failJSON(gateway.MessageCorrections))
	w.transfer("321302038400", "500")
	w.equal("the withdrawn number doesn't count", claim("321302038405"), possibleJSON)
	w.transfer("321302038405", "500")
	w.equal("the last number does", claim("321302038405"), okJSON)
}

// A payer's typo reaches the payer with HTTP 200, and never uses up the order id.
func wrongShapes(_ *testing.T, w *world) {
	w.transfer("321302038501", "500")
	for _, c := range []struct{ key1, message string }{
		{"32130203850", "The transaction number is too short: it has 12 digits, you entered 11."},
		{"3213020385011", "The transaction number is too long: it has 12 digits, you entered 13."},
		{"32130203850X", "The transaction number has only digits: 12 digits."},
		{"3213/0203/8501", "The transaction number has characters that don't belong there: it has 12 digits."},
		{"   ", "Enter the transaction number: 12 digits."},
		{"HDFC230825123456", "This is the number of a NEFT transfer. Only UPI and IMPS payments can be checked; their UTR has 12 digits."},
		{"T2308251812461234567", "This is PhonePe's own transaction ID. Open the payment in PhonePe and copy the UTR: 12 digits."},
	} {
		w.equal(c.key1, w.claim("typo", "typist", c.key1, "500"), failJSON(c.message))
	}
	w.equal("right at last", w.claim("typo", "typist", "321302038501", "500"), okJSON)
	w.equal("a typo afterwards changes nothing", w.claim("typo", "typist", "32130203850", "500"), failJSON(gateway.MessageOrderUsed))
	w.equal("waiting", w.claim("typo-2", "typist", "321302038502", "500"), possibleJSON)
	w.equal("a typo while it waits", w.claim("typo-2", "typist", "32130203850", "500"),
		failJSON("The transaction number is too short: it has 12 digits, you entered 11."))
	w.transfer("321302038502", "500")
	w.equal("what waited goes on", w.claim("typo-2", "typist", "321302038502", "500"), okJSON)
}

func anotherCurrency(_ *testing.T, w *world) {
	got := w.do(call{
		host: baseHost, path: transfersPath, header: bearer(w.bkash),
		body: `{"reference":"9ab1cd2ef3","amount":"700.50","occurred_at":"2026-11-22T15:30:00+05:30"}`,
	})
	if !strings.Contains(got.Body.String(), `"reference":"9AB1CD2EF3","amount":"700.5","currency":"BDT"}]}`) {
		w.t.Errorf("evidence: %s", got.Body)
	}
	w.want(call{path: w.activatePath(), body: `{"currency_code":"BDT","wallet_type":"bkash","label":"55","key1":"9AB1cd2EF3","amount":700.5,"custom_transaction_id":"taka"}`},
		http.StatusOK, `{"status":"ok","deposit":true,"deposit_amount":700.5,"currency":{"code":"BDT","symbol":"BDT"}}`)
}

// Ids come back unchanged and at full length; characters beyond ASCII count as one each.
func limits(t *testing.T, w *world) {
	long := strings.Repeat("ओ", 190)
	w.transfer("321302038601", "0.01")
	w.equal("long ids", w.claim(long, long, "321302038601", "0.01"), okOf("0.01"))
	if stored := w.count("SELECT count(*) FROM claim WHERE order_id = payer AND length(order_id) = 190"); stored != 1 {
		t.Errorf("%d claims have the ids at full length, want 1", stored)
	}
	w.transfer("321302038602", "999999999999.99")
	w.equal("largest amount", w.claim("limit-2", "55", "321302038602", "999999999999.99"), okOf("999999999999.99"))
	longAmount := "500." + strings.Repeat("0", 252)
	w.equal("longest text of an amount", w.claim("limit-3", "limited", "321302038603", longAmount), possibleJSON)
	large := claimBody("limit-4", "limited", "321302038604", "500")
	large += strings.Repeat(" ", 64<<10-len(large))
	w.want(call{path: w.activatePath(), body: large}, http.StatusOK, possibleJSON)
}

// The body decides, not the media type, and what a client sends beside the six members is ignored in v1.
func indifferent(_ *testing.T, w *world) {
	body := `{"signature":"x","LABEL2":1,"nested":{"label":"y","amount":[1,{"a":null}]},` + claimBody("extra", "extra", "321302038701", "500")[1:]
	w.want(call{path: w.activatePath(), body: body}, http.StatusOK, possibleJSON)
	for i, contentType := range []string{"", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"} {
		body := claimBody(fmt.Sprint("media-", i), "media", fmt.Sprint(321302038710+i), "500")
		w.want(call{path: w.activatePath(), body: body, header: http.Header{"Content-Type": {contentType}}}, http.StatusOK, possibleJSON)
	}
	body = `{"\u006cabel":"escaped","key1":"3213\u00302038720","custom_transaction_id":"\u0065scaped","amount":500,"wallet_type":"phone\u005fpe","currency_code":"INR"}`
	w.want(call{path: w.activatePath(), body: body}, http.StatusOK, possibleJSON)
	w.equal("the same without escapes", w.claim("escaped", "escaped", "321302038720", "500"), possibleJSON)
}

func observedAmount(_ *testing.T, w *world) {
	w.set("shop", "mismatch=credit")
	w.transfer("321302038801", "500.00")
	w.equal("answer", w.claim("observed", "55", "321302038801", "700"), okJSON)
	w.set("shop", "mismatch=hold")
}

func waitingLimit(_ *testing.T, w *world) {
	w.set("shop", "waiting_limit=2")
	w.equal("first", w.claim("waiting-1", "waiter", "321302038901", "500"), possibleJSON)
	w.equal("second", w.claim("waiting-2", "waiter", "321302038902", "500"), possibleJSON)
	w.equal("third", w.claim("waiting-3", "waiter", "321302038903", "500"), failJSON("Too many transactions are being checked"))
	w.equal("another payer", w.claim("waiting-4", "another waiter", "321302038904", "500"), possibleJSON)
	w.set("shop", "waiting_limit=10")
}

func expired(t *testing.T, w *world) {
	w.equal("first", w.claim("expired", "late", "321302038951", "500"), possibleJSON)
	w.clock.Advance(73 * time.Hour)
	must(t, w.g.Expire(t.Context()))
	w.equal("expired", w.claim("expired", "late", "321302038951", "500"), failJSON(gateway.MessageExpired))
}

// A fault is never a fail: nothing is decided, and the same request may be sent again.
func closedGateway(t *testing.T, w *world) {
	w.g.Close()
	for _, c := range []call{
		{path: w.activatePath(), body: claimBody("closed", "55", "321302038999", "500")},
		{host: baseHost, path: messagesPath, body: `{"sender":"VM-HDFCBK-S","text":"x"}`, header: bearer(w.tokens[evidence.SourceSMS])},
	} {
		got := w.want(c, http.StatusServiceUnavailable,
			`{"status":"error","message":"The server is restarting. Nothing was decided: repeat the request with the same id"}`)
		if got.Header().Get("Retry-After") != "1" {
			t.Errorf("POST %s: Retry-After is %q", c.path, got.Header().Get("Retry-After"))
		}
	}
}

// Over the budget of wrong claims the right number is told the same as a wrong one: 429, and when to come again.
func TestTooManyAttempts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.set("shop", "waiting_limit=1000")
		w.transfer("321302038123", "500")
		for n := range gateway.MaxWrongOfPayer {
			w.claim(fmt.Sprint("o", n), "guesser", fmt.Sprintf("9%011d", n), "500")
		}
		w.clock.Advance(1500 * time.Millisecond)
		for _, number := range []string{"999999999999", "321302038123", "123"} {
			got := w.want(call{path: w.activatePath(), body: claimBody("more", "guesser", number, "500")}, http.StatusTooManyRequests, failJSON("Too many attempts"))
			if after := got.Header().Get("Retry-After"); after != "3599" {
				t.Errorf("Retry-After is %q", after)
			}
		}
		w.clock.Advance(3599 * time.Second)
		w.want(call{path: w.activatePath(), body: claimBody("more", "guesser", "321302038123", "500")}, http.StatusOK,
			okJSON)
	})
}
