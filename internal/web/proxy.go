package web

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// ClientIP is the address that the request came from. X-Forwarded-For counts
// only when the peer is a trusted proxy, and is read from its right end as far
// as trusted proxies wrote it: what is left of that, anybody can invent. The
// zero Addr means unknown (a Unix socket).
func ClientIP(r *http.Request, trusted []netip.Prefix) netip.Addr {
	addr := peer(r)
	if !isTrusted(addr, trusted) {
		return addr
	}
	for _, line := range slices.Backward(r.Header["X-Forwarded-For"]) {
		for line != "" {
			comma := strings.LastIndexByte(line, ',')
			entry := strings.TrimSpace(line[comma+1:])
			line = line[:max(comma, 0)]
			next, ok := parseForwarded(entry)
			if !ok {
				return addr
			}
			if addr = next; !isTrusted(addr, trusted) {
				return addr
			}
		}
	}
	return addr
}

// RequestHost is the host that the request names: X-Forwarded-Host when a
// trusted proxy sent it, else Host. It selects a merchant and nothing more:
// links are built from GALLA_BASE_URL.
func RequestHost(r *http.Request, trusted []netip.Prefix) string {
	if host := forwarded(r, "X-Forwarded-Host", trusted); host != "" {
		return host
	}
	return r.Host
}

// IsHTTPS tells whether the client used TLS, as far as a trusted proxy says so
// (X-Forwarded-Proto) or the connection shows it.
func IsHTTPS(r *http.Request, trusted []netip.Prefix) bool {
	if scheme := forwarded(r, "X-Forwarded-Proto", trusted); scheme != "" {
		return strings.EqualFold(scheme, "https")
	}
	return r.TLS != nil
}

// forwarded is the last value of a header, the one that the nearest proxy
// wrote, or "" when the peer isn't trusted.
func forwarded(r *http.Request, header string, trusted []netip.Prefix) string {
	lines := r.Header[header]
	if len(lines) == 0 || !isTrusted(peer(r), trusted) {
		return ""
	}
	last := lines[len(lines)-1]
	return strings.TrimSpace(last[strings.LastIndexByte(last, ',')+1:])
}

func peer(r *http.Request) netip.Addr {
	addrPort, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return addrPort.Addr().WithZone("").Unmap()
}

func isTrusted(addr netip.Addr, trusted []netip.Prefix) bool {
	for _, prefix := range trusted {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// parseForwarded takes an address as proxies write it: alone, in brackets, or
// with a port.
func parseForwarded(text string) (netip.Addr, bool) {
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(text, "["), "]"))
	if err != nil {
		addrPort, err := netip.ParseAddrPort(text)
		if err != nil {
			return netip.Addr{}, false
		}
		addr = addrPort.Addr()
	}
	return addr.WithZone("").Unmap(), true
}
