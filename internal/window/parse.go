package window

import (
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/money"
)

// Limits of a link.
const (
	maxID         = 190 // characters of label and custom_transaction_id (protocol 3.1)
	maxParameters = 100
	maxCurrencies = 20
)

// Names of the parameters that the window itself adds while the payer goes through the steps. They are no part of what
// the merchant wrote: a signed link is checked without them, so a payer can choose what the merchant left open and
// nothing else.
const (
	paramStep   = "step"       // stepAmount or stepNumber
	paramMethod = "pay_method" // the method that the payer picked
	paramAmount = "pay_amount" // the amount that the payer typed
	paramLang   = "pay_lang"   // the language that the payer switched to
	paramParent = "pay_parent" // origin of the page that embeds the window, see parentOf
)

// Values of paramStep.
const (
	stepAmount = "amount"
	stepNumber = "number"
)

// choices are the values of the window's own parameters.
type choices struct{ step, method, amount, lang, parent string }

// link is one link to the window, read and checked.
type link struct {
	pairs      []pair // what the merchant wrote: named parameters in their order, repaired, without the window's own
	label      string
	orderID    string
	lang       string
	currencies []money.Currency // at least one
	walletType string           // "" lets the payer choose
	fixed      string           // fixed_amount, "" lets the payer type
	urlIDs     map[galla.RedirectKind]int
	tokens     map[galla.RedirectKind]string
	choices    choices
}

type pair struct{ name, value string }

// redirectKinds in the order of the protocol.
var redirectKinds = []galla.RedirectKind{galla.RedirectSuccess, galla.RedirectPending, galla.RedirectFail}

// problem is what is wrong with a link, as a page. As an error it ends a request.
type problem struct {
	code      string // machine-readable, stable
	parameter string // on the wire, "" for the whole link
	detail    string // message key
	status    int    // HTTP, 0 for 400
	support   bool
}

func (p *problem) Error() string { return "window link: " + p.code + " " + p.parameter }

// wrong makes the problem of one parameter: its code names the parameter and what is wrong with it, its detail is the
// message key that says so.
func wrong(parameter, what, detail string) *problem {
	return &problem{code: parameter + "_" + what, parameter: parameter, detail: detail}
}

// parse reads a link's query (protocol 3.1). Whatever is wrong with it, the languages are read, so that the problem can
// be told in the payer's. It is pure: what only the merchant's configuration knows is checked later.
func parse(rawQuery string) (link, *problem) {
	l := link{urlIDs: map[galla.RedirectKind]int{}, tokens: map[galla.RedirectKind]string{}}
	pairs, bad := split(rawQuery)
	values, twice := l.take(repair(pairs))
	l.lang, l.choices.lang = values["lang"], values[paramLang]
	if bad == nil {
		bad = twice
	}
	if bad != nil {
		return l, bad
	}
	l.choices = choices{values[paramStep], values[paramMethod], values[paramAmount], values[paramLang], values[paramParent]}
	l.walletType, l.fixed = values["wallet_type"], values["fixed_amount"]
	var p *problem
	if l.label, p = id(values, "label"); p != nil {
		return l, p
	}
	if p = l.checkCurrencies(); p != nil {
		return l, p
	}
	if p = l.checkMethod(); p != nil {
		return l, p
	}
	if l.orderID, p = id(values, "custom_transaction_id"); p != nil {
		return l, p
	}
	if p = l.checkAmount(); p != nil {
		return l, p
	}
	return l, l.redirects(values)
}

// split cuts a query into its named parameters. A nameless one is ignored: the original's iframe script appends
// &<milliseconds>.
func split(rawQuery string) (pairs []pair, bad *problem) {
	for part := range strings.SplitSeq(rawQuery, "&") {
		rawName, rawValue, named := strings.Cut(part, "=")
		if !named || rawName == "" {
			continue
		}
		name, err1 := url.QueryUnescape(rawName)
		value, err2 := url.QueryUnescape(rawValue)
		if err1 != nil || err2 != nil || !utf8.ValidString(name) || !utf8.ValidString(value) {
			bad = &problem{code: "query_malformed", detail: "request_invalid"}
			continue
		}
		if len(pairs) == maxParameters {
			return pairs, &problem{code: "query_too_long", detail: "request_invalid"}
		}
		pairs = append(pairs, pair{name, value})
	}
	return pairs, bad
}

// repair puts back the "&" that the source's sample link lacks before wallet_type.
func repair(pairs []pair) []pair {
	for i, p := range pairs {
		lang, walletType, found := strings.Cut(p.value, "wallet_type=")
		if p.name == "lang" && found {
			pairs[i].value = strings.TrimSpace(lang)
			return slices.Insert(pairs, i+1, pair{"wallet_type", strings.TrimSpace(walletType)})
		}
	}
	return pairs
}

// currencyName reports the two spellings of the one parameter that may come several times.
func currencyName(name string) bool { return name == "currency_code" || name == "currency_code[]" }

// take keeps what the merchant wrote, collects the currencies and returns the other parameters by name.
func (l *link) take(pairs []pair) (values map[string]string, twice *problem) {
	values = make(map[string]string, len(pairs))
	for _, p := range pairs {
		if currencyName(p.name) {
			if currency := money.Currency(p.value); p.value != "" && !slices.Contains(l.currencies, currency) {
				l.currencies = append(l.currencies, currency)
			}
			l.pairs = append(l.pairs, p)
			continue
		}
		if _, given := values[p.name]; given && twice == nil {
			twice = &problem{code: "parameter_twice", parameter: p.name, detail: "parameter_repeated"}
		}
		values[p.name] = p.value
		if !ownName(p.name) {
			l.pairs = append(l.pairs, p)
		}
	}
	return values, twice
}

func ownName(name string) bool {
	switch name {
	case paramStep, paramMethod, paramAmount, paramLang, paramParent:
		return true
	}
	return false
}

// id checks an id as activate does: it comes back unchanged, so nothing is stripped from it.
func id(values map[string]string, name string) (string, *problem) {
	text := values[name]
	switch {
	case text == "":
		return "", wrong(name, "missing", "parameter_missing")
	case utf8.RuneCountInString(text) > maxID:
		return "", wrong(name, "too_long", "parameter_too_long")
	case strings.ContainsFunc(text, forbidden):
		return "", wrong(name, "control", "parameter_invalid")
	}
	return text, nil
}

// forbidden are control characters and the two line separators.
func forbidden(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

func (l *link) checkCurrencies() *problem {
	if len(l.currencies) == 0 {
		return wrong("currency_code", "missing", "parameter_missing")
	}
	if len(l.currencies) > maxCurrencies {
		return wrong("currency_code", "too_many", "parameter_invalid")
	}
	for _, code := range l.currencies {
		if _, err := money.LookupCurrency(string(code)); err != nil {
			return wrong("currency_code", "unknown", "currency_unknown")
		}
	}
	return nil
}

// checkMethod checks a locked method. Whether the merchant has a wallet of it is asked when one is to be shown: an order
// that exists is shown whatever became of the wallets since.
func (l *link) checkMethod() *problem {
	if l.walletType == "" {
		return nil
	}
	found, ok := method.Lookup(l.walletType)
	switch {
	case !ok || found.WithdrawalOnly:
		return wrong("wallet_type", "unknown", "method_unknown")
	case !slices.Contains(l.currencies, found.Currency):
		return wrong("wallet_type", "currency", "method_currency")
	}
	return nil
}

// takes reports whether a payer may pay by a method: the locked one, or any of the link's currencies.
func (l *link) takes(m method.Method) bool {
	if l.walletType != "" {
		return m.Name == l.walletType
	}
	return !m.WithdrawalOnly && slices.Contains(l.currencies, m.Currency)
}

// checkAmount checks fixed_amount in each currency that it may turn out to be in.
func (l *link) checkAmount() *problem {
	if l.fixed == "" {
		return nil
	}
	for _, currency := range l.currencies {
		amount, err := money.Parse(l.fixed, currency)
		switch {
		case errors.Is(err, money.ErrDecimals):
			return wrong("fixed_amount", "decimals", "amount_invalid")
		case errors.Is(err, money.ErrRange):
			return wrong("fixed_amount", "too_large", "amount_invalid")
		case err != nil:
			return wrong("fixed_amount", "invalid", "amount_invalid")
		case !amount.IsPositive():
			return wrong("fixed_amount", "not_positive", "amount_invalid")
		}
	}
	return nil
}

// redirects reads both families. A token that is wrong counts as absent (protocol 3.3) and is looked at when it is used.
func (l *link) redirects(values map[string]string) *problem {
	for _, kind := range redirectKinds {
		l.tokens[kind] = values[string(kind)+"_url"]
		name := "payment_url_" + string(kind) + "_id"
		text := values[name]
		if text == "" {
			continue
		}
		number, err := strconv.Atoi(text)
		if err != nil {
			return wrong(name, "not_integer", "parameter_invalid")
		}
		l.urlIDs[kind] = number
	}
	return nil
}

// merchantQuery is what the merchant wrote, for the check of its signature.
func (l *link) merchantQuery() url.Values {
	query := url.Values{}
	for _, p := range l.pairs {
		query.Add(p.name, p.value)
	}
	return query
}

// at is the same link below base with other choices.
func (l *link) at(base string, c choices) string {
	var b strings.Builder
	b.WriteString(base)
	separator := byte('?')
	add := func(name, value string) {
		b.WriteByte(separator)
		b.WriteString(url.QueryEscape(name) + "=" + url.QueryEscape(value))
		separator = '&'
	}
	for _, p := range l.pairs {
		add(p.name, p.value)
	}
	for _, own := range []pair{
		{paramStep, c.step}, {paramMethod, c.method}, {paramAmount, c.amount}, {paramLang, c.lang}, {paramParent, c.parent},
	} {
		if own.value != "" {
			add(own.name, own.value)
		}
	}
	return b.String()
}
