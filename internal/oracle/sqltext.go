package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Decimals of currencies by ISO 4217; all others have two.
const (
	without   = "'BIF', 'CLP', 'DJF', 'GNF', 'ISK', 'JPY', 'KMF', 'KRW', 'PYG', 'RWF', 'UGX', 'VND', 'VUV', 'XAF', 'XOF', 'XPF'"
	withThree = "'BHD', 'IQD', 'JOD', 'KWD', 'LYD', 'OMR', 'TND'"
)

// decimal is the SQL of an amount of minor units as a merchant reads it: the fewest digits, "500", "250.5".
func decimal(minor, currency string) string {
	return replace("(CASE WHEN CUR IN ("+without+") THEN MIN || '' WHEN CUR IN ("+withThree+") THEN (MIN / 1000) || "+
		"rtrim(CASE WHEN MIN % 1000 = 0 THEN '' ELSE '.' || substr('00' || (MIN % 1000), length('00' || (MIN % 1000)) - 2) END, '0') "+
		"WHEN MIN % 100 = 0 THEN (MIN / 100) || '' WHEN MIN % 10 = 0 THEN (MIN / 100) || '.' || (MIN / 10 % 10) "+
		"ELSE (MIN / 100) || '.' || (MIN / 10 % 10) || (MIN % 10) END)", "MIN", minor, "CUR", currency)
}

// text is the SQL of a column as a JSON string, with the escapes that postbacks have.
func text(column string) string {
	return "replace(replace(CAST(to_json(" + column + ") AS text)," + quote("\u2028") + `, '\u2028'),` + quote("\u2029") + `, '\u2029')`
}

func replace(text string, pairs ...string) string { return strings.NewReplacer(pairs...).Replace(text) }

// joined is the SQL of a text that is joined of constants and columns.
func joined(part ...string) string { return strings.Join(part, " || ") }

// states are what a subject may be, and moves from which to which it may go; "" is before it is stored. The order of a
// list is that of how often moves are made.
type states struct {
	kind  string
	names []string
	moves [][2]string
}

// unlisted is what a move that isn't listed weighs.
const unlisted = 1 << 50

// weight of a state. What is entered and left once more than the other way round shows in a sum of weights.
func (s states) weight(name string) int64 { return int64(1) << (4 * slices.Index(s.names, name)) }

// told is a move that another row tells of: it counts when that row is there and the log doesn't have the move itself.
type told struct{ from, to, there string }

// wrong is the condition that the log of a subject isn't one way of listed moves to its present state. The log has no order
// that could be relied on, as ids of different instances don't tell it: but whoever makes a way enters each state as often
// as they leave it, the last one once more. elsewhere are moves that need not stand in the log; one into existence isn't told
// elsewhere when the log has another.
func (s states) wrong(id, state string, elsewhere ...told) string {
	var moved, present, more strings.Builder
	for _, move := range s.moves {
		fmt.Fprintf(&moved, " WHEN '%s>%s' THEN %d", move[0], move[1], s.change(move[0], move[1]))
	}
	for _, t := range elsewhere {
		same := fmt.Sprintf("m.from_state = '%s'", t.from)
		if t.from != "" {
			same += fmt.Sprintf(" AND m.to_state = '%s'", t.to)
		}
		fmt.Fprintf(&more, " + CASE WHEN %s AND COALESCE(max(CASE WHEN %s THEN 1 ELSE 0 END), 0) = 0 THEN %d ELSE 0 END", t.there, same, s.change(t.from, t.to))
	}
	for _, name := range s.names {
		fmt.Fprintf(&present, " WHEN '%s' THEN %d", name, s.weight(name))
	}
	sum := fmt.Sprintf("sum(CASE m.from_state || '>' || m.to_state%s ELSE %d END)", moved.String(), int64(unlisted))
	if more.Len() > 0 {
		sum = "COALESCE(" + sum + ", 0)" + more.String()
	}
	return fmt.Sprintf("(SELECT %s FROM transition m WHERE m.kind = '%s' AND m.subject_id = %s) IS DISTINCT FROM CASE %s%s END",
		sum, s.kind, id, state, present.String())
}

// change is what a move adds to the sum.
func (s states) change(from, to string) int64 {
	if from == "" {
		return s.weight(to)
	}
	return s.weight(to) - s.weight(from)
}

var claimStates = states{"claim", []string{"waiting", "held", "accepted", "refused", "expired", "withdrawn"}, [][2]string{
	{"", "accepted"}, {"", "waiting"}, {"waiting", "accepted"}, {"", "refused"}, {"", "held"}, {"waiting", "expired"},
	{"waiting", "held"}, {"waiting", "refused"}, {"waiting", "withdrawn"}, {"held", "accepted"}, {"held", "refused"},
	{"held", "held"}, // for another reason
}}

var transferStates = states{"transfer", []string{"observed", "credited", "quarantined", "internal", "reversed", "rejected", "disputed"}, [][2]string{
	{"", "observed"}, {"observed", "credited"}, {"", "quarantined"}, {"", "internal"}, {"", "reversed"},
	{"observed", "quarantined"}, {"observed", "internal"}, {"observed", "reversed"}, {"observed", "rejected"},
	{"quarantined", "observed"}, {"quarantined", "internal"}, {"quarantined", "reversed"}, {"quarantined", "rejected"},
	{"internal", "observed"}, {"internal", "quarantined"}, {"internal", "reversed"}, {"internal", "rejected"},
	{"reversed", "observed"}, {"reversed", "quarantined"}, {"reversed", "rejected"},
	{"credited", "disputed"}, {"disputed", "credited"},
	{"rejected", "observed"}, {"rejected", "quarantined"}, {"rejected", "internal"}, {"rejected", "reversed"},
}}

var withdrawalStates = states{"withdrawal", []string{"created", "approved", "refused", "cancelled", "submitted", "unknown", "paid", "failed", "refunded"}, [][2]string{
	{"", "created"}, {"created", "approved"}, {"approved", "submitted"}, {"submitted", "paid"}, {"submitted", "unknown"}, {"submitted", "failed"},
	{"unknown", "paid"}, {"unknown", "failed"}, {"failed", "refunded"}, {"failed", "paid"},
	{"created", "refused"}, {"created", "cancelled"}, {"approved", "refused"}, {"approved", "cancelled"},
}}
