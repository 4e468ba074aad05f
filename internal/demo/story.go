package demo

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Widths of a story's page, in characters.
const (
	nameWidth = 17
	pageWidth = 110
)

// ANSI colours.
const (
	bold  = "\x1b[1m"
	dim   = "\x1b[2m"
	green = "\x1b[32m"
	red   = "\x1b[31m"
	plain = "\x1b[0m"
)

// story is what happens, told to a person, with what was expected of it.
type story struct {
	out      io.Writer
	color    bool
	title    string   // of the chapter
	problems []string // what differed, with its chapter
	checks   int
}

func (s *story) paint(color, text string) string {
	if !s.color {
		return text
	}
	return color + text + plain
}

// chapter begins a new part.
func (s *story) chapter(title string) {
	s.title = title
	fmt.Fprintf(s.out, "\n%s\n", s.paint(bold, title))
}

// tell writes what somebody did or saw, and under it what was in it, folded to the page.
func (s *story) tell(who, what string, inside ...string) {
	s.line(who, what)
	for _, text := range inside {
		for _, line := range fold(text, pageWidth-nameWidth) {
			s.line("", s.paint(dim, line))
		}
	}
}

func (s *story) line(who, what string) {
	gap := max(nameWidth-2-utf8.RuneCountInString(who), 1)
	fmt.Fprintf(s.out, "  %s%s%s\n", who, strings.Repeat(" ", gap), what)
}

// expect checks one thing, and says so when it isn't as it should be. It returns ok.
func (s *story) expect(ok bool, format string, args ...any) bool {
	s.checks++
	if ok {
		return true
	}
	problem := fmt.Sprintf(format, args...)
	s.problems = append(s.problems, fmt.Sprintf("%s: %s", s.title, problem))
	s.tell(s.paint(red, "✗ differs"), problem)
	return false
}

// fold cuts a text into lines of at most width characters: at line breaks, and where a line is too long, after the last
// comma or space that fits, if there is one in its second half.
func fold(text string, width int) []string {
	var lines []string
	for line := range strings.SplitSeq(strings.TrimRight(text, "\n"), "\n") {
		runes := []rune(line)
		for len(runes) > width {
			cut := width
			for cut > width/2 && runes[cut-1] != ',' && runes[cut-1] != ' ' {
				cut--
			}
			if cut == width/2 {
				cut = width
			}
			lines = append(lines, string(runes[:cut]))
			runes = runes[cut:]
		}
		lines = append(lines, string(runes))
	}
	return lines
}
