package ifsc

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Names of the columns that are read of a CSV file, without spaces, dots and underscores.
var (
	codeColumns = []string{"IFSC", "IFSCCODE"}
	bankColumns = []string{"BANK", "BANKNAME"}
)

// filler is what the names of columns are compared without.
var filler = strings.NewReplacer(" ", "", "_", "", ".", "")

// addList reads CSV with a heading that names a column IFSC, or a text with a code on each line. Empty lines don't count, nor
// do headings further down, which the published lists have where sheets were put together.
func (t *Table) addList(r io.Reader) error {
	rows := csv.NewReader(r)
	rows.FieldsPerRecord = -1
	rows.LazyQuotes = true
	rows.ReuseRecord = true
	codeAt, bankAt := -1, -1
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		line, _ := rows.FieldPos(0)
		if codeAt < 0 {
			if codeAt, bankAt = column(row, codeColumns), column(row, bankColumns); codeAt >= 0 {
				continue
			}
			// Without a heading only the plainest list is clear.
			if len(row) != 1 {
				return fmt.Errorf("line %d: expected a heading with a column IFSC, or one code on each line", line)
			}
			codeAt = 0
		}
		if err := t.addRow(row, codeAt, bankAt); err != nil {
			return fmt.Errorf("line %d: %w", line, err)
		}
	}
}

// addRow takes a code, and the name of its bank where that stands beside it and no row before had one.
func (t *Table) addRow(row []string, codeAt, bankAt int) error {
	if codeAt >= len(row) {
		return nil // the end of a sheet: cells are missing
	}
	cell := strings.TrimSpace(row[codeAt])
	if cell == "" || column([]string{cell}, codeColumns) == 0 {
		return nil
	}
	code, err := Parse(strings.ToUpper(cell))
	if err != nil {
		return fmt.Errorf("%q: %w", printable(cell), err)
	}
	branch, _ := pack(string(code[branchAt:])) // a code's branch always packs
	name := string(code[:bankLength])
	b := t.banks[name]
	if b.name == "" && bankAt >= 0 && bankAt < len(row) {
		b.name = printable(row[bankAt])
	}
	b.branches = append(b.branches, branch)
	t.banks[name] = b
	return nil
}

// column finds a column by its names, -1 if it isn't there.
func column(row, names []string) int {
	for i, cell := range row {
		plain := filler.Replace(strings.ToUpper(cell))
		for _, name := range names {
			if plain == name {
				return i
			}
		}
	}
	return -1
}
