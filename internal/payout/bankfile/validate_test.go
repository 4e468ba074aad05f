package bankfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/galla-gateway/galla/internal/payout"
)

func encoded(t fataler, template Template) []byte {
	t.Helper()
	content, err := json.Marshal(template)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// Every template of the release is valid, has its own name, and is what an operator may start from.
func TestTemplates(t *testing.T) {
	seen := map[string]bool{}
	for _, template := range Templates() {
		if seen[template.Name] || template.Source == "" {
			t.Errorf("%s is there twice, or has no source", template.Name)
		}
		seen[template.Name] = true
		again, err := ReadTemplate(bytes.NewReader(encoded(t, template)))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(template, again); diff != "" {
			t.Errorf("%s after JSON (- before):\n%s", template.Name, diff)
		}
	}
	if _, ok := Lookup("none"); ok {
		t.Error("there is a template none")
	}
}

func TestValidateRefuses(t *testing.T) {
	line := func(cells ...string) []Line { return []Line{cells} }
	for name, c := range map[string]struct {
		spoil func(*Template)
		want  string
	}{
		"name":               {func(t *Template) { t.Name = "My Bank" }, "name"},
		"title":              {func(t *Template) { t.Title = "" }, "title"},
		"no kind":            {func(t *Template) { t.Upload.Kinds = nil }, "kinds"},
		"a kind twice":       {func(t *Template) { t.Upload.Kinds = []Kind{CSV, CSV} }, "kinds"},
		"unknown kind":       {func(t *Template) { t.Response.Kinds = []Kind{"pdf"} }, "kinds"},
		"delimiter":          {func(t *Template) { t.Upload.Delimiter = "0" }, "delimiter"},
		"line end":           {func(t *Template) { t.Upload.LineEnd = "cr" }, "line_end"},
		"sheet":              {func(t *Template) { t.Upload.Sheet = "a/b" }, "sheet"},
		"own bank":           {func(t *Template) { t.Upload.OwnBank = "icici" }, "own_bank"},
		"allowed =":          {func(t *Template) { t.Upload.Allowed += "=" }, "allowed"},
		"allowed comma":      {func(t *Template) { t.Upload.Allowed += "," }, "allowed"},
		"allowed quote":      {func(t *Template) { t.Upload.Allowed += `"` }, "allowed"},
		"allowed line end":   {func(t *Template) { t.Upload.Allowed += "\n" }, "allowed"},
		"no rows":            {func(t *Template) { t.Upload.MaxRows = 0 }, "max_rows"},
		"too many rows":      {func(t *Template) { t.Upload.MaxRows = MaxBatch + 1 }, "max_rows"},
		"no limit":           {func(t *Template) { t.Upload.MaxAmount = "" }, "max_amount"},
		"zero limit":         {func(t *Template) { t.Upload.MaxAmount = "0" }, "max_amount"},
		"bad total":          {func(t *Template) { t.Upload.MaxTotal = "much" }, "max_total"},
		"no columns":         {func(t *Template) { t.Upload.Columns = nil }, "columns"},
		"no reference":       {func(t *Template) { t.Upload.Columns[0].Value = "x" }, "{reference}"},
		"no account":         {func(t *Template) { t.Upload.Columns[4].Value = "" }, "{account}"},
		"no amount":          {func(t *Template) { t.Upload.Columns[6] = Column{Title: "Amount"} }, "{amount}"},
		"unknown word":       {func(t *Template) { t.Upload.Columns[0].Value = "{ref}" }, "no placeholder"},
		"date alone":         {func(t *Template) { t.Upload.Columns[0].Value = "{date}" }, "no placeholder"},
		"odd date":           {func(t *Template) { t.Upload.Columns[0].Value = "{date:MM/DD/YYYY}" }, "no placeholder"},
		"layout for amount":  {func(t *Template) { t.Upload.Columns[0].Value = "{amount:DD/MM/YYYY}" }, "no placeholder"},
		"open":               {func(t *Template) { t.Upload.Columns[0].Value = "{reference" }, "without }"},
		"closed":             {func(t *Template) { t.Upload.Columns[0].Value = "reference}" }, "without {"},
		"narrow account":     {func(t *Template) { t.Upload.Columns[4].Width = 17 }, "takes 17"},
		"narrow reference":   {func(t *Template) { t.Upload.Columns[0].Width = payout.ReferenceLength - 1 }, "takes 15"},
		"narrow name":        {func(t *Template) { t.Upload.Columns[3].Width = 29 }, "takes 29"},
		"narrow amount":      {func(t *Template) { t.Upload.Columns[6].Width = 8 }, "takes 8"},
		"width below zero":   {func(t *Template) { t.Upload.Columns[6].Width = -1 }, "width"},
		"no space in names":  {func(t *Template) { t.Upload.Allowed = ".-/" }, "doesn't take"},
		"no point":           {func(t *Template) { t.Upload.Allowed = " -/" }, "doesn't take"},
		"no slash":           {func(t *Template) { t.Upload.Allowed = " .-" }, "doesn't take"},
		"formula":            {func(t *Template) { t.Upload.Columns[8].Value = "=1" }, "doesn't take"},
		"minus in front":     {func(t *Template) { t.Upload.Columns[8].Value = "-{amount}" }, "formula"},
		"account as number":  {func(t *Template) { t.Upload.Columns[4].Number = true }, "only {amount}"},
		"title missing":      {func(t *Template) { t.Upload.Columns[4].Title = "" }, "title"},
		"title is a formula": {func(t *Template) { t.Upload.Columns[4].Title = "+1" }, "title"},
		"title with comma":   {func(t *Template) { t.Upload.Columns[4].Title = "a,b" }, "title"},
		"within, no bank":    {func(t *Template) { t.Upload.Columns[1].Within = "FT" }, "own_bank"},
		"within loses": {func(t *Template) {
			t.Upload.OwnBank, t.Upload.Columns[0].Within = "ICIC", "FT"
		}, "{reference}"},
		"within too long": {func(t *Template) {
			t.Upload.OwnBank, t.Upload.Columns[1] = "ICIC", Column{Title: "x", Value: "IMPS", Within: "{name}", Width: 4}
		}, "takes 4"},
		"payment in footer": {func(t *Template) { t.Upload.After = line("{account}") }, "beside"},
		"formula in header": {func(t *Template) { t.Upload.Before = line("=1") }, "doesn't take"},
		"empty line":        {func(t *Template) { t.Upload.After = line() }, "cells"},
		"many lines":        {func(t *Template) { t.Upload.After = make([]Line, maxLines+1) }, "lines"},
		"no status":         {func(t *Template) { t.Response.Status = Field{} }, "status: missing"},
		"no UTR":            {func(t *Template) { t.Response.PaidNeedsUTR, t.Response.UTR = true, Field{} }, "utr: missing"},
		"title of two":      {func(t *Template) { t.Response.Status.Titles = []string{"AMOUNT"} }, "also of"},
		"title of signs":    {func(t *Template) { t.Response.Status.Titles = []string{"--"} }, "empty"},
		"place and title":   {func(t *Template) { t.Response.Status.Position = 3 }, "no positions"},
		"count and titles":  {func(t *Template) { t.Response.Count, t.Response.Delimiter = 9, "," }, "needs a position"},
		"count, delimiter":  {func(t *Template) { t.Response.Count = 9 }, "delimiter"},
		"count below zero":  {func(t *Template) { t.Response.Count, t.Response.Delimiter = -1, "," }, "count"},
		"no words":          {func(t *Template) { t.Response.Words = nil }, "none is paid"},
		"nothing fails":     {func(t *Template) { t.Response.Words = map[string]payout.Outcome{"ok": payout.Paid} }, "none is failed"},
		"absent":            {func(t *Template) { t.Response.Words["gone"] = payout.Absent }, "no outcome"},
		"own outcome":       {func(t *Template) { t.Response.Words["ok"] = "Paid" }, "no outcome"},
		"word twice":        {func(t *Template) { t.Response.Words["PAID."] = payout.Failed }, "twice"},
		"word of signs":     {func(t *Template) { t.Response.Words["?"] = payout.Failed }, "empty"},
	} {
		t.Run(name, func(t *testing.T) {
			spoilt := generic()
			c.spoil(&spoilt)
			err := spoilt.Validate()
			if !errors.Is(err, ErrTemplate) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want ErrTemplate and %q", err, c.want)
			}
			if got := read(spoilt, []byte("Reference,Amount,Status\n")); !errors.Is(got.err, ErrTemplate) {
				t.Errorf("it is read with: %v", got.err)
			}
		})
	}
}

func TestPositions(t *testing.T) {
	for name, spoil := range map[string]func(*Response){
		"the same place": func(r *Response) { r.Status.Position = r.Amount.Position },
		"beyond":         func(r *Response) { r.Status.Position = 15 },
		"before":         func(r *Response) { r.Status.Position = -1 },
		"with titles":    func(r *Response) { r.Status.Titles = []string{"Status"} },
	} {
		spoilt := hdfc()
		spoil(&spoilt.Response)
		if err := spoilt.Validate(); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestReadTemplateIsStrict(t *testing.T) {
	good := string(encoded(t, generic()))
	for name, content := range map[string]string{
		"nothing": "", "null": "null", "a list": "[]", "cut off": good[:len(good)/2], "two": good + good, "text behind": good + "x",
		"unknown field": strings.Replace(good, `"name"`, `"colour":1,"name"`, 1),
		"float rows":    strings.Replace(good, `"max_rows":10000`, `"max_rows":1.5`, 1),
		"too long":      good + strings.Repeat(" ", maxTemplateBytes),
	} {
		if _, err := ReadTemplate(strings.NewReader(content)); !errors.Is(err, ErrTemplate) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := ReadTemplate(iotest.ErrReader(io.ErrClosedPipe)); !errors.Is(err, io.ErrClosedPipe) {
		t.Errorf("a reader's error is %v", err)
	}
}

// A bank that the release doesn't know: its layout comes from a file, and both ways work.
func TestOperatorsTemplate(t *testing.T) {
	const file = `{
		"name": "tiny_bank", "title": "Tiny Bank", "source": "the bank's mail",
		"upload": {
			"kinds": ["csv"], "delimiter": "|", "line_end": "lf", "allowed": " .", "titles": false, "max_rows": 50, "max_amount": "200000",
			"before": [["H", "{date:YYYYMMDD}", "{count}"]],
			"columns": [{"value": "{number}"}, {"value": "{reference}"}, {"value": "{account}"}, {"value": "{amount}"}, {"value": "{name}"}]
		},
		"response": {
			"kinds": ["csv"], "delimiter": "|", "count": 3,
			"reference": {"position": 1}, "amount": {"position": 2}, "status": {"position": 3},
			"words": {"ok": "paid", "no": "failed", "later": "sent"}
		}
	}`
	tiny, err := ReadTemplate(strings.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	want := "H|20261126|1\n1|GL00000000001001|00501001234567|1218.00|ASHA RAO\n"
	if got := string(write(t, tiny, CSV, testBatch(1))); got != want {
		t.Errorf("got %q", got)
	}
	got := read(tiny, []byte("\xef\xbb\xbfGL00000000001001|1218.00|OK\n"))
	wantRows(t, got, []string{`1 GL00000000001001 1218.00 utr= tail= paid/ code="OK" reason="" `})
}

// FuzzReadTemplate: whatever is read as a template can be used, and survives being written down.
func FuzzReadTemplate(f *testing.F) {
	for _, template := range Templates() {
		f.Add(encoded(f, template))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		template, err := ReadTemplate(bytes.NewReader(content))
		if err != nil {
			if !errors.Is(err, ErrTemplate) {
				t.Fatal(err)
			}
			return
		}
		again, err := ReadTemplate(bytes.NewReader(encoded(t, template)))
		if err != nil || !bytes.Equal(encoded(t, again), encoded(t, template)) {
			t.Fatalf("again: %v", err)
		}
		batch := testBatch(1)
		batch.Items[0].Amount.Minor = 1
		for _, kind := range []Kind{CSV, XLSX} {
			err := template.Write(io.Discard, kind, batch)
			if slices.Contains(template.Upload.Kinds, kind) != (err == nil) && !strings.Contains(err.Error(), "and a file may") {
				t.Fatalf("%s: %v", kind, err)
			}
		}
	})
}
