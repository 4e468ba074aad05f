package sender

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hosts are spellings of loopback, private and metadata addresses, and of
// names for them, as they may stand in a URL. inet_aton, browsers and curl take
// many of them for an address. Here only what netip can read is one; all else is
// a name, and what its lookup brings is judged.
var hosts = strings.Fields(`
127.0.0.1 127.0.0.1. 127.1 127.0.1 127.0.0.01 127.00.00.01 127.000.000.001 127.0.0.0x1 127.0x0.0.1
2130706433 02130706433 017700000001 0017700000001 0x7f000001 0X7F000001 0x7f.1 0x7f.0.1 0x7f.0.0.1 0x7f.0x0.0x0.0x1
0177.1 0177.0.1 0177.0.0.1 0177.0.0.01 0177.0x0.0.1 0b1111111.0.0.1 1_27.0.0.1 +127.0.0.1 127.0.0.1/ 383.0.0.1 4294967297
127.127.127.127 127.255.255.254
0 00 0x0 0.0 0.0.0 0.0.0.0 0.0.0.0. [::] [0::0] [0:0:0:0:0:0:0:0] [::0.0.0.0] [::ffff:0.0.0.0]
[::1] [0::1] [0:0:0:0:0:0:0:1] [0000:0000:0000:0000:0000:0000:0000:0001] [::0.0.0.1] [::1%25lo] [::1%25] ::1 [::1]] [[::1]]
[::ffff:127.0.0.1] [::FFFF:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::ffff:127.1] [::ffff:0x7f.1] [::ffff:0:127.0.0.1] [::127.0.0.1]
[127.0.0.1] [localhost] [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2002:7f00:0001::1]
[2001:0:7f00:1::] [2001::80ff:fffe]
%31%32%37.0.0.1 127%2e0%2e0%2e1 127.0.0.1%00 127.0.0.1%00.merchant.example 127.0.0.1%25lo 127.0.0.1\ 127.0.0.1\@merchant.example
１２７.0.0.1 127。0。0。1 127．0．0．1 127｡0｡0｡1 ①②⑦.⓪.⓪.① 𝟏𝟐𝟕.0.0.1 ⑯⑨.254.169.254 [：：1]
localhost LOCALHOST localhost. localhost.localdomain ip6-localhost foo.localhost lⓞcalhost 127.0.0.1.merchant.example
merchant.example@127.0.0.1 merchant.example:80@127.0.0.1 @127.0.0.1 :@127.0.0.1
10.1 10.0.1 012.1 0xa.1 0xa000001 167772161 10.0.0.1 10.0.0.1. 172.16.1 2886729729 0xac100001 0254.020.0.1
192.168.257 192.168.1.1 3232235777 0xc0a80101 0300.0250.1.1 0xC0.0xA8.1.1 100.64.1 0x64.0x40.0.1
169.254.169.254 169.254.169.254. 169.254.43518 169.16689662 2852039166 0xa9fea9fe 0xA9.0xFE.0xA9.0xFE 0251.0376.0251.0376
0251.254.169.254 0xa9.254.0251.254 00000251.0376.0251.0376 425.510.425.510 7147006462
[::ffff:169.254.169.254] [::ffff:a9fe:a9fe] [::169.254.169.254] [64:ff9b::a9fe:a9fe] [2002:a9fe:a9fe::] [fd00:ec2::254]
[fe80::1%25eth0] [fe80::a9fe:a9fe%251] [fec0::1] [ff02::1%25eth0] [fc00::1] [fd20:ce::254]
168.63.129.16 2822734096 0xa83f8110 0250.077.0201.020 [::ffff:168.63.129.16] 100.100.100.200 192.0.0.192
metadata metadata.google.internal instance-data kubernetes.default.svc host.docker.internal
`)

// TestHostSpellings: the spelling is no address, or one that is refused.
func TestHostSpellings(t *testing.T) {
	seen := map[string]bool{}
	for _, host := range hosts {
		if seen[host] {
			t.Errorf("%s is twice in the table", host)
		}
		seen[host] = true
		target, err := url.Parse("http://" + host + "/")
		if err != nil {
			continue
		}
		addr, err := netip.ParseAddr(target.Hostname())
		if err != nil {
			continue
		}
		if ok, _ := Allowed(addr, nil); ok {
			t.Errorf("%s is the address %s, and allowed", host, addr)
		}
	}
	if len(seen) < 120 {
		t.Errorf("%d spellings in the table; want 120", len(seen))
	}
}

// TestHostSpellingsReachNothing sends to each spelling with a resolver that
// takes every name for loopback, as inet_aton would.
func TestHostSpellingsReachNothing(t *testing.T) {
	listener := listen(t, "127.0.0.1:0")
	_, port, _ := net.SplitHostPort(listener.Addr().String())
	accepted := acceptAll(t, listener)
	s := New(Config{Resolver: fakeDNS(t, "127.0.0.1"), Timeout: 5 * time.Second}) // nothing allowed
	t.Cleanup(s.Close)
	kinds := map[string]int{}
	for _, host := range hosts {
		for _, text := range []string{"http://" + host + "/", "http://" + host + ":" + port + "/"} {
			result := s.Send(t.Context(), Request{URL: text})
			kinds[result.ErrKind]++
			switch result.ErrKind {
			case KindForbidden, KindDNS, KindURL:
			case KindAnswer: // "invalid Host header" and its like, before any connection
				if result.RemoteAddr != "" {
					t.Errorf("%s: %+v", text, result)
				}
			default:
				t.Errorf("%s: %+v", text, result)
			}
		}
	}
	if n := accepted(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
	if kinds[KindForbidden] < len(hosts) {
		t.Errorf("few were refused for their address: %v", kinds)
	}
}

// The allowed address of a name is never the way to another that isn't.
func TestRebindingNameReachesNothingElse(t *testing.T) {
	good := serveOn(t, listen(t, "127.0.0.2:0"))
	_, port, _ := net.SplitHostPort(good.Addr().String())
	forbidden := acceptAll(t, listen(t, "127.0.0.3:"+port))
	s := newSender(t, Config{
		Allow:    []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		Resolver: fakeDNS(t, "127.0.0.2", "127.0.0.3", "127.0.0.3", "127.0.0.2", "127.0.0.3"),
	})
	for i, want := range []string{"", KindForbidden, KindForbidden, "", KindForbidden, KindForbidden} {
		result := s.Send(t.Context(), Request{URL: "http://rebind.example:" + port, Body: []byte("{}")})
		if result.ErrKind != want || result.Delivered != (want == "") {
			t.Errorf("lookup %d: %+v, want kind %q", i+1, result, want)
		}
	}
	if n := forbidden(); n != 0 {
		t.Errorf("%d forbidden dials", n)
	}
}

func listen(t testing.TB, address string) net.Listener {
	t.Helper()
	listener, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener
}

// serveOn answers ok on the listener, one request for each connection.
func serveOn(t testing.TB, listener net.Listener) net.Listener {
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Connection", "close")
		w.Write([]byte("ok"))
	})}
	done := make(chan struct{})
	go func() { server.Serve(listener); close(done) }()
	t.Cleanup(func() { server.Close(); <-done })
	return listener
}

// acceptAll closes what comes. The function that it returns ends that, and
// says how many connections there were.
func acceptAll(t testing.TB, listener net.Listener) (count func() int) {
	var n atomic.Int32
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			n.Add(1)
			conn.Close()
		}
	}()
	stop := func() { listener.Close(); <-done }
	t.Cleanup(stop)
	return func() int {
		// One dial of our own is accepted after all that came before it.
		conn, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Read(make([]byte, 1))
		conn.Close()
		stop()
		return int(n.Load()) - 1
	}
}
