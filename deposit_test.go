package galla

import (
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/money"
)

// pageActivate is the page's own example.
const pageActivate = `{"currency_code":"INR","wallet_type":"phone_pe","label":"55","key1":"321302038123","amount":500,"custom_transaction_id":"123465477897"}`

func TestDecodeActivate(t *testing.T) {
	page := ActivateRequest{
		CurrencyCode: "INR", WalletType: "phone_pe", Label: "55", Key1: "321302038123", Amount: "500",
		CustomTransactionID: "123465477897",
	}
	with := func(change func(*ActivateRequest)) ActivateRequest {
		r := page
		change(&r)
		return r
	}
	longest := strings.Repeat("₹", MaxField)
	for body, want := range map[string]ActivateRequest{
		pageActivate: page,
		strings.Replace(pageActivate, `500`, `"500.50"`, 1):                          with(func(r *ActivateRequest) { r.Amount = "500.50" }),
		strings.Replace(pageActivate, `500`, `5.0e2`, 1):                             with(func(r *ActivateRequest) { r.Amount = "5.0e2" }),
		strings.Replace(pageActivate, `"55"`, `"`+longest+`"`, 1):                    with(func(r *ActivateRequest) { r.Label = longest }),
		strings.Replace(pageActivate, `321302038123`, ` utr\u00a03213\n`, 1):         with(func(r *ActivateRequest) { r.Key1 = " utr\u00a03213\n" }),
		strings.Replace(pageActivate, `{`, `{"extra":[1,{"x":null}],"Labels":7,`, 1): page,
		strings.Replace(pageActivate, `"55"`, `"a/\"b\" \u0928"`, 1):                 with(func(r *ActivateRequest) { r.Label = `a/"b" न` }),
	} {
		got, err := DecodeActivate([]byte(body))
		if err != nil || got != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", body, got, err, want)
		}
	}
}

func TestDecodeActivateRefuses(t *testing.T) {
	for _, field := range []string{"currency_code", "wallet_type", "label", "key1", "amount", "custom_transaction_id"} {
		member := `"` + field + `":`
		start := strings.Index(pageActivate, member) + len(member)
		end := start + strings.IndexAny(pageActivate[start:], ",}")
		replace := func(value string) string { return pageActivate[:start] + value + pageActivate[end:] }
		cases := map[string]string{
			strings.Replace(pageActivate, member, `"other":`, 1):            field + " is required.",
			strings.Replace(pageActivate, field, strings.ToUpper(field), 1): field + " is required.",
			replace(`null`):    field + " is required.",
			replace(`""`):      field + " is required.",
			replace(`true`):    field + " must be a ",
			replace(`[]`):      field + " must be a ",
			replace(`{"a":1}`): field + " must be a ",
			replace(`"` + strings.Repeat("9", 300) + `"`): field + " ",
		}
		if field != "amount" {
			cases[replace(`55`)] = field + " must be a string, not a number: put it in quotes."
			cases[replace(`"`+strings.Repeat("é", MaxField+1)+`"`)] = field + " "
		} else {
			cases[replace(strings.Repeat("9", money.MaxText+1))] = "amount is longer than 256 characters."
		}
		if field != "amount" && field != "key1" && field != "currency_code" {
			for _, bad := range []string{`\u0000`, `\n`, `\u007f`, `\u0085`, `\u2028`, `\u2029`} {
				cases[replace(`"a`+bad+`b"`)] = field + " has a control character or a line separator."
			}
		}
		for body, message := range cases {
			_, err := DecodeActivate([]byte(body))
			var refused *RequestError
			if !errors.As(err, &refused) || refused.Field != field || !strings.HasPrefix(refused.Message, message) {
				t.Errorf("%.200s: %v, want %q", body, err, message)
			}
		}
	}
	for _, code := range []string{"IN", "INRR", "₹"} {
		_, err := DecodeActivate([]byte(strings.Replace(pageActivate, "INR", code, 1)))
		if err == nil || !strings.Contains(err.Error(), "currency_code must be a currency code of 3 letters") {
			t.Errorf("currency %s: %v", code, err)
		}
	}
	if _, err := DecodeActivate([]byte(`{"label":"a","Label":"b"}`)); err == nil || !strings.Contains(err.Error(), "stands twice") {
		t.Errorf("twice: %v", err)
	}
}

func TestActivateMoney(t *testing.T) {
	for text, minor := range map[string]int64{"500": 50000, "500.0": 50000, "5e2": 50000, "500.00": 50000, "0.01": 1, "999999999999.99": 99999999999999} {
		got, err := ActivateRequest{CurrencyCode: "INR", Amount: text}.Money()
		if err != nil || got != (money.Money{Minor: minor, Currency: money.INR}) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for text, message := range map[string]string{
		"1.005":         "amount has too many decimals: INR has 2.",
		"0":             "amount must be greater than 0.",
		"0.00":          "amount must be greater than 0.",
		"-5":            "amount must be greater than 0.",
		"1000000000000": "amount is too large: the maximum is 999999999999.99.",
		"1e999999999":   "amount is too large: the maximum is 999999999999.99.",
		"five":          "amount must be a number, for example 500 or 500.50.",
		"1,000":         "amount must be a number, for example 500 or 500.50.",
	} {
		_, err := ActivateRequest{CurrencyCode: "INR", Amount: text}.Money()
		var refused *RequestError
		if !errors.As(err, &refused) || refused.Field != "amount" || refused.Message != message {
			t.Errorf("%s: %v, want %q", text, err, message)
		}
	}
	_, err := ActivateRequest{CurrencyCode: "inr", Amount: "5"}.Money()
	var refused *RequestError
	if !errors.As(err, &refused) || refused.Field != "currency_code" {
		t.Errorf("inr: %v", err)
	}
}

func TestDecodeCreate(t *testing.T) {
	got, err := DecodeCreate([]byte(`{"currency":"INR","label":"eligendi"}`))
	if err != nil || got != (CreateRequest{Currency: "INR", Label: "eligendi"}) {
		t.Errorf("%+v, %v", got, err)
	}
	for body, message := range map[string]string{
		`{"label":"a"}`:                    "currency is required.",
		`{"currency":"INR"}`:               "label is required.",
		`{"currency":"INR","label":""}`:    "label is required.",
		`{"currency":"INR","label":5}`:     "label must be a string, not a number: put it in quotes.",
		`{"currency":"RUPEE","label":"a"}`: "currency must be a currency code of 3 letters, for example INR.",
		`{"currency":["INR"],"label":"a"}`: "currency must be a string, not an array.",
		`{"currency":"INR","label":"` + strings.Repeat("a", MaxField+1) + `"}`: "label is longer than 190 characters.",
		`{"currency":"INR","label":"a\tb"}`:                                    "label has a control character or a line separator.",
		``:                                                                     "The body is empty: send a JSON object.",
	} {
		if _, err := DecodeCreate([]byte(body)); err == nil || err.Error() != message {
			t.Errorf("%s: %v, want %q", body, err, message)
		}
	}
}

func TestDecodeAvailable(t *testing.T) {
	for _, test := range []struct {
		query, body string
		codes       string
		label       string
	}{
		{"", "", "", ""},
		{"", "{}", "", ""},
		{"", "\r\n", "", ""},
		{"currency_code[]=INR&currency_code[]=BDT&label=55", "", "INR BDT", "55"},
		{"currency_code=INR&label=", "", "INR", ""},
		{"", `{"currency_code":["INR","BDT","INR"],"label":"55"}`, "INR BDT", "55"},
		{"", `{"currency_code[]":"INR"}`, "INR", ""},
		{"currency_code=PKR", `{"currency_code":null,"label":null}`, "PKR", ""},
	} {
		query, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeAvailable(query, []byte(test.body))
		if err != nil || !slices.Equal(got.CurrencyCodes, strings.Fields(test.codes)) || got.Label != test.label {
			t.Errorf("%s %s: %+v, %v", test.query, test.body, got, err)
		}
	}
	for _, test := range []struct{ query, body, message string }{
		{"currency_code=RUPEE", "", "currency_code must be a currency code of 3 letters, for example INR."},
		{"label=a&label=b", "", "label stands twice in the query."},
		{"", `{"currency_code":5}`, "currency_code must be a string or an array of strings, not a number."},
		{"", `{"currency_code":[5]}`, "currency_code must be a string or an array of strings, not a number."},
		{"", `{"label":5}`, "label must be a string, not a number: put it in quotes."},
		{"label=" + strings.Repeat("a", 191), "", "label is longer than 190 characters."},
		{"", `[]`, "The body must be one JSON object."},
	} {
		query, _ := url.ParseQuery(test.query)
		if _, err := DecodeAvailable(query, []byte(test.body)); err == nil || err.Error() != test.message {
			t.Errorf("%s %s: %v, want %q", test.query, test.body, err, test.message)
		}
	}
	many := `{"currency_code":["` + strings.Join(strings.Fields("AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD"), `","`) + `"]}`
	if _, err := DecodeAvailable(nil, []byte(many)); err == nil || !strings.Contains(err.Error(), "more than 20") {
		t.Errorf("21 currencies: %v", err)
	}
}

func TestStripControl(t *testing.T) {
	for text, want := range map[string]string{
		"plain ₹":                     "plain ₹",
		"a\x00b\nc\u2028d\u2029e\x7f": "abcde",
		"bad\xffbyte \ufffd":          "badbyte \ufffd",
		"\u0085":                      "",
	} {
		if got := StripControl(text); got != want {
			t.Errorf("StripControl(%q) = %q, want %q", text, got, want)
		}
	}
}

// The hot path stays lean: one allocation per text that is kept.
func TestDecodeActivateAllocations(t *testing.T) {
	body := []byte(pageActivate)
	if allocs := testing.AllocsPerRun(100, func() { DecodeActivate(body) }); allocs > 7 {
		t.Errorf("DecodeActivate allocates %v times", allocs)
	}
}

func BenchmarkDecodeActivate(b *testing.B) {
	body := []byte(pageActivate)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := DecodeActivate(body); err != nil {
			b.Fatal(err)
		}
	}
}
