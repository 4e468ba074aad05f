package postback

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
)

// usualAnswer is what nearly every receiver sends; it needs no parser.
const usualAnswer = `{"status":"ok"}`

// byteOrderMark starts the output of scripts saved with one.
const byteOrderMark = "\ufeff"

// Delivered tells whether a receiver's answer ends a postback (protocol 5):
// HTTP 200 and one JSON object whose member "status" is the string "ok" in any
// letter case. Other members are allowed and one leading byte order mark is
// skipped.
func Delivered(status int, answer []byte) bool {
	if status != http.StatusOK {
		return false
	}
	if string(answer) == usualAnswer {
		return true
	}
	answer = bytes.TrimPrefix(answer, []byte(byteOrderMark))
	// A map and not a struct: a struct would take "STATUS" for "status".
	var members map[string]json.RawMessage
	if json.Unmarshal(answer, &members) != nil {
		return false
	}
	var text string
	if json.Unmarshal(members["status"], &text) != nil {
		return false
	}
	// The length keeps the Kelvin sign out, which folds to k.
	return len(text) == len("ok") && strings.EqualFold(text, "ok")
}
