package window

import (
	"net/http"

	"github.com/galla-gateway/galla/internal/web"
)

// routes is everything that can be asked here: the same on a host that names the merchant and, on any host, by path.
func (x *Window) routes() []web.Route {
	routes := []web.Route{
		{Method: http.MethodGet, Path: staticPath, Handler: x.public(Assets())},
		{Method: http.MethodGet, Path: "/plugin/{slug}/{$}", Handler: x.page(x.show)},
		{Method: http.MethodPost, Path: "/plugin/{slug}/{$}", Handler: x.page(x.post)},
	}
	for _, below := range []string{"/", "/plugin/{slug}/"} {
		routes = append(routes,
			web.Route{Method: http.MethodGet, Path: below + "events", Handler: x.data(x.events)},
			web.Route{Method: http.MethodGet, Path: below + "state", Handler: x.data(x.state)},
			web.Route{Method: http.MethodGet, Path: below + "logo", Handler: http.HandlerFunc(x.logo)},
			web.Route{Method: http.MethodGet, Path: below + "embed.js", Handler: x.public(EmbedScript())},
		)
	}
	return append(routes,
		web.Route{Method: http.MethodGet, Path: "/{$}", Handler: x.page(x.show)},
		web.Route{Method: http.MethodPost, Path: "/{$}", Handler: x.page(x.post)},
	)
}

// staticPath is where the static files are, on every host and without a merchant: all share one cache.
const staticPath = "/plugin-static/"
