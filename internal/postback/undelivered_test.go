package postback

import (
	"strings"
	"testing"
)

func TestUndelivered(t *testing.T) {
	for _, c := range []struct {
		status       int
		answer, want string
	}{
		{200, `{"status":"ok"}`, ""},
		{200, "\ufeff{\"status\":\"OK\",\"x\":1}", ""},
		{201, `{"status":"ok"}`, "HTTP 201;"},
		{302, "", "HTTP 302: a redirect isn't followed;"},
		{500, "oops", "HTTP 500;"},
		{200, " \n", "the answer is empty;"},
		{200, "<html>", "the answer isn't one JSON object;"},
		{200, `{"status":"ok"} x`, "the answer isn't one JSON object;"},
		{200, `["ok"]`, "the answer isn't one JSON object;"},
		{200, `{"Status":"ok"}`, "the answer has no status;"},
		{200, `{"status":1}`, "the answer's status is no text;"},
		{200, `{"status":"fail \u001b[2J"}`, `the answer's status is "fail \x1b[2J";`},
	} {
		got := Undelivered(c.status, []byte(c.answer))
		if (got == "") != (c.want == "") || !strings.HasPrefix(got, c.want) || (got == "") != Delivered(c.status, []byte(c.answer)) {
			t.Errorf("%d %q: %q, want %q", c.status, c.answer, got, c.want)
		}
	}
}
