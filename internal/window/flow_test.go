package window

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/wallet"
)

func TestWayThrough(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.tell(t, "ok at once", okAtOnce)
		w.tell(t, "every step, by host and by path", everyStep)
		w.tell(t, "possible, ok by later evidence", possibleThenOK)
		w.tell(t, "pending stays, and can't be corrected", pending)
		w.tell(t, "fail, corrected to ok", failThenCorrected)
		w.tell(t, "five corrections", fiveCorrections)
		w.tell(t, "the amount is corrected", correctedAmount)
		w.tell(t, "a wrong form is shown again", wrongForms)
		w.tell(t, "fixed_amount wins over a posted one", fixedWins)
		w.tell(t, "another payer's order", otherPayer)
		w.tell(t, "expired", expiredOrder)
		w.tell(t, "a UPI address can be scanned", scanned)
		w.tell(t, "other merchants' hosts", hosts)
		w.tell(t, "languages", languageSwitch)
		w.tell(t, "without a wallet", noWallet) // the last: it takes them away
	})
}

func okAtOnce(t *testing.T, w *world) {
	w.transfer(number(101), "1250.50")
	link := linkOf("ok-1", "1250.5", "payment_url_success_id=2")
	pay := w.get(link).screen(200, "pay")
	if got := textOf(pay.element("id", "identifier")); got != shopPhonePe {
		t.Errorf("the wallet is %q", got)
	}
	if pay.field("amount") != "1250.50" || pay.field("wallet_type") != "phone_pe" || pay.href("change") != "" {
		t.Errorf("the form has amount %q, wallet_type %q, change %q", pay.field("amount"), pay.field("wallet_type"), pay.href("change"))
	}
	done := w.follow(link, "wallet_type", "phone_pe", "amount", "1250.50", "key1", "Sent Rs.1250.50 UTR "+number(101)+" from A/c XX1234").status("ok")
	if got := textOf(done.element("id", "paid")); got != "₹1,250.50" {
		t.Errorf("the amount is %q", got)
	}
	if done.href("next") != "https://merchant.example/ok?from=galla" || done.attribute("data-seconds") != "5" {
		t.Errorf("leads to %q in %q", done.href("next"), done.attribute("data-seconds"))
	}
	if done.href("correct") != "" || done.attribute("data-events") != "" {
		t.Errorf("an accepted order can still change: %s", done.Body)
	}
	w.get(link).status("ok")
	w.follow(link, "key1", number(102)).status("ok") // whatever is sent now, the truth answers
	if claims := w.count("SELECT count(*) FROM claim WHERE order_id = 'ok-1'"); claims != 1 {
		t.Errorf("%d claims", claims)
	}
}

func everyStep(t *testing.T, w *world) {
	for i, at := range []struct{ host, base string }{
		{shopHost, "/"}, {"plugin.pay.example.com", "/"}, {"127.0.0.1:8080", "/plugin/shop/"}, {baseHost, "/plugin/shop/"},
	} {
		on := *w
		on.t = t
		open := func(target string) answer { return on.do(call{host: at.host, target: target}) }
		order := "steps-" + string(rune('a'+i))
		link := at.base + "?label=stepper&currency_code=INR&custom_transaction_id=" + order + "&1760000000000"
		methods := open(link).screen(200, "methods")
		if methods.element("value", "phone_pe") == nil || methods.element("value", "bkash") != nil {
			t.Errorf("methods: %s", methods.Body)
		}
		post := func(target string, fields url.Values) answer {
			a := on.do(call{method: "POST", host: at.host, target: target, body: fields.Encode()})
			if a.Code != http.StatusSeeOther || !strings.HasPrefix(a.Header().Get("Location"), at.base+"?") {
				t.Fatalf("POST %s: %d to %q: %s", target, a.Code, a.Header().Get("Location"), a.Body)
			}
			return open(a.Header().Get("Location"))
		}
		amount := post(methods.attribute("action"), url.Values{"wallet_type": {"phone_pe"}}).screen(200, "amount")
		pay := post(amount.attribute("action"), url.Values{"amount": {"₹ 1,250"}}).screen(200, "pay")
		if pay.field("amount") != "1250.00" {
			t.Errorf("amount %q", pay.field("amount"))
		}
		changed := open(pay.href("change")).screen(200, "amount")
		if changed.field("amount") != "1250" {
			t.Errorf("to change there is %q", changed.field("amount"))
		}
		pay = post(changed.attribute("action"), url.Values{"amount": {"700"}}).screen(200, "pay")
		n := number(200 + i)
		w.transfer(n, "700")
		post(pay.attribute("action"), url.Values{"wallet_type": {pay.field("wallet_type")}, "amount": {pay.field("amount")}, "key1": {n}}).status("ok")
		open(link).status("ok")
	}
}

func possibleThenOK(t *testing.T, w *world) {
	link := linkOf("possible-1", "250", "payment_url_success_id=2", "payment_url_pending_id=3")
	waits := w.follow(link, "amount", "250", "key1", number(301)).status("possible_transaction_created")
	if waits.href("next") != "https://merchant.example/pending" || waits.attribute("data-events") == "" || waits.href("correct") == "" {
		t.Errorf("waiting: %s", waits.Body)
	}
	if !strings.Contains(waits.Body.String(), `http-equiv="refresh"`) {
		t.Error("without JavaScript the page never looks again")
	}
	w.get(link).status("possible_transaction_created")
	w.transfer(number(301), "250")
	done := w.get(link).status("ok")
	if done.href("next") != "https://merchant.example/ok?from=galla" || strings.Contains(done.Body.String(), `http-equiv="refresh"`) {
		t.Errorf("late success: %s", done.Body)
	}
}

func pending(t *testing.T, w *world) {
	w.transfer(number(401), "100")
	link := linkOf("pending-1", "99", "payment_url_pending_id=3")
	held := w.follow(link, "key1", number(401)).status("pending")
	if held.href("next") != "https://merchant.example/pending" || held.href("correct") != "" {
		t.Errorf("held: %s", held.Body)
	}
	w.get(link + "&step=number").status("pending")
	w.follow(link, "key1", number(402)).status("pending")
	if claims := w.count("SELECT count(*) FROM claim WHERE order_id = 'pending-1'"); claims != 1 {
		t.Errorf("%d claims: a held one was corrected", claims)
	}
}

func failThenCorrected(t *testing.T, w *world) {
	w.transfer(number(501), "500")
	w.transfer(number(502), "500")
	w.follow(linkOf("fail-0", "500"), "key1", number(501)).status("ok")
	link := linkOf("fail-1", "500", "payment_url_fail_id=1")
	failed := w.follow(link, "key1", number(501)).status("fail")
	if failed.href("next") != "https://merchant.example/failed" || failed.attribute("data-reason") != "refused" {
		t.Errorf("refused: %s", failed.Body)
	}
	again := w.get(failed.href("correct")).screen(200, "pay")
	w.follow(again.attribute("action"), "wallet_type", "phone_pe", "amount", again.field("amount"), "key1", number(502)).status("ok")
}

func fiveCorrections(t *testing.T, w *world) {
	link := linkOf("corrected-1", "500")
	page := w.follow(link, "key1", number(600)).status("possible_transaction_created")
	for i := 1; i <= deposit.MaxCorrections; i++ {
		if i == gateway.MaxWrongOfOrder-1 {
			w.clock.Advance(time.Hour) // so many wrong numbers in an hour are guesses
		}
		form := w.get(page.href("correct")).screen(200, "pay")
		if want := string(rune('0' + deposit.MaxCorrections + 1 - i)); form.attribute("data-left") != want {
			t.Errorf("correction %d: %q are left, want %s", i, form.attribute("data-left"), want)
		}
		page = w.follow(form.attribute("action"), "key1", number(600+i)).status("possible_transaction_created")
		if got := textOf(page.element("id", "number")); got != covered(number(600+i)) {
			t.Errorf("correction %d: the number is %s", i, got)
		}
	}
	if page.href("correct") != "" {
		t.Error("a sixth correction is offered")
	}
	w.get(link + "&step=number").status("possible_transaction_created")
	page = w.follow(link, "key1", number(620)).status("possible_transaction_created")
	if got := textOf(page.element("id", "number")); got != covered(number(605)) {
		t.Errorf("a sixth correction was taken: %s", got)
	}
	w.transfer(number(600), "500")
	w.get(link).status("possible_transaction_created") // withdrawn numbers don't count
	w.transfer(number(605), "500")
	w.get(link).status("ok")
}

func correctedAmount(t *testing.T, w *world) {
	link := linkOf("amount-1", "")
	page := w.follow(link, "amount", "500", "key1", number(701)).status("possible_transaction_created")
	form := w.get(page.href("correct")).screen(200, "pay")
	if form.field("amount") != "500.00" {
		t.Errorf("the form has amount %q", form.field("amount"))
	}
	amount := w.get(form.href("change")).screen(200, "amount")
	form = w.follow(amount.attribute("action"), "amount", "५०१").screen(200, "pay")
	w.follow(form.attribute("action"), "amount", form.field("amount"), "key1", number(701)).status("possible_transaction_created")
	w.transfer(number(701), "501")
	w.get(link).status("ok")
}

func wrongForms(t *testing.T, w *world) {
	link := linkOf("wrong-1", "")
	for _, c := range []struct{ amount, error string }{
		{"", "amount_missing"}, {"abc", "amount_syntax"}, {"-5", "amount_syntax"}, {"1e3", "amount_syntax"}, {"0", "amount_zero"},
		{"1.005", "amount_decimals"}, {"1000000000000", "amount_too_large"}, {"12,34", "amount_syntax"},
	} {
		a := w.send(link, "amount", c.amount).screen(422, "amount")
		if a.attribute("data-error") != c.error || a.field("amount") != c.amount {
			t.Errorf("amount %q: error %q, typed %q", c.amount, a.attribute("data-error"), a.field("amount"))
		}
	}
	for _, c := range []struct{ key1, error string }{
		{"", "empty"}, {"32130203850", "too_short"}, {"T2308251812461234567", "phonepe_id"},
		{"Paid. Transaction ID T2308251812461234567 done", "phonepe_id"}, {"321302038501 or 321302038502", "several"},
	} {
		a := w.send(link, "wallet_type", "phone_pe", "amount", "500", "key1", c.key1).screen(422, "pay")
		if a.attribute("data-error") != c.error || a.field("key1") != c.key1 || a.field("amount") != "500.00" {
			t.Errorf("key1 %q: error %q, typed %q, amount %q", c.key1, a.attribute("data-error"), a.field("key1"), a.field("amount"))
		}
	}
	if stored := w.count("SELECT count(*) FROM claim WHERE order_id = 'wrong-1'"); stored != 0 {
		t.Errorf("%d claims are stored", stored)
	}
	for name, c := range map[string]call{
		"cross-site by fetch metadata": {body: "key1=1", header: http.Header{"Sec-Fetch-Site": {"cross-site"}}},
		"cross-site by origin":         {body: "key1=1", header: http.Header{"Origin": {"https://evil.example"}}},
	} {
		c.method, c.target = "POST", link
		if a := w.do(c).screen(403, "problem"); a.attribute("data-code") != "form_cross_site" {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	for _, c := range []call{
		{body: "key1=1&key1=2"}, {body: "key1=%zz"}, {body: "key1=%ff"}, {body: "{}", header: http.Header{"Content-Type": {"application/json"}}},
	} {
		c.method, c.target = "POST", link
		w.do(c).screen(400, "problem")
	}
	w.do(call{method: "POST", target: link, body: "key1=" + strings.Repeat("1", maxForm)}).screen(413, "problem")
	ok := w.do(call{method: "POST", target: link, body: "amount=5", header: http.Header{"Origin": {"null"}}})
	if ok.Code != http.StatusSeeOther {
		t.Errorf("a form whose origin the browser hides: %d", ok.Code)
	}
}

func fixedWins(t *testing.T, w *world) {
	link := linkOf("fixed-1", "500")
	w.follow(link, "amount", "5", "key1", number(801)).status("possible_transaction_created")
	if minor := w.count("SELECT amount FROM claim WHERE order_id = 'fixed-1'"); minor != 500_00 {
		t.Errorf("%d paise are claimed", minor)
	}
	w.get(linkOf("fixed-2", "500", "pay_amount=5")).screen(200, "pay")
}

func otherPayer(t *testing.T, w *world) {
	w.follow(linkOf("theirs", "500"), "key1", number(901)).status("possible_transaction_created")
	link := strings.Replace(linkOf("theirs", "500"), "label=payer", "label=thief", 1)
	for _, a := range []answer{w.get(link), w.get(link + "&step=number"), w.send(link, "key1", number(902))} {
		a.screen(400, "problem")
		if a.attribute("data-code") != "order_conflict" || strings.Contains(a.Body.String(), number(901)) {
			t.Errorf("another payer sees %s", a.Body)
		}
	}
	state := w.do(call{target: "/state" + link[1:]})
	if state.Code != 400 || strings.Contains(state.Body.String(), "possible") {
		t.Errorf("another payer asks for the state: %d %s", state.Code, state.Body)
	}
}

func expiredOrder(t *testing.T, w *world) {
	link := linkOf("expired-1", "500")
	w.follow(link, "key1", number(1001)).status("possible_transaction_created")
	w.clock.Advance(73 * time.Hour)
	failed := w.get(link).status("fail")
	if failed.attribute("data-reason") != "expired" || failed.href("correct") == "" {
		t.Errorf("expired: %s", failed.Body)
	}
}

func scanned(t *testing.T, w *world) {
	link := strings.Replace(linkOf("upi-1", "500"), "phone_pe", "upi_l", 1)
	qr := w.get(link).screen(200, "pay").attribute("data-qr")
	for _, part := range []string{"upi://pay?", "am=500.00", "cu=INR", "okhdfcbank"} {
		if !strings.Contains(qr, part) {
			t.Errorf("the QR says %q, want %q in it", qr, part)
		}
	}
	if strings.Contains(qr, "upi-1") || strings.Contains(qr, "payer") {
		t.Errorf("the QR says something of the link: %q", qr)
	}
	if qr := w.get(linkOf("upi-2", "500")).attribute("data-qr"); qr != "" {
		t.Errorf("a phone number can't be scanned to pay: %q", qr)
	}
}

func hosts(t *testing.T, w *world) {
	link := linkOf("host-1", "500")
	other := w.do(call{host: "plugin." + baseHost, target: link}).screen(200, "pay")
	if got := textOf(other.element("id", "identifier")); got != "6234234235" {
		t.Errorf("the default merchant's wallet is %q", got)
	}
	for _, c := range []call{
		{host: "plugin.nobody." + baseHost, target: link}, {host: "plugin.nobody.example", target: link}, {target: "/plugin/nobody" + link},
	} {
		if a := w.do(c).screen(404, "problem"); a.attribute("data-code") != "merchant_unknown" {
			t.Errorf("%s%s: %s", c.host, c.target, a.Body)
		}
	}
	for _, c := range []call{{target: "/nothing"}, {target: "/plugin/shop"}, {target: "/index.php"}, {method: "DELETE", target: "/"}} {
		a := w.do(c)
		if a.Code != 404 && a.Code != 405 || a.attribute("data-code") != "not_found" || a.Header().Get("Location") != "" {
			t.Errorf("%s: %d %s", c.target, a.Code, a.Body)
		}
	}
}

func languageSwitch(t *testing.T, w *world) {
	link := strings.Replace(linkOf("lang-1", "500"), "lang=en", "lang=hi", 1)
	page := w.get(link)
	if page.attribute("lang") != "hi" {
		t.Errorf("lang is %q", page.attribute("lang"))
	}
	switched := hrefOf(page.element("hreflang", "en"))
	if switched == "" {
		t.Fatalf("no switch: %s", page.Body)
	}
	english := w.get(switched).screen(200, "pay")
	if english.attribute("lang") != "en" {
		t.Errorf("after the switch by %q lang is %q", switched, english.attribute("lang"))
	}
	if done := w.follow(english.attribute("action"), "key1", number(1101)); done.attribute("lang") != "en" {
		t.Errorf("after the form lang is %q", done.attribute("lang"))
	}
	accepted := w.do(call{target: strings.Replace(link, "lang=hi&", "", 1), header: http.Header{"Accept-Language": {"hi-IN"}}})
	if accepted.attribute("lang") != "hi" {
		t.Errorf("by Accept-Language lang is %q", accepted.attribute("lang"))
	}
}

func noWallet(t *testing.T, w *world) {
	waits := linkOf("paused-1", "500")
	w.follow(waits, "key1", number(1201)).status("possible_transaction_created")
	must(t, w.g.MoveWallet(t.Context(), w.wallets["shop phone_pe"], wallet.Paused))
	// A phone drops the page while the app is open: whoever comes back has paid, maybe, and finds the field.
	closed := w.get(linkOf("paused-2", "500")).screen(200, "pay")
	if closed.element("id", "closed") == nil || closed.element("id", "identifier") != nil || closed.element("id", "key1") == nil {
		t.Errorf("without a wallet: %s", closed.Body)
	}
	w.follow(closed.attribute("action"), "key1", number(1204)).status("possible_transaction_created")
	if a := w.get(strings.Replace(linkOf("paused-4", "500"), "phone_pe", "paytm", 1)).screen(400, "problem"); a.attribute("data-code") != "wallet_type_not_served" {
		t.Errorf("a method that the shop never had: %s", a.Body)
	}
	// Who has paid can still see, correct and claim.
	form := w.get(w.get(waits).status("possible_transaction_created").href("correct")).screen(200, "pay")
	if strings.Contains(form.Body.String(), "Pay ₹500") || !strings.Contains(form.Body.String(), "don’t pay again") {
		t.Errorf("a correction asks for money: %s", form.Body)
	}
	w.follow(form.attribute("action"), "key1", number(1202)).status("possible_transaction_created")
	w.send(linkOf("paused-3", "500"), "key1", "12345").screen(422, "pay")
	w.follow(linkOf("paused-3", "500"), "key1", number(1203)).status("possible_transaction_created")
}
