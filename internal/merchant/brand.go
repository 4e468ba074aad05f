package merchant

import (
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/galla-gateway/galla"
)

// Limits of a brand.
const (
	// MaxContact is the longest support contact, in characters.
	MaxContact = 200
)

// Themes of a brand; "" goes by the payer's device.
const (
	ThemeLight = "light"
	ThemeDark  = "dark"
)

// Brand is how the payment window looks for a merchant's payers. The zero value is Galla's own look.
type Brand struct {
	Name     string
	Logo     []byte // as internal/logo wrote it; don't change it
	LogoType string // image/png or image/svg+xml, "" without a logo
	Colour   string // "#rrggbb" in small letters, or ""
	Theme    string // ThemeLight, ThemeDark or ""
	Contact  string // whom payers may ask, for people: an address, a number
}

var colourShape = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// Check checks all but the logo. The texts are for people, and go into pages as text.
func (b Brand) Check() error {
	switch {
	case b.Colour != "" && !colourShape.MatchString(b.Colour):
		return errors.New("colour: expected #rrggbb, such as #5f259f")
	case b.Theme != "" && b.Theme != ThemeLight && b.Theme != ThemeDark:
		return errors.New("theme: expected light, dark or auto")
	}
	if err := checkText("name", b.Name, MaxName); err != nil {
		return err
	}
	return checkText("contact", b.Contact, MaxContact)
}

func checkText(what, text string, limit int) error {
	switch {
	case strings.TrimSpace(text) != text:
		return fmt.Errorf("%s: has spaces around it", what)
	case !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }):
		return fmt.Errorf("%s: has characters that can't be printed", what)
	case utf8.RuneCountInString(text) > limit:
		return fmt.Errorf("%s: longer than %d characters", what, limit)
	}
	return nil
}

// originHost is a host name or address as browsers write it in an origin, with a port or without: small ASCII letters.
var originHost = regexp.MustCompile(`^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9][0-9]{0,4})?$`)

// maxOrigin is longer than any host name with scheme and port.
const maxOrigin = 300

// CheckOrigin checks an origin as browsers write it: scheme, host, and the port where it isn't the usual one. It goes
// into a header, so nothing else may be in it, no wildcard either. With localHTTP, http is allowed for this machine.
func CheckOrigin(origin string, localHTTP bool) error {
	scheme, host, found := strings.Cut(origin, "://")
	u, err := url.Parse(origin)
	switch {
	case err != nil || !found || len(origin) > maxOrigin || !originHost.MatchString(host):
		return errors.New("origin: expected scheme and host alone, such as https://shop.example")
	case galla.CheckRedirectURL(origin, localHTTP) != nil:
		return errors.New("origin: must be https")
	case scheme == "https" && u.Port() == "443", scheme == "http" && u.Port() == "80":
		return errors.New("origin: browsers leave the usual port out, so leave it out here too")
	}
	return nil
}
