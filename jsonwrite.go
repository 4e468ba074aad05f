package galla

import (
	"strconv"
	"unicode/utf8"
)

// appendString appends text as a JSON string with the bytes of PHP's json_encode under JSON_UNESCAPED_SLASHES and
// JSON_UNESCAPED_UNICODE: short escapes where there are some, other controls as \u00xx, U+2028 and U+2029 escaped (PHP
// does so since 7.1), DEL and all else raw. Bytes that aren't UTF-8 become U+FFFD.
func appendString(b []byte, text string) []byte {
	const hexDigits = "0123456789abcdef"
	b = append(b, '"')
	done := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c < utf8.RuneSelf {
			if c >= ' ' && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, text[done:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\b':
				b = append(b, `\b`...)
			case '\f':
				b = append(b, `\f`...)
			case '\n':
				b = append(b, `\n`...)
			case '\r':
				b = append(b, `\r`...)
			case '\t':
				b = append(b, `\t`...)
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			done = i
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == utf8.RuneError && size == 1:
			b = append(b, text[done:i]...)
			b = append(b, "\uFFFD"...)
			done = i + size
		case r == '\u2028' || r == '\u2029':
			b = append(b, text[done:i]...)
			b = append(b, `\u202`...)
			b = append(b, hexDigits[r&15])
			done = i + size
		}
		i += size
	}
	b = append(b, text[done:]...)
	return append(b, '"')
}

// appendMember appends "name":"text" with a comma in front unless it is the first of its object.
func appendMember(b []byte, name, text string) []byte {
	b = appendName(b, name)
	return appendString(b, text)
}

// appendName appends "name": with a comma in front unless it is the first of its object. Names need no escapes.
func appendName(b []byte, name string) []byte {
	if b[len(b)-1] != '{' {
		b = append(b, ',')
	}
	b = append(b, '"')
	b = append(b, name...)
	return append(b, '"', ':')
}

// appendBool appends "name":true or "name":false.
func appendBool(b []byte, name string, v bool) []byte {
	return strconv.AppendBool(appendName(b, name), v)
}

// appendInt appends "name":n.
func appendInt(b []byte, name string, n int64) []byte {
	return strconv.AppendInt(appendName(b, name), n, 10)
}
