package window

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

//go:embed templates/*.html drawings/*.svg
var viewFiles embed.FS

// pages are the templates of all screens. A missing one stops the program at its start.
var pages = template.Must(template.New("window").ParseFS(viewFiles, "templates/*.html"))

// drawings show where an app prints the transaction number, by the app's key in PayScreen.Apps.
var drawings = func() map[string]template.HTML {
	all := make(map[string]template.HTML)
	for _, app := range []string{"phonepe", "gpay", "paytm", "bhim"} {
		svg, err := viewFiles.ReadFile("drawings/" + app + ".svg")
		if err != nil {
			panic(err)
		}
		all[app] = template.HTML(bytes.TrimSpace(svg))
	}
	return all
}()

// appNames are the titles of the drawings.
var appNames = map[string]string{"phonepe": "PhonePe", "gpay": "Google Pay", "paytm": "Paytm", "bhim": "BHIM"}

// Render writes the HTML document of a page. The nonce is the one of the answer's ContentSecurityPolicy. Nothing is
// written when it fails; it fails only when w does or the page has no screen.
func Render(w io.Writer, p Page, nonce string) error {
	if p.Methods == nil && p.Amount == nil && p.Pay == nil && p.Result == nil && p.Problem == nil {
		return fmt.Errorf("window: page without a screen")
	}
	if _, ok := catalogues[p.Lang]; !ok {
		p.Lang = languages[0]
	}
	var b bytes.Buffer
	if err := pages.ExecuteTemplate(&b, "page.html", view{Page: p, Nonce: nonce}); err != nil {
		return fmt.Errorf("window: %w", err)
	}
	_, err := w.Write(b.Bytes())
	return err
}

// ContentSecurityPolicy is the header of a page: scripts and styles only from here and with the nonce, nothing from
// anywhere else, framed only by the given origins (nobody for none). Trusted types are off: no script may build HTML.
func ContentSecurityPolicy(nonce string, frameAncestors []string) string {
	framing := "'none'"
	if len(frameAncestors) > 0 {
		framing = strings.Join(frameAncestors, " ")
	}
	own := "'self' 'nonce-" + nonce + "'"
	return "default-src 'none'; script-src " + own + "; style-src " + own + "; img-src 'self'; connect-src 'self'; " +
		"form-action 'self'; base-uri 'none'; frame-ancestors " + framing + "; " +
		"require-trusted-types-for 'script'; trusted-types 'none'"
}

// view is a page with the words of its language: what templates see.
type view struct {
	Page
	Nonce string
}

// T is a message of the page's language; pairs are names and texts of its placeholders.
func (v view) T(key string, pairs ...string) string { return translate(v.Lang, key, pairs...) }

// Asset is the address of a static file.
func (v view) Asset(name string) string { return AssetURL(name) }

// Dir is the direction of the page's language.
func (v view) Dir() string {
	if slices.Contains(rightToLeft, v.Lang) {
		return "rtl"
	}
	return "ltr"
}

// Theme is the class of the document, "" for what the device prefers.
func (v view) Theme() string {
	if v.Brand.Theme == "light" || v.Brand.Theme == "dark" {
		return v.Brand.Theme
	}
	return ""
}

// BrandStyle is the style sheet of the merchant's colour, "" for Galla's own.
func (v view) BrandStyle() template.CSS { return template.CSS(brandStyle(v.Brand.Colour)) }

// Language is the name of a language in itself, for a link without a name.
func (v view) Language(l LanguageLink) string {
	if l.Name != "" {
		return l.Name
	}
	return LanguageName(l.Lang)
}

// Heading is the screen's heading.
func (v view) Heading() string {
	switch {
	case v.Methods != nil:
		return v.T("methods.heading")
	case v.Amount != nil:
		return v.T("amount.heading")
	case v.Pay != nil && v.Pay.Correcting:
		return v.T("correct.heading")
	case v.Pay != nil && v.Pay.Identifier == "":
		return v.T("pay.second")
	case v.Pay != nil:
		return v.T("pay.heading", "amount", v.Pay.Amount)
	case v.Result != nil && v.Result.AgainIn > 0:
		return v.T("again.heading")
	case v.Result != nil:
		return v.T("result." + v.Kind() + ".heading")
	}
	if v.Waits() {
		return v.T("wait.heading")
	}
	return v.T("problem.heading")
}

// Waits reports a problem that goes away by itself: neither the payer nor the shop has anything to mend.
func (v view) Waits() bool { return slices.Contains(passing, v.Problem.Code) }

// passing are the codes of problems that go away by themselves.
var passing = []string{"unavailable", "too_many_requests", "no_wallet"}

// Title is the document's title: a mistake comes first, as screen readers say the title first.
func (v view) Title() string {
	title := v.Heading()
	if v.Brand.Name != "" {
		title += " · " + v.Brand.Name
	}
	if v.Amount != nil && v.Amount.Error != "" || v.Pay != nil && v.Pay.Error != "" {
		return v.T("mistake", "title", title)
	}
	return title
}

// Kind is the result's kind for messages and looks: ok, pending, possible or fail.
func (v view) Kind() string {
	switch v.Result.Status {
	case "ok", "pending":
		return v.Result.Status
	case "possible_transaction_created":
		return "possible"
	}
	return "fail"
}

// Explanation is what the result means for the payer. A reason that has no text of its own gets the one for all, which
// helps no guesser.
func (v view) Explanation() string {
	if v.Result.AgainIn > 0 {
		return v.T("again.text", "minutes", strconv.Itoa(v.Result.AgainIn))
	}
	if v.Kind() != "fail" {
		return v.T("result." + v.Kind() + ".text")
	}
	return v.T(firstKey(v.Result.Reason, "reason."+v.Result.Reason, "reason.refused"))
}

// Mistake is the text of an error's key, with or without "error." before it: a hint code of package method, or one of
// the amount's. typed is what the payer typed.
func (v view) Mistake(key, typed string) string {
	got := 0
	for _, r := range typed {
		if !unicode.IsSpace(r) {
			got++
		}
	}
	key = firstKey(key, "error."+key, "error.other")
	return v.T(key, "form", v.NumberForm(), "got", strconv.Itoa(got))
}

// ProblemText says what is wrong with the link: Detail, or else the message of the code.
func (v view) ProblemText() string {
	p := v.Problem
	key := firstKey(p.Detail, "problem."+p.Detail, "problem."+p.Code, "problem."+generalCode(p), "problem.other")
	return v.T(key, "parameter", p.Parameter)
}

// generalCode is a code without the parameter in it: "label_missing" is a parameter_missing.
func generalCode(p *ProblemScreen) string {
	for _, end := range []string{"_missing", "_too_long", "_repeated", "_invalid"} {
		if strings.HasSuffix(p.Code, end) {
			return "parameter" + end
		}
	}
	return "other"
}

// Initial stands for a merchant without a logo.
func (v view) Initial() string {
	for _, r := range v.Brand.Name {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return strings.ToUpper(string(r))
		}
	}
	return ""
}

// Symbol is the sign before the field of the amount.
func (v view) Symbol() string { return currencySign(v.Amount.Currency) }

// Embedded is the origin that is told of changes, if it is one: a scheme, a host, nothing else.
func (v view) Embedded() string {
	if origin := v.Result.Origin; webURL(origin) && strings.Count(origin, "/") == 2 {
		return origin
	}
	return ""
}

// clean is whether a URL holds only what URLs hold: visible ASCII without quotes, brackets and backslashes.
func clean(u string) bool {
	return utf8.ValidString(u) && !strings.ContainsFunc(u, func(r rune) bool {
		return r <= ' ' || r > '~' || strings.ContainsRune("\"'<>\\`", r)
	})
}
