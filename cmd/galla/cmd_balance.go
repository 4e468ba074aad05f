package main

import (
	"database/sql"
	"io"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/ledger"
)

// balanceDoc is one ledger account in a document. Money that came in makes receiving negative: it is what the outside
// gave; unclaimed, merchant and fees say whose it is.
type balanceDoc struct {
	Kind      string `json:"kind"` // of an account: receiving, unclaimed; of a merchant: merchant, fees, reserved, paid_out, treasury
	Merchant  string `json:"merchant,omitempty"`
	AccountID int64  `json:"account_id,omitempty"`
	Currency  string `json:"currency"`
	Balance   string `json:"balance"`
}

func newBalance(a *app) *cobra.Command {
	var slug string
	c := a.verb("balance", "Show what is owed to merchants and what nobody has claimed", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		q := s.Read()
		merchants, err := q.ListMerchants(c.Context())
		if err != nil {
			return err
		}
		slugs, known := map[int64]string{}, slug == ""
		for _, m := range merchants {
			slugs[m.ID] = m.Slug
			known = known || m.Slug == slug
		}
		if !known {
			return notFound(sql.ErrNoRows, "merchant", slug)
		}
		rows, err := q.ListBalances(c.Context())
		if err != nil {
			return err
		}
		docs, cells := []balanceDoc{}, [][]string{}
		for _, row := range rows {
			doc := balanceDoc{Kind: row.Kind, Currency: row.Currency, Balance: amountText(row.Balance, row.Currency)}
			owner := ""
			switch ledger.AccountKind(row.Kind) {
			case ledger.Receiving, ledger.Unclaimed:
				doc.AccountID = row.OwnerID
				owner = "account " + number(row.OwnerID)
			default:
				doc.Merchant = slugs[row.OwnerID]
				owner = doc.Merchant
			}
			if slug == "" || doc.Merchant == slug {
				docs = append(docs, doc)
				cells = append(cells, []string{doc.Kind, owner, doc.Balance, doc.Currency})
			}
		}
		return a.print(docs, func(w io.Writer) { table(w, []string{"kind", "of", "balance", "currency"}, cells) })
	})
	c.Flags().StringVar(&slug, "merchant", "", "slug of one merchant")
	return inGroup(groupPayments, c)
}
