// Package sender posts to addresses that strangers chose. It reaches public
// hosts only, follows nothing, believes nothing, and ends in time. It knows no
// database and no schedule: one call is one attempt.
package sender

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"sync"
	"time"
)

// Defaults and limits.
const (
	// DefaultTimeout is the time for one attempt, from the lookup of the name
	// to the last byte of the answer.
	DefaultTimeout = 15 * time.Second
	// DefaultMaxAnswer is how much of an answer is read; a longer one is an
	// error and its connection is closed.
	DefaultMaxAnswer = 16 << 10
	// AnswerKept is how much of an answer a Result carries.
	AnswerKept = 4 << 10
	// DefaultMaxConnsPerHost bounds the connections to one host and port.
	DefaultMaxConnsPerHost = 64
	// DefaultUserAgent names us to receivers.
	DefaultUserAgent = "Galla"

	maxAnswerHeader = 32 << 10
	maxIdleConns    = 4096
	idleTimeout     = 90 * time.Second
	keepAlive       = 30 * time.Second
	// A silent HTTP/2 connection is pinged and given up while the attempts on
	// it still have time to be repeated elsewhere.
	http2PingAfter   = 10 * time.Second
	http2PingTimeout = 4 * time.Second
)

// Config of a Sender. Zero values mean the defaults above.
type Config struct {
	// Allow names the addresses outside the public range that may be reached.
	Allow []netip.Prefix
	// Delivered judges an answer of at most MaxAnswer bytes; Result.Delivered
	// is what it says. Nil: no answer counts as delivered.
	Delivered func(status int, answer []byte) bool
	Now       func() time.Time
	Timeout   time.Duration
	MaxAnswer int // bytes
	UserAgent string
	// MaxConnsPerHost bounds the connections to one host and port; attempts
	// beyond it wait within their Timeout.
	MaxConnsPerHost int
	// Resolver of names; nil is the system's.
	Resolver *net.Resolver
	// TLS is cloned; nil means the system's roots. Verification can't be
	// weakened: InsecureSkipVerify and ServerName are set back, sessions are
	// remembered per Trust.
	TLS *tls.Config
}

// Request is one POST. Body isn't copied and must stay unchanged until Send
// returns; Header belongs to Send, which adds to it.
type Request struct {
	URL    string // http or https, without user and password
	Body   []byte
	Header http.Header // Content-Type defaults to application/json
	Trust  Trust       // whose certificates are believed
}

// Result is what came of one attempt. Err is nil when a whole HTTP answer
// came, whatever its status.
type Result struct {
	Status     int    // HTTP status, 0 without an answer
	Answer     []byte // the first AnswerKept bytes of the answer's body
	RemoteAddr string // address and port that was dialled, "" if none was
	TLSVersion string // "TLS 1.3", "" without TLS
	Duration   time.Duration
	RetryAfter time.Duration // what the answer's Retry-After asks for, 0 to MaxRetryAfter
	Delivered  bool
	Err        error
	ErrKind    string // one of the Kind constants, "" when Err is nil
}

// Sender posts. It is made once and used by many goroutines.
type Sender struct {
	config     Config
	transports *transports
	buffers    sync.Pool // *[]byte of MaxAnswer+1 bytes
	expired    error
}

// New returns a Sender with connections of its own.
func New(config Config) *Sender {
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Timeout <= 0 {
		config.Timeout = DefaultTimeout
	}
	if config.MaxAnswer <= 0 {
		config.MaxAnswer = DefaultMaxAnswer
	}
	if config.MaxConnsPerHost <= 0 {
		config.MaxConnsPerHost = DefaultMaxConnsPerHost
	}
	if config.UserAgent == "" {
		config.UserAgent = DefaultUserAgent
	}
	if config.Delivered == nil {
		config.Delivered = func(int, []byte) bool { return false }
	}
	s := &Sender{
		config:     config,
		transports: newTransports(config),
		expired:    fmt.Errorf("no whole answer within %v: %w", config.Timeout, context.DeadlineExceeded),
	}
	s.buffers.New = func() any {
		buffer := make([]byte, config.MaxAnswer+1)
		return &buffer
	}
	return s
}

// Close closes the connections that no attempt uses.
func (s *Sender) Close() { s.transports.closeIdle() }

// Send makes one attempt and returns within the Timeout, or earlier when ctx
// ends. A connection that the receiver had closed while it was idle is
// replaced within the attempt: receivers must answer repeats alike anyway.
func (s *Sender) Send(ctx context.Context, r Request) Result {
	start := s.config.Now()
	limited, cancel := context.WithTimeoutCause(ctx, s.config.Timeout, s.expired)
	defer cancel()
	result := s.attempt(limited, r)
	result.Duration = max(0, s.config.Now().Sub(start))
	if result.Err != nil && limited.Err() != nil {
		// What the transport says when its context ends varies; this is why.
		result.Err, result.ErrKind = context.Cause(limited), KindTimeout
		if errors.Is(ctx.Err(), context.Canceled) {
			result.ErrKind = KindCanceled
		}
	}
	return result
}

func (s *Sender) attempt(ctx context.Context, r Request) (result Result) {
	target, err := checkURL(r.URL, r.Trust)
	if err != nil {
		return Result{Err: err, ErrKind: KindURL}
	}
	transport, release, err := s.transports.acquire(r.Trust)
	if err != nil {
		return Result{Err: err, ErrKind: KindTLS}
	}
	defer release()
	var dialled net.Addr
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(info httptrace.GotConnInfo) { dialled = info.Conn.RemoteAddr() },
	})
	// The transport and not http.Client: a client would follow redirects.
	answer, err := transport.RoundTrip(s.request(ctx, target, r))
	if dialled != nil {
		result.RemoteAddr = dialled.String()
	}
	if err != nil {
		result.Err, result.ErrKind = err, kindOf(err)
		if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" && op.Addr != nil {
			result.RemoteAddr = op.Addr.String()
		}
		return result
	}
	defer answer.Body.Close()
	result.Status = answer.StatusCode
	result.RetryAfter = ParseRetryAfter(answer.Header.Get("Retry-After"), s.config.Now())
	if answer.TLS != nil {
		result.TLSVersion = tls.VersionName(answer.TLS.Version)
	}
	s.readAnswer(answer.Body, &result)
	return result
}

func (s *Sender) request(ctx context.Context, target *url.URL, r Request) *http.Request {
	header := r.Header
	if header == nil {
		header = make(http.Header, 3)
	}
	if header["Content-Type"] == nil {
		header["Content-Type"] = []string{"application/json"}
	}
	if header["User-Agent"] == nil {
		header["User-Agent"] = []string{s.config.UserAgent}
	}
	// Tells the transport, and only it (nothing is sent), that it may repeat
	// the request when a kept connection turns out to be closed.
	if header["Idempotency-Key"] == nil {
		header["Idempotency-Key"] = nil
	}
	request := &http.Request{
		Method: http.MethodPost, URL: target, Host: target.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		ContentLength: int64(len(r.Body)),
	}
	if len(r.Body) > 0 {
		request.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
		request.Body, _ = request.GetBody()
	}
	return request.WithContext(ctx)
}

// readAnswer reads to the end, which is what lets the connection be used
// again, or to the limit.
func (s *Sender) readAnswer(body io.Reader, result *Result) {
	buffer := s.buffers.Get().(*[]byte)
	defer s.buffers.Put(buffer)
	n, err := readUpTo(body, *buffer)
	answer := (*buffer)[:min(n, s.config.MaxAnswer)]
	result.Answer = bytes.Clone(answer[:min(n, AnswerKept)])
	switch {
	case err != nil:
		result.Err = fmt.Errorf("the answer broke off after %d bytes: %w", n, err)
		result.ErrKind = kindOf(err)
	case n > s.config.MaxAnswer:
		result.Err = fmt.Errorf("the answer is longer than %d bytes", s.config.MaxAnswer)
		result.ErrKind = KindAnswer
	default:
		result.Delivered = s.config.Delivered(result.Status, answer)
	}
}

// readUpTo fills buffer from body until its end. Unlike io.ReadFull it keeps
// the end of a body apart from a body that was cut short.
func readUpTo(body io.Reader, buffer []byte) (n int, err error) {
	for n < len(buffer) && err == nil {
		var got int
		got, err = body.Read(buffer[n:])
		n += got
	}
	if err == io.EOF {
		err = nil
	}
	return n, err
}

func checkURL(text string, trust Trust) (*url.URL, error) {
	target, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("the URL can't be read") // err repeats the URL
	case target.Scheme != "http" && target.Scheme != "https":
		return nil, errors.New("the URL must start with http:// or https://")
	case target.Hostname() == "":
		return nil, errors.New("the URL names no host")
	case target.User != nil:
		return nil, errors.New("the URL must not carry a user or password")
	case target.Scheme == "http" && trust != Trust{}:
		return nil, errors.New("the URL must start with https://: a CA or a pin is set, and http verifies nothing")
	}
	return target, nil
}
