package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/ifsc"
)

func newIFSC(a *app) *cobra.Command {
	return inGroup(groupPayments, group("ifsc", "Codes of bank branches, to which withdrawals go", a.ifscLookup(), a.ifscUpdate(), a.ifscInfo()))
}

// ifscDoc is a code in a document, and what the table knows of it. Warning doesn't stop a withdrawal, refused does.
type ifscDoc struct {
	IFSC        string `json:"ifsc"`
	BankCode    string `json:"bank_code"`
	Bank        string `json:"bank"`
	KnownBank   bool   `json:"known_bank"`
	KnownBranch bool   `json:"known_branch"`
	IMPS        string `json:"imps"` // yes, no, unknown
	Sublet      string `json:"sublet,omitempty"`
	Warning     string `json:"warning,omitempty"`
	Refused     string `json:"refused,omitempty"`
}

func (d ifscDoc) row() []string {
	note := d.Refused
	if note == "" {
		note = d.Warning
	}
	return []string{d.IFSC, dash(d.Bank), dash(d.Sublet), d.IMPS, dash(note)}
}

func (a *app) ifscLookup() *cobra.Command {
	return a.verb("lookup CODE...", "Tell what is known of codes", cobra.MinimumNArgs(1), func(c *cobra.Command, args []string) error {
		codes := make([]ifsc.Code, len(args))
		for i, text := range args {
			code, err := ifsc.Parse(text)
			if err != nil {
				return usagef("%q: %v", text, err)
			}
			codes[i] = code
		}
		branches, err := a.branches(c)
		if wrong := (*usageError)(nil); errors.As(err, &wrong) {
			return err
		} else if err != nil { // what the release knows is better than nothing
			fmt.Fprintf(a.stderr, "%v; only the list of the release is used\n", err)
		}
		known := branches.Table()
		docs, cells := make([]ifscDoc, len(codes)), make([][]string, len(codes))
		for i, code := range codes {
			info := known.Lookup(code)
			docs[i] = ifscDoc{
				string(code), info.BankCode, info.Bank, info.KnownBank, info.KnownBranch, info.IMPS.String(), info.Sublet,
				info.Warning(), info.Refused(),
			}
			cells[i] = docs[i].row()
		}
		return a.print(docs, func(w io.Writer) {
			table(w, []string{"ifsc", "bank", "run by", "imps", "note"}, cells)
			fmt.Fprintf(w, "%d branches of %d banks are known, from %s\n", known.Branches(), known.Banks(), known.Source())
		})
	})
}
