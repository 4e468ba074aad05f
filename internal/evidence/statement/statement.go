// Package statement reads bank statements (CSV) row by row.
package statement

import (
	"io"
	"time"

	"github.com/galla-gateway/galla/internal/evidence"
	"github.com/galla-gateway/galla/money"
)

// Outcome is what a row is.
type Outcome uint8

// The outcomes of rows.
const (
	Skipped Outcome = iota // no transfer: a total, a footer, a row without reference …; Reason says which
	Credit
	Debit // money out; kept for later use
)

// Row is one line of the statement.
type Row struct {
	Line       int    // 1-based line number in the file
	Raw        string // the line as in the file, decoded to UTF-8
	Outcome    Outcome
	Reason     evidence.Reason // with Skipped
	Number     string          // 12 digits, "" when the row has none
	Amount     money.Money     // positive
	OccurredAt time.Time       // UTC
	Precision  evidence.Precision
	Payer      string
	Narration  string
}

// Statement is an open statement file.
type Statement struct{}

// Open finds the header row. name is used in errors only.
func Open(r io.Reader, name string) (*Statement, error) { return &Statement{}, nil }

// Next returns the next row, io.EOF after the last.
func (s *Statement) Next() (Row, error) { return Row{}, io.EOF }

// BytesRead is how much of the file has been read, for a progress bar.
func (s *Statement) BytesRead() int64 { return 0 }
