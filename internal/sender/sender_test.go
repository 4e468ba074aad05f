package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

func isOK(status int, answer []byte) bool { return status == 200 && string(answer) == "ok" }

func newSender(t testing.TB, config Config) *Sender {
	t.Helper()
	config.Delivered = isOK
	if config.Allow == nil {
		config.Allow = loopback
	}
	s := New(config)
	t.Cleanup(s.Close)
	return s
}

func serve(t testing.TB, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

func TestSend(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got := fmt.Sprint(r.Method, " ", r.RequestURI, " ", string(body), " ", r.ContentLength, " ",
			r.Header["Content-Type"], r.Header["User-Agent"], r.Header["Webhook-Id"], r.Header["Accept-Encoding"], r.Header["Idempotency-Key"])
		want := `POST /hook?a=b {"a":1} 7 [application/json] [Galla/1] [msg_1] [] []`
		if got != want {
			t.Errorf("received %s\n    want %s", got, want)
		}
		w.Header().Set("Retry-After", "7")
		io.WriteString(w, "ok")
	})
	clock := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)
	s := newSender(t, Config{UserAgent: "Galla/1", Now: func() time.Time { clock = clock.Add(time.Second); return clock }})
	result := s.Send(t.Context(), Request{URL: server.URL + "/hook?a=b", Body: []byte(`{"a":1}`), Header: http.Header{"Webhook-Id": {"msg_1"}}})
	if result.Err != nil || result.ErrKind != "" || result.Status != 200 || string(result.Answer) != "ok" || !result.Delivered ||
		result.TLSVersion != "" || result.RetryAfter != 7*time.Second || result.Duration < time.Second ||
		result.RemoteAddr != server.Listener.Addr().String() {
		t.Errorf("Send = %+v", result)
	}
}

func TestSendWithoutBodyOrHeader(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.ContentLength) })
	if result := newSender(t, Config{}).Send(t.Context(), Request{URL: server.URL}); string(result.Answer) != "0" {
		t.Errorf("Send = %+v", result)
	}
}

func TestAnswers(t *testing.T) {
	long := strings.Repeat("x", DefaultMaxAnswer)
	tests := []struct {
		name      string
		handler   http.HandlerFunc
		status    int
		kept      int
		delivered bool
		kind      string
	}{
		{"server error", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500); io.WriteString(w, "ok") }, 500, 2, false, ""},
		{"nothing", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, 0, false, ""},
		{"as long as allowed", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, long) }, 200, AnswerKept, false, ""},
		{"one byte longer", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, long+"x") }, 200, AnswerKept, false, KindAnswer},
		{"endless", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := io.WriteString(w, long); err != nil {
					return
				}
			}
		}, 200, AnswerKept, false, KindAnswer},
		{"compressed", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			io.WriteString(w, "\x1f\x8b\x08")
		}, 200, 3, false, ""},
		{"redirect", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path == "/elsewhere" {
				panic("redirect followed")
			}
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}, 307, 0, false, ""},
		{"cut short after ok", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "9")
			io.WriteString(w, "ok")
		}, 200, 2, false, KindConnection},
		{"closed without an answer", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0, 0, false, KindConnection},
		{"not HTTP", raw("hello\r\n\r\n"), 0, 0, false, KindAnswer},
		{"header too long", raw("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", maxAnswerHeader) + "\r\n\r\n"), 0, 0, false, KindAnswer},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t, tt.handler)
			result := newSender(t, Config{}).Send(t.Context(), Request{URL: server.URL, Body: []byte("{}")})
			if result.Status != tt.status || len(result.Answer) != tt.kept || result.Delivered != tt.delivered || result.ErrKind != tt.kind ||
				(result.Err == nil) != (tt.kind == "") {
				t.Errorf("Send = status %d, %d bytes, delivered %v, kind %q, %v", result.Status, len(result.Answer), result.Delivered, result.ErrKind, result.Err)
			}
			if result.RemoteAddr != server.Listener.Addr().String() {
				t.Errorf("RemoteAddr = %q", result.RemoteAddr)
			}
		})
	}
}

// raw answers with text and closes the connection.
func raw(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		io.WriteString(conn, text)
		conn.Close()
	}
}

func TestTimeouts(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // or the server doesn't notice the end
		<-r.Context().Done()
	}
	tests := []struct {
		name    string
		handler http.HandlerFunc
		status  int
	}{
		{"no answer", hang, 0},
		{"answer stops half-way", func(w http.ResponseWriter, r *http.Request) {
			io.WriteString(w, "o")
			http.NewResponseController(w).Flush()
			hang(w, r)
		}, 200},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server := serve(t, tt.handler)
			s := newSender(t, Config{Timeout: 50 * time.Millisecond})
			result := s.Send(t.Context(), Request{URL: server.URL, Body: []byte("{}")})
			if result.ErrKind != KindTimeout || result.Status != tt.status || result.Delivered || !strings.Contains(result.Err.Error(), "within 50ms") {
				t.Errorf("Send = %+v", result)
			}

			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if result := s.Send(ctx, Request{URL: server.URL}); result.ErrKind != KindCanceled {
				t.Errorf("Send with an ended context = %+v", result)
			}
			ctx, cancel = context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			defer cancel()
			if result := s.Send(ctx, Request{URL: server.URL}); result.ErrKind != KindTimeout {
				t.Errorf("Send past the caller's deadline = %+v", result)
			}
		})
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	listener.Close()
	result := newSender(t, Config{}).Send(t.Context(), Request{URL: "http://" + address})
	if result.ErrKind != KindConnect || result.RemoteAddr != address {
		t.Errorf("Send = %+v", result)
	}
}

func TestBadURLs(t *testing.T) {
	s := newSender(t, Config{})
	for _, text := range []string{"", "/hook", "merchant.example/hook", "ftp://127.0.0.1/", "file:///etc/passwd", "http://", "https:///x",
		"http://:80/", "http://user@127.0.0.1/", "http://u:p@127.0.0.1/", "http://127.0.0.1:port/", "http://127.0.0.1/%zz", "gopher://127.0.0.1"} {
		result := s.Send(t.Context(), Request{URL: text})
		if result.ErrKind != KindURL || result.Err == nil || result.RemoteAddr != "" {
			t.Errorf("%q: %+v", text, result)
		}
	}
}

func TestProxyOfTheEnvironmentIsIgnored(t *testing.T) {
	var asked atomic.Bool
	proxy := serve(t, func(http.ResponseWriter, *http.Request) { asked.Store(true) })
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	s := newSender(t, Config{Resolver: fakeDNS(t, "127.0.0.1")})
	if s.transports.plain.Proxy != nil {
		t.Error("the transport has a proxy")
	}
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	result := s.Send(t.Context(), Request{URL: "http://merchant.example:" + port(server)})
	if !result.Delivered || asked.Load() {
		t.Errorf("Send = %+v, proxy asked: %v", result, asked.Load())
	}
}

func TestTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Proto", r.Proto)
		io.WriteString(w, "ok")
		if r.ProtoMajor != 2 {
			t.Errorf("spoken: %s; want HTTP/2 where it is offered", r.Proto)
		}
	}))
	server.EnableHTTP2 = true
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	later := func() time.Time { return server.Certificate().NotAfter.Add(time.Hour) }

	tests := []struct {
		name, host string
		config     *tls.Config
		kind       string
	}{
		{"good", "127.0.0.1", &tls.Config{RootCAs: roots}, ""},
		{"switched off", "127.0.0.1", &tls.Config{InsecureSkipVerify: true}, KindTLS},
		{"self-signed", "127.0.0.1", nil, KindTLS},
		{"wrong name", "merchant.example", &tls.Config{RootCAs: roots}, KindTLS},
		{"expired", "127.0.0.1", &tls.Config{RootCAs: roots, Time: later}, KindTLS},
		{"too old a version", "127.0.0.1", &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS11}, KindTLS},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := newSender(t, Config{TLS: tt.config, Resolver: fakeDNS(t, "127.0.0.1")})
			result := s.Send(t.Context(), Request{URL: "https://" + tt.host + ":" + port(server), Body: []byte("{}")})
			if result.ErrKind != tt.kind || result.Delivered != (tt.kind == "") {
				t.Errorf("Send = %+v", result)
			}
			if tt.kind == "" && result.TLSVersion != "TLS 1.3" {
				t.Errorf("TLSVersion = %q", result.TLSVersion)
			}
		})
	}

	plain := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	result := newSender(t, Config{}).Send(t.Context(), Request{URL: strings.Replace(plain.URL, "http:", "https:", 1)})
	if result.ErrKind != KindTLS {
		t.Errorf("https to an http port: %+v", result)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var connections atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") }))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			connections.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	s := newSender(t, Config{})
	for range 20 {
		if result := s.Send(t.Context(), Request{URL: server.URL, Body: []byte("{}")}); !result.Delivered {
			t.Fatalf("Send = %+v", result)
		}
	}
	if n := connections.Load(); n != 1 {
		t.Errorf("%d connections for 20 requests", n)
	}
}

// A receiver that closes idle connections quickly must not cost an attempt:
// the request meets a closed connection and is repeated on a new one.
func TestClosedIdleConnectionIsReplaced(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			// One answer that keeps the connection, then a close on the next request.
			buffer := make([]byte, 4096)
			conn.Read(buffer)
			requests.Add(1)
			io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			conn.Read(buffer)
			conn.Close()
		}
	}()
	t.Cleanup(func() { listener.Close(); <-done })
	s := newSender(t, Config{Timeout: 5 * time.Second})
	t.Cleanup(s.Close) // before the listener's goroutine is waited for
	for range 5 {
		if result := s.Send(t.Context(), Request{URL: "http://" + listener.Addr().String(), Body: []byte("{}")}); !result.Delivered {
			t.Fatalf("Send = %+v", result)
		}
	}
	if n := requests.Load(); n != 5 {
		t.Errorf("%d answers for 5 attempts", n)
	}
}

func TestForbiddenAddresses(t *testing.T) {
	server := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("a forbidden address was reached") })
	s := New(Config{Resolver: fakeDNS(t, "127.0.0.1")}) // nothing allowed
	t.Cleanup(s.Close)
	for _, host := range []string{"127.0.0.1", "[::ffff:127.0.0.1]", "merchant.example", "0x7f.1"} {
		result := s.Send(t.Context(), Request{URL: "http://" + host + ":" + port(server)})
		if result.ErrKind != KindForbidden || !errors.Is(result.Err, ErrForbidden) || !strings.Contains(result.Err.Error(), "loopback") {
			t.Errorf("%s: %+v", host, result)
		}
	}
	// Go takes these for names and looks them up; other resolvers know better.
	for _, host := range []string{"2130706433", "0177.0.0.1", "127.1"} {
		result := s.Send(t.Context(), Request{URL: "http://" + host + ":" + port(server)})
		if result.ErrKind != KindForbidden && result.ErrKind != KindDNS {
			t.Errorf("%s: %+v", host, result)
		}
	}
}

// A name that answers a permitted address first and a private one after that.
func TestRebindingName(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close") // so that the name is looked up again
		io.WriteString(w, "ok")
	})
	s := newSender(t, Config{Resolver: fakeDNS(t, "127.0.0.1", "10.0.0.1", "169.254.169.254", "127.0.0.1")})
	for i, want := range []string{"", KindForbidden, KindForbidden, ""} {
		result := s.Send(t.Context(), Request{URL: "http://rebind.example:" + port(server)})
		if result.ErrKind != want {
			t.Errorf("lookup %d: %+v, want kind %q", i+1, result, want)
		}
	}
}

func TestUnknownName(t *testing.T) {
	result := newSender(t, Config{Resolver: fakeDNS(t)}).Send(t.Context(), Request{URL: "http://merchant.example"})
	if result.ErrKind != KindDNS {
		t.Errorf("Send = %+v", result)
	}
}

func port(server *httptest.Server) string {
	_, port, _ := net.SplitHostPort(server.Listener.Addr().String())
	return port
}

func BenchmarkSend(b *testing.B) {
	server := serve(b, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		io.WriteString(w, "ok")
	})
	s := newSender(b, Config{})
	body := make([]byte, 700)
	b.ReportAllocs()
	b.SetParallelism(16)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			if result := s.Send(context.Background(), Request{URL: server.URL, Body: body}); !result.Delivered {
				b.Errorf("Send = %+v", result)
			}
		}
	})
}
