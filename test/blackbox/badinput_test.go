package blackbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
)

// bad is one bad input and its answer. The empty code is 422.
type bad struct {
	name, body, message string
	code                int
}

// badBodies are wrong whatever was asked.
var badBodies = []bad{
	{name: "empty", message: "The body is empty: send a JSON object."},
	{name: "spaces", body: " \r\n\t", message: "The body is empty: send a JSON object."},
	{name: "array", body: `[]`, message: "The body must be one JSON object."},
	{name: "null", body: `null`, message: "The body must be one JSON object."},
	{name: "form", body: "currency=INR&label=55", message: "The body must be one JSON object."},
	{name: "byte order mark", body: "\ufeff{}", message: "The body must be one JSON object."},
	{name: "cut short", body: `{"label":"55`, message: "The body is not valid JSON: it ends too early."},
	{name: "single quotes", body: `{'label':'55'}`, message: `The body is not valid JSON: unexpected '\'' at byte 2.`},
	{name: "comma at the end", body: `{"x":1,}`, message: `The body is not valid JSON: unexpected '}' at byte 8.`},
	{name: "leading zero", body: `{"x":01}`, message: `The body is not valid JSON: unexpected '1' at byte 7.`},
	{name: "NaN", body: `{"x":NaN}`, message: `The body is not valid JSON: unexpected 'N' at byte 6.`},
	{name: "raw control character", body: "{\"x\":\"a\x01b\"}", message: `The body is not valid JSON: unexpected '\x01' at byte 8.`},
	{name: "half a surrogate pair", body: `{"x":"\ud83d"}`, message: "The body is not valid JSON: half a surrogate pair at byte 7."},
	{name: "not UTF-8", body: "{\"x\":\"\xff\"}", message: "The body is not valid UTF-8."},
	{name: "overlong UTF-8", body: "{\"x\":\"\xc0\xaf\"}", message: "The body is not valid UTF-8."},
	{name: "NUL behind", body: "{}\x00", message: "The body has data behind the JSON object, at byte 3."},
	{name: "second object", body: `{} {}`, message: "The body has data behind the JSON object, at byte 4."},
	{name: "member twice", body: `{"label":"1","label":"1"}`, message: `The member "label" stands twice in the body.`},
	{name: "member twice by case", body: `{"label":"1","Label":"1"}`, message: `The member "Label" stands twice in the body.`},
	{name: "member twice by escape", body: `{"label":"1","l\u0061bel":"1"}`, message: `The member "label" stands twice in the body.`},
	{name: "deep", body: strings.Repeat(`{"x":`, 5000) + "1" + strings.Repeat("}", 5000), message: "The body nests deeper than 16 levels."},
	{name: "over 64 KiB", body: `{"x":"` + strings.Repeat("x", 64<<10) + `"}`, message: "The request is too large", code: http.StatusRequestEntityTooLarge},
	{name: "far over 64 KiB", body: strings.Repeat("x", 1<<20), message: "The request is too large", code: http.StatusRequestEntityTooLarge},
}

// with is a good activate body with one member replaced; "" takes it away.
func with(member, value string) string {
	var parts []string
	for _, m := range [][2]string{
		{"currency_code", `"INR"`}, {"wallet_type", `"phone_pe"`}, {"label", `"55"`}, {"key1", `"321399999999"`}, {"amount", "500"},
		{"custom_transaction_id", `"bad"`},
	} {
		if m[0] == member {
			m[1] = value
		}
		if m[1] != "" {
			parts = append(parts, fmt.Sprintf("%q:%s", m[0], m[1]))
		}
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// badActivates is what each field may not be.
func badActivates() []bad {
	long := `"` + strings.Repeat("é", 191) + `"`
	cases := []bad{
		{name: "currency of two letters", body: with("currency_code", `"IN"`), message: "currency_code must be a currency code of 3 letters, for example INR."},
		{name: "currency unknown", body: with("currency_code", `"XYZ"`), message: `currency_code "XYZ" is not served by phone_pe: it takes INR.`},
		{name: "currency in small letters", body: with("currency_code", `"inr"`), message: `currency_code "inr" is not served by phone_pe: it takes INR.`},
		{name: "currency of another method", body: with("currency_code", `"BDT"`), message: `currency_code "BDT" is not served by phone_pe: it takes INR.`},
		{name: "method unknown", body: with("wallet_type", `"phonepe"`), message: `wallet_type "phonepe" is not a known payment method.`},
		{name: "method that pays out only", body: with("wallet_type", `"imps_ib"`), message: `wallet_type "imps_ib" is not a known payment method.`},
		{name: "another case of a member", body: strings.Replace(with("", ""), `"label"`, `"LABEL"`, 1), message: "label is required."},
		{name: "label with a line break", body: with("label", `"5\n5"`), message: "label has a control character or a line separator."},
		{name: "label with U+2028", body: with("label", `"5\u20285"`), message: "label has a control character or a line separator."},
		{name: "order with U+2029", body: with("custom_transaction_id", `"\u2029"`), message: "custom_transaction_id has a control character or a line separator."},
		{name: "amount zero", body: with("amount", "0"), message: "amount must be greater than 0."},
		{name: "amount minus zero", body: with("amount", "-0"), message: "amount must be greater than 0."},
		{name: "amount negative", body: with("amount", `"-500"`), message: "amount must be greater than 0."},
		{name: "amount of three decimals", body: with("amount", "1.005"), message: "amount has too many decimals: INR has 2."},
		{name: "amount over the maximum", body: with("amount", "999999999999.991"), message: "amount has too many decimals: INR has 2."},
		{name: "amount of 10^12", body: with("amount", "1e12"), message: "amount is too large: the maximum is 999999999999.99."},
		{name: "amount of a huge exponent", body: with("amount", "1e99999999999999999999"), message: "amount is too large: the maximum is 999999999999.99."},
		{name: "amount in words", body: with("amount", `"ten"`), message: "amount must be a number, for example 500 or 500.50."},
		{name: "amount with a comma", body: with("amount", `"1,000"`), message: "amount must be a number, for example 500 or 500.50."},
		{name: "amount hexadecimal", body: with("amount", `"0x1F4"`), message: "amount must be a number, for example 500 or 500.50."},
		{name: "amount an array", body: with("amount", "[500]"), message: "amount must be a number, not an array."},
		{name: "amount of 257 characters", body: with("amount", `"`+strings.Repeat("0", 256)+`1"`), message: "amount is longer than 256 characters."},
		{name: "key1 of controls only", body: with("key1", `"\u0000"`), message: "key1 is required."},
	}
	for _, field := range []string{"currency_code", "wallet_type", "label", "key1", "amount", "custom_transaction_id"} {
		for kind, value := range map[string]string{"missing": "", "null": "null", "empty": `""`} {
			cases = append(cases, bad{name: field + " " + kind, body: with(field, value), message: field + " is required."})
		}
		cases = append(cases, bad{name: field + " boolean", body: with(field, "true"), message: field + " must be a " + map[bool]string{true: "number", false: "string"}[field == "amount"] + ", not a boolean."})
		if field != "amount" {
			cases = append(cases, bad{name: field + " number", body: with(field, "500"), message: field + " must be a string, not a number: put it in quotes."})
		}
		if field != "amount" && field != "currency_code" {
			cases = append(cases, bad{name: field + " too long", body: with(field, long), message: field + " is longer than 190 characters."})
		}
	}
	return cases
}

var badCreates = []bad{
	{name: "no members", body: `{}`, message: "currency is required."},
	{name: "no currency", body: `{"label":"55"}`, message: "currency is required."},
	{name: "currency number", body: `{"currency":356,"label":"55"}`, message: "currency must be a string, not a number: put it in quotes."},
	{name: "currency long", body: `{"currency":"INRR","label":"55"}`, message: "currency must be a currency code of 3 letters, for example INR."},
	{name: "currency not served", body: `{"currency":"USD","label":"55"}`, message: `currency "USD" is not served by phone_pe: it takes INR.`},
	{name: "no label", body: `{"currency":"INR"}`, message: "label is required."},
	{name: "label null", body: `{"currency":"INR","label":null}`, message: "label is required."},
	{name: "label number", body: `{"currency":"INR","label":55}`, message: "label must be a string, not a number: put it in quotes."},
	{name: "label too long", body: `{"currency":"INR","label":"` + strings.Repeat("x", 191) + `"}`, message: "label is longer than 190 characters."},
	{name: "label with a control character", body: `{"currency":"INR","label":"\u007f"}`, message: "label has a control character or a line separator."},
}

func TestBadInput(t *testing.T) {
	eachWorld(t, func(_ *testing.T, w *world) {
		w.tell("bodies", badInput)
		w.tell("secrets", badSecrets)
		w.tell("routes", badRoutes)
		w.tell("broken HTTP", brokenHTTP)
		w.tell("evidence", badEvidenceRequests)
		var claims []any
		if w.json(&claims, "claim", "list"); len(claims) != 0 {
			t.Errorf("bad input left claims: %v", claims)
		}
	})
}

func badInput(w *world) {
	for path, cases := range map[string][]bad{
		w.activatePath():         append(badActivates(), badBodies...),
		w.createPath("phone_pe"): append(badCreates[:len(badCreates):len(badCreates)], badBodies...),
	} {
		for _, c := range cases {
			if c.code == 0 {
				c.code = http.StatusUnprocessableEntity
			}
			w.tell(strings.Split(path, "/")[4]+"/"+c.name, func(w *world) {
				w.want(call{path: path, body: c.body}, c.code, failAs(c.message))
			})
		}
	}
	w.want(call{path: w.createPath("nothing"), body: `{"currency":"INR","label":"55"}`}, http.StatusUnprocessableEntity,
		failAs(`wallet_type "nothing" is not a known payment method.`))
	w.want(call{path: w.createPath("%3Cb%3E%22"), body: `{"currency":"INR","label":"55"}`}, http.StatusUnprocessableEntity,
		failAs(`wallet_type "<b>\"" is not a known payment method.`))
}

// failAs is the fail answer with any message, as JSON that leaves <, > and & alone.
func failAs(message string) string {
	var quoted bytes.Buffer
	encoder := json.NewEncoder(&quoted)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(message); err != nil {
		panic(err)
	}
	return `{"status":"fail","message":` + strings.TrimSpace(quoted.String()) + "}"
}

// Everything wrong with a secret is 404, also before a body is looked at.
func badSecrets(w *world) {
	const path = "/api/v1/transaction/activate"
	right, wrong := w.shop.APISecret, strings.Repeat("x", len(w.shop.APISecret))
	for name, c := range map[string]call{
		"none":                         {path: path},
		"wrong":                        {path: path + "?secret=" + wrong},
		"empty":                        {path: path + "?secret="},
		"almost":                       {path: path + "?secret=" + right[:len(right)-1]},
		"another case":                 {path: path + "?secret=" + strings.ToUpper(right)},
		"another name":                 {path: path + "?SECRET=" + right},
		"twice":                        {path: path + "?secret=" + right + "&secret=" + right},
		"twice by an escape":           {path: path + "?secret=" + right + "&%73ecret=" + right},
		"query and header":             {path: path + "?secret=" + right, header: []string{"Authorization: Bearer " + right}},
		"two headers":                  {path: path, header: []string{"Authorization: Bearer " + right, "Authorization: Bearer " + right}},
		"basic":                        {path: path, header: []string{"Authorization: Basic " + right}},
		"bad escape":                   {path: path + "?secret=" + right + "%zz"},
		"in the body":                  {path: path, body: `{"secret":"` + right + `"}`},
		"other merchant's host":        {path: path + "?secret=" + right, host: "api.other.localhost:8080"},
		"other merchant's host alone":  {path: path + "?secret=" + right, host: "other.localhost:8080"},
		"nobody's host":                {path: path + "?secret=" + right, host: "api.nobody.localhost:8080"},
		"other merchant's secret":      {path: path + "?secret=" + w.other.APISecret},
		"access key":                   {path: path + "?secret=" + w.shop.AccessKey},
		"a source's token":             {path: path + "?secret=" + w.sources["transfers"].Token},
		"with a body that is too long": {path: path + "?secret=" + wrong, body: strings.Repeat("x", 70_000)},
	} {
		w.tell(name, func(w *world) { w.want(c, http.StatusNotFound, notFoundJSON) })
	}
	for _, path := range []string{"/api/v1/transaction/create/phone_pe", "/api/v1/transaction/create/nothing", "/api/v1/payment-systems/available"} {
		method := map[bool]string{true: http.MethodGet, false: http.MethodPost}[strings.HasSuffix(path, "available")]
		w.want(call{method: method, path: path + "?secret=" + wrong}, http.StatusNotFound, notFoundJSON)
	}
}

// Unknown routes, wrong methods and unclean paths are answered as JSON, never redirected.
func badRoutes(w *world) {
	for _, path := range []string{
		"/", "/api/v1", "/api/v1/transaction/activate/", "/api/v1//transaction/activate", "//api/v1/transaction/activate", "/api/v1/../v1/transaction/activate",
		"/api/v1/transaction/create", "/api/v1/transaction/create/", "/api/v1/transaction/create/a/b", "/api/v2/transaction/activate", "/API/v1/transaction/activate",
		"/evidence/v1/forward", "/evidence/v1/forward/", "/metrics", "/healthz", "/readyz", "/debug/pprof/", "/.env",
	} {
		w.want(call{path: path + "?secret=" + w.shop.APISecret, body: with("", "")}, http.StatusNotFound, notFoundJSON)
	}
	w.want(call{path: "/" + w.shop.APISecret}, http.StatusNotFound, notFoundJSON)
	w.want(call{path: "/evidence/v1/forward/" + w.sources["sms"].Token + "/more"}, http.StatusNotFound, notFoundJSON)
	for path, allow := range map[string]string{
		"/api/v1/transaction/activate": "POST", "/api/v1/transaction/create/phone_pe": "POST", "/api/v1/payment-systems/available": "GET, HEAD",
		"/evidence/v1/transfers": "POST", "/evidence/v1/messages": "POST", "/evidence/v1/forward/x": "POST",
	} {
		for _, method := range []string{"GET", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "MADEUP"} {
			if strings.Contains(allow, method) {
				continue
			}
			got := w.want(call{method: method, path: path}, http.StatusMethodNotAllowed, failJSON("Method not allowed"))
			if got.header.Get("Allow") != allow {
				w.t.Errorf("%s %s: Allow is %q, want %q", method, path, got.header.Get("Allow"), allow)
			}
		}
	}
}

// Requests that are no HTTP end with 400 and harm nobody; odd ones that are HTTP are served.
func brokenHTTP(w *world) {
	path, body := w.activatePath(), with("amount", "0")
	refused := failJSON("amount must be greater than 0.")
	head := "POST " + path + " HTTP/1.1\r\nHost: " + shopHost + "\r\nConnection: close\r\n"
	for name, request := range map[string]string{
		"no host":            "POST " + path + " HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
		"two hosts":          head + "Host: api.other.localhost:8080\r\nContent-Length: 0\r\n\r\n",
		"two lengths":        head + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
		"length in words":    head + "Content-Length: two\r\n\r\n{}",
		"header of no colon": head + "Nonsense\r\n\r\n",
		"not HTTP":           "hello\r\n\r\n",
		"space in the name":  head + "Content-Length : 2\r\n\r\n{}",
	} {
		if got := w.raw(request); got.code != http.StatusBadRequest {
			w.t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	for name, request := range map[string]string{
		"chunked":           head + fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", 10, body[:10], len(body)-10, body[10:]),
		"absolute":          fmt.Sprintf("POST http://%s%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s", shopHost, path, shopHost, len(body), body),
		"HTTP/1.0":          fmt.Sprintf("POST %s HTTP/1.0\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", path, shopHost, len(body), body),
		"bare line feeds":   fmt.Sprintf("POST %s HTTP/1.1\nHost: %s\nConnection: close\nContent-Length: %d\n\n%s", path, shopHost, len(body), body),
		"length of nothing": head + "\r\n",
	} {
		want := refused
		if name == "length of nothing" {
			want = failJSON("The body is empty: send a JSON object.")
		}
		if got := w.raw(request); got.code != http.StatusUnprocessableEntity || got.body != want {
			w.t.Errorf("%s: %d %s", name, got.code, got.body)
		}
	}
	if got := w.raw(head + "X-Long: " + strings.Repeat("x", 1<<20) + "\r\n\r\n"); got.code != http.StatusRequestHeaderFieldsTooLarge {
		w.t.Errorf("a header of 1 MiB: %d", got.code)
	}
	w.cutShort(head + "Content-Length: 100\r\n\r\n{")
	w.want(call{path: path, body: body}, http.StatusUnprocessableEntity, refused)
}

// cutShort sends less than it announced and closes its side.
func (w *world) cutShort(request string) {
	w.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(w.server.URL, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.Write([]byte(request)); err != nil {
		w.t.Fatal(err)
	}
	if err := connection.(*net.TCPConn).CloseWrite(); err != nil {
		w.t.Fatal(err)
	}
	if got := w.read(connection, request); got.code != http.StatusBadRequest || got.body != failJSON("The request was cut short") {
		w.t.Errorf("cut short: %d %s", got.code, got.body)
	}
}

func badEvidenceRequests(w *world) {
	const transfers, messages, forward = "/evidence/v1/transfers", "/evidence/v1/messages", "/evidence/v1/forward/"
	structured, sms := w.sources["transfers"].Token, w.sources["sms"].Token
	for _, c := range []struct {
		name, path, token, body string
		code                    int
		message                 string
	}{
		{"no token", transfers, "", "[]", http.StatusUnauthorized, "Send the source's token once, as Authorization: Bearer TOKEN"},
		{"unknown token", transfers, "galla_src_nobody", "[]", http.StatusUnauthorized, "Unknown token"},
		{"unknown token in the path", forward + "galla_src_nobody", "", "[]", http.StatusUnauthorized, "Unknown token"},
		{"a merchant's secret", transfers, w.shop.APISecret, "[]", http.StatusUnauthorized, "Unknown token"},
		{"another kind", transfers, sms, "[]", http.StatusForbidden, "This token is of a source of kind sms: send to /evidence/v1/messages"},
		{"another kind of message", messages, structured, "[]", http.StatusForbidden, "This token is of a source of kind transfers: send to /evidence/v1/transfers"},
		{"not JSON", transfers, structured, "reference=1", http.StatusUnprocessableEntity, ""},
		{"empty", messages, sms, "", http.StatusUnprocessableEntity, ""},
		{"cut short", transfers, structured, `[{"reference"`, http.StatusUnprocessableEntity, ""},
		{"501 items", transfers, structured, "[" + strings.Repeat("{},", 500) + "{}]", http.StatusUnprocessableEntity, "more than 500 items; send them in several requests"},
		{"over 2 MiB", messages, sms, `[{"text":"` + strings.Repeat("x", 2<<20) + `"}]`, http.StatusRequestEntityTooLarge, ""},
	} {
		w.tell(c.name, func(w *world) {
			got := w.bearer(c.path, c.token, c.body)
			var answer struct{ Status, Message string }
			if err := json.Unmarshal([]byte(got.body), &answer); err != nil || got.code != c.code || answer.Status != "fail" || answer.Message == "" ||
				c.message != "" && answer.Message != c.message {
				w.t.Errorf("got %d %s", got.code, got.body)
			}
		})
	}
}
