package window

import (
	"html/template"
	"slices"
	"strings"
)

// What templates write into addresses passes here, so that even a wrong Page can't lead a payer astray: a method returns
// "" for an address that isn't of its kind.

// Local is an address on this host: a path or a query.
func (v view) Local(u string) template.URL {
	if !clean(u) {
		return ""
	}
	if strings.HasPrefix(u, "?") || strings.HasPrefix(u, "/") && !strings.HasPrefix(u, "//") {
		return template.URL(u)
	}
	return ""
}

// Away is an absolute web address.
func (v view) Away(u string) template.URL {
	if clean(u) && webURL(u) {
		return template.URL(u)
	}
	return ""
}

func webURL(u string) bool {
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(u, scheme); ok {
			return rest != "" && rest[0] != '/'
		}
	}
	return false
}

// App is a link that opens a wallet app.
func (v view) App(u string) template.URL {
	known := func(app struct{ title, prefix string }) bool { return strings.HasPrefix(u, app.prefix) }
	if clean(u) && slices.ContainsFunc(upiApps, known) {
		return template.URL(u)
	}
	return ""
}

// ContactURL opens the merchant's support: a web address, an e-mail address or a phone number. Other text has none.
func (v view) ContactURL() template.URL {
	c := v.Brand.Contact
	digits := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(c)
	number := strings.TrimPrefix(digits, "+")
	const shortest, longest = 3, 15 // digits of a phone number
	switch {
	case !clean(digits):
		return ""
	case strings.HasPrefix(c, "https://"):
		return v.Away(c)
	case len(number) >= shortest && len(number) <= longest && strings.Trim(number, "0123456789") == "":
		return template.URL("tel:" + digits)
	case strings.Count(c, "@") == 1 && clean(c) && !strings.ContainsAny(c, ":/?&#%"):
		return template.URL("mailto:" + c)
	}
	return ""
}
