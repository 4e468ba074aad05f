package evidence

import (
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/evidence/bank"
)

// India is the zone of the Indian banks.
var India = bank.India

// OccurredAt is the time a transfer counts from. bank is the date or time the bank printed, in its zone: with
// PrecisionExact it holds as it is. With PrecisionDay the transfer counts as received at received when that is the same
// day in the bank's zone, else as the last microsecond of that day: a message that arrives late must not look earlier
// than it can have been. With PrecisionNone it is received. The result is UTC.
func OccurredAt(bank time.Time, precision Precision, received time.Time) time.Time {
	switch precision {
	case PrecisionExact:
		return bank.UTC()
	case PrecisionDay:
		year, month, day := bank.Date()
		receivedYear, receivedMonth, receivedDay := received.In(bank.Location()).Date()
		if !received.IsZero() && year == receivedYear && month == receivedMonth && day == receivedDay {
			return received.UTC()
		}
		return time.Date(year, month, day+1, 0, 0, 0, 0, bank.Location()).Add(-time.Microsecond).UTC()
	default:
		return received.UTC()
	}
}

// ParseDay reads a date as Indian banks print it: day, month, year in numbers with - / or . between, or the month as a
// name (03Dec23, 07-Jan-25, 5 September 2025), also year first (2025-09-30). Years of two digits are 2000 to 2099. The
// result is midnight in the zone.
func ParseDay(text string, zone *time.Location) (time.Time, bool) {
	parts := splitDay(text)
	if len(parts) != 3 {
		return time.Time{}, false
	}
	if len(parts[0]) == 4 {
		parts[0], parts[2] = parts[2], parts[0]
	}
	day, dayErr := strconv.Atoi(parts[0])
	year, yearErr := strconv.Atoi(parts[2])
	month := monthOf(parts[1])
	if dayErr != nil || yearErr != nil || month == 0 || len(parts[0]) > 2 {
		return time.Time{}, false
	}
	switch len(parts[2]) {
	case 2:
		year += 2000
	case 4:
	default:
		return time.Time{}, false
	}
	date := time.Date(year, month, day, 0, 0, 0, 0, zone)
	return date, date.Day() == day && date.Month() == month && year >= 2000 && year < 2100
}

// splitDay cuts at separators and where digits meet letters.
func splitDay(text string) []string {
	var spaced strings.Builder
	var last rune
	for _, r := range text {
		letter := func(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' }
		if last != 0 && letter(r) != letter(last) {
			spaced.WriteByte(' ')
		}
		spaced.WriteRune(r)
		last = r
	}
	return strings.FieldsFunc(spaced.String(), func(r rune) bool { return strings.ContainsRune(" -/.,", r) })
}

func monthOf(text string) time.Month {
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 || number > 12 || len(text) > 2 {
			return 0
		}
		return time.Month(number)
	}
	if len(text) < 3 {
		return 0
	}
	for month := time.January; month <= time.December; month++ {
		if name := month.String(); len(text) <= len(name) && strings.EqualFold(name[:len(text)], text) {
			return month
		}
	}
	if strings.EqualFold(text, "sept") {
		return time.September
	}
	return 0
}

// ParseClock reads 16:02, 16:02:45 and their 12-hour forms with AM or PM, and returns the time since midnight.
func ParseClock(text string) (time.Duration, bool) {
	for _, layout := range [...]string{"15:04:05", "15:04", "3:04:05 PM", "3:04 PM", "3:04:05PM", "3:04PM"} {
		if clock, err := time.Parse(layout, strings.ToUpper(text)); err == nil {
			return clock.Sub(clock.Truncate(24 * time.Hour)), true
		}
	}
	return 0, false
}
