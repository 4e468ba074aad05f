package main

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func newRate(a *app) *cobra.Command {
	return inGroup(groupBusiness, group("rate", "Rates for the converted amount in postbacks of other currencies than INR", a.rateSet(), a.rateList()))
}

// rateDoc is a rate in a document: one unit of base is rate units of quote.
type rateDoc struct {
	Base      string `json:"base"`
	Quote     string `json:"quote"`
	Rate      string `json:"rate"`
	CreatedAt string `json:"created_at,omitempty"`
}

func (a *app) rateSet() *cobra.Command {
	return a.verb("set BASE QUOTE RATE", "Set what one unit of BASE is in QUOTE: rate set BDT INR 0.71", cobra.ExactArgs(3), func(c *cobra.Command, args []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.SetRate(c.Context(), args[0], args[1], args[2]); err != nil {
			return err
		}
		return a.print(rateDoc{Base: args[0], Quote: args[1], Rate: args[2]}, func(w io.Writer) {
			fmt.Fprintf(w, "1 %s is %s %s in postbacks written from now on\n", args[0], args[2], args[1])
		})
	})
}

func (a *app) rateList() *cobra.Command {
	return a.verb("list", "List rates", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListRates(c.Context())
		if err != nil {
			return err
		}
		docs, cells := make([]rateDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			docs[i] = rateDoc{row.Base, row.Quote, row.Rate, moment(row.CreatedAt)}
			cells[i] = []string{row.Base, row.Quote, row.Rate, minute(row.CreatedAt)}
		}
		return a.print(docs, func(w io.Writer) { table(w, []string{"base", "quote", "rate", "set"}, cells) })
	})
}
