package galla

import (
	"cmp"
	"slices"
	"strings"
)

// maxSignedElements bounds the arrays in what is signed: from the eleventh on, "sorted by key" would mean one order to
// programs that compare numbers, and another to such that compare text.
const maxSignedElements = 10

// maxSignedDigits and maxSignedDecimals bound a number in payment details: PHP gives longer ones back rounded, or with
// an exponent.
const (
	maxSignedDigits   = 14
	maxSignedDecimals = 4
)

// signedText joins what the signature of a withdrawal covers: the values of all members but signature, sorted by name at
// every level, as text as PHP writes them: true is 1, false and null are empty, an empty object or array is empty.
func signedText(body []byte) (string, error) {
	var values []namedText
	err := DecodeStrict(body, func(name []byte, value Value) error {
		if string(name) == "signature" {
			return nil
		}
		text, err := textOf(string(name), value)
		values = append(values, namedText{string(name), text})
		return err
	})
	return joinSorted(values), err
}

type namedText struct{ name, text string }

func joinSorted(values []namedText) string {
	slices.SortFunc(values, func(a, b namedText) int { return cmp.Compare(a.name, b.name) })
	return joinTexts(values)
}

func joinTexts(values []namedText) string {
	texts := make([]string, len(values))
	for i, v := range values {
		texts[i] = v.text
	}
	return strings.Join(texts, ":")
}

// textOf is a value of the member of that name as it is signed.
func textOf(name string, value Value) (string, error) {
	switch value.Kind {
	case KindBool:
		if string(value.Raw) == "true" {
			return "1", nil
		}
		return "", nil
	case KindNull:
		return "", nil
	case KindNumber:
		return numberText(name, string(value.Raw))
	case KindString:
		text := value.Text()
		if strings.Contains(text, ":") {
			return "", fieldError(name, "may not have a colon: what is signed would have more than one reading.")
		}
		return text, nil
	}
	var values []namedText
	take := func(member []byte, value Value) error {
		text, err := textOf(name, value)
		values = append(values, namedText{string(member), text})
		return err
	}
	if value.Kind == KindObject {
		err := value.members(name, take)
		return joinSorted(values), err
	}
	err := value.elements(name, func(element Value) error {
		if len(values) == maxSignedElements {
			return fieldError(name, "has an array with more than %d elements.", maxSignedElements)
		}
		return take(nil, element)
	})
	return joinTexts(values), err
}

// numberText is a number as PHP writes it, of those that it writes as they are but for zeros at the end of decimals.
func numberText(name, text string) (string, error) {
	whole, decimals, _ := strings.Cut(text, ".")
	decimals = strings.TrimRight(decimals, "0")
	digits := strings.TrimLeft(strings.TrimPrefix(whole, "-")+decimals, "0")
	if strings.ContainsAny(text, "eE") || len(digits) > maxSignedDigits || len(decimals) > maxSignedDecimals {
		return "", fieldError(name, "may have whole numbers, or such with at most %d decimals and %d digits.", maxSignedDecimals, maxSignedDigits)
	}
	if decimals != "" {
		whole += "." + decimals
	} else if whole == "-0" && !strings.Contains(text, ".") {
		whole = "0" // PHP reads -0 as a whole number
	}
	return whole, nil
}
