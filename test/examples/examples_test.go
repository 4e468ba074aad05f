package examples

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/test/process"
)

func TestMain(m *testing.M) {
	code := m.Run()
	process.Remove()
	os.Exit(code)
}

// What the story is about. The ids hold what languages write differently when they encode JSON again.
const (
	payer  = "user 55/é₹😀"
	order  = "ord/1&2 <b> ओ"
	amount = "500.5"
	// nextSecret is one that a merchant's receiver knows already while Galla still signs with the one before.
	nextSecret = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
)

// merchantKeys is what `galla merchant add --json` prints, as far as examples need it.
type merchantKeys struct {
	APISecret     string `json:"api_secret"`
	AccessKey     string `json:"access_key"`
	PostbackKey   string `json:"postback_private_key"`
	WebhookSecret string `json:"webhook_secret"`
	WithdrawalKey string `json:"withdrawal_private_key"`
}

// shop is one merchant with one wallet, integrated by the examples of one language.
type shop struct {
	galla    *process.Galla
	server   *process.Server
	keys     merchantKeys
	wallet   string // identifier
	token    string // of the wallet's source
	env      environment
	captured chan delivery
	credits  string // folder where the receiver books
	receiver string // its URL, "" for curl
}

// delivery is a postback as it came, with the receiver's answer.
type delivery struct {
	header http.Header
	body   []byte
	code   int
	answer string
}

func TestExamples(t *testing.T) {
	t.Parallel()
	galla := process.New(t, testkit.SQLite(t))
	server := galla.Serve()
	for i, l := range languages {
		t.Run(l.name, func(t *testing.T) {
			s := openShop(t, galla, server, l, i)
			s.deposit(t, l, fmt.Sprintf("32130203812%d", i))
			s.withdraw(t, l)
		})
	}
	galla.MustRun("audit")
}

// openShop adds a merchant whose postbacks go through the test to the language's receiver.
func openShop(t *testing.T, galla *process.Galla, server *process.Server, l language, number int) *shop {
	s := &shop{galla: galla, server: server, wallet: fmt.Sprintf("623423423%d", number), captured: make(chan delivery, 16), credits: t.TempDir()}
	var receive func(r *http.Request, body []byte) (int, string)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		code, answer := receive(r, body)
		s.captured <- delivery{r.Header, body, code, answer}
		w.WriteHeader(code)
		io.WriteString(w, answer)
	}))
	t.Cleanup(proxy.Close)

	galla.JSON(&s.keys, "merchant", "add", "--slug", "shop-"+l.name, "--name", "Shop", "--postback-url", proxy.URL+"/postback")
	var wallet struct{ ID int64 }
	galla.JSON(&wallet, "wallet", "add", "--method", "phone_pe", "--identifier", s.wallet, "--holder", "Holder", "--merchant", "shop-"+l.name)
	var source struct{ Token string }
	galla.JSON(&source, "source", "add", "--wallet", fmt.Sprint(wallet.ID), "--kind", "transfers")
	s.token = source.Token
	// A running server learns within a second what a command changed; the source came last.
	await(t, "the server knows the new source", func() bool {
		code, _ := s.report(t, `[]`)
		return code == http.StatusOK
	})
	s.env = append(inherited(), "API_URL="+server.URL, "API_SECRET="+s.keys.APISecret, "ACCESS_KEY="+s.keys.AccessKey,
		"POSTBACK_PRIVATE_KEY="+s.keys.PostbackKey, "WEBHOOK_SECRET="+nextSecret+" "+s.keys.WebhookSecret, "CREDITS="+s.credits,
		"MERCHANT=shop-"+l.name, "WITHDRAWAL_KEY="+s.keys.WithdrawalKey)

	if l.receiver == nil {
		receive = func(_ *http.Request, body []byte) (int, string) { return s.checkBody(t, body) }
		return s
	}
	port := freePort(t)
	s.env.serve(t, port, l.receiver(t, "127.0.0.1", port))
	s.receiver = "http://127.0.0.1:" + port
	receive = func(r *http.Request, body []byte) (int, string) { return post(t, s.receiver, r.Header, body) }
	return s
}

// checkBody is the receiver of curl's examples, which have only a check of the body.
func (s *shop) checkBody(t *testing.T, body []byte) (int, string) {
	if output, err := s.env.run(t, string(body), shell(t, "postback.sh")...); err != nil || output != "genuine" {
		return http.StatusForbidden, `{"status":"fail"}`
	}
	return http.StatusOK, `{"status":"ok"}`
}

// post sends a postback to a receiver.
func post(t *testing.T, url string, header http.Header, body []byte) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(answer)
}

// deposit is the whole story: a wallet, a number that nobody has seen yet, the money, the postback.
func (s *shop) deposit(t *testing.T, l language, number string) {
	want := func(what, got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("%s: printed %q, want %q", what, got, want)
		}
	}
	create, activate := l.create(t), l.activate(t)
	claim := func(key1 string) string { return s.env.mustRun(t, append(activate, payer, order, key1, amount)...) }
	answers := map[string]string{
		"wallet": s.wallet, "waits": "possible_transaction_created is being checked", "credited": "ok " + amount,
		"typo": "fail The transaction number is too short: it has 12 digits, you entered 3.",
	}
	if l.raw {
		answers = map[string]string{
			"wallet":   `{"status":"ok","params":{"identifier":"` + s.wallet + `"}}`,
			"waits":    `{"status":"possible_transaction_created","message":"Transaction not found. Possible transaction created"}`,
			"credited": `{"status":"ok","deposit":true,"deposit_amount":` + amount + `,"currency":{"code":"INR","symbol":"INR"}}`,
			"typo":     `{"status":"fail","message":"The transaction number is too short: it has 12 digits, you entered 3."}`,
		}
	}

	want("create", s.env.mustRun(t, append(create, payer)...), answers["wallet"])
	want("a typo", claim("123"), answers["typo"])
	want("before the money", claim(number), answers["waits"])
	s.pay(t, number)
	got := s.next(t)
	if got.code != http.StatusOK || got.answer != `{"status":"ok"}` {
		t.Fatalf("the example answered the postback %d %s", got.code, got.answer)
	}
	want("after the money", claim(number), answers["credited"])
	s.delivered(t, number)
	if l.receiver != nil {
		s.booked(t, 1)
		s.refuses(t, got)
		s.booked(t, 2) // the one more genuine postback that refuses sends
		s.faults(t, got)
		s.booked(t, 3)
	} else {
		s.refusesBody(t, got.body)
		s.reads(t, got)
	}
}

// reads finds the postback again among the events, and nothing behind it.
func (s *shop) reads(t *testing.T, got delivery) {
	t.Helper()
	var page galla.EventPage
	read := func(after string) {
		t.Helper()
		text := s.env.mustRun(t, append(shell(t, "events.sh"), after)...)
		page = galla.EventPage{}
		var wire struct {
			Events []struct {
				Cursor   string
				Postback json.RawMessage
				Webhook  galla.Webhook
			}
			Next string
		}
		if err := json.Unmarshal([]byte(text), &wire); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		for _, e := range wire.Events {
			page.Events = append(page.Events, galla.Event{Cursor: e.Cursor, Postback: e.Postback, Webhook: e.Webhook})
		}
		page.Next = wire.Next
	}
	await(t, "the event is in the feed", func() bool {
		read("")
		return len(page.Events) > 0
	})
	keys := galla.PostbackKeys{AccessKey: s.keys.AccessKey, PrivateKey: s.keys.PostbackKey, WebhookSecrets: []string{s.keys.WebhookSecret}}
	if _, err := page.Events[0].Verify(keys, time.Now()); err != nil || len(page.Events) != 1 || !bytes.Equal(page.Events[0].Postback, got.body) {
		t.Errorf("the feed has %+v, delivered was %s: %v", page.Events, got.body, err)
	}
	last := page.Next
	if read(last); len(page.Events) != 0 || page.Next != last {
		t.Errorf("behind the last: %+v", page)
	}
}

// pay lets the wallet's source report the money.
func (s *shop) pay(t *testing.T, number string) {
	t.Helper()
	body := fmt.Sprintf(`{"reference":%q,"amount":"500.50","currency":"INR","occurred_at":%q,"payer":"payer@ybl"}`,
		number, time.Now().UTC().Format(time.RFC3339))
	code, answer := s.report(t, body)
	if code != http.StatusOK || !strings.Contains(answer, `"status":"created"`) {
		t.Fatalf("evidence: %d %s", code, answer)
	}
}

// report sends evidence as the wallet's source.
func (s *shop) report(t *testing.T, body string) (code int, answer string) {
	t.Helper()
	return post(t, s.server.URL+"/evidence/v1/transfers", http.Header{"Authorization": {"Bearer " + s.token}}, []byte(body))
}

// next is the next postback that the server sends.
func (s *shop) next(t *testing.T) delivery {
	t.Helper()
	select {
	case d := <-s.captured:
		return d
	case <-time.After(patience):
		t.Fatalf("no postback came; the server wrote:\n%s", s.server.Log())
		panic("unreachable")
	}
}

// delivered waits until the server has noted the delivery.
func (s *shop) delivered(t *testing.T, number string) {
	t.Helper()
	var found []struct {
		Kind string
		ID   int64
	}
	s.galla.JSON(&found, "find", number)
	await(t, "the postback is noted as delivered", func() bool {
		for _, f := range found {
			if f.Kind != "claim" {
				continue
			}
			var shown struct{ Postback struct{ State string } }
			s.galla.JSON(&shown, "claim", "show", fmt.Sprint(f.ID))
			return shown.Postback.State == "delivered"
		}
		return false
	})
}

// booked compares what the receiver has booked.
func (s *shop) booked(t *testing.T, credits int) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.credits, "*"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) != credits {
		t.Errorf("%d credits are booked, want %d: %q", len(files), credits, files)
	}
	for _, name := range files {
		line, err := os.ReadFile(name)
		if want := fmt.Sprintf("%s %s %s INR\n", payer, order, amount); err != nil || string(line) != want {
			t.Errorf("booked %q, want %q (%v)", line, want, err)
		}
	}
}

// amountIn is the credited amount in the postback of the story.
func amountIn(body []byte) json.RawMessage {
	var read struct{ Amount json.RawMessage }
	if err := json.Unmarshal(body, &read); err != nil {
		return nil
	}
	return read.Amount
}
