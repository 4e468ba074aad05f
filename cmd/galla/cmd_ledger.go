package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
	"github.com/galla-gateway/galla/money"
)

func newLedger(a *app) *cobra.Command {
	return inGroup(groupPayments, group("ledger", "Money that merchants bring in or are paid out, by two people",
		a.ledgerPropose("topup --merchant SLUG --amount AMOUNT --reason TEXT", "Propose that a merchant brought money in", gateway.Topup),
		a.ledgerPropose("settle --merchant SLUG --amount AMOUNT --reason TEXT", "Propose that a merchant was paid out", gateway.Settlement),
		a.ledgerDecide("book ID", "Book what another person proposed", true),
		a.ledgerDecide("refuse ID", "Refuse what was proposed", false),
		a.ledgerList(),
	))
}

// adjustmentDoc is an adjustment in a document.
type adjustmentDoc struct {
	ID        int64  `json:"id"`
	Merchant  string `json:"merchant"`
	Kind      string `json:"kind"`
	Amount    string `json:"amount"`
	Currency  string `json:"currency"`
	State     string `json:"state"`
	Reason    string `json:"reason"`
	MadeBy    int64  `json:"made_by"`
	CheckedBy int64  `json:"checked_by,omitempty"`
	CreatedAt string `json:"created_at"`
	DecidedAt string `json:"decided_at,omitempty"`
}

func adjustmentDocOf(row store.ListAdjustmentsRow) adjustmentDoc {
	return adjustmentDoc{
		ID: row.ID, Merchant: row.Slug, Kind: row.Kind, Amount: amountText(row.Amount, row.Currency), Currency: row.Currency, State: row.State, Reason: row.Reason,
		MadeBy: row.MadeBy, CheckedBy: row.CheckedBy.Int64, CreatedAt: moment(row.CreatedAt), DecidedAt: optionalMoment(row.DecidedAt),
	}
}

func (a *app) ledgerPropose(use, short string, kind gateway.AdjustmentKind) *cobra.Command {
	var slug, amount, reason string
	c := a.verb(use, short, cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		parsed, err := money.Parse(amount, money.INR)
		if err != nil {
			return usagef("--amount: %v", err)
		}
		if strings.TrimSpace(reason) == "" {
			return usagef("--reason: say why, it is kept with your name")
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		id, err := ad.ProposeAdjustment(c.Context(), by, gateway.Adjustment{Merchant: slug, Kind: kind, Amount: parsed, Reason: reason})
		if err != nil {
			return err
		}
		doc := adjustmentDoc{ID: id, Merchant: slug, Kind: string(kind), Amount: parsed.Fixed(), Currency: string(parsed.Currency), State: "proposed", Reason: reason, MadeBy: by.ID}
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "proposed as %d. Another operator books it: galla ledger book %d\n", id, id)
		})
	})
	c.Flags().StringVar(&slug, "merchant", "", "slug")
	c.Flags().StringVar(&amount, "amount", "", "in rupees")
	c.Flags().StringVar(&reason, "reason", "", "why, and where it can be seen; kept with your name")
	return required(c, "merchant", "amount", "reason")
}

func (a *app) ledgerDecide(use, short string, book bool) *cobra.Command {
	return a.verb(use, short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("adjustment", args[0])
		if err != nil {
			return err
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.DecideAdjustment(c.Context(), by, id, book); err != nil {
			return err
		}
		rows, err := ad.store.Read().ListAdjustments(c.Context(), store.ListAdjustmentsParams{Before: id + 1, Rows: 1})
		if err != nil {
			return err
		}
		doc := adjustmentDocOf(rows[0])
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "%s: %s of %s %s, merchant %s\n", doc.State, doc.Kind, doc.Amount, doc.Currency, doc.Merchant)
		})
	})
}

func (a *app) ledgerList() *cobra.Command {
	var state string
	var p page
	c := a.verb("list", "List adjustments, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		if err != nil {
			return err
		}
		if err := oneOf("state", state, "proposed", "booked", "refused"); err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListAdjustments(c.Context(), store.ListAdjustmentsParams{Before: before, State: state, Rows: p.rows})
		if err != nil {
			return err
		}
		docs, cells := make([]adjustmentDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			d := adjustmentDocOf(row)
			docs[i] = d
			cells[i] = []string{number(d.ID), minute(row.CreatedAt), d.Merchant, d.Kind, d.Amount, d.Currency, d.State, printable(d.Reason)}
		}
		return a.print(docs, func(w io.Writer) {
			table(w, []string{"id", "proposed", "merchant", "kind", "amount", "", "state", "reason"}, cells)
		})
	})
	c.Flags().StringVar(&state, "state", "", "proposed, booked, refused")
	p.flags(c)
	return c
}
