package web

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start serves handler on a loopback port and returns its address, a stop and
// what Serve returned.
func start(t *testing.T, handler http.Handler) (address string, stop context.CancelFunc, stopped <-chan error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error, 1)
	go func() {
		result <- Serve(ctx, listener, NewServer(handler, slog.New(slog.DiscardHandler)))
		close(result)
	}()
	t.Cleanup(func() { cancel(); <-result })
	return listener.Addr().String(), cancel, result
}

// say sends raw text and returns the code and body of the answer. It doesn't
// wait for the server to close.
func say(t *testing.T, address, text string) (code int, body string) {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(10 * time.Second))
	io.WriteString(conn, text)
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	all, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(all)
}

func TestServerSpeaksHTTP1Only(t *testing.T) {
	address, _, _ := start(t, NewRouter(nil))
	// HTTP/2 with prior knowledge gets an answer in HTTP/1.1.
	if code, body := say(t, address, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"); code < 400 {
		t.Errorf("HTTP/2: %d %q", code, body)
	}
	if code, body := say(t, address, "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"); code != 404 || !strings.Contains(body, `"Not found"`) {
		t.Errorf("OPTIONS *: %d %q", code, body)
	}
}

func TestServerLimits(t *testing.T) {
	server := NewServer(NewRouter(nil), slog.New(slog.DiscardHandler))
	if server.ReadHeaderTimeout <= 0 || server.ReadTimeout <= 0 || server.WriteTimeout <= 0 || server.IdleTimeout <= 0 || server.MaxHeaderBytes <= 0 {
		t.Errorf("a limit is missing: %+v", server)
	}
	address, _, _ := start(t, NewRouter(nil))
	header := "GET / HTTP/1.1\r\nHost: x\r\nX: " + strings.Repeat("x", 2*maxHeaderBytes) + "\r\n\r\n"
	if code, _ := say(t, address, header); code != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a header of %d bytes: %d", len(header), code)
	}
}

// A body that is too large is refused without being waited for, and the client
// that still sends gets the answer.
func TestTooLargeBodyIsAnswered(t *testing.T) {
	address, _, _ := start(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := ReadBody(w, r, MaxBody); err != nil {
			FailBody(w, err)
		}
	}))
	for _, head := range []string{
		"Content-Length: 1073741824\r\n\r\n",
		fmt.Sprintf("Content-Length: %d\r\n\r\n", MaxBody+1), // a little too large, and it never comes
		fmt.Sprintf("Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", MaxBody+1, bytes.Repeat([]byte("x"), MaxBody+1)),
	} {
		code, body := say(t, address, "POST / HTTP/1.1\r\nHost: x\r\n"+head)
		if code != 413 || body != `{"status":"fail","message":"The request is too large"}` {
			t.Errorf("%.40q: %d %q", head, code, body)
		}
	}
}

// A client that sends everything before it reads gets the answer too, whatever the kernel buffers: here nothing.
func TestClientThatSendsFirstGetsTheAnswer(t *testing.T) {
	refuse := NewEdge(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := ReadBody(w, r, MaxBody); err != nil && r.URL.Path == "/read" {
			FailBody(w, err)
			return
		}
		Fail(w, http.StatusUnauthorized, MessageNotFound)
	}), slog.New(slog.DiscardHandler), nil, time.Now)
	const size = 2 << 20
	body := strings.Repeat("x", size)
	for name, request := range map[string]string{
		"long":       fmt.Sprintf("POST /read HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, body),
		"chunked":    fmt.Sprintf("POST /read HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", size, body),
		"not a body": fmt.Sprintf("POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s", size, body),
	} {
		t.Run(name, func(t *testing.T) {
			client, server := net.Pipe()
			defer client.Close()
			listener := &oneConn{conns: make(chan net.Conn, 1), done: make(chan struct{})}
			listener.conns <- server
			ctx, stop := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- Serve(ctx, listener, NewServer(refuse, slog.New(slog.DiscardHandler))) }()
			defer func() { stop(); <-served }()

			client.SetDeadline(time.Now().Add(10 * time.Second))
			answered := make(chan string, 1)
			go func() {
				response, err := http.ReadResponse(bufio.NewReader(client), nil)
				if err != nil {
					answered <- err.Error()
					return
				}
				answered <- response.Status
			}()
			if n, err := io.WriteString(client, request); err != nil {
				t.Errorf("cut off after %d of %d bytes: %v", n, len(request), err)
			}
			if got := <-answered; !strings.HasPrefix(got, "4") {
				t.Errorf("answered %s", got)
			}
		})
	}
}

// oneConn is a listener with the connections that it was given.
type oneConn struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}
func (l *oneConn) Close() error   { l.once.Do(func() { close(l.done) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

func TestServeDrains(t *testing.T) {
	entered, release := make(chan struct{}), make(chan struct{})
	address, stop, stopped := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "done")
	}))
	answer := make(chan string, 1)
	go func() {
		client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		response, err := client.Get("http://" + address)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer response.Body.Close()
		body, _ := io.ReadAll(response.Body)
		answer <- string(body)
	}()
	<-entered
	stop()
	// Shutdown closes the listener first: from then on nobody gets in.
	for {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			break
		}
		conn.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("Serve returned %v with a request open", err)
	default:
	}
	close(release)
	if got := <-answer; got != "done" {
		t.Errorf("the open request got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Errorf("Serve = %v", err)
	}
}

func TestServeTellsWhyItCannot(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	err = Serve(t.Context(), listener, NewServer(NewRouter(nil), slog.New(slog.DiscardHandler)))
	if err == nil || !strings.Contains(err.Error(), listener.Addr().String()) {
		t.Errorf("Serve = %v", err)
	}
}
