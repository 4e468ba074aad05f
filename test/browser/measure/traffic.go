package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
)

// exchange is one request of a page and its answer.
type exchange struct {
	url    string
	kind   network.ResourceType
	depth  int64 // 0: the page itself; 1: what the page asks for; 2: what that asks for …
	header int64 // bytes over the wire
	body   int64 // bytes over the wire, compressed
	plain  int64 // bytes of the body as the page reads it
	ended  bool
}

// stream tells whether the answer is one without an end. It brings news to a page that is usable already.
func (e *exchange) stream() bool { return e.kind == network.ResourceTypeEventSource }

// icon tells whether this is the icon of the tab, which is loaded when the page is there.
func (e *exchange) icon() bool { return e.kind == network.ResourceTypeOther }

// origin is scheme, host and port.
func (e *exchange) origin() string {
	u, err := url.Parse(e.url)
	if err != nil {
		return e.url
	}
	return u.Scheme + "://" + u.Host
}

// traffic collects the exchanges of one load from the events of the browser.
type traffic struct {
	mu              sync.Mutex
	all             []*exchange                     // the page itself is the first
	open            map[network.RequestID]*exchange // the last exchange under each id: a redirect keeps it
	began, answered cdp.MonotonicTime               // the request for the page, and the head of its answer
	err             error                           // the first that went wrong
}

func newTraffic() *traffic { return &traffic{open: map[network.RequestID]*exchange{}} }

// see takes one event. Events come in the order in which things happened.
func (t *traffic) see(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch event := event.(type) {
	case *network.EventRequestWillBeSent:
		t.begin(event)
	case *network.EventResponseReceived:
		if e := t.open[event.RequestID]; e != nil {
			e.header = int64(event.Response.EncodedDataLength)
			if t.answered == 0 {
				t.answered = event.Timestamp
			}
			if event.Response.FromDiskCache {
				t.fail(fmt.Errorf("%s came from the cache: this isn't a first visit", e.url))
			}
			if event.Response.Status >= http.StatusBadRequest {
				t.fail(fmt.Errorf("%s: HTTP %d", e.url, event.Response.Status))
			}
		}
	case *network.EventDataReceived:
		if e := t.open[event.RequestID]; e != nil {
			e.plain += event.DataLength
		}
	case *network.EventLoadingFinished:
		if e := t.open[event.RequestID]; e != nil {
			e.body = int64(event.EncodedDataLength) - e.header
			e.ended = true
		}
	case *network.EventLoadingFailed:
		switch e := t.open[event.RequestID]; {
		case e == nil:
		case e.origin() != t.all[0].origin():
			e.ended = true // nothing but loopback is reached: that it was asked for is what counts
		default:
			t.fail(fmt.Errorf("%s: %s %s", e.url, event.ErrorText, event.BlockedReason))
		}
	}
}

func (t *traffic) fail(err error) {
	if t.err == nil {
		t.err = err
	}
}

func (t *traffic) begin(event *network.EventRequestWillBeSent) {
	address := event.Request.URL
	if !strings.HasPrefix(address, "http:") && !strings.HasPrefix(address, "https:") {
		return // data: and blob: cross no wire
	}
	if len(t.all) == 0 {
		t.began = event.Timestamp
	}
	e := &exchange{url: address, kind: event.Type, depth: t.depth(event)}
	if before := t.open[event.RequestID]; before != nil && event.RedirectResponse != nil {
		before.header, before.ended = int64(event.RedirectResponse.EncodedDataLength), true
		e.depth = before.depth + 1
	}
	t.all = append(t.all, e)
	t.open[event.RequestID] = e
}

// depth is one below whatever asked for the request. Where the browser doesn't tell what that was, it may be anything
// that has come by now.
func (t *traffic) depth(event *network.EventRequestWillBeSent) int64 {
	if len(t.all) == 0 {
		return 0
	}
	askers := map[string]bool{}
	if by := event.Initiator; by != nil {
		askers[by.URL] = true
		for stack := by.Stack; stack != nil; stack = stack.Parent {
			for _, frame := range stack.CallFrames {
				askers[frame.URL] = true
			}
		}
	}
	named, come := int64(-1), int64(0)
	for _, e := range t.all {
		if askers[e.url] {
			named = max(named, e.depth)
		}
		if e.ended && !e.icon() {
			come = max(come, e.depth)
		}
	}
	if named < 0 {
		return come + 1
	}
	return named + 1
}

// settled tells whether everything that was asked for is there, and that the icon was asked for, if there is one.
func (t *traffic) settled(icon string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	asked := icon == ""
	for _, e := range t.all {
		if !e.ended && !e.stream() {
			return false, t.err
		}
		asked = asked || e.url == icon
	}
	return asked, t.err
}

// firstByte is how many milliseconds the page's first byte took. The page's own clock doesn't see the played network here.
func (t *traffic) firstByte() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return int64((t.answered - t.began) * milliseconds)
}

// milliseconds of a second.
const milliseconds = 1000

// weight is what a screen costs on a first visit. Sizes are bytes over the wire, without what TCP and TLS add.
type weight struct {
	Requests   int64 `json:"requests"`
	Total      int64 `json:"total_bytes"` // the sum of the next five
	Headers    int64 `json:"header_bytes"`
	HTML       int64 `json:"html_bytes"`
	CSS        int64 `json:"css_bytes"`
	Script     int64 `json:"script_bytes"`
	Rest       int64 `json:"other_bytes"`
	OwnScript  int64 `json:"script_uncompressed_bytes"` // with what stands in the page
	RoundTrips int64 `json:"round_trips_after_html"`    // the longest chain of requests that wait for one another, with redirects
	ThirdParty int64 `json:"third_party_requests"`
	Fonts      int64 `json:"fonts"`
}

// weigh sums up. inline is the JavaScript that stands in the page itself.
func (t *traffic) weigh(inline int64) (weight, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	w := weight{OwnScript: inline}
	if len(t.all) == 0 {
		return w, fmt.Errorf("the page asked for nothing")
	}
	for _, e := range t.all {
		body := e.body
		if !e.ended { // a stream, which isn't compressed
			body = e.plain
		}
		w.Requests++
		w.Headers += e.header
		w.Total += e.header + body
		switch e.kind {
		case network.ResourceTypeDocument:
			w.HTML += body
		case network.ResourceTypeStylesheet:
			w.CSS += body
		case network.ResourceTypeScript:
			w.Script += body
			w.OwnScript += e.plain
		default:
			w.Rest += body
		}
		if e.kind == network.ResourceTypeFont {
			w.Fonts++
		}
		if e.origin() != t.all[0].origin() {
			w.ThirdParty++
		}
		if !e.stream() && !e.icon() { // nobody waits for these
			w.RoundTrips = max(w.RoundTrips, e.depth)
		}
	}
	return w, nil
}
