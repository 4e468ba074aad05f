package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
)

// Texts of the answers that every edge gives alike (protocol 1).
const (
	MessageNotFound  = "Not found"
	MessageMethod    = "Method not allowed"
	MessageTooLarge  = "The request is too large"
	MessageCutShort  = "The request was cut short"
	MessageFault     = "Internal error. Repeat the request with the same id"
	MessageSaturated = "Too busy. Repeat the request with the same id"
)

// Values of the member "status": fail always means decided, error means that
// nobody knows yet.
const (
	statusFail  = "fail"
	statusError = "error"
)

var (
	jsonType    = []string{"application/json"}
	problemType = []string{"application/problem+json"}
)

// WriteJSON answers with a finished JSON text.
func WriteJSON(w http.ResponseWriter, code int, body []byte) {
	w.Header()["Content-Type"] = jsonType
	write(w, code, body)
}

// WriteProblem answers with finished problem details (RFC 9457).
func WriteProblem(w http.ResponseWriter, code int, body []byte) {
	w.Header()["Content-Type"] = problemType
	write(w, code, body)
}

func write(w http.ResponseWriter, code int, body []byte) {
	w.Header()["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(code)
	w.Write(body) // an error means that the client is gone
}

// Fail answers {"status":"fail","message":…}: the request is refused.
func Fail(w http.ResponseWriter, code int, message string) { writeStatus(w, code, statusFail, message) }

// Fault answers {"status":"error","message":…}: the request may or may not
// have taken effect, and repeating it with the same id tells.
func Fault(w http.ResponseWriter, code int, message string) {
	writeStatus(w, code, statusError, message)
}

// NotFound answers 404, for an unknown route as for a wrong secret.
func NotFound(w http.ResponseWriter, _ *http.Request) {
	Fail(w, http.StatusNotFound, MessageNotFound)
}

// FailBody answers an error of ReadBody.
func FailBody(w http.ResponseWriter, err error) {
	if errors.Is(err, ErrTooLarge) {
		// What is left of the body isn't waited for.
		w.Header().Set("Connection", "close")
		Fail(w, http.StatusRequestEntityTooLarge, MessageTooLarge)
		return
	}
	Fail(w, http.StatusBadRequest, MessageCutShort)
}

func writeStatus(w http.ResponseWriter, code int, status, message string) {
	body, err := json.Marshal(struct {
		Status  string `json:"status"`
		Message string `json:"message"`
	}{status, message})
	if err != nil {
		panic(err) // two texts always marshal
	}
	WriteJSON(w, code, body)
}
