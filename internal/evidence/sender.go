package evidence

import "strings"

// sender is what an SMS sender tells about itself.
type sender struct {
	header      string // capitals, without operator prefix and suffix; "" for phone numbers
	phone       bool   // a phone number or an e-mail address, not a header
	promotional bool   // -P
	trusted     bool   // suffix S, T or none
}

const (
	minPhoneDigits = 7 // short codes have at most 6
	maxPhoneDigits = 15
)

// parseSender reads XY-HEADER[-S|T|P|G], HEADER and phone numbers. Prefix XY is the operator and the region. A header
// with anything but ASCII is of no bank, whatever it looks like.
func parseSender(text string) sender {
	plain := plainASCII(text)
	text = strings.ToUpper(strings.TrimSpace(normalize(text).text))
	if isPhone(text) || strings.Contains(text, "@") {
		return sender{phone: true}
	}
	if !plain {
		return sender{header: text, promotional: strings.HasSuffix(text, "-P")}
	}
	parts := strings.Split(text, "-")
	if len(parts) > 1 && len(parts[0]) == 2 {
		parts = parts[1:]
	}
	switch {
	case len(parts) == 1:
		return sender{header: parts[0], trusted: true}
	case len(parts) == 2 && len(parts[1]) == 1:
		suffix := parts[1]
		return sender{
			header:      parts[0],
			promotional: suffix == "P",
			trusted:     suffix == "S" || suffix == "T",
		}
	}
	return sender{header: text}
}

func isPhone(text string) bool {
	digits := 0
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case strings.ContainsRune("+- ()", r):
		default:
			return false
		}
	}
	return digits >= minPhoneDigits && digits <= maxPhoneDigits
}
