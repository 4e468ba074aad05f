package bench

import (
	"bytes"
	"errors"
	"net"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// receiver is a merchant's server on loopback that answers every postback {"status":"ok"}: a hand-written one, as a whole
// server would cost more than the sender that is measured. It notes when each order was first told of.
type receiver struct {
	listener net.Listener
	url      string
	shared   *received
}

// received is what all receivers of a run got.
type received struct {
	count  atomic.Int64 // requests
	first  []atomic.Int64
	conns  sync.WaitGroup
	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
}

// newReceived has room for the times of so many orders.
func newReceived(orders int64) *received {
	return &received{first: make([]atomic.Int64, orders), open: map[net.Conn]bool{}}
}

// at is when an order was first told of, zero if it wasn't.
func (r *received) at(order int64) time.Time {
	if ns := r.first[order].Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

func (r *received) keep(conn net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return false
	}
	r.open[conn] = true
	r.conns.Add(1)
	return true
}

func (r *received) drop(conn net.Conn) {
	conn.Close()
	r.mu.Lock()
	delete(r.open, conn)
	r.mu.Unlock()
	r.conns.Done()
}

// startReceivers listens on so many ports.
func startReceivers(count int, shared *received) (list []*receiver, stop func(), err error) {
	stop = func() {
		for _, r := range list {
			r.listener.Close()
		}
		shared.mu.Lock()
		shared.closed = true
		for conn := range shared.open {
			conn.Close()
		}
		shared.mu.Unlock()
		shared.conns.Wait()
	}
	for range count {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			stop()
			return nil, nil, err
		}
		r := &receiver{listener: listener, url: "http://" + listener.Addr().String() + "/hook", shared: shared}
		list = append(list, r)
		go r.serve()
	}
	return list, stop, nil
}

func (r *receiver) serve() {
	for {
		conn, err := r.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || !r.shared.keep(conn) {
			continue
		}
		go r.answer(conn)
	}
}

var (
	receiverAnswer = []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 15\r\n\r\n{\"status\":\"ok\"}")
	orderMember    = []byte(`"plugin_custom_order_id":"order-`)
)

// answer serves one connection.
func (r *receiver) answer(conn net.Conn) {
	defer r.shared.drop(conn)
	buffer := make([]byte, 0, 8<<10)
	for {
		end := -1
		for end < 0 {
			if end = bytes.Index(buffer, headEnd); end >= 0 {
				break
			}
			if len(buffer) == cap(buffer) || !readMore(conn, &buffer) {
				return
			}
		}
		at := bytes.Index(buffer[:end+2], contentLength)
		if at < 0 {
			return
		}
		length := 0
		for _, digit := range buffer[at+len(contentLength):] {
			if digit < '0' || digit > '9' {
				break
			}
			length = length*10 + int(digit-'0')
		}
		whole := end + len(headEnd) + length
		for len(buffer) < whole {
			if whole > cap(buffer) || !readMore(conn, &buffer) {
				return
			}
		}
		r.note(buffer[end:whole])
		if _, err := conn.Write(receiverAnswer); err != nil {
			return
		}
		buffer = buffer[:copy(buffer, buffer[whole:])]
	}
}

func readMore(conn net.Conn, buffer *[]byte) bool {
	n, err := conn.Read((*buffer)[len(*buffer):cap(*buffer)])
	*buffer = (*buffer)[:len(*buffer)+n]
	return n > 0 && err == nil
}

// note takes the time of the first request for an order.
func (r *receiver) note(body []byte) {
	r.shared.count.Add(1)
	at := bytes.Index(body, orderMember)
	if at < 0 {
		return
	}
	rest := body[at+len(orderMember):]
	end := bytes.IndexByte(rest, '"')
	if end < 0 {
		return
	}
	if n, err := strconv.ParseInt(string(rest[:end]), 10, 64); err == nil && n >= 0 && n < int64(len(r.shared.first)) {
		r.shared.first[n].CompareAndSwap(0, time.Now().UnixNano())
	}
}
