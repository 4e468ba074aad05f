package keyring

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
)

// alphanumerics are the letters and digits of NewAlphanumeric.
const alphanumerics = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Prefixes tell at sight, and to a scanner for leaked secrets, what a text is.
// They consist of characters that stay as they are in a URL's query.
const (
	PrefixAPISecret     = "galla_api_"
	PrefixSourceToken   = "galla_src_"
	PrefixPostbackKey   = "galla_pbk_"
	PrefixWithdrawalKey = "galla_wdk_"
	PrefixRedirectKey   = "galla_rdk_"
	PrefixOperatorKey   = "galla_opr_"
	PrefixWebhookSecret = "whsec_" // Standard Webhooks 1.0
)

const (
	// AccessKeyLength is the length of the public half of a postback key pair
	// (protocol 1).
	AccessKeyLength = 30
	// tokenLength letters and digits after a prefix are 238 random bits.
	tokenLength = 40
	// webhookSecretSize is the size of a webhook secret in bytes (protocol 5.2).
	webhookSecretSize = 32
)

// NewAlphanumeric returns n random letters and digits, each of the 62 equally
// likely.
func NewAlphanumeric(n int) string {
	// Bytes from here on are thrown away: 256 is no multiple of 62.
	const limit = 256 - 256%len(alphanumerics)
	text := make([]byte, 0, n)
	var pool [64]byte
	for len(text) < n {
		rand.Read(pool[:]) // never fails: crypto/rand ends the process instead
		for _, b := range pool {
			if int(b) < limit && len(text) < n {
				text = append(text, alphanumerics[int(b)%len(alphanumerics)])
			}
		}
	}
	return string(text)
}

// NewAccessKey returns the public half of a postback key pair: 30 letters and
// digits.
func NewAccessKey() string { return NewAlphanumeric(AccessKeyLength) }

// NewAPISecret returns a pluginapi_secret.
func NewAPISecret() Secret { return newToken(PrefixAPISecret) }

// NewSourceToken returns the bearer token of an evidence source.
func NewSourceToken() Secret { return newToken(PrefixSourceToken) }

// NewPostbackKey returns a postback_private_access_key.
func NewPostbackKey() Secret { return newToken(PrefixPostbackKey) }

// NewWithdrawalKey returns the private_key that signs withdrawals.
func NewWithdrawalKey() Secret { return newToken(PrefixWithdrawalKey) }

// NewOperatorKey returns what an operator proves to be one with.
func NewOperatorKey() Secret { return newToken(PrefixOperatorKey) }

// NewRedirectKey returns the key that verifies success_url and its siblings.
func NewRedirectKey() Secret { return newToken(PrefixRedirectKey) }

// NewWebhookSecret returns "whsec_" and the standard base64 of 32 random bytes.
func NewWebhookSecret() Secret {
	var raw [webhookSecretSize]byte
	rand.Read(raw[:])
	return Secret(PrefixWebhookSecret + base64.StdEncoding.EncodeToString(raw[:]))
}

func newToken(prefix string) Secret { return Secret(prefix + NewAlphanumeric(tokenLength)) }

// newLine returns a new key as it stands in a key file.
func newLine() string {
	var raw [keySize]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}
