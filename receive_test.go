package galla

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"testing/synctest"
	"time"
)

// inbox is a PostbackHandler in a test and what it was given. handle may be replaced.
type inbox struct {
	http.Handler
	keys    PostbackKeys
	log     bytes.Buffer
	handle  func(Postback) error
	mu      sync.Mutex
	handled []Postback
}

// inboxTime is what an inbox takes for now.
var inboxTime = time.Unix(1_795_000_000, 0)

func newInbox(store SeenStore) *inbox {
	v := vectors()[0]
	b := &inbox{keys: PostbackKeys{AccessKey: v.accessKey, PrivateKey: v.private, WebhookSecrets: []string{exampleSecret}}}
	b.handle = func(Postback) error { return nil }
	b.Handler = PostbackHandler(b.keys, store, func(p Postback) error {
		b.mu.Lock()
		b.handled = append(b.handled, p)
		b.mu.Unlock()
		return b.handle(p)
	}, WithNow(func() time.Time { return inboxTime }), WithLogger(slog.New(slog.NewTextHandler(&b.log, nil))))
	return b
}

// body is a genuine one.
func (b *inbox) body() []byte {
	return vectors()[0].postback.AppendBody(nil, b.keys.AccessKey, b.keys.PrivateKey)
}

// post delivers a body under the right webhook headers.
func (b *inbox) post(t *testing.T, id string, body []byte) *httptest.ResponseRecorder {
	t.Helper()
	return b.send(httptest.NewRequest(http.MethodPost, "/postback", bytes.NewReader(body)), signedAs(t, id, body, inboxTime))
}

func (b *inbox) send(r *http.Request, header http.Header) *httptest.ResponseRecorder {
	r.Header = header
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	return w
}

func (b *inbox) want(t *testing.T, what string, got *httptest.ResponseRecorder, code int, answer string) {
	t.Helper()
	if got.Code != code || got.Body.String() != answer || got.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%s: answered %d %s %v, want %d %s", what, got.Code, got.Body, got.Header(), code, answer)
	}
}

// calls compares how often handle was called, and that it got what was sent.
func (b *inbox) calls(t *testing.T, what string, count int) {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.handled) != count {
		t.Errorf("%s: handle was called %d times, want %d", what, len(b.handled), count)
	}
	want := vectors()[0].postback
	want.AccessKey = b.keys.AccessKey
	for _, got := range b.handled {
		if got != want {
			t.Errorf("%s: handle got %+v, want %+v", what, got, want)
		}
	}
}

const (
	answerDone    = `{"status":"ok"}`
	answerNotDone = `{"status":"error","message":"The postback could not be handled: send it again"}`
)

func TestPostbackHandler(t *testing.T) {
	b := newInbox(NewMemoryStore(0))
	b.want(t, "first", b.post(t, "msg_1", b.body()), http.StatusOK, answerDone)
	b.want(t, "repeat", b.post(t, "msg_1", b.body()), http.StatusOK, answerDone)
	b.calls(t, "after a repeat", 1)
	b.want(t, "another", b.post(t, "msg_2", b.body()), http.StatusOK, answerDone)
	b.calls(t, "after another", 2)
	if b.log.Len() != 0 {
		t.Errorf("logged %s", &b.log)
	}
}

func TestPostbackHandlerRefuses(t *testing.T) {
	b := newInbox(NewMemoryStore(0))
	body := b.body()
	large := bytes.Repeat([]byte(" "), MaxBody+1)
	const jsonCode, refused = http.StatusBadRequest, http.StatusForbidden
	request := func(method string, body io.Reader) *http.Request {
		return httptest.NewRequest(method, "/postback", body)
	}
	posted := func(body []byte) *http.Request { return request(http.MethodPost, bytes.NewReader(body)) }
	other := signedAs(t, "msg_1", body, inboxTime)
	other.Set(HeaderWebhookID, "msg_2")
	for name, test := range map[string]struct {
		request *http.Request
		header  http.Header
		code    int
		message string
	}{
		"get":            {request(http.MethodGet, nil), http.Header{}, http.StatusMethodNotAllowed, "Postbacks are sent by POST"},
		"put":            {request(http.MethodPut, bytes.NewReader(body)), signedAs(t, "msg_1", body, inboxTime), http.StatusMethodNotAllowed, "Postbacks are sent by POST"},
		"too large":      {posted(large), signedAs(t, "msg_1", large, inboxTime), http.StatusRequestEntityTooLarge, "The postback is larger than 65536 bytes"},
		"cut short":      {request(http.MethodPost, iotest.ErrReader(io.ErrUnexpectedEOF)), http.Header{}, http.StatusBadRequest, "The postback was cut short"},
		"no headers":     {posted(body), http.Header{}, refused, "signature refused: webhook headers are missing"},
		"another id":     {posted(body), other, refused, "signature refused: webhook-signature does not match"},
		"another body":   {posted(append(bytes.Clone(body), ' ')), signedAs(t, "msg_1", body, inboxTime), refused, "signature refused: webhook-signature does not match"},
		"old":            {posted(body), signedAs(t, "msg_1", body, inboxTime.Add(-WebhookTolerance-time.Second)), refused, "signature refused: webhook-timestamp is too far from now"},
		"headers alone":  {posted(bytes.Replace(body, []byte("700"), []byte("900"), 2)), nil, refused, "signature refused: the postback's signature does not match"},
		"empty":          {posted(nil), nil, jsonCode, "read postback: The body is empty: send a JSON object."},
		"no JSON object": {posted([]byte(`["<b>"]`)), nil, jsonCode, "read postback: The body must be one JSON object."},
	} {
		if test.header == nil { // the headers are right
			sent, err := io.ReadAll(test.request.Body)
			if err != nil {
				t.Fatal(err)
			}
			test.request.Body, test.header = io.NopCloser(bytes.NewReader(sent)), signedAs(t, "msg_1", sent, inboxTime)
		}
		got := b.send(test.request, test.header)
		b.want(t, name, got, test.code, `{"status":"fail","message":"`+test.message+`"}`)
		if allow := got.Header().Get("Allow"); (test.code == http.StatusMethodNotAllowed) != (allow == http.MethodPost) {
			t.Errorf("%s: Allow is %q", name, allow)
		}
	}
	b.calls(t, "after what is refused", 0)
	b.want(t, "the genuine one behind it", b.post(t, "msg_1", body), http.StatusOK, answerDone)
	b.calls(t, "after the genuine one", 1)
	for _, secret := range append(b.keys.WebhookSecrets, b.keys.PrivateKey, b.keys.AccessKey, vectors()[0].postback.Label) {
		if strings.Contains(b.log.String(), secret) {
			t.Errorf("the log holds %s:\n%s", secret, &b.log)
		}
	}
	if !strings.Contains(b.log.String(), `msg=postback.refused status=403 error="signature refused: webhook-signature does not match"`) {
		t.Errorf("the log doesn't tell of what was refused:\n%s", &b.log)
	}
}

// A postback that handle fails on is answered so that it comes again, and handled then.
func TestPostbackHandlerFailures(t *testing.T) {
	b := newInbox(NewMemoryStore(0))
	for name, handle := range map[string]func(Postback) error{
		"error": func(Postback) error { return errors.New("the bookkeeping is away") },
		"panic": func(Postback) error { panic("out of paper") },
	} {
		b.handle = handle
		b.want(t, name, b.post(t, "msg_1", b.body()), http.StatusInternalServerError, answerNotDone)
	}
	b.calls(t, "after failures", 2)
	b.handle = func(Postback) error { return nil }
	b.want(t, "again", b.post(t, "msg_1", b.body()), http.StatusOK, answerDone)
	b.want(t, "repeat", b.post(t, "msg_1", b.body()), http.StatusOK, answerDone)
	b.calls(t, "after all", 3)
	for _, want := range []string{
		`msg=postback.not_handled webhook_id=msg_1 stockpiling_id=1431219 error="the bookkeeping is away"`,
		`msg=postback.panic webhook_id=msg_1 panic="out of paper"`, "TestPostbackHandlerFailures",
	} {
		if !strings.Contains(b.log.String(), want) {
			t.Errorf("the log lacks %s:\n%s", want, &b.log)
		}
	}

	b = newInbox(brokenStore{})
	b.want(t, "broken store", b.post(t, "msg_1", b.body()), http.StatusInternalServerError, answerNotDone)
	b.calls(t, "with a broken store", 0)
}

type brokenStore struct{}

func (brokenStore) Once(context.Context, string, func() error) error {
	return errors.New("no connection")
}

// While a secret is rotated Galla signs with both and the merchant may know either or both.
func TestPostbackHandlerRotation(t *testing.T) {
	other, err := NewWebhookSecret(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := newInbox(NewMemoryStore(0))
	secrets := []string{exampleSecret, other}
	b.Handler = PostbackHandler(PostbackKeys{b.keys.AccessKey, b.keys.PrivateKey, secrets}, NewMemoryStore(0),
		func(Postback) error { return nil }, WithNow(func() time.Time { return inboxTime }))
	secrets[0] = "changed by its owner"
	for i, secret := range []string{exampleSecret, other} {
		body := b.body()
		header := signedAs(t, "msg_1", body, inboxTime)
		signature, err := SignWebhook(secret, "msg_1", inboxTime, body)
		if err != nil {
			t.Fatal(err)
		}
		header.Set(HeaderWebhookSignature, "v1,b3RoZXI= "+signature)
		r := httptest.NewRequest(http.MethodPost, "/postback", bytes.NewReader(body))
		b.want(t, []string{"old", "new"}[i], b.send(r, header), http.StatusOK, answerDone)
	}
}

func TestPostbackHandlerNeedsItsParts(t *testing.T) {
	keys := newInbox(NewMemoryStore(0)).keys
	store, handle := NewMemoryStore(0), func(Postback) error { return nil }
	for name, test := range map[string]struct {
		make func()
		want string
	}{
		"no access key":  {func() { PostbackHandler(PostbackKeys{"", "x", keys.WebhookSecrets}, store, handle) }, "the access key and the private key are needed"},
		"no private key": {func() { PostbackHandler(PostbackKeys{"x", "", keys.WebhookSecrets}, store, handle) }, "the access key and the private key are needed"},
		"no secret":      {func() { PostbackHandler(PostbackKeys{"x", "x", nil}, store, handle) }, "a webhook secret is needed"},
		"empty secret":   {func() { PostbackHandler(PostbackKeys{"x", "x", []string{"whsec_"}}, store, handle) }, "must be standard base64"},
		"wrong secret":   {func() { PostbackHandler(PostbackKeys{"x", "x", []string{exampleSecret, "hunter2"}}, store, handle) }, "must start with whsec_"},
		"no store":       {func() { PostbackHandler(keys, nil, handle) }, "a store and a function are needed"},
		"no handle":      {func() { PostbackHandler(keys, store, nil) }, "a store and a function are needed"},
	} {
		func() {
			defer func() {
				got, _ := recover().(string)
				if !strings.Contains(got, test.want) || strings.Contains(got, "hunter2") {
					t.Errorf("%s: panicked with %q, want %q", name, got, test.want)
				}
			}()
			test.make()
		}()
	}
}

// Two deliveries of one postback at once: the second waits, and is done when the first is, or takes its place.
func TestPostbackHandlerAtOnce(t *testing.T) {
	for name, test := range map[string]struct {
		first  error
		answer string
		code   int
		calls  int
	}{
		"the first succeeds": {nil, answerDone, http.StatusOK, 1},
		"the first fails":    {errors.New("not now"), answerNotDone, http.StatusInternalServerError, 2},
	} {
		synctest.Test(t, func(t *testing.T) {
			b := newInbox(NewMemoryStore(0))
			goOn := make(chan struct{})
			open, most := 0, 0
			b.handle = func(Postback) error {
				b.mu.Lock()
				open++
				first := most == 0
				most = max(most, open)
				b.mu.Unlock()
				if first {
					<-goOn
				}
				b.mu.Lock()
				defer b.mu.Unlock()
				open--
				if first {
					return test.first
				}
				return nil
			}
			answers := make(chan *httptest.ResponseRecorder, 2)
			deliver := func() { answers <- b.post(t, "msg_1", b.body()) }
			go deliver()
			synctest.Wait() // it is inside handle
			go deliver()
			synctest.Wait()
			b.calls(t, name+", while the first is open", 1)
			if len(answers) != 0 {
				t.Errorf("%s: there is an answer before the first has ended", name)
			}
			// Who waits doesn't hold up other postbacks.
			b.want(t, "another", b.post(t, "msg_2", b.body()), http.StatusOK, answerDone)
			close(goOn)
			first, second := <-answers, <-answers
			if first.Code == http.StatusOK && test.first != nil {
				first, second = second, first
			}
			b.want(t, name+": first", first, test.code, test.answer)
			b.want(t, name+": second", second, http.StatusOK, answerDone)
			b.calls(t, name, test.calls+1)
			if most > 2 {
				t.Errorf("%s: %d calls at once", name, most)
			}
		})
	}
}
