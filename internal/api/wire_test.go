package api

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/testkit"
	"github.com/galla-gateway/galla/internal/web"
)

// listen serves the world on a loopback port as galla serve does, until the test ends.
func (w *world) listen() (address string) {
	w.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(w.t, err)
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- web.Serve(ctx, listener, web.NewServer(w.handler, slog.New(slog.DiscardHandler))) }()
	w.t.Cleanup(func() {
		cancel()
		if err := <-served; err != nil {
			w.t.Error(err)
		}
	})
	return listener.Addr().String()
}

// Bodies as they come over a real connection, written byte by byte.
func TestOverTheWire(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	address := w.listen()
	head := func(path, headers string) string {
		return "POST " + path + " HTTP/1.1\r\nHost: api.shop." + baseHost + "\r\n" + headers + "\r\n"
	}
	good := claimBody("order-1", "55", "321302038123", "500")
	sized := fmt.Sprintf("Content-Length: %d\r\n", len(good))
	chunk := func(text string) string { return fmt.Sprintf("%x\r\n%s\r\n", len(text), text) }
	large := strings.Repeat("x", 70<<10)
	for _, c := range []struct {
		name, request string
		code          int
		body          string
	}{
		{"a body with its length", head(w.activatePath(), sized) + good, 200, possibleJSON},
		{"a body in chunks", head(w.activatePath(), "Transfer-Encoding: chunked\r\n") + chunk(good[:20]) + chunk(good[20:]) + "0\r\n\r\n", 200, possibleJSON},
		{"chunks without end", head(w.activatePath(), "Transfer-Encoding: chunked\r\n") + chunk(large), 413, failJSON("The request is too large")},
		{"a length over the limit", head(w.activatePath(), "Content-Length: 70000\r\n") + large[:70000], 413, failJSON("The request is too large")},
		{"a client that stops", head(w.activatePath(), "Content-Length: 1000\r\n") + good, 400, failJSON("The request was cut short")},
		{"no body", head(w.activatePath(), ""), 422, failJSON("The body is empty: send a JSON object.")},
		{"an unclean path", head("/api/v1//transaction/activate?secret=x", sized) + good, 404, notFoundJSON},
		{"dots in the path", head("/api/v1/../v1/transaction/activate?secret=x", sized) + good, 404, notFoundJSON},
		{"an absolute URL", head("http://api.shop."+baseHost+w.activatePath(), sized) + good, 200, possibleJSON},
		{"OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: api.shop." + baseHost + "\r\n\r\n", 404, notFoundJSON},
		{"HTTP/1.0", strings.Replace(head(w.activatePath(), sized), "HTTP/1.1", "HTTP/1.0", 1) + good, 200, possibleJSON},
	} {
		conn, err := net.Dial("tcp", address)
		must(t, err)
		must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
		_, err = io.WriteString(conn, c.request)
		must(t, err)
		must(t, conn.(*net.TCPConn).CloseWrite())
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		body, err := io.ReadAll(response.Body)
		if err != nil || response.StatusCode != c.code || string(body) != c.body {
			t.Errorf("%s: %v\n got %d %s\nwant %d %s", c.name, err, response.StatusCode, body, c.code, c.body)
		}
		must(t, conn.Close())
	}
}

// A refused request leaves its connection usable: the unread body isn't taken for the next request.
func TestConnectionSurvivesARefusal(t *testing.T) {
	t.Parallel()
	w := newWorld(t, testkit.SQLite(t))
	conn, err := net.Dial("tcp", w.listen())
	must(t, err)
	defer conn.Close()
	must(t, conn.SetDeadline(time.Now().Add(20*time.Second)))
	read := bufio.NewReader(conn)
	good := claimBody("order-1", "55", "321302038123", "500")
	for _, c := range []struct {
		path string
		body string
		want string
	}{
		{"/api/v1/transaction/activate?secret=wrong", good, notFoundJSON},
		{"/no/such/route", "POST " + w.activatePath() + " HTTP/1.1\r\nHost: x\r\n\r\n", notFoundJSON},
		{w.activatePath(), "no JSON", failJSON("The body must be one JSON object.")},
		{w.activatePath(), good, possibleJSON},
		{w.activatePath(), good, possibleJSON},
	} {
		_, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n%s", c.path, baseHost, len(c.body), c.body)
		must(t, err)
		response, err := http.ReadResponse(read, nil)
		must(t, err)
		body, err := io.ReadAll(response.Body)
		must(t, err)
		w.equal(c.path, string(body), c.want)
	}
}
