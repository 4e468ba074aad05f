package evidence

import "time"

// India is the zone of every Indian bank. It has no daylight saving time, so a fixed zone is exact.
var India = time.FixedZone("IST", 5*60*60+30*60)

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
