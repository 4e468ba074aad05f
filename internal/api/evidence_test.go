package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/gateway"
)

const (
	transfersPath = "/evidence/v1/transfers"
	messagesPath  = "/evidence/v1/messages"
)

// created is the result of a new transfer.
func created(id int, reference, amount string) string {
	return fmt.Sprintf(`{"status":"created","transfer_id":%d,"reference":%q,"amount":%q,"currency":"INR"}`, id, reference, amount)
}

func duplicate(id int, reference, amount string) string {
	return strings.Replace(created(id, reference, amount), "created", "duplicate", 1)
}

func refused(reason string) string  { return fmt.Sprintf(`{"status":"refused","reason":%q}`, reason) }
func unparsed(reason string) string { return fmt.Sprintf(`{"status":"unparsed","reason":%q}`, reason) }

// malformed is a refused item with the sentence for its sender.
func malformed(reason, message string) string {
	return fmt.Sprintf(`{"status":"refused","reason":%q,"message":%s}`, reason, quote(message))
}

func answered(results ...string) string { return `{"results":[` + strings.Join(results, ",") + `]}` }

func TestTransfers(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "one and several", transfers)
		w.tell(t, "from ourselves", internalTransfer)
		w.tell(t, "many", manyTransfers)
	})
}

func transfers(t *testing.T, w *world) {
	send := func(body string) string { return w.evidence(transfersPath, evidence.SourceTransfers, body) }
	one := `{"reference":"321302038123","amount":"500.00","currency":"INR","occurred_at":"2026-11-22T10:00:00Z","payer":"payer@ybl"}`
	w.equal("the documented item", send(one), answered(created(1, "321302038123", "500")))
	w.equal("sent again", send(one), answered(duplicate(1, "321302038123", "500")))
	w.equal("sent again with other spaces", send(" "+strings.ReplaceAll(one, ",", " ,\n")), answered(duplicate(1, "321302038123", "500")))
	w.equal("another time and payer", send(`{"reference":"321302038123","amount":500,"payer":"RAM"}`), answered(duplicate(1, "321302038123", "500")))
	w.equal("an empty array", send(`[]`), answered())
	w.equal("another amount", send(`{"reference":"321302038123","amount":"501"}`), answered(refused("conflict")))
	w.equal("quarantined", w.claim("order-1", "55", "321302038123", "500"), pendingJSON)

	w.equal("in the order sent", send(`[
		{"reference":"321302038131","amount":1},
		{"reference":"32130203813","amount":1},
		{"reference":"3213 0203 8132","amount":"2.50","occurred_at":"2026-11-22T15:30:00.123456789+05:30","note":"x"},
		{"reference":"321302038131","amount":1},
		{"reference":"321302038133"},
		{"reference":"321302038133","amount":"-1"},
		{"reference":"321302038133","amount":"1.005"},
		{"reference":"321302038133","amount":"1","currency":"USD"},
		{"reference":"321302038133","amount":"1","occurred_at":"22.11.2026"},
		{"reference":"321302038133","amount":"1","payer":"`+strings.Repeat("x", 191)+`"},
		7,
		{"reference":"321302038133","amount":"1","Amount":"2"},
		{"reference":"321302038134","amount":"1","payer":"null \u0000 byte"}
	]`), answered(
		created(2, "321302038131", "1"),
		malformed("bad_reference", "The transaction number is too short: it has 12 digits, you entered 11."),
		created(3, "321302038132", "2.5"),
		duplicate(2, "321302038131", "1"),
		malformed("malformed_item", `"reference" and "amount" are needed`),
		malformed("bad_amount", "the amount must be above zero"),
		malformed("bad_amount", "too many decimals: INR has 2"),
		malformed("bad_currency", "the wallet of this source has INR"),
		malformed("bad_time", `"occurred_at" must be RFC 3339, for example 2026-11-22T10:00:00Z`),
		malformed("too_long", `"payer" is longer than 190 characters`),
		malformed("malformed_item", "the item is not a JSON object"),
		malformed("malformed_item", `the member "Amount" stands twice`),
		created(4, "321302038134", "1"),
	))
	if kept := w.count("SELECT count(*) FROM evidence WHERE outcome = 'refused'"); kept != 10 {
		t.Errorf("%d refused items are kept, want 10", kept)
	}
}

// Evidence of a wallet's own identifier as payer is money from ourselves: seen, never claimable.
func internalTransfer(_ *testing.T, w *world) {
	w.evidence(transfersPath, evidence.SourceTransfers, `{"reference":"321302038199","amount":"500","payer":"`+phonePeOther+`"}`)
	w.equal("claim", w.claim("order-internal", "55", "321302038199", "500"), failJSON(gateway.MessageRefused))
}

func manyTransfers(t *testing.T, w *world) {
	items := make([]string, 501)
	results := make([]string, 501)
	for i := range items {
		number := fmt.Sprintf("%012d", 321302000000+i)
		items[i], results[i] = fmt.Sprintf(`{"reference":%q,"amount":1}`, number), created(i+1, number, "1")
	}
	w.want(call{path: transfersPath, body: "[" + strings.Join(items, ",") + "]", header: bearer(w.tokens["transfers"])},
		unprocessable, failJSON("more than 500 items; send them in several requests"))
	got := w.evidence(transfersPath, evidence.SourceTransfers, "["+strings.Join(items[:500], ",")+"]")
	if strings.Count(got, `"created"`) != 500 {
		t.Errorf("not 500 transfers were created: %s", got)
	}
	for i := range 500 {
		if !strings.Contains(got, fmt.Sprintf(`"reference":"%012d"`, 321302000000+i)) {
			t.Fatalf("item %d is missing", i)
		}
	}
}

// Texts as phones get them. The bank's time is the text's own day; received_at says when the phone got it.
const (
	hdfcText    = `Credit Alert!\nRs.2.00 credited to HDFC Bank A/c xx2536 on 22-11-26 from VPA payer34@axisbank (UPI 526830463424)`
	otherText   = `Credit Alert!\nRs.3.00 credited to HDFC Bank A/c xx9999 on 22-11-26 from VPA payer34@axisbank (UPI 526830463425)`
	otpText     = `123456 is your OTP for the transaction of Rs.500.00. Do not share it with anyone. -HDFC Bank`
	reverseText = `Your account has been credited with Rs 208.42 on 22-Nov-26 as reversal of transaction with UPI: 526830463426.`
	bareText    = `Your A/C XXXXXXX2536 is credited by INR 500.00 on 22/11/26 17:36. New Bal :INR 10000.00`
)

func message(sender, text string) string {
	return fmt.Sprintf(`{"sender":%q,"text":"%s","received_at":"2026-11-22T10:00:00Z"}`, sender, text)
}

func TestMessages(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		send := func(body string) string { return w.evidence(messagesPath, evidence.SourceSMS, body) }
		w.equal("waiting", w.claim("order-1", "55", "526830463424", "2"), possibleJSON)
		w.equal("a bank's text", send(message("VM-HDFCBK-S", hdfcText)), answered(created(1, "526830463424", "2")))
		w.equal("the waiting claim is credited", w.claim("order-1", "55", "526830463424", "2"), strings.Replace(okJSON, "500", "2", 1))
		w.equal("the same text again", send(message("VM-HDFCBK-S", hdfcText)), answered(duplicate(1, "526830463424", "2")))
		w.equal("several", send("["+strings.Join([]string{
			message("VM-HDFCBK-S", otherText),
			message("VM-IDFCFB-S", bareText),
			message("VM-HDFCBK-S", "hello"),
			message("VM-HDFCBK-P", strings.ReplaceAll(hdfcText, "463424", "463427")),
			message("+919812345678", strings.ReplaceAll(hdfcText, "463424", "463427")),
			message("VM-HDFCBK-S", reverseText),
			`{"sender":"VM-HDFCBK-S"}`,
			`"hello"`,
			message("VM-HDFCBK-S", strings.ReplaceAll(hdfcText, "463424", "463428")+`\u0000`),
			message("VM-HDFCBK-S", otpText),
		}, ",")+"]"), answered(
			refused("other_account"), unparsed("no_reference"), unparsed("not_a_credit"), refused("promotional_sender"), refused("phone_sender"),
			refused("reversal"), malformed("malformed_item", "the text is missing"), malformed("malformed_item", "the item is not a JSON object"),
			created(2, "526830463428", "2"), refused("otp"),
		))
		if kept := w.count("SELECT count(*) FROM evidence"); kept != 10 {
			t.Errorf("%d items are kept, want 10: all but the one-time password", kept)
		}
		if otp := w.count("SELECT otp_refused FROM source WHERE kind = 'sms'"); otp != 1 {
			t.Errorf("%d one-time passwords were counted, want 1", otp)
		}
		// The reversal came before any evidence of its transfer: once seen, it isn't claimable.
		w.transfer("526830463426", "208.42")
		w.equal("reversed", w.claim("order-2", "55", "526830463426", "208.42"), failJSON(gateway.MessageRefused))
		// A text from nobody's header is weak: it waits for a second source.
		w.equal("unknown sender", send(message("VM-NOBODY-S", strings.ReplaceAll(hdfcText, "463424", "463429"))), answered(created(4, "526830463429", "2")))
		w.equal("held", w.claim("order-3", "55", "526830463429", "2"), pendingJSON)
		w.evidence(transfersPath, evidence.SourceTransfers, `{"reference":"526830463429","amount":"2"}`)
		w.equal("credited by the second source", w.claim("order-3", "55", "526830463429", "2"), strings.Replace(okJSON, "500", "2", 1))
	})
}

func hmacSHA256(key, text string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(text))
	return mac.Sum(nil)
}

// The forwarder apps' own payloads, unchanged, at the URL that `source add` prints and with the token in the header.
func TestForwarders(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		text := func(n int) string { return strings.ReplaceAll(hdfcText, "463424", fmt.Sprint(463500+n)) }
		income := fmt.Sprintf("{\n  \"from\":\"VM-HDFCBK-S\",\n  \"text\":\"%s\",\n  \"sentStamp\":1795341598000,\n  \"receivedStamp\":1795341600000,\n  \"sim\":\"sim1\"\n}", text(1))
		gate := fmt.Sprintf(`{"deviceId":"ff","event":"sms:received","id":"Ey6","payload":{"messageId":"abc123","message":"%s","sender":"VM-HDFCBK-S","recipient":null,"simNumber":1,"receivedAt":"2026-11-22T15:30:00.000+05:30"},"webhookId":"w"}`, text(2))
		gateToken := w.tokens["smsgate"]
		gateSigned := http.Header{"X-Timestamp": {"1795341600"}, "X-Signature": {hex.EncodeToString(hmacSHA256(gateToken, gate+"1795341600"))}}
		forwarderToken := w.tokens["smsforwarder"]
		sign := url.QueryEscape(base64.StdEncoding.EncodeToString(hmacSHA256(forwarderToken, "1795341600000\n"+forwarderToken)))
		form := func(sign string) string {
			return url.Values{"from": {"VM-HDFCBK-S"}, "content": {strings.ReplaceAll(text(3), `\n`, "\n")}, "timestamp": {"1795341600000"}, "sign": {sign}}.Encode()
		}
		for _, c := range []struct {
			name, kind, body string
			header           http.Header
			code             int
			answer           string
		}{
			{"income sms gateway", "android_income_sms_gateway", income, nil, 200, answered(created(1, "526830463501", "2"))},
			{"its retry", "android_income_sms_gateway", income, nil, 200, answered(duplicate(1, "526830463501", "2"))},
			{"sms gateway, signed", "smsgate", gate, gateSigned, 200, answered(created(2, "526830463502", "2"))},
			{"its retry, unsigned", "smsgate", gate, nil, 200, answered(duplicate(2, "526830463502", "2"))},
			{"its ping", "smsgate", `{"event":"system:ping","payload":{"health":{}}}`, nil, 200, answered()},
			{"a forged signature", "smsgate", gate, http.Header{"X-Timestamp": {"1795341601"}, "X-Signature": gateSigned["X-Signature"]}, 401,
				failJSON("X-Signature is wrong; set the app's signing key to the token of this source")},
			{"sms forwarder, signed form", "smsforwarder", form(sign), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 200,
				answered(created(3, "526830463503", "2"))},
			{"its JSON, unsigned", "smsforwarder", fmt.Sprintf(`{"from":"VM-HDFCBK-S","content":"%s","timestamp":1795341600000}`, text(3)), nil, 200,
				answered(duplicate(3, "526830463503", "2"))},
			{"a forged sign", "smsforwarder", form("x" + sign), nil, 401, failJSON("sign is wrong; set the app's secret to the token of this source")},
			{"another app's payload", "smsforwarder", gate, nil, 200, answered(malformed("malformed_item", "the text is missing"))},
			{"no payload at all", "smsforwarder", "", nil, 422, failJSON("the body is empty; send a JSON object or an array of them")},
		} {
			t.Run(c.name, func(t *testing.T) {
				in := *w
				in.t = t
				token := w.tokens[evidence.SourceKind(c.kind)]
				in.want(call{host: baseHost, path: "/evidence/v1/forward/" + token, body: c.body, header: c.header}, c.code, c.answer)
				header := bearer(token)
				for name, values := range c.header {
					header[name] = values
				}
				again := strings.Replace(c.answer, "created", "duplicate", 1)
				in.want(call{host: baseHost, path: messagesPath, body: c.body, header: header}, c.code, again)
			})
		}
		w.equal("credited by a forwarded text", w.claim("order-1", "55", "526830463501", "2"), strings.Replace(okJSON, "500", "2", 1))
	})
}

func TestSources(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		const oneToken = "Send the source's token once, as Authorization: Bearer TOKEN"
		sms, transfers, gate := w.tokens["sms"], w.tokens["transfers"], w.tokens["smsgate"]
		ofTransfers := failJSON("This token is of a source of kind transfers: send to /evidence/v1/transfers")
		for _, c := range []struct {
			name, path string
			header     http.Header
			code       int
			answer     string
		}{
			{"no token", messagesPath, nil, 401, failJSON(oneToken)},
			{"token in the query", messagesPath + "?token=" + sms + "&secret=" + sms, nil, 401, failJSON(oneToken)},
			{"two tokens", messagesPath, http.Header{"Authorization": {"Bearer " + sms, "Bearer " + sms}}, 401, failJSON(oneToken)},
			{"another scheme", messagesPath, http.Header{"Authorization": {"Basic " + sms}}, 401, failJSON(oneToken)},
			{"unknown token", messagesPath, bearer("galla_src_nobody"), 401, failJSON("Unknown token")},
			{"a merchant's secret", messagesPath, bearer(w.keys["shop"].APISecret.Reveal()), 401, failJSON("Unknown token")},
			{"unknown token in the path", "/evidence/v1/forward/galla_src_nobody", nil, 401, failJSON("Unknown token")},
			{"unknown token for transfers", transfersPath, bearer("galla_src_nobody"), 401, failJSON("Unknown token")},
			{"transfers to messages", messagesPath, bearer(transfers), 403, ofTransfers},
			{"transfers to a forwarder's path", "/evidence/v1/forward/" + transfers, nil, 403, ofTransfers},
			{"messages to transfers", transfersPath, bearer(sms), 403, failJSON("This token is of a source of kind sms: send to /evidence/v1/messages")},
			{"a forwarder's to transfers", transfersPath, bearer(gate), 403, failJSON("This token is of a source of kind smsgate: send to /evidence/v1/forward/{token}")},
		} {
			got := w.want(call{host: baseHost, path: c.path, header: c.header, body: "no JSON"}, c.code, c.answer)
			if challenge := got.Header().Get("WWW-Authenticate"); (challenge == "Bearer") != (c.code == 401) {
				t.Errorf("%s: WWW-Authenticate is %q", c.name, challenge)
			}
		}
		for _, c := range []struct {
			body    string
			code    int
			message string
		}{
			{"", 422, "the body is empty; send a JSON object or an array of them"},
			{"null", 422, "the body is neither a JSON object nor an array"},
			{"reference=321302038123", 422, "the body is neither a JSON object nor an array"},
			{`{"reference":"321302038123"`, 422, "the body is not one complete JSON object"},
			{`{} {}`, 422, "the body is not one complete JSON object"},
			{`[{}`, 422, "the body is not one complete JSON array"},
			{"[" + strings.Repeat(" ", evidence.MaxBodyBytes) + "]", 413, "The request is too large"},
		} {
			w.want(call{host: baseHost, path: transfersPath, header: bearer(transfers), body: c.body}, c.code, failJSON(c.message))
			w.want(call{host: baseHost, path: messagesPath, header: bearer(sms), body: c.body}, c.code, failJSON(c.message))
		}
		if kept := w.count("SELECT count(*) FROM evidence"); kept != 0 {
			t.Errorf("%d items were stored", kept)
		}

		source := w.sources[evidence.SourceTransfers]
		must(t, w.g.MoveSource(context.Background(), source, gateway.SourcePaused))
		body := `{"reference":"321302038123","amount":"500"}`
		w.want(call{host: baseHost, path: transfersPath, header: bearer(transfers), body: body}, 403,
			failJSON("This source is paused. Nothing was stored: send again when it is active"))
		must(t, w.g.MoveSource(context.Background(), source, gateway.SourceActive))
		w.want(call{host: baseHost, path: transfersPath, header: bearer(transfers), body: body}, 200, answered(created(1, "321302038123", "500")))
		must(t, w.g.MoveSource(context.Background(), source, gateway.SourceRetired))
		w.want(call{host: baseHost, path: transfersPath, header: bearer(transfers), body: body}, 401, failJSON("Unknown token"))
	})
}
