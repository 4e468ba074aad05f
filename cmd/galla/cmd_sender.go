package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/evidence/bank"
)

func newSender(a *app) *cobra.Command {
	return inGroup(groupBusiness, group("sender", "SMS headers that belong to banks", a.senderAdd(), a.senderList(), a.senderRemove()))
}

func (a *app) senderAdd() *cobra.Command {
	var name string
	c := a.verb("add HEADER --bank NAME", "Trust an SMS header as a bank's", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.SetSender(c.Context(), args[0], name); err != nil {
			return err
		}
		header := strings.ToUpper(strings.TrimSpace(args[0]))
		return a.print(senderDoc{header, name, "operator"}, func(w io.Writer) {
			fmt.Fprintf(w, "%s belongs to %s\n", header, name)
			if !slices.Contains(bankNames(), strings.ToUpper(name)) {
				fmt.Fprintln(w, "No templates are known for this bank: the generic one reads its messages.")
			}
		})
	})
	c.Flags().StringVar(&name, "bank", "", "name of the bank, as galla sender list shows it, or a new one")
	return required(c, "bank")
}

func bankNames() []string {
	var names []string
	for _, b := range bank.All() {
		names = append(names, strings.ToUpper(b.Name))
	}
	return names
}

// senderDoc is a header in a document. From is galla for those that come with it, operator for added ones.
type senderDoc struct {
	Header string `json:"header"`
	Bank   string `json:"bank"`
	From   string `json:"from"`
}

func (a *app) senderList() *cobra.Command {
	return a.verb("list", "List the headers that are trusted", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListSenderHeaders(c.Context())
		if err != nil {
			return err
		}
		docs := []senderDoc{}
		for _, row := range rows {
			docs = append(docs, senderDoc{row.Header, row.Bank, "operator"})
		}
		for _, b := range bank.All() {
			for _, header := range b.Headers {
				docs = append(docs, senderDoc{header, b.Name, "galla"})
			}
		}
		return a.print(docs, func(w io.Writer) {
			var cells [][]string
			for _, d := range docs {
				cells = append(cells, []string{d.Header, d.Bank, d.From})
			}
			table(w, []string{"header", "bank", "from"}, cells)
		})
	})
}

func (a *app) senderRemove() *cobra.Command {
	return a.verb("remove HEADER", "Take back what sender add declared", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.RemoveSender(c.Context(), args[0]); err != nil {
			return err
		}
		return a.print(map[string]string{"removed": args[0]}, func(w io.Writer) { fmt.Fprintf(w, "%s is removed\n", args[0]) })
	})
}
