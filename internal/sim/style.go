package sim

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/galla-gateway/galla/money"
)

// Style is how one bank words its messages.
type Style struct {
	Name    string
	headers []string // senders of its service messages
	credit  func(t Transfer) string
}

// String is the bank's name.
func (s Style) String() string { return s.Name }

// message is the text about a transfer that came in.
func (s Style) message(t Transfer, random *rand.Rand) SMS {
	return SMS{Sender: s.sender(random), Text: s.credit(t), At: t.At}
}

// prefixes are those of telephone operators and regions. They differ from message to message of the same bank.
var prefixes = []string{"VM", "AD", "JD", "AX", "VK", "BP"}

func (s Style) sender(random *rand.Rand) string {
	return prefixes[random.IntN(len(prefixes))] + "-" + s.headers[random.IntN(len(s.headers))] + "-S"
}

// The banks. Their messages differ in the form of dates and amounts, in order, and in whether they tell a time.
var (
	HDFC = Style{"HDFC Bank", []string{"HDFCBK", "HDFCBN"}, func(t Transfer) string {
		return fmt.Sprintf("Credit Alert!\nRs.%s credited to HDFC Bank A/c xx%s on %s from VPA %s (UPI %s)",
			t.Amount.Fixed(), t.To.Tail, day(t.At, "02-01-06"), t.From.VPA, t.Number)
	}}
	SBI = Style{"SBI", []string{"SBIUPI", "CBSSBI"}, func(t Transfer) string {
		return fmt.Sprintf("Dear SBI User, your A/c X%s-credited by Rs.%s on %s transfer from %s Ref No %s -SBI",
			t.To.Tail, t.Amount.Text(), day(t.At, "02Jan06"), t.From.Name, t.Number)
	}}
	ICICI = Style{"ICICI Bank", []string{"ICICIB", "ICICIT"}, func(t Transfer) string {
		return fmt.Sprintf("Dear Customer, Acct XX%s is credited with Rs %s on %s from %s. UPI:%s-ICICI Bank",
			t.To.Tail, t.Amount.Fixed(), day(t.At, "02-Jan-06"), t.From.Name, t.Number)
	}}
	Axis = Style{"Axis Bank", []string{"AXISBK"}, func(t Transfer) string {
		return fmt.Sprintf("INR %s credited\nA/c no. XX%s\n%s IST\nUPI/P2A/%s/%s/ICICI Ban - Axis Bank",
			t.Amount.Fixed(), t.To.Tail, day(t.At, "02-01-06, 15:04:05"), t.Number, t.From.Name)
	}}
	Kotak = Style{"Kotak Bank", []string{"KOTAKB"}, func(t Transfer) string {
		return fmt.Sprintf("Received Rs.%s in your Kotak Bank AC X%s from %s on %s.UPI Ref %s. Not you, kotak.com/fraud",
			t.Amount.Fixed(), t.To.Tail, t.From.VPA, day(t.At, "02-01-06"), t.Number)
	}}
	Canara = Style{"Canara Bank", []string{"CANBNK"}, func(t Transfer) string {
		return fmt.Sprintf("An amount of INR %s has been CREDITED to your account XXX%s on %s by UPI ref no. %s from %s."+
			" Total Avail.bal INR 7000.00 - Canara Bank",
			lakhs(t.Amount), t.To.Tail, day(t.At, "02/01/2006"), t.Number, t.From.Name)
	}}
)

// Styles lists all banks.
var Styles = []Style{HDFC, SBI, ICICI, Axis, Kotak, Canara}

func day(at time.Time, layout string) string { return at.In(india).Format(layout) }

// lakhs writes an amount in the Indian grouping: 13,30,614.75.
func lakhs(m money.Money) string {
	whole, paise, _ := strings.Cut(m.Fixed(), ".")
	const lastGroup, otherGroups = 3, 2
	head := max(len(whole)-lastGroup, 0)
	grouped := whole[head:]
	for head > 0 {
		from := max(head-otherGroups, 0)
		grouped = whole[from:head] + "," + grouped
		head = from
	}
	return grouped + "." + paise
}

// disturbances are messages on the same phone that report no incoming payment: a one-time password, a payment of our
// own, a request to pay, an offer, and a credit that isn't a payer's.
var disturbances = []string{
	"{code} is your OTP for txn of Rs.500.00 at SHOP on card xx{tail}. Do not share it with anyone.",
	"Acct XX{tail} debited for Rs 900.00 on {day}; OTHER NAME credited. UPI:{number}.",
	"PAYER NAME has requested Rs.500 from you. On approving, Rs.500 will be debited from A/c XX{tail}.",
	"Get a loan of Rs.2,00,000 credited to your A/c XX{tail} today. Apply now.",
	"Dear Customer, Acct XX{tail} has been credited with Rs 208.42 on {day} as reversal of transaction with UPI: {number}.",
}

func (s Style) disturbance(tail, number string, at time.Time, random *rand.Rand) SMS {
	fill := strings.NewReplacer("{tail}", tail, "{number}", number, "{day}", day(at, "02-Jan-06"),
		"{code}", fmt.Sprintf("%06d", random.IntN(1_000_000)))
	return SMS{Sender: s.sender(random), Text: fill.Replace(disturbances[random.IntN(len(disturbances))]), At: at}
}
