package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

// report prints each mutant as it ends, and on a terminal how far the run is and when it will be over.
type report struct {
	mu       sync.Mutex
	out      io.Writer
	json     bool
	terminal bool
	total    int
	done     int
	bad      []outcome
	began    time.Time
}

func newReport(out io.Writer, total int, asJSON bool) *report {
	file, isFile := out.(*os.File)
	return &report{out: out, json: asJSON, total: total, began: time.Now(), terminal: isFile && !asJSON && term.IsTerminal(int(file.Fd()))}
}

const (
	barWidth     = 30
	messageWidth = 110
)

// add prints a mutant's line.
func (r *report) add(o outcome) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done++
	if o.State != caught {
		r.bad = append(r.bad, o)
	}
	if r.json {
		jsonLine(r.out, o)
		return
	}
	r.clear()
	switch o.State {
	case caught:
		fmt.Fprintf(r.out, "%-13s %-44s %4.0fs  %s %s (%s)\n              %s\n", o.State, o.Mutant, o.Seconds, o.Package, o.Test, o.How, clip(o.Message))
	default:
		fmt.Fprintf(r.out, "%-13s %-44s %4.0fs  %s\n", o.State, o.Mutant, o.Seconds, clip(o.Message))
	}
	r.draw()
}

func clip(text string) string {
	text = strings.Join(strings.Fields(text), " ")
	if runes := []rune(text); len(runes) > messageWidth {
		return string(runes[:messageWidth]) + "…"
	}
	return text
}

// note prints a line that is of no mutant.
func (r *report) note(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.json {
		return
	}
	r.clear()
	fmt.Fprintf(r.out, "%s (%s)\n", text, time.Since(r.began).Round(time.Second))
	r.began = time.Now() // the time that is left is told from the mutants alone
	r.draw()
}

func (r *report) clear() {
	if r.terminal {
		fmt.Fprint(r.out, "\r\x1b[K")
	}
}

func (r *report) draw() {
	if !r.terminal || r.done == r.total {
		return
	}
	full := barWidth * r.done / r.total
	left := "…"
	if r.done > 0 {
		left = (time.Since(r.began) / time.Duration(r.done) * time.Duration(r.total-r.done)).Round(time.Second).String()
	}
	fmt.Fprintf(r.out, "[%s%s] %d/%d, %s left", strings.Repeat("█", full), strings.Repeat("·", barWidth-full), r.done, r.total, left)
}

// finish prints what decides the run and tells how many mutants weren't caught.
func (r *report) finish(took time.Duration) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.json {
		return len(r.bad)
	}
	r.clear()
	for _, o := range r.bad {
		fmt.Fprintf(r.out, "%s: %s: %s (breaks %s) %s\n", o.State, o.Mutant, o.Mistake, o.Breaks, clip(o.Message))
	}
	fmt.Fprintf(r.out, "%d of %d mutants caught in %s\n", r.done-len(r.bad), r.total, took.Round(time.Second))
	return len(r.bad)
}

// close leaves the terminal with an empty line where the bar was.
func (r *report) close() { r.clear() }
