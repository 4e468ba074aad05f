package evidence

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// The requests of sources are cut into items before any item is looked into, so that a bad item can't take its
// neighbours with it, and so that every item keeps its own bytes.

var utf8BOM = []byte("\xef\xbb\xbf")

// splitItems cuts a body that is one JSON object, or an array of at most MaxItems values, into items.
func splitItems(body []byte) ([][]byte, error) {
	if len(body) > MaxBodyBytes {
		return nil, &DecodeError{413, fmt.Sprintf("the body is larger than %d bytes", MaxBodyBytes)}
	}
	body = bytes.Trim(bytes.TrimPrefix(body, utf8BOM), jsonSpace)
	if len(body) == 0 {
		return nil, &DecodeError{422, "the body is empty; send a JSON object or an array of them"}
	}
	switch body[0] {
	case '{':
		if end := scanValue(body, 0); end != len(body) {
			return nil, &DecodeError{422, "the body is not one complete JSON object"}
		}
		return [][]byte{body}, nil
	case '[':
		return splitArray(body)
	}
	return nil, &DecodeError{422, "the body is neither a JSON object nor an array"}
}

const jsonSpace = " \t\r\n"

func splitArray(body []byte) ([][]byte, error) {
	if end := scanValue(body, 0); end != len(body) {
		return nil, &DecodeError{422, "the body is not one complete JSON array"}
	}
	var items [][]byte
	i := skipSpace(body, 1)
	if i == len(body)-1 {
		return nil, nil
	}
	for {
		start := i
		for i < len(body)-1 && body[i] != ',' {
			i = max(scanValue(body, i), i+1)
		}
		if len(items) == MaxItems {
			return nil, &DecodeError{422, fmt.Sprintf("more than %d items; send them in several requests", MaxItems)}
		}
		items = append(items, bytes.Trim(body[start:i], jsonSpace))
		if i >= len(body)-1 {
			return items, nil
		}
		i = skipSpace(body, i+1)
	}
}

func skipSpace(b []byte, i int) int {
	for i < len(b) && strings.IndexByte(jsonSpace, b[i]) >= 0 {
		i++
	}
	return i
}

// scanValue returns the end of the JSON value at i, or -1. It checks brackets and quotes only; json.Valid does the rest
// for each item.
func scanValue(b []byte, i int) int {
	var closers [maxJSONDepth]byte
	depth := 0
	for ; i < len(b); i++ {
		switch c := b[i]; c {
		case '"':
			if i = scanString(b, i); i < 0 {
				return -1
			}
		case '{', '[':
			if depth == maxJSONDepth {
				return -1
			}
			closers[depth] = c + 2 // '{'+2 is '}', '['+2 is ']'
			depth++
			continue
		case '}', ']':
			if depth == 0 || closers[depth-1] != c {
				return -1
			}
			depth--
		default:
			if depth == 0 {
				return scanScalar(b, i)
			}
			continue
		}
		if depth == 0 {
			return i + 1
		}
	}
	return -1
}

// scanString returns the index of the closing quote of the string that opens at i, or -1.
func scanString(b []byte, i int) int {
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i
		}
	}
	return -1
}

func scanScalar(b []byte, i int) int {
	for i < len(b) && strings.IndexByte(",]}"+jsonSpace, b[i]) < 0 {
		i++
	}
	return i
}

// member is one member of an object, its value as raw JSON.
type member struct {
	key   string
	value []byte
}

// object is the members of a JSON object.
type object []member

var errNotObject = errors.New("the item is not a JSON object")

// parseObject is strict where ambiguity could be used: valid UTF-8, no member twice (also not by letter case), nothing
// behind the object. Unknown members are fine.
func parseObject(raw []byte) (object, error) {
	if !utf8.Valid(raw) {
		return nil, errors.New("the item is not valid UTF-8")
	}
	if !json.Valid(raw) {
		return nil, errors.New("the item is not valid JSON")
	}
	if raw[0] != '{' {
		return nil, errNotObject
	}
	var members object
	for i := skipSpace(raw, 1); raw[i] != '}'; {
		end := scanString(raw, i) + 1
		key, err := unquote(raw[i:end])
		if err != nil {
			return nil, err
		}
		if members.has(key) {
			return nil, fmt.Errorf("the member %q stands twice", clip(key))
		}
		if len(members) == maxObjectMembers {
			return nil, fmt.Errorf("the item has more than %d members", maxObjectMembers)
		}
		i = skipSpace(raw, skipSpace(raw, end)+1)
		end = scanValue(raw, i)
		if end < 0 {
			return nil, fmt.Errorf("the item is nested deeper than %d", maxJSONDepth)
		}
		members = append(members, member{key, raw[i:end]})
		if i = skipSpace(raw, end); raw[i] == ',' {
			i = skipSpace(raw, i+1)
		}
	}
	return members, nil
}

func (o object) has(key string) bool {
	for _, m := range o {
		if strings.EqualFold(m.key, key) {
			return true
		}
	}
	return false
}

// raw returns the value of the exact key, nil when it is absent or null.
func (o object) raw(key string) []byte {
	for _, m := range o {
		if m.key == key && string(m.value) != "null" {
			return m.value
		}
	}
	return nil
}

// text returns the value of the exact key as text: a string, or a number as written. Absent and null are "".
func (o object) text(key string) (string, error) {
	value := o.raw(key)
	switch {
	case value == nil:
		return "", nil
	case value[0] == '"':
		return unquote(value)
	case value[0] == '-' || value[0] >= '0' && value[0] <= '9':
		return string(value), nil
	}
	return "", fmt.Errorf("%q must be a string", key)
}

func unquote(quoted []byte) (string, error) {
	if bytes.IndexByte(quoted, '\\') < 0 {
		return string(quoted[1 : len(quoted)-1]), nil
	}
	var text string
	if err := json.Unmarshal(quoted, &text); err != nil {
		return "", errors.New("a string of the item can't be read")
	}
	return text, nil
}

// clip shortens text of unknown origin for an error message.
func clip(text string) string {
	const most = 40
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return text
}
