package galla

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Limits of a JSON body.
const (
	// MaxBody is the longest request body in bytes.
	MaxBody = 64 << 10
	// MaxDepth is how deep objects and arrays may nest.
	MaxDepth = 16
	// MaxMembers is how many members one object may have. It bounds the search for duplicates.
	MaxMembers = 100
)

// Kind is the type of a JSON value.
type Kind uint8

// The kinds of JSON values.
const (
	KindNull Kind = iota + 1
	KindBool
	KindNumber
	KindString
	KindObject
	KindArray
)

// String is the kind with its article, for messages: "a number".
func (k Kind) String() string {
	switch k {
	case KindNull:
		return "null"
	case KindBool:
		return "a boolean"
	case KindNumber:
		return "a number"
	case KindString:
		return "a string"
	case KindObject:
		return "an object"
	case KindArray:
		return "an array"
	}
	return "nothing"
}

// Value is one JSON value as it stands in the body.
type Value struct {
	Kind Kind
	// Raw is the exact text of the value, part of the body it was read from.
	Raw []byte
	// escaped says that a string has backslashes.
	escaped bool
}

// Text is the content of a string, or the exact text of any other value.
func (v Value) Text() string {
	if v.Kind != KindString {
		return string(v.Raw)
	}
	inner := v.Raw[1 : len(v.Raw)-1]
	if !v.escaped {
		return string(inner)
	}
	return string(unescape(inner))
}

// DecodeStrict reads body as exactly one JSON object and calls member for each of its members in order; name is valid
// only during the call. Refused are: bodies over MaxBody, text that isn't UTF-8 (half surrogate pairs included),
// anything behind the object, nesting beyond MaxDepth, more than MaxMembers members, and two members of one object,
// at any depth, whose names are equal or differ only in letter case. An error of member ends the reading and is
// returned as it is; every other error is a *RequestError without a field.
func DecodeStrict(body []byte, member func(name []byte, value Value) error) error {
	if len(body) > MaxBody {
		return bodyError("The body is larger than %d bytes.", MaxBody)
	}
	if !utf8.Valid(body) {
		return bodyError("The body is not valid UTF-8.")
	}
	s := scanner{text: body}
	s.space()
	if s.peek() != '{' {
		if len(body) == s.at {
			return bodyError("The body is empty: send a JSON object.")
		}
		return bodyError("The body must be one JSON object.")
	}
	if err := s.object(1, member); err != nil {
		return err
	}
	s.space()
	if s.at != len(body) {
		return bodyError("The body has data behind the JSON object, at byte %d.", s.at+1)
	}
	return nil
}

// elements calls element for each element of an array that DecodeStrict has found; anything else is the wrong type for
// the member of that name.
func (v Value) elements(name string, element func(Value) error) error {
	if v.Kind != KindArray {
		return wrongKind(name, v)
	}
	s := scanner{text: v.Raw}
	return s.array(1, element)
}

// members calls member for each member of an object that DecodeStrict has found; anything else is the wrong type for
// the member of that name.
func (v Value) members(name string, member func(name []byte, value Value) error) error {
	if v.Kind != KindObject {
		return wrongKind(name, v)
	}
	s := scanner{text: v.Raw}
	return s.object(1, member)
}

func bodyError(format string, args ...any) error {
	return &RequestError{Message: fmt.Sprintf(format, args...)}
}

// scanner reads JSON in one pass. The text is valid UTF-8.
type scanner struct {
	text []byte
	at   int
}

// peek is the next byte, 0 at the end.
func (s *scanner) peek() byte {
	if s.at < len(s.text) {
		return s.text[s.at]
	}
	return 0
}

func (s *scanner) space() {
	for s.at < len(s.text) {
		switch s.text[s.at] {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			return
		}
	}
}

func (s *scanner) fail() error {
	if s.at >= len(s.text) {
		return bodyError("The body is not valid JSON: it ends too early.")
	}
	r, _ := utf8.DecodeRune(s.text[s.at:])
	return bodyError("The body is not valid JSON: unexpected %q at byte %d.", r, s.at+1)
}

// object reads an object whose opening brace is next. A nil member only checks it.
func (s *scanner) object(depth int, member func([]byte, Value) error) error {
	if depth > MaxDepth {
		return bodyError("The body nests deeper than %d levels.", MaxDepth)
	}
	s.at++
	s.space()
	if s.peek() == '}' {
		s.at++
		return nil
	}
	var few [12][]byte
	names := few[:0]
	for {
		name, err := s.name(names)
		if err != nil {
			return err
		}
		names = append(names, name)
		value, err := s.value(depth)
		if err != nil {
			return err
		}
		if member != nil {
			if err := member(name, value); err != nil {
				return err
			}
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
			s.space()
		case '}':
			s.at++
			return nil
		default:
			return s.fail()
		}
	}
}

// name reads a member's name and the colon, and compares it with the names before it.
func (s *scanner) name(before [][]byte) ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.fail()
	}
	if len(before) == MaxMembers {
		return nil, bodyError("The body has an object with more than %d members.", MaxMembers)
	}
	text, err := s.string()
	if err != nil {
		return nil, err
	}
	name := text.Raw[1 : len(text.Raw)-1]
	if text.escaped {
		name = unescape(name)
	}
	for _, other := range before {
		if bytes.EqualFold(other, name) {
			return nil, bodyError("The member %q stands twice in the body.", clip(string(name)))
		}
	}
	s.space()
	if s.peek() != ':' {
		return nil, s.fail()
	}
	s.at++
	s.space()
	return name, nil
}

// array reads an array whose opening bracket is next. A nil element only checks it.
func (s *scanner) array(depth int, element func(Value) error) error {
	if depth > MaxDepth {
		return bodyError("The body nests deeper than %d levels.", MaxDepth)
	}
	s.at++
	s.space()
	if s.peek() == ']' {
		s.at++
		return nil
	}
	for {
		value, err := s.value(depth)
		if err != nil {
			return err
		}
		if element != nil {
			if err := element(value); err != nil {
				return err
			}
		}
		s.space()
		switch s.peek() {
		case ',':
			s.at++
			s.space()
		case ']':
			s.at++
			return nil
		default:
			return s.fail()
		}
	}
}

// value reads any value; depth is that of the object or array it stands in.
func (s *scanner) value(depth int) (Value, error) {
	start := s.at
	var kind Kind
	var err error
	switch c := s.peek(); {
	case c == '"':
		return s.string()
	case c == '-' || c-'0' <= 9:
		kind, err = KindNumber, s.number()
	case c == '{':
		kind, err = KindObject, s.object(depth+1, nil)
	case c == '[':
		kind, err = KindArray, s.array(depth+1, nil)
	case c == 't':
		kind, err = KindBool, s.word("true")
	case c == 'f':
		kind, err = KindBool, s.word("false")
	case c == 'n':
		kind, err = KindNull, s.word("null")
	default:
		err = s.fail()
	}
	return Value{Kind: kind, Raw: s.text[start:s.at]}, err
}

func (s *scanner) word(word string) error {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.fail()
		}
		s.at++
	}
	return nil
}

// number reads -?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.at++
	}
	if s.peek() == '0' {
		s.at++
	} else if !s.digits() {
		return s.fail()
	}
	if s.peek() == '.' {
		s.at++
		if !s.digits() {
			return s.fail()
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.at++
		if c := s.peek(); c == '+' || c == '-' {
			s.at++
		}
		if !s.digits() {
			return s.fail()
		}
	}
	return nil
}

// digits reads digits and reports whether there was one.
func (s *scanner) digits() bool {
	start := s.at
	for s.at < len(s.text) && s.text[s.at]-'0' <= 9 {
		s.at++
	}
	return s.at > start
}

// clip shortens text from outside for a message.
func clip(text string) string {
	const limit = 40
	runes := 0
	for i := range text {
		if runes == limit {
			return text[:i] + "…"
		}
		runes++
	}
	return text
}
