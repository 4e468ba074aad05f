package api

import (
	_ "embed" // the description of the API
	"net/http"
	"strconv"
)

//go:embed openapi.yaml
var openAPI []byte

// openAPI serves the description of /v3 and of postbacks, OpenAPI 3.1. It is the same for everybody.
func (a *api) openAPI(w http.ResponseWriter, _ *http.Request) {
	header := w.Header()
	header.Set("Content-Type", "application/yaml") // RFC 9512
	header.Set("Content-Length", strconv.Itoa(len(openAPI)))
	w.Write(openAPI) // an error means that the client is gone
}
