package main

import (
	"database/sql"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/api"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/store"
)

func newEvidence(a *app) *cobra.Command {
	return inGroup(groupPayments, group("evidence", "What phones, banks and statements reported", a.evidenceList(), a.evidenceShow(), a.evidenceRetry()))
}

func nullID(id int64) sql.NullInt64 { return sql.NullInt64{Int64: id, Valid: id != 0} }

func (a *app) evidenceList() *cobra.Command {
	var outcome string
	var source int64
	var p page
	outcomes := []string{
		string(gateway.EvidenceCreated), string(gateway.EvidenceDuplicate), string(gateway.EvidenceUnparsed), string(gateway.EvidenceRefused),
	}
	c := a.verb("list", "List evidence, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		if err = errors.Join(err, oneOf("outcome", outcome, outcomes...)); err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListEvidence(c.Context(), store.ListEvidenceParams{Before: before, Outcome: outcome, SourceID: source, Rows: p.rows})
		if err != nil {
			return err
		}
		docs, cells := make([]evidenceDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			docs[i] = evidenceDocOf(row)
			cells[i] = docs[i].row()
		}
		return a.print(docs, func(w io.Writer) { table(w, evidenceHead, cells) })
	})
	c.Flags().StringVar(&outcome, "outcome", "", strings.Join(outcomes, ", "))
	c.Flags().Int64Var(&source, "source", 0, "number of one source")
	p.flags(c)
	return c
}

func (a *app) evidenceShow() *cobra.Command {
	return a.verb("show ID", "Show a piece of evidence as it came", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("piece of evidence", args[0])
		if err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		row, err := s.Read().GetEvidence(c.Context(), id)
		if err != nil {
			return notFound(err, "evidence", id)
		}
		doc := evidenceDocOf(row)
		return a.print(doc, func(w io.Writer) {
			pairs(w, [2]string{"evidence", number(doc.ID)}, [2]string{"outcome", doc.Outcome}, [2]string{"reason", doc.Reason},
				[2]string{"", ""}, [2]string{"because", doc.Explained}, [2]string{"source", number(doc.SourceID)}, [2]string{"sender", doc.Sender},
				[2]string{"received", doc.ReceivedAt}, [2]string{"read by", doc.Template})
			if doc.TransferID != 0 {
				pairs(w, [2]string{"transfer", number(doc.TransferID)})
			}
			fmt.Fprintf(w, "\n%q\n", doc.Raw)
		})
	})
}

func (a *app) evidenceRetry() *cobra.Command {
	c := a.verb("retry", "Read unparsed messages again, after a new template or sender", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		ad, err := a.openAdmin(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		retried, err := ad.RetryEvidence(c.Context(), api.Reread(ad.Directory()))
		if err != nil {
			return err
		}
		return a.print(retried, func(w io.Writer) {
			fmt.Fprintf(w, "%d read again: %d new transfers, %d known ones, %d refused, %d still unparsed\n",
				retried.Read, retried.Created, retried.Duplicate, retried.Refused, retried.Unparsed)
		})
	})
	c.Long = "What turns out to be a transfer is stored as one, and claims that wait for it are credited."
	return c
}
