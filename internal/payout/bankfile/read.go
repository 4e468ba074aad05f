package bankfile

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// Limits of a response. What is beyond one of the first five ends the reading with ErrFile; a row beyond one of the others is
// a RowError.
const (
	MaxFileBytes     = 16 << 20
	MaxUnzippedBytes = 64 << 20 // of all parts of an XLSX together
	MaxRows          = 50_000   // below the titles
	MaxTitleRows     = 50       // in which the row of titles must be
	maxSharedBytes   = 16 << 20 // of the texts that the cells of an XLSX share
	MaxColumns       = 256
	MaxCellBytes     = 1 << 10
	maxLineBytes     = 64 << 10 // of a line of a CSV
)

// ErrFile is the error of a response that can't be read as a whole: another kind of file, no titles, beyond a limit.
var ErrFile = errors.New("the file can't be read")

// Row is what the bank says of one payment.
type Row struct {
	Line        int         // 1 is the file's first line; the row of a sheet
	Reference   string      // ours, by which alone the payment is found
	Amount      money.Money // above zero; the caller compares it with the payment's
	UTR         string      // whatever the outcome; "" when there is none that is plausible
	AccountTail string      // last four digits of the beneficiary's account; "" when there are none
	// Answer has the outcome, the UTR when it is paid, the bank's word as Code, its reason and the row itself. At is
	// midnight in India where the bank gives a day only.
	Answer payout.Answer
}

// RowError is a row that can't be read or believed. Reading goes on behind it.
type RowError struct {
	Line      int
	Reference string // of the payment that it may be about; "" when not even that could be read
	Reason    string // for people, without account numbers
}

func (e *RowError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Read reads a response of size bytes: of the kind it turns out to be. It yields the rows in the order of the file; a row that
// can't be read comes as a *RowError, any other error (ErrFile, ErrTemplate, or the reader's) comes alone and is the last.
//
// The file is read twice, so that a file beyond a limit yields no row, and so that no row is yielded which another one
// contradicts: where rows of one reference differ in outcome, amount or UTR, or one of them can't be read, all of them are
// RowErrors. Where they agree the first counts, and the others are RowErrors.
func (t Template) Read(r io.ReaderAt, size int64) iter.Seq2[Row, error] {
	return func(yield func(Row, error) bool) {
		seen, file, err := t.survey(r, size)
		if err != nil {
			yield(Row{}, err)
			return
		}
		err = t.each(file, func(row Row, problem *RowError) bool {
			if problem == nil {
				problem = seen[row.Reference].objection(row)
			}
			if problem != nil {
				return yield(Row{}, problem)
			}
			return yield(row, nil)
		})
		if err != nil {
			yield(Row{}, err)
		}
	}
}

// sighting is what the first row of a reference says, and whether the others agree.
type sighting struct {
	line      int
	outcome   payout.Outcome
	amount    money.Money
	utr       string
	unread    bool // the row couldn't be read
	contested int  // line of the first row that says something else; 0: none
}

func (s sighting) objection(row Row) *RowError {
	problem := &RowError{Line: row.Line, Reference: row.Reference}
	switch {
	case s.contested > 0:
		problem.Reason = fmt.Sprintf("lines %d and %d don't say the same of %s", s.line, s.contested, row.Reference)
	case s.line != row.Line:
		problem.Reason = fmt.Sprintf("says the same of %s as line %d", row.Reference, s.line)
	default:
		return nil
	}
	return problem
}

// survey reads the whole file once and notes what it says of each reference.
func (t Template) survey(r io.ReaderAt, size int64) (map[string]sighting, opener, error) {
	if err := t.Validate(); err != nil {
		return nil, nil, err
	}
	file, err := t.Response.open(r, size)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]sighting{}
	err = t.each(file, func(row Row, problem *RowError) bool {
		now := sighting{line: row.Line, outcome: row.Answer.Outcome, amount: row.Amount, utr: row.UTR}
		reference := row.Reference
		if problem != nil {
			now, reference = sighting{line: problem.Line, unread: true}, problem.Reference
		}
		if reference == "" {
			return true
		}
		first, again := seen[reference]
		if !again {
			seen[reference] = now
			return true
		}
		same := now
		same.line, same.contested = first.line, first.contested
		if first.contested == 0 && first != same {
			first.contested = now.line
			seen[reference] = first
		}
		return true
	})
	return seen, file, err
}

// each calls do for every row below the titles, until it returns false.
func (t Template) each(file opener, do func(Row, *RowError) bool) error {
	lines, err := file()
	if err != nil {
		return err
	}
	reader := rowReader{response: t.Response, words: t.Response.folded()}
	if reader.columns, err = t.Response.findColumns(lines); err != nil {
		return err
	}
	for rows := 0; ; rows++ {
		l, err := lines.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if rows == MaxRows {
			return fmt.Errorf("%w: more than %d rows; ask the bank for a shorter one", ErrFile, MaxRows)
		}
		if !do(reader.read(l)) {
			return nil
		}
	}
}
