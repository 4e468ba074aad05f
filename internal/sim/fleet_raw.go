package sim

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
)

// maxParked is how many connections a receiver that never looks at them holds; the oldest is closed for the next. It
// can't notice that a sender is gone.
const maxParked = 256

// rawOK is the usual answer as it goes over a connection.
var rawOK = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + withLength(usualAnswer)

// withLength is the end of an answer's header, and its body.
func withLength(body string) string {
	return fmt.Sprintf("Content-Length: %d\r\n\r\n%s", len(body), body)
}

// speech is what a receiver does on a connection by which a request came. Afterwards the connection is closed.
type speech func(v *visit, conn net.Conn)

// raw starts a receiver that reads one request of each connection and has an answer of its own.
func raw(s speech) starter {
	return func(f *Fleet, r *Receiver) error {
		return f.acceptAll(r, "http", func(conn net.Conn) {
			f.run(func() {
				defer f.drop(conn)
				request, err := http.ReadRequest(bufio.NewReader(conn))
				if err != nil {
					return // no request, so nothing to count or answer
				}
				v := r.arrive(f, request.Header.Get("webhook-id"))
				defer v.end()
				// The whole body, or closing the connection would reset it.
				if _, err := io.Copy(io.Discard, io.LimitReader(request.Body, maxPostback)); err == nil {
					s(v, conn)
				}
			})
		})
	}
}

// unread starts a receiver that has something to say on each connection and reads no request. A connection counts as
// one.
func unread(say string) starter {
	return func(f *Fleet, r *Receiver) error {
		return f.acceptAll(r, "http", func(conn net.Conn) {
			defer f.drop(conn)
			r.arrive(f, "")
			_, _ = io.WriteString(conn, say) // nobody needs to hear it
		})
	}
}

// parks starts a receiver that accepts connections and never looks at them again.
func parks(scheme string) starter {
	return func(f *Fleet, r *Receiver) error {
		var parked []net.Conn // of the loop that accepts, which is one goroutine
		return f.acceptAll(r, scheme, func(conn net.Conn) {
			r.arrive(f, "")
			parked = append(parked, conn)
			if len(parked) > maxParked {
				f.drop(parked[0])
				parked = parked[1:]
			}
		})
	}
}

// acceptAll listens and hands each connection over. Whoever takes it drops it, or leaves that to Close.
func (f *Fleet) acceptAll(r *Receiver, scheme string, take func(net.Conn)) error {
	listener, err := f.listen()
	if err != nil {
		return err
	}
	r.URL = scheme + "://" + listener.Addr().String() + path
	f.run(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // closed
			}
			if f.keep(conn) {
				take(conn)
			}
		}
	})
	return nil
}

// writes sends the text and ends the connection.
func writes(text string) speech {
	return func(v *visit, conn net.Conn) {
		if v.receiver.Healthy {
			v.accept()
		}
		v.end()
		_, _ = io.WriteString(conn, text) // the sender is gone: it will send again
	}
}

// writesForEver sends the text once and the part until the sender has gone away.
func writesForEver(text, part string) speech {
	return func(_ *visit, conn net.Conn) {
		_, err := io.WriteString(conn, text)
		for err == nil {
			_, err = io.WriteString(conn, part)
		}
	}
}

// dripsHeader sends a header byte by byte, for ever.
func dripsHeader(v *visit, conn net.Conn) {
	_, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nX-Drip: ")
	for err == nil && sleep(v.fleet.ctx, v.fleet.options.Drip) {
		_, err = io.WriteString(conn, "x")
	}
}

// resets sends the text and has the connection reset, as a machine does that has lost it.
func resets(text string) speech {
	return func(v *visit, conn net.Conn) {
		v.end()
		_, _ = io.WriteString(conn, text) // it won't arrive for sure anyway
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // else it is closed in order, which delivers neither
		}
	}
}

// neverAccepts starts a receiver whose program hangs: the system answers for it until its queue is full.
func neverAccepts(f *Fleet, r *Receiver) error {
	listener, err := f.listen()
	if err != nil {
		return err
	}
	r.URL = "http://" + listener.Addr().String() + path
	return nil
}

// fullQueue is neverAccepts with a queue that is full already: not even a connection comes about.
func fullQueue(f *Fleet, r *Receiver) error {
	listener, err := f.listen()
	if err != nil {
		return err
	}
	r.URL = "http://" + listener.Addr().String() + path
	if err := shorten(listener); err != nil {
		return err
	}
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		return err
	}
	f.keep(conn)
	return nil
}

// shorten has a listener's queue hold no more than one connection: listening anew sets its length.
func shorten(listener net.Listener) error {
	socket, ok := listener.(syscall.Conn)
	if !ok {
		return fmt.Errorf("a listener of type %T has no socket", listener)
	}
	control, err := socket.SyscallConn()
	if err != nil {
		return err
	}
	var listenErr error
	if err := control.Control(func(fd uintptr) { listenErr = syscall.Listen(int(fd), 0) }); err != nil {
		return err
	}
	return listenErr
}

// nobody starts a receiver that is none: nothing listens. The port is the near end of a connection to elsewhere, so no
// other program is given it while the fleet exists.
func nobody(f *Fleet, r *Receiver) error {
	address := strings.TrimSuffix(strings.TrimPrefix(f.elsewhere, "http://"), followedPath)
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return err
	}
	f.keep(conn)
	r.URL = "http://" + conn.LocalAddr().String() + path
	return nil
}

// unknownName starts a receiver whose name doesn't exist.
func unknownName(f *Fleet, r *Receiver) error {
	r.URL = "http://" + f.options.UnknownName + path
	return nil
}
