package sender

import (
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
)

func TestHTTP2WhereItIsOffered(t *testing.T) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	for _, offered := range []bool{true, false} {
		var got atomic.Value
		server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, offered, func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			got.Store(fmt.Sprint(r.Proto, " ", r.Method, " ", string(body), " ", r.ContentLength, " ",
				r.Header["Accept-Encoding"], r.Header["Webhook-Id"], r.Header["Idempotency-Key"]))
			io.WriteString(w, "ok")
		})
		proto := map[bool]string{true: "HTTP/2.0", false: "HTTP/1.1"}[offered]
		result := newSender(t, Config{}).Send(t.Context(), Request{
			URL: server.URL, Body: []byte("{}"), Header: http.Header{"Webhook-Id": {"msg_1"}}, Trust: Trust{CA: root.pem()},
		})
		if want := proto + " POST {} 2 [] [msg_1] []"; !result.Delivered || got.Load() != want {
			t.Errorf("received %v\n    want %s\nSend = %+v", got.Load(), want, result)
		}
	}
}

// A stream that is reset is a connection that breaks: it says nothing about
// the answer.
func TestHTTP2StreamIsReset(t *testing.T) {
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	for _, tt := range []struct {
		name    string
		handler http.HandlerFunc
		status  int
	}{
		{"at once", func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, 0},
		{"within the answer", func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, "ok")
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}, 200},
	} {
		server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, true, tt.handler)
		result := newSender(t, Config{}).Send(t.Context(), Request{URL: server.URL, Body: []byte("{}"), Trust: Trust{CA: root.pem()}})
		if result.ErrKind != KindConnection || result.Status != tt.status || result.Delivered {
			t.Errorf("%s: %+v", tt.name, result)
		}
	}
}

// Receivers end their connections whenever they like, mostly when they are
// deployed: with GOAWAY on HTTP/2, with Connection: close on HTTP/1.1. Requests
// that were on their way are repeated on a new connection and cost no attempt.
func TestGracefulCloseLosesNothing(t *testing.T) {
	const clients, each, perConnection = 8, 100, 12
	root := issue(t, nil, "", later)
	leaf := issue(t, root, "127.0.0.1", later)
	for _, http2 := range []bool{true, false} {
		t.Run(fmt.Sprint("HTTP/2 ", http2), func(t *testing.T) {
			var requests atomic.Int32
			var mu sync.Mutex
			came, connections := map[string]int{}, map[string]bool{}
			server := serveTLS(t, &tls.Config{Certificates: []tls.Certificate{leaf.shown()}}, http2, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				came[r.Header.Get("Webhook-Id")]++
				connections[r.RemoteAddr] = true
				mu.Unlock()
				if requests.Add(1)%perConnection == 0 {
					w.Header().Set("Connection", "close") // the server's HTTP/2 makes a GOAWAY of it
				}
				io.WriteString(w, "ok")
			})
			s := newSender(t, Config{})
			var group sync.WaitGroup
			for client := range clients {
				group.Go(func() {
					for n := range each {
						id := fmt.Sprint(client, "-", n)
						result := s.Send(t.Context(), Request{
							URL: server.URL, Body: []byte(id), Header: http.Header{"Webhook-Id": {id}}, Trust: Trust{CA: root.pem()},
						})
						if !result.Delivered {
							t.Errorf("%s: %+v", id, result)
						}
					}
				})
			}
			group.Wait()
			if len(came) != clients*each {
				t.Errorf("%d of %d came", len(came), clients*each)
			}
			if len(connections) < 20 {
				t.Errorf("only %d connections: they weren't ended", len(connections))
			}
		})
	}
}
