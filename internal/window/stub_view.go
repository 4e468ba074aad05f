package window

import (
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/galla-gateway/galla/money"
)

// This file stands in for the view and goes at the merge.

var stubPage = template.Must(template.New("").Parse(`<!doctype html>
<html lang="{{.Lang}}"><head><meta charset="utf-8"><title>{{.Brand.Name}}</title>
{{with .Result}}{{if .Refresh}}<meta http-equiv="refresh" content="{{.Refresh}}">{{end}}{{end}}</head><body>
{{if .Simulated}}<p id="simulated">simulated</p>{{end}}
{{range .Languages}}<a class="lang" hreflang="{{.Lang}}" href="{{.URL}}">{{.Name}}</a>{{end}}
{{with .Methods}}<form method="post" action="{{$.Action}}" data-screen="methods">{{range .Methods}}
<a class="method" href="{{.URL}}">{{.Title}}</a><button name="wallet_type" value="{{.Name}}">{{.Title}}</button>{{end}}</form>{{end}}
{{with .Amount}}<form method="post" action="{{$.Action}}" data-screen="amount" data-error="{{.Error}}">
<input name="amount" value="{{.Typed}}"> {{.Currency}}</form>{{end}}
{{with .Pay}}<form method="post" action="{{$.Action}}" data-screen="pay" data-error="{{.Error}}" data-left="{{.Left}}">
<p id="identifier">{{.Identifier}}</p><p id="holder">{{.Holder}}</p><p id="amount">{{.Amount}}</p><p id="qr">{{.QR}}</p>
<input type="hidden" name="wallet_type" value="{{.Method}}"><input type="hidden" name="amount" value="{{.AmountRaw}}">
<textarea name="key1">{{.Typed}}</textarea>{{if .ChangeURL}}<a id="change" href="{{.ChangeURL}}">change</a>{{end}}</form>{{end}}
{{with .Result}}<div data-screen="result" data-status="{{.Status}}" data-reason="{{.Reason}}" data-again="{{.AgainIn}}" data-origin="{{.Origin}}"
 data-seconds="{{.Seconds}}" data-events="{{.EventsURL}}" data-state="{{.StateURL}}"><p id="amount">{{.Amount}}</p><p id="number">{{.Number}}</p><p id="order">{{.Order}}</p>
{{if .CorrectURL}}<a id="correct" href="{{.CorrectURL}}">correct</a>{{end}}{{if .RedirectURL}}<a id="next" href="{{.RedirectURL}}">next</a>{{end}}</div>{{end}}
{{with .Problem}}<div data-screen="problem" data-code="{{.Code}}" data-parameter="{{.Parameter}}">{{.Detail}}</div>{{end}}
</body></html>`))

// Render writes a page.
func Render(w io.Writer, p Page, _ string) error { return stubPage.Execute(w, p) }

// Assets serves static files.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "asset") })
}

// EmbedScript serves embed.js.
func EmbedScript() http.Handler { return Assets() }

// ContentSecurityPolicy is a page's policy.
func ContentSecurityPolicy(nonce string, frameAncestors []string) string {
	return "default-src 'none'; script-src 'nonce-" + nonce + "'; frame-ancestors " + strings.Join(frameAncestors, " ")
}

// MatchLanguage chooses a language.
func MatchLanguage(lang, accept string, allowed []string) string {
	for _, wanted := range []string{lang, accept} {
		for _, a := range allowed {
			if strings.HasPrefix(wanted, a) {
				return a
			}
		}
	}
	return "en"
}

// Languages are those of some methods.
func Languages(...string) []string { return []string{"en", "hi"} }

// LanguageName is a language's own name.
func LanguageName(lang string) string { return lang }

// FormatAmount writes an amount for people.
func FormatAmount(_ string, m money.Money) string { return m.String() }

// UPILink is the link of NPCI.
func UPILink(identifier, holder, amountRaw, currency, note string) string {
	return "upi://pay?" + url.Values{"pa": {identifier}, "pn": {holder}, "am": {amountRaw}, "cu": {currency}, "tn": {note}}.Encode()
}

// AppLinks are the links of apps.
func AppLinks(upiLink string) []AppLink { return []AppLink{{"UPI", upiLink}} }
