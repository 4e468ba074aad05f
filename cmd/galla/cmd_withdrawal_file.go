package main

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/galla-gateway/galla/internal/evidence/bank"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/payout/bankfile"
	"github.com/galla-gateway/galla/internal/store"
)

// reportNewsEvery is how many rows lie between two lines of news where nobody watches a progress bar.
const reportNewsEvery = 1000

// batchDoc is a file of payouts that was made for a bank.
type batchDoc struct {
	ID       int64        `json:"id"`
	Name     string       `json:"name"` // that the bank is told
	Rail     string       `json:"rail"`
	Kind     string       `json:"kind"`
	Payments int64        `json:"payments"`
	Total    string       `json:"total"`
	Currency string       `json:"currency"`
	SHA256   string       `json:"sha256"`
	File     string       `json:"file,omitempty"` // where it was written now
	LeftOut  []leftOutDoc `json:"left_out,omitempty"`
	MadeBy   string       `json:"made_by,omitempty"`
	MadeAt   string       `json:"made_at,omitempty"`
	Paid     *int64       `json:"paid,omitempty"`     // of the payments
	Refunded *int64       `json:"refunded,omitempty"` // of the payments
}

// leftOutDoc is an approved withdrawal that isn't in a file.
type leftOutDoc struct {
	ID     int64  `json:"id"`
	Reason string `json:"reason"`
}

func (a *app) withdrawalExport() *cobra.Command {
	var name, output, day string
	var batch int64
	var most int
	const short = "Make a file of approved withdrawals for a bank; each is in one file ever"
	c := a.verb("export --rail NAME [--output FILE] | --batch ID [--output FILE]", short, cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		if (name == "") == (batch == 0) {
			return usagef("give --rail to make a file, or --batch to get one that was made once more")
		}
		if _, err := os.Lstat(output); output != "" && err == nil {
			return usagef("--output: %s exists, nothing was done: give another name", output)
		}
		pay, err := a.dayOfPayment(day)
		if err != nil {
			return err
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		var made gateway.PayoutBatch
		if batch != 0 {
			made, err = ad.ExportedPayouts(c.Context(), by, batch)
		} else {
			made, err = ad.ExportPayouts(c.Context(), by, name, most, pay)
		}
		if errors.Is(err, gateway.ErrUnknown) {
			return fmt.Errorf("the file may be made or not: galla withdrawal batches shows it, and then galla withdrawal export --batch ID gets it. Don't make another one before (%w)", err)
		}
		if err != nil {
			return err
		}
		return a.giveFile(made, output, batch != 0)
	})
	withOperator(c, short)
	c.Flags().StringVar(&name, "rail", "", "whose approved withdrawals are to be paid: a rail of kind bankfile")
	c.Flags().StringVar(&output, "output", "", "file to write, which must not exist (default: the batch's name in this folder)")
	c.Flags().IntVar(&most, "most", gateway.DefaultBatch, "payments in the file at most; the bank's template may allow fewer")
	c.Flags().StringVar(&day, "date", "", "day of payment in India, such as 2026-11-27 (default: today)")
	c.Flags().Int64Var(&batch, "batch", 0, "get the file of this batch once more, with the same bytes (galla withdrawal batches)")
	return c
}

// dayOfPayment reads a day in India, today when it is "".
func (a *app) dayOfPayment(day string) (time.Time, error) {
	if day == "" {
		return a.now(), nil
	}
	at, err := time.ParseInLocation(time.DateOnly, day, bank.India)
	if err != nil {
		return at, usagef("--date: expected a day such as 2026-11-27")
	}
	return at, nil
}

// giveFile writes a batch's file and tells of it. What is in it is submitted already: a failure must say where it still is.
func (a *app) giveFile(made gateway.PayoutBatch, output string, again bool) error {
	doc := batchDoc{
		ID: made.ID, Name: made.Name(), Rail: made.Rail, Kind: string(made.Kind), Payments: made.Payments, Total: made.Total.Fixed(),
		Currency: string(made.Total.Currency), SHA256: made.SHA256,
	}
	for _, l := range made.LeftOut {
		doc.LeftOut = append(doc.LeftOut, leftOutDoc{int64(l.ID), l.Reason})
	}
	if made.Payments == 0 {
		doc.Name = ""
		return a.print(doc, func(w io.Writer) {
			fmt.Fprintf(w, "No approved withdrawal can go into a file of rail %s. No file was made. Files that were made before: galla withdrawal batches\n", made.Rail)
			writeLeftOut(w, doc.LeftOut)
		})
	}
	if output == "" {
		output = made.Name() + "." + string(made.Kind)
	}
	if err := writeNewFile(output, made.File); err != nil {
		return fmt.Errorf("batch %d is made, but its file couldn't be written (%w); get it: galla withdrawal export --batch %d --output FILE", made.ID, err, made.ID)
	}
	doc.File = output
	return a.print(doc, func(w io.Writer) {
		fmt.Fprintf(w, "%s: %d payments, %s, written to %s\nsha256 %s\n", doc.Name, doc.Payments, made.Total, doc.File, doc.SHA256)
		if again {
			fmt.Fprintln(w, "\nThis is the file that was made before. Uploaded twice, it may be paid twice: look at the bank for its references first.")
		} else {
			fmt.Fprintf(w, "\nThe payments are submitted. Upload the file once, then read the bank's report: galla withdrawal import FILE --rail %s\n", doc.Rail)
		}
		writeLeftOut(w, doc.LeftOut)
	})
}

func writeLeftOut(w io.Writer, list []leftOutDoc) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintln(w, "\nLeft out:")
	for _, l := range list {
		fmt.Fprintf(w, "  withdrawal %d: %s\n", l.ID, l.Reason)
	}
}

// writeNewFile writes a file for its owner only, which must not exist. It is on the disk, or there is none.
func writeNewFile(path string, content []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

func (a *app) withdrawalBatches() *cobra.Command {
	var p page
	c := a.verb("batches", "List the files that were made for banks, newest first", cobra.NoArgs, func(c *cobra.Command, _ []string) error {
		before, err := p.before()
		if err != nil {
			return err
		}
		s, _, err := a.openStore(c)
		if err != nil {
			return err
		}
		defer s.Close()
		rows, err := s.Read().ListPayoutBatches(c.Context(), store.ListPayoutBatchesParams{Before: before, Rows: p.rows})
		if err != nil {
			return err
		}
		docs, cells := make([]batchDoc, len(rows)), make([][]string, len(rows))
		for i, row := range rows {
			docs[i] = batchDoc{
				ID: row.ID, Name: gateway.PayoutBatch{ID: row.ID}.Name(), Rail: row.Rail, Kind: row.Kind, Payments: row.Payments,
				Total: amountText(row.Total, row.Currency), Currency: row.Currency, SHA256: fmt.Sprintf("%x", row.Sha256), MadeBy: row.MadeBy,
				MadeAt: moment(row.MadeAt), Paid: &row.Paid, Refunded: &row.Refunded,
			}
			cells[i] = []string{
				number(row.ID), docs[i].Name, minute(row.MadeAt), row.Rail, row.MadeBy, number(row.Payments), docs[i].Total, row.Currency, number(row.Paid),
				number(row.Refunded), number(row.Payments - row.Paid - row.Refunded),
			}
		}
		return a.print(docs, func(w io.Writer) {
			table(w, []string{"id", "batch", "made", "rail", "by", "payments", "total", "", "paid", "refunded", "open"}, cells)
		})
	})
	p.flags(c)
	return c
}

func (a *app) withdrawalImport() *cobra.Command {
	var name string
	var dryRun bool
	const short = "Read a file in which a bank says what became of payouts"
	c := withOperator(a.verb("import FILE --rail NAME", short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		open := a.openOperator
		if dryRun {
			open = func(c *cobra.Command) (*admin, gateway.Operator, error) {
				ad, err := a.openAdmin(c)
				return ad, gateway.Operator{}, err
			}
		}
		ad, by, err := open(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		read, err := a.importReport(c.Context(), ad, by, args[0], name, dryRun)
		if err != nil {
			return err
		}
		return a.print(read, func(w io.Writer) { read.write(w) })
	}), short)
	c.Long += "\n\nA report may be read again: what is known stays as it is. \"failed\" gives the money back once a report that is at least\nan hour later still says so, or two people do (galla withdrawal resolve)."
	c.Flags().StringVar(&name, "rail", "", "rail that the payouts went by: its template reads the report")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "tell what the report would do, and store nothing")
	return required(c, "rail")
}

// reportDoc is what import prints: every row is counted once. Scripts rely on its members.
type reportDoc struct {
	Rail     string                       `json:"rail"`
	DryRun   bool                         `json:"dry_run"`
	Again    bool                         `json:"again"` // the very same bytes were read before
	Rows     int                          `json:"rows"`
	Results  map[gateway.ReportResult]int `json:"results"`
	Refused  int                          `json:"refused"`  // rows that can't be read or believed
	Problems []reportProblem              `json:"problems"` // of conflicts and refused rows
}

// reportProblem is a row that a person must look at.
type reportProblem struct {
	Line       int    `json:"line"`
	Reference  string `json:"reference,omitempty"`
	Withdrawal int64  `json:"withdrawal,omitempty"`
	Reason     string `json:"reason"`
}

func (d *reportDoc) write(w io.Writer) {
	lines := [][2]string{{"rows", number(int64(d.Rows))}}
	for _, r := range []struct {
		of   gateway.ReportResult
		text string
	}{
		{gateway.ReportPaid, "paid"}, {gateway.ReportFailed, "failed, money still reserved"}, {gateway.ReportRefunded, "failed for certain, money given back"},
		{gateway.ReportOpen, "not decided"}, {gateway.ReportUnknown, "words not understood"}, {gateway.ReportKnown, "nothing new"},
		{gateway.ReportForeign, "not ours"}, {gateway.ReportConflict, "conflicts"},
	} {
		lines = append(lines, [2]string{r.text, number(int64(d.Results[r.of]))})
	}
	pairs(w, append(lines, [2]string{"refused rows", number(int64(d.Refused))})...)
	for i, p := range d.Problems {
		if i == 0 {
			fmt.Fprintln(w, "\nA person must look at:")
		}
		who := printable(p.Reference)
		if p.Withdrawal != 0 {
			who += fmt.Sprintf(", withdrawal %d", p.Withdrawal)
		}
		fmt.Fprintf(w, "  line %d (%s): %s\n", p.Line, dash(who), printable(p.Reason))
	}
	switch {
	case d.DryRun:
		fmt.Fprintln(w, "\nNothing was stored.")
	case d.Again:
		fmt.Fprintln(w, "\nThis very file was read before: it is no new word of the bank.")
	}
}

// importReport reads a report and takes its rows for what they say, one after the other.
func (a *app) importReport(ctx context.Context, ad *admin, by gateway.Operator, path, name string, dryRun bool) (*reportDoc, error) {
	template, err := ad.ReportTemplate(name)
	if err != nil {
		return nil, err
	}
	file, size, sum, downloaded, err := openReport(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	doc := &reportDoc{Rail: name, DryRun: dryRun, Results: map[gateway.ReportResult]int{}, Problems: []reportProblem{}}
	var rows []bankfile.Row
	for row, err := range template.Read(file, size) {
		var refused *bankfile.RowError
		switch {
		case errors.As(err, &refused):
			doc.Rows, doc.Refused = doc.Rows+1, doc.Refused+1
			doc.Problems = append(doc.Problems, reportProblem{Line: refused.Line, Reference: refused.Reference, Reason: refused.Reason})
		case err != nil:
			return nil, err
		default:
			rows = append(rows, row)
		}
	}
	doc.Rows += len(rows)
	take := func(row bankfile.Row) (gateway.ReportVerdict, error) {
		return ad.PreviewReport(ctx, name, sum, downloaded, row)
	}
	if !dryRun {
		report, err := ad.OpenReport(ctx, by, name, filepath.Base(path), sum, downloaded)
		if err != nil {
			return nil, err
		}
		doc.Again = report.Again
		take = func(row bankfile.Row) (gateway.ReportVerdict, error) { return ad.RecordReport(ctx, report, row) }
	}
	return doc, a.takeRows(ctx, rows, doc, take)
}

func (a *app) takeRows(ctx context.Context, rows []bankfile.Row, doc *reportDoc, take func(bankfile.Row) (gateway.ReportVerdict, error)) error {
	bar := a.progressBar("import")
	defer bar.end()
	for i, row := range rows {
		verdict, err := take(row)
		if err = errors.Join(err, ctx.Err()); err != nil {
			return fmt.Errorf("stopped after %d of %d rows, reading the report again is safe: %w", i, len(rows), err)
		}
		doc.Results[verdict.Result]++
		if verdict.Result == gateway.ReportConflict {
			doc.Problems = append(doc.Problems, reportProblem{row.Line, row.Reference, int64(verdict.Withdrawal), verdict.Reason})
		}
		bar.set(int64(i+1), int64(len(rows)))
		if bar.bar == nil && (i+1)%reportNewsEvery == 0 {
			fmt.Fprintf(a.stderr, "%d of %d rows\n", i+1, len(rows))
		}
	}
	return nil
}

// openReport opens a report, and tells its size, its SHA-256, and when it was written.
func openReport(path string) (file *os.File, size int64, sum [32]byte, written time.Time, err error) {
	if file, err = os.Open(path); err != nil {
		return nil, 0, sum, written, usagef("%v", err)
	}
	info, err := file.Stat()
	if err != nil {
		return nil, 0, sum, written, errors.Join(err, file.Close())
	}
	hash := sha256.New()
	size, err = io.Copy(hash, io.LimitReader(file, bankfile.MaxFileBytes+1))
	if err == nil && size > bankfile.MaxFileBytes {
		err = fmt.Errorf("%w: larger than %d bytes", bankfile.ErrFile, bankfile.MaxFileBytes)
	}
	if err != nil {
		return nil, 0, sum, written, errors.Join(err, file.Close())
	}
	return file, size, [32]byte(hash.Sum(nil)), info.ModTime(), nil
}

// discardedDoc is what discard prints.
type discardedDoc struct {
	Batch    int64 `json:"batch"`
	Proposed int   `json:"proposed"`
	Ended    int   `json:"ended"`
}

func (a *app) withdrawalDiscard() *cobra.Command {
	var proof string
	const short = "Say that a batch's file was never uploaded; a second person must say the same"
	c := withOperator(a.verb("discard BATCH --proof TEXT", short, cobra.ExactArgs(1), func(c *cobra.Command, args []string) error {
		id, err := parseID("batch", args[0])
		if err != nil {
			return err
		}
		ad, by, err := a.openOperator(c)
		if err != nil {
			return err
		}
		defer ad.Close()
		doc := discardedDoc{Batch: id}
		if doc.Proposed, doc.Ended, err = ad.DiscardBatch(c.Context(), by, id, proof); err != nil {
			return err
		}
		return a.print(doc, func(w io.Writer) {
			if doc.Proposed > 0 {
				fmt.Fprintf(w, "Noted for %d payments. They end when another operator says the same.\n", doc.Proposed)
			}
			if doc.Ended > 0 {
				fmt.Fprintf(w, "%d payments have ended: the money is the merchants' again. Delete the file.\n", doc.Ended)
			}
		})
	}), short)
	c.Flags().StringVar(&proof, "proof", "", "how you know, such as the bank's list of uploads; kept with your name")
	return required(c, "proof")
}
