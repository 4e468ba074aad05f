package sender

import (
	"errors"
	"fmt"
	"testing"
	"time"
)

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	tests := map[string]time.Duration{
		"":                               0,
		"0":                              0,
		"5":                              5 * time.Second,
		" 120 ":                          2 * time.Minute,
		"007":                            7 * time.Second,
		"86400":                          MaxRetryAfter,
		"86401":                          MaxRetryAfter,
		"99999999999999999999999999":     MaxRetryAfter,
		"-5":                             0,
		"+5":                             0,
		"1.5":                            0,
		"5s":                             0,
		"1e9":                            0,
		"٥":                              0,
		"soon":                           0,
		"Sun, 22 Nov 2026 10:01:00 GMT":  time.Minute,
		"Sunday, 22-Nov-26 10:01:00 GMT": time.Minute,
		"Sun Nov 22 10:01:00 2026":       time.Minute,
		"Sun, 22 Nov 2026 09:59:59 GMT":  0,
		"Thu, 01 Jan 1970 00:00:00 GMT":  0,
		"Fri, 31 Dec 9999 23:59:59 GMT":  MaxRetryAfter,
		"2026-11-22T10:01:00Z":           0,
	}
	for value, want := range tests {
		if got := ParseRetryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	for _, seed := range []string{"", "0", "120", "-1", "99999999999999999999", "Sun, 22 Nov 2026 10:01:00 GMT", "Fri, 31 Dec 9999 23:59:59 GMT"} {
		f.Add(seed, int64(1795000000))
	}
	f.Fuzz(func(t *testing.T, value string, now int64) {
		if got := ParseRetryAfter(value, time.Unix(now, 0)); got < 0 || got > MaxRetryAfter {
			t.Fatalf("%q: %v", value, got)
		}
	})
}

// The texts are net/http's, which exports none of these errors. Some come about only in races.
func TestKindOfClosedConnections(t *testing.T) {
	for _, text := range []string{
		"http: server closed idle connection",
		"stream error: stream ID 1; INTERNAL_ERROR; received from peer",
		`http2: server sent GOAWAY and closed the connection; LastStreamID=1, ErrCode=NO_ERROR, debug=""`,
		"http2: Transport received Server's graceful shutdown GOAWAY",
		"http2: client connection lost",
		"http2: client conn not usable",
	} {
		if kind := kindOf(fmt.Errorf("net/http: broken: %w", errors.New(text))); kind != KindConnection {
			t.Errorf("%s: %s", text, kind)
		}
	}
	if kind := kindOf(errors.New("http2: response header list larger than advertised limit")); kind != KindAnswer {
		t.Errorf("a header that is too long is of kind %s", kind)
	}
}
