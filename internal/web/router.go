package web

import (
	"net/http"
)

// Route is one line of an edge's table. Path is a pattern of http.ServeMux
// without method and host, such as "/api/v1/transaction/create/{wallet_type}".
// GET serves HEAD too.
type Route struct {
	Method, Path string
	Handler      http.Handler
}

// Router serves a table of routes. Whatever is not in it gets JSON: 404, or 405
// with Allow when the path is known. It never redirects: a client that follows
// turns POST into GET.
type Router struct {
	mux    *http.ServeMux
	refuse func(w http.ResponseWriter, r *http.Request, code int)
}

// WithRefusal makes the router answer what is not in its table by f, for an
// edge that people look at. code is 404, or 405 with Allow set.
func (router *Router) WithRefusal(f func(w http.ResponseWriter, r *http.Request, code int)) *Router {
	router.refuse = f
	return router
}

// RefuseJSON is the refusal of edges that programs ask.
func RefuseJSON(w http.ResponseWriter, r *http.Request, code int) {
	if code == http.StatusMethodNotAllowed {
		Fail(w, code, MessageMethod)
		return
	}
	NotFound(w, r)
}

// NewRouter builds the router. It panics when two routes contradict each
// other, as ServeMux does.
func NewRouter(routes []Route) *Router {
	mux := http.NewServeMux()
	for _, route := range routes {
		mux.Handle(route.Method+" "+route.Path, &served{route.Handler})
	}
	return &Router{mux: mux, refuse: RefuseJSON}
}

// served marks the handlers of the table, to keep them apart from those that
// ServeMux makes up.
type served struct{ http.Handler }

// ServeHTTP serves one request.
func (router *Router) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	handler, _ := router.mux.Handler(r)
	if _, ok := handler.(*served); ok {
		router.mux.ServeHTTP(w, r) // which also fills in the path's values
		return
	}
	// ServeMux has something to say: a redirect to a cleaner path, 405 or 404.
	said := refusal{header: http.Header{}}
	handler.ServeHTTP(&said, r)
	if said.code != http.StatusMethodNotAllowed {
		router.refuse(w, r, http.StatusNotFound)
		return
	}
	w.Header()["Allow"] = said.header["Allow"]
	router.refuse(w, r, http.StatusMethodNotAllowed)
}

// refusal listens to what ServeMux would have answered.
type refusal struct {
	header http.Header
	code   int
}

func (s *refusal) Header() http.Header            { return s.header }
func (s *refusal) WriteHeader(code int)           { s.code = code }
func (s *refusal) Write(data []byte) (int, error) { return len(data), nil }
