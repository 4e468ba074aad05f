package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/galla-gateway/galla/internal/api"
	"github.com/galla-gateway/galla/internal/gateway"
	"github.com/galla-gateway/galla/internal/web"
)

// server is an HTTP server on loopback with everything around it that galla serve has.
type server struct {
	address string
	stop    func() error
}

func startServer(handler http.Handler) (*server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() {
		served <- web.Serve(ctx, listener, web.NewServer(handler, slog.New(slog.DiscardHandler)))
	}()
	return &server{address: listener.Addr().String(), stop: func() error {
		cancel()
		return <-served
	}}, nil
}

// edge is what galla serve puts before the gateway. The log lines are written as in production, to nowhere.
func edge(g *gateway.Gateway) http.Handler {
	logger := slog.New(slog.NewTextHandler(io.Discard, nil))
	return web.NewEdge(api.New(api.Config{Gateway: g, BaseHost: "localhost", Now: time.Now}), logger, nil, time.Now)
}

// Paths of the requests.
const (
	activatePath = "/api/v1/transaction/activate"
	evidencePath = "/evidence/v1/transfers"
)

// activators are clients that each send one activation after another over a connection of their own, for the merchants
// with these tokens in turn. order appends an order id.
func activators(s *server, count int, tokens []string, order func([]byte, int64) []byte) ([]worker, func(), error) {
	heads := make([][]byte, len(tokens))
	for i, token := range tokens {
		heads[i] = head(activatePath, s.address, token)
	}
	return connect(s, count, 1, func(c *client, n int64) error {
		c.body = activateBody(c.body[:0], n, order)
		answer, err := c.post(heads[n%int64(len(heads))], c.body)
		if err == nil && !bytes.Contains(answer, answerOK) {
			err = fmt.Errorf("a claim with its evidence was answered %s", answer)
		}
		return err
	})
}

var (
	answerOK      = []byte(`"status":"ok"`)
	answerCreated = []byte(`"status":"created"`)
)

// observers are clients that each report evidence, each transfers per request, with numbers of a prefix.
func observers(s *server, count int, token, prefix string, each int64) ([]worker, func(), error) {
	head := head(evidencePath, s.address, token)
	return connect(s, count, each, func(c *client, first int64) error {
		c.body = evidenceBody(append(c.body[:0], '['), prefix, first)
		for i := range each - 1 {
			c.body = evidenceBody(append(c.body, ','), prefix, first+1+i)
		}
		body := append(c.body, ']')
		if c.body = body; each == 1 {
			body = body[1 : len(body)-1] // a lone object, as most senders send it
		}
		answer, err := c.post(head, body)
		if err == nil && int64(bytes.Count(answer, answerCreated)) != each {
			err = fmt.Errorf("evidence was answered %.200s", answer)
		}
		return err
	})
}

// connect opens a connection for each worker, whose requests do so many units. disconnect closes them.
func connect(s *server, count int, each int64, request func(c *client, first int64) error) (workers []worker, disconnect func(), err error) {
	var clients []*client
	disconnect = func() {
		for _, c := range clients {
			c.close()
		}
	}
	for range count {
		c, err := dial(s.address)
		if err != nil {
			disconnect()
			return nil, nil, errors.Join(errors.New("connect to the server under measurement"), err)
		}
		clients = append(clients, c)
		workers = append(workers, func(first int64) (int64, error) { return each, request(c, first) })
	}
	return workers, disconnect, nil
}

func activateBody(b []byte, n int64, order func([]byte, int64) []byte) []byte {
	b = append(b, `{"currency_code":"INR","wallet_type":"`+walletType+`","label":"`...)
	b = append(appendPayer(b, n), `","key1":"`...)
	b = append(appendNumber(b, forActivation, n), `","amount":`...)
	b = append(strconv.AppendInt(b, amountMinor/100, 10), `,"custom_transaction_id":"`...)
	return append(order(b, n), `"}`...)
}

func evidenceBody(b []byte, prefix string, n int64) []byte {
	b = append(b, `{"reference":"`...)
	b = append(appendNumber(b, prefix, n), `","amount":"500.00","currency":"INR","occurred_at":"`...)
	b = time.Now().UTC().AppendFormat(b, time.RFC3339)
	return append(b, `","payer":"`+payerVPA+`"}`...)
}
