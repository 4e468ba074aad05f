package web

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

func TestTakeSecret(t *testing.T) {
	tests := []struct {
		name, query   string
		authorization []string
		want          string // "" = refused
		rest          string
		authRest      int
	}{
		{"query", "secret=hush", nil, "hush", "", 0},
		{"query among others", "a=1&secret=hush&b=2", nil, "hush", "a=1&b=2", 0},
		{"encoded value", "secret=hu%73h%2B", nil, "hush+", "", 0},
		{"encoded name", "se%63ret=hush", nil, "hush", "", 0},
		{"bearer", "a=1", []string{"Bearer hush"}, "hush", "a=1", 0},
		{"bearer in small letters", "", []string{"bearer  hush "}, "hush", "", 0},
		{"beside a proxy's own", "secret=hush", []string{"Basic eDp5"}, "hush", "", 1},
		{"none", "a=1", nil, "", "a=1", 0},
		{"no query", "", nil, "", "", 0},
		{"empty", "secret=", nil, "", "", 0},
		{"without value", "secret", nil, "", "", 0},
		{"twice", "secret=hush&secret=hush", nil, "", "", 0},
		{"twice, once encoded", "secret=hush&%73ecret=hush", nil, "", "", 0},
		{"two ways", "secret=hush&a=1", []string{"Bearer hush"}, "", "a=1", 0},
		{"two bearers", "", []string{"Bearer hush", "Bearer hush"}, "", "", 0},
		{"empty bearer", "", []string{"Bearer"}, "", "", 0},
		{"another scheme", "", []string{"Basic hush"}, "", "", 1},
		{"no valid encoding", "secret=hush%zz", nil, "", "", 0},
		{"another name", "Secret=hush1&secrets=2&secret[]=3", nil, "", "Secret=hush1&secrets=2&secret[]=3", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/api/v1/x?"+tt.query, nil)
			if tt.authorization != nil {
				r.Header["Authorization"] = tt.authorization
			}
			got, err := TakeSecret(r)
			if got.Reveal() != tt.want || (err == nil) != (tt.want != "") || err != nil && !errors.Is(err, ErrSecret) {
				t.Errorf("TakeSecret = %q, %v; want %q", got.Reveal(), err, tt.want)
			}
			if r.URL.RawQuery != tt.rest || len(r.Header["Authorization"]) != tt.authRest {
				t.Errorf("left in the request: %q, %q", r.URL.RawQuery, r.Header["Authorization"])
			}
			if all := fmt.Sprintf("%+v %v %v", r, r.URL, r.RequestURI); tt.want != "" && strings.Contains(all, "hush") {
				t.Errorf("the request still shows the secret: %s", all)
			}
		})
	}
}

func TestTakeBearer(t *testing.T) {
	tests := []struct {
		authorization []string
		want          string
	}{
		{[]string{"Bearer hush"}, "hush"}, {nil, ""}, {[]string{"Bearer "}, ""}, {[]string{"hush"}, ""},
		{[]string{"Bearer a", "Bearer b"}, ""}, {[]string{"Basic x"}, ""},
	}
	for _, tt := range tests {
		r := httptest.NewRequest("POST", "/evidence/v1/transfers?secret=other", nil)
		r.Header["Authorization"] = tt.authorization
		got, err := TakeBearer(r)
		if got.Reveal() != tt.want || (err == nil) != (tt.want != "") {
			t.Errorf("%q: %q, %v", tt.authorization, got.Reveal(), err)
		}
	}
}

// What is left of a query must read as the query without its secrets does.
func FuzzCutSecret(f *testing.F) {
	for _, seed := range []string{"", "secret=x", "a=1&secret=x&b", "se%63ret=x", "&&secret&=", "secret=%zz", "a=1;secret=x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		rest, given := cutSecret(query)
		before, err := url.ParseQuery(query)
		if err != nil {
			return // only the wellformed can be compared
		}
		after, err := url.ParseQuery(rest)
		if err != nil {
			t.Fatalf("%q became %q: %v", query, rest, err)
		}
		if fmt.Sprint(before["secret"]) != fmt.Sprint(given) || after.Has("secret") {
			t.Fatalf("%q: given %q, left %q", query, given, rest)
		}
		before.Del("secret")
		if fmt.Sprint(before) != fmt.Sprint(after) {
			t.Fatalf("%q became %q", query, rest)
		}
	})
}

func TestReadBody(t *testing.T) {
	tests := []struct {
		name   string
		body   string
		length int64 // as the header says, -1 for chunked
		want   error
	}{
		{"nothing", "", 0, nil},
		{"usual", `{"a":1}`, 7, nil},
		{"as long as allowed", strings.Repeat("x", MaxBody), MaxBody, nil},
		{"one longer", strings.Repeat("x", MaxBody+1), MaxBody + 1, ErrTooLarge},
		{"says it is huge", "", 1 << 40, ErrTooLarge},
		{"chunked", `{"a":1}`, -1, nil},
		{"chunked, as long as allowed", strings.Repeat("x", MaxBody), -1, nil},
		{"chunked, one longer", strings.Repeat("x", MaxBody+1), -1, ErrTooLarge},
		{"cut short", `{"a"`, 7, ErrCutShort},
		{"cut short at once", ``, 7, ErrCutShort},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := httptest.NewRequest("POST", "/", strings.NewReader(tt.body))
			r.ContentLength = tt.length
			got, err := ReadBody(httptest.NewRecorder(), r, MaxBody)
			if !errors.Is(err, tt.want) || tt.want == nil && string(got) != tt.body {
				t.Errorf("ReadBody = %d bytes, %v; want %v", len(got), err, tt.want)
			}
			if err != nil {
				w := httptest.NewRecorder()
				FailBody(w, err)
				if want := map[error]int{ErrTooLarge: 413, ErrCutShort: 400}[tt.want]; w.Code != want || !strings.HasPrefix(w.Body.String(), `{"status":"fail"`) {
					t.Errorf("answered %d %s", w.Code, w.Body)
				}
			}
		})
	}
}

func TestReadBodyOfASlowClient(t *testing.T) {
	r := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("{"), failing{}))
	r.ContentLength = -1
	if _, err := ReadBody(httptest.NewRecorder(), r, MaxBody); !errors.Is(err, ErrCutShort) {
		t.Errorf("ReadBody = %v", err)
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("i/o timeout") }

func TestAnswers(t *testing.T) {
	w := httptest.NewRecorder()
	Fail(w, http.StatusUnprocessableEntity, "a \"b\" / é")
	if got, want := w.Body.String(), `{"status":"fail","message":"a \"b\" / é"}`; w.Code != 422 || got != want {
		t.Errorf("Fail = %d %s", w.Code, got)
	}
	if w.Header().Get("Content-Type") != "application/json" || w.Header().Get("Content-Length") != "42" {
		t.Errorf("header %v", w.Header())
	}
	w = httptest.NewRecorder()
	Fault(w, http.StatusServiceUnavailable, MessageSaturated)
	if got, want := w.Body.String(), `{"status":"error","message":"Too busy. Repeat the request with the same id"}`; w.Code != 503 || got != want {
		t.Errorf("Fault = %d %s", w.Code, got)
	}
}
