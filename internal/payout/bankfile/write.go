package bankfile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// Errors of a batch that the template can't write. Match with errors.Is; the text names the payment.
var (
	ErrKind  = errors.New("the template has no such kind of file")
	ErrBatch = errors.New("the batch can't be written")
)

// written is one cell of an upload.
type written struct {
	text   string
	number bool
}

// Write writes the batch's upload: the same bytes for the same batch. Nothing is written when anything is wrong with the
// batch (ErrBatch), the kind (ErrKind) or the template.
func (t Template) Write(w io.Writer, kind Kind, batch Batch) error {
	if err := t.Validate(); err != nil {
		return err
	}
	if !slices.Contains(t.Upload.Kinds, kind) {
		return fmt.Errorf("%w: %s of %s", ErrKind, kind, t.Name)
	}
	rows, err := t.Upload.rows(batch)
	if err != nil {
		return err
	}
	if kind == XLSX {
		return t.Upload.writeXLSX(w, rows)
	}
	return t.Upload.writeCSV(w, rows)
}

// writeCSV needs no quotes: no cell may hold a delimiter, a quote or a line end, and banks' readers know no quoting.
func (u Upload) writeCSV(w io.Writer, rows [][]written) error {
	end := "\n"
	if u.LineEnd == "crlf" {
		end = "\r\n"
	}
	buffer := bufio.NewWriter(w)
	for _, row := range rows {
		for i, cell := range row {
			if i > 0 {
				buffer.WriteString(u.Delimiter) // a bufio.Writer keeps its first error for Flush
			}
			buffer.WriteString(cell.text)
		}
		buffer.WriteString(end)
	}
	return buffer.Flush()
}

// rows returns all rows of the file.
func (u Upload) rows(batch Batch) ([][]written, error) {
	f := &filling{batch: batch}
	var err error
	if f.total, err = u.checkBatch(batch); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBatch, err)
	}
	rows, err := u.lines(nil, u.Before, f)
	if err != nil {
		return nil, err
	}
	if u.Titles {
		var titles []written
		for _, column := range u.Columns {
			titles = append(titles, written{text: column.Title})
		}
		rows = append(rows, titles)
	}
	columns, err := u.readColumns()
	if err != nil {
		return nil, err
	}
	for at, item := range batch.Items {
		f.item, f.number = item, at+1
		row, err := u.row(columns, f)
		if err != nil {
			return nil, err
		}
		rows = append(rows, row)
	}
	return u.lines(rows, u.After, f)
}

// columnValues is what a column holds, read.
type columnValues struct{ usual, within value }

func (u Upload) readColumns() ([]columnValues, error) {
	columns := make([]columnValues, len(u.Columns))
	for i, column := range u.Columns {
		var err error
		if columns[i].usual, err = readValue(column.Value); err != nil {
			return nil, err
		}
		columns[i].within = columns[i].usual
		if column.Within != "" {
			if columns[i].within, err = readValue(column.Within); err != nil {
				return nil, err
			}
		}
	}
	return columns, nil
}

// row is the row of one payment.
func (u Upload) row(columns []columnValues, f *filling) ([]written, error) {
	own := u.OwnBank != "" && strings.HasPrefix(f.item.IFSC, u.OwnBank)
	row := make([]written, len(columns))
	for i, column := range columns {
		text := column.usual.fill(f)
		if own {
			text = column.within.fill(f)
		}
		if err := u.checkCell(text, u.Columns[i].Width); err != nil {
			return nil, fmt.Errorf("%w: payment %d, column %d: %w", ErrBatch, f.number, i+1, err)
		}
		row[i] = written{text, u.Columns[i].Number}
	}
	return row, nil
}

// Fits reports why a payment can't stand in a file of the template, for people; nil when it can.
func (t Template) Fits(item payout.Instruction) error {
	maxAmount, maxTotal, err := t.Upload.limits()
	if err != nil {
		return err
	}
	if maxTotal.Minor > 0 && maxTotal.Cmp(maxAmount) < 0 {
		maxAmount = maxTotal
	}
	return checkInstruction(item, maxAmount)
}

// Room is how many of the payments, from the first on, one file can have: as many as the template's limits let in.
func (t Template) Room(items []payout.Instruction) int {
	_, maxTotal, err := t.Upload.limits()
	total := money.Money{Currency: money.INR}
	for at, item := range items {
		if err != nil || at == t.Upload.MaxRows {
			return at
		}
		total, err = total.Add(item.Amount)
		if err != nil || maxTotal.Minor > 0 && total.Cmp(maxTotal) > 0 {
			return at
		}
	}
	return len(items)
}

func (u Upload) lines(rows [][]written, lines []Line, f *filling) ([][]written, error) {
	for _, line := range lines {
		row := make([]written, len(line))
		for i, text := range line {
			v, err := readValue(text)
			if err != nil {
				return nil, err
			}
			row[i].text = v.fill(f)
			if err := u.checkCell(row[i].text, 0); err != nil {
				return nil, fmt.Errorf("%w: a line beside the payments: %w", ErrBatch, err)
			}
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// checkCell is the last look before a bank's machine, or a person's Excel, reads the text.
func (u Upload) checkCell(text string, width int) error {
	if width > 0 && len(text) > width {
		return fmt.Errorf("%d characters, and the bank takes %d", len(text), width)
	}
	for i, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z':
		case strings.IndexByte(u.Allowed, c) < 0:
			return fmt.Errorf("a character that the bank doesn't take: %q", c)
		case i == 0 && strings.IndexByte(formulaStarts, c) >= 0:
			return fmt.Errorf("starts like a formula: %q", c)
		}
	}
	return nil
}

// formulaStarts are what a spreadsheet may take as the start of a formula.
const formulaStarts = "=+-@\t\r"

var (
	referenceForm = regexp.MustCompile(fmt.Sprintf(`^[A-Z0-9]{1,%d}$`, payout.ReferenceLength))
	accountForm   = regexp.MustCompile(`^[0-9]{9,18}$`)
	nameForm      = regexp.MustCompile(`^[A-Za-z][A-Za-z ]{0,29}$`)
	ifscForm      = regexp.MustCompile(`^[A-Z]{4}0[A-Z0-9]{6}$`)
	batchForm     = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9][A-Za-z0-9-]{0,%d}$`, MaxBatchID-1))
)

// checkBatch returns the batch's total. Its errors name payments by their references and never a whole account number.
func (u Upload) checkBatch(batch Batch) (money.Money, error) {
	total := money.Money{Currency: money.INR}
	maxAmount, maxTotal, err := u.limits()
	if err != nil {
		return total, err
	}
	switch {
	case !batchForm.MatchString(batch.ID):
		return total, fmt.Errorf("its id %.40q must be letters, digits and -, at most %d", batch.ID, MaxBatchID)
	case !accountForm.MatchString(batch.Debit):
		return total, errors.New("the account that pays must be 9 to 18 digits")
	case batch.ValueDate.IsZero():
		return total, errors.New("it has no day of payment")
	case len(batch.Items) == 0:
		return total, errors.New("it has no payment")
	case len(batch.Items) > u.MaxRows:
		return total, fmt.Errorf("it has %d payments, and a file may have %d", len(batch.Items), u.MaxRows)
	}
	seen := make(map[string]bool, len(batch.Items))
	for at, item := range batch.Items {
		if err := checkInstruction(item, maxAmount); err != nil {
			return total, fmt.Errorf("payment %d (%.40q): %w", at+1, item.Reference, err)
		}
		if seen[item.Reference] {
			return total, fmt.Errorf("payment %d: %s is in it twice", at+1, item.Reference)
		}
		seen[item.Reference] = true
		if total, err = total.Add(item.Amount); err != nil {
			return total, err
		}
	}
	if maxTotal.Minor > 0 && total.Cmp(maxTotal) > 0 {
		return total, fmt.Errorf("it pays %s, and a file may pay %s", total, maxTotal)
	}
	return total, nil
}

func checkInstruction(item payout.Instruction, maxAmount money.Money) error {
	switch {
	case !referenceForm.MatchString(item.Reference):
		return fmt.Errorf("its reference must be capital letters and digits, at most %d", payout.ReferenceLength)
	case item.Amount.Currency != money.INR || item.Amount.Minor <= 0:
		return errors.New("its amount must be rupees above zero")
	case item.Amount.Cmp(maxAmount) > 0:
		return fmt.Errorf("it pays %s, and a payment may be %s", item.Amount, maxAmount)
	case !accountForm.MatchString(item.AccountNumber):
		return errors.New("the account number must be 9 to 18 digits")
	case !nameForm.MatchString(item.AccountName):
		return errors.New("the account's name must be letters and spaces, at most 30")
	case !ifscForm.MatchString(item.IFSC):
		return errors.New("the IFSC must be four capital letters, 0 and six capital letters or digits")
	}
	return nil
}

// limits reads the limits of amounts; no MaxTotal is zero.
func (u Upload) limits() (maxAmount, maxTotal money.Money, err error) {
	if maxAmount, err = money.ParseGrouped(u.MaxAmount, money.INR); err != nil || maxAmount.Minor == 0 {
		return maxAmount, maxTotal, fmt.Errorf("max_amount %.40q is no amount above zero", u.MaxAmount)
	}
	if u.MaxTotal == "" {
		return maxAmount, money.Money{Currency: money.INR}, nil
	}
	if maxTotal, err = money.ParseGrouped(u.MaxTotal, money.INR); err != nil || maxTotal.Minor == 0 {
		return maxAmount, maxTotal, fmt.Errorf("max_total %.40q is no amount above zero", u.MaxTotal)
	}
	return maxAmount, maxTotal, nil
}
