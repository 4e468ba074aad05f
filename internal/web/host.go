package web

import "strings"

// The first labels under a server URL and under the base host (protocol 1).
// They are reserved: no merchant has one of them as slug.
const (
	labelAPI     = "api"
	labelWindow  = "plugin"
	labelConsole = "console"
)

// Surface is the part of Galla that a host name selects.
type Surface int

// The surfaces. SurfaceNone: the host selects none, the path decides.
const (
	SurfaceNone Surface = iota
	SurfaceAPI
	SurfaceWindow
	SurfaceConsole
)

// Host is what a request's host name tells. At most one of Slug and Domain is
// set. With neither, the host is the base host or directly under it, and its
// merchant, if it needs one, is GALLA_DEFAULT_MERCHANT.
type Host struct {
	Surface Surface
	Slug    string // the merchant of api.SLUG.BASE, plugin.SLUG.BASE or SLUG.BASE
	Domain  string // any other host without api. or plugin.; maybe a merchant's own
}

// ParseHost reads a host name against the base host, both with or without
// port. Ports don't count: whoever is here has found the right one.
func ParseHost(host, baseHost string) Host {
	name, base := hostName(host), hostName(baseHost)
	if name == base {
		return Host{}
	}
	under, isOurs := strings.CutSuffix(name, "."+base)
	if !isOurs || base == "" {
		return foreign(name)
	}
	switch under {
	case labelAPI:
		return Host{Surface: SurfaceAPI}
	case labelWindow:
		return Host{Surface: SurfaceWindow}
	case labelConsole:
		return Host{Surface: SurfaceConsole}
	}
	surface, slug := splitSurface(under)
	if slug == "" || strings.ContainsAny(slug, ".:") || slug == labelAPI || slug == labelWindow || slug == labelConsole {
		return Host{Domain: name} // under our base and yet nobody's
	}
	return Host{Surface: surface, Slug: slug}
}

func foreign(name string) Host {
	surface, domain := splitSurface(name)
	return Host{Surface: surface, Domain: domain}
}

func splitSurface(name string) (Surface, string) {
	first, rest, found := strings.Cut(name, ".")
	if found && rest != "" {
		switch first {
		case labelAPI:
			return SurfaceAPI, rest
		case labelWindow:
			return SurfaceWindow, rest
		}
	}
	return SurfaceNone, name
}

// hostName takes the port and the final dot from host and lowers its letters.
func hostName(host string) string {
	if colon := strings.LastIndexByte(host, ':'); colon > strings.LastIndexByte(host, ']') {
		host = host[:colon]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
