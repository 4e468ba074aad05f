package window

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/web"
	"github.com/galla-gateway/galla/money"
)

// maxForm is the most that a form may have, in bytes: a pasted message in any script, percent-encoded.
const maxForm = 8 << 10

// form is what a payer sent.
type form struct {
	walletType, amount, key1 string
	given                    url.Values
}

func (f form) has(name string) bool { return f.given.Has(name) }

// readForm reads and checks the body of a POST. There is no session that another site could use, since the link's query
// is all it takes; a browser that says that the form came from another site is refused all the same.
func readForm(w http.ResponseWriter, r *http.Request, trusted []netip.Prefix) (f form, err error) {
	if !sameSite(r, trusted) {
		return f, &problem{code: "form_cross_site", detail: "request_invalid", status: http.StatusForbidden}
	}
	body, err := web.ReadBody(w, r, maxForm)
	if err != nil {
		return f, err
	}
	invalid := &problem{code: "form_invalid", detail: "request_invalid"}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/x-www-form-urlencoded" {
		return f, invalid
	}
	if f.given, err = url.ParseQuery(string(body)); err != nil {
		return f, invalid
	}
	for name, into := range map[string]*string{"wallet_type": &f.walletType, "amount": &f.amount, "key1": &f.key1} {
		values := f.given[name]
		if len(values) > 1 || len(values) == 1 && !utf8.ValidString(values[0]) {
			return f, invalid
		}
		*into = f.given.Get(name)
	}
	return f, nil
}

// sameSite believes what browsers say about where a form came from. "null" is no word: our pages send no referrer, and
// some browsers then hide the origin too.
func sameSite(r *http.Request, trusted []netip.Prefix) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" {
		return site == "same-origin" || site == "none"
	}
	origin := r.Header.Get("Origin")
	if origin == "" || origin == "null" {
		return true
	}
	from, err := url.Parse(origin)
	return err == nil && strings.EqualFold(from.Host, web.RequestHost(r, trusted))
}

// entry is what the payer has chosen and typed so far.
type entry struct {
	choices
	amountGiven bool // an amount was sent, if only an empty one: what is wrong with it is told
	number      string
	numberError string // message key
}

// form is the first step that is still open: method, amount, or pay and type the number.
func (x *Window) form(ctx context.Context, v *visit, o *order, e entry) (*screen, error) {
	if v.expired && !o.begun() && e.number == "" {
		return nil, &problem{code: "link_expired", detail: "link_expired"}
	}
	m, ok := x.chosen(v, o, e.method)
	if !ok {
		return x.methodsScreen(v)
	}
	if !o.begun() && e.number == "" && !v.directory.Served(v.merchant, m) {
		if v.link.walletType == "" {
			return x.methodsScreen(v)
		}
		return nil, &problem{code: "wallet_type_not_served", parameter: "wallet_type", detail: "method_not_served", support: true}
	}
	e.method = m.Name
	if e.amount == "" && !e.amountGiven {
		e.amount = o.claimed()
	}
	amount, key := v.amount(m, e.amount)
	if v.link.fixed == "" && (key != "" || e.step == stepAmount) {
		return amountScreen(v, o, m, e, key), nil
	}
	if key != "" {
		return nil, &problem{code: "order_conflict", detail: "order_conflict", support: true}
	}
	return x.payScreen(ctx, v, o, m, e, amount)
}

// claimed is the amount that the payer claimed last, "" for none.
func (o *order) claimed() string {
	switch {
	case o.waiting != nil:
		return o.waiting.Amount.Text()
	case o.known:
		return o.truth.Amount.Text()
	}
	return ""
}

func (x *Window) methodsScreen(v *visit) (*screen, error) {
	offered := v.methods()
	if len(offered) == 0 {
		return nil, &problem{code: "currency_code_not_served", parameter: "currency_code", detail: "currency_not_served", support: true}
	}
	s := &MethodsScreen{}
	for _, m := range offered {
		s.Methods = append(s.Methods, MethodChoice{Name: m.Name, Title: m.Title, URL: v.url(choices{method: m.Name, step: v.link.choices.step})})
	}
	return &screen{Page: Page{Methods: s, Action: v.url(choices{step: v.link.choices.step})}}, nil
}

// amountScreen asks for the amount. What was never typed isn't wrong yet.
func amountScreen(v *visit, o *order, m method.Method, e entry, key string) *screen {
	if !e.amountGiven {
		key = ""
	}
	back := choices{method: m.Name}
	if o.begun() {
		back.step = stepAmount
	}
	return &screen{Page: Page{
		Action: v.url(back), Amount: &AmountScreen{Currency: string(m.Currency), Typed: e.amount, Error: key},
	}}
}

// payScreen shows where to pay, and asks for the number.
func (x *Window) payScreen(ctx context.Context, v *visit, o *order, m method.Method, e entry, amount money.Money) (*screen, error) {
	request := gateway.OfferRequest{Merchant: v.merchant, Payer: v.link.label, Method: m, Currency: m.Currency}
	if !v.merchant.Policy.SignedLinks {
		request.From = v.client
	}
	offer, err := x.Gateway.Offer(ctx, request)
	if err != nil && !errors.As(err, new(*gateway.Refusal)) && !errors.As(err, new(*gateway.TooManyAttempts)) {
		return nil, err
	}
	// Without a wallet, whoever has paid already can still type the number: phones drop a page while the app is open.
	pay := &PayScreen{
		Method: m.Name, Title: m.Title, Identifier: offer.Wallet.Identifier, Holder: offer.Wallet.Holder,
		AccountType: offer.Wallet.AccountType, Amount: FormatAmount(v.lang, amount), AmountRaw: amount.Fixed(),
		NumberKind: NumberKind(m), Apps: FindApps(m), Typed: e.number, Error: e.numberError,
	}
	here := choices{method: m.Name}
	if o.begun() {
		here.step = stepNumber
		pay.Correcting = true
		pay.Left, _ = o.left()
	}
	if v.link.fixed == "" {
		here.amount = amount.Text()
		pay.Editable = true
		pay.ChangeURL = v.url(choices{method: m.Name, amount: here.amount, step: stepAmount})
	}
	// A UPI address can be scanned and opened. A phone number can only be typed into the app.
	if strings.Contains(pay.Identifier, "@") {
		pay.QR = UPILink(pay.Identifier, pay.Holder, pay.AmountRaw, string(m.Currency), v.merchant.Name)
		pay.AppLinks = AppLinks(pay.QR)
	}
	return &screen{Page: Page{Action: v.url(here), Pay: pay}}, nil
}
