package main

import (
	"context"
	"errors"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

func newTransfer(a *app) *cobra.Command {
	return inGroup(groupPayments, group("transfer", "Money that was seen on the wallets", a.transferList(), a.transferShow(),
		a.transferResolve("release ID --reason TEXT", "Overrule what speaks against a transfer; claims on it are judged again", true),
		a.transferResolve("reject ID --reason TEXT", "Take a transfer that isn't real out of the books", false),
	))
}

func (a *app) transferList() *cobra.Command {
	var state string
	var account int64
	var p page
	states := []string{
		string(deposit.Observed), string(deposit.Credited), string(deposit.Quarantined), string(deposit.Internal), string(deposit.Reversed),
		string(deposit.Rejected), string(deposit.Disputed),
	}
	c := a.verb("list", "List transfers, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		if err = errors.Join(err, oneOf("state", state, states...)); err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListTransfers(c.Context(), store.ListTransfersParams{Before: before, State: state, AccountID: account, Rows: p.rows})
		if err != nil {
			return err
		}
		docs, cells := make([]transferDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			docs[i] = transferDocOf(row)
			cells[i] = docs[i].row()
		}
		return a.print(docs, func(w io.Writer) { table(w, transferHead, cells) })
	})
	c.Flags().StringVar(&state, "state", "", strings.Join(states, ", "))
	c.Flags().Int64Var(&account, "account", 0, "number of one receiving account")
	p.flags(c)
	return c
}

// transferShown is everything about a transfer.
type transferShown struct {
	transferDoc
	Transitions []transitionDoc `json:"transitions"`
	Evidence    []evidenceDoc   `json:"evidence"`
	Claims      []claimDoc      `json:"claims"`
	Deposit     *depositDoc     `json:"deposit"`
}

func (a *app) transferShow() *cobra.Command {
	return a.verb("show ID", "Show a transfer with its evidence and the claims on it", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("transfer", args[0])
		if err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		return a.showTransfer(c.Context(), s, id)
	})
}

func (a *app) showTransfer(ctx context.Context, s *store.Store, id int64) error {
	q := s.Read()
	row, err := q.GetTransfer(ctx, id)
	if err != nil {
		return notFound(err, "transfer", id)
	}
	doc := transferShown{transferDoc: transferDocOf(store.ListTransfersRow(row)), Evidence: []evidenceDoc{}, Claims: []claimDoc{}}
	moves, err := gateway.TransferMoves(ctx, q, id, row.ObservedAt)
	if err != nil {
		return err
	}
	doc.Transitions = transitionDocs(moves)
	seen, err := q.ListEvidenceOfReference(ctx, nullID(row.ReferenceID))
	for _, e := range seen {
		doc.Evidence = append(doc.Evidence, evidenceDocOf(e))
	}
	if err != nil {
		return err
	}
	claims, err := q.ListClaimsOfReference(ctx, nullID(row.ReferenceID))
	for _, claim := range claims {
		doc.Claims = append(doc.Claims, claimDocOf(store.ListClaimsRow(claim)))
	}
	if err != nil {
		return err
	}
	d, err := q.GetDepositOfTransfer(ctx, id)
	if err == nil {
		doc.Deposit = depositDocOf(d)
	} else if err = ignoreNoRows(err); err != nil {
		return err
	}
	return a.print(doc, func(w io.Writer) { writeTransfer(w, doc) })
}

func writeTransfer(w io.Writer, doc transferShown) {
	pairs(w, [2]string{"transfer", number(doc.ID)}, [2]string{"state", doc.State}, [2]string{"rail", doc.Rail}, [2]string{"number", doc.Number},
		[2]string{"account", number(doc.AccountID)}, [2]string{"amount", doc.Amount + " " + doc.Currency}, [2]string{"payer", doc.Payer},
		[2]string{"occurred", doc.OccurredAt + " (" + doc.Precision + ")"}, [2]string{"evidence", doc.Strength},
		[2]string{"against it", strings.Join(doc.Marks, ", ")}, [2]string{"overruled", strings.Join(doc.Released, ", ")})
	if d := doc.Deposit; d != nil {
		pairs(w, [2]string{"credit", number(d.ID) + ", claim " + number(d.ClaimID)})
	}
	section(w, "moves", transitionHead, doc.Transitions)
	section(w, "evidence", evidenceHead, doc.Evidence)
	section(w, "claims", claimHead, doc.Claims)
}

func (a *app) transferResolve(use, short string, release bool) *cobra.Command {
	var reason string
	c := a.verb(use, short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("transfer", args[0])
		if err != nil {
			return err
		}
		if strings.TrimSpace(reason) == "" {
			return usagef("--reason: say why, it is kept with the decision")
		}
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		if err := ad.ResolveTransfer(c.Context(), deposit.TransferID(id), release, ad.actor, reason); err != nil {
			return err
		}
		return a.showTransfer(c.Context(), ad.store, id)
	})
	c.Flags().StringVar(&reason, "reason", "", "why; kept with your name")
	return required(c, "reason")
}
