package evidence

import (
	"testing"
	"time"
)

func TestOccurredAt(t *testing.T) {
	day := time.Date(2026, 1, 5, 0, 0, 0, 0, India)
	endOfDay := time.Date(2026, 1, 5, 18, 29, 59, 999_999_000, time.UTC)
	clock := day.Add(10 * time.Hour)
	for _, test := range []struct {
		name           string
		bank           time.Time
		precision      Precision
		received, want time.Time
	}{
		{"exact", clock, PrecisionExact, day.Add(20 * time.Hour), clock},
		{"same day", day, PrecisionDay, day.Add(11 * time.Hour), day.Add(11 * time.Hour)},
		{"first moment of the day", day, PrecisionDay, day, day},
		{"last moment of the day", day, PrecisionDay, endOfDay, endOfDay},
		{"received the next day", day, PrecisionDay, day.Add(24 * time.Hour), endOfDay},
		{"received before the day", day, PrecisionDay, day.Add(-time.Microsecond), endOfDay},
		{"same day in India, not in UTC", day, PrecisionDay, time.Date(2026, 1, 4, 18, 30, 0, 0, time.UTC), day},
		{"same day in UTC, not in India", day, PrecisionDay, time.Date(2026, 1, 5, 18, 30, 0, 0, time.UTC), endOfDay},
		{"not received", day, PrecisionDay, time.Time{}, endOfDay},
		{"no time", time.Time{}, PrecisionNone, clock, clock},
	} {
		if got := OccurredAt(test.bank, test.precision, test.received); !got.Equal(test.want) || got.Location() != time.UTC {
			t.Errorf("%s: got %s, want %s", test.name, got, test.want)
		}
	}
}

func TestParseDay(t *testing.T) {
	for text, want := range map[string]string{
		"07-12-24": "2024-12-07", "07/10/2025": "2025-10-07", "06.08.25": "2025-08-06", "03Dec23": "2023-12-03",
		"07-Jan-25": "2025-01-07", "01-OCT-2025": "2025-10-01", "5 September 2025": "2025-09-05", "5 Sept 25": "2025-09-05",
		"29-02-24": "2024-02-29", "2025-09-30": "2025-09-30", "1/2/25": "2025-02-01", "26 Jun, 2025": "2025-06-26",
		"29-02-25": "", "31-04-25": "", "00-01-25": "", "32-01-25": "", "01-13-25": "", "01-00-25": "", "": "", "1-2": "",
		"01-02-03-04": "", "01-Foo-25": "", "01-02-125": "", "001-02-25": "", "01-02-1999": "", "01-02-2100": "",
	} {
		got, ok := ParseDay(text, India)
		if ok != (want != "") || ok && got.Format(time.DateOnly) != want {
			t.Errorf("%q: got %s, %t; want %q", text, got, ok, want)
		}
	}
}

func TestParseClock(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"16:02:45": 16*time.Hour + 2*time.Minute + 45*time.Second, "17:36": 17*time.Hour + 36*time.Minute,
		"00:00": 0, "9:05": 9*time.Hour + 5*time.Minute, "9:05 pm": 21*time.Hour + 5*time.Minute,
		"24:00": -1, "12:60": -1, "": -1, "noon": -1,
	} {
		got, ok := ParseClock(text)
		if ok != (want >= 0) || ok && got != want {
			t.Errorf("%q: got %s, %t; want %s", text, got, ok, want)
		}
	}
}
