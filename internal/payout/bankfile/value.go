package bankfile

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/internal/evidence/bank"
	"github.com/galla-gateway/galla/internal/payout"
	"github.com/galla-gateway/galla/money"
)

// part is a piece of a value: plain text, or a placeholder with its layout.
type part struct {
	text        string
	placeholder string
	layout      string // of {date:…}, for time.Format
}

// value is a column's or a cell's value, read.
type value []part

// The placeholders. Those of a payment have no meaning in lines before and after the payments.
var (
	ofPayment = map[string]bool{
		"reference": true, "amount": true, "account": true, "name": true, "ifsc": true, "bank": true, "number": true,
	}
	ofBatch = map[string]bool{"batch": true, "debit": true, "count": true, "total": true, "date": true}
	layouts = map[string]string{
		"DD/MM/YYYY": "02/01/2006", "DD-MM-YYYY": "02-01-2006", "YYYY-MM-DD": "2006-01-02",
		"YYYYMMDD": "20060102", "DDMMYYYY": "02012006",
	}
)

// readValue reads text with placeholders.
func readValue(text string) (value, error) {
	var parts value
	for text != "" {
		plain, rest, found := strings.Cut(text, "{")
		if strings.Contains(plain, "}") {
			return nil, fmt.Errorf("%q has a } without {", text)
		}
		if plain != "" {
			parts = append(parts, part{text: plain})
		}
		if !found {
			break
		}
		inside, after, closed := strings.Cut(rest, "}")
		if !closed {
			return nil, fmt.Errorf("%q has a { without }", text)
		}
		name, layout, dated := strings.Cut(inside, ":")
		if !ofPayment[name] && !ofBatch[name] || dated != (name == "date") || dated && layouts[layout] == "" {
			return nil, fmt.Errorf("{%s} is no placeholder", inside)
		}
		parts = append(parts, part{placeholder: name, layout: layouts[layout]})
		text = after
	}
	return parts, nil
}

// has reports whether the placeholder occurs.
func (v value) has(placeholder string) bool {
	for _, p := range v {
		if p.placeholder == placeholder {
			return true
		}
	}
	return false
}

// filling is what the placeholders stand for.
type filling struct {
	batch  Batch
	total  money.Money
	item   payout.Instruction
	number int
}

func (v value) fill(f *filling) string {
	if len(v) == 1 {
		return v[0].fill(f)
	}
	var b strings.Builder
	for _, p := range v {
		b.WriteString(p.fill(f))
	}
	return b.String()
}

func (p part) fill(f *filling) string {
	switch p.placeholder {
	case "reference":
		return f.item.Reference
	case "amount":
		return f.item.Amount.Fixed()
	case "account":
		return f.item.AccountNumber
	case "name":
		return f.item.AccountName
	case "ifsc":
		return f.item.IFSC
	case "bank":
		return f.item.IFSC[:bankLetters]
	case "number":
		return strconv.Itoa(f.number)
	case "batch":
		return f.batch.ID
	case "debit":
		return f.batch.Debit
	case "count":
		return strconv.Itoa(len(f.batch.Items))
	case "total":
		return f.total.Fixed()
	case "date":
		return f.batch.ValueDate.In(india).Format(p.layout)
	}
	return p.text
}

// bankLetters is how much of an IFSC names the bank.
const bankLetters = 4

var india *time.Location = bank.India
