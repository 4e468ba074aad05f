package window

import (
	"net/url"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/money"
)

// upiPay is how NPCI's UPI linking specification begins a payment.
const upiPay = "upi://pay?"

// upiApps are the apps that open links of their own form; the first opens whatever app the phone prefers. The forms are
// those that the apps' makers publish for merchants; apps may refuse them for payments to private wallets.
var upiApps = []struct{ title, prefix string }{
	{"UPI", upiPay},
	{"PhonePe", "phonepe://pay?"},
	{"Google Pay", "tez://upi/pay?"},
	{"Paytm", "paytmmp://pay?"},
}

// UPILink is the link of NPCI's UPI linking specification, for QR codes and for apps: whom to pay (pa, a UPI address),
// the name (pn), how much (am, decimal), the currency (cu) and a note (tn). Empty ones are left out; an identifier that
// isn't a UPI address gives "".
func UPILink(identifier, holder, amountRaw, currency, note string) string {
	if !strings.Contains(identifier, "@") {
		return ""
	}
	var b strings.Builder
	b.WriteString(upiPay + "pa=" + upiEscape(identifier))
	for _, p := range [...]struct{ name, value string }{{"pn", holder}, {"am", amountRaw}, {"cu", currency}, {"tn", note}} {
		if p.value != "" {
			b.WriteString("&" + p.name + "=" + upiEscape(p.value))
		}
	}
	return b.String()
}

// upiEscape percent-encodes a value. A space is %20, since apps show a plus as it stands; the @ of an address stays, as
// in NPCI's examples, since some apps don't decode it.
func upiEscape(value string) string {
	return strings.NewReplacer("+", "%20", "%40", "@").Replace(url.QueryEscape(value))
}

// AppLinks are links that open the payment of a UPILink in an app; none for "".
func AppLinks(upiLink string) []AppLink {
	query, ok := strings.CutPrefix(upiLink, upiPay)
	if !ok {
		return nil
	}
	links := make([]AppLink, len(upiApps))
	for i, app := range upiApps {
		links[i] = AppLink{Title: app.title, URL: app.prefix + query}
	}
	return links
}

// symbols are the currency signs that payers of our methods know. Others show their code.
var symbols = map[money.Currency]string{money.INR: "₹", money.BDT: "৳", money.PKR: "Rs\u00a0"}

// FormatAmount writes an amount for people: "₹1,25,000.50" with Indian grouping for rupees and taka, "USD 125,000.50"
// for others. Decimals are left out when they are zero. Digits are 0-9 in every language, since the wallet apps show and
// take these. In languages that run from right to left the amount is isolated, so that its sign stays before it.
func FormatAmount(lang string, m money.Money) string {
	whole, fraction, _ := strings.Cut(m.Fixed(), ".")
	whole, negative := strings.CutPrefix(whole, "-")
	symbol := currencySign(string(m.Currency))
	_, indian := symbols[m.Currency]
	text := symbol + group(whole, indian)
	if strings.Trim(fraction, "0") != "" {
		text += "." + fraction
	}
	if negative {
		text = "−" + text
	}
	if slices.Contains(rightToLeft, lang) {
		return "\u2066" + text + "\u2069" // LEFT-TO-RIGHT ISOLATE … POP DIRECTIONAL ISOLATE
	}
	return text
}

// currencySign is what stands before amounts: "₹", or the code and a space where there is no sign.
func currencySign(code string) string {
	if symbol, ok := symbols[money.Currency(code)]; ok {
		return symbol
	}
	return code + "\u00a0"
}

// group sets commas: the last three digits, then twos in Indian grouping and threes elsewhere.
func group(digits string, indian bool) string {
	const last = 3
	if len(digits) <= last {
		return digits
	}
	size := last
	if indian {
		size = 2
	}
	head, tail := digits[:len(digits)-last], digits[len(digits)-last:]
	for len(head) > size {
		tail = head[len(head)-size:] + "," + tail
		head = head[:len(head)-size]
	}
	return head + "," + tail
}
