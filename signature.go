package galla

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// legacySize is the length of a legacy signature: 40 lower-case hexadecimal digits.
const legacySize = 2 * sha1.Size

// LegacySignature is hex(SHA1(accessKey + privateKey + hex(MD5(data)))), data being the additional_data array exactly
// as it stands in the body (protocol 5.1). MD5 and SHA-1 are what existing receivers check; the webhook signature
// beside it is the strong one.
func LegacySignature(accessKey, privateKey string, data []byte) string {
	var out [legacySize]byte
	putLegacySignature(out[:], accessKey, privateKey, data)
	return string(out[:])
}

// putLegacySignature writes the signature into out, which has legacySize bytes.
func putLegacySignature(out []byte, accessKey, privateKey string, data []byte) {
	digest := md5.Sum(data)
	var buf [160]byte
	text := append(buf[:0], accessKey...)
	text = append(text, privateKey...)
	text = hex.AppendEncode(text, digest[:])
	sum := sha1.Sum(text)
	hex.Encode(out, sum[:])
}

// Headers of Standard Webhooks 1.0 (https://www.standardwebhooks.com).
const (
	HeaderWebhookID        = "webhook-id"
	HeaderWebhookTimestamp = "webhook-timestamp"
	HeaderWebhookSignature = "webhook-signature"
)

// WebhookTolerance is how far a webhook's timestamp may be from now when it is verified.
const WebhookTolerance = 5 * time.Minute

const (
	webhookPrefix     = "whsec_"
	webhookKeySize    = 32
	webhookVersion    = "v1,"
	maxWebhookSigns   = 10
	maxSignatureValue = 1024
)

// ErrSignature means that a signature is missing or wrong. The message says which, never what would have been right.
var ErrSignature = errors.New("signature refused")

// NewWebhookSecret returns a new webhook secret, "whsec_" and the base64 of 32 bytes of random (crypto/rand.Reader
// when nil).
func NewWebhookSecret(random io.Reader) (string, error) {
	var key [webhookKeySize]byte
	if _, err := io.ReadFull(orRandom(random), key[:]); err != nil {
		return "", fmt.Errorf("webhook secret: %w", err)
	}
	return webhookPrefix + base64.StdEncoding.EncodeToString(key[:]), nil
}

// keyLength is the length of access keys and other printed keys.
const keyLength = 30

// NewKey returns a new key of 30 letters and digits, the shape of access_key, from random (crypto/rand.Reader when nil).
func NewKey(random io.Reader) (string, error) {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
	const fair = 256 - 256%len(alphabet) // bytes from here on would favour the first letters
	key := make([]byte, 0, keyLength)
	var buf [1]byte
	for len(key) < keyLength {
		if _, err := io.ReadFull(orRandom(random), buf[:]); err != nil {
			return "", fmt.Errorf("key: %w", err)
		}
		if int(buf[0]) < fair {
			key = append(key, alphabet[int(buf[0])%len(alphabet)])
		}
	}
	return string(key), nil
}

func orRandom(random io.Reader) io.Reader {
	if random == nil {
		return rand.Reader
	}
	return random
}

// webhookKey is the HMAC key of a webhook secret: the bytes behind "whsec_".
func webhookKey(secret string) ([]byte, error) {
	text, found := strings.CutPrefix(secret, webhookPrefix)
	if !found {
		return nil, errors.New("webhook secret: must start with whsec_")
	}
	key, err := base64.StdEncoding.DecodeString(text)
	if err != nil || len(key) == 0 {
		return nil, errors.New("webhook secret: must be standard base64 after whsec_")
	}
	return key, nil
}

// SignWebhook returns the value of the header webhook-signature for one secret: "v1," and the base64 of
// HMAC-SHA256(id "." seconds "." body). While a secret is rotated, join the signatures of old and new with a space.
func SignWebhook(secret, id string, t time.Time, body []byte) (string, error) {
	key, err := webhookKey(secret)
	if err != nil {
		return "", err
	}
	var sum [sha256.Size]byte
	webhookSum(sum[:0], key, id, strconv.FormatInt(t.Unix(), 10), body)
	return webhookVersion + base64.StdEncoding.EncodeToString(sum[:]), nil
}

func webhookSum(out, key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, id+"."+timestamp+".")
	mac.Write(body)
	return mac.Sum(out)
}

// VerifyWebhook checks the Standard Webhooks headers of a request against any of the secrets. Its timestamp must be
// within tolerance of now. Errors are ErrSignature, except for an unusable secret.
func VerifyWebhook(secrets []string, header http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	id, timestamp := header.Get(HeaderWebhookID), header.Get(HeaderWebhookTimestamp)
	signatures := header.Get(HeaderWebhookSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return fmt.Errorf("%w: webhook headers are missing", ErrSignature)
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != timestamp {
		return fmt.Errorf("%w: webhook-timestamp is not a time in seconds", ErrSignature)
	}
	if apart := now.Sub(time.Unix(seconds, 0)).Abs(); apart > tolerance {
		return fmt.Errorf("%w: webhook-timestamp is too far from now", ErrSignature)
	}
	if len(signatures) > maxSignatureValue {
		return fmt.Errorf("%w: webhook-signature is too long", ErrSignature)
	}
	given := strings.Fields(signatures)
	if len(given) > maxWebhookSigns {
		return fmt.Errorf("%w: webhook-signature has too many signatures", ErrSignature)
	}
	for _, secret := range secrets {
		key, err := webhookKey(secret)
		if err != nil {
			return err
		}
		want := webhookSum(nil, key, id, timestamp, body)
		for _, signature := range given {
			text, found := strings.CutPrefix(signature, webhookVersion)
			got, err := base64.StdEncoding.Strict().DecodeString(text)
			if found && err == nil && hmac.Equal(got, want) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: webhook-signature does not match", ErrSignature)
}
