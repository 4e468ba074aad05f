package evidence

import (
	"net/http"
	"time"
)

// DecodeMessages reads one request of a message source.
func DecodeMessages(kind SourceKind, contentType string, header http.Header, body []byte, secret string, now time.Time) ([]Message, error) {
	return nil, &DecodeError{Status: 422, Message: "not yet"}
}
