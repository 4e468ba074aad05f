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
