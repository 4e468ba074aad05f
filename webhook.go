package galla

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Webhook is the Standard Webhooks headers of a postback, signed at one moment.
type Webhook struct {
	ID        string `json:"webhook-id"`
	Timestamp string `json:"webhook-timestamp"`
	Signature string `json:"webhook-signature"`
}

// Header is the webhook as the headers of a request.
func (w Webhook) Header() http.Header {
	header := http.Header{}
	header.Set(HeaderWebhookID, w.ID)
	header.Set(HeaderWebhookTimestamp, w.Timestamp)
	header.Set(HeaderWebhookSignature, w.Signature)
	return header
}

// NewWebhook signs a body at a time with each of the secrets: while one is rotated there are two. No secrets leave the
// signature empty. The error is of a secret that can't be used.
func NewWebhook(secrets []string, id string, t time.Time, body []byte) (Webhook, error) {
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		signature, err := SignWebhook(secret, id, t, body)
		if err != nil {
			return Webhook{}, err
		}
		signatures[i] = signature
	}
	return Webhook{ID: id, Timestamp: strconv.FormatInt(t.Unix(), 10), Signature: strings.Join(signatures, " ")}, nil
}
