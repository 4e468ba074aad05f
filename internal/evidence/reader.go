package evidence

import (
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/galla-gateway/galla/internal/evidence/bank"
	"github.com/galla-gateway/galla/money"
)

// SenderHeader is an SMS header that the operator declares to belong to a bank (`galla sender add HEADER --bank NAME`).
type SenderHeader struct {
	Header string // "HDFCBK"; with prefix and suffix it is taken as well
	Bank   string // a name of bank.All, or any other: then the generic template reads it
}

// Reader reads messages with the templates of every bank. It is immutable and safe for concurrent use.
type Reader struct {
	byHeader map[string]*compiledBank
	banks    []*compiledBank
	byApp    map[string]*compiledBank
}

type compiledBank struct {
	name  string
	zone  *time.Location
	forms []*bank.Form
}

// release is the banks and apps of this release. Their forms are compiled once: a server builds a Reader whenever its
// configuration changes.
var release = sync.OnceValue(func() (r struct {
	banks []*compiledBank
	apps  map[string]*compiledBank
}) {
	for _, b := range bank.All() {
		r.banks = append(r.banks, &compiledBank{b.Name, b.Zone, compile(b.Templates)})
	}
	r.apps = make(map[string]*compiledBank)
	for _, app := range bank.Apps() {
		compiled := &compiledBank{app.Name, bank.India, compile(app.Templates)}
		for _, name := range app.Packages {
			r.apps[name] = compiled
		}
	}
	return r
})

// NewReader builds a Reader from the banks' own headers and the operator's extra ones; an extra one wins.
func NewReader(extra []SenderHeader) *Reader {
	r := &Reader{banks: release().banks, byHeader: make(map[string]*compiledBank), byApp: release().apps}
	byName := make(map[string]*compiledBank)
	for i, b := range bank.All() {
		byName[strings.ToUpper(b.Name)] = r.banks[i]
		for _, header := range b.Headers {
			r.byHeader[header] = r.banks[i]
		}
	}
	for _, sender := range extra {
		known := byName[strings.ToUpper(sender.Bank)]
		if known == nil {
			known = &compiledBank{name: sender.Bank, zone: bank.India}
			byName[strings.ToUpper(sender.Bank)] = known
		}
		r.byHeader[parseSender(sender.Header).header] = known
	}
	return r
}

// compile panics on a bad form: forms are constants of this program and every one is compiled by the tests.
func compile(templates []bank.Template) []*bank.Form {
	forms := make([]*bank.Form, 0, len(templates))
	for _, template := range templates {
		form, err := template.Compile()
		if err != nil {
			panic(err)
		}
		forms = append(forms, form)
	}
	return forms
}

// noteMark is where the payer's free text begins. What follows is never read.
var noteMark = gate([]string{"remark", "note", " from ", "payer", "comment", "message", "msg"}, `(?i)\bremarks?\b|\bnotes?\b|\b(?:info|message|msg|comments?) from (?:the )?(?:payer|sender|remitter)\b|`+
	`\bpayer'?s? (?:note|message|comment)\b|\bcomments?\s*[:=-]|\bmessage\s*[:=-]|\bmsg\s*[:=-]`)

// namesReversed is a bank's own phrase: the number that follows was taken back.
var namesReversed = regexp.MustCompile(`(?i)\brevers(?:al|ed) of (?:(?:the|your|an?|upi|imps|transaction|txn|payment|transfer|with|ref|reference|no|rrn|id)\b[\s.:]*)+\d{12}\b`)

// Read decides what a message is. now stands in for a message without received time. The refusals of messages go before
// every template, so that a text that carries any sign of being no payment is never a Credit.
func (r *Reader) Read(m Message, now time.Time) Reading {
	reading := Reading{App: m.App != ""}
	isText := !reading.App || showsTexts(m.App)
	s := parseSender(m.Sender)
	if reading.App && isText && m.Title != "" {
		s = parseSender(m.Title)
	}
	known := r.byHeader[s.header]
	if known != nil && s.trusted && !reading.App {
		reading.HeaderKnown, reading.Bank = true, known.name
	}
	received := m.ReceivedAt
	if received.IsZero() {
		received = now
	}
	normal := normalize(m.Text)
	text, note := cutNote(normal.text)
	scan := scan{reader: r, message: m, text: text, received: received, bank: known}
	whole := normalize(m.Title + "\n" + m.Text).text
	if m.Problem != "" {
		whole = normalize(string(m.Raw)).text
	}
	if isOTP(whole, func() bool { return m.Problem == "" && scan.read(reading).Outcome == Credit }) {
		return refuse(reading, OTP, ReasonOTP)
	}
	switch {
	case m.Problem != "":
		return refuse(reading, Refused, m.Problem)
	case s.promotional && isText:
		return refuse(reading, Refused, ReasonPromotionalSender)
	case s.phone && isText:
		return refuse(reading, Refused, ReasonPhoneSender)
	case normal.oddAt >= 0 && normal.oddAt < len(text):
		return refuse(reading, Refused, ReasonLookalike)
	}
	if reason := refusal(strings.TrimSpace(normalize(m.Title).text + "\n" + text)); reason != "" {
		if reason == ReasonReversal && !namesReversed.MatchString(text) && scan.read(reading).Outcome == Credit {
			return refuse(reading, Refused, reason) // the word may be the payer's: nothing is taken back for it
		}
		return refuseReading(reading, reason, text)
	}
	result := scan.read(reading)
	if result.Reason == ReasonNotACredit && creditBeside.MatchString(note) {
		return refuse(reading, Refused, ReasonPayerNote)
	}
	return result
}

func refuse(reading Reading, outcome Outcome, reason Reason) Reading {
	reading.Outcome, reading.Reason = outcome, reason
	return reading
}

// refuseReading refuses; a reversal from a bank's own header that names exactly one number is passed on as such.
func refuseReading(reading Reading, reason Reason, text string) Reading {
	reading = refuse(reading, Refused, reason)
	if refs := references(text); reason == ReasonReversal && reading.HeaderKnown && len(refs) == 1 {
		reading.Outcome, reading.ReversalOf = Reversal, refs[0]
	}
	return reading
}

func cutNote(text string) (bankText, note string) {
	if at := noteMark.find(text, strings.ToLower(text)); at != nil {
		return text[:at[0]], text[at[0]:]
	}
	return text, ""
}

// scan reads one text.
type scan struct {
	reader   *Reader
	message  Message
	text     string // normalised, without note
	received time.Time
	bank     *compiledBank // by header, nil when unknown
}

// read tries the bank's own templates (all banks' for an unknown sender), then the generic one.
func (s scan) read(reading Reading) Reading {
	if s.message.App != "" && !showsTexts(s.message.App) {
		return s.readApp(reading)
	}
	banks := s.reader.banks
	if s.bank != nil {
		banks = []*compiledBank{s.bank}
	}
	refs := references(s.text)
	for _, b := range banks {
		for _, form := range b.forms {
			fields, ok := form.Match(s.text)
			if !ok || fields.Ref == "" && len(refs) > 0 {
				continue
			}
			reading.Template = form.Name
			if reading.Bank == "" {
				reading.Bank = b.name
			}
			return s.fill(reading, fields, templateReason(fields, refs), b.zone)
		}
	}
	generic := readGeneric(s.text, refs)
	if generic.Amount == "" {
		return refuse(reading, Unparsed, generic.reason)
	}
	reading.Template = GenericTemplate
	return s.fill(reading, generic.Fields, generic.reason, bank.India)
}

// templateReason: a number elsewhere in the text that could be the reference makes the text ambiguous, because a payer's
// name might have brought it.
func templateReason(fields bank.Fields, refs []string) Reason {
	if fields.Ref == "" {
		return ReasonNoReference
	}
	for _, ref := range refs {
		if ref != fields.Ref {
			return ReasonAmbiguousReference
		}
	}
	return ""
}

// showsTexts reports whether the notifications of an app are text messages. They are read as such, as weak evidence.
func showsTexts(app string) bool {
	switch app {
	case unnamedApp, "com.google.android.apps.messaging", "com.samsung.android.messaging", "com.android.mms":
		return true
	}
	return false
}

func (s scan) readApp(reading Reading) Reading {
	app := s.reader.byApp[s.message.App]
	if app == nil {
		return refuse(reading, Unparsed, ReasonNotACredit)
	}
	reading.Bank = app.name
	title := normalize(s.message.Title).text
	for _, text := range [...]string{title + "\n" + s.text, s.text} {
		for _, form := range app.forms {
			fields, ok := form.Match(text)
			if !ok {
				continue
			}
			reading.Template = form.Name
			refs := references(text)
			reason := ReasonNoReference
			if len(refs) == 1 {
				fields.Ref, reason = refs[0], ""
			} else if len(refs) > 1 {
				reason = ReasonAmbiguousReference
			}
			return s.fill(reading, fields, reason, app.zone)
		}
	}
	return refuse(reading, Unparsed, ReasonNotACredit)
}

// fill turns the fields into values. reason, when there is one, is why it can't be a credit.
func (s scan) fill(reading Reading, fields bank.Fields, reason Reason, zone *time.Location) Reading {
	amount, err := money.ParseGrouped(fields.Amount, money.INR)
	if err != nil || !amount.IsPositive() {
		return refuse(reading, Unparsed, ReasonBadAmount)
	}
	reading.Amount, reading.Tail, reading.Payer = amount, fields.Tail, fields.Payer
	reading.Balance = printedBalance(s.text)
	at, precision := printedAt(fields.Date, fields.Time, zone)
	reading.OccurredAt, reading.Precision = OccurredAt(at, precision, s.received), precision
	if reason != "" {
		return refuse(reading, Unparsed, reason)
	}
	reading.Outcome, reading.Number = Credit, fields.Ref
	return reading
}

// printedAt is the time a text prints; a date that can't be is as good as none.
func printedAt(day, clock string, zone *time.Location) (time.Time, Precision) {
	at, ok := ParseDay(day, zone)
	if !ok {
		return time.Time{}, PrecisionNone
	}
	if sinceMidnight, ok := ParseClock(clock); ok {
		return at.Add(sinceMidnight), PrecisionExact
	}
	return at, PrecisionDay
}
