package sender

import (
	"container/list"
	"crypto/tls"
	"net"
	"net/http"
	"sync"
)

// Limits of the transports.
const (
	// maxTrusts is how many transports of a Trust of their own are kept; the
	// one that was used the longest ago makes room.
	maxTrusts = 128
	// maxIdleConnsOfTrust bounds the idle connections of each of those.
	maxIdleConnsOfTrust = 64
	// sessionsKept is how many TLS sessions a transport remembers: receivers
	// that close each connection then cost no full handshake every time.
	sessionsKept = 256
)

// transports holds one transport for each Trust, because a connection is
// verified only once: what one Trust has verified must not serve another.
type transports struct {
	config Config
	plain  *http.Transport // of the zero Trust; never evicted

	mu     sync.Mutex
	kept   map[Trust]*list.Element
	recent *list.List // of *trusted, the one used last in front
}

// trusted is a transport with a Trust of its own. Its transports' mutex guards
// users and evicted.
type trusted struct {
	trust     Trust
	transport *http.Transport
	users     int // attempts under way
	evicted   bool
}

func newTransports(config Config) *transports {
	plain, err := newTransport(config, Trust{})
	if err != nil {
		panic(err) // only a CA or a pin can be wrong, and here are none
	}
	plain.MaxIdleConns = maxIdleConns
	return &transports{config: config, plain: plain, kept: map[Trust]*list.Element{}, recent: list.New()}
}

func newTransport(config Config, trust Trust) (*http.Transport, error) {
	base := &tls.Config{}
	if config.TLS != nil {
		base = config.TLS.Clone()
	}
	secure, err := trust.secure(base)
	if err != nil {
		return nil, err
	}
	// Never shared: a session carries what was verified when it began.
	secure.ClientSessionCache = tls.NewLRUClientSessionCache(sessionsKept)
	dialer := &net.Dialer{
		Timeout:   config.Timeout,
		KeepAlive: keepAlive,
		Resolver:  config.Resolver,
		Control:   control(config.Allow),
	}
	return &http.Transport{
		Proxy:                  nil, // a proxy would dial for us, unchecked
		DialContext:            dialer.DialContext,
		TLSClientConfig:        secure,
		TLSHandshakeTimeout:    config.Timeout,
		DisableCompression:     true,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: http2PingAfter, PingTimeout: http2PingTimeout},
		MaxConnsPerHost:        config.MaxConnsPerHost,
		MaxIdleConnsPerHost:    config.MaxConnsPerHost,
		MaxIdleConns:           maxIdleConnsOfTrust,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxAnswerHeader,
	}, nil
}

// acquire returns the transport of a Trust. The caller calls release once it
// has closed the answer.
func (t *transports) acquire(trust Trust) (transport *http.Transport, release func(), err error) {
	if trust == (Trust{}) {
		return t.plain, func() {}, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	element := t.kept[trust]
	if element == nil {
		transport, err := newTransport(t.config, trust)
		if err != nil {
			return nil, nil, err
		}
		element = t.recent.PushFront(&trusted{trust: trust, transport: transport})
		t.kept[trust] = element
		t.evict()
	}
	t.recent.MoveToFront(element)
	own := element.Value.(*trusted)
	own.users++
	return own.transport, func() { t.release(own) }, nil
}

// evict makes room when there are too many. Attempts under way end as they
// would have; their connections are closed by the last of them.
func (t *transports) evict() {
	for t.recent.Len() > maxTrusts {
		oldest := t.recent.Remove(t.recent.Back()).(*trusted)
		delete(t.kept, oldest.trust)
		oldest.evicted = true
		oldest.transport.CloseIdleConnections()
	}
}

func (t *transports) release(own *trusted) {
	t.mu.Lock()
	own.users--
	last := own.evicted && own.users == 0
	t.mu.Unlock()
	if last {
		own.transport.CloseIdleConnections()
	}
}

// closeIdle closes the connections that no attempt uses.
func (t *transports) closeIdle() {
	t.plain.CloseIdleConnections()
	t.mu.Lock()
	defer t.mu.Unlock()
	for element := t.recent.Front(); element != nil; element = element.Next() {
		element.Value.(*trusted).transport.CloseIdleConnections()
	}
}
