package galla

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// decode collects the members of an object as name=text pairs.
func decode(body string) ([]string, error) {
	var members []string
	err := DecodeStrict([]byte(body), func(name []byte, value Value) error {
		members = append(members, fmt.Sprintf("%s=%s", name, value.Text()))
		return nil
	})
	return members, err
}

func TestDecodeStrict(t *testing.T) {
	for body, want := range map[string]string{
		`{}`:                       ``,
		" {\t\r\n} ":               ``,
		`{"a":"b"}`:                `a=b`,
		` { "a" : "b" , "c" : 1 }`: `a=b c=1`,
		`{"a":-0.5e+10,"b":0,"c":true,"d":false,"e":null}`:       `a=-0.5e+10 b=0 c=true d=false e=null`,
		`{"a":[1,[2,{"x":[]}]],"b":{"c":{}}}`:                    `a=[1,[2,{"x":[]}]] b={"c":{}}`,
		`{"a":"\"\\\/\b\f\n\r\t\u0041\u20b9\ud83d\ude00\u0000"}`: "a=\"\\/\b\f\n\r\tA₹😀\x00",
		`{"\u0061":"é₹😀"}`:                                       `a=é₹😀`,
		`{"":""}`:                                                `=`,
		`{"x":{"a":1},"a":2}`:                                    `x={"a":1} a=2`,
	} {
		members, err := decode(body)
		if got := strings.Join(members, " "); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", body, got, err, want)
		}
	}
}

func TestDecodeStrictRefuses(t *testing.T) {
	nest := func(depth int) string {
		return `{"a":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	members := func(n int) string {
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(`"k%d":1`, i)
		}
		return "{" + strings.Join(names, ",") + "}"
	}
	objects := strings.Repeat(`{"a":`, MaxDepth-1) + "{}" + strings.Repeat("}", MaxDepth-1)
	for _, body := range []string{nest(MaxDepth), objects, members(MaxMembers), `{"a":"` + strings.Repeat("x", MaxBody-8) + `"}`} {
		if _, err := decode(body); err != nil {
			t.Errorf("at the limit: %v", err)
		}
	}
	for body, message := range map[string]string{
		``:                                  "empty",
		" \n":                               "empty",
		`[]`:                                "one JSON object",
		`"a"`:                               "one JSON object",
		`null`:                              "one JSON object",
		"\xef\xbb\xbf{}":                    "one JSON object",
		`{`:                                 "ends too early",
		`{"a"`:                              "ends too early",
		`{"a":`:                             "ends too early",
		`{"a":1`:                            "ends too early",
		`{"a":1,`:                           "ends too early",
		`{"a":"`:                            "ends too early",
		`{"a":"\`:                           "ends too early",
		`{"a":tru`:                          "ends too early",
		`{"a":1,}`:                          "unexpected '}' at byte 8",
		`{a:1}`:                             "unexpected 'a' at byte 2",
		`{'a':1}`:                           `unexpected '\'' at byte 2`,
		`{"a" 1}`:                           "unexpected '1' at byte 6",
		`{"a":1 "b":2}`:                     `unexpected '"' at byte 8`,
		`{"a":01}`:                          "unexpected '1' at byte 7",
		`{"a":+1}`:                          "unexpected '+'",
		`{"a":.5}`:                          "unexpected '.'",
		`{"a":5.}`:                          "unexpected '}'",
		`{"a":5e}`:                          "unexpected '}'",
		`{"a":-}`:                           "unexpected '}'",
		`{"a":NaN}`:                         "unexpected 'N'",
		`{"a":trve}`:                        "unexpected 'v'",
		`{"a":undefined}`:                   "unexpected 'u'",
		"{\"a\":\"\n\"}":                    "unexpected '\\n'",
		"{\"a\":\"\x00\"}":                  "unexpected '\\x00'",
		"{\"a\":\x00}":                      "unexpected '\\x00'",
		`{"a":"\x"}`:                        "unexpected 'x'",
		`{"a":"\u12g4"}`:                    "unexpected 'u'",
		`{"a":"\u12`:                        "unexpected 'u'",
		`{"a":"\ud83d"}`:                    "half a surrogate",
		`{"a":"\ude00\ud83d"}`:              "half a surrogate",
		`{"a":"\ud83d\u0041"}`:              "half a surrogate",
		`{"a":"\ud83dxxxxxx"}`:              "half a surrogate",
		`{"a":[1,]}`:                        "unexpected ']'",
		`{"a":[1 2]}`:                       "unexpected '2'",
		`{"a":[1}`:                          "unexpected '}'",
		`{"a":1}{}`:                         "data behind",
		`{"a":1} x`:                         "data behind the JSON object, at byte 9",
		"{}\x00":                            "data behind",
		`{"a":1,"a":1}`:                     `"a" stands twice`,
		`{"label":1,"LABEL":1}`:             `"LABEL" stands twice`,
		`{"label":1,"l\u0061bel":1}`:        `"label" stands twice`,
		`{"k":1,"` + "\u212a" + `":1}`:      "stands twice", // the Kelvin sign folds to k
		`{"x":{"a":1,"A":2}}`:               `"A" stands twice`,
		`{"x":[{"a":1,"a":2}]}`:             `"a" stands twice`,
		"{\"a\":\"\xff\"}":                  "UTF-8",
		"{\"a\":\"\xed\xa0\x80\"}":          "UTF-8",
		"{}\xc3":                            "UTF-8",
		nest(MaxDepth + 1):                  "deeper than 16",
		nest(20000):                         "deeper than 16",
		strings.Repeat(`{"a":`, MaxDepth+1): "deeper than 16",
		members(MaxMembers + 1):             "more than 100 members",
		`{"a":"` + strings.Repeat("x", MaxBody-7) + `"}`: "larger than 65536 bytes",
	} {
		_, err := decode(body)
		var refused *RequestError
		if !errors.As(err, &refused) || refused.Field != "" || !strings.Contains(refused.Message, message) {
			t.Errorf("%.60q: %v, want %q", body, err, message)
		}
	}
}

func TestDecodeStrictStopsAtTheMembersError(t *testing.T) {
	stop, calls := errors.New("stop"), 0
	err := DecodeStrict([]byte(`{"a":1,"b":2}`), func([]byte, Value) error {
		calls++
		return stop
	})
	if !errors.Is(err, stop) || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// Whatever we write, encoding/json reads back; bytes that aren't UTF-8 become U+FFFD.
func TestAppendStringProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		written := appendString(nil, text)
		var read string
		if err := json.Unmarshal(written, &read); err != nil || read != strings.ToValidUTF8(perByte(text), "\ufffd") {
			t.Fatalf("%q is written as %s and read back as %q, %v", text, written, read, err)
		}
	})
}

// perByte replaces each byte that isn't UTF-8 by U+FFFD; strings.ToValidUTF8 would replace runs by one.
func perByte(text string) string { return string([]rune(text)) }

func TestAppendString(t *testing.T) {
	for text, want := range map[string]string{
		"":                         `""`,
		"a/b<c>&'d'":               `"a/b<c>&'d'"`,
		"\"\\":                     `"\"\\"`,
		"\b\f\n\r\t":               `"\b\f\n\r\t"`,
		"\x00\x01\x0b\x1f\x7f":     "\"\\u0000\\u0001\\u000b\\u001f\x7f\"",
		"₹é😀\u0080\ufeff":          "\"₹é😀\u0080\ufeff\"",
		"\u2028\u2029\u2027\u202a": "\"\\u2028\\u2029\u2027\u202a\"",
		"a\xffb\xe2\x82":           "\"a\ufffdb\ufffd\ufffd\"",
		"\ufffd":                   "\"\ufffd\"",
	} {
		if got := string(appendString(nil, text)); got != want {
			t.Errorf("%q is written as %s, want %s", text, got, want)
		}
	}
}

// FuzzDecodeStrict checks that everything we accept means the same to encoding/json, and that what encoding/json
// calls invalid is never accepted.
func FuzzDecodeStrict(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"a":1}`, `{"a":"\ud83d\ude00","b":[{"c":null}]}`, `{"a":1,"A":2}`, `{"a":1}x`, `{"a":-0.0e-1}`, `{"a":"\u2028"}`,
		`{"currency_code":"INR","wallet_type":"phone_pe","label":"55","key1":"321302038123","amount":500}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		type member struct {
			name string
			Value
		}
		var members []member
		err := DecodeStrict(body, func(name []byte, value Value) error {
			members = append(members, member{string(name), value})
			return nil
		})
		var want map[string]json.RawMessage
		wantErr := json.Unmarshal(body, &want)
		if err != nil {
			return
		}
		if wantErr != nil || want == nil {
			t.Fatalf("accepted %q, encoding/json says %v", body, wantErr)
		}
		if len(want) != len(members) {
			t.Fatalf("%q has %d members, we read %d", body, len(want), len(members))
		}
		for _, m := range members {
			raw, ok := want[m.name]
			if !ok || !bytes.Equal(raw, m.Raw) {
				t.Fatalf("%q: member %q is %s, we read %s", body, m.name, raw, m.Raw)
			}
			checkValue(t, m.Value)
		}
	})
}

// checkValue compares a value's kind and text with those of encoding/json.
func checkValue(t *testing.T, value Value) {
	t.Helper()
	var parsed any
	if err := json.Unmarshal(value.Raw, &parsed); err != nil && value.Kind != KindNumber {
		t.Fatalf("value %s: %v", value.Raw, err) // a number may be too large for a float
	}
	text := string(value.Raw)
	var kind Kind
	switch parsed := parsed.(type) {
	case nil:
		kind = KindNull
		if value.Kind == KindNumber {
			kind = KindNumber
		}
	case bool:
		kind = KindBool
	case float64:
		kind = KindNumber
	case string:
		kind, text = KindString, parsed
	case []any:
		kind = KindArray
	case map[string]any:
		kind = KindObject
	}
	if value.Kind != kind || value.Text() != text || !utf8.ValidString(text) {
		t.Fatalf("value %s: %s %q, want %s %q", value.Raw, value.Kind, value.Text(), kind, text)
	}
}
