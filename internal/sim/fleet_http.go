package sim

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// usualAnswer is how most receivers say that they have a postback.
const usualAnswer = `{"status":"ok"}`

// Sizes of what is sent to a sender that should have stopped reading long before, in bytes.
const (
	gigabyte  = 1 << 30
	floodPart = 32 << 10
	bombSize  = 8 << 20 // of the gzip bomb, unpacked; packed it is short enough to be read as a whole
)

// path is where receivers take postbacks, and followedPath where redirects lead to.
const (
	path         = "/postback"
	followedPath = "/followed"
)

// goAwayEvery is after how many requests a receiver says goodbye to a connection of HTTP/2.
const goAwayEvery = 3

// answer answers one request of which the body was read.
type answer func(v *visit, w http.ResponseWriter, r *http.Request)

// web starts a receiver that speaks HTTP.
func web(a answer) starter {
	return func(f *Fleet, r *Receiver) error {
		listener, err := f.listen()
		if err != nil {
			return err
		}
		r.URL = "http://" + listener.Addr().String() + path
		f.serve(listener, f.handler(r, a), nil)
		return nil
	}
}

// secure starts a receiver that speaks HTTP over TLS.
func secure(a answer, faults ...fault) starter {
	return func(f *Fleet, r *Receiver) error {
		listener, err := f.listen()
		if err != nil {
			return err
		}
		c, err := f.certify(r, faults)
		if err != nil {
			return err
		}
		r.URL = "https://" + listener.Addr().String() + path
		f.serve(listener, f.handler(r, a), c)
		return nil
	}
}

// plainOverTLS starts a receiver whose URL says https, and who doesn't.
func plainOverTLS(f *Fleet, r *Receiver) error {
	err := web(fine)(f, r)
	r.URL = strings.Replace(r.URL, "http:", "https:", 1)
	return err
}

// startElsewhere starts the receiver that redirects lead to.
func (f *Fleet) startElsewhere() (url string, err error) {
	listener, err := f.listen()
	if err != nil {
		return "", err
	}
	f.serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		f.followed.Add(1)
		_, _ = io.WriteString(w, usualAnswer) // whoever follows a redirect is wrong already
	}), nil)
	return "http://" + listener.Addr().String() + followedPath, nil
}

// serve answers on the listener until Close. Without credentials it speaks plain HTTP.
func (f *Fleet) serve(listener net.Listener, handler http.Handler, c *credentials) {
	server := &http.Server{
		Handler:     handler,
		BaseContext: func(net.Listener) context.Context { return f.ctx },
		ErrorLog:    log.New(io.Discard, "", 0), // broken handshakes are what many kinds are for
		Protocols:   new(http.Protocols),
		// Close waits for connections, too. A new one is told of while Serve runs, so the count isn't zero then.
		ConnState: func(_ net.Conn, state http.ConnState) {
			switch state {
			case http.StateNew:
				f.work.Add(1)
			case http.StateClosed, http.StateHijacked:
				f.work.Done()
			}
		},
	}
	server.Protocols.SetHTTP1(true)
	serve := server.Serve
	if c != nil {
		server.Protocols.SetHTTP2(c.http2)
		server.TLSConfig = c.config
		serve = func(listener net.Listener) error { return server.ServeTLS(listener, "", "") }
	}
	if f.keep(server) {
		f.run(func() { _ = serve(listener) }) // ends with Close, and can't fail before
	}
}

// handler counts requests and has them answered.
func (f *Fleet) handler(r *Receiver, a answer) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		leave, ok := f.enter() // on HTTP/2 a handler may outlive its connection
		if !ok {
			return
		}
		defer leave()
		v := r.arrive(f, request.Header.Get("webhook-id"))
		defer v.end()
		if _, err := io.Copy(io.Discard, http.MaxBytesReader(w, request.Body, maxPostback)); err != nil {
			return // the sender went away, or sends what is no postback
		}
		a(v, w, request)
	})
}

// says answers with the status, the body and headers, which are names and values in turn. A healthy receiver says 200
// only with an answer that delivers.
func says(status int, body string, header ...string) answer {
	return func(v *visit, w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		if v.receiver.Healthy && status == http.StatusOK {
			v.accept()
		}
		v.end()
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body) // the sender is gone: it will send again
	}
}

// fine is the usual answer.
var fine = says(http.StatusOK, usualAnswer, "Content-Type", "application/json")

// broken is the answer of a server that isn't well.
var broken = says(http.StatusInternalServerError, "<h1>500 Internal Server Error</h1>", "Content-Type", "text/html")

// unless gives the first answer while the condition holds for a postback that wasn't accepted yet, and the usual one
// otherwise.
func unless(first answer, condition func(v *visit) bool) answer {
	return func(v *visit, w http.ResponseWriter, r *http.Request) {
		if v.again || !condition(v) {
			fine(v, w, r)
			return
		}
		first(v, w, r)
	}
}

func first(v *visit) bool    { return v.attempt == 1 }
func firstFew(v *visit) bool { return v.attempt <= v.fleet.options.Failures }

// oneInThree depends on the request alone, not on the order in which requests of different postbacks come.
func oneInThree(v *visit) bool {
	return newRandom(v.fleet.options.Seed, v.receiver.Name+" "+v.id+" "+strconv.Itoa(v.attempt)).IntN(3) == 0
}

// laterByDate asks to wait until a date.
func laterByDate(v *visit, w http.ResponseWriter, r *http.Request) {
	date := v.fleet.options.Now().Add(2 * time.Second).UTC().Format(http.TimeFormat)
	says(http.StatusTooManyRequests, "", "Retry-After", date)(v, w, r)
}

// redirects sends the sender elsewhere.
func redirects(status int) answer {
	return func(v *visit, w http.ResponseWriter, r *http.Request) {
		says(status, usualAnswer, "Location", v.fleet.elsewhere)(v, w, r)
	}
}

// slow takes its time.
func slow(v *visit, w http.ResponseWriter, r *http.Request) {
	if sleep(r.Context(), v.fleet.options.Slow) {
		fine(v, w, r)
	}
}

// drips sends the usual answer byte by byte.
func drips(v *visit, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(len(usualAnswer)))
	for i := range len(usualAnswer) {
		if i == len(usualAnswer)-1 {
			v.accept()
		}
		if _, err := io.WriteString(w, usualAnswer[i:i+1]); err != nil || !flushed(w) || !sleep(r.Context(), v.fleet.options.Drip) {
			return
		}
	}
}

// dripsForEver has sent the usual answer after a while, and then goes on with spaces.
func dripsForEver(v *visit, w http.ResponseWriter, r *http.Request) {
	for part := usualAnswer; ; part = " " {
		if _, err := io.WriteString(w, part); err != nil || !flushed(w) || !sleep(r.Context(), v.fleet.options.Drip) {
			panic(http.ErrAbortHandler) // returning would make a whole answer of what was sent
		}
	}
}

// hangs never answers.
func hangs(_ *visit, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// hangsHalfway stops within its answer.
func hangsHalfway(_ *visit, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Length", strconv.Itoa(len(usualAnswer)))
	_, _ = io.WriteString(w, usualAnswer[:len(usualAnswer)-1]) // the wait below ends at once when the sender is gone
	flushed(w)
	<-r.Context().Done()
}

// breaksOff ends the connection, on HTTP/2 the stream, without an answer.
func breaksOff(v *visit, _ http.ResponseWriter, _ *http.Request) {
	v.end()
	panic(http.ErrAbortHandler)
}

// spaces are what floods are made of: with them behind it an answer stays JSON that says ok, however long it gets.
var spaces = strings.Repeat(" ", floodPart)

// floods answers with the usual answer and spaces up to size, or for ever when that is 0.
func floods(size int, declared bool) answer {
	return func(_ *visit, w http.ResponseWriter, r *http.Request) {
		if declared {
			w.Header().Set("Content-Length", strconv.Itoa(size))
		}
		sent, err := io.WriteString(w, usualAnswer)
		for err == nil && (size == 0 || sent < size) && r.Context().Err() == nil {
			part := spaces
			if size > 0 {
				part = part[:min(len(part), size-sent)]
			}
			var n int
			n, err = io.WriteString(w, part)
			sent += n
		}
		if sent < size || size == 0 {
			panic(http.ErrAbortHandler) // likewise
		}
	}
}

// bomb is the usual answer and many spaces, packed.
var bomb = sync.OnceValue(func() string {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, usualAnswer)
	for range bombSize / floodPart {
		_, more := io.WriteString(w, spaces)
		err = errors.Join(err, more)
	}
	if err = errors.Join(err, w.Close()); err != nil {
		panic(err) // a buffer takes everything
	}
	return packed.String()
})

// packedBomb would be the usual answer if anybody unpacked it.
func packedBomb(v *visit, w http.ResponseWriter, r *http.Request) {
	says(http.StatusOK, bomb(), "Content-Type", "application/json", "Content-Encoding", "gzip")(v, w, r)
}

// trailing has trailers behind its answer.
func trailing(v *visit, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Trailer", "X-Checksum")
	fine(v, w, r)
	w.Header().Set("X-Checksum", "none")
}

// hints sends answers before the answer.
func hints(v *visit, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Link", "</style.css>; rel=preload")
	w.WriteHeader(http.StatusEarlyHints)
	w.WriteHeader(http.StatusProcessing)
	fine(v, w, r)
}

// saysGoodbye ends every few requests the connection, which HTTP/2 does with GOAWAY.
func saysGoodbye(v *visit, w http.ResponseWriter, r *http.Request) {
	if v.receiver.Counts().Requests%goAwayEvery == 0 {
		w.Header().Set("Connection", "close")
	}
	fine(v, w, r)
}

// closes ends the connection after each answer, and says so.
func closes(v *visit, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Connection", "close")
	fine(v, w, r)
}

// flushed sends what was written so far.
func flushed(w http.ResponseWriter) bool { return http.NewResponseController(w).Flush() == nil }
