package sender

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Kinds of failure, for operators, filters and metrics.
const (
	KindURL        = "url"               // the URL can't be used
	KindDNS        = "dns"               // the name was not found
	KindForbidden  = "forbidden_address" // ErrForbidden
	KindConnect    = "connect"           // nobody listens, no route
	KindTLS        = "tls"               // handshake, certificate or pin
	KindTimeout    = "timeout"           // not done in time
	KindCanceled   = "canceled"          // the caller's context ended: we are stopping
	KindConnection = "connection"        // closed or reset without a whole answer
	KindAnswer     = "answer"            // not HTTP, or longer than allowed
)

// kindOf sorts an error of the transport. The order matters: a dial error may
// wrap any of the others.
func kindOf(err error) string {
	switch {
	case errors.Is(err, ErrForbidden):
		return KindForbidden
	case is[*net.DNSError](err):
		return KindDNS
	case isTLS(err):
		return KindTLS
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return KindTimeout
	case isDial(err):
		return KindConnect
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET),
		errors.Is(err, syscall.EPIPE), is[*net.OpError](err), isClosed(err):
		return KindConnection
	}
	return KindAnswer
}

func is[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

func isTimeout(err error) bool {
	timeout, ok := errors.AsType[net.Error](err)
	return ok && timeout.Timeout()
}

func isDial(err error) bool {
	op, ok := errors.AsType[*net.OpError](err)
	return ok && op.Op == "dial"
}

func isTLS(err error) bool {
	return errors.Is(err, ErrPin) ||
		is[*tls.CertificateVerificationError](err) || is[tls.RecordHeaderError](err) || is[tls.AlertError](err) ||
		is[x509.UnknownAuthorityError](err) || is[x509.HostnameError](err) || is[x509.CertificateInvalidError](err) ||
		strings.HasPrefix(rootCause(err).Error(), "tls: ")
}

// isClosed tells by its text an error that net/http doesn't export: a stream
// of HTTP/2 was reset, or a connection ended before an answer began.
func isClosed(err error) bool {
	text := rootCause(err).Error()
	for _, start := range []string{
		"http: server closed idle connection", "stream error: ", "http2: server sent GOAWAY",
		"http2: Transport received Server's graceful", "http2: client conn",
	} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

func rootCause(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			return err
		}
		err = inner
	}
}

// MaxRetryAfter is the longest wait that ParseRetryAfter returns. The schedule
// honours less; this only keeps arithmetic with it safe.
const MaxRetryAfter = 24 * time.Hour

// ParseRetryAfter reads the header Retry-After: seconds, or a date as HTTP
// writes it, counted from now (RFC 9110, 10.2.3). Nonsense, the past and
// negative numbers are 0.
func ParseRetryAfter(value string, now time.Time) time.Duration {
	value = strings.TrimSpace(value)
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.ParseInt(value, 10, 64)
		if err != nil || seconds > int64(MaxRetryAfter/time.Second) {
			return MaxRetryAfter
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(0, date.Sub(now)), MaxRetryAfter)
}
