package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

// usageError says that the command line itself was wrong.
type usageError struct{ message string }

func (e *usageError) Error() string { return e.message }

func usagef(format string, args ...any) error { return &usageError{fmt.Sprintf(format, args...)} }

// report tells what went wrong, on stderr, and with --json also as the document on stdout unless that has one already.
// began is false when cobra refused the command line before any of our code ran.
func (a *app) report(c *cobra.Command, err error, began bool) int {
	code, word := exitFailed, "failed"
	if refusal, ok := errors.AsType[*gateway.Refusal](err); ok {
		word = refusal.Code
	}
	if _, ok := errors.AsType[*usageError](err); ok || !began || word == gateway.CodeInvalid {
		code = exitUsage
	}
	fmt.Fprintf(a.stderr, "%s: %v\n", c.CommandPath(), withHint(err))
	if code == exitUsage {
		fmt.Fprintf(a.stderr, "See: %s --help\n", c.CommandPath())
		return code
	}
	if a.json && !a.printed {
		_ = a.encode(map[string]any{"error": map[string]string{"code": word, "message": err.Error()}}) // stdout is gone: nobody to tell
	}
	return code
}

// withHint adds what to do next where the error is about the database itself.
func withHint(err error) error {
	switch {
	case errors.Is(err, store.ErrMissing):
		return fmt.Errorf("%w: make one with galla migrate, or start galla serve", err)
	case errors.Is(err, store.ErrOlderSchema):
		return fmt.Errorf("%w: stop galla serve and run galla migrate", err)
	case errors.Is(err, store.ErrLocked):
		return fmt.Errorf("%w: stop it first", err)
	case errors.Is(err, store.ErrAmbiguous):
		return fmt.Errorf("%w: list before you repeat it", err)
	}
	return err
}

// print writes the result: with --json the document, else what text writes.
func (a *app) print(document any, text func(w io.Writer)) error {
	if a.json {
		return a.encode(document)
	}
	text(a.stdout)
	return nil
}

// encode writes one JSON document as one line. What strangers sent may be in it, and somebody may read it on a terminal:
// characters that would move the cursor or turn the text round are escaped, which JSON reads as the same text.
func (a *app) encode(document any) error {
	a.printed = true
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(document); err != nil {
		return err
	}
	_, err := io.WriteString(a.stdout, escapeJSON(line.String()))
	return err
}

// escapeJSON escapes what can't be printed in a JSON text that ends with a newline.
func escapeJSON(text string) string {
	plain := strings.TrimSuffix(text, "\n")
	if !strings.ContainsFunc(plain, isHidden) {
		return text
	}
	var b strings.Builder
	for _, r := range plain {
		if !isHidden(r) {
			b.WriteRune(r)
			continue
		}
		for _, unit := range utf16.Encode([]rune{r}) {
			fmt.Fprintf(&b, "\\u%04x", unit)
		}
	}
	return b.String() + "\n"
}

// isHidden tells of a character that a terminal doesn't show but may obey.
func isHidden(r rune) bool { return !strconv.IsPrint(r) }

// printable is a text that strangers may have written, for a terminal: as it is, or quoted when it has hidden characters.
func printable(text string) string {
	if utf8.ValidString(text) && !strings.ContainsFunc(text, isHidden) {
		return text
	}
	return strconv.Quote(text)
}

// table writes rows in columns under a head.
func table(w io.Writer, head []string, rows [][]string) {
	if len(rows) == 0 {
		fmt.Fprintln(w, "none")
		return
	}
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(columns, strings.ToUpper(strings.Join(head, "\t")))
	for _, row := range rows {
		fmt.Fprintln(columns, strings.Join(row, "\t"))
	}
	columns.Flush()
}

// pairs writes names and values under one another; a pair without value is left out.
func pairs(w io.Writer, list ...[2]string) {
	columns := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, pair := range list {
		if pair[1] != "" {
			fmt.Fprintf(columns, "%s\t%s\n", pair[0], pair[1])
		}
	}
	columns.Flush()
}
