package window

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/galla-gateway/galla"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// Limits of event streams.
const (
	maxStreams = 5000
	// maxStreamsPerIP is generous: Indian mobile networks hide thousands of phones behind one address.
	maxStreamsPerIP = 200
	// lookEvery is how often a stream reads the order again, for what other instances changed; after easeAfter, when most
	// payments have come, seldomEvery.
	lookEvery   = time.Second
	seldomEvery = 5 * time.Second
	easeAfter   = time.Minute
	// beatEvery keeps proxies from closing a quiet connection, and notices payers who are gone.
	beatEvery = 15 * time.Second
	// streamLife ends a stream: the browser comes back, maybe to another instance.
	streamLife = 10 * time.Minute
	// writeLimit is how long a write may take; the server's own limit would end every stream.
	writeLimit = 10 * time.Second
	// comeBackMillis is when a browser comes back after the end of a stream.
	comeBackMillis = 2000
)

// streams counts the open ones.
type streams struct {
	mu    sync.Mutex
	all   int
	perIP map[netip.Addr]int
}

func newStreams() *streams { return &streams{perIP: map[netip.Addr]int{}} }

// enter takes a place and tells whether there was one.
func (s *streams) enter(ip netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= maxStreams || s.perIP[ip] >= maxStreamsPerIP {
		return false
	}
	s.all++
	s.perIP[ip]++
	return true
}

func (s *streams) leave(ip netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all--
	if s.perIP[ip]--; s.perIP[ip] == 0 {
		delete(s.perIP, ip)
	}
}

// moment is what a script is told of an order.
type moment struct {
	status galla.Status // "" before the first number
	tag    string       // changes whenever the page would
	final  bool
}

// moment reads the order as it is now.
func (x *Window) moment(ctx context.Context, v *visit) (moment, error) {
	o, err := x.order(ctx, v)
	if err != nil {
		return moment{}, err
	}
	return momentOf(o), nil
}

func momentOf(o *order) moment {
	m := moment{final: o.begun() && o.final()}
	if o.begun() {
		m.status = o.status()
	}
	const shown = 12 // bytes
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %s %s %t", m.status, o.truth.Result.ClaimID, o.truth.Result.State, o.truth.Result.Reason, o.waiting != nil))
	m.tag = hex.EncodeToString(sum[:shown])
	return m
}

// json is what polling and events carry. Status and tag are of our making, so nothing needs escaping.
func (m moment) json() string { return `{"status":"` + string(m.status) + `","tag":"` + m.tag + `"}` }

// state answers a script that polls.
func (x *Window) state(w http.ResponseWriter, r *http.Request, v *visit) error {
	m, err := x.moment(r.Context(), v)
	if err != nil {
		return err
	}
	tag := `"` + m.tag + `"`
	w.Header().Set("Cache-Control", "no-cache") // kept, but asked about each time
	w.Header().Set("ETag", tag)
	if r.Header.Get("If-None-Match") == tag {
		w.WriteHeader(http.StatusNotModified)
		return nil
	}
	web.WriteJSON(w, http.StatusOK, []byte(m.json()))
	return nil
}

// events streams the order's changes until they are over. A browser that comes back says which one it knows.
func (x *Window) events(w http.ResponseWriter, r *http.Request, v *visit) error {
	first, err := x.moment(r.Context(), v)
	if err != nil {
		return err
	}
	known := r.Header.Get("Last-Event-ID")
	// Only results open a stream: an order without a number has nothing to tell.
	if first.status == "" || first.final && known == first.tag || r.Method == http.MethodHead {
		w.WriteHeader(http.StatusNoContent) // tells EventSource not to come back
		return nil
	}
	from := gateway.Household(v.client)
	if !x.streams.enter(from) {
		w.Header().Set("Retry-After", retryAfterSeconds)
		return &problem{code: "too_many_streams", detail: "too_many_requests", status: http.StatusServiceUnavailable}
	}
	defer x.streams.leave(from)
	s := newStream(w)
	if s.send(fmt.Sprintf("retry: %d\n\n", comeBackMillis)) != nil {
		return nil
	}
	x.follow(r.Context(), v, s, known)
	return nil
}

// follow sends each change. It returns when the payer is gone, the order is final, or time is over.
func (x *Window) follow(ctx context.Context, v *visit, s *stream, known string) {
	ctx, cancel := context.WithTimeout(ctx, streamLife)
	defer cancel()
	look, beat := time.NewTicker(lookEvery), time.NewTicker(beatEvery)
	defer look.Stop()
	defer beat.Stop()
	ease := time.AfterFunc(easeAfter, func() { look.Reset(seldomEvery) })
	defer ease.Stop()
	for {
		// Watched before it is read, so that no change falls between.
		changed, stop := x.Gateway.Watch(v.merchant.ID, v.link.orderID)
		m, err := x.moment(ctx, v)
		if err == nil && m.tag != known {
			err = s.send("id: " + m.tag + "\nevent: status\ndata: " + m.json() + "\n\n")
			known = m.tag
		}
		if err != nil || m.final {
			stop()
			return // a browser comes back after an error, and is told 204 after the end
		}
		goOn := x.wait(ctx, s, changed, look.C, beat.C)
		stop()
		if !goOn {
			return
		}
	}
}

// wait returns true when the order is to be read again.
func (x *Window) wait(ctx context.Context, s *stream, changed <-chan struct{}, look, beat <-chan time.Time) bool {
	for {
		select {
		case <-changed:
			return true
		case <-look:
			return true
		case <-beat:
			if s.send(": beat\n\n") != nil {
				return false
			}
		case <-x.draining:
			return false
		case <-ctx.Done():
			return false
		}
	}
}

// stream is an answer that goes on.
type stream struct {
	w          io.Writer
	connection *http.ResponseController
}

func newStream(w http.ResponseWriter) *stream {
	header := w.Header()
	header.Set("Content-Type", "text/event-stream; charset=utf-8")
	header.Set("X-Accel-Buffering", "no") // nginx would keep events back
	s := &stream{w: w, connection: http.NewResponseController(w)}
	// The server's limits are for answers that end. Where they can't be lifted there is none.
	_ = s.connection.SetReadDeadline(time.Time{})
	_ = s.connection.SetWriteDeadline(time.Time{})
	w.WriteHeader(http.StatusOK)
	return s
}

// longAgo is a deadline that is over on every clock.
var longAgo = time.Unix(1, 0)

// send writes and flushes within writeLimit.
func (s *stream) send(text string) error {
	limit := time.AfterFunc(writeLimit, func() { _ = s.connection.SetWriteDeadline(longAgo) })
	defer limit.Stop()
	if _, err := io.WriteString(s.w, text); err != nil {
		return err
	}
	return s.connection.Flush()
}
