package sender

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
)

// A connection that one Trust verified serves no other.
func TestTrustsShareNoConnections(t *testing.T) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, true, func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, "ok")
	})
	s := newSender(t, Config{})
	wrong := issue(t, nil, "", later).pin()
	for range 3 {
		for trust, kind := range map[Trust]string{{}: KindTLS, {CA: root.pem()}: "", {root.pem(), leaf.pin()}: "", {root.pem(), wrong}: KindTLS} {
			if result := s.Send(t.Context(), Request{URL: server.URL, Trust: trust}); result.ErrKind != kind {
				t.Errorf("pin %q: %+v", trust.Pin, result)
			}
		}
	}
	if n := len(s.transports.kept); n != 3 {
		t.Errorf("%d transports are kept for 3 trusts that were used again", n)
	}
}

func TestTransportsOfTrusts(t *testing.T) {
	s := newSender(t, Config{TLS: &tls.Config{InsecureSkipVerify: true}})
	own, release, err := s.transports.acquire(Trust{Pin: pinNumber(1)})
	if err != nil {
		t.Fatal(err)
	}
	release()
	for name, transport := range map[string]*http.Transport{"shared": s.transports.plain, "own": own} {
		if transport.Proxy != nil || !transport.DisableCompression || !transport.ForceAttemptHTTP2 || transport.TLSClientConfig.InsecureSkipVerify {
			t.Errorf("the %s transport is %+v", name, transport)
		}
	}
}

// pinNumber is a pin of nobody.
func pinNumber(n int) string {
	sum := sha256.Sum256([]byte(strconv.Itoa(n)))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Trusts come from merchants' settings, so there may be any number of them.
func TestTransportsAreBounded(t *testing.T) {
	t.Run("HTTP/1.1", func(t *testing.T) { transportsAreBounded(t, false) })
	t.Run("HTTP/2", func(t *testing.T) { transportsAreBounded(t, true) })
}

func transportsAreBounded(t *testing.T, http2 bool) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	hold, entered := make(chan struct{}), make(chan struct{})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/slow" {
			close(entered)
			<-hold
		}
		io.WriteString(w, "ok")
	}))
	closed := make(chan struct{}, 2)
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			closed <- struct{}{}
		}
	}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS, server.EnableHTTP2 = &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, http2
	server.StartTLS()
	t.Cleanup(server.Close)

	s := newSender(t, Config{})
	idle, busy, popular := Trust{CA: root.pem()}, Trust{root.pem(), leaf.pin()}, Trust{root.pem(), root.pin()}
	if result := s.Send(t.Context(), Request{URL: server.URL, Trust: idle}); !result.Delivered {
		t.Fatalf("Send = %+v", result)
	}
	results := make(chan Result, 1)
	go func() {
		results <- s.Send(context.Background(), Request{URL: server.URL + "/slow", Trust: busy})
	}()
	<-entered
	for n := range 3 * maxTrusts {
		for _, trust := range []Trust{popular, {Pin: pinNumber(n)}} {
			_, release, err := s.transports.acquire(trust)
			if err != nil {
				t.Fatal(err)
			}
			release()
		}
	}
	if n := len(s.transports.kept); n != maxTrusts || s.transports.recent.Len() != n {
		t.Errorf("%d transports and %d in their list; want %d", n, s.transports.recent.Len(), maxTrusts)
	}
	if s.transports.kept[popular] == nil || s.transports.kept[idle] != nil || s.transports.kept[busy] != nil {
		t.Error("those used the longest ago should have made room, and they alone")
	}
	<-closed // the idle connection; the test hangs when it stays
	close(hold)
	if result := <-results; !result.Delivered {
		t.Errorf("an attempt whose transport was evicted: %+v", result)
	}
	<-closed // the busy one, after its attempt

	if _, _, err := s.transports.acquire(Trust{Pin: "nonsense"}); err == nil || len(s.transports.kept) != maxTrusts {
		t.Errorf("a trust that can't be used: %v, %d kept", err, len(s.transports.kept))
	}
}

func TestPinErrorIsOfTLS(t *testing.T) {
	if err := errors.Join(ErrPin); kindOf(err) != KindTLS {
		t.Errorf("kind %q", kindOf(err))
	}
}
