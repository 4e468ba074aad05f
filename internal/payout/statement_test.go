package payout

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/money"
)

func TestReadEntries(t *testing.T) {
	amount := money.Money{Minor: 700_00, Currency: money.INR}
	const number, another = "412345678901", "412345678902"
	entry := func(way Way, change ...func(*Entry)) Entry {
		e := Entry{Way: way, Amount: amount, Number: number, Placed: true, Given: "22/11/26", Raw: []byte(fmt.Sprintf("row %d", way))}
		for _, f := range change {
			f(&e)
		}
		return e
	}
	of := func(minor int64) func(*Entry) { return func(e *Entry) { e.Amount.Minor = minor } }
	by := func(n string) func(*Entry) { return func(e *Entry) { e.Number = n } }
	raw := func(text string) func(*Entry) { return func(e *Entry) { e.Raw = []byte(text) } }
	written := func(e *Entry) { e.Placed = false }
	dollars := func(e *Entry) { e.Amount.Currency = "USD" }

	for name, c := range map[string]struct {
		entries []Entry
		want    string // outcome, number, whether certain
	}{
		"it left":                               {[]Entry{entry(Out)}, "paid 412345678901"},
		"it left, by no number":                 {[]Entry{entry(Out, by(""))}, "paid"},
		"it left, and the row stands twice":     {[]Entry{entry(Out), entry(Out)}, "paid 412345678901"},
		"it left and came back":                 {[]Entry{entry(Out), entry(Back)}, "failed certain"},
		"it left and came back, without a word": {[]Entry{entry(Out), entry(In)}, "failed certain"},
		"it came back by another number":        {[]Entry{entry(Out), entry(Back, by(another))}, "failed"},
		"it came back by no number":             {[]Entry{entry(Out), entry(Back, by(""))}, "failed"},
		"both without a number":                 {[]Entry{entry(Out, by("")), entry(Back, by(""))}, "failed"},
		"a payer may have written the number":   {[]Entry{entry(Out), entry(Back, written)}, "failed"},
		"only its return":                       {[]Entry{entry(Back)}, "failed"},
		"only money that came in":               {[]Entry{entry(In)}, "failed"},
		"of another amount":                     {[]Entry{entry(Out, of(699_99))}, "conflict"},
		"of another currency":                   {[]Entry{entry(Out, dollars)}, "conflict"},
		"it came back of another amount":        {[]Entry{entry(Out), entry(Back, of(1))}, "conflict"},
		"only a return of another amount":       {[]Entry{entry(Back, of(1))}, "conflict"},
		"money came in of another amount, too":  {[]Entry{entry(Out), entry(In, of(1))}, "conflict"},
		"a payer who writes our reference":      {[]Entry{entry(In, of(1))}, ""},
		"a row that can't be read":              {[]Entry{entry(Unclear)}, ""},
		"it left, and a row can't be read":      {[]Entry{entry(Out), entry(Unclear)}, "conflict"},
		"it left twice":                         {[]Entry{entry(Out), entry(Out, raw("another"))}, "conflict"},
		"it left twice and came back once":      {[]Entry{entry(Out), entry(Out, raw("another")), entry(Back)}, "conflict"},
		"it came back twice":                    {[]Entry{entry(Out), entry(Back), entry(In)}, "conflict"},
		"nothing":                               {nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			// The order in the file doesn't matter.
			for range 2 {
				got := ReadEntries(c.entries, amount)
				text := strings.TrimSpace(string(got.Outcome) + " " + got.UTR)
				if got.Certain {
					text += " certain"
				}
				if got.Conflict {
					text = "conflict"
				}
				if text != c.want {
					t.Errorf("%q, want %q: %+v", text, c.want, got)
				}
				if got.Certain != (got.Back == number) || got.Conflict != (got.Outcome == Unknown) || (got.Raw == nil) != (c.want == "") {
					t.Errorf("%+v", got)
				}
				slices.Reverse(c.entries)
			}
		})
	}
}
