package window

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

const testNonce = "bm9uY2U"

// screens are pages with everything set, one for each screen.
func screens() map[string]Page {
	base := func() Page {
		return Page{
			Lang:      "en",
			Languages: []LanguageLink{{"en", "English", "?lang=en"}, {"hi", "हिन्दी", "?lang=hi"}},
			Brand: Brand{
				Name: "Chai Store", LogoURL: "/plugin-static/logo/shop.png", Colour: "#336699", Theme: "dark", Contact: "help@shop.example",
			},
			Simulated: true,
			Action:    "/?label=1&order=2",
		}
	}
	methods, amount, pay, result, problem := base(), base(), base(), base(), base()
	methods.Methods = &MethodsScreen{Methods: []MethodChoice{{"phone_pe", "PhonePe", "?wallet_type=phone_pe"}, {"paytm", "Paytm", "?wallet_type=paytm"}}}
	amount.Amount = &AmountScreen{Method: "phone_pe", Currency: "INR", Typed: "5x", Error: "amount_syntax"}
	link := UPILink("shop@okbank", "Ramesh", "500.50", "INR", "")
	pay.Pay = &PayScreen{
		Method: "upi_l", Title: "UPI", AccountType: "agent", Identifier: "shop@okbank", Holder: "Ramesh", Amount: "₹500.50",
		AmountRaw: "500.50", Editable: true, ChangeURL: "?change=1", QR: link, AppLinks: AppLinks(link),
		Apps: []string{"phonepe", "gpay", "paytm", "bhim"}, NumberKind: "rrn", Typed: "T2311211832174653820", Error: "phonepe_id",
	}
	correct, closed := base(), base()
	corrected, shut := *pay.Pay, *pay.Pay
	corrected.Correcting, corrected.Left = true, 3
	shut.Identifier, shut.QR, shut.AppLinks = "", "", nil
	correct.Pay, closed.Pay = &corrected, &shut
	result.Result = &ResultScreen{
		Status: "possible_transaction_created", Amount: "₹500.50", Number: "321302038123", Order: "order-1", Title: "PhonePe",
		CorrectURL: "?correct=1", RedirectURL: "https://shop.example/done?a=1&b=2", Seconds: 9, EventsURL: "/events?o=1",
		StateURL: "/state?o=1", Refresh: 7, Origin: "https://shop.example",
	}
	problem.Problem = &ProblemScreen{Code: "label_missing", Parameter: "label", Support: true}
	return map[string]Page{"methods": methods, "amount": amount, "pay": pay, "correct": correct, "closed": closed, "result": result, "problem": problem}
}

// draw renders a page and parses it.
func draw(t *testing.T, p Page) *html.Node {
	t.Helper()
	var b bytes.Buffer
	if err := Render(&b, p, testNonce); err != nil {
		t.Fatal(err)
	}
	doc, err := html.Parse(&b)
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

// find returns the elements of a name that have the attributes; pairs are a name and a value, "*" is any value.
func find(doc *html.Node, name string, pairs ...string) []*html.Node {
	var found []*html.Node
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || name != "" && n.Data != name {
			continue
		}
		fits := true
		for i := 0; i < len(pairs); i += 2 {
			value, ok := attribute(n, pairs[i])
			fits = fits && ok && (pairs[i+1] == "*" || value == pairs[i+1])
		}
		if fits {
			found = append(found, n)
		}
	}
	return found
}

func attribute(n *html.Node, name string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val, true
		}
	}
	return "", false
}

// words is the text in an element.
func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

func TestScreensHaveTheirFields(t *testing.T) {
	pages := screens()
	for _, c := range []struct {
		screen, element string
		pairs           []string
		count           int
	}{
		{"methods", "button", []string{"name", "wallet_type", "value", "phone_pe", "formaction", "?wallet_type=phone_pe"}, 1},
		{"methods", "button", []string{"name", "wallet_type"}, 2},
		{"amount", "input", []string{"name", "amount", "type", "text", "inputmode", "decimal", "value", "5x", "aria-invalid", "true"}, 1},
		{"amount", "input", []string{"name", "wallet_type", "type", "hidden", "value", "phone_pe"}, 1},
		{"pay", "input", []string{"name", "key1", "type", "text", "inputmode", "numeric", "autocomplete", "off"}, 1},
		{"pay", "input", []string{"name", "wallet_type", "type", "hidden", "value", "upi_l"}, 1},
		{"pay", "input", []string{"name", "amount", "type", "hidden", "value", "500.50"}, 1},
		{"pay", "button", []string{"data-copy", "shop@okbank", "type", "button"}, 1},
		{"pay", "button", []string{"data-copy", "500.50", "type", "button"}, 1},
		{"pay", "svg", []string{"role", "img", "aria-label", "QR code: ₹500.50 to shop@okbank"}, 1},
		{"pay", "a", []string{"href", "phonepe://pay?pa=shop@okbank&pn=Ramesh&am=500.50&cu=INR"}, 1},
		{"pay", "a", []string{"href", "upi://pay?pa=shop@okbank&pn=Ramesh&am=500.50&cu=INR"}, 1},
		{"pay", "a", []string{"href", "tez://upi/pay?pa=shop@okbank&pn=Ramesh&am=500.50&cu=INR"}, 1},
		{"pay", "a", []string{"href", "paytmmp://pay?pa=shop@okbank&pn=Ramesh&am=500.50&cu=INR"}, 1},
		{"pay", "a", []string{"href", "?change=1"}, 1},
		{"pay", "figcaption", nil, 5},
		{"correct", "p", []string{"data-left", "3"}, 1},
		{"correct", "input", []string{"name", "key1"}, 1},
		{"correct", "button", []string{"data-copy", "shop@okbank"}, 1},
		{"correct", "svg", []string{"role", "img"}, 0},
		{"closed", "section", []string{"id", "closed"}, 1},
		{"closed", "input", []string{"name", "key1"}, 1},
		{"closed", "button", []string{"data-copy", "*"}, 0},
		{"result", "section", []string{
			"data-status", "possible_transaction_created", "data-order", "order-1", "data-events", "/events?o=1",
			"data-state", "/state?o=1", "data-origin", "https://shop.example", "data-reload", "/?label=1&order=2",
		}, 1},
		{"result", "a", []string{"href", "?correct=1"}, 1},
		{"result", "a", []string{"href", "https://shop.example/done?a=1&b=2"}, 1},
		{"result", "div", []string{"data-seconds", "9"}, 1},
		{"result", "form", nil, 0},
		{"problem", "section", []string{"data-code", "label_missing"}, 1},
		{"problem", "form", nil, 0},
	} {
		if got := find(draw(t, pages[c.screen]), c.element, c.pairs...); len(got) != c.count {
			t.Errorf("%s: %d of <%s %q>, want %d", c.screen, len(got), c.element, c.pairs, c.count)
		}
	}
}

// Each page names its language and direction, has one heading, labels its fields and ties errors to them.
func TestScreensCanBeUsedByAll(t *testing.T) {
	for name, page := range screens() {
		for _, lang := range languages {
			page.Lang = lang
			doc := draw(t, page)
			dir := "ltr"
			if lang == "ur" {
				dir = "rtl"
			}
			if len(find(doc, "html", "lang", lang, "dir", dir, "class", "dark")) != 1 {
				t.Errorf("%s in %s: the document doesn't say lang, dir and theme", name, lang)
			}
			for _, one := range []string{"h1", "main", "header", "footer", "title"} {
				if n := len(find(doc, one)); n != 1 {
					t.Errorf("%s in %s: %d of <%s>", name, lang, n, one)
				}
			}
			for _, form := range find(doc, "form") {
				if method, _ := attribute(form, "method"); method != "post" {
					t.Errorf("%s: form by %q", name, method)
				}
				if action, _ := attribute(form, "action"); action != page.Action {
					t.Errorf("%s: form goes to %q", name, action)
				}
			}
			for _, field := range find(doc, "input", "type", "text") {
				id, _ := attribute(field, "id")
				if len(find(doc, "label", "for", id)) != 1 {
					t.Errorf("%s: field %q has no label", name, id)
				}
				described, _ := attribute(field, "aria-describedby")
				for _, other := range strings.Fields(described) {
					if len(find(doc, "", "id", other)) != 1 {
						t.Errorf("%s: field %q is described by %q, which isn't there once", name, id, other)
					}
				}
				if wrong := find(doc, "p", "id", id+"-error"); len(wrong) != 1 || words(wrong[0]) == "" {
					t.Errorf("%s: field %q doesn't say what is wrong", name, id)
				}
			}
			if title := words(find(doc, "title")[0]); !strings.Contains(title, words(find(doc, "h1")[0])) && name != "pay" {
				t.Errorf("%s in %s: title %q", name, lang, title)
			}
		}
	}
}

// A page without JavaScript loads itself again exactly while something can change.
func TestRefreshOnlyWhileWaiting(t *testing.T) {
	page := screens()["result"]
	if got := find(draw(t, page), "meta", "http-equiv", "refresh"); len(got) != 0 {
		t.Error("the refresh isn't in noscript: it would reload under the script as well")
	}
	noscript := find(draw(t, page), "noscript")
	if len(noscript) == 0 || noscript[0].FirstChild == nil || !strings.Contains(noscript[0].FirstChild.Data, `http-equiv="refresh" content="7"`) {
		t.Error("no refresh for a page without JavaScript")
	}
	page.Result.Refresh = 0
	var b bytes.Buffer
	if err := Render(&b, page, testNonce); err != nil || strings.Contains(b.String(), "http-equiv") {
		t.Errorf("a page with nothing to wait for has a refresh (%v)", err)
	}
}

func TestResults(t *testing.T) {
	for _, c := range []struct {
		status, reason  string
		again           int
		heading, detail string
	}{
		{"ok", "", 0, "Payment received", "has arrived"},
		{"pending", "", 0, "Checking your payment", "don’t pay again"},
		{"possible_transaction_created", "", 0, "Payment not seen yet", "don’t pay again"},
		{"fail", "", 0, "Payment not confirmed", "Compare both"},
		{"fail", "expired", 0, "Payment not confirmed", "not seen in time"},
		{"fail", "reason.corrections", 0, "Payment not confirmed", "too often"},
		{"fail", "already_credited", 0, "Payment not confirmed", "Compare both"},
		{"nonsense", "", 0, "Payment not confirmed", "Compare both"},
		{"possible_transaction_created", "", 12, "We check your number a little later", "in 12 min"},
	} {
		page := screens()["result"]
		page.Result.Status, page.Result.Reason, page.Result.AgainIn = c.status, c.reason, c.again
		doc := draw(t, page)
		if got := words(find(doc, "h1")[0]); got != c.heading {
			t.Errorf("%s %s: heading %q, want %q", c.status, c.reason, got, c.heading)
		}
		section := find(doc, "section", "data-status", c.status)
		if len(section) != 1 || !strings.Contains(words(section[0]), c.detail) {
			t.Errorf("%s %s: %q isn't explained", c.status, c.reason, c.detail)
		}
	}
}

func TestPayScreenLeavesOutWhatIsNotThere(t *testing.T) {
	page := screens()["pay"]
	page.Pay = &PayScreen{Method: "bkash", Title: "bKash", Identifier: "01712345678", Amount: "৳500", AmountRaw: "500", NumberKind: "bkash"}
	doc := draw(t, page)
	if len(find(doc, "figure")) != 0 || len(find(doc, "svg", "role", "img")) != 0 || len(find(doc, "input", "inputmode", "text", "name", "key1")) != 1 {
		t.Error("bKash has no drawings, no QR, and letters in its numbers")
	}
	if text := words(doc); !strings.Contains(text, "Send Money") || !strings.Contains(text, "bKash TrxID") || strings.Contains(text, "Change") {
		t.Errorf("text is %q", text)
	}
}

func TestRenderNeedsAScreen(t *testing.T) {
	if err := Render(&bytes.Buffer{}, Page{}, testNonce); err == nil {
		t.Error("a page without a screen was rendered")
	}
}

func TestContentSecurityPolicy(t *testing.T) {
	got := ContentSecurityPolicy("abc", nil)
	for _, want := range []string{
		"default-src 'none'", "script-src 'self' 'nonce-abc'", "style-src 'self' 'nonce-abc'", "frame-ancestors 'none'", "base-uri 'none'",
	} {
		if !slices.Contains(strings.Split(got, "; "), want) {
			t.Errorf("%q is not in %q", want, got)
		}
	}
	if strings.Contains(got, "unsafe") {
		t.Error(got)
	}
	if got := ContentSecurityPolicy("abc", []string{"https://a.example", "https://b.example"}); !strings.Contains(got, "frame-ancestors https://a.example https://b.example;") {
		t.Error(got)
	}
}

// The first screen on a cheap phone: the document, the sheet, the script and the icon, as they are sent.
func TestFirstScreenIsLight(t *testing.T) {
	const limit, ownScript, embedScript = 30 << 10, 10 << 10, 2 << 10
	static := 0
	for _, name := range []string{"window.css", "window.js", "icon.svg"} {
		static += len(compress(assets()[name].plain))
	}
	for name, page := range screens() {
		for _, lang := range languages {
			page.Lang = lang
			var b bytes.Buffer
			if err := Render(&b, page, testNonce); err != nil {
				t.Fatal(err)
			}
			total := static + len(compress(b.Bytes()))
			if total > limit {
				t.Errorf("%s in %s weighs %d bytes", name, lang, total)
			}
			t.Log(fmt.Sprintf("%s %s: %d bytes, %d of them static", name, lang, total, static))
		}
	}
	if n := len(assets()["window.js"].plain); n > ownScript {
		t.Errorf("window.js has %d bytes", n)
	}
	if n := len(assets()["embed.js"].plain); n > embedScript {
		t.Errorf("embed.js has %d bytes", n)
	}
}

// What passes by itself is nothing to mend: the page says to come again, and not that the shop's link is wrong.
func TestPassingProblems(t *testing.T) {
	page := screens()["problem"]
	for _, code := range passing {
		page.Problem = &ProblemScreen{Code: code, Detail: code}
		doc := draw(t, page)
		text := words(find(doc, "main")[0])
		if strings.Contains(text, "For the shop") || !strings.Contains(text, "Please try again in a minute") || len(find(doc, "a", "class", "main", "href", page.Action)) != 1 {
			t.Errorf("%s: %s", code, text)
		}
	}
}
