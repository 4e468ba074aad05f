// Package statement reads the CSV statements of banks, row by row, without a description of the bank's format: the
// columns are found by the names in the header row, wherever that row stands.
package statement

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/internal/evidence/bank"
	"github.com/galla-gateway/galla/money"
)

// Limits of a statement.
const (
	MaxRows          = 1_000_000
	MaxLineBytes     = 64 << 10 // a longer line is skipped
	MaxPreambleLines = 200      // lines before the header row
	maxColumns       = 64
)

// Outcome is what a row is.
type Outcome uint8

// The outcomes of rows.
const (
	Skipped Outcome = iota // no transfer that can be matched; Reason says why
	Credit                 // money in, with its reference
	Debit                  // money out; kept for the withdrawals
)

func (o Outcome) String() string { return [...]string{"skipped", "credit", "debit"}[o] }

// Row is one line of the statement that is not blank.
type Row struct {
	Line       int    // 1-based number of its first line in the file
	Raw        string // the line as in the file, in UTF-8
	Outcome    Outcome
	Reason     evidence.Reason // with Skipped
	Reversal   bool            // the bank's words say that it takes back the transaction of Number
	Direction  Outcome         // which way the money went, Credit or Debit, whatever the outcome; Skipped when that can't be told
	Number     string          // reference: 12 digits; "" when there is none
	Placed     bool            // Number stands where the bank prints it, and not where a payer may have written it
	Amount     money.Money     // above zero, for debits too; zero when there is none
	OccurredAt time.Time       // UTC; see evidence.OccurredAt
	Precision  evidence.Precision
	GivenTime  string // date and time as printed, for the fingerprint
	Payer      string // VPA or name from the narration; "" when there is none
	Narration  string
	References string // what stands in the reference columns, with spaces between
}

// Fields is the row as the text that its fingerprint covers: what it says, not where it stands.
func (r Row) Fields() string {
	if r.Outcome == Skipped {
		return "raw" + r.Raw
	}
	var b strings.Builder
	for _, part := range [...]string{r.Outcome.String(), r.Number, r.Amount.String(), r.Narration} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	return b.String()
}

// Options of a statement.
type Options struct {
	Received time.Time      // when the statement was imported: the time of a row of that very day without a time
	Currency money.Currency // INR when empty
}

// Statement is an open statement file.
type Statement struct {
	lines     *lineReader
	delimiter rune
	columns   columns
	options   Options
	rows      int
}

// Open reads up to the header row. name is used in errors only. Comma, semicolon, tab and vertical bar separate columns;
// UTF-8, UTF-16 with byte order mark and Windows-1252 are read.
func Open(r io.Reader, name string, options Options) (*Statement, error) {
	if options.Currency == "" {
		options.Currency = money.INR
	}
	lines, err := newLineReader(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	for range MaxPreambleLines {
		line, err := lines.next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for _, delimiter := range []rune{',', '\t', ';', '|'} {
			if found, ok := findColumns(splitCells(line.text, delimiter)); ok {
				return &Statement{lines: lines, delimiter: delimiter, columns: found, options: options}, nil
			}
		}
	}
	return nil, fmt.Errorf("%s: no header row in the first %d lines: it needs a date column (such as %q), a description or "+
		"reference column (%q, %q), and money columns (%q, or %q with %q)", name, MaxPreambleLines,
		"Date", "Narration", "Ref No", "Deposit Amt.", "Amount", "Dr / Cr")
}

// Next returns the next row that is not blank, io.EOF after the last.
func (s *Statement) Next() (Row, error) {
	for {
		line, err := s.lines.next()
		if err != nil {
			return Row{}, err
		}
		if strings.Trim(line.text, " \t,;|*-_=\"") == "" && !line.cut {
			continue
		}
		if s.rows == MaxRows {
			return Row{}, fmt.Errorf("line %d: more than %d rows; split the file", line.number, MaxRows)
		}
		s.rows++
		return s.readRow(line), nil
	}
}

// BytesRead is how many bytes of the file have been read, for a progress bar.
func (s *Statement) BytesRead() int64 { return s.lines.counter.bytes }

var zone = bank.India
