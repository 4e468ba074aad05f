package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

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

// encode writes one JSON document as one line.
func (a *app) encode(document any) error {
	a.printed = true
	encoder := json.NewEncoder(a.stdout)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(document)
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
