package bench

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// answerTimeout bounds the wait for one answer: a server that hangs ends the run instead of hanging it.
const answerTimeout = 30 * time.Second

// client is one keep-alive HTTP/1.1 connection that sends POST requests one after another. It understands just what our
// servers answer (a Content-Length, no chunks): a full client would cost more than the server that is measured, and it
// runs on the same cores.
type client struct {
	conn net.Conn
	out  []byte
	in   []byte
	body []byte // the caller's buffer for the next request's body
}

func dial(address string) (*client, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, in: make([]byte, 0, 4096)}, nil
}

func (c *client) close() { c.conn.Close() }

// head is the part of a request that stays the same, up to the value of Content-Length.
func head(path, host, token string) []byte {
	return fmt.Appendf(nil, "POST %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: ", path, host, token)
}

// post sends one request and returns the body of the answer, which is valid until the next call. Any code but 200 is an
// error.
func (c *client) post(head, body []byte) ([]byte, error) {
	c.out = append(c.out[:0], head...)
	c.out = strconv.AppendInt(c.out, int64(len(body)), 10)
	c.out = append(c.out, "\r\n\r\n"...)
	c.out = append(c.out, body...)
	if err := c.conn.SetDeadline(time.Now().Add(answerTimeout)); err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(c.out); err != nil {
		return nil, err
	}
	code, answer, err := c.read()
	if err != nil {
		return nil, err
	}
	if code != "200" {
		return nil, fmt.Errorf("answer %s %s", code, answer)
	}
	return answer, nil
}

var (
	headEnd       = []byte("\r\n\r\n")
	contentLength = []byte("\r\nContent-Length: ")
	errNoHTTP     = errors.New("the answer is not what a client of this kind understands")
)

func (c *client) read() (code string, body []byte, err error) {
	c.in = c.in[:0]
	end := -1
	for end < 0 {
		if err := c.fill(); err != nil {
			return "", nil, err
		}
		end = bytes.Index(c.in, headEnd)
	}
	const version = "HTTP/1.1 "
	at := bytes.Index(c.in[:end+2], contentLength)
	if at < 0 || end < len(version)+3 || string(c.in[:len(version)]) != version {
		return "", nil, errNoHTTP
	}
	length := 0
	for _, digit := range c.in[at+len(contentLength):] {
		if digit < '0' || digit > '9' {
			break
		}
		length = length*10 + int(digit-'0')
	}
	start := end + len(headEnd)
	for len(c.in) < start+length {
		if err := c.fill(); err != nil {
			return "", nil, err
		}
	}
	return string(c.in[len(version) : len(version)+3]), c.in[start : start+length], nil
}

func (c *client) fill() error {
	if len(c.in) == cap(c.in) {
		c.in = append(c.in, 0)[:len(c.in)]
	}
	n, err := c.conn.Read(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	if n == 0 && err == nil {
		return io.ErrNoProgress
	}
	if n > 0 {
		return nil
	}
	return err
}
