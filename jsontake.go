package galla

import "strconv"

// take reads a string; null leaves it empty.
func take(into *string, name string, value Value) error {
	switch value.Kind {
	case KindString:
		*into = value.Text()
	case KindNull:
	default:
		return wrongKind(name, value)
	}
	return nil
}

// takeOne is a member function that takes one string and skips the rest.
func takeOne(wanted string, into *string) func([]byte, Value) error {
	return func(name []byte, value Value) error {
		if string(name) == wanted {
			return take(into, wanted, value)
		}
		return nil
	}
}

// takeNumber reads the text of a number.
func takeNumber(into *string, name string, value Value) error {
	if value.Kind != KindNumber {
		return wrongKind(name, value)
	}
	*into = value.Text()
	return nil
}

// takeInt reads a whole number; null leaves it 0.
func takeInt(into *int64, name string, value Value) error {
	if value.Kind == KindNull {
		return nil
	}
	n, err := strconv.ParseInt(value.Text(), 10, 64)
	if value.Kind != KindNumber || err != nil {
		return wrongKind(name, value)
	}
	*into = n
	return nil
}

func wrongKind(name string, value Value) error {
	return fieldError(name, "has the wrong type: %s.", value.Kind)
}
