package sender

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"code.dny.dev/ssrf"
)

// ErrForbidden: the name resolved to an address that is not public and that
// GALLA_POSTBACK_ALLOW doesn't name.
var ErrForbidden = errors.New("address is not allowed")

// guardian knows the IANA special-purpose registries of IPv4 and IPv6. Ports
// are free: merchants' test systems listen anywhere.
var guardian = ssrf.New(ssrf.WithAnyPort())

// azureWireServer answers every virtual machine on Azure with the machine's
// configuration, at an address that looks public.
var azureWireServer = netip.MustParseAddr("168.63.129.16")

// Allowed tells whether a request may go to addr: to public unicast addresses
// and to those in allow. Everything else is refused, with the reason. Zones are
// ignored and an IPv4-mapped address counts as the IPv4 address that the
// kernel would dial.
func Allowed(addr netip.Addr, allow []netip.Prefix) (ok bool, reason string) {
	if !addr.IsValid() {
		return false, "not an IP address"
	}
	addr = addr.WithZone("").Unmap()
	if ssrf.IPv6NAT64Prefix.Contains(addr) {
		// On an IPv6-only network the operator allows the NAT64 prefix; that
		// must not open the IPv4 addresses behind it which stay refused.
		text := addr.As16()
		if ok, reason := Allowed(netip.AddrFrom4([4]byte(text[12:])), allow); !ok {
			return false, "NAT64 of an address that is refused: " + reason
		}
	}
	for _, prefix := range allow {
		if prefix.Contains(addr) {
			return true, ""
		}
	}
	if addr == azureWireServer {
		return false, "168.63.129.16 is Azure's WireServer, not a public host"
	}
	if err := guardian.SafeAddr(addr); err != nil {
		return false, refusal(addr)
	}
	return true, ""
}

// refusal says in a few words what kind of address was refused.
func refusal(addr netip.Addr) string {
	kind := "reserved"
	switch {
	case addr.IsUnspecified():
		kind = "unspecified"
	case addr.IsLoopback():
		kind = "loopback"
	case addr.IsPrivate():
		kind = "private"
	case addr.IsLinkLocalUnicast():
		kind = "link-local"
	case addr.IsMulticast():
		kind = "multicast"
	}
	return fmt.Sprintf("%s is a %s address", addr, kind)
}

// control returns the check that net.Dialer runs after it has resolved the
// name and before it connects. What is checked here is what is dialled, so a
// name that changes its address between two lookups gains nothing.
func control(allow []netip.Prefix) func(network, address string, _ syscall.RawConn) error {
	return func(_, address string, _ syscall.RawConn) error {
		target, err := netip.ParseAddrPort(address)
		if err != nil {
			return fmt.Errorf("%w: %q is not an IP address and port", ErrForbidden, address)
		}
		if ok, reason := Allowed(target.Addr(), allow); !ok {
			return fmt.Errorf("%w: %s", ErrForbidden, reason)
		}
		return nil
	}
}
