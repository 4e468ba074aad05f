package postback

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
)

// expected ends what is said of an answer that isn't one.
const expected = `; expected HTTP 200 and {"status":"ok"}`

// Undelivered says for the receiver's developer why an answer doesn't end a postback, "" when it does.
func Undelivered(status int, answer []byte) string {
	var members map[string]json.RawMessage
	var text string
	switch {
	case Delivered(status, answer):
		return ""
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return fmt.Sprintf("HTTP %d: a redirect isn't followed", status) + expected
	case status != http.StatusOK:
		return fmt.Sprintf("HTTP %d", status) + expected
	case len(bytes.TrimSpace(answer)) == 0:
		return "the answer is empty" + expected
	case json.Unmarshal(bytes.TrimPrefix(answer, []byte(byteOrderMark)), &members) != nil:
		return "the answer isn't one JSON object" + expected
	case members["status"] == nil:
		return "the answer has no status" + expected
	case json.Unmarshal(members["status"], &text) != nil:
		return "the answer's status is no text" + expected
	}
	return fmt.Sprintf("the answer's status is %q", text) + expected
}
