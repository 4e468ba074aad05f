package statement

import (
	"regexp"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/money"
)

// readRow never fails: a row that can't be read is skipped with a reason and kept by the caller.
func (s *Statement) readRow(l line) Row {
	row := Row{Line: l.number, Raw: l.text}
	if l.cut {
		row.Reason = evidence.ReasonTooLong
		return row
	}
	cells := s.columns.align(splitCells(l.text, s.delimiter))
	cell := func(at int) string {
		if at < 0 || at >= len(cells) {
			return ""
		}
		return cells[at]
	}
	row.Narration = strings.Join(strings.Fields(cell(s.columns.narration)), " ")
	var references []string
	for _, column := range s.columns.references {
		references = append(references, cell(column))
	}
	row.References = strings.Join(strings.Fields(strings.Join(references, " ")), " ")
	row.GivenTime = strings.TrimSpace(cell(s.columns.date) + " " + cell(s.columns.time))
	at, precision, ok := readTime(row.GivenTime)
	if !ok {
		row.Reason = evidence.ReasonNoTransaction
		return row
	}
	row.OccurredAt, row.Precision = evidence.OccurredAt(at, precision, s.options.Received), precision
	row.Amount, row.Outcome, row.Reason = s.readMoney(cell)
	if row.Reason != "" {
		return row
	}
	row.Direction = row.Outcome
	if s.takenBack(cell) {
		row.Direction = Skipped
	}
	row.Number, row.Placed, row.Reason = findReference(row.Narration, references)
	row.Payer = findPayer(row.Narration, row.Number)
	row.Reversal = reversalNarration.MatchString(row.Narration)
	switch {
	case row.Outcome == Debit:
		row.Reason = "" // a debit is kept as it is
	case row.Reversal:
		row.Outcome, row.Reason = Skipped, evidence.ReasonReversal
	case row.Reason != "":
		row.Outcome = Skipped
	}
	return row
}

// align brings the cells of a row under the header's columns: some banks don't quote a narration with commas.
func (c columns) align(cells []string) []string {
	for len(cells) > c.count && cells[len(cells)-1] == "" {
		cells = cells[:len(cells)-1]
	}
	extra := len(cells) - c.count
	if extra <= 0 || c.narration < 0 || len(cells) > maxColumns {
		return cells
	}
	aligned := append([]string(nil), cells[:c.narration]...)
	aligned = append(aligned, strings.Join(cells[c.narration:c.narration+extra+1], ","))
	return append(aligned, cells[c.narration+extra+1:]...)
}

// readTime reads a date, or a date and a time behind it.
func readTime(text string) (time.Time, evidence.Precision, bool) {
	if day, ok := evidence.ParseDay(text, zone); ok {
		return day, evidence.PrecisionDay, true
	}
	text = strings.Replace(text, "T", " ", 1)
	for at := range len(text) {
		if text[at] != ' ' {
			continue
		}
		day, isDay := evidence.ParseDay(text[:at], zone)
		clock, isClock := evidence.ParseClock(strings.TrimSpace(text[at:]))
		if isDay && isClock {
			return day.Add(clock), evidence.PrecisionExact, true
		}
	}
	return time.Time{}, 0, false
}

// readMoney reads the amount and its direction from the columns the statement has.
func (s *Statement) readMoney(cell func(int) string) (money.Money, Outcome, evidence.Reason) {
	if s.columns.credit >= 0 {
		in, inOK := s.parseAmount(cell(s.columns.credit))
		out, outOK := s.parseAmount(cell(s.columns.debit))
		switch {
		case !inOK || !outOK:
			return money.Money{}, Skipped, evidence.ReasonBadAmount
		case in.value.Minor > 0 && out.value.Minor == 0 && in.direction != Debit:
			return in.value, Credit, ""
		case out.value.Minor != 0 && in.value.Minor == 0:
			return out.value, Debit, ""
		case in.value.Minor == 0 && out.value.Minor == 0:
			return money.Money{}, Skipped, evidence.ReasonNoAmount
		}
		return money.Money{}, Skipped, evidence.ReasonAmbiguousAmount
	}
	amount, ok := s.parseAmount(cell(s.columns.amount))
	if !ok {
		return money.Money{}, Skipped, evidence.ReasonBadAmount
	}
	if amount.value.Minor == 0 {
		return money.Money{}, Skipped, evidence.ReasonNoAmount
	}
	if s.columns.direction >= 0 {
		said := directionOf(cell(s.columns.direction))
		if said == Skipped || amount.direction != Skipped && amount.direction != said {
			return money.Money{}, Skipped, evidence.ReasonAmbiguousAmount
		}
		return amount.value, said, ""
	}
	if amount.direction == Skipped {
		return amount.value, Credit, "" // a column of signed amounts: no sign is money in
	}
	return amount.value, amount.direction, ""
}

// takenBack reports a debit with a minus before it, in a column of debits alone. Some banks print what came back like that, and
// some every debit.
func (s *Statement) takenBack(cell func(int) string) bool {
	if s.columns.credit < 0 {
		return false
	}
	out, _ := s.parseAmount(cell(s.columns.debit))
	return out.negative
}

func directionOf(text string) Outcome {
	switch strings.ToLower(strings.Trim(text, " .()")) {
	case "cr", "c", "credit", "deposit":
		return Credit
	case "dr", "d", "debit", "withdrawal":
		return Debit
	}
	return Skipped
}

type signedAmount struct {
	value     money.Money // without sign
	direction Outcome     // what a sign or a Cr/Dr beside the digits says; Skipped when there is none
	negative  bool        // a sign says so
}

var amountCell = regexp.MustCompile(`(?i)^(?:rs\.?|inr|₹)?\s*(\(?[+-]?)\s*(?:rs\.?|inr|₹)?\s*([0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(\)?)\s*\(?(cr|dr)?\.?\)?$`)

// parseAmount reads a money cell; an empty one and a dash are zero.
func (s *Statement) parseAmount(text string) (signedAmount, bool) {
	text = strings.TrimSpace(text)
	if text == "" || text == "-" || text == "--" {
		return signedAmount{value: money.Money{Currency: s.options.Currency}}, true
	}
	parts := amountCell.FindStringSubmatch(text)
	if parts == nil {
		return signedAmount{}, false
	}
	digits := parts[2]
	if strings.HasPrefix(digits, ".") {
		digits = "0" + digits
	}
	value, err := money.ParseGrouped(digits, s.options.Currency)
	if err != nil {
		return signedAmount{}, false
	}
	amount := signedAmount{value: value, direction: directionOf(parts[4])}
	if sign := parts[1]; strings.HasPrefix(sign, "(") || strings.HasSuffix(sign, "-") {
		if amount.direction == Credit {
			return signedAmount{}, false
		}
		amount.direction, amount.negative = Debit, true
	}
	return amount, true
}
