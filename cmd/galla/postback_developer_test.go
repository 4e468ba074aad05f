package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/api"
	"github.com/galla-gateway/galla/internal/deposit"
	"github.com/galla-gateway/galla/internal/web"
)

// receiver is a merchant's receiver on the developer's machine.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	orders []string
}

// receive checks postbacks as the SDK does, with the keys that merchant add printed. The order "wrong" it can't book.
func receive(t testing.TB, now func() time.Time, keys map[string]any) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(galla.PostbackHandler(galla.PostbackKeys{
		AccessKey: keys["access_key"].(string), PrivateKey: keys["postback_private_key"].(string),
		WebhookSecrets: []string{keys["webhook_secret"].(string)},
	}, galla.NewMemoryStore(0), func(p galla.Postback) error {
		order := p.Data.PluginCustomOrderID + p.Data.WithdrawalID
		if order == "wrong" {
			return fmt.Errorf("no such order")
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.orders = append(r.orders, order)
		return nil
	}, galla.WithNow(now), galla.WithLogger(quiet)))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) booked() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return strings.Join(r.orders, " ")
}

func TestPostbackTrigger(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		c.ok(shopArgs...)
		keys := c.json("merchant", "add", "--slug", "tries", "--name", "Tries", "--postback-url", "http://127.0.0.1:1/", "--sandbox")
		r := receive(t, c.clock.Now, keys)
		c.ok("merchant", "set", "tries", "postback_url="+r.URL)
		c.fails(exitFailed, "not delivered: forbidden_address", "postback", "trigger", "deposit.ok", "--merchant", "tries")
		refused := c.fails(exitFailed, "GALLA_POSTBACK_ALLOW", "postback", "trigger", "deposit.ok", "--merchant", "tries")
		if r.booked() != "" || !strings.Contains(refused.stderr, "127.0.0.0/8") {
			t.Fatalf("booked %q; %s", r.booked(), refused.stderr)
		}
		c.environ = append(c.environ, "GALLA_POSTBACK_ALLOW=127.0.0.0/8")
		text := c.ok("postback", "trigger", "deposit.ok", "--merchant", "tries", "--amount", "12.5", "--order-id", "order-1")
		for _, part := range []string{"POST " + r.URL, "webhook-id: msg_test_", "webhook-signature: v1,", `"amount":12.5,`, "HTTP 200 OK", `{\"status\":\"ok\"}`, "\ndelivered\n"} {
			if !strings.Contains(text, part) {
				t.Errorf("it doesn't print %q:\n%s", part, text)
			}
		}
		other := receive(t, c.clock.Now, keys)
		got := c.json("postback", "trigger", "withdrawal.paid", "--merchant", "tries", "--order-id", "297", "--to", other.URL)
		if got["delivered"] != true || got["status"] != json.Number("200") || got["reason"] != nil || !strings.Contains(got["body"].(string), `"withdrawal_status":1`) {
			t.Errorf("trigger: %v", got)
		}
		c.ok("postback", "trigger", "withdrawal.failed", "--merchant", "tries", "--order-id", "298")
		if r.booked() != "order-1 298" || other.booked() != "297" {
			t.Errorf("booked %q and %q", r.booked(), other.booked())
		}
		c.fails(exitFailed, "not delivered: HTTP 500", "postback", "trigger", "deposit.ok", "--merchant", "tries", "--order-id", "wrong", "--json")
		c.fails(exitFailed, "merchant shop is live", "postback", "trigger", "deposit.ok", "--merchant", "shop", "--to", r.URL)
		c.fails(exitUsage, "expected deposit.ok", "postback", "trigger", "deposit", "--merchant", "tries")
		c.fails(exitFailed, "not delivered: url", "postback", "trigger", "deposit.ok", "--merchant", "tries", "--to", "ftp://127.0.0.1/")
	})
}

// feedServer is a Galla with one merchant, as its developer reaches it.
type feedServer struct {
	*shop
	*httptest.Server
	keys map[string]any
	away bool // answers as a proxy does whose server is away
	mu   sync.Mutex
}

func (c *console) feedServer(add ...string) *feedServer {
	c.t.Helper()
	f := &feedServer{keys: c.json(append(shopArgs[:len(shopArgs):len(shopArgs)], add...)...)}
	c.ok("wallet", "add", "--method", "phone_pe", "--identifier", "6234234234", "--holder", "NAME", "--merchant", "shop")
	f.shop = &shop{c, c.server()}
	edge := web.NewEdge(api.New(api.Config{Gateway: f.g, BaseHost: "localhost:8080", Now: c.clock.Now}), quiet, nil, c.clock.Now)
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		away := f.away
		f.mu.Unlock()
		if away {
			http.Error(w, "bad gateway", http.StatusBadGateway)
			return
		}
		edge.ServeHTTP(w, r)
	}))
	c.t.Cleanup(f.Server.Close)
	c.environ = append(c.environ, "GALLA_API_SECRET="+f.keys["api_secret"].(string))
	return f
}

func (f *feedServer) setAway(away bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.away = away
}

// pay credits an order and gives the credit its place in the feed.
func (f *feedServer) pay(order, number string) {
	f.t.Helper()
	f.see(number, "500", "payer@ybl")
	f.claim(order, "p", number, "500", deposit.Accepted)
	if err := f.g.NumberEvents(context.Background()); err != nil {
		f.t.Fatal(err)
	}
}

// lines are the documents of JSON lines.
func lines(t testing.TB, stdout string) (list []map[string]any) {
	t.Helper()
	for line := range strings.Lines(stdout) {
		var document map[string]any
		if err := json.Unmarshal([]byte(line), &document); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		list = append(list, document)
	}
	return list
}

func TestPostbackListenOnce(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		f := c.feedServer()
		r := receive(t, c.clock.Now, f.keys)
		for i := range 12 {
			f.pay(fmt.Sprint("order-", i), fmt.Sprint(321302038100+i))
		}
		listen := func(more ...string) []string {
			return append([]string{"postback", "listen", "--server", f.URL, "--forward-to", r.URL, "--once"}, more...)
		}
		got := c.run(listen("--from", "start", "--merchant", "shop", "--json")...)
		told := lines(t, got.stdout)
		if got.code != exitDone || len(told) != 12 || r.booked() != "order-0 order-1 order-2 order-3 order-4 order-5 order-6 order-7 order-8 order-9 order-10 order-11" {
			t.Fatalf("exit %d, booked %q: %s%s", got.code, r.booked(), got.stdout, got.stderr)
		}
		if first := told[0]; first["order_id"] != "order-0" || first["amount"] != "500" || first["delivered"] != true || first["type"] != "deposit.ok" || first["from"] != "start" {
			t.Errorf("the first event: %v", first)
		}
		if !strings.Contains(got.stderr, "merchant shop (live)") || !strings.Contains(got.stderr, "real money") {
			t.Errorf("stderr: %s", got.stderr)
		}
		// A receiver that fails once: the line says where to begin anew, and only that one comes again.
		f.pay("wrong", "321302038200")
		f.pay("right", "321302038201")
		last := told[11]["cursor"].(string)
		failed := c.fails(exitFailed, "1 not delivered", listen("--from", last)...)
		if !strings.Contains(failed.stdout, "wrong  500 INR  500  NOT delivered: HTTP 500") || !strings.Contains(failed.stdout, "--from "+last+"\n") ||
			!strings.Contains(failed.stdout, "right  500 INR  200  delivered") || !strings.HasSuffix(r.booked(), "order-11 right") {
			t.Errorf("booked %q:\n%s", r.booked(), failed.stdout)
		}
		end := failed.stderr[strings.LastIndex(failed.stderr, "--from ")+len("--from "):]
		end, _, _ = strings.Cut(end, "\n")
		if got := c.run(listen("--from", end, "--json")...); got.code != exitDone || got.stdout != "" {
			t.Errorf("from the end: %d %s%s", got.code, got.stdout, got.stderr)
		}
		if got := c.run(listen("--from", "now", "--json")...); got.code != exitDone || got.stdout != "" {
			t.Errorf("from now: %d %s%s", got.code, got.stdout, got.stderr)
		}
	})
}

func TestPostbackListenRefuses(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		f := c.feedServer("--sandbox")
		with := func(more ...string) []string {
			return append([]string{"postback", "listen", "--server", f.URL}, more...)
		}
		for _, target := range []string{"http://192.0.2.1/x", "http://shop.example/", "ftp://localhost/", "localhost:3000", "http://u:p@localhost/", "http://"} {
			c.fails(exitUsage, "--forward-to: ", with("--forward-to", target)...)
		}
		local := "http://localhost:1/"
		c.fails(exitUsage, "--once: say --from", with("--forward-to", local, "--once")...)
		c.fails(exitFailed, "the secret is merchant shop's, not other's", with("--forward-to", local, "--merchant", "other")...)
		c.fails(exitFailed, "after is no cursor", with("--forward-to", local, "--from", "12")...)
		c.fails(exitUsage, "--server", "postback", "listen", "--server", "shop.example", "--forward-to", local)
		file := filepath.Join(t.TempDir(), "secret")
		c.fails(exitFailed, "--secret-file", with("--forward-to", local, "--secret-file", file)...)
		if err := os.WriteFile(file, []byte(f.keys["api_secret"].(string)+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.environ = c.environ[:len(c.environ)-1]
		c.fails(exitUsage, "GALLA_API_SECRET", with("--forward-to", local)...)
		got := c.run(with("--forward-to", local, "--secret-file", file, "--from", "start", "--once")...)
		if got.code != exitDone || !strings.Contains(got.stderr, "(sandbox)") || strings.Contains(got.stderr, "real money") {
			t.Errorf("with the file: %d %s", got.code, got.stderr)
		}
		if err := os.WriteFile(file, []byte("galla_api_x"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.fails(exitFailed, "HTTP 401", with("--forward-to", local, "--secret-file", file)...)
	})
}

// What comes is forwarded as it comes, also after the server was away for a while, until the developer has enough.
func TestPostbackListenFollows(t *testing.T) {
	eachConsole(t, func(t *testing.T, c *console) {
		f := c.feedServer("--sandbox")
		r := receive(t, c.clock.Now, f.keys)
		f.pay("before", "321302038100")
		f.setAway(true)
		ctx, stop := context.WithCancel(context.Background())
		defer stop()
		stdout, stderr := &watched{}, &watched{}
		a := &app{stdin: strings.NewReader(""), stdout: stdout, stderr: stderr, environ: c.environ, now: c.clock.Now}
		ended := make(chan int, 1)
		go func() { ended <- a.run(ctx, []string{"postback", "listen", "--server", f.URL, "--forward-to", r.URL}) }()
		stderr.wait(t, "again in 1s")
		f.setAway(false)
		stderr.wait(t, "forwarding the events of merchant shop (sandbox)")
		f.pay("after", "321302038101")
		stdout.wait(t, "after  500 INR  200  delivered")
		stop()
		if code := <-ended; code != exitDone || r.booked() != "after" || !strings.Contains(stderr.String(), "ended; go on with --from 2-") {
			t.Errorf("exit %d, booked %q: %s%s", code, r.booked(), stdout, stderr)
		}
		f.setAway(true)
		c.fails(exitFailed, "ended before everything was forwarded", "postback", "listen", "--server", f.URL, "--forward-to", r.URL,
			"--once", "--from", "start", "--timeout", "50ms")
	})
}

// watched is an output that somebody waits for.
type watched struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (w *watched) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.Write(p)
}

func (w *watched) String() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.text.String()
}

// watchLimit is how long an output may take to come.
const watchLimit = 30 * time.Second

func (w *watched) wait(t testing.TB, part string) {
	t.Helper()
	for end := time.Now().Add(watchLimit); !strings.Contains(w.String(), part); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q didn't come: %s", part, w)
		}
	}
}
