package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"

	"golang.org/x/term"
)

// What a screen may cost at most. They are meant for the first one, and every screen keeps them: a link can lead to any.
const (
	maxTotalBytes  = 30 << 10 // of everything, as it comes over the wire
	maxScriptBytes = 10 << 10 // of our own JavaScript, uncompressed
	maxRoundTrips  = 1        // after the HTML
	maxThirdParty  = 0
	maxFonts       = 0
)

// report is what was measured.
type report struct {
	Chromium    string     `json:"chromium"`
	Runs        int        `json:"runs"`
	CPUSlowdown int        `json:"cpu_slowdown"`
	Width       int        `json:"width"`
	Height      int        `json:"height"`
	Profiles    []profile  `json:"profiles"`
	Screens     []measured `json:"screens"`
	Budgets     []budget   `json:"budgets"`
}

// measured is one screen in one language: its heaviest load, and its median times.
type measured struct {
	Screen   string `json:"screen"`
	Language string `json:"language"`
	weight
	Timings []timed `json:"timings"`
}

type timed struct {
	Profile string `json:"profile"`
	timing
}

// budget is one limit and the screen that comes nearest to it.
type budget struct {
	Name     string `json:"name"`
	Limit    int64  `json:"limit"`
	Worst    int64  `json:"worst"`
	Screen   string `json:"screen,omitzero"` // "" where all have none
	Exceeded bool   `json:"exceeded"`
}

// judge holds the screens against the budgets.
func (r *report) judge() {
	for _, b := range []struct {
		name  string
		limit int64
		of    func(weight) int64
	}{
		{"bytes in all", maxTotalBytes, func(w weight) int64 { return w.Total }},
		{"bytes of own JavaScript, uncompressed", maxScriptBytes, func(w weight) int64 { return w.OwnScript }},
		{"round trips after the HTML", maxRoundTrips, func(w weight) int64 { return w.RoundTrips }},
		{"requests to third parties", maxThirdParty, func(w weight) int64 { return w.ThirdParty }},
		{"fonts", maxFonts, func(w weight) int64 { return w.Fonts }},
	} {
		found := budget{Name: b.name, Limit: b.limit}
		for _, m := range r.Screens {
			if n := b.of(m.weight); n > found.Worst {
				found.Worst, found.Screen = n, m.name()
			}
		}
		found.Exceeded = found.Worst > found.Limit
		r.Budgets = append(r.Budgets, found)
	}
}

// write prints the report for a person.
func (r *report) write(w io.Writer) error {
	fmt.Fprintf(w, "First visits, %s, %d×%d, CPU %d times slower.\n\nBytes over the wire, the heaviest of all loads:\n\n",
		r.Chromium, r.Width, r.Height, r.CPUSlowdown)
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(columns, "%s\tREQUESTS\tALL\tHEADERS\tHTML\tCSS\tJS\tOTHER\tJS UNPACKED\tROUND TRIPS\tTHIRD PARTY\tFONTS\t\n", left("SCREEN"))
	for _, m := range r.Screens {
		fmt.Fprintf(columns, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t\n", left(m.name()), m.Requests, m.Total, m.Headers,
			m.HTML, m.CSS, m.Script, m.Rest, m.OwnScript, m.RoundTrips, m.ThirdParty, m.Fonts)
	}
	columns.Flush()
	fmt.Fprintf(w, "\nMilliseconds to the first byte, to the first paint with content, to usable; median of %d:\n\n", r.Runs)
	fmt.Fprintf(columns, "%s\t", left(""))
	for _, p := range r.Profiles {
		fmt.Fprintf(columns, "%s:\t\t\t", strings.ToUpper(p.Name))
	}
	fmt.Fprintf(columns, "\n%s\t%s\n", left("SCREEN"), strings.Repeat("BYTE\tPAINT\tUSABLE\t", len(r.Profiles)))
	for _, m := range r.Screens {
		fmt.Fprintf(columns, "%s\t", left(m.name()))
		for _, t := range m.Timings {
			fmt.Fprintf(columns, "%d\t%d\t%d\t", t.FirstByte, t.Paint, t.Usable)
		}
		fmt.Fprintln(columns)
	}
	columns.Flush()
	fmt.Fprintln(w)
	for _, p := range r.Profiles {
		fmt.Fprintln(w, p)
	}
	fmt.Fprintf(w, "Not in it: the %d round trips by which a real first visit connects. Chromium delays answers only.\n", unplayedRoundTrips)
	fmt.Fprint(w, "\nBudgets of every screen:\n\n")
	columns = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, "BUDGET\tAT MOST\tWORST\tVERDICT\tSCREEN")
	for _, b := range r.Budgets {
		verdict := "kept"
		if b.Exceeded {
			verdict = "EXCEEDED"
		}
		fmt.Fprintf(columns, "%s\t%d\t%d\t%s\t%s\n", b.Name, b.Limit, b.Worst, verdict, b.Screen)
	}
	return columns.Flush()
}

// left fills a name up, so that it stands on the left of a table whose numbers stand on the right.
func left(name string) string { return fmt.Sprintf("%-*s", nameWidth, name) }

// nameWidth fits every name of a screen with its language.
const nameWidth = 18

// name of the screen with its language.
func (m measured) name() string { return m.Screen + ", " + m.Language }

// String is the profile with its numbers.
func (p profile) String() string {
	if p.conditions == nil {
		return p.Name + ": as fast as it is"
	}
	const kilo = 1000
	return fmt.Sprintf("%s: round trip %d ms, %d kbit/s", p.Name, p.RoundTripMS, p.BitsPerSecond/kilo)
}

// progress tells on stderr which screen is measured: in one line on a terminal, else in a line each.
type progress struct {
	w        io.Writer
	terminal bool
}

func newProgress(w io.Writer) *progress {
	file, isFile := w.(*os.File)
	return &progress{w, isFile && term.IsTerminal(int(file.Fd()))}
}

func (p *progress) show(done, total int, what string) {
	if p.terminal {
		fmt.Fprintf(p.w, "\r\x1b[Kmeasuring %d of %d: %s", done, total, what)
		return
	}
	fmt.Fprintf(p.w, "measuring %d of %d: %s\n", done, total, what)
}

// end takes the line away.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
