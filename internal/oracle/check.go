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
	return strings.NewReplacer("strpos(", "instr(", "to_json(", "json_quote(", "$1", "?1", "$2", "?2", "$3", "?3").Replace(text)
}

// statement is what looks at the rows of a pass that meet the condition, and gives what is wrong with them: one column, as
// split reads it.
func (p *pass) statement(checks []numbered, condition string) string {
	var wrong, told []string
	for _, c := range checks {
		wrong = append(wrong, "("+c.Wrong+")")
		told = append(told, "CASE WHEN "+c.Wrong+" THEN "+quote(begins+strconv.Itoa(c.number)+parts)+" || "+words(c.Tells)+" ELSE '' END")
	}
	where := "(" + strings.Join(wrong, " OR ") + ")"
	if condition != "" {
		where = condition + " AND " + where
	}
	return "SELECT " + strings.Join(told, " || ") + " AS told FROM " + p.from + " WHERE " + where
}

// numbered is a check with its place in the table of them.
type numbered struct {
	*Check
	number int
}

// whole is the statement of a check without table.
func (c numbered) whole() string {
	return "SELECT " + quote(begins+strconv.Itoa(c.number)+parts) + " || told FROM (" + c.Wrong + ") AS whole"
}

// finding is one row that one check speaks against.
type finding struct {
	check *Check
	what  string
}

// split reads a row of a statement.
func split(told string) (found []finding) {
	for _, one := range strings.Split(told, begins) {
		number, what, ok := strings.Cut(one, parts)
		if !ok {
			continue
		}
		i, err := strconv.Atoi(number)
		if err != nil || i < 0 || i >= len(Checks) {
			continue
		}
		found = append(found, finding{&Checks[i], what})
	}
	return found
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
