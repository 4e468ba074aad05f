package sim

import (
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of the simulated providers.
const (
	maxPayoutRequest = 64 << 10
	longAnswer       = 80 << 10 // more than anybody should read
	readHeader       = 10 * time.Second
)

// payoutServer answers HTTP on loopback in a provider's name.
type payoutServer struct {
	*PayoutBank
	URL string // without a slash at the end

	server *http.Server
	busy   atomic.Int64  // requests under way
	done   chan struct{} // closed by Close; nobody hangs any longer
	once   sync.Once
}

// servePayouts starts a server for the handler.
func servePayouts(bank *PayoutBank, handle http.HandlerFunc) (*payoutServer, error) {
	switch {
	case bank.options.Now == nil:
		return nil, errors.New("the provider needs a clock")
	case bank.options.Key == "" || bank.options.Secret == "":
		return nil, errors.New("the provider needs a key and a secret")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &payoutServer{
		PayoutBank: bank, URL: "http://" + listener.Addr().String(), done: make(chan struct{}),
		server: &http.Server{Handler: handle, ReadHeaderTimeout: readHeader},
	}
	go func() { _ = s.server.Serve(listener) }() // ends with Close
	return s, nil
}

// Close ends the server and all its connections. It may be called again.
func (s *payoutServer) Close() {
	s.once.Do(func() {
		close(s.done)
		_ = s.server.Close() // nothing is left to lose
	})
}

// Busy is how many requests are under way.
func (s *payoutServer) Busy() int64 { return s.busy.Load() }

// said is what a provider answers.
type said struct {
	status int
	body   []byte
}

// failing is how a provider says that it can't: in the shape of its errors.
type failing func(status int, words string) said

// answer runs one request: as the provider would, or wrong in the way that was drawn for it. do is called with the bank
// locked.
func (s *payoutServer) answer(w http.ResponseWriter, r *http.Request, call Call, fail failing, do func(CallFault) said) {
	s.busy.Add(1)
	defer s.busy.Add(-1)
	fault := s.fault(&call)
	s.work(r)
	var out said
	switch fault {
	case CallHangsBefore:
		s.hang(r)
	case CallDropsBefore:
		panic(http.ErrAbortHandler)
	case CallBreaksBefore:
		out = said{http.StatusBadGateway, []byte("<html><h1>502 Bad Gateway</h1></html>")}
	case CallTooMany:
		w.Header().Set("Retry-After", "1")
		out = fail(http.StatusTooManyRequests, "Request failed. Please try after sometime.")
	case CallUnauthorised:
		out = fail(http.StatusUnauthorized, "Authentication failed")
	case CallRefused:
		out = fail(http.StatusBadRequest, "Your account does not have enough balance to carry out the payout operation.")
	default:
		s.mu.Lock()
		s.settle()
		out = do(fault)
		s.mu.Unlock()
	}
	s.work(r)
	s.send(w, r, fault, fail, out)
}

// work takes a while, one half of what a request may take, or until its caller is gone: what was begun is done all the same.
func (s *payoutServer) work(r *http.Request) {
	if s.options.Takes <= 0 {
		return
	}
	timer := time.NewTimer(rand.N(s.options.Takes / 2))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.done:
	}
}

// send writes an answer, or fails to.
func (s *payoutServer) send(w http.ResponseWriter, r *http.Request, fault CallFault, fail failing, out said) {
	switch fault {
	case CallHangsAfter:
		s.hang(r)
	case CallDropsAfter:
		panic(http.ErrAbortHandler)
	case CallBreaksAfter:
		out = fail(http.StatusInternalServerError, "We are facing some trouble completing your request at the moment.")
	case CallGarbage:
		out.body = []byte{0x1f, 0x8b, 0xff, 0x00, '{', 0xfe}
	case CallHTML:
		out.body = []byte("<!doctype html><title>Welcome</title><p>Sign in to the hotel's network")
	case CallLong:
		out.body = append(out.body, strings.Repeat(" ", longAnswer)...)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(out.body)))
	w.WriteHeader(out.status)
	if fault == CallCut {
		_, _ = w.Write(out.body[:len(out.body)/2]) // the caller may be gone
		panic(http.ErrAbortHandler)
	}
	_, _ = w.Write(out.body)
}

// fault draws how a call goes wrong, and counts it.
func (s *payoutServer) fault(call *Call) CallFault {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.attempts[*call]++
	call.Attempt = s.attempts[*call]
	fault := choose(s.options.draw("call", string(call.Operation), call.Reference, strconv.Itoa(call.Attempt)), callFaults, s.options.Calls)
	if s.options.Fault != nil {
		fault = s.options.Fault(*call)
	}
	if fault != "" {
		s.faults[fault]++
	}
	return fault
}

// hang waits until the caller has given up, and gives no answer.
func (s *payoutServer) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.done:
	}
	panic(http.ErrAbortHandler)
}

// readPayout reads a request's body, nil if it is too long.
func readPayout(r *http.Request) []byte {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxPayoutRequest+1))
	if err != nil || len(body) > maxPayoutRequest {
		return nil
	}
	return body
}
