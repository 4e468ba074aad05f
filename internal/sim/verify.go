package sim

import (
	"bytes"
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Keys are a merchant's keys for postbacks.
type Keys struct {
	AccessKey     string // access_key
	PostbackKey   string // postback_private_access_key
	WebhookSecret string // whsec_…
}

// webhookTolerance is how far a webhook's time may be from ours.
const webhookTolerance = 5 * time.Minute

// VerifyLegacy checks the signature inside a postback's body:
// hex(SHA1(access_key + postback_private_access_key + hex(MD5(additional_data)))).
func (k Keys) VerifyLegacy(body []byte) error {
	var given struct {
		Signature      string          `json:"signature"`
		AccessKey      string          `json:"access_key"`
		AdditionalData json.RawMessage `json:"additional_data"`
	}
	if err := json.Unmarshal(body, &given); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if given.AccessKey != k.AccessKey {
		return fmt.Errorf("access_key is %q, ours is another", given.AccessKey)
	}
	inner := md5.Sum(given.AdditionalData)
	outer := sha1.Sum([]byte(k.AccessKey + k.PostbackKey + hex.EncodeToString(inner[:])))
	if !hmac.Equal([]byte(given.Signature), []byte(hex.EncodeToString(outer[:]))) {
		return errors.New("signature is wrong")
	}
	return nil
}

// VerifyWebhook checks the headers of Standard Webhooks: HMAC-SHA256 over webhook-id.webhook-timestamp.body, keyed with
// the bytes behind whsec_, and a time close to now.
func (k Keys) VerifyWebhook(header http.Header, body []byte, now time.Time) error {
	encoded, ok := strings.CutPrefix(k.WebhookSecret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil {
		return errors.New("our own webhook secret isn't whsec_ and base64")
	}
	id, timestamp := header.Get("webhook-id"), header.Get("webhook-timestamp")
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if id == "" || err != nil {
		return errors.New("webhook-id or webhook-timestamp is missing")
	}
	if away := now.Sub(time.Unix(seconds, 0)).Abs(); away > webhookTolerance {
		return fmt.Errorf("webhook-timestamp is %v away", away)
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(bytes.Join([][]byte{[]byte(id), []byte(timestamp), body}, []byte(".")))
	want := mac.Sum(nil)
	for candidate := range strings.FieldsSeq(header.Get("webhook-signature")) {
		text, isV1 := strings.CutPrefix(candidate, "v1,")
		given, err := base64.StdEncoding.DecodeString(text)
		if isV1 && err == nil && hmac.Equal(given, want) {
			return nil
		}
	}
	return errors.New("webhook-signature is wrong")
}
