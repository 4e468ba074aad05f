package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/evidence/statement"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/method"
	"github.com/galla-gateway/galla/internal/wallet"
)

const (
	// importChunk is how many rows are given to the gateway at once. Between two chunks a running server gets its turn.
	importChunk = 500
	// importNewsEvery is how many rows lie between two lines of news where nobody watches a progress bar.
	importNewsEvery = 10_000
	// templateStatement is kept with statement rows where a message's template would be.
	templateStatement = "statement"
)

func newImport(a *app) *cobra.Command {
	var id int64
	var dryRun bool
	c := a.verb("import FILE --wallet ID", "Read a bank statement (CSV) as evidence", cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		ad, by, err := a.openImporter(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		imported, err := a.importStatement(c.Context(), ad, by, args[0], wallet.ID(id), dryRun)
		if err != nil {
			return err
		}
		return a.print(imported, func(w io.Writer) { imported.write(w, dryRun) })
	})
	c.Long = "Read a bank statement (CSV) as evidence: every credit with its reference number becomes a transfer, and\n" +
		"claims that wait for it are credited. Columns are found by their names in the header row.\n" +
		"A debit with the reference of a withdrawal is the proof that it was paid, one that came back that it failed.\n" +
		"A statement may be imported again, also one that overlaps an earlier one: what is known stays as it is."
	c.Flags().Int64Var(&id, "wallet", 0, "wallet whose account the statement is of")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "tell what the import would find, and store nothing")
	return inGroup(groupPayments, required(c, "wallet"))
}

// imported is what import prints: every row of the statement is counted once, and then the withdrawals that they are of.
// Scripts rely on its members.
type imported struct {
	Rows      int `json:"rows"`
	Created   int `json:"created"`   // transfers that nobody had seen
	Duplicate int `json:"duplicate"` // transfers that were known
	Conflict  int `json:"conflict"`  // known with another amount or on another account; both are quarantined
	Refused   int `json:"refused"`   // reversals and the like
	Unparsed  int `json:"unparsed"`  // credits without a reference that can be read; kept
	Skipped   int `json:"skipped"`   // totals, headings, footers
	Debits    int `json:"debits"`    // money that went out

	Paid        int         `json:"paid"`                  // withdrawals that the statement shows to be paid
	Returned    int         `json:"returned"`              // withdrawals whose money came back
	Known       int         `json:"withdrawals_known"`     // withdrawals of which it says what was known
	Conflicts   int         `json:"withdrawal_conflicts"`  // withdrawals of which it says what can't be
	Withdrawals []statedDoc `json:"withdrawals,omitempty"` // all of these but the known ones
}

func (i *imported) count(r gateway.EvidenceResult) {
	switch {
	case r.Status == gateway.EvidenceCreated:
		i.Created++
	case r.Status == gateway.EvidenceDuplicate:
		i.Duplicate++
	case r.Status == gateway.EvidenceUnparsed:
		i.Unparsed++
	case r.Reason == evidence.ReasonConflict:
		i.Conflict++
	default:
		i.Refused++
	}
}

func (i *imported) write(w io.Writer, dryRun bool) {
	pairs(w, [2]string{"rows", number(int64(i.Rows))}, [2]string{"new transfers", number(int64(i.Created))},
		[2]string{"known transfers", number(int64(i.Duplicate))}, [2]string{"conflicts", number(int64(i.Conflict))},
		[2]string{"refused", number(int64(i.Refused))}, [2]string{"unparsed", number(int64(i.Unparsed))},
		[2]string{"debits", number(int64(i.Debits))}, [2]string{"no transactions", number(int64(i.Skipped))})
	i.writeWithdrawals(w)
	switch {
	case dryRun:
		fmt.Fprintln(w, "\nNothing was stored.")
	case i.Conflict > 0:
		fmt.Fprintln(w, "\nConflicts need a person: galla transfer list --state quarantined")
	}
}

// importing is one import under way.
type importing struct {
	observe func(context.Context, []gateway.EvidenceItem) ([]gateway.EvidenceResult, error)
	state   func(context.Context, []gateway.StatedPayout) ([]gateway.StatedResult, error)
	rows    statementRows
	chunk   []gateway.EvidenceItem
	payouts statedRows
	done    imported
}

// importStatement reads a file and gives its rows to the gateway, chunk by chunk.
func (a *app) importStatement(ctx context.Context, ad *admin, by *gateway.Operator, path string, id wallet.ID, dryRun bool) (*imported, error) {
	rows, err := rowsOf(ad.Directory(), id, a.now())
	if err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, usagef("%v", err)
	}
	defer file.Close()
	var size int64
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
		size = info.Size()
	}
	content, err := statement.Open(file, filepath.Base(path), statement.Options{Received: rows.received, Currency: rows.account.Currency})
	if err != nil {
		return nil, err
	}
	im, err := newImporting(ctx, ad, rows, id, dryRun)
	if err != nil {
		return nil, err
	}
	im.state = func(ctx context.Context, stated []gateway.StatedPayout) ([]gateway.StatedResult, error) {
		return ad.StatePayouts(ctx, by, rows.account.ID, stated, dryRun)
	}
	bar := a.progressBar("import")
	defer func() { bar.end() }()
	err = im.all(ctx, content, func(rows int) {
		bar.set(content.BytesRead(), max(size, content.BytesRead()))
		if bar.bar == nil && rows%importNewsEvery == 0 {
			fmt.Fprintf(a.stderr, "%d rows, %d of %d bytes\n", rows, content.BytesRead(), size)
		}
	}, func(done, total int64) {
		if done == 0 {
			bar.end()
			bar = a.progressBar("withdrawals")
		}
		bar.set(done, total)
	})
	if err != nil {
		return nil, fmt.Errorf("stopped after %d rows, importing the file again is safe: %w", im.done.Rows-len(im.chunk), err)
	}
	return &im.done, nil
}

func newImporting(ctx context.Context, ad *admin, rows statementRows, id wallet.ID, dryRun bool) (*importing, error) {
	if dryRun {
		preview, err := ad.NewPreview(ctx, id)
		if err != nil {
			return nil, err
		}
		rows.source = preview.Source
		return &importing{rows: rows, observe: preview.Observe, payouts: newStatedRows(rows.account)}, nil
	}
	var err error
	rows.source, err = ad.StatementSource(ctx, id)
	return &importing{rows: rows, observe: ad.ImportEvidence, payouts: newStatedRows(rows.account)}, err
}

// all takes the whole statement. What a part of it says of withdrawals counts nothing: what contradicts it may stand in the rest.
func (im *importing) all(ctx context.Context, content *statement.Statement, rows func(rows int), withdrawals func(done, total int64)) error {
	if err := im.read(ctx, content, rows); err != nil {
		return err
	}
	return im.settle(ctx, withdrawals)
}

// read takes every row; news is called after each chunk with the rows so far.
func (im *importing) read(ctx context.Context, content *statement.Statement, news func(rows int)) error {
	for {
		row, err := content.Next()
		if errors.Is(err, io.EOF) {
			return im.flush(ctx)
		}
		if err != nil {
			return errors.Join(err, im.flush(ctx))
		}
		im.done.Rows++
		item, kind := im.rows.item(row)
		waits, err := im.payouts.take(row, item, kind)
		if err != nil {
			return errors.Join(err, im.flush(ctx))
		}
		switch {
		case waits:
		case kind == rowEvidence:
			im.chunk = append(im.chunk, item)
		case kind == rowDebit:
			im.done.Debits++
		case kind == rowNothing:
			im.done.Skipped++
		}
		if err := im.flushFull(ctx); err != nil {
			return err
		}
		if im.done.Rows%importChunk == 0 {
			news(im.done.Rows)
		}
	}
}

// flushFull flushes when enough is gathered.
func (im *importing) flushFull(ctx context.Context) error {
	if len(im.chunk) < importChunk {
		return nil
	}
	return im.flush(ctx)
}

// flush gives the gathered rows to the gateway.
func (im *importing) flush(ctx context.Context) error {
	if len(im.chunk) == 0 {
		return nil
	}
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	results, err := im.observe(ctx, im.chunk)
	if err != nil {
		return err
	}
	for _, r := range results {
		im.done.count(r)
	}
	im.chunk = im.chunk[:0]
	return nil
}

// statementRows makes items for the gateway out of the rows of one account's statement.
type statementRows struct {
	source   int64 // 0 in the dry run of an account's first statement
	account  wallet.Account
	received time.Time
}

// rowsOf finds the account of a wallet. Statements are read as Indian banks print them, so no other rail has any.
func rowsOf(d *gateway.Directory, id wallet.ID, now time.Time) (statementRows, error) {
	w, ok := d.Wallet(id)
	if !ok {
		return statementRows{}, &gateway.Refusal{Code: gateway.CodeNotFound, Message: fmt.Sprintf("no wallet %d: galla wallet list shows them", id)}
	}
	account, ok := d.Account(w.AccountID)
	if !ok {
		return statementRows{}, fmt.Errorf("wallet %d is of the unknown account %d", id, w.AccountID)
	}
	if account.Rail != method.RailIndia {
		return statementRows{}, &gateway.Refusal{Code: gateway.CodeConflict, Message: fmt.Sprintf(
			"wallet %d is %s: only statements of Indian bank accounts are read", id, w.Method)}
	}
	return statementRows{account: account, received: now}, nil
}

// rowKind is what becomes of a row.
type rowKind uint8

const (
	rowNothing  rowKind = iota // no transaction
	rowDebit                   // counted, not stored
	rowEvidence                // given to the gateway
)

// item makes evidence of a row. A reversal is one whichever way its money went. It is pure.
func (s statementRows) item(row statement.Row) (gateway.EvidenceItem, rowKind) {
	item := gateway.EvidenceItem{
		SourceID: s.source, AccountID: deposit.AccountID(s.account.ID), Rail: s.account.Rail, ReceivedAt: s.received,
		Fingerprint: evidence.Fingerprint(s.source, "", row.Fields(), row.GivenTime), Raw: []byte(row.Raw),
		Template: templateStatement, Strength: evidence.StrengthAny,
	}
	switch {
	case row.Reversal && row.Number != "":
		item.Outcome, item.Reason, item.Number = evidence.Reversal, evidence.ReasonReversal, row.Number
	case row.Reversal:
		item.Outcome, item.Reason = evidence.Refused, evidence.ReasonReversal
	case row.Outcome == statement.Debit:
		return gateway.EvidenceItem{}, rowDebit
	case row.Outcome == statement.Credit:
		item.Outcome, item.Number, item.Amount = evidence.Credit, row.Number, row.Amount
		item.OccurredAt, item.Precision = row.OccurredAt, row.Precision
		item.Payer = payerText(row.Payer)
	case row.Reason == evidence.ReasonNoTransaction || row.Reason == evidence.ReasonNoAmount:
		return gateway.EvidenceItem{}, rowNothing
	case row.Reason == evidence.ReasonTooLong:
		item.Outcome, item.Reason = evidence.Refused, row.Reason
	default:
		item.Outcome, item.Reason = evidence.Unparsed, row.Reason
	}
	return item, rowEvidence
}

// payerText is a payer as other sources may give it.
func payerText(payer string) string {
	payer = galla.StripControl(payer)
	if characters := []rune(payer); len(characters) > evidence.MaxFieldChars {
		return string(characters[:evidence.MaxFieldChars])
	}
	return payer
}
