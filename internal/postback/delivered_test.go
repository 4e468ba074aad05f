package postback

import (
	"encoding/json"
	"strings"
	"testing"
)

var answers = []struct {
	answer    string
	delivered bool
}{
	{`{"status":"ok"}`, true},
	{`{"status":"OK"}`, true},
	{`{"status":"oK"}`, true},
	{" \r\n{ \"status\" : \"ok\" }\n", true},
	{`{"message":"thanks","status":"ok","data":[1,{"status":"fail"}]}`, true},
	{`{"status":"\u006fk"}`, true},
	{"\ufeff" + `{"status":"ok"}`, true},
	{"\ufeff" + ` {"status":"Ok"}`, true},
	{`{"status":"fail","status":"ok"}`, true}, // as PHP and JavaScript read it: the last counts
	{`{"status":"ok","status":"fail"}`, false},
	{"\ufeff\ufeff" + `{"status":"ok"}`, false},
	{``, false},
	{`ok`, false},
	{`OK`, false},
	{`"ok"`, false},
	{`null`, false},
	{`true`, false},
	{`200`, false},
	{`{}`, false},
	{`[]`, false},
	{`["ok"]`, false},
	{`[{"status":"ok"}]`, false},
	{`{"status":["ok"]}`, false},
	{`{"status":{"status":"ok"}}`, false},
	{`{"status":true}`, false},
	{`{"status":null}`, false},
	{`{"status":200}`, false},
	{`{"status":"ok "}`, false},
	{`{"status":"okay"}`, false},
	{`{"status":"success"}`, false},
	{"{\"status\":\"o\u212a\"}", false}, // the Kelvin sign folds to k
	{`{"status":""}`, false},
	{`{"STATUS":"ok"}`, false},
	{`{"Status":"ok"}`, false},
	{`{"state":"ok"}`, false},
	{`{'status':'ok'}`, false},
	{`{status:"ok"}`, false},
	{`{"status":"ok"`, false},
	{`{"status":"ok"}}`, false},
	{`{"status":"ok"}{"status":"ok"}`, false},
	{`{"status":"ok"}<!-- 3 ms -->`, false},
	{"<br />\n" + `{"status":"ok"}`, false},
	{`status=ok`, false},
	{`<html><body>{"status":"ok"}</body></html>`, false},
	{"\x1f\x8b\x08", false},
	{strings.Repeat(`{"a":`, 100_000), false},
}

func TestDelivered(t *testing.T) {
	for _, tt := range answers {
		if got := Delivered(200, []byte(tt.answer)); got != tt.delivered {
			t.Errorf("200 %.80q: %v, want %v", tt.answer, got, tt.delivered)
		}
	}
	for _, status := range []int{0, 100, 201, 202, 204, 206, 301, 302, 304, 307, 400, 404, 410, 429, 500, 503} {
		if Delivered(status, []byte(usualAnswer)) {
			t.Errorf("%d counts as delivered", status)
		}
	}
}

func FuzzDelivered(f *testing.F) {
	for _, tt := range answers {
		f.Add([]byte(tt.answer))
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if !Delivered(200, answer) {
			return
		}
		var members map[string]any
		if err := json.Unmarshal([]byte(strings.TrimPrefix(string(answer), byteOrderMark)), &members); err != nil {
			t.Fatalf("%q is no JSON object: %v", answer, err)
		}
		if text, _ := members["status"].(string); text != "ok" && text != "OK" && text != "Ok" && text != "oK" {
			t.Fatalf("%q: status %q", answer, text)
		}
	})
}
