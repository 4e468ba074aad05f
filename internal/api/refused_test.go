package api

import (
	"net/http"
	"strings"
	"testing"
)

// bad is one bad input and its answer.
type bad struct {
	name, body string
	code       int
	message    string
}

const (
	unprocessable = http.StatusUnprocessableEntity
	tooLarge      = http.StatusRequestEntityTooLarge
)

// badBodies are wrong whatever was asked.
var badBodies = []bad{
	{"no body", "", unprocessable, "The body is empty: send a JSON object."},
	{"only spaces", " \n\t ", unprocessable, "The body is empty: send a JSON object."},
	{"array", `[]`, unprocessable, "The body must be one JSON object."},
	{"string", `"{}"`, unprocessable, "The body must be one JSON object."},
	{"null", `null`, unprocessable, "The body must be one JSON object."},
	{"a form", "currency=INR&label=55", unprocessable, "The body must be one JSON object."},
	{"byte order mark", "\ufeff{}", unprocessable, "The body must be one JSON object."},
	{"cut short", `{"label":"55"`, unprocessable, "The body is not valid JSON: it ends too early."},
	{"cut in a string", `{"label":"55`, unprocessable, "The body is not valid JSON: it ends too early."},
	{"single quotes", `{'label':'55'}`, unprocessable, `The body is not valid JSON: unexpected '\'' at byte 2.`},
	{"comma at the end", `{"label":"55",}`, unprocessable, `The body is not valid JSON: unexpected '}' at byte 15.`},
	{"comment", `{/* x */}`, unprocessable, `The body is not valid JSON: unexpected '/' at byte 2.`},
	{"NaN", `{"x":NaN}`, unprocessable, `The body is not valid JSON: unexpected 'N' at byte 6.`},
	{"leading zero", `{"x":01}`, unprocessable, `The body is not valid JSON: unexpected '1' at byte 7.`},
	{"plus sign", `{"x":+1}`, unprocessable, `The body is not valid JSON: unexpected '+' at byte 6.`},
	{"control character in a string", "{\"x\":\"a\nb\"}", unprocessable, `The body is not valid JSON: unexpected '\n' at byte 8.`},
	{"unknown escape", `{"x":"\q"}`, unprocessable, `The body is not valid JSON: unexpected 'q' at byte 8.`},
	{"half a surrogate pair", `{"x":"\ud83d"}`, unprocessable, "The body is not valid JSON: half a surrogate pair at byte 7."},
	{"not UTF-8", "{\"x\":\"\xff\"}", unprocessable, "The body is not valid UTF-8."},
	{"data behind", `{} {}`, unprocessable, "The body has data behind the JSON object, at byte 4."},
	{"the same member twice", `{"label":"1","label":"2"}`, unprocessable, `The member "label" stands twice in the body.`},
	{"twice by letter case", `{"label":"1","LABEL":"2"}`, unprocessable, `The member "LABEL" stands twice in the body.`},
	{"twice by an escape", `{"label":"1","l\u0061bel":"2"}`, unprocessable, `The member "label" stands twice in the body.`},
	{"twice below", `{"x":{"y":1,"Y":2}}`, unprocessable, `The member "Y" stands twice in the body.`},
	{"too deep", strings.Repeat(`{"x":`, 17) + "1" + strings.Repeat("}", 17), unprocessable, "The body nests deeper than 16 levels."},
	{"too many members", "{" + manyMembers(101) + "}", unprocessable, "The body has an object with more than 100 members."},
	{"too large", `{"x":"` + strings.Repeat("x", 64<<10) + `"}`, tooLarge, "The request is too large"},
}

func manyMembers(n int) string {
	members := make([]string, n)
	for i := range members {
		members[i] = quote(strings.Repeat("m", i+1)) + ":1"
	}
	return strings.Join(members, ",")
}

// with is the good activate body with one member replaced; "" takes it away.
func with(member, value string) string {
	members := [][2]string{
		{"currency_code", `"INR"`}, {"wallet_type", `"phone_pe"`}, {"label", `"55"`}, {"key1", `"321302038123"`},
		{"amount", "500"}, {"custom_transaction_id", `"1"`},
	}
	var parts []string
	for _, m := range members {
		if m[0] == member {
			m[1] = value
		}
		if m[1] != "" {
			parts = append(parts, quote(m[0])+":"+m[1])
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

var (
	longField  = quote(strings.Repeat("x", 191))
	longAmount = strings.Repeat("0", 256) + "1"
)

var badActivate = []bad{
	{"no members", `{}`, unprocessable, "currency_code is required."},
	{"no currency", with("currency_code", ""), unprocessable, "currency_code is required."},
	{"currency null", with("currency_code", "null"), unprocessable, "currency_code is required."},
	{"currency empty", with("currency_code", `""`), unprocessable, "currency_code is required."},
	{"currency short", with("currency_code", `"IN"`), unprocessable, "currency_code must be a currency code of 3 letters, for example INR."},
	{"currency long", with("currency_code", `"INRR"`), unprocessable, "currency_code must be a currency code of 3 letters, for example INR."},
	{"currency a number", with("currency_code", "356"), unprocessable, "currency_code must be a string, not a number: put it in quotes."},
	{"currency unknown", with("currency_code", `"XYZ"`), unprocessable, `currency_code "XYZ" is not served by phone_pe: it takes INR.`},
	{"currency in small letters", with("currency_code", `"inr"`), unprocessable, `currency_code "inr" is not served by phone_pe: it takes INR.`},
	{"currency of another method", with("currency_code", `"BDT"`), unprocessable, `currency_code "BDT" is not served by phone_pe: it takes INR.`},
	{"member by another letter case", strings.Replace(with("", ""), "currency_code", "Currency_Code", 1), unprocessable, "currency_code is required."},

	{"no wallet_type", with("wallet_type", ""), unprocessable, "wallet_type is required."},
	{"wallet_type unknown", with("wallet_type", `"phonepe"`), unprocessable, `wallet_type "phonepe" is not a known payment method.`},
	{"wallet_type by another letter case", with("wallet_type", `"PHONE_PE"`), unprocessable, `wallet_type "PHONE_PE" is not a known payment method.`},
	{"wallet_type that only pays out", with("wallet_type", `"imps_ib"`), unprocessable, `wallet_type "imps_ib" is not a known payment method.`},
	{"wallet_type too long", with("wallet_type", longField), unprocessable, "wallet_type is longer than 190 characters."},
	{"wallet_type long and unknown", with("wallet_type", quote(strings.Repeat("w", 100))), unprocessable, `wallet_type "` + strings.Repeat("w", 40) + `…" is not a known payment method.`},
	{"wallet_type an array", with("wallet_type", `["phone_pe"]`), unprocessable, "wallet_type must be a string, not an array."},
	{"wallet_type with a quote in it", with("wallet_type", `"<b>\"&"`), unprocessable, `wallet_type "<b>\"&" is not a known payment method.`},

	{"no label", with("label", ""), unprocessable, "label is required."},
	{"label empty", with("label", `""`), unprocessable, "label is required."},
	{"label a number", with("label", "55"), unprocessable, "label must be a string, not a number: put it in quotes."},
	{"label true", with("label", "true"), unprocessable, "label must be a string, not a boolean."},
	{"label an object", with("label", "{}"), unprocessable, "label must be a string, not an object."},
	{"label too long", with("label", longField), unprocessable, "label is longer than 190 characters."},
	{"label with a control character", with("label", `"5\u00005"`), unprocessable, "label has a control character or a line separator."},
	{"label with a line break", with("label", `"5\n5"`), unprocessable, "label has a control character or a line separator."},
	{"label with a line separator", with("label", `"5\u20285"`), unprocessable, "label has a control character or a line separator."},
	{"label with a C1 control", with("label", `"5\u00855"`), unprocessable, "label has a control character or a line separator."},

	{"no key1", with("key1", ""), unprocessable, "key1 is required."},
	{"key1 empty", with("key1", `""`), unprocessable, "key1 is required."},
	{"key1 of nothing but controls", with("key1", `"\u0000\n"`), unprocessable, "key1 is required."},
	{"key1 a number", with("key1", "321302038123"), unprocessable, "key1 must be a string, not a number: put it in quotes."},
	{"key1 too long", with("key1", longField), unprocessable, "key1 is longer than 190 characters."},

	{"no amount", with("amount", ""), unprocessable, "amount is required."},
	{"amount null", with("amount", "null"), unprocessable, "amount is required."},
	{"amount empty", with("amount", `""`), unprocessable, "amount is required."},
	{"amount zero", with("amount", "0"), unprocessable, "amount must be greater than 0."},
	{"amount zero with decimals", with("amount", `"0.00"`), unprocessable, "amount must be greater than 0."},
	{"amount negative", with("amount", "-1"), unprocessable, "amount must be greater than 0."},
	{"amount of three decimals", with("amount", "1.005"), unprocessable, "amount has too many decimals: INR has 2."},
	{"amount below a paisa", with("amount", "5e-3"), unprocessable, "amount has too many decimals: INR has 2."},
	{"amount too large", with("amount", "1000000000000"), unprocessable, "amount is too large: the maximum is 999999999999.99."},
	{"amount by exponent", with("amount", "1e300"), unprocessable, "amount is too large: the maximum is 999999999999.99."},
	{"amount by a huge exponent", with("amount", "1e999999999999999999999"), unprocessable, "amount is too large: the maximum is 999999999999.99."},
	{"amount of words", with("amount", `"five hundred"`), unprocessable, "amount must be a number, for example 500 or 500.50."},
	{"amount with a comma", with("amount", `"1,000"`), unprocessable, "amount must be a number, for example 500 or 500.50."},
	{"amount with spaces", with("amount", `" 500"`), unprocessable, "amount must be a number, for example 500 or 500.50."},
	{"amount with a currency", with("amount", `"500 INR"`), unprocessable, "amount must be a number, for example 500 or 500.50."},
	{"amount infinite", with("amount", `"Infinity"`), unprocessable, "amount must be a number, for example 500 or 500.50."},
	{"amount hexadecimal", with("amount", `"0x1F4"`), unprocessable, "amount must be a number, for example 500 or 500.50."},
	{"amount true", with("amount", "true"), unprocessable, "amount must be a number, not a boolean."},
	{"amount an object", with("amount", `{"value":500}`), unprocessable, "amount must be a number, not an object."},
	{"amount too long", with("amount", quote(longAmount)), unprocessable, "amount is longer than 256 characters."},

	{"no order id", with("custom_transaction_id", ""), unprocessable, "custom_transaction_id is required."},
	{"order id empty", with("custom_transaction_id", `""`), unprocessable, "custom_transaction_id is required."},
	{"order id a number", with("custom_transaction_id", "123465477897"), unprocessable, "custom_transaction_id must be a string, not a number: put it in quotes."},
	{"order id too long", with("custom_transaction_id", longField), unprocessable, "custom_transaction_id is longer than 190 characters."},
	{"order id with a tab", with("custom_transaction_id", `"1\t2"`), unprocessable, "custom_transaction_id has a control character or a line separator."},
}

var badCreate = []bad{
	{"no members", `{}`, unprocessable, "currency is required."},
	{"no currency", `{"label":"55"}`, unprocessable, "currency is required."},
	{"currency_code instead", `{"currency_code":"INR","label":"55"}`, unprocessable, "currency is required."},
	{"currency short", `{"currency":"IN","label":"55"}`, unprocessable, "currency must be a currency code of 3 letters, for example INR."},
	{"currency a number", `{"currency":356,"label":"55"}`, unprocessable, "currency must be a string, not a number: put it in quotes."},
	{"currency not served", `{"currency":"USD","label":"55"}`, unprocessable, `currency "USD" is not served by phone_pe: it takes INR.`},
	{"no label", `{"currency":"INR"}`, unprocessable, "label is required."},
	{"label null", `{"currency":"INR","label":null}`, unprocessable, "label is required."},
	{"label empty", `{"currency":"INR","label":""}`, unprocessable, "label is required."},
	{"label a number", `{"currency":"INR","label":55}`, unprocessable, "label must be a string, not a number: put it in quotes."},
	{"label too long", `{"currency":"INR","label":` + longField + `}`, unprocessable, "label is longer than 190 characters."},
	{"label with a control character", `{"currency":"INR","label":"\u001f"}`, unprocessable, "label has a control character or a line separator."},
}

func badInput(t *testing.T, w *world) {
	for _, route := range []struct {
		name, path string
		cases      []bad
	}{
		{"activate", w.activatePath(), append(badBodies[:len(badBodies):len(badBodies)], badActivate...)},
		{"create", w.createPath("phone_pe"), append(badBodies[:len(badBodies):len(badBodies)], badCreate...)},
	} {
		for _, c := range route.cases {
			t.Run(route.name+"/"+c.name, func(t *testing.T) {
				in := *w
				in.t = t
				in.want(call{path: route.path, body: c.body}, c.code, failJSON(c.message))
			})
		}
	}
	if stored := w.count("SELECT (SELECT count(*) FROM claim) + (SELECT count(*) FROM reference) + (SELECT count(*) FROM assignment)"); stored != 0 {
		t.Errorf("bad input left %d rows", stored)
	}
}

// Unknown routes, wrong methods and unclean paths are answered as JSON and never redirected, and before anybody looks at
// the secret.
func unknownRoutes(t *testing.T, w *world) {
	secret := "?secret=" + w.keys["shop"].APISecret.Reveal()
	for _, path := range []string{
		"/", "/api", "/api/", "/api/v1", "/api/v1/transaction/activate/", "/api/v1//transaction/activate", "//api/v1/transaction/activate",
		"/api/v1/./transaction/activate", "/api/v1/x/../transaction/activate", "/api/v1/transaction/Activate", "/api/v2/transaction/activate",
		"/api/v1/transaction/create", "/api/v1/transaction/create/", "/api/v1/transaction/create/phone_pe/", "/api/v1/transaction/create/a/b",
		"/evidence/v1/forward", "/evidence/v1/forward/", "/evidence/v1/forward/galla_src_x/y", "/evidence", "/index.php", "/metrics", "/healthz",
	} {
		w.want(call{path: path + secret, body: with("", "")}, http.StatusNotFound, notFoundJSON)
	}
	for path, allow := range map[string]string{
		"/api/v1/transaction/activate":          "POST",
		"/api/v1/transaction/create/phone_pe":   "POST",
		"/api/v1/transaction/create/nothing":    "POST",
		"/api/v1/payment-systems/available":     "GET, HEAD",
		"/evidence/v1/transfers":                "POST",
		"/evidence/v1/messages":                 "POST",
		"/evidence/v1/forward/galla_src_nobody": "POST",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} {
			if strings.Contains(allow, method) {
				continue
			}
			got := w.want(call{method: method, path: path}, http.StatusMethodNotAllowed, `{"status":"fail","message":"Method not allowed"}`)
			if got.Header().Get("Allow") != allow {
				t.Errorf("%s %s: Allow is %q, want %q", method, path, got.Header().Get("Allow"), allow)
			}
		}
	}
}

func TestRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "bad input", badInput)
		w.tell(t, "routes", unknownRoutes)
	})
}
