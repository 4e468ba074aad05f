package store

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

type compactRow struct {
	ID   int64   `json:"id"`
	Note *string `json:"note"`
	Kind int16   `json:"kind"`
	Text string  `json:"text"`
	Ref  *int64  `json:"ref"`
}

// What the server gets in short holds the same values, whatever bytes they have.
func TestCompactBatch(t *testing.T) {
	var every strings.Builder
	for c := range rune(0x250) {
		if c > 0 { // PostgreSQL has no NUL in text, and none gets this far
			every.WriteRune(c)
		}
	}
	text, ref := every.String()+"\u2028\\\"</script>", int64(-1<<63)
	rows := []compactRow{{ID: 1, Text: text, Note: &text, Ref: &ref}, {ID: 1<<63 - 1, Kind: -7}}
	columns := []string{"text", "id", "ref", "kind", "note"}
	short, err := Rows(rows).compact(columns)
	if err != nil {
		t.Fatal(err)
	}
	var got []struct {
		A string
		B int64
		C *int64
		D int16
		E *string
	}
	if err := json.Unmarshal([]byte(short), &got); err != nil {
		t.Fatal(err)
	}
	var back []compactRow
	for _, g := range got {
		back = append(back, compactRow{ID: g.B, Note: g.E, Kind: g.D, Text: g.A, Ref: g.C})
	}
	if !reflect.DeepEqual(back, rows) {
		t.Errorf("became %+v", back)
	}
	if empty, err := Rows([]compactRow{}).compact(columns); empty != "[]" || err != nil {
		t.Errorf("no rows: %s, %v", empty, err)
	}
	if _, err := Rows(rows).compact([]string{"nothing"}); err == nil {
		t.Error("a column without a field was taken")
	}
}

// The batch's names change in the text and nowhere else.
func TestCompactText(t *testing.T) {
	const query = "SELECT t.id FROM json_to_recordset(CAST($1 AS json)) AS j(id bigint, note text) CROSS JOIN t WHERE t.id = j.id AND t.at > $2"
	const want = "SELECT t.id FROM (SELECT x.a AS id, x.b AS note FROM json_to_recordset(CAST($1 AS json)) AS x(a bigint, b text)) AS j CROSS JOIN t WHERE t.id = j.id AND t.at > $2"
	if got := compactText(query).text; got != want {
		t.Errorf("became %s", got)
	}
}

// A query that follows with another set than was told ahead would get the rows of that one.
func TestAheadHoldsToItsSet(t *testing.T) {
	told, other := Rows([]compactRow{{ID: 1}}), Rows([]compactRow{{ID: 1}})
	p := &pipeline{}
	New(p).Ahead(QueryLoadTransfers(told), QueryLoadDisputedAccounts())
	if len(p.waiting) != 2 || len(p.told) != 2 {
		t.Fatalf("%d wait, %d told", len(p.waiting), len(p.told))
	}
	if _, err := p.query(t.Context(), loadTransfers, []any{other}); err == nil {
		t.Error("another set was taken")
	}
	if !sameArgs([]any{told}, []any{told}) || sameArgs([]any{told}, nil) || !sameArgs(nil, nil) {
		t.Error("sets aren't told apart")
	}
}
