package window

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
)

const goodQuery = "label=payer&currency_code=INR&custom_transaction_id=order"

func TestParseRefuses(t *testing.T) {
	long := strings.Repeat("ओ", maxID+1)
	for _, c := range []struct{ name, query, code, parameter string }{
		{"nothing", "", "label_missing", "label"},
		{"no label", "currency_code=INR&custom_transaction_id=o", "label_missing", "label"},
		{"empty label", "label=&currency_code=INR&custom_transaction_id=o", "label_missing", "label"},
		{"label by another case", "LABEL=x&currency_code=INR&custom_transaction_id=o", "label_missing", "label"},
		{"label too long", "label=" + url.QueryEscape(long) + "&currency_code=INR&custom_transaction_id=o", "label_too_long", "label"},
		{"control in label", "label=a%00b&currency_code=INR&custom_transaction_id=o", "label_control", "label"},
		{"line break in label", "label=a%0Ab&currency_code=INR&custom_transaction_id=o", "label_control", "label"},
		{"C1 control in label", "label=a%C2%85b&currency_code=INR&custom_transaction_id=o", "label_control", "label"},
		{"line separator in label", "label=a%E2%80%A8b&currency_code=INR&custom_transaction_id=o", "label_control", "label"},
		{"no order", "label=x&currency_code=INR", "custom_transaction_id_missing", "custom_transaction_id"},
		{"order too long", "label=x&currency_code=INR&custom_transaction_id=" + url.QueryEscape(long), "custom_transaction_id_too_long", "custom_transaction_id"},
		{"paragraph separator in order", "label=x&currency_code=INR&custom_transaction_id=a%E2%80%A9", "custom_transaction_id_control", "custom_transaction_id"},
		{"no currency", "label=x&custom_transaction_id=o", "currency_code_missing", "currency_code"},
		{"empty currency", "label=x&custom_transaction_id=o&currency_code=", "currency_code_missing", "currency_code"},
		{"unknown currency", "label=x&custom_transaction_id=o&currency_code=XXQ", "currency_code_unknown", "currency_code"},
		{"small letters", "label=x&custom_transaction_id=o&currency_code=inr", "currency_code_unknown", "currency_code"},
		{"one of two unknown", "label=x&custom_transaction_id=o&currency_code=INR&currency_code%5B%5D=zzz", "currency_code_unknown", "currency_code"},
		{"method unknown", goodQuery + "&wallet_type=phonepe", "wallet_type_unknown", "wallet_type"},
		{"method that pays out", goodQuery + "&wallet_type=imps_ib", "wallet_type_unknown", "wallet_type"},
		{"method of another currency", goodQuery + "&wallet_type=bkash", "wallet_type_currency", "wallet_type"},
		{"amount of words", goodQuery + "&fixed_amount=fixed_amount", "fixed_amount_invalid", "fixed_amount"},
		{"amount with a comma", goodQuery + "&fixed_amount=1,000", "fixed_amount_invalid", "fixed_amount"},
		{"amount zero", goodQuery + "&fixed_amount=0.00", "fixed_amount_not_positive", "fixed_amount"},
		{"amount negative", goodQuery + "&fixed_amount=-1", "fixed_amount_not_positive", "fixed_amount"},
		{"amount of three decimals", goodQuery + "&fixed_amount=1.005", "fixed_amount_decimals", "fixed_amount"},
		{"amount too large", goodQuery + "&fixed_amount=1000000000000", "fixed_amount_too_large", "fixed_amount"},
		{"redirect id of words", goodQuery + "&payment_url_success_id=two", "payment_url_success_id_not_integer", "payment_url_success_id"},
		{"redirect id with decimals", goodQuery + "&payment_url_fail_id=1.5", "payment_url_fail_id_not_integer", "payment_url_fail_id"},
		{"redirect id too large", goodQuery + "&payment_url_pending_id=99999999999999999999", "payment_url_pending_id_not_integer", "payment_url_pending_id"},
		{"label twice", goodQuery + "&label=payer", "parameter_twice", "label"},
		{"label twice by an escape", goodQuery + "&l%61bel=other", "parameter_twice", "label"},
		{"amount twice", goodQuery + "&fixed_amount=1&fixed_amount=1", "parameter_twice", "fixed_amount"},
		{"an unknown one twice", goodQuery + "&utm=1&utm=2", "parameter_twice", "utm"},
		{"our own twice", goodQuery + "&step=number&step=number", "parameter_twice", "step"},
		{"method twice by repair", goodQuery + "&lang=enwallet_type=phone_pe&wallet_type=phone_pe", "parameter_twice", "wallet_type"},
		{"bad escape", goodQuery + "&x=%zz", "query_malformed", ""},
		{"not UTF-8", goodQuery + "&x=%ff", "query_malformed", ""},
		{"too many", goodQuery + strings.Repeat("&a=1", maxParameters), "query_too_long", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, p := parse(c.query)
			if p == nil || p.code != c.code || p.parameter != c.parameter || p.detail == "" {
				t.Errorf("parse(%.200q) = %+v, want %s of %q", c.query, p, c.code, c.parameter)
			}
		})
	}
}

func TestParseTakes(t *testing.T) {
	long := strings.Repeat("ओ", maxID)
	for _, c := range []struct {
		name, query string
		check       func(link) bool
	}{
		{"the least", goodQuery, func(l link) bool {
			return l.label == "payer" && l.orderID == "order" && l.walletType == "" && l.fixed == ""
		}},
		{"ids at full length", "label=" + url.QueryEscape(long) + "&currency_code=INR&custom_transaction_id=" + url.QueryEscape(long),
			func(l link) bool { return l.label == long && l.orderID == long }},
		{"ids unchanged", "label=+a%2Bb%26&currency_code=INR&custom_transaction_id=%3Cb%3E", func(l link) bool { return l.label == " a+b&" && l.orderID == "<b>" }},
		{"a nameless parameter", goodQuery + "&1760000000000", func(l link) bool { return len(l.pairs) == 3 }},
		{"nameless ones twice, and empty ones", "&&=x&" + goodQuery + "&1&1&", func(l link) bool { return len(l.pairs) == 3 }},
		{"the sample's missing &", goodQuery + "&lang=enwallet_type=phone_pe", func(l link) bool { return l.lang == "en" && l.walletType == "phone_pe" }},
		{"the sample's line break", goodQuery + "&lang=en%0Awallet_type=phone_pe", func(l link) bool { return l.lang == "en" && l.walletType == "phone_pe" }},
		{"currency with brackets", "label=x&custom_transaction_id=o&currency_code[]=INR&currency_code%5B%5D=BDT",
			func(l link) bool { return len(l.currencies) == 2 && l.currencies[1] == "BDT" }},
		{"the same currency again", goodQuery + "&currency_code=INR&currency_code[]=INR", func(l link) bool { return len(l.currencies) == 1 }},
		{"unknown parameters", goodQuery + "&utm_source=x&amount=5", func(l link) bool { return l.fixed == "" }},
		{"optional ones empty", goodQuery + "&fixed_amount=&wallet_type=&lang=&success_url=&payment_url_success_id=", func(l link) bool { return l.fixed == "" }},
		{"amounts in other spellings", goodQuery + "&fixed_amount=500.0", func(l link) bool { return l.fixed == "500.0" }},
		{"both families of redirects", goodQuery + "&payment_url_success_id=2&success_url=hash", func(l link) bool {
			return l.urlIDs[galla.RedirectSuccess] == 2 && l.tokens[galla.RedirectSuccess] == "hash"
		}},
		{"steps", goodQuery + "&step=number&pay_method=paytm&pay_amount=5&pay_lang=hi", func(l link) bool {
			return l.choices == choices{step: "number", method: "paytm", amount: "5", lang: "hi"} && len(l.pairs) == 3
		}},
		{"the SDK's link", sdkLink(t), func(l link) bool {
			return l.walletType == "phone_pe" && l.fixed == "500" && l.urlIDs[galla.RedirectFail] == 1
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, p := parse(c.query)
			if p != nil || !c.check(l) {
				t.Fatalf("parse(%q) = %+v, %+v", c.query, l, p)
			}
			again, p := parse(strings.TrimPrefix(l.at("", l.choices), "?"))
			if p != nil || again.label != l.label || again.orderID != l.orderID || again.choices != l.choices || again.walletType != l.walletType {
				t.Errorf("the same link again reads as %+v, %+v", again, p)
			}
		})
	}
}

func sdkLink(t *testing.T) string {
	t.Helper()
	text, err := galla.WindowLink{
		Base: "https://plugin.shop.example", Label: "payer", CurrencyCode: "INR", CustomTransactionID: "order", Lang: "en",
		WalletType: "phone_pe", FixedAmount: "500", FailURLID: 1,
	}.URL()
	must(t, err)
	_, query, _ := strings.Cut(text, "?")
	return query
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{"", goodQuery, goodQuery + "&1760000000000", "lang=enwallet_type=phone_pe", "a=%zz", "label=%ff", goodQuery + "&currency_code[]=BDT&fixed_amount=1.005", "&&=&=="} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		l, p := parse(query)
		if p != nil {
			if p.code == "" || p.detail == "" {
				t.Errorf("parse(%q): a problem without a word: %+v", query, p)
			}
			return
		}
		if l.label == "" || l.orderID == "" || len(l.currencies) == 0 || !utf8.ValidString(l.label+l.orderID) {
			t.Errorf("parse(%q) = %+v", query, l)
		}
		written := l.at("/", l.choices)
		if strings.ContainsAny(written, " <>\"'\\\r\n\t") || !strings.HasPrefix(written, "/?") {
			t.Errorf("parse(%q) is written as %q", query, written)
		}
		again, p := parse(strings.TrimPrefix(written, "/?"))
		if p != nil || again.label != l.label || again.orderID != l.orderID || again.fixed != l.fixed || again.walletType != l.walletType {
			t.Errorf("parse(%q): the same link again reads as %+v, %+v", query, again, p)
		}
	})
}
