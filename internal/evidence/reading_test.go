package evidence

import (
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/evidence/bank"
)

// What the operator's lists and the templates refer to must be unique and compile.
func TestBanksAreConsistent(t *testing.T) {
	headers, templates, names := map[string]string{}, map[string]bool{}, map[string]bool{}
	check := func(owner string, list []bank.Template) {
		for _, template := range list {
			if templates[template.Name] || template.Name == GenericTemplate {
				t.Errorf("%s: template %s stands twice", owner, template.Name)
			}
			templates[template.Name] = true
			if _, err := template.Compile(); err != nil {
				t.Error(err)
			}
		}
	}
	for _, b := range bank.All() {
		if names[b.Name] || b.Zone == nil || len(b.Headers) == 0 {
			t.Errorf("%q: name twice, or no zone, or no header", b.Name)
		}
		names[b.Name] = true
		for _, header := range b.Headers {
			if headers[header] != "" || header != strings.ToUpper(header) {
				t.Errorf("header %s of %s belongs to %q, or isn't in capitals", header, b.Name, headers[header])
			}
			headers[header] = b.Name
		}
		check(b.Name, b.Templates)
	}
	for _, app := range bank.Apps() {
		check(app.Name, app.Templates)
	}
	for _, known := range strings.Fields("HDFCBK HDFCBN SBIUPI SBIINB CBSSBI SBIPSG SBIBNK ICICIB ICICIT AXISBK KOTAKB PNBSMS BOBTXN " +
		"BOBSMS CANBNK CNRBNK UNIONB UBINBK INDUSB IDFCFB FEDBNK YESBNK IOBCHN CUBANK AIRBNK EQUTAS SLICEB JANABK NSDLPB PSBANK " +
		"SIBSMS BDNSMS AUBANK KGBANK PYTM PHONEPE") {
		if headers[known] == "" {
			t.Errorf("header %s is of no bank", known)
		}
	}
	if _, err := (bank.Template{Name: "x", Form: "{nothing}"}).Compile(); err == nil {
		t.Error("an unknown placeholder compiles")
	}
}

// Every template must read a sample, or nobody would notice that it doesn't fit.
func TestEveryTemplateHasASample(t *testing.T) {
	reader, used := NewReader(nil), map[string]bool{}
	for _, path := range samplePaths(t) {
		used[reader.Read(readSample(t, path), testNow).Template] = true
	}
	for _, b := range bank.All() {
		for _, template := range b.Templates {
			if !used[template.Name] {
				t.Errorf("%s has no sample", template.Name)
			}
		}
	}
	for _, app := range bank.Apps() {
		for _, template := range app.Templates {
			if !used[template.Name] {
				t.Errorf("%s has no sample", template.Name)
			}
		}
	}
}

// A gate must let through every text that its pattern fits.
func TestGatesHideNothing(t *testing.T) {
	gates := []gated{otpWord, otpGiven, noteMark, debitWord}
	for _, rule := range refusals {
		gates = append(gates, rule.sign)
	}
	texts := []string{
		"charge-back chargeback returned reversing", "collect money", "approve the payment", "to pay Rs 5 approve", "auto pay e-nach",
		"dishonoured dishonored", "isn't credited", "can not", "cannot", "couldn't", "shall be duly credited", "to get", "sal cr",
		"int pd", "cash-back", "avail now", "withdraw now", "credit card xx", "from your hdfc card debit card", "you've paid", "paid ₹5",
		"txn of Rs 5 to X", "transferred to", "sent to", "info from payer", "payers note", "comments: x", "one time pin", "log-in code",
		"sign in pin", "authorisation code", "my code 123456", "cvv 1234", "ओटीपी", "o_t_p 123456",
	}
	for _, path := range samplePaths(t) {
		texts = append(texts, readSample(t, path).Text)
	}
	for _, text := range texts {
		text = normalize(text).text
		for _, g := range gates {
			if g.pattern.MatchString(text) && g.find(text, strings.ToLower(text)) == nil {
				t.Errorf("%q passes %s but not its words %q", text, g.pattern, g.words)
			}
		}
	}
}

// A long text made to be slow must not be: one source may send 500 of them in a request.
func TestReadStaysFastOnHostileTexts(t *testing.T) {
	reader := NewReader(nil)
	const texts = 20
	for _, part := range []string{
		"otp ", "rs 1 credited ", "never share otp", "UPI/CR/", "A/c XX1 ", "1234 is your ", "from A", "Ref No 511111111111 ", "a@b ", "1",
		"has requested ", "  ", "Rs.O", "debited from a/c ",
	} {
		m := Message{Sender: "QQ-QQQQQQ-S", Text: strings.Repeat(part, MaxTextBytes/len(part))}
		start := time.Now()
		for range texts {
			reader.Read(m, testNow)
		}
		if each := time.Since(start) / texts; each > 500*time.Millisecond {
			t.Errorf("%q repeated takes %s", part, each)
		}
	}
}
