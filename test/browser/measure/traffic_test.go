package main

import (
	"strings"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
)

const (
	page  = "http://127.0.0.1:1/plugin/shop/"
	style = "http://127.0.0.1:1/window.css"
	code  = "http://127.0.0.1:1/window.js"
	tab   = "http://127.0.0.1:1/icon.svg"
)

// feed is a load, told by its events.
type feed struct{ *traffic }

func (f feed) asks(id, address string, kind network.ResourceType, by *network.Initiator) {
	f.see(&network.EventRequestWillBeSent{
		RequestID: network.RequestID(id), Request: &network.Request{URL: address}, Type: kind, Initiator: by, Timestamp: 100,
	})
}

func (f feed) gets(id string, header, body, plain int64) {
	f.begins(id, header, plain)
	f.see(&network.EventLoadingFinished{RequestID: network.RequestID(id), EncodedDataLength: length(header + body)})
}

// begins is an answer that doesn't end.
func (f feed) begins(id string, header, plain int64) {
	f.see(&network.EventResponseReceived{
		RequestID: network.RequestID(id), Response: &network.Response{EncodedDataLength: length(header)}, Timestamp: 100 + cdp.MonotonicTime(0.25),
	})
	f.see(&network.EventDataReceived{RequestID: network.RequestID(id), DataLength: plain})
}

// length is a number as the protocol has it.
func length(n int64) float64 { return float64(n) }

func parser(address string) *network.Initiator {
	return &network.Initiator{Type: network.InitiatorTypeParser, URL: address}
}

// window is a load of a page with style, script and icon.
func window() feed {
	f := feed{newTraffic()}
	f.asks("1", page, network.ResourceTypeDocument, nil)
	f.gets("1", 700, 2000, 2000)
	f.asks("2", style, network.ResourceTypeStylesheet, parser(page))
	f.asks("3", code, network.ResourceTypeScript, parser(page))
	f.gets("2", 500, 3000, 10000)
	f.gets("3", 500, 2000, 6000)
	f.asks("4", tab, network.ResourceTypeOther, &network.Initiator{Type: network.InitiatorTypeOther})
	f.gets("4", 400, 200, 240)
	return f
}

func TestWeight(t *testing.T) {
	usual := weight{Requests: 4, Total: 9300, Headers: 2100, HTML: 2000, CSS: 3000, Script: 2000, Rest: 200, OwnScript: 6050, RoundTrips: 1}
	more := func(change func(*weight)) weight {
		changed := usual
		change(&changed)
		return changed
	}
	byScript := &network.Initiator{Type: network.InitiatorTypeScript, Stack: &runtime.StackTrace{CallFrames: []*runtime.CallFrame{{URL: code}}}}
	unknown := &network.Initiator{Type: network.InitiatorTypeOther}
	for _, c := range []struct {
		name string
		then func(feed)
		want weight
	}{
		{"as it is", func(feed) {}, usual},
		{"a drawing in the page", func(f feed) { f.asks("5", "data:image/png;base64,AAAA", network.ResourceTypeImage, parser(page)) }, usual},
		{"a font of the style", func(f feed) {
			f.asks("5", "http://127.0.0.1:1/a.woff2", network.ResourceTypeFont, parser(style))
			f.gets("5", 100, 900, 900)
		}, more(func(w *weight) {
			w.Requests, w.Total, w.Headers, w.Rest, w.RoundTrips, w.Fonts = 5, 10300, 2200, 1100, 2, 1
		})},
		{"what the script fetches", func(f feed) {
			f.asks("5", "http://127.0.0.1:1/state", network.ResourceTypeFetch, byScript)
			f.gets("5", 100, 50, 50)
		}, more(func(w *weight) { w.Requests, w.Total, w.Headers, w.Rest, w.RoundTrips = 5, 9450, 2200, 250, 2 })},
		{"asked for by nobody knows what", func(f feed) {
			f.asks("5", "http://127.0.0.1:1/a.png", network.ResourceTypeImage, unknown)
			f.gets("5", 100, 50, 50)
		}, more(func(w *weight) { w.Requests, w.Total, w.Headers, w.Rest, w.RoundTrips = 5, 9450, 2200, 250, 2 })},
		{"news, which never end", func(f feed) {
			f.asks("5", "http://127.0.0.1:1/events", network.ResourceTypeEventSource, unknown)
			f.begins("5", 100, 70)
		}, more(func(w *weight) { w.Requests, w.Total, w.Headers, w.Rest = 5, 9470, 2200, 270 })},
		{"a third party that isn't reached", func(f feed) {
			f.asks("5", "https://cdn.example/a.js", network.ResourceTypeScript, parser(page))
			f.see(&network.EventLoadingFailed{RequestID: "5", ErrorText: "net::ERR_NAME_NOT_RESOLVED"})
		}, more(func(w *weight) { w.Requests, w.ThirdParty = 5, 1 })},
		{"another port is another party", func(f feed) {
			f.asks("5", "http://127.0.0.1:2/a.png", network.ResourceTypeImage, parser(page))
			f.gets("5", 100, 0, 0)
		}, more(func(w *weight) { w.Requests, w.Total, w.Headers, w.ThirdParty = 5, 9400, 2200, 1 })},
		{"a redirect", func(f feed) {
			f.asks("5", "http://127.0.0.1:1/old.png", network.ResourceTypeImage, parser(page))
			f.see(&network.EventRequestWillBeSent{
				RequestID: "5", Request: &network.Request{URL: "http://127.0.0.1:1/new.png"}, Type: network.ResourceTypeImage, Initiator: parser(page),
				RedirectResponse: &network.Response{EncodedDataLength: 150},
			})
			f.gets("5", 100, 50, 50)
		}, more(func(w *weight) { w.Requests, w.Total, w.Headers, w.Rest, w.RoundTrips = 6, 9600, 2350, 250, 2 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := window()
			c.then(f)
			if settled, err := f.settled(tab); !settled || err != nil {
				t.Errorf("settled %v, %v", settled, err)
			}
			const inline = 50
			got, err := f.weigh(inline)
			if err != nil || got != c.want {
				t.Errorf("%v\n got %+v\nwant %+v", err, got, c.want)
			}
		})
	}
}

func TestFirstByte(t *testing.T) {
	if got := window().firstByte(); got != 250 {
		t.Errorf("%d ms", got)
	}
}

// A load that isn't over isn't weighed, and one that isn't a first visit, or lacks a file, is no measurement.
func TestUnsettled(t *testing.T) {
	if settled, _ := window().settled("http://127.0.0.1:1/another.svg"); settled {
		t.Error("settled before the icon was asked for")
	}
	f := window()
	f.asks("5", "http://127.0.0.1:1/a.png", network.ResourceTypeImage, parser(page))
	if settled, _ := f.settled(tab); settled {
		t.Error("settled while a picture comes")
	}
	f.see(&network.EventLoadingFailed{RequestID: "5", ErrorText: "net::ERR_FAILED"})
	if _, err := f.settled(tab); err == nil || !strings.Contains(err.Error(), "a.png: net::ERR_FAILED") {
		t.Errorf("a file is missing: %v", err)
	}
	f = window()
	f.asks("5", "http://127.0.0.1:1/a.png", network.ResourceTypeImage, parser(page))
	f.see(&network.EventResponseReceived{RequestID: "5", Response: &network.Response{FromDiskCache: true}})
	if _, err := f.settled(tab); err == nil || !strings.Contains(err.Error(), "cache") {
		t.Errorf("a picture came from the cache: %v", err)
	}
	f = window()
	f.asks("5", "http://127.0.0.1:1/a.png", network.ResourceTypeImage, parser(page))
	f.see(&network.EventResponseReceived{RequestID: "5", Response: &network.Response{Status: 404}})
	if _, err := f.settled(tab); err == nil || !strings.Contains(err.Error(), "a.png: HTTP 404") {
		t.Errorf("a picture isn't there: %v", err)
	}
	if _, err := newTraffic().weigh(0); err == nil {
		t.Error("nothing was weighed")
	}
}
