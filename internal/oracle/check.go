package oracle

import (
	"strconv"
	"strings"
)

// Check is one comparison: an invariant, in words and in SQL. Each goes over the rows of a table, so that it can be made of a
// range of its ids; those without a table compare sums over everything.
type Check struct {
	Invariant string // "C-1", …
	What      string // what always holds
	Table     string // whose rows are looked at; "" for everything at once
	Wrong     string // SQL: the condition of a row that doesn't hold; of a check without table a statement that gives those in words
	Tells     string // what is wrong with the row, see words
	// Says: SQL of the texts that the body of the row's postback b must have in it, in place of Wrong. A text that is NULL is
	// asked of nobody. Of is the condition of the rows that are looked at, "" for all that have a postback.
	Says []string
	Of   string
	// Outside: what speaks against it was done by others, as a bank that changed its mind. It is told of, and stops nothing.
	Outside bool
	// Often: a check of everything that is cheap enough to be made every few seconds.
	Often bool
}

// pass is a table whose rows are looked at, with what their checks need beside them. One scan makes all of its checks.
type pass struct {
	table string
	id    string // the column that ranges are of
	from  string
	// told is the condition of the rows that a part of a feed tells of, see feedPart; "" when none are.
	told string
}

// The two marks between what a statement tells of one row: before each violation, and between its check and its words.
const (
	begins = "\x1e"
	parts  = "\x1f"
)

// words turns "deposit {d.id} is of {d.amount}" into an SQL expression. What is NULL reads "nothing".
func words(text string) string {
	var b strings.Builder
	for text != "" {
		plain, rest, found := strings.Cut(text, "{")
		if plain != "" {
			join(&b, quote(plain))
		}
		if !found {
			break
		}
		column, after, _ := strings.Cut(rest, "}")
		join(&b, "COALESCE(CAST("+column+" AS text), 'nothing')")
		text = after
	}
	return b.String()
}

func join(b *strings.Builder, expression string) {
	if b.Len() > 0 {
		b.WriteString(" || ")
	}
	b.WriteString(expression)
}

func quote(text string) string { return "'" + strings.ReplaceAll(text, "'", "''") + "'" }

// dialect swaps the few words that the engines spell differently: the SQL here is PostgreSQL's.
func dialect(engine, text string) string {
	if engine != "sqlite" {
		return text
	}
	return strings.NewReplacer("to_json(", "json_quote(", "$1", "?1", "$2", "?2", "$3", "?3").Replace(text)
}

// statement is what looks at the rows of a pass that meet the condition. It gives those that something is wrong with, or whose
// postback is to be read, in the columns that find reads: what is told of the row, and the body.
func (p *pass) statement(checks []numbered, condition string) string {
	var read, wrong, told []string
	body := noBody
	for _, c := range checks {
		if c.Says == nil {
			wrong = append(wrong, "("+c.Wrong+")")
			told = append(told, "CASE WHEN "+c.Wrong+" THEN "+c.begins()+" || "+words(c.Tells)+" ELSE '' END")
			continue
		}
		of := "b.id IS NOT NULL"
		if c.Of != "" {
			of += " AND (" + c.Of + ")"
		}
		asked := c.begins() + " || " + words(c.Tells)
		for _, text := range c.Says {
			asked += " || " + quote(parts) + " || COALESCE(" + text + ", '')"
		}
		read = append(read, "("+of+")")
		told = append(told, "CASE WHEN "+of+" THEN "+asked+" ELSE '' END")
		body = "b.body, b.packed"
	}
	// Whose postback is read comes back anyhow: asked first, the conditions of the others are not made twice for it.
	where := "(" + strings.Join(append(read, wrong...), " OR ") + ")"
	if condition != "" {
		where = condition + " AND " + where
	}
	return "SELECT " + strings.Join(told, " || ") + " AS told, " + body + " FROM " + p.from + " WHERE " + where
}

// noBody stands in for the columns of a body where none is read.
const noBody = "CAST(NULL AS text) AS body, CAST(NULL AS bytea) AS packed"

// numbered is a check with its place in the table of them.
type numbered struct {
	*Check
	number int
}

// begins is the SQL of what stands before a violation of the check.
func (c numbered) begins() string { return quote(begins + strconv.Itoa(c.number) + parts) }

// whole is the statement of a check without table.
func (c numbered) whole() string {
	return "SELECT " + c.begins() + " || told, " + noBody + " FROM (" + c.Wrong + ") AS whole"
}

// finding is one row that one check speaks against.
type finding struct {
	check *Check
	what  string
}

// split reads a row of a statement.
func split(told, plain string, packed []byte) (found []finding) {
	for _, one := range strings.Split(told, begins) {
		number, what, ok := strings.Cut(one, parts)
		if !ok {
			continue
		}
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(Checks) {
			continue
		}
		if c := &Checks[i]; c.Says != nil {
			what, ok = c.unsaid(strings.Split(what, parts), plain, packed)
		}
		if ok {
			found = append(found, finding{&Checks[i], what})
		}
	}
	return found
}

// unsaid tells whether a body lacks one of the texts that it must have: asked are the words for that, and these texts. What
// can't be read says nothing.
func (c *Check) unsaid(asked []string, plain string, packed []byte) (what string, lacks bool) {
	body, err := toldBody(plain, packed)
	if err != nil {
		return asked[0] + ": " + err.Error(), true
	}
	if len(asked) != 1+len(c.Says) { // a column has a mark in it, which no body has
		return asked[0], true
	}
	for _, text := range asked[1:] {
		if !strings.Contains(body, text) {
			return asked[0], true
		}
	}
	return "", false
}

// of lists the checks of a table; world adds those of what others did.
func of(table string, world bool) (list []numbered) {
	for i := range Checks {
		if c := &Checks[i]; c.Table == table && (world || !c.Outside) {
			list = append(list, numbered{c, i})
		}
	}
	return list
}
