package bankfile

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// rowReader reads the rows of one response.
type rowReader struct {
	response Response
	words    map[string]payout.Outcome // by folded word
	columns  columns
}

func (r Response) folded() map[string]payout.Outcome {
	words := make(map[string]payout.Outcome, len(r.Words))
	for word, outcome := range r.Words {
		words[fold(word)] = outcome
	}
	return words
}

var (
	// readReference and utrForm are matched before small letters become capitals: more than one letter becomes an S or a K.
	readReference = regexp.MustCompile(`^[A-Za-z0-9]{1,40}$`)
	// utrForm: the RRN of IMPS is 12 digits, a UTR of NEFT 16 and one of RTGS 22 characters; banks also give numbers of their
	// own, such as S12345678. All have a run of digits in them, which a word hasn't.
	utrForm    = regexp.MustCompile(`^[A-Za-z0-9]{6,22}$`)
	utrDigits  = regexp.MustCompile(`[0-9]{6}`)
	tailDigits = regexp.MustCompile(`[0-9]{4}$`)
	currency   = regexp.MustCompile(`(?i)^(?:rs\.?|inr|₹)\s*`)
	// longNumber is what may be an account number in a bank's words; all but its last four digits are masked.
	longNumber = regexp.MustCompile(`[0-9]{5,}([0-9]{4})`)
)

func (r rowReader) read(l line) (Row, *RowError) {
	problem := &RowError{Line: l.number, Reason: l.problem}
	if l.problem != "" {
		return Row{}, problem
	}
	at := func(column int) cell {
		if column < 0 || column >= len(l.cells) {
			return cell{}
		}
		return l.cells[column]
	}
	c := r.columns
	reference := strings.ToUpper(at(c.reference).text)
	if !readReference.MatchString(at(c.reference).text) || at(c.reference).formula {
		problem.Reason = "has no reference, or none that can be ours"
		return Row{}, problem
	}
	problem.Reference = reference
	for i, cell := range l.cells {
		if i >= c.count && cell.text != "" {
			problem.Reason = "has more cells than there are columns"
			return Row{}, problem
		}
	}
	for _, column := range [...]int{c.amount, c.status, c.utr} {
		if at(column).formula {
			problem.Reason = "has a formula where the bank's own word must be"
			return Row{}, problem
		}
	}
	amount, ok := readAmount(at(c.amount))
	if !ok {
		problem.Reason = "has no amount above zero that can be read"
		return Row{}, problem
	}
	row := Row{
		Line: l.number, Reference: reference, Amount: amount, UTR: readUTR(at(c.utr)),
		AccountTail: tailDigits.FindString(at(c.account).text),
	}
	row.Answer = r.answer(at(c.status).text, row.UTR, at(c.reason))
	row.Answer.At = readTime(at(c.date))
	row.Answer.Raw = []byte(l.text)
	row.Answer = row.Answer.Clip()
	return row, nil
}

func (r rowReader) answer(word, utr string, reason cell) payout.Answer {
	answer := payout.Answer{Outcome: payout.Unknown, Code: mask(word)}
	if !reason.formula {
		answer.Reason = mask(reason.text)
	}
	if outcome, known := r.words[fold(word)]; known {
		answer.Outcome = outcome
	}
	switch {
	case answer.Outcome != payout.Paid:
	case utr == "" && r.response.PaidNeedsUTR:
		answer.Outcome, answer.Reason = payout.Unknown, "the bank says paid and gives no UTR"
	default:
		answer.UTR = utr
	}
	return answer
}

func mask(text string) string {
	return longNumber.ReplaceAllString(strings.Join(strings.Fields(text), " "), "…$1")
}

// readAmount reads an amount above zero: the number of a cell, or text in plain, Indian or Western groups.
func readAmount(c cell) (money.Money, bool) {
	var amount money.Money
	var err error
	if c.number {
		amount, err = money.Parse(decimal(c.text), money.INR)
	} else {
		amount, err = money.ParseGrouped(currency.ReplaceAllString(c.text, ""), money.INR)
	}
	return amount, err == nil && amount.Minor > 0
}

// numberForm: sign, whole digits, fraction, exponent.
var numberForm = regexp.MustCompile(`^(-?)([0-9]{1,20})(?:\.([0-9]{1,20}))?([eE][+-]?[0-9]{1,3})?$`)

// excelDigits is what Excel itself keeps of a number.
const excelDigits = 15

// decimal brings an Excel number to the digits that Excel shows. Excel stores 1218.1 as 1218.0999999999999: rounding the text
// half up to 15 significant digits gives what was typed. Text that isn't such a number stays what it is.
func decimal(text string) string {
	parts := numberForm.FindStringSubmatch(text)
	if parts == nil {
		return text
	}
	sign, whole, fraction, exponent := parts[1], strings.TrimLeft(parts[2], "0"), parts[3], parts[4]
	digits := whole + fraction
	significant := len(strings.TrimLeft(digits, "0"))
	if significant <= excelDigits || len(whole) > excelDigits {
		return text
	}
	kept := digits[:len(digits)-(significant-excelDigits)]
	up := digits[len(kept)] >= '5'
	rounded := []byte("0" + kept)
	for i := len(rounded) - 1; up && i >= 0; i-- {
		if up = rounded[i] == '9'; up {
			rounded[i] = '0'
		} else {
			rounded[i]++
		}
	}
	point := len(whole) + 1
	return sign + string(rounded[:point]) + "." + string(rounded[point:]) + "0" + exponent
}

func readUTR(c cell) string {
	if !utrForm.MatchString(c.text) || !utrDigits.MatchString(c.text) || strings.Trim(c.text, "0") == "" {
		return ""
	}
	return strings.ToUpper(c.text)
}

// readTime reads a day, or a day and a time, in India; zero when it can't.
func readTime(c cell) time.Time {
	text := strings.Join(strings.Fields(c.text), " ")
	if c.formula {
		return time.Time{}
	}
	if c.number {
		return readSerial(text)
	}
	if day, ok := evidence.ParseDay(text, india); ok {
		return day
	}
	for at := range len(text) {
		if text[at] != ' ' && text[at] != 'T' {
			continue
		}
		day, isDay := evidence.ParseDay(text[:at], india)
		clock, isClock := evidence.ParseClock(text[at+1:])
		if isDay && isClock {
			return day.Add(clock)
		}
	}
	return time.Time{}
}

// readSerial reads Excel's number of a day: 1 is 1 January 1900, and 29 February 1900 counts though it never was. The time
// behind the point is left out.
func readSerial(text string) time.Time {
	whole, _, _ := strings.Cut(text, ".")
	const first, last = 36526, 73050 // the years 2000 to 2099
	days, err := strconv.Atoi(whole)
	if err != nil || days < first || days > last {
		return time.Time{}
	}
	return time.Date(1899, time.December, 30+days, 0, 0, 0, 0, india)
}
