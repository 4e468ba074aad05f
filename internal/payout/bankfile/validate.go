package bankfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/payout"
)

// ErrTemplate is the error of a template that can't be used; its text says why.
var ErrTemplate = errors.New("not a template")

// Limits of a template.
const (
	maxTemplateBytes = 64 << 10
	maxTitleBytes    = 120
	maxWords         = 200
	maxLines         = 16 // before or after the payments
)

const (
	delimiters = ",;|\t^~#"
	// allowable may stand in Allowed: nothing that quotes, separates or starts a formula, but for the minus that dates need.
	allowable = " ./-_:&()"
)

var (
	nameOfTemplate = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	nameOfSheet    = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 _-]{0,30}$`)
	nameOfBank     = regexp.MustCompile(`^([A-Z]{4})?$`)
)

// ReadTemplate reads a template from JSON and validates it. Unknown fields, anything behind the template and more than 64 KiB
// are errors. All errors are ErrTemplate, but for those of the reader.
func ReadTemplate(r io.Reader) (Template, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxTemplateBytes+1))
	if err != nil {
		return Template{}, err
	}
	if len(content) > maxTemplateBytes {
		return Template{}, fmt.Errorf("%w: longer than %d bytes", ErrTemplate, maxTemplateBytes)
	}
	decoder := json.NewDecoder(strings.NewReader(string(content)))
	decoder.DisallowUnknownFields()
	var t Template
	if err := decoder.Decode(&t); err != nil {
		return Template{}, fmt.Errorf("%w: %w", ErrTemplate, err)
	}
	if _, err := decoder.Token(); err != io.EOF {
		return Template{}, fmt.Errorf("%w: something stands behind it", ErrTemplate)
	}
	if err := t.Validate(); err != nil {
		return Template{}, err
	}
	return t, nil
}

// Validate reports what is wrong with the template, as ErrTemplate. A valid template can write every batch that keeps its
// limits: whatever an approved payment holds fits into its columns.
func (t Template) Validate() error {
	if !nameOfTemplate.MatchString(t.Name) {
		return fmt.Errorf("%w: name %.40q must be small letters, digits and _, at most 32", ErrTemplate, t.Name)
	}
	if t.Title == "" || len(t.Title) > maxTitleBytes {
		return fmt.Errorf("%w: %s: title must have 1 to %d bytes", ErrTemplate, t.Name, maxTitleBytes)
	}
	if err := t.Upload.validate(); err != nil {
		return fmt.Errorf("%w: %s: upload: %w", ErrTemplate, t.Name, err)
	}
	if err := t.Response.validate(); err != nil {
		return fmt.Errorf("%w: %s: response: %w", ErrTemplate, t.Name, err)
	}
	return nil
}

func validateKinds(kinds []Kind) error {
	for i, kind := range kinds {
		if kind != CSV && kind != XLSX || slices.Contains(kinds[:i], kind) {
			return fmt.Errorf("kinds: %.40q is unknown or twice there", kind)
		}
	}
	if len(kinds) == 0 {
		return errors.New("kinds: none")
	}
	return nil
}

func validateDelimiter(delimiter string) error {
	if len(delimiter) != 1 || !strings.Contains(delimiters, delimiter) {
		return fmt.Errorf("delimiter %.40q must be one of %q", delimiter, delimiters)
	}
	return nil
}

func (u Upload) validate() error {
	if err := validateKinds(u.Kinds); err != nil {
		return err
	}
	if slices.Contains(u.Kinds, CSV) {
		if err := validateDelimiter(u.Delimiter); err != nil {
			return err
		}
		if u.LineEnd != "crlf" && u.LineEnd != "lf" {
			return errors.New("line_end must be crlf or lf")
		}
	}
	switch {
	case slices.Contains(u.Kinds, XLSX) && !nameOfSheet.MatchString(u.Sheet):
		return errors.New("sheet must be letters, digits, spaces, _ and -, at most 31")
	case !nameOfBank.MatchString(u.OwnBank):
		return errors.New("own_bank must be four capital letters")
	case strings.Trim(u.Allowed, allowable) != "":
		return fmt.Errorf("allowed may hold no other characters than %q", allowable)
	case u.MaxRows < 1 || u.MaxRows > MaxBatch:
		return fmt.Errorf("max_rows must be 1 to %d", MaxBatch)
	case len(u.Before) > maxLines || len(u.After) > maxLines:
		return fmt.Errorf("before and after may have %d lines each", maxLines)
	}
	if _, _, err := u.limits(); err != nil {
		return err
	}
	if err := u.validateColumns(); err != nil {
		return err
	}
	if err := validateLines(slices.Concat(u.Before, u.After)); err != nil {
		return err
	}
	return u.try()
}

func (u Upload) validateColumns() error {
	if len(u.Columns) == 0 || len(u.Columns) > maxColumns {
		return fmt.Errorf("columns must be 1 to %d", maxColumns)
	}
	held := map[string]bool{}
	for i, column := range u.Columns {
		v, err := readValue(column.Value)
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		within, err := readValue(column.Within)
		if err != nil {
			return fmt.Errorf("column %d: %w", i+1, err)
		}
		for _, needed := range [...]string{"reference", "amount", "account"} {
			inBoth := v.has(needed) && (column.Within == "" || within.has(needed))
			held[needed] = held[needed] || inBoth
		}
		switch {
		case column.Width < 0:
			return fmt.Errorf("column %d: width is below zero", i+1)
		case column.Within != "" && u.OwnBank == "":
			return fmt.Errorf("column %d: within needs own_bank", i+1)
		case column.Number && (column.Value != "{amount}" || column.Within != ""):
			return fmt.Errorf("column %d: only {amount} can be a number", i+1)
		case u.Titles && !writableTitle(column.Title):
			return fmt.Errorf("column %d: title %.40q is empty, too long or holds what a spreadsheet or a bank may misread", i+1, column.Title)
		}
	}
	for _, needed := range [...]string{"reference", "amount", "account"} {
		if !held[needed] {
			return fmt.Errorf("no column holds {%s}", needed)
		}
	}
	return nil
}

// writableTitle allows more than cells do, for titles are the template's own words; it still keeps out all that quotes,
// separates or calculates.
func writableTitle(title string) bool {
	for _, c := range []byte(title) {
		if c < ' ' || c > '~' || strings.IndexByte(delimiters+`"'`, c) >= 0 {
			return false
		}
	}
	return title != "" && len(title) <= maxTitleBytes && strings.IndexByte(formulaStarts, title[0]) < 0
}

func validateLines(lines []Line) error {
	for _, line := range lines {
		if len(line) == 0 || len(line) > maxColumns {
			return fmt.Errorf("a line beside the payments must have 1 to %d cells", maxColumns)
		}
		for _, text := range line {
			v, err := readValue(text)
			if err != nil {
				return err
			}
			for _, p := range v {
				if ofPayment[p.placeholder] {
					return fmt.Errorf("{%s} stands in a line beside the payments", p.placeholder)
				}
			}
		}
	}
	return nil
}

// try writes a batch whose texts are as long as they can be.
func (u Upload) try() error {
	maxAmount, _, err := u.limits()
	if err != nil {
		return err
	}
	longest := payout.Instruction{
		Reference: strings.Repeat("Z", payout.ReferenceLength), Amount: maxAmount, AccountNumber: strings.Repeat("9", 18),
		AccountName: "Z " + strings.Repeat("Z", 28), IFSC: "ZZZZ0ZZZZZZ",
	}
	own := longest
	own.Reference, own.IFSC = strings.Repeat("Y", payout.ReferenceLength), "YYYY0ZZZZZZ"
	if u.OwnBank != "" {
		own.IFSC = u.OwnBank + "0ZZZZZZ"
	}
	u.MaxTotal, u.MaxRows = "", MaxBatch // limits of the file aren't what is tried
	batch := Batch{
		ID: "Z-" + strings.Repeat("Z", MaxBatchID-2), Debit: strings.Repeat("9", 18),
		Items: []payout.Instruction{longest, own}, ValueDate: time.Date(2030, 12, 30, 0, 0, 0, 0, india),
	}
	_, err = u.rows(batch)
	return err
}

func (r Response) validate() error {
	if err := validateKinds(r.Kinds); err != nil {
		return err
	}
	titled := r.Count == 0
	if r.Delimiter != "" || !titled && slices.Contains(r.Kinds, CSV) {
		if err := validateDelimiter(r.Delimiter); err != nil {
			return err
		}
	}
	if r.Count < 0 || r.Count > maxColumns {
		return fmt.Errorf("count must be 0 to %d", maxColumns)
	}
	taken := map[string]string{} // by title or place
	for _, f := range r.fields() {
		if err := f.validate(r.Count, taken); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	if len(r.Words) > maxWords {
		return fmt.Errorf("words: more than %d", maxWords)
	}
	known := map[payout.Outcome]bool{}
	words := map[string]bool{}
	for word, outcome := range r.Words {
		switch outcome {
		case payout.Sent, payout.Paid, payout.Failed, payout.Unknown:
		default:
			return fmt.Errorf("words: %.40q means %.40q, which is no outcome of a response", word, outcome)
		}
		if folded := fold(word); folded == "" || words[folded] {
			return fmt.Errorf("words: %.40q is empty or twice there", word)
		} else {
			words[folded] = true
		}
		known[outcome] = true
	}
	if !known[payout.Paid] || !known[payout.Failed] {
		return errors.New("words: none is paid, or none is failed")
	}
	return nil
}

// namedField is a field with its name in JSON.
type namedField struct {
	name   string
	needed bool
	Field
}

func (r Response) fields() []namedField {
	return []namedField{
		{"reference", true, r.Reference}, {"amount", true, r.Amount}, {"status", true, r.Status}, {"utr", r.PaidNeedsUTR, r.UTR},
		{"account", false, r.Account}, {"reason", false, r.Reason}, {"date", false, r.Date},
	}
}

func (f namedField) validate(count int, taken map[string]string) error {
	if len(f.Titles) == 0 && f.Position == 0 {
		if f.needed {
			return errors.New("missing")
		}
		return nil
	}
	var places []string
	switch {
	case count > 0 && (len(f.Titles) > 0 || f.Position < 1 || f.Position > count):
		return fmt.Errorf("a file without titles needs a position of 1 to %d, and no titles", count)
	case count == 0 && f.Position != 0:
		return errors.New("a file with titles has no positions")
	case count > 0:
		places = []string{fmt.Sprint(f.Position)}
	}
	for _, title := range f.Titles {
		if len(title) > maxTitleBytes || fold(title) == "" {
			return fmt.Errorf("title %.40q is empty or too long", title)
		}
		places = append(places, fold(title))
	}
	for _, place := range places {
		if other, twice := taken[place]; twice {
			return fmt.Errorf("%q is also of %s", place, other)
		}
		taken[place] = f.name
	}
	return nil
}
