package blackbox

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// The answers of protocol section 4, byte for byte.
const (
	pendingJSON  = `{"status":"pending","message":"The deposit status check has been started. The operation may take longer than expected. Upon completion of the verification, the funds will be credited to your account"}`
	possibleJSON = `{"status":"possible_transaction_created","message":"Transaction not found. Possible transaction created"}`
	notFoundJSON = `{"status":"fail","message":"Not found"}`

	refusedText  = "The transaction could not be confirmed. Check the transaction number and the amount"
	orderText    = "custom_transaction_id is already used for another transaction"
	tooManyText  = "Too many transactions are being checked"
	tooOftenText = "The transaction was corrected too often"
)

func okJSON(amount string) string {
	return `{"status":"ok","deposit":true,"deposit_amount":` + amount + `,"currency":{"code":"INR","symbol":"INR"}}`
}

func failJSON(message string) string {
	return `{"status":"fail","message":"` + strings.ReplaceAll(message, `"`, `\"`) + `"}`
}

// claimBody is an activate request; amount is JSON.
func claimBody(order, label, key1, amount string) string {
	return fmt.Sprintf(`{"currency_code":"INR","wallet_type":"phone_pe","label":%q,"key1":%q,"amount":%s,"custom_transaction_id":%q}`,
		label, key1, amount, order)
}

func (w *world) activatePath() string {
	return "/api/v1/transaction/activate?secret=" + w.shop.APISecret
}

func (w *world) createPath(walletType string) string {
	return "/api/v1/transaction/create/" + walletType + "?secret=" + w.shop.APISecret
}

// claim activates as shop; every answer to a well-formed claim is 200.
func (w *world) claim(order, label, key1, amount string) string {
	w.t.Helper()
	got := w.do(call{path: w.activatePath(), body: claimBody(order, label, key1, amount)})
	if got.code != http.StatusOK {
		w.t.Errorf("activate %s: %d %s", order, got.code, got.body)
	}
	return got.body
}

func (w *world) wantClaim(order, label, key1, amount, want string) {
	w.t.Helper()
	if got := w.claim(order, label, key1, amount); got != want {
		w.t.Errorf("claim %s on %s of %s\n got %s\nwant %s", order, key1, amount, got, want)
	}
}

// pay reports a structured transfer on shop's wallet, made now.
func (w *world) pay(number, amount string) {
	w.t.Helper()
	w.payAt(number, amount, time.Now())
}

func (w *world) payAt(number, amount string, at time.Time) {
	w.t.Helper()
	body := fmt.Sprintf(`{"reference":%q,"amount":%q,"currency":"INR","occurred_at":%q,"payer":"payer@ybl"}`, number, amount, at.UTC().Format(time.RFC3339))
	if got := w.bearer("/evidence/v1/transfers", w.sources["transfers"].Token, body); got.code != http.StatusOK || !strings.Contains(got.body, `"created"`) {
		w.t.Fatalf("transfer %s: %d %s", number, got.code, got.body)
	}
}

func TestAnswers(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("the page's examples", pageExamples)
		w.tell("the four answers", fourAnswers)
		w.tell("repeats", repeats)
		w.tell("corrections", corrections)
		w.tell("typos", typos)
		w.tell("one number, one credit", oneCredit)
		w.tell("many at once", manyAtOnce)
		w.tell("holds", holds)
		w.tell("waiting limit", waitingLimit)
		w.tell("create", create)
		w.tell("available", available)
	})
}

// The requests of the original's page as they stand there, by host and by path, by query and by header.
func pageExamples(w *world) {
	w.want(call{path: w.createPath("phone_pe"), body: `{"currency":"INR","label":"eligendi"}`}, http.StatusOK,
		`{"status":"ok","params":{"identifier":"6234234234"}}`)
	w.pay("321302038123", "500.00")
	body := `{"currency_code":"INR","wallet_type":"phone_pe","label":"55","key1":"321302038123","amount":500,"custom_transaction_id":"123465477897"}`
	w.want(call{path: w.activatePath(), body: body}, http.StatusOK, okJSON("500"))
	for _, host := range []string{
		shopHost, "API.Shop.LocalHost:8080", "api.shop.localhost", "api.shop.localhost.:80", "shop.localhost:8080", "plugin.shop.localhost:8080",
		"localhost:8080", "127.0.0.1", "pay.example.com", "[::1]:9",
	} {
		w.want(call{host: host, path: w.activatePath(), body: body}, http.StatusOK, okJSON("500"))
	}
	w.want(call{
		path: "/api/v1/transaction/activate", body: body, header: []string{"Authorization: Bearer " + w.shop.APISecret, "Content-Type: text/plain"},
	}, http.StatusOK, okJSON("500"))
}

func fourAnswers(w *world) {
	known, later, mismatch := w.number(), w.number(), w.number()
	w.pay(known, "500")
	w.wantClaim("four-ok", "four", known, "500", okJSON("500"))
	w.wantClaim("four-possible", "four", later, "250.5", possibleJSON)
	w.pay(later, "250.50")
	w.wantClaim("four-possible", "four", later, "250.5", okJSON("250.5"))
	w.pay(mismatch, "100")
	w.wantClaim("four-pending", "four", mismatch, "99", pendingJSON)
	w.wantClaim("four-fail", "somebody else", known, "500", failJSON(refusedText))
}

func repeats(w *world) {
	number := w.number()
	w.pay(number, "500")
	for _, amount := range []string{"500", "500.0", "5e2", `"500.00"`, "50000e-2"} {
		w.wantClaim("repeat", "repeater", number, amount, okJSON("500"))
	}
	devanagari := strings.NewReplacer("0", "०", "1", "१", "2", "२", "3", "३", "4", "४", "5", "५", "6", "६", "7", "७", "8", "८", "9", "९")
	fullWidth := strings.NewReplacer("0", "０", "1", "１", "2", "２", "3", "３", "4", "４", "5", "５", "6", "６", "7", "７", "8", "８", "9", "９")
	for _, key1 := range []string{" " + number + " ", "UTR" + number, number[:4] + " " + number[4:], devanagari.Replace(number), fullWidth.Replace(number)} {
		w.wantClaim("repeat", "repeater", key1, "500", okJSON("500"))
	}
	w.wantClaim("repeat", "repeater", w.number(), "500", failJSON(orderText))
	w.wantClaim("repeat", "repeater", number, "501", failJSON(orderText))
	w.wantClaim("repeat", "another", number, "500", failJSON(orderText))
	w.wantClaim("repeat", "repeater", number, "500", okJSON("500"))
}

func corrections(w *world) {
	first, last := w.number(), ""
	w.wantClaim("correct", "corrector", first, "500", possibleJSON)
	for range 4 {
		last = w.number()
		w.wantClaim("correct", "corrector", last, "500", possibleJSON)
	}
	w.wantClaim("correct", "corrector", last, "400", possibleJSON)
	w.wantClaim("correct", "corrector", w.number(), "400", failJSON(tooOftenText))
	w.pay(first, "500") // withdrawn: it is somebody else's to claim
	w.wantClaim("correct", "corrector", last, "400", possibleJSON)
	w.pay(last, "400")
	w.wantClaim("correct", "corrector", last, "400", okJSON("400"))
	w.wantClaim("correct-2", "another", first, "500", okJSON("500"))
}

func typos(w *world) {
	number := w.number()
	w.pay(number, "500")
	for key1, message := range map[string]string{
		number[:11]:            "The transaction number is too short: it has 12 digits, you entered 11.",
		number + "1":           "The transaction number is too long: it has 12 digits, you entered 13.",
		number[:11] + "X":      "The transaction number has only digits: 12 digits.",
		"   ":                  "Enter the transaction number: 12 digits.",
		"HDFC230825123456":     "This is the number of a NEFT transfer. Only UPI and IMPS payments can be checked; their UTR has 12 digits.",
		"T2308251812461234567": "This is PhonePe's own transaction ID. Open the payment in PhonePe and copy the UTR: 12 digits.",
	} {
		w.wantClaim("typo", "typist", key1, "500", failJSON(message))
	}
	w.wantClaim("typo", "typist", number, "500", okJSON("500")) // no fail has used up the order id
}

// oneCredit: several orders on one number, before and after the money is seen.
func oneCredit(w *world) {
	number := w.number()
	w.wantClaim("one-1", "same", number, "500", possibleJSON)
	w.wantClaim("one-2", "same", number, "500", possibleJSON)
	w.pay(number, "500")
	w.wantClaim("one-1", "same", number, "500", okJSON("500"))
	w.wantClaim("one-2", "same", number, "500", failJSON(refusedText))
	w.wantClaim("one-3", "same", number, "500", failJSON(refusedText))
	contested := w.number()
	w.wantClaim("one-4", "first", contested, "500", possibleJSON)
	w.wantClaim("one-5", "second", contested, "500", pendingJSON)
	w.wantClaim("one-4", "first", contested, "500", pendingJSON)
	w.pay(contested, "500")
	w.wantClaim("one-4", "first", contested, "500", pendingJSON) // a person decides
	free := w.number()
	w.pay(free, "500")
	got := w.do(call{
		host: "api.other.localhost:8080", path: "/api/v1/transaction/activate?secret=" + w.other.APISecret, body: claimBody("one-6", "stranger", free, "500"),
	})
	if got.body != possibleJSON { // the money is on a wallet that isn't other's: nothing tells that it is there
		w.t.Errorf("another merchant's claim: %s", got.body)
	}
}

// manyAtOnce: of orders that claim one number at the same moment, over connections of their own, one is credited.
func manyAtOnce(w *world) {
	const orders = 40
	number := w.number()
	w.pay(number, "500")
	answers := make([]string, orders)
	var group sync.WaitGroup
	for i := range orders {
		group.Go(func() {
			answers[i] = w.do(call{path: w.activatePath(), body: claimBody(fmt.Sprint("many-", i), fmt.Sprint("payer-", i), number, "500")}).body
		})
	}
	group.Wait()
	counts := map[string]int{}
	for _, answer := range answers {
		counts[answer]++
	}
	if counts[okJSON("500")] != 1 || counts[failJSON(refusedText)] != orders-1 {
		w.t.Errorf("answers %v", counts)
	}
	for i, before := range answers {
		w.wantClaim(fmt.Sprint("many-", i), fmt.Sprint("payer-", i), number, "500", before)
	}
}

func holds(w *world) {
	old, future, quarantined := w.number(), w.number(), w.number()
	w.payAt(old, "500", time.Now().Add(-73*time.Hour))
	w.wantClaim("hold-old", "holder", old, "500", pendingJSON)
	w.payAt(future, "500", time.Now().Add(2*time.Hour))
	w.wantClaim("hold-future", "holder", future, "500", pendingJSON)
	w.pay(quarantined, "500")
	got := w.bearer("/evidence/v1/transfers", w.sources["transfers"].Token, fmt.Sprintf(`{"reference":%q,"amount":"501"}`, quarantined))
	if got.body != `{"results":[{"status":"refused","reason":"conflict"}]}` {
		w.t.Errorf("another amount: %s", got.body)
	}
	w.wantClaim("hold-conflict", "holder", quarantined, "500", pendingJSON)
}

func waitingLimit(w *world) {
	for i := range 10 {
		w.wantClaim(fmt.Sprint("wait-", i), "waiter", w.number(), "500", possibleJSON)
	}
	w.wantClaim("wait-10", "waiter", w.number(), "500", failJSON(tooManyText))
	w.wantClaim("wait-other", "not the waiter", w.number(), "500", possibleJSON)
}

func create(w *world) {
	longest := strings.Repeat("é", 190)
	for _, label := range []string{"1", longest, "ord/1&2 <b>"} {
		w.want(call{path: w.createPath("phone_pe"), body: fmt.Sprintf(`{"currency":"INR","label":%q,"extra":[1,{"x":null}]}`, label)}, http.StatusOK,
			`{"status":"ok","params":{"identifier":"6234234234"}}`)
	}
	w.want(call{path: w.createPath("paytm"), body: `{"currency":"INR","label":"1"}`}, http.StatusOK, failJSON("No wallet is available right now"))
	w.want(call{path: w.createPath("bkash"), body: `{"currency":"BDT","label":"1"}`}, http.StatusOK, failJSON("No wallet is available right now"))
}

func available(w *world) {
	path := "/api/v1/payment-systems/available?secret=" + w.shop.APISecret
	all := `{"status":"ok","params":{"currency_data":[{"code":"INR","symbol":"INR"}],"wallets":[{"type":"phone_pe","currency_code":"INR","order":1,"logo":"","name":"PhonePe"}]}}`
	none := `{"status":"ok","params":{"currency_data":[],"wallets":[]}}`
	get := func(query, body string) call { return call{method: http.MethodGet, path: path + query, body: body} }
	w.want(get("", ""), http.StatusOK, all)
	w.want(get("&currency_code[]=INR&label=55", ""), http.StatusOK, all)
	w.want(get("&currency_code%5B%5D=BDT", ""), http.StatusOK, none)
	w.want(get("", `{"currency_code":["INR","BDT"],"label":"55"}`), http.StatusOK, all)
	w.want(get("&currency_code[]=XYZ", ""), http.StatusUnprocessableEntity, failJSON(`currency_code "XYZ" is not a known currency.`))
}
