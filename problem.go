package galla

import (
	"encoding/json"
	"net/http"
)

// problemError makes an error of the problem details (RFC 9457) of an answer that says no.
func problemError(code int, text []byte) error {
	var problem Problem
	refused := &AnswerError{HTTPStatus: code, Status: StatusFail, Message: "no JSON answer"}
	if json.Unmarshal(text, &problem) == nil && problem.Detail != "" {
		refused.Message = problem.Detail
	}
	if code < http.StatusBadRequest || code >= http.StatusInternalServerError || code == http.StatusTooManyRequests {
		refused.Status = StatusError
	}
	return refused
}

// Problem is the body of an answer of /v3 that says no, application/problem+json (RFC 9457).
type Problem struct {
	Title  string `json:"title"`
	Status int    `json:"status"` // the HTTP code
	Code   string `json:"code"`   // for programs, such as "invalid_cursor"
	Detail string `json:"detail"` // for people
}

// AppendJSON appends the problem as it goes over the wire.
func (p Problem) AppendJSON(b []byte) []byte {
	b = appendMember(append(b, '{'), "title", p.Title)
	b = appendInt(b, "status", int64(p.Status))
	b = appendMember(b, "code", p.Code)
	return append(appendMember(b, "detail", p.Detail), '}')
}
