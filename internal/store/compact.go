package store

import (
	"database/sql/driver"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// PostgreSQL reads a JSON text byte by byte, names of members included, which was a tenth of what a deposit cost it. So
// in a pipeline the members of a batch have names of one letter, in the order of the statement's columns.

// compacted keeps the compact text of each statement. As with fieldCache, no sync.Map.
var compacted struct {
	sync.RWMutex
	m map[string]compactStatement
}

type compactStatement struct {
	text    string
	columns []string // of its batch
}

// compact gives a statement and its arguments as the server gets them.
func compact(query string, args []any) (string, []any, error) {
	statement := compactText(query)
	plain := make([]any, len(args))
	for i, arg := range args {
		var err error
		switch value := arg.(type) {
		case Batch:
			plain[i], err = value.compact(statement.columns)
		case driver.Valuer:
			plain[i], err = value.Value()
		default:
			plain[i] = arg
		}
		if err != nil {
			return "", nil, err
		}
	}
	return statement.text, plain, nil
}

func compactText(query string) compactStatement {
	compacted.RLock()
	known, ok := compacted.m[query]
	compacted.RUnlock()
	if ok {
		return known
	}
	known.columns = batchColumnsOf(query)
	known.text = recordset.ReplaceAllStringFunc(query, func(match string) string {
		part := recordset.FindStringSubmatch(match)
		var list, definitions []string
		for i, definition := range strings.Split(part[3], ",") {
			name, kind, _ := strings.Cut(strings.TrimSpace(definition), " ")
			list = append(list, fmt.Sprintf("x.%s AS %s", letter(i), name))
			definitions = append(definitions, letter(i)+" "+kind)
		}
		return fmt.Sprintf("(SELECT %s FROM json_to_recordset(CAST($%s AS json)) AS x(%s)) AS %s",
			strings.Join(list, ", "), part[1], strings.Join(definitions, ", "), part[2])
	})
	compacted.Lock()
	defer compacted.Unlock()
	if compacted.m == nil {
		compacted.m = map[string]compactStatement{}
	}
	compacted.m[query] = known
	return known
}

// letter names a column: a batch has fewer than 26 (batchColumns).
func letter(column int) string { return string(rune('a' + column)) }

// compact is the batch as JSON text whose members are named by letters.
func (b Batch) compact(columns []string) (string, error) {
	fields, err := fieldsOf(b.rows.Type().Elem(), columns)
	if err != nil {
		return "", err
	}
	text := make([]byte, 0, 16+b.rows.Len()*len(fields)*16)
	for row := range b.rows.Len() {
		text = append(text, "[,"[min(row, 1)], '{')
		for column, field := range fields {
			if column > 0 {
				text = append(text, ',')
			}
			text = append(text, '"', 'a'+byte(column), '"', ':')
			text = appendField(text, b.rows.Index(row).Field(field))
		}
		text = append(text, '}')
	}
	if len(text) == 0 {
		text = append(text, '[')
	}
	return string(append(text, ']')), nil
}

// appendField appends an integer, a string or a pointer to one of them.
func appendField(text []byte, value reflect.Value) []byte {
	if value.Kind() == reflect.Pointer {
		if value.IsNil() {
			return append(text, "null"...)
		}
		value = value.Elem()
	}
	if value.Kind() == reflect.String {
		return appendString(text, strings.ToValidUTF8(value.String(), "\uFFFD")) // as encoding/json does
	}
	return strconv.AppendInt(text, value.Int(), 10)
}

// appendString appends a JSON string (RFC 8259, 7): quotes, backslashes and controls are escaped, nothing else.
func appendString(text []byte, s string) []byte {
	text = append(text, '"')
	plain := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		text = append(text, s[plain:i]...)
		if c < ' ' {
			text = append(text, '\\', 'u', '0', '0', "0123456789abcdef"[c>>4], "0123456789abcdef"[c&15])
		} else {
			text = append(text, '\\', c)
		}
		plain = i + 1
	}
	return append(append(text, s[plain:]...), '"')
}
