// Package blackbox drives the real binary from outside: its command line, its sockets and the requests it sends. Nothing
// here knows how it works inside.
package blackbox

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

func TestMain(m *testing.M) {
	code := m.Run()
	process.Remove()
	os.Exit(code)
}

const (
	shopHost = "api.shop.localhost:8080"
	baseHost = "localhost:8080"

	// noticed is how long an act of administration may take to hold in a running server; slack is for a machine that has
	// more to do than this test.
	noticed = time.Second
	slack   = 2 * time.Second
	// patience bounds every wait for something that must come. Waits for what must not come don't exist here.
	patience = 30 * time.Second
)

// keys is what `merchant add` prints.
type keys struct {
	ID            int64  `json:"id"`
	Slug          string `json:"slug"`
	ServerURL     string `json:"server_url"`
	APISecret     string `json:"api_secret"`
	AccessKey     string `json:"access_key"`
	PostbackKey   string `json:"postback_private_key"`
	WebhookSecret string `json:"webhook_secret"`
	WithdrawalKey string `json:"withdrawal_private_key"`
	RedirectKey   string `json:"redirect_key"`
}

// source is what `source add` and `source rotate` print.
type source struct {
	ID    int64  `json:"id"`
	Token string `json:"token"`
	URL   string `json:"url"`
}

// world is an installation with a running server, two merchants with a wallet each, sources of every kind on shop's
// wallet, and a receiver of postbacks. All it says is kept, and searched for secrets in the end.
type world struct {
	t           *testing.T
	galla       *process.Galla
	server      *process.Server
	receiver    *receiver
	shop, other keys
	wallet      int64 // of shop; its account ends in 2536
	sources     map[string]source
	said        *said
	numbers     *int
}

var sourceKinds = []string{"transfers", "sms", "android_income_sms_gateway", "smsgate", "smsforwarder"}

// newWorld makes one with the commands that scripts use, while the server runs.
func newWorld(t *testing.T, database string) *world {
	t.Helper()
	w := &world{t: t, galla: process.New(t, database, "GALLA_LOG_LEVEL=debug"), receiver: newReceiver(t), sources: map[string]source{}, said: newSaid(t), numbers: new(int)}
	w.galla.OnLine = w.said.hear
	w.server = w.galla.Serve()
	w.shop = w.addMerchant("shop")
	w.other = w.addMerchant("other")
	w.wallet = w.addWallet("6234234234", "--merchant", "shop", "--account-tail", "2536")
	w.addWallet("6234234235", "--merchant", "other")
	for _, kind := range sourceKinds {
		w.sources[kind] = w.addSource(w.wallet, kind)
	}
	w.eventually("the server knows the newest source", func() bool {
		return w.bearer("/evidence/v1/forward/"+w.sources["smsforwarder"].Token, "", `[]`).code == http.StatusOK
	})
	return w
}

// eachWorld tells a story on both engines.
func eachWorld(t *testing.T, story func(t *testing.T, w *world)) {
	t.Helper()
	t.Parallel()
	testkit.EachEngine(t, func(t *testing.T, database string) {
		w := newWorld(t, database)
		story(t, w)
		w.galla.MustRun("audit")
	})
}

// tell runs one story of several in the same world. Each has orders, payers and numbers of its own.
func (w *world) tell(name string, story func(w *world)) {
	w.t.Run(name, func(t *testing.T) {
		in := *w
		in.t = t
		story(&in)
	})
}

func (w *world) addMerchant(slug string, more ...string) keys {
	w.t.Helper()
	var k keys
	w.secretly(&k, append([]string{"merchant", "add", "--slug", slug, "--name", slug, "--postback-url", w.receiver.url + "/" + slug}, more...)...)
	w.said.secret(k.APISecret, k.PostbackKey, k.WebhookSecret, k.WithdrawalKey, k.RedirectKey)
	return k
}

func (w *world) addWallet(identifier string, more ...string) int64 {
	w.t.Helper()
	var doc struct {
		ID int64 `json:"id"`
	}
	w.json(&doc, append([]string{"wallet", "add", "--method", "phone_pe", "--identifier", identifier, "--currency", "INR", "--holder", "HOLDER"}, more...)...)
	return doc.ID
}

func (w *world) addSource(wallet int64, kind string) source {
	w.t.Helper()
	var s source
	w.secretly(&s, "source", "add", "--wallet", fmt.Sprint(wallet), "--kind", kind)
	w.said.secret(s.Token)
	return s
}

// run runs a command and keeps what it says.
func (w *world) run(args ...string) process.Result {
	w.t.Helper()
	r := w.galla.Run(args...)
	w.said.hear(r.Stdout)
	w.said.hear(r.Stderr)
	return r
}

// must runs a command that succeeds.
func (w *world) must(args ...string) string {
	w.t.Helper()
	r := w.run(args...)
	if r.Code != 0 {
		w.t.Fatalf("galla %s: exit %d\n%s%s", strings.Join(args, " "), r.Code, r.Stdout, r.Stderr)
	}
	return r.Stdout
}

// json runs a command with --json. Its stdout is one document and one line.
func (w *world) json(into any, args ...string) {
	w.t.Helper()
	w.decode(w.must(append(args, "--json")...), into)
}

// secretly is json of a command whose document is the one place where a secret may stand.
func (w *world) secretly(into any, args ...string) {
	w.t.Helper()
	r := w.galla.Run(append(args, "--json")...)
	w.said.hear(r.Stderr)
	if r.Code != 0 {
		w.t.Fatalf("galla %s: exit %d\n%s", strings.Join(args, " "), r.Code, r.Stderr)
	}
	w.decode(r.Stdout, into)
}

func (w *world) decode(text string, into any) {
	w.t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	if err := decoder.Decode(into); err != nil {
		w.t.Fatalf("%v in %q", err, text)
	}
	if _, err := decoder.Token(); err != io.EOF {
		w.t.Fatalf("more than one document on stdout: %q", text)
	}
}

// number is a transaction number that nobody else has.
func (w *world) number() string {
	*w.numbers++
	return fmt.Sprintf("3213%08d", *w.numbers)
}

// eventually waits until something holds.
func (w *world) eventually(what string, holds func() bool) {
	w.t.Helper()
	if !within(patience, holds) {
		log := w.server.Log()
		w.t.Fatalf("%s: not after %v\n…%s", what, patience, log[max(0, len(log)-shownLog):])
	}
}

// soon is eventually for what a running server must notice within a second.
func (w *world) soon(what string, holds func() bool) {
	w.t.Helper()
	if !within(noticed+slack, holds) {
		w.t.Errorf("%s: not after %v", what, noticed+slack)
	}
}

func within(limit time.Duration, holds func() bool) bool {
	for end := time.Now().Add(limit); ; {
		if holds() {
			return true
		}
		if time.Now().After(end) {
			return false
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// shownLog is how much of a server's log a failure shows, in bytes.
const shownLog = 4000

// answer is what came back.
type answer struct {
	code   int
	header http.Header
	body   string
}

// raw sends bytes to the server and reads one answer.
func (w *world) raw(request string) answer {
	w.t.Helper()
	return w.rawTo(w.server.URL, request)
}

func (w *world) rawTo(address, request string) answer {
	w.t.Helper()
	connection, err := net.Dial("tcp", strings.TrimPrefix(address, "http://"))
	if err != nil {
		w.t.Fatal(err)
	}
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(patience))
	if _, err := io.WriteString(connection, request); err != nil {
		w.t.Fatal(err)
	}
	return w.read(connection, request)
}

func (w *world) read(connection net.Conn, request string) answer {
	w.t.Helper()
	method, _, _ := strings.Cut(request, " ")
	response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
	if err != nil {
		w.t.Fatalf("%v after %.200q", err, request)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		w.t.Fatalf("%v after %.200q", err, request)
	}
	var head strings.Builder
	_ = response.Header.Write(&head)
	w.said.hear(head.String() + string(body))
	return answer{response.StatusCode, response.Header, string(body)}
}

// call is one request: POST to shop's API host unless told otherwise.
type call struct {
	method, host, path, body string
	header                   []string // lines
}

func (c call) text() string {
	if c.method == "" {
		c.method = http.MethodPost
	}
	if c.host == "" {
		c.host = shopHost
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\n", c.method, c.path, c.host)
	for _, line := range c.header {
		b.WriteString(line + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\nConnection: close\r\n\r\n%s", len(c.body), c.body)
	return b.String()
}

func (w *world) do(c call) answer {
	w.t.Helper()
	return w.raw(c.text())
}

// want sends a request and compares code and body byte for byte.
func (w *world) want(c call, code int, body string) answer {
	w.t.Helper()
	got := w.do(c)
	if got.code != code || got.body != body {
		w.t.Errorf("%s %s %.300s\n got %d %s\nwant %d %s", c.method, c.path, c.body, got.code, got.body, code, body)
	}
	if got.header.Get("Content-Type") != "application/json" || got.header.Get("Cache-Control") != "no-store" || got.header.Get("Location") != "" {
		w.t.Errorf("%s %s: headers %v", c.method, c.path, got.header)
	}
	return got
}

// bearer posts with a token; "" sends none.
func (w *world) bearer(path, token, body string) answer {
	w.t.Helper()
	c := call{host: baseHost, path: path, body: body}
	if token != "" {
		c.header = []string{"Authorization: Bearer " + token}
	}
	return w.do(c)
}

// said is everything that the product said to anybody.
type said struct {
	mu      sync.Mutex
	texts   []string
	secrets []string
}

func newSaid(t *testing.T) *said {
	s := &said{}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		all := strings.Join(s.texts, "\n")
		for _, secret := range s.secrets {
			if at := strings.Index(all, secret); at >= 0 {
				t.Errorf("a secret was said: %s", all[max(0, at-200):min(len(all), at+60)])
			}
		}
		if len(s.secrets) == 0 || len(all) == 0 {
			t.Error("no secret or no output: this proved nothing")
		}
	})
	return s
}

func (s *said) hear(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.texts = append(s.texts, text)
}

// secret registers what must never be said. A key that is printed with a prefix is looked for without it, too.
func (s *said) secret(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range secrets {
		s.secrets = append(s.secrets, strings.TrimPrefix(secret, "whsec_"))
	}
}
