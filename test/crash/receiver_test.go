package crash

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/galla-gateway/galla"
)

// fate is what became of a visit.
type fate int

const (
	open     fate = iota
	accepted      // answered HTTP 200 and "ok"
	failed        // answered HTTP 500
	reset         // answered with a reset of its connection
	cut           // its connection ended before it was answered
)

// visit is one request that a merchant got.
type visit struct {
	at   time.Time
	conn net.Conn
	fate fate
}

// message is what the merchants know of one webhook-id.
type message struct {
	order    string
	body     [sha256.Size]byte
	visits   []*visit
	accepted int
	overlaps int // visits that came while another was open
}

// receiver is the servers of all merchants, with a book of its own of what came.
type receiver struct {
	// plan says what a message's visit, which is in the list already, is answered, and when. It is called with the book
	// locked.
	plan func(merchant int, m *message) (fate, <-chan time.Time)

	t        *testing.T
	urls     []string
	mu       sync.Mutex
	messages map[string]*message // by webhook-id
	visits   int
}

type connKey struct{}

// newReceiver starts the servers of so many merchants.
func newReceiver(t *testing.T, merchants int, plan func(merchant int, m *message) (fate, <-chan time.Time)) *receiver {
	r := &receiver{plan: plan, t: t, messages: map[string]*message{}}
	for i := range merchants {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		server := &http.Server{
			Handler: http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) { r.serve(i, w, request) }),
			ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
				return context.WithValue(ctx, connKey{}, conn)
			},
		}
		go func() { _ = server.Serve(listener) }()
		t.Cleanup(func() { _ = server.Close() })
		r.urls = append(r.urls, "http://"+listener.Addr().String()+"/")
	}
	return r
}

func (r *receiver) serve(merchant int, w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body) // to its end: only then the server sees that the connection ends
	if err != nil {
		return // killed while it sent: nothing has come
	}
	v := &visit{at: time.Now(), conn: request.Context().Value(connKey{}).(net.Conn)}
	planned, when, ok := r.arrive(merchant, request.Header.Get(galla.HeaderWebhookID), body, v)
	if !ok {
		return
	}
	select {
	case <-when:
	case <-request.Context().Done():
		planned = cut
	}
	// The book first: who has the answer may do the next thing at once.
	r.leave(request.Header.Get(galla.HeaderWebhookID), v, planned)
	switch planned {
	case accepted:
		_, _ = io.WriteString(w, `{"status":"ok"}`)
	case failed:
		http.Error(w, "not now", http.StatusInternalServerError)
	case reset:
		_ = v.conn.(*net.TCPConn).SetLinger(0)
		_ = v.conn.Close()
	}
}

// arrive enters a visit into the book.
func (r *receiver) arrive(merchant int, id string, body []byte, v *visit) (fate, <-chan time.Time, bool) {
	var content struct {
		AdditionalData []struct {
			Order string `json:"plugin_custom_order_id"`
		} `json:"additional_data"`
	}
	if err := json.Unmarshal(body, &content); err != nil || len(content.AdditionalData) != 1 || id == "" {
		r.t.Errorf("a request with %s %q brought %q", galla.HeaderWebhookID, id, body)
		return open, nil, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.messages[id]
	if m == nil {
		m = &message{order: content.AdditionalData[0].Order, body: sha256.Sum256(body)}
		r.messages[id] = m
	}
	if m.body != sha256.Sum256(body) {
		r.t.Errorf("%s came with two bodies", id)
	}
	for _, other := range m.visits {
		if other.fate == open && alive(other.conn) {
			m.overlaps++
			break
		}
	}
	m.visits = append(m.visits, v)
	r.visits++
	planned, when := r.plan(merchant, m)
	return planned, when, true
}

func (r *receiver) leave(id string, v *visit, f fate) {
	r.mu.Lock()
	defer r.mu.Unlock()
	v.fate = f
	if f == accepted {
		r.messages[id].accepted++
	}
}

// wait waits until so many more visits have come.
func (r *receiver) wait(more int, limit time.Duration) {
	r.t.Helper()
	began, want := time.Now(), r.came()+more
	for ; r.came() < want; time.Sleep(time.Millisecond) {
		if time.Since(began) > limit {
			r.t.Fatalf("%d requests came, want %d more", r.came(), want-r.came())
		}
	}
}

// came is how many visits have come.
func (r *receiver) came() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.visits
}

// count adds up a number over all messages.
func (r *receiver) count(of func(m *message) int) (sum int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, m := range r.messages {
		sum += of(m)
	}
	return sum
}

func (r *receiver) overlaps() int { return r.count(func(m *message) int { return m.overlaps }) }

// alive asks the kernel whether the other end of a connection is still there. The handler of a request whose sender was
// killed learns that a moment later; the kernel knows it before the killed process is gone, so that no request of its
// successor is taken for one too many. A process that is only stopped keeps its connections.
func alive(conn net.Conn) bool {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return false
	}
	n, peekErr := 0, error(nil)
	// Control and not Read, which would wait for the server's own read to end.
	if err := raw.Control(func(fd uintptr) {
		n, _, peekErr = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
	}); err != nil {
		return false // closed here
	}
	return n > 0 || peekErr == syscall.EAGAIN || peekErr == syscall.EINTR
}
