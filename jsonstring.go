package galla

import (
	"unicode/utf16"
	"unicode/utf8"
)

// string reads a string whose opening quote is next.
func (s *scanner) string() (Value, error) {
	start := s.at
	escaped := false
	s.at++
	for s.at < len(s.text) {
		switch c := s.text[s.at]; {
		case c == '"':
			s.at++
			return Value{Kind: KindString, Raw: s.text[start:s.at], escaped: escaped}, nil
		case c == '\\':
			escaped = true
			if err := s.escape(); err != nil {
				return Value{}, err
			}
		case c < ' ':
			return Value{}, s.fail()
		default:
			s.at++
		}
	}
	return Value{}, s.fail()
}

// escape checks one escape; a surrogate must have its other half.
func (s *scanner) escape() error {
	s.at++
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.at++
		return nil
	case 'u':
	default:
		return s.fail()
	}
	unit, ok := hex4(s.text[s.at+1:])
	if !ok {
		return s.fail()
	}
	if !utf16.IsSurrogate(unit) {
		s.at += 5
		return nil
	}
	rest := s.text[s.at+5:]
	if len(rest) >= 2 && rest[0] == '\\' && rest[1] == 'u' {
		second, ok := hex4(rest[2:])
		if ok && utf16.DecodeRune(unit, second) != utf8.RuneError {
			s.at += 11
			return nil
		}
	}
	return bodyError("The body is not valid JSON: half a surrogate pair at byte %d.", s.at)
}

// hex4 reads four hexadecimal digits.
func hex4(text []byte) (rune, bool) {
	if len(text) < 4 {
		return 0, false
	}
	var r rune
	for _, c := range text[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c-'a' <= 5:
			c -= 'a' - 10
		case c-'A' <= 5:
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// unescape resolves the escapes that the scanner has checked.
func unescape(inner []byte) []byte {
	out := make([]byte, 0, len(inner))
	for i := 0; i < len(inner); i++ {
		if inner[i] != '\\' {
			out = append(out, inner[i])
			continue
		}
		i++
		switch c := inner[i]; c {
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'u':
			r, _ := hex4(inner[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				second, _ := hex4(inner[i+3:])
				r = utf16.DecodeRune(r, second)
				i += 6
			}
			out = utf8.AppendRune(out, r)
		default:
			out = append(out, c)
		}
	}
	return out
}
