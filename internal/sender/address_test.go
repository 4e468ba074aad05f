package sender

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

// addresses is the table of the address rule. A spelling that netip can't read
// is a name for the resolver, never an address: it must be refused as such.
const addresses = `
# loopback, and spellings that some programs take for it
deny 127.0.0.1
deny 127.0.0.0
deny 127.0.0.2
deny 127.1.2.3
deny 127.255.255.255
deny ::1
deny 0:0:0:0:0:0:0:1
deny 0000:0000:0000:0000:0000:0000:0000:0001
deny ::1%lo
deny 127.1
deny 127.0.1
deny 2130706433
deny 017700000001
deny 0x7f000001
deny 0x7f.1
deny 0x7f.0.0.1
deny 0177.0.0.1
deny 0177.0.0.01
deny 127.0.0.01
deny 127.0.0.1.
deny 127.0.0.1:80
deny [::1]
deny １２７.0.0.1
deny 127。0。0。1
deny ①②⑦.0.0.1
deny localhost
# IPv4-mapped
deny ::ffff:127.0.0.1
deny ::ffff:7f00:1
deny ::FFFF:7F00:0001
deny 0:0:0:0:0:ffff:127.0.0.1
deny ::ffff:10.0.0.1
deny ::ffff:172.16.0.1
deny ::ffff:192.168.1.1
deny ::ffff:169.254.169.254
deny ::ffff:a9fe:a9fe
deny ::ffff:0.0.0.0
deny ::ffff:100.64.0.1
deny ::ffff:224.0.0.1
deny ::ffff:255.255.255.255
deny ::ffff:10.0.0.1%eth0
allow ::ffff:8.8.8.8
# other ways to carry an IPv4 address
deny ::127.0.0.1
deny ::10.0.0.1
deny ::8.8.8.8
deny ::ffff:0:127.0.0.1
deny 64:ff9b::127.0.0.1
deny 64:ff9b::10.0.0.1
deny 64:ff9b::a9fe:a9fe
deny 64:ff9b::8.8.8.8
deny 64:ff9b:1::10.0.0.1
deny 2002:7f00:1::
deny 2002:0a00:0001::1
deny 2002:c0a8:101::1
deny 2002:a9fe:a9fe::
deny 2002:808:808::1
deny 2001::1
deny 2001:0:4136:e378:8000:63bf:3fff:fdd2
deny 2001:0:7f00:1:8000:63bf:80ff:fffe
# "this network" and unspecified
deny 0.0.0.0
deny 0.0.0.1
deny 0.255.255.255
deny ::
deny 0:0:0:0:0:0:0:0
deny 0
deny 00000000000
# private
deny 10.0.0.0
deny 10.0.0.1
deny 10.255.255.255
deny 172.16.0.0
deny 172.17.0.1
deny 172.31.255.255
deny 192.168.0.0
deny 192.168.0.1
deny 192.168.255.255
deny fc00::
deny fc00::1
deny fd00::1
deny fd12:3456:789a:1::1
deny fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff
deny fec0::1
# link-local
deny 169.254.0.1
deny 169.254.255.255
deny fe80::1
deny fe80::1%eth0
deny fe80::1%25eth0
deny febf::1
# shared address space
deny 100.64.0.0
deny 100.64.0.1
deny 100.127.255.255
# metadata services of clouds
deny 169.254.169.254
deny 169.254.169.253
deny 169.254.170.2
deny 169.254.169.123
deny 100.100.100.200
deny 192.0.0.192
deny 168.63.129.16
deny ::ffff:168.63.129.16
deny fd00:ec2::254
deny fd00:ec2::23
deny fd20:ce::254
deny fe80::a9fe:a9fe
deny 2852039166
deny 0xa9fea9fe
deny 0xa9.0xfe.0xa9.0xfe
# protocol assignments, AS112, AMT, 6to4 relay, benchmarking, documentation
deny 192.0.0.1
deny 192.0.0.8
deny 192.0.0.170
deny 192.0.2.1
deny 192.31.196.1
deny 192.52.193.1
deny 192.88.99.1
deny 192.175.48.1
deny 198.18.0.1
deny 198.19.255.255
deny 198.51.100.1
deny 203.0.113.1
deny 2001:db8::1
deny 2001:db8:ffff:ffff:ffff:ffff:ffff:ffff
deny 3fff::1
deny 2001:2::1
deny 2001:10::1
deny 2001:20::1
deny 2001:1ff:ffff::1
deny 2620:4f:8000::1
deny 100::1
deny 5f00::1
# multicast and reserved
deny 224.0.0.1
deny 224.0.0.251
deny 232.1.1.1
deny 239.255.255.250
deny 239.255.255.255
deny 240.0.0.1
deny 250.1.2.3
deny 255.255.255.254
deny 255.255.255.255
deny ff02::1
deny ff02::fb
deny ff05::1:3
deny ff0e::1
deny ffff::1
deny 4000::1
deny 1fff::1
deny e000::1
# public, also just beside the refused ranges
allow 1.1.1.1
allow 8.8.8.8
allow 9.255.255.255
allow 11.0.0.0
allow 1.0.0.0
allow 100.63.255.255
allow 100.128.0.0
allow 126.255.255.255
allow 128.0.0.0
allow 168.63.129.15
allow 168.63.129.17
allow 169.253.255.255
allow 169.255.0.0
allow 172.15.255.255
allow 172.32.0.0
allow 192.0.1.0
allow 192.0.3.0
allow 192.167.255.255
allow 192.169.0.0
allow 198.17.255.255
allow 198.20.0.0
allow 223.255.255.255
allow 2001:200::1
allow 2001:4860:4860::8888
allow 2003::1
allow 2400:cb00::1
allow 2606:4700:4700::1111
allow 2a00:1450:4001:800::200e
allow 2c00::1
# not addresses at all
deny merchant.example
deny 256.1.1.1
deny 1.2.3
deny 1.2.3.4.5
deny :::1
deny 2001:db8::1::1
`

func TestAllowed(t *testing.T) {
	count := 0
	for line := range strings.Lines(addresses) {
		want, text, found := strings.Cut(strings.TrimSpace(line), " ")
		if !found || want == "#" {
			continue
		}
		count++
		addr, _ := netip.ParseAddr(text) // the zero Addr when it is none
		ok, reason := Allowed(addr, nil)
		if ok != (want == "allow") || ok != (reason == "") {
			t.Errorf("%s: allowed %v (%s); want %s", text, ok, reason, want)
		}
		// The same when a dialer asks.
		if addr.IsValid() {
			err := control(nil)("tcp", netip.AddrPortFrom(addr, 443).String(), nil)
			if ok != (err == nil) || err != nil && !errors.Is(err, ErrForbidden) {
				t.Errorf("%s: control = %v", text, err)
			}
		}
	}
	if count < 120 {
		t.Errorf("%d addresses in the table; want 120", count)
	}
}

func TestAllowedByTheOperator(t *testing.T) {
	prefixes := func(texts ...string) (list []netip.Prefix) {
		for _, text := range texts {
			list = append(list, netip.MustParsePrefix(text))
		}
		return list
	}
	tests := []struct {
		addr  string
		allow []netip.Prefix
		ok    bool
	}{
		{"127.0.0.1", prefixes("127.0.0.0/8"), true},
		{"::ffff:127.0.0.1", prefixes("127.0.0.0/8"), true},
		{"::1", prefixes("127.0.0.0/8"), false},
		{"::1", prefixes("::1/128"), true},
		{"10.1.2.3", prefixes("10.1.2.0/24", "192.168.0.0/16"), true},
		{"192.168.9.9", prefixes("10.1.2.0/24", "192.168.0.0/16"), true},
		{"10.1.3.3", prefixes("10.1.2.0/24"), false},
		{"8.8.8.8", prefixes("10.0.0.0/8"), true},
		{"fe80::1%eth0", prefixes("fe80::/10"), true},
		{"168.63.129.16", prefixes("168.63.129.16/32"), true},
		{"64:ff9b::8.8.8.8", prefixes("64:ff9b::/96"), true},
		{"64:ff9b::127.0.0.1", prefixes("64:ff9b::/96"), false},
		{"64:ff9b::10.0.0.1", prefixes("64:ff9b::/96", "10.0.0.0/8"), true},
	}
	for _, tt := range tests {
		if ok, reason := Allowed(netip.MustParseAddr(tt.addr), tt.allow); ok != tt.ok {
			t.Errorf("%s with %v: allowed %v (%s), want %v", tt.addr, tt.allow, ok, reason, tt.ok)
		}
	}
}

func TestRefusalNamesTheKind(t *testing.T) {
	tests := map[string]string{
		"127.0.0.1": "loopback", "10.0.0.1": "private", "fd00::1": "private", "169.254.1.1": "link-local",
		"224.0.0.1": "multicast", "0.0.0.0": "unspecified", "240.0.0.1": "reserved", "168.63.129.16": "Azure",
		"64:ff9b::10.0.0.1": "NAT64",
	}
	for addr, word := range tests {
		if _, reason := Allowed(netip.MustParseAddr(addr), nil); !strings.Contains(reason, word) {
			t.Errorf("%s: %q; want %q in it", addr, reason, word)
		}
	}
}

func TestControlWantsAnAddress(t *testing.T) {
	for _, address := range []string{"", "merchant.example:80", "8.8.8.8", "/run/postgresql.sock"} {
		if err := control(nil)("tcp", address, nil); !errors.Is(err, ErrForbidden) {
			t.Errorf("%q: %v", address, err)
		}
	}
}

func FuzzAllowed(f *testing.F) {
	for line := range strings.Lines(addresses) {
		if _, text, found := strings.Cut(strings.TrimSpace(line), " "); found {
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := netip.ParseAddr(text)
		ok, reason := Allowed(addr, nil)
		if ok != (reason == "") {
			t.Fatalf("%q: %v with reason %q", text, ok, reason)
		}
		if err != nil && ok {
			t.Fatalf("%q is no address and allowed", text)
		}
		plain := addr.WithZone("").Unmap()
		if ok && (plain.IsPrivate() || plain.IsLoopback() || plain.IsLinkLocalUnicast() || plain.IsMulticast() || plain.IsUnspecified()) {
			t.Fatalf("%q is allowed", text)
		}
	})
}
