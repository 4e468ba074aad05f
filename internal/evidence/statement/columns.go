package statement

import (
	"strings"
	"unicode"
)

// columns are the positions of what is read, -1 for what the statement doesn't have.
type columns struct {
	date, time, narration int
	references            []int
	debit, credit         int // one column each …
	amount, direction     int // … or an amount and a column that says Dr or Cr
	count                 int
}

// role is what the name of a column says that it holds.
type role uint8

const (
	roleNone role = iota
	roleDate
	roleValueDate
	roleTime
	roleNarration
	roleReference
	roleDebit
	roleCredit
	roleAmount
	roleDirection
	roleBalance
)

// names of columns, in lower case, letters and digits only with single spaces; as HDFC, ICICI, SBI, Axis, Kotak and
// others print them.
var names = map[string]role{
	"date": roleDate, "txn date": roleDate, "tran date": roleDate, "trans date": roleDate, "transaction date": roleDate,
	"post date": roleDate, "posting date": roleDate, "txn posted date": roleDate, "date time": roleDate,
	"transaction date time": roleDate, "date of transaction": roleDate, "entry date": roleDate,
	"value date": roleValueDate, "value dat": roleValueDate, "value dt": roleValueDate,
	"time": roleTime, "txn time": roleTime, "transaction time": roleTime,
	"narration": roleNarration, "description": roleNarration, "particulars": roleNarration, "particular": roleNarration,
	"remarks": roleNarration, "details": roleNarration, "transaction remarks": roleNarration,
	"transaction details": roleNarration, "transaction description": roleNarration, "transaction particulars": roleNarration,
	"chq ref no": roleReference, "chq ref number": roleReference, "ref no cheque no": roleReference, "chqno": roleReference,
	"chq no": roleReference, "cheque no": roleReference, "cheque number": roleReference, "ref no": roleReference,
	"reference": roleReference, "reference no": roleReference, "reference number": roleReference, "utr": roleReference,
	"utr no": roleReference, "utr number": roleReference, "rrn": roleReference, "ref number": roleReference,
	"ref cheque no": roleReference, "cheque ref no": roleReference, "instrument id": roleReference,
	"debit": roleDebit, "debits": roleDebit, "dr": roleDebit, "debit amount": roleDebit, "debit amt": roleDebit,
	"dr amount": roleDebit, "withdrawal": roleDebit, "withdrawals": roleDebit, "withdrawal amt": roleDebit,
	"withdrawal amount": roleDebit, "withdrawal dr": roleDebit, "paid out": roleDebit,
	"credit": roleCredit, "credits": roleCredit, "cr": roleCredit, "credit amount": roleCredit, "credit amt": roleCredit,
	"cr amount": roleCredit, "deposit": roleCredit, "deposits": roleCredit, "deposit amt": roleCredit,
	"deposit amount": roleCredit, "deposit cr": roleCredit, "paid in": roleCredit,
	"amount": roleAmount, "transaction amount": roleAmount, "txn amount": roleAmount,
	"dr cr": roleDirection, "cr dr": roleDirection, "type": roleDirection, "transaction type": roleDirection,
	"debit credit": roleDirection, "txn type": roleDirection,
	"balance": roleBalance, "bal": roleBalance, "closing balance": roleBalance, "running balance": roleBalance,
	"available balance": roleBalance, "balance amount": roleBalance,
}

// roleOf reads a column's name; the currency in it ("Deposit Amount (INR )") doesn't matter.
func roleOf(name string) role {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) })
	kept := words[:0]
	for _, word := range words {
		if word != "inr" && word != "rs" && word != "in" {
			kept = append(kept, word)
		}
	}
	return names[strings.Join(kept, " ")]
}

// findColumns reports whether the cells are a header row, and which columns it names. Where two columns have the same
// role the first counts: Kotak has a Dr / Cr column for the amount and a later one for the balance.
func findColumns(cells []string) (columns, bool) {
	c := columns{date: -1, time: -1, narration: -1, debit: -1, credit: -1, amount: -1, direction: -1, count: len(cells)}
	valueDate := -1
	if len(cells) > maxColumns {
		return c, false
	}
	first := map[role]*int{
		roleDate: &c.date, roleValueDate: &valueDate, roleTime: &c.time, roleNarration: &c.narration, roleDebit: &c.debit,
		roleCredit: &c.credit, roleAmount: &c.amount, roleDirection: &c.direction,
	}
	for i, cell := range cells {
		found := roleOf(cell)
		if found == roleReference {
			c.references = append(c.references, i)
		} else if at := first[found]; at != nil && *at < 0 {
			*at = i
		}
	}
	if c.date < 0 {
		c.date = valueDate
	}
	money := c.credit >= 0 || c.amount >= 0
	return c, c.date >= 0 && money && (c.narration >= 0 || len(c.references) > 0)
}
