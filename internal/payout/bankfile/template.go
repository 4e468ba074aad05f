// Package bankfile writes the files that a bank's corporate net banking takes for many IMPS payments at once, and reads the
// files in which the bank says what became of them. What a bank wants is data, a Template: an operator whose bank wants
// something else writes one down as JSON (ReadTemplate) and needs no release.
//
// A file is written with the same bytes each time, all of it or nothing. A file that is read is hostile until shown
// otherwise: every size is limited, and a row that can't be understood is reported and never guessed at.
package bankfile

import (
	"time"

	"github.com/galla-gateway/galla/internal/payout"
)

// Kind is a form of file.
type Kind string

// The kinds of files.
const (
	// CSV is text with one row a line, whatever separates its cells.
	CSV Kind = "csv"
	// XLSX is an Excel workbook of 2007 or later.
	XLSX Kind = "xlsx"
)

// Template is what one bank wants and answers. The zero value is not valid; see Validate.
type Template struct {
	Name     string   `json:"name"`   // what a stored batch names: small letters, digits and _, at most 32
	Title    string   `json:"title"`  // for people
	Source   string   `json:"source"` // where the layout comes from and how sure it is, for people
	Upload   Upload   `json:"upload"`
	Response Response `json:"response"`
}

// Upload is the file that goes to the bank.
//
// A value is text with placeholders. Of a payment there are {reference}, {amount} (always two decimals), {account}, {name},
// {ifsc}, {bank} (the first four letters of the IFSC) and {number} (1 for the first payment); of the batch {batch}, {debit},
// {count}, {total} and the day of payment {date:DD/MM/YYYY}, also as DD-MM-YYYY, YYYY-MM-DD, YYYYMMDD and DDMMYYYY.
type Upload struct {
	Kinds     []Kind   `json:"kinds"`
	Delimiter string   `json:"delimiter,omitempty"` // between the cells of a CSV: one of , ; | ^ ~ # or a tab
	LineEnd   string   `json:"line_end,omitempty"`  // of a CSV: "crlf" or "lf"
	Sheet     string   `json:"sheet,omitempty"`     // of an XLSX: the sheet's name
	OwnBank   string   `json:"own_bank,omitempty"`  // first four letters of the bank's own IFSCs; "" when it doesn't matter
	Allowed   string   `json:"allowed"`             // characters that cells may hold besides ASCII letters and digits
	Before    []Line   `json:"before,omitempty"`    // lines above the titles, with placeholders of the batch only
	Titles    bool     `json:"titles"`              // whether there is a row with the columns' titles
	Columns   []Column `json:"columns"`
	After     []Line   `json:"after,omitempty"`     // lines below the payments, as Before
	MaxRows   int      `json:"max_rows"`            // payments in one file, at most MaxBatch
	MaxAmount string   `json:"max_amount"`          // of one payment, in rupees: "500000"
	MaxTotal  string   `json:"max_total,omitempty"` // of the file, in rupees; "": no limit
}

// Line is a line of cells, each a value.
type Line []string

// Column is one column of the payments.
type Column struct {
	Title  string `json:"title,omitempty"`
	Value  string `json:"value,omitempty"`  // "" leaves the cells empty
	Within string `json:"within,omitempty"` // value for accounts of Upload.OwnBank; "": Value
	Width  int    `json:"width,omitempty"`  // longest text that the bank takes; 0: no limit. Nothing is ever cut
	Number bool   `json:"number,omitempty"` // in an XLSX the cell is a number; only for amounts, all else is text
}

// Response is the file that comes back. Reference, Amount and Status are needed, the other columns can be missing.
type Response struct {
	Kinds     []Kind `json:"kinds"`
	Delimiter string `json:"delimiter,omitempty"` // of a CSV; "": found by the titles
	Count     int    `json:"count,omitempty"`     // columns of a file without titles; 0: the file has titles
	Reference Field  `json:"reference"`
	Amount    Field  `json:"amount"`
	Status    Field  `json:"status"`
	UTR       Field  `json:"utr,omitzero"`
	Account   Field  `json:"account,omitzero"`
	Reason    Field  `json:"reason,omitzero"`
	Date      Field  `json:"date,omitzero"`
	// Words are the words of Status and what they mean: sent, paid, failed or unknown. Case, spaces and punctuation don't
	// matter. A word that isn't here is unknown.
	Words map[string]payout.Outcome `json:"words"`
	// PaidNeedsUTR makes a row that says paid without a plausible UTR unknown: some banks say success when they took the
	// instruction.
	PaidNeedsUTR bool `json:"paid_needs_utr,omitempty"`
}

// Field says which column of the response holds something: by its title or, in a file without titles, by its place.
type Field struct {
	Titles   []string `json:"titles,omitempty"`   // as the bank may write it; case, spaces and punctuation don't matter
	Position int      `json:"position,omitempty"` // 1 is the first column
}

// Batch is what one file pays.
type Batch struct {
	ID        string               // ours: letters, digits and -, at most MaxBatchID
	Items     []payout.Instruction // in the order of the file
	Debit     string               // the account that pays, 9 to 18 digits
	ValueDate time.Time            // the day of payment is its day in India
}

// Limits of what is written.
const (
	MaxBatch   = 10_000 // payments in a file, whatever the template says
	MaxBatchID = 20
	maxColumns = 256
)

// Templates returns the templates of the release, in the order to offer them.
func Templates() []Template { return []Template{generic(), icici(), hdfc(), sbi()} }

// Lookup returns the template of the release with the name.
func Lookup(name string) (Template, bool) {
	for _, t := range Templates() {
		if t.Name == name {
			return t, true
		}
	}
	return Template{}, false
}
