package blackbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// india is the zone of the banks.
var india = time.FixedZone("IST", 5*60*60+30*60)

// hdfcText is a bank's text about money that came today.
func hdfcText(number, amount string) string {
	return fmt.Sprintf("Credit Alert!\nRs.%s credited to HDFC Bank A/c xx2536 on %s from VPA payer34@axisbank (UPI %s)",
		amount, time.Now().In(india).Format("02-01-06"), number)
}

// result is the answer to one item of evidence.
type result struct {
	Status     string `json:"status"`
	Reason     string `json:"reason"`
	TransferID int64  `json:"transfer_id"`
	Reference  string `json:"reference"`
	Amount     string `json:"amount"`
	Currency   string `json:"currency"`
}

func (w *world) results(got answer) []result {
	w.t.Helper()
	var decoded struct{ Results []result }
	if err := json.Unmarshal([]byte(got.body), &decoded); err != nil || got.code != http.StatusOK {
		w.t.Fatalf("%d %s", got.code, got.body)
	}
	return decoded.Results
}

// wantResult checks the only result: created and duplicate name the transfer, the others a reason.
func (w *world) wantResult(got answer, status, reason, number, amount string) {
	w.t.Helper()
	all := w.results(got)
	if len(all) != 1 {
		w.t.Fatalf("%d results: %s", len(all), got.body)
	}
	r := all[0]
	named := r.TransferID > 0 && r.Reference == number && r.Amount == amount && r.Currency == "INR"
	if r.Status != status || r.Reason != reason || (status == "created" || status == "duplicate") != named {
		w.t.Errorf("got %s, want %s %s %s %s", got.body, status, reason, number, amount)
	}
}

func jsonOf(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return string(text)
}

func TestEvidence(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("structured", structured)
		w.tell("messages", messages)
		w.tell("forwarder apps", forwarders)
		w.tell("one-time passwords", oneTimePasswords)
		w.tell("reversals", reversals)
		w.tell("weak evidence waits for more", weakEvidence)
		w.tell("a sender that nobody knows", unknownSender)
	})
}

func structured(w *world) {
	token, number, second := w.sources["transfers"].Token, w.number(), w.number()
	send := func(body string) answer { return w.bearer("/evidence/v1/transfers", token, body) }
	one := fmt.Sprintf(`{"reference":%q,"amount":"500.00","currency":"INR","occurred_at":"2026-11-22T10:00:00Z","payer":"payer@ybl"}`, number)
	w.wantResult(send(one), "created", "", number, "500")
	w.wantResult(send(one), "duplicate", "", number, "500")
	w.wantResult(send(fmt.Sprintf(`[{"amount":500,"reference":%q,"extra":1}]`, number[:4]+" "+number[4:])), "duplicate", "", number, "500")
	all := w.results(send(fmt.Sprintf(`[{"reference":%q,"amount":"1"},{"reference":"12","amount":"1"},7,{"reference":%q,"amount":"2"},{"reference":%q,"amount":"1","currency":"USD"}]`,
		second, number, w.number())))
	var statuses []string
	for _, r := range all {
		statuses = append(statuses, r.Status+" "+r.Reason)
	}
	if got := strings.Join(statuses, ", "); got != "created , refused bad_reference, refused malformed_item, refused conflict, refused bad_currency" {
		w.t.Errorf("statuses %s", got)
	}
	if got := send(`[]`); got.body != `{"results":[]}` {
		w.t.Errorf("nothing: %s", got.body)
	}
}

func messages(w *world) {
	send := func(body string) answer { return w.bearer("/evidence/v1/messages", w.sources["sms"].Token, body) }
	message := func(sender, text string) string {
		return jsonOf(map[string]string{"sender": sender, "text": text, "received_at": time.Now().UTC().Format(time.RFC3339)})
	}
	number := w.number()
	w.wantClaim("sms-waits", "sms", number, "2", possibleJSON)
	one := message("VM-HDFCBK-S", hdfcText(number, "2.00"))
	w.wantResult(send(one), "created", "", number, "2")
	w.wantClaim("sms-waits", "sms", number, "2", okJSON("2"))
	w.wantResult(send(one), "duplicate", "", number, "2")
	w.pay(w.number(), "1")
	w.wantResult(w.bearer("/evidence/v1/transfers", w.sources["transfers"].Token, fmt.Sprintf(`{"reference":%q,"amount":"2"}`, number)), "duplicate", "", number, "2")
	w.wantResult(send(message("VM-HDFCBK-S", "hello")), "unparsed", "not_a_credit", "", "")
	w.wantResult(send(message("VM-IDFCFB-S", "Your A/C XXXXXXX2536 is credited by INR 500.00 on 06/08/25 17:36. New Bal :INR 10000.00")), "unparsed", "no_reference", "", "")
	w.wantResult(send(message("VM-HDFCBK-P", hdfcText(w.number(), "2.00"))), "refused", "promotional_sender", "", "")
	w.wantResult(send(message("+919812345678", hdfcText(w.number(), "2.00"))), "refused", "phone_sender", "", "")
	w.wantResult(send(message("VM-HDFCBK-S", strings.Replace(hdfcText(w.number(), "2.00"), "2536", "9999", 1))), "refused", "other_account", "", "")
	w.wantResult(send(`{"sender":"VM-HDFCBK-S"}`), "refused", "malformed_item", "", "")
}

// forwarders sends what the apps send, to the URL that `source add` printed, with their own signatures.
func forwarders(w *world) {
	path := func(kind string) string {
		u, err := url.Parse(w.sources[kind].URL)
		if err != nil || u.Host != baseHost {
			w.t.Fatalf("URL of %s: %s", kind, w.sources[kind].URL)
		}
		return u.Path
	}
	now := time.Now()
	income := func(number string) string {
		return jsonOf(map[string]any{
			"from": "VM-HDFCBK-S", "text": hdfcText(number, "11.00"), "sentStamp": now.UnixMilli(), "receivedStamp": now.UnixMilli(), "sim": "SIM1",
		})
	}
	number := w.number()
	w.wantResult(w.do(call{host: baseHost, path: path("android_income_sms_gateway"), body: income(number)}), "created", "", number, "11")
	number = w.number()
	w.wantResult(w.bearer("/evidence/v1/messages", w.sources["android_income_sms_gateway"].Token, income(number)), "created", "", number, "11")

	number = w.number()
	body := jsonOf(map[string]any{
		"deviceId": "ffffffffceb0b1db0000018e937c815b", "event": "sms:received", "id": "Ey6ECgOkVVFjz3CL48B8C", "webhookId": "LreFUt-Z3sSq0JufY9uWB",
		"payload": map[string]any{"messageId": "abc123", "sender": "VM-HDFCBK-S", "message": hdfcText(number, "12.00"), "simNumber": 1, "receivedAt": now.Format(time.RFC3339)},
	})
	signed := func(key string) []string {
		timestamp := fmt.Sprint(now.Unix())
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(body + timestamp))
		return []string{"X-Signature: " + hex.EncodeToString(mac.Sum(nil)), "X-Timestamp: " + timestamp}
	}
	gate := call{host: baseHost, path: path("smsgate"), body: body}
	gate.header = signed("another key")
	if got := w.do(gate); got.code != http.StatusUnauthorized {
		w.t.Errorf("a wrong signature: %d %s", got.code, got.body)
	}
	gate.header = signed(w.sources["smsgate"].Token)
	w.wantResult(w.do(gate), "created", "", number, "12")
	gate.header = nil
	w.wantResult(w.do(gate), "duplicate", "", number, "12")
	gate.body = `{"event":"system:ping","payload":{}}`
	if got := w.do(gate); got.code != http.StatusOK || got.body != `{"results":[]}` {
		w.t.Errorf("a ping: %d %s", got.code, got.body)
	}

	form := func(key, number string) string {
		timestamp := fmt.Sprint(now.UnixMilli())
		mac := hmac.New(sha256.New, []byte(key))
		mac.Write([]byte(timestamp + "\n" + key))
		sign := url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil)))
		return url.Values{"from": {"VM-HDFCBK-S"}, "content": {hdfcText(number, "13.00")}, "timestamp": {timestamp}, "sign": {sign}}.Encode()
	}
	number = w.number()
	formCall := call{host: baseHost, path: path("smsforwarder"), header: []string{"Content-Type: application/x-www-form-urlencoded"}}
	formCall.body = form("another key", number)
	if got := w.do(formCall); got.code != http.StatusUnauthorized {
		w.t.Errorf("a wrong sign: %d %s", got.code, got.body)
	}
	formCall.body = form(w.sources["smsforwarder"].Token, number)
	w.wantResult(w.do(formCall), "created", "", number, "13")
	w.wantClaim("forwarded", "forwarder", number, "13", okJSON("13"))
	number = w.number()
	w.wantResult(w.do(call{host: baseHost, path: path("smsforwarder"), body: jsonOf(map[string]string{
		"from": "VM-HDFCBK-S", "content": hdfcText(number, "14.00"), "timestamp": fmt.Sprint(now.UnixMilli()),
	})}), "created", "", number, "14")
}

// oneTimePasswords are counted and never kept.
func oneTimePasswords(w *world) {
	before := w.evidenceIDs()
	text := "482913 is your OTP for the transaction of Rs.500.00. Do not share it with anyone. -HDFC Bank"
	w.wantResult(w.bearer("/evidence/v1/messages", w.sources["sms"].Token, jsonOf(map[string]string{"sender": "VM-HDFCBK-S", "text": text})), "refused", "otp", "", "")
	if after := w.evidenceIDs(); len(after) != len(before) {
		w.t.Errorf("%d pieces of evidence, %d before", len(after), len(before))
	}
	if out := w.must("evidence", "list", "--limit", "1000", "--json") + w.server.Log(); strings.Contains(out, "482913") {
		w.t.Error("a one-time password was kept")
	}
	var list []struct {
		ID         int64 `json:"id"`
		OTPRefused int   `json:"otp_refused"`
	}
	w.json(&list, "source", "list")
	for _, s := range list {
		if s.ID == w.sources["sms"].ID && s.OTPRefused != 1 {
			w.t.Errorf("%d counted, want 1", s.OTPRefused)
		}
	}
}

func (w *world) evidenceIDs() []int64 {
	w.t.Helper()
	var list []struct{ ID int64 }
	w.json(&list, "evidence", "list", "--limit", "1000")
	ids := make([]int64, len(list))
	for i, e := range list {
		ids[i] = e.ID
	}
	return ids
}

// reversals take a number out of the game, whether its money was seen before or comes later.
func reversals(w *world) {
	before, after := w.number(), w.number()
	reverse := func(number string) {
		text := "Your account has been credited with Rs 500.00 on 03-Sep-22 as reversal of transaction with UPI: " + number + "."
		w.wantResult(w.bearer("/evidence/v1/messages", w.sources["sms"].Token, jsonOf(map[string]string{"sender": "VM-HDFCBK-S", "text": text})), "refused", "reversal", "", "")
	}
	w.pay(before, "500")
	reverse(before)
	reverse(after)
	w.pay(after, "500")
	w.wantClaim("reversed-1", "reverser", before, "500", failJSON(refusedText))
	w.wantClaim("reversed-2", "reverser", after, "500", failJSON(refusedText))
}

// weakEvidence: a text above the limit isn't enough alone; a structured report of the same transfer is.
func weakEvidence(w *world) {
	number := w.number()
	w.wantResult(w.bearer("/evidence/v1/messages", w.sources["sms"].Token, jsonOf(map[string]string{"sender": "VM-HDFCBK-S", "text": hdfcText(number, "50000.01")})),
		"created", "", number, "50000.01")
	w.wantClaim("large", "large", number, "50000.01", pendingJSON)
	w.wantResult(w.bearer("/evidence/v1/transfers", w.sources["transfers"].Token, fmt.Sprintf(`{"reference":%q,"amount":"50000.01"}`, number)), "duplicate", "", number, "50000.01")
	w.wantClaim("large", "large", number, "50000.01", okJSON("50000.01"))
	w.told("shop", "large")
}

// unknownSender: what a bank that nobody knows says holds a claim, until its header is declared to be a bank's.
func unknownSender(w *world) {
	send := func(number string) {
		text := fmt.Sprintf("INR 77.00 received in your A/c XX2536. UPI Ref No %s. New Bank", number)
		w.wantResult(w.bearer("/evidence/v1/messages", w.sources["sms"].Token, jsonOf(map[string]string{"sender": "VM-NEWBNK-S", "text": text})), "created", "", number, "77")
	}
	before, orders := w.number(), 0
	send(before)
	w.wantClaim("unknown-sender", "unknown", before, "77", pendingJSON)
	w.must("sender", "add", "NEWBNK", "--bank", "New Bank")
	w.soon("the sender is known", func() bool {
		number := w.number()
		orders++
		send(number)
		return w.claim(fmt.Sprint("known-sender-", orders), fmt.Sprint("known", orders), number, "77") == okJSON("77")
	})
	var retried struct{ Read, Created, Unparsed int }
	if w.json(&retried, "evidence", "retry"); retried.Read < 2 || retried.Created != 0 || retried.Unparsed != retried.Read {
		w.t.Errorf("what nobody can read stays unparsed: %+v", retried)
	}
}
