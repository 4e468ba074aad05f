// Package bank holds what is known about each bank's messages: its SMS headers and the forms of its texts. One file per
// bank, one value per file; a bank is added by writing its file, its line in All and its samples in testdata.
package bank

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"
)

// India is the zone of the Indian banks. It has no daylight saving time, so a fixed zone is exact.
var India = time.FixedZone("IST", 5*60*60+30*60)

// Bank is one bank's messages.
type Bank struct {
	Name      string         // as shown to the operator and as `--bank` takes it
	Headers   []string       // SMS headers without operator prefix and suffix, capitals
	Zone      *time.Location // zone of the dates in its texts
	Templates []Template     // tried in order
}

// App is an Android app whose notifications report incoming money.
type App struct {
	Name      string
	Packages  []string
	Templates []Template
}

// Template is the form of one kind of text, written as the text itself. It is matched from the start of the text; what
// follows the form is not read. Letter case doesn't matter and a space stands for any white space or none.
//
//	{amount}   the credited amount with its currency sign: Rs.1,00,000.00
//	{money}    another amount, with or without sign, such as the balance; not read
//	{tail}     the last digits of our account with the mask before them: XX1234
//	{mask}     another masked account or phone number; not read
//	{date}     07-12-24, 07/12/2024, 03Dec23, 07-Jan-25
//	{time}     16:02:45, 17:36
//	{ref}      the reference: 12 digits
//	{payer}    the payer's name or VPA, up to what follows; may be empty
//	{vpa}      the payer's VPA
//	{vpa_}     the payer's VPA printed with _ for @
//	{end}      the end of the text
//	[x]        x may be missing
//	<x|y>      x or y
type Template struct {
	Name string // unique: bank and kind, such as "hdfc_upi"
	Form string
}

const (
	sign   = `(?:\brs|\binr|₹)\s?[.:]?\s?`
	digits = `\d[\d,]*(?:\.\d+)?`

	// Money is the pattern of an amount with its currency sign; its digits are the group.
	Money = sign + `(` + digits + `)\b`
)

var placeholders = map[string]string{
	"amount": sign + `(?P<amount>` + digits + `)\b(?:/-)?`,
	"money":  `(?:rs|inr|₹)?\s?[.:]?\s?-?` + digits,
	"tail":   `[x*.#\s]*(?P<tail>\d{2,6})\b`,
	"mask":   `[x*.#\s]*\d{2,6}\b`,
	"date":   `(?P<date>\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}|\d{1,2}[- ]?[a-z]{3}[- ,]?\d{2,4})\b`,
	"time":   `(?P<time>\d{1,2}:\d{2}(?::\d{2})?)\b`,
	"ref":    `\b(?P<ref>\d{12})\b`,
	"payer":  `(?P<payer>[^\n]*?)`,
	"vpa":    `(?P<payer>[a-z0-9._-]+@[a-z0-9]+)`,
	"vpa_":   `(?P<vpa_>[a-z0-9._-]+[_@][a-z0-9]+)`,
	"end":    `\s*$`,
}

// Form is a compiled Template.
type Form struct {
	Template
	pattern *regexp.Regexp
}

// Compile turns a template into a Form. A mistake in the form is an error.
func (t Template) Compile() (*Form, error) {
	var b strings.Builder
	b.WriteString(`(?i)^\s*`)
	for rest := t.Form; rest != ""; {
		size := 1
		switch c := rest[0]; c {
		case '{':
			name, _, closed := strings.Cut(rest[1:], "}")
			part, known := placeholders[name]
			if !closed || !known {
				return nil, fmt.Errorf("template %s: unknown placeholder {%s}", t.Name, name)
			}
			b.WriteString(part)
			size = len(name) + len("{}")
		case ' ':
			b.WriteString(`\s*`)
		case '[', '<':
			b.WriteString(`(?:`)
		case ']':
			b.WriteString(`)?`)
		case '>':
			b.WriteString(`)`)
		case '|':
			b.WriteByte(c)
		default:
			b.WriteString(regexp.QuoteMeta(rest[:1]))
		}
		rest = rest[size:]
	}
	pattern, err := regexp.Compile(b.String())
	if err != nil {
		return nil, fmt.Errorf("template %s: %w", t.Name, err)
	}
	return &Form{t, pattern}, nil
}

// Fields are the parts of a text as they stand in it; a part that the form doesn't have is "".
type Fields struct {
	Amount, Tail, Date, Time, Ref, Payer string
}

// Match reads a normalised text.
func (f *Form) Match(text string) (Fields, bool) {
	found := f.pattern.FindStringSubmatch(text)
	if found == nil {
		return Fields{}, false
	}
	var fields Fields
	for i, name := range f.pattern.SubexpNames() {
		value := strings.TrimSpace(found[i])
		switch name {
		case "amount":
			fields.Amount = value
		case "tail":
			fields.Tail = value
		case "date":
			fields.Date = value
		case "time":
			fields.Time = value
		case "ref":
			fields.Ref = value
		case "payer":
			fields.Payer = value
		case "vpa_":
			fields.Payer = restoreAt(value)
		}
	}
	return fields, utf8.RuneCountInString(fields.Payer) <= maxPayerChars
}

// maxPayerChars: a longer payer means that the form fitted by accident. It is no part of the patterns, because a counted
// repetition of this size makes them slow.
const maxPayerChars = 100

// restoreAt turns "name_handle" into "name@handle".
func restoreAt(vpa string) string {
	at := strings.LastIndexByte(vpa, '_')
	if at < 0 || strings.Contains(vpa, "@") {
		return vpa
	}
	return vpa[:at] + "@" + vpa[at+1:]
}
