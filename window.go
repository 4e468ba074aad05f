package galla

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/galla-gateway/galla/money"
)

// RedirectKind is the outcome that a redirect URL is for; a token for one doesn't open another.
type RedirectKind string

// The kinds of protocol section 3.3.
const (
	RedirectSuccess RedirectKind = "success"
	RedirectPending RedirectKind = "pending"
	RedirectFail    RedirectKind = "fail"
)

const (
	redirectDomain = "galla.redirect.v1|" // keeps these MACs apart from all others made with the key
	// MaxRedirectToken is the longest token that is read, in bytes.
	MaxRedirectToken = 4096
)

// ErrRedirect means that a redirect token is malformed, forged, expired, or for a URL that nobody may be sent to.
var ErrRedirect = errors.New("redirect token refused")

// RedirectToken signs a URL for success_url, pending_url or fail_url (protocol 3.3). key is the merchant's redirect_key
// as printed, merchant the slug. A zero expiry never expires.
func RedirectToken(key, merchant string, kind RedirectKind, target string, expiry time.Time) string {
	payload := target
	if !expiry.IsZero() {
		payload += "\n" + strconv.FormatInt(expiry.Unix(), 10)
	}
	encoding := base64.RawURLEncoding
	return encoding.EncodeToString([]byte(payload)) + "." +
		encoding.EncodeToString(redirectMAC(key, merchant, kind, payload))
}

func redirectMAC(key, merchant string, kind RedirectKind, payload string) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	io.WriteString(mac, redirectDomain+merchant+"|"+string(kind)+"|"+payload)
	return mac.Sum(nil)
}

// ParseRedirectToken checks a token and returns its URL. With localHTTP, http URLs of localhost and loopback addresses
// pass too. Errors are ErrRedirect; the window treats such a token as absent.
func ParseRedirectToken(key, merchant string, kind RedirectKind, token string, now time.Time, localHTTP bool) (string, error) {
	if len(token) > MaxRedirectToken {
		return "", fmt.Errorf("%w: too long", ErrRedirect)
	}
	head, tail, found := strings.Cut(token, ".")
	encoding := base64.RawURLEncoding.Strict()
	payload, err := encoding.DecodeString(head)
	if err != nil || !found || strings.ContainsAny(token, "\r\n") { // the decoder skips line breaks
		return "", fmt.Errorf("%w: malformed", ErrRedirect)
	}
	given, err := encoding.DecodeString(tail)
	if err != nil || !hmac.Equal(given, redirectMAC(key, merchant, kind, string(payload))) {
		return "", fmt.Errorf("%w: wrong signature", ErrRedirect)
	}
	target, expiry, expires := strings.Cut(string(payload), "\n")
	if expires {
		seconds, err := strconv.ParseInt(expiry, 10, 64)
		if err != nil {
			return "", fmt.Errorf("%w: malformed expiry", ErrRedirect)
		}
		if now.Unix() >= seconds {
			return "", fmt.Errorf("%w: expired", ErrRedirect)
		}
	}
	if err := CheckRedirectURL(target, localHTTP); err != nil {
		return "", err
	}
	return target, nil
}

// CheckRedirectURL reports whether payers may be sent to a URL: absolute, https, a host, no user info, no control
// characters or spaces. With localHTTP, http is allowed for localhost and loopback addresses. Errors are ErrRedirect.
func CheckRedirectURL(target string, localHTTP bool) error {
	if hasControl(target) || strings.ContainsAny(target, " \\") {
		return fmt.Errorf("%w: the URL has control characters, spaces or backslashes", ErrRedirect)
	}
	u, err := url.Parse(target)
	if err != nil || u.Hostname() == "" || u.Opaque != "" {
		return fmt.Errorf("%w: not an absolute URL", ErrRedirect)
	}
	if u.User != nil {
		return fmt.Errorf("%w: the URL has user info", ErrRedirect)
	}
	switch {
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http" && localHTTP && localHost(u.Hostname()):
		return nil
	}
	return fmt.Errorf("%w: the URL must be https", ErrRedirect)
}

// localHost reports localhost, names below it, and loopback addresses.
func localHost(host string) bool {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		return true
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}

// WindowLink is a link to the payment window (protocol 3.1).
type WindowLink struct {
	Base                string // the window's address: "https://plugin.shop.example" or "http://localhost:8080/plugin/shop/"
	Label               string // required: the merchant's id of the payer
	CurrencyCode        string // required
	CustomTransactionID string // required: the merchant's id of the order
	Lang                string // "en", "hi"; "" lets the browser choose
	WalletType          string // "" lets the payer choose
	FixedAmount         string // decimal text; "" lets the payer type the amount
	SuccessURLID        int    // ids of registered URLs; 0 leaves them out
	PendingURLID        int
	FailURLID           int
	SuccessURL          string // redirect tokens, see RedirectToken
	PendingURL          string
	FailURL             string
}

// parameter is one named parameter of a link.
type parameter struct{ name, value string }

// parameters are the link's, in the order of the protocol, without those that aren't set.
func (l WindowLink) parameters() []parameter {
	all := []parameter{
		{"label", l.Label}, {"currency_code", l.CurrencyCode}, {paramLang, l.Lang}, {"wallet_type", l.WalletType},
		{"custom_transaction_id", l.CustomTransactionID}, {"fixed_amount", l.FixedAmount},
		{"payment_url_success_id", urlID(l.SuccessURLID)}, {"payment_url_pending_id", urlID(l.PendingURLID)},
		{"payment_url_fail_id", urlID(l.FailURLID)},
		{"success_url", l.SuccessURL}, {"fail_url", l.FailURL}, {"pending_url", l.PendingURL},
	}
	return slices.DeleteFunc(all, func(p parameter) bool { return p.value == "" })
}

// URL checks the link and returns it, its parameters in the order of the protocol.
func (l WindowLink) URL() (string, error) { return l.build(l.parameters()) }

// build checks the link and writes it with the parameters.
func (l WindowLink) build(list []parameter) (string, error) {
	base, err := url.Parse(l.Base)
	if err != nil || base.Host == "" || base.RawQuery != "" || base.Fragment != "" {
		return "", fmt.Errorf("window link: base %q must be an absolute URL without a query", l.Base)
	}
	if err := l.check(); err != nil {
		return "", fmt.Errorf("window link: %w", err)
	}
	if base.Path == "" {
		base.Path = "/"
	}
	pairs := make([]string, len(list))
	for i, p := range list {
		pairs[i] = p.name + "=" + url.QueryEscape(p.value)
	}
	base.RawQuery = strings.Join(pairs, "&")
	return base.String(), nil
}

// urlID is the text of a registered URL's id, "" for none.
func urlID(id int) string {
	if id == 0 {
		return ""
	}
	return strconv.Itoa(id)
}

// check applies the rules of activate to the members that the window hands on.
func (l WindowLink) check() error {
	for _, id := range []struct{ name, value string }{
		{"label", l.Label},
		{"custom_transaction_id", l.CustomTransactionID},
	} {
		if _, err := (&field{value: id.value, ok: true}).id(id.name); err != nil {
			return err
		}
	}
	if _, err := money.LookupCurrency(l.CurrencyCode); err != nil {
		return fieldError("currency_code", "%q is not a known currency.", clip(l.CurrencyCode))
	}
	if l.FixedAmount != "" {
		if _, err := (ActivateRequest{CurrencyCode: l.CurrencyCode, Amount: l.FixedAmount}).Money(); err != nil {
			return err
		}
	}
	return nil
}
