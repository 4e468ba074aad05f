package window

import (
	"bufio"
	"context"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/galla-gateway/galla/internal/web"
)

// serve puts the window behind a real server with the limits of production, and returns its address.
func (w *world) serve(t *testing.T) string {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	server.Config = web.NewServer(w.handler, w.window.Logger)
	server.Config.WriteTimeout = 200 * time.Millisecond // far less than the streams of these tests live
	server.Config.ReadTimeout = 200 * time.Millisecond
	server.Config.RegisterOnShutdown(w.window.Drain)
	server.Start()
	t.Cleanup(server.Close)
	return server.URL
}

// event is one event of a stream.
type event struct{ id, name, data string }

// listen opens a stream and returns its events as they come; the channel is closed at its end.
func listen(ctx context.Context, t *testing.T, address, lastID string) (*http.Response, <-chan event) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	must(t, err)
	r.Host = shopHost
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	events := make(chan event, 10)
	go func() {
		defer close(events)
		defer response.Body.Close()
		var e event
		for lines := bufio.NewScanner(response.Body); lines.Scan(); {
			name, value, _ := strings.Cut(lines.Text(), ": ")
			switch name {
			case "id":
				e.id = value
			case "event":
				e.name = value
			case "data":
				e.data = value
			case "":
				if e.data != "" {
					events <- e
				}
				e = event{}
			}
		}
	}()
	return response, events
}

// next waits for an event; ok is false at the stream's end.
func next(t *testing.T, events <-chan event) (e event, ok bool) {
	t.Helper()
	select {
	case e, ok = <-events:
		return e, ok
	case <-time.After(20 * time.Second):
		t.Fatal("no event came")
		return e, false
	}
}

func TestEvents(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		address := w.serve(t)
		link := linkOf("live-1", "500")
		waits := w.follow(link, "key1", number(1)).status("possible_transaction_created")
		url := address + waits.attribute("data-events")
		response, events := listen(t.Context(), t, url, "")
		if got := response.Header.Get("Content-Type"); got != "text/event-stream; charset=utf-8" || response.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("Content-Type %q, Cache-Control %q", got, response.Header.Get("Cache-Control"))
		}
		first, _ := next(t, events)
		if first.name != "status" || first.data != `{"status":"possible_transaction_created","tag":"`+first.id+`"}` || waits.attribute("data-tag") != first.id || first.id == "" {
			t.Errorf("first event %+v", first)
		}
		// Resumed: what is known isn't told again.
		resumed, cancel := context.WithCancel(t.Context())
		defer cancel()
		_, again := listen(resumed, t, url, first.id)
		// Longer than the server's limits, which would have ended both: the next event comes when the money does.
		waited := time.NewTimer(500 * time.Millisecond)
		<-waited.C
		w.transfer(number(1), "500")
		end := ""
		for name, stream := range map[string]<-chan event{"first": events, "resumed": again} {
			e, ok := next(t, stream)
			if !ok || e.data != `{"status":"ok","tag":"`+e.id+`"}` || e.id == first.id {
				t.Errorf("%s stream: %+v, %t", name, e, ok)
			}
			if extra, ok := next(t, stream); ok {
				t.Errorf("%s stream goes on after the end: %+v", name, extra)
			}
			end = e.id
		}
		response, _ = listen(t.Context(), t, url, end)
		if response.StatusCode != http.StatusNoContent {
			t.Errorf("a browser that knows the end gets %d, want 204", response.StatusCode)
		}
		w.window.streams.mu.Lock()
		defer w.window.streams.mu.Unlock()
		if left := w.window.streams.all; left != 0 {
			t.Errorf("%d streams are counted as open", left)
		}
	})
}

func TestDrainEndsStreams(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		address := w.serve(t)
		waits := w.follow(linkOf("drain-1", "500"), "key1", number(1)).status("possible_transaction_created")
		_, events := listen(t.Context(), t, address+waits.attribute("data-events"), "")
		next(t, events)
		w.window.Drain()
		if e, ok := next(t, events); ok {
			t.Errorf("after Drain: %+v", e)
		}
	})
}

func TestStreamLimits(t *testing.T) {
	s := newStreams()
	one, other := netip.MustParseAddr("198.51.100.1"), netip.MustParseAddr("198.51.100.2")
	for range maxStreamsPerIP {
		if !s.enter(one) {
			t.Fatal("refused below the limit")
		}
	}
	if s.enter(one) {
		t.Error("one address got more than its limit")
	}
	if !s.enter(other) {
		t.Error("another address got none")
	}
	s.leave(one)
	if !s.enter(one) {
		t.Error("a place that was left isn't free")
	}
	s.all = maxStreams
	if s.enter(netip.MustParseAddr("198.51.100.3")) {
		t.Error("more than all streams were let in")
	}
	s = newStreams()
	s.enter(one)
	s.leave(one)
	if len(s.perIP) != 0 || s.all != 0 {
		t.Errorf("left behind: %v, %d", s.perIP, s.all)
	}
}

func TestEventsOverTheLimit(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		w.follow(linkOf("full-1", "500"), "key1", number(1)).status("possible_transaction_created")
		w.window.streams.all = maxStreams
		a := w.do(call{target: "/events" + linkOf("full-1", "500")[1:]})
		if a.Code != http.StatusServiceUnavailable || a.Header().Get("Retry-After") == "" {
			t.Errorf("%d %s", a.Code, a.Body)
		}
	})
}

func TestState(t *testing.T) {
	eachWorld(t, func(t *testing.T, w *world) {
		target := "/state" + linkOf("state-1", "500")[1:]
		read := func(tag string) answer {
			return w.do(call{target: target, header: http.Header{"If-None-Match": {tag}}})
		}
		fresh := read("")
		if !strings.HasPrefix(fresh.Body.String(), `{"status":"","tag":"`) || fresh.Header().Get("Content-Type") != "application/json" {
			t.Errorf("before the first number: %d %s", fresh.Code, fresh.Body)
		}
		w.follow(linkOf("state-1", "500"), "key1", number(1))
		waits := read(fresh.Header().Get("ETag"))
		if !strings.HasPrefix(waits.Body.String(), `{"status":"possible_transaction_created","tag":"`) {
			t.Errorf("waiting: %d %s", waits.Code, waits.Body)
		}
		if same := read(waits.Header().Get("ETag")); same.Code != http.StatusNotModified || same.Body.Len() != 0 {
			t.Errorf("unchanged: %d %s", same.Code, same.Body)
		}
		w.transfer(number(1), "500")
		if done := read(waits.Header().Get("ETag")); !strings.HasPrefix(done.Body.String(), `{"status":"ok","tag":"`) {
			t.Errorf("done: %d %s", done.Code, done.Body)
		}
		bad := w.do(call{target: "/state?label=x"})
		if bad.Code != 400 || bad.Body.String() != `{"status":"fail","message":"currency_code_missing"}` {
			t.Errorf("a bad link: %d %s", bad.Code, bad.Body)
		}
		byPath := w.do(call{host: "127.0.0.1", target: "/plugin/shop" + target})
		if !strings.HasPrefix(byPath.Body.String(), `{"status":"ok","tag":"`) {
			t.Errorf("by path: %d %s", byPath.Code, byPath.Body)
		}
	})
}
