package web

import (
	"net/http"
	"net/netip"
	"strings"
)

// windowPath begins the paths of the payment window on any host (protocol 1).
const windowPath = "/plugin/"

// staticPath begins the paths of the window's files, which are the same for
// all merchants.
const staticPath = "/plugin-static/"

// openAPIPath is that of the description of the API.
const openAPIPath = "/openapi.yaml"

// apiPaths begin the paths that belong to the API on any host.
var apiPaths = []string{"/api/", "/evidence/", "/rails/", "/v2/", "/v3/"}

// BySurface serves the API and the payment window on one listener. The path
// decides where it names a surface, because every route works on any host;
// else the host does.
func BySurface(api, window http.Handler, baseHost string, trusted []netip.Prefix) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if surfaceOf(r, baseHost, trusted) == SurfaceWindow {
			window.ServeHTTP(w, r)
			return
		}
		api.ServeHTTP(w, r)
	})
}

func surfaceOf(r *http.Request, baseHost string, trusted []netip.Prefix) Surface {
	if strings.HasPrefix(r.URL.Path, windowPath) || strings.HasPrefix(r.URL.Path, staticPath) {
		return SurfaceWindow
	}
	if r.URL.Path == openAPIPath {
		return SurfaceAPI
	}
	for _, path := range apiPaths {
		if strings.HasPrefix(r.URL.Path, path) {
			return SurfaceAPI
		}
	}
	return ParseHost(RequestHost(r, trusted), baseHost).Surface
}
