package wire

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Limits of one exchange with a provider.
const (
	Deadline  = 30 * time.Second // from the call to the last byte of the answer
	MaxAnswer = 64 << 10         // bytes of an answer's body; a longer one isn't read as an answer at all
)

// Limits of the client that is used when the caller hands in none.
const (
	maxIdle     = 32 // connections kept open to the provider
	idleTimeout = 90 * time.Second
	maxHeader   = 64 << 10
)

// Client is the way to one provider. Its methods may be called from many goroutines. It prints as "wire".
type Client struct {
	base    string // without a slash at the end
	http    *http.Client
	secrets []string // none of these leaves in a text
}

// Open returns the way to the provider at baseURL, which must be https unless its host is this machine. A nil client is
// replaced by one that verifies certificates and takes no proxy from the environment. Whichever is used follows no
// redirect and keeps no cookie. No text that the Client returns holds one of the secrets. An error names no URL, since
// one may hold a password.
func Open(baseURL string, client *http.Client, secrets ...Secret) (*Client, error) {
	base, err := url.Parse(baseURL)
	switch {
	case err != nil || base.Host == "" || base.Opaque != "":
		return nil, errors.New("the base URL isn't a URL with a host")
	case base.User != nil || base.RawQuery != "" || base.ForceQuery || base.Fragment != "":
		return nil, errors.New("the base URL has a user, a query or a fragment")
	case base.Scheme != "https" && (base.Scheme != "http" || !loopback(base.Hostname())):
		return nil, errors.New("the base URL isn't https, which only this machine itself may be without")
	}
	if client == nil {
		client = &http.Client{Transport: transport()}
	}
	own := *client
	own.Jar = nil
	own.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c := &Client{base: strings.TrimRight(base.String(), "/"), http: &own}
	for _, secret := range secrets {
		if secret != "" {
			c.secrets = append(c.secrets, secret.Reveal())
		}
	}
	return c, nil
}

func loopback(host string) bool {
	address := net.ParseIP(host)
	return host == "localhost" || address != nil && address.IsLoopback()
}

func transport() *http.Transport {
	return &http.Transport{
		Proxy:                  nil, // a variable of the environment must not see payouts
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // what is limited is what is read
		MaxIdleConnsPerHost:    maxIdle,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeader,
	}
}

// Format prints "wire" for every verb: the fields hold secrets.
func (c Client) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "wire") }

// Reply is what came back.
type Reply struct {
	Status int    // of HTTP, 0 if no answer came
	Body   []byte // whole, unless Missing says otherwise
	// Missing says why there is no whole answer, "" if there is one. What was asked for may have been done all the same.
	Missing string
}

// Ask sends one request and reads the answer. The path begins with a slash and may have a query. A POST is sent once;
// net/http sends a GET again whose kept connection broke before an answer.
func (c *Client) Ask(ctx context.Context, method, path string, header http.Header, body []byte) Reply {
	ctx, cancel := context.WithTimeout(ctx, Deadline)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return Reply{Missing: "the request can't be made"} // the error would quote the query, with an account number
	}
	request.Header = header
	answer, err := c.http.Do(request)
	if err != nil {
		return Reply{Missing: c.missing(err)}
	}
	defer func() { _ = answer.Body.Close() }() // it was read as far as it will be
	read, err := io.ReadAll(io.LimitReader(answer.Body, MaxAnswer+1))
	reply := Reply{Status: answer.StatusCode, Body: read}
	switch {
	case err != nil:
		reply.Missing = "the answer broke off: " + c.missing(err)
	case len(read) > MaxAnswer:
		reply.Body = read[:MaxAnswer]
		reply.Missing = fmt.Sprintf("the answer is longer than %d bytes", MaxAnswer)
	}
	return reply
}

// missing says for people why no answer came.
func (c *Client) missing(err error) string {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		err = wrapped.Err // without the URL, which may name an account
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "given up before an answer came"
	}
	return c.Text("no answer: " + err.Error())
}
