package galla

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const linkDomain = "galla.link.v1|" // keeps these MACs apart from all others made with the key

// Parameters of a link that its signature doesn't cover: itself, and what the payer may change.
const (
	paramSignature = "signature"
	paramExpires   = "expires"
	paramLang      = "lang"
)

var (
	// ErrLink means that a window link isn't signed, or not as it stands.
	ErrLink = errors.New("link signature refused")
	// ErrLinkExpired is an ErrLink: the signature is genuine and its time is over.
	ErrLinkExpired = fmt.Errorf("%w: expired", ErrLink)
)

// SignedURL is URL with a signature over every parameter but lang, so that whoever has the link can't change what is
// paid, by whom and for what. redirectKey is the merchant's redirect_key as printed, merchant the slug. A zero expiry
// never expires. A merchant with the setting signed_links has no other links opened.
func (l WindowLink) SignedURL(redirectKey, merchant string, expiry time.Time) (string, error) {
	list, query := l.parameters(), url.Values{}
	for _, p := range list {
		query.Add(p.name, p.value)
	}
	expires := ""
	if !expiry.IsZero() {
		expires = strconv.FormatInt(expiry.Unix(), 10)
		list = append(list, parameter{paramExpires, expires})
	}
	mac := base64.RawURLEncoding.EncodeToString(linkMAC(redirectKey, merchant, expires, query))
	return l.build(append(list, parameter{paramSignature, mac}))
}

// VerifyLink checks the signature of a link's query. Errors are ErrLink; ErrLinkExpired when only its time is over. lang
// and parameters without a name (the stray &<milliseconds> of embedding pages) may differ from what was signed.
func VerifyLink(redirectKey, merchant string, query url.Values, now time.Time) error {
	signatures, expiries := query[paramSignature], query[paramExpires]
	if len(signatures) != 1 || len(expiries) > 1 {
		return fmt.Errorf("%w: expected one signature and at most one expiry", ErrLink)
	}
	expires := ""
	if len(expiries) == 1 {
		if expires = expiries[0]; expires == "" {
			return fmt.Errorf("%w: malformed expiry", ErrLink)
		}
	}
	given, err := base64.RawURLEncoding.Strict().DecodeString(signatures[0])
	if err != nil || strings.ContainsAny(signatures[0], "\r\n") { // the decoder skips line breaks
		return fmt.Errorf("%w: malformed", ErrLink)
	}
	if !hmac.Equal(given, linkMAC(redirectKey, merchant, expires, query)) {
		return fmt.Errorf("%w: wrong signature", ErrLink)
	}
	if expires == "" {
		return nil
	}
	seconds, err := strconv.ParseInt(expires, 10, 64)
	if err != nil {
		return fmt.Errorf("%w: malformed expiry", ErrLink)
	}
	if now.Unix() >= seconds {
		return ErrLinkExpired
	}
	return nil
}

func linkMAC(key, merchant, expires string, query url.Values) []byte {
	signed := url.Values{}
	for name, values := range query {
		if name != paramSignature && name != paramExpires && name != paramLang && !nameless(name, values) {
			signed[name] = values
		}
	}
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, linkDomain+merchant+"|"+expires+"|"+signed.Encode())
	return mac.Sum(nil)
}

// nameless reports a parameter that is only a number, or nothing, without a value: what embedding pages append against
// caches.
func nameless(name string, values []string) bool {
	for _, value := range values {
		if value != "" {
			return name == ""
		}
	}
	return strings.Trim(name, "0123456789") == ""
}
