package web

import (
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/galla-gateway/galla/internal/keyring"
)

// secretParameter is the query parameter of every /api/v1 call (protocol 1).
const secretParameter = "secret"

// ErrSecret: the request has no secret, an empty one, or more than one. The
// answer is the same as for a wrong one.
var ErrSecret = errors.New("secret is missing, empty or given more than once")

// TakeSecret returns the secret of a request, which is its query parameter
// "secret" or its "Authorization: Bearer", exactly one of them and once. It
// takes the secret out of the request in every case, also when it fails, so
// that nothing after it can log one.
func TakeSecret(r *http.Request) (keyring.Secret, error) {
	rest, given := cutSecret(r.URL.RawQuery)
	if len(given) > 0 {
		r.URL.RawQuery = rest
		r.RequestURI = r.URL.RequestURI()
	}
	bearer := takeBearer(r)
	if len(given)+len(bearer) != 1 {
		return "", ErrSecret
	}
	secret := append(given, bearer...)[0]
	if secret == "" {
		return "", ErrSecret
	}
	return keyring.Secret(secret), nil
}

// TakeBearer returns the token of "Authorization: Bearer", given once, and
// takes it out of the request.
func TakeBearer(r *http.Request) (keyring.Secret, error) {
	bearer := takeBearer(r)
	if len(bearer) != 1 || bearer[0] == "" {
		return "", ErrSecret
	}
	return keyring.Secret(bearer[0]), nil
}

// takeBearer leaves other schemes alone: a proxy may have used Basic.
func takeBearer(r *http.Request) (tokens []string) {
	for _, value := range r.Header["Authorization"] {
		scheme, token, _ := strings.Cut(strings.TrimSpace(value), " ")
		if strings.EqualFold(scheme, "Bearer") {
			tokens = append(tokens, strings.TrimSpace(token))
		}
	}
	if len(tokens) > 0 {
		r.Header.Del("Authorization")
	}
	return tokens
}

// cutSecret returns a raw query without its secrets, and the secrets. A value
// that can't be decoded counts as an empty one.
func cutSecret(query string) (rest string, given []string) {
	if query == "" {
		return "", nil
	}
	kept := make([]string, 0, 4)
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if name != secretParameter {
			decoded, err := url.QueryUnescape(name)
			if err != nil || decoded != secretParameter {
				kept = append(kept, pair)
				continue
			}
		}
		value, err := url.QueryUnescape(value)
		if err != nil {
			value = ""
		}
		given = append(given, value)
	}
	return strings.Join(kept, "&"), given
}
