package window

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
)

//go:embed static
var staticFiles embed.FS

// assetRoot is where the static files are served, on every host.
const assetRoot = "/plugin-static/"

// asset is one static file, ready to be sent.
type asset struct {
	hash        string // of the content: a changed file has another address
	contentType string
	plain, zip  []byte // zip is empty where it saves nothing
}

// contentTypes are the kinds of static files. The system's table isn't asked: it differs from machine to machine.
var contentTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assets are packed when the first is asked for: a start of galla doesn't wait for them, and most commands need none.
var assets = sync.OnceValue(loadAssets)

func loadAssets() map[string]asset {
	all := make(map[string]asset)
	err := fs.WalkDir(staticFiles, "static", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := staticFiles.ReadFile(name)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(content)
		const shown = 8 // bytes of the hash in the address
		a := asset{
			hash:        hex.EncodeToString(sum[:shown]),
			contentType: contentTypes[path.Ext(name)],
			plain:       content,
		}
		if zip := compress(content); len(zip) < len(content) {
			a.zip = zip
		}
		all[path.Base(name)] = a
		return nil
	})
	if err != nil {
		panic(err) // the files are in the binary
	}
	return all
}

// zippers are kept, since each holds most of a megabyte.
var zippers = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestCompression) // fails for unknown levels only
	return w
}}

// compress is the content as gzip; writing to memory can't fail.
func compress(content []byte) []byte {
	var b bytes.Buffer
	w := zippers.Get().(*gzip.Writer)
	defer zippers.Put(w)
	w.Reset(&b)
	w.Write(content)
	w.Close()
	return b.Bytes()
}

// takesGzip reports that the client can read gzip.
func takesGzip(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept-Encoding"), "gzip")
}

// AssetURL is the address of a static file, with the hash of its content: "/plugin-static/<hash>/window.css". A name that
// isn't there panics, since names are written in templates only.
func AssetURL(name string) string {
	a, ok := assets()[name]
	if !ok {
		panic("window: no static file " + strconv.Quote(name))
	}
	return assetRoot + a.hash + "/" + name
}

// Assets serves the static files below /plugin-static/, to be cached for ever. An address with another hash, as a page
// of a neighbour with another version has it during an upgrade, gets this version's file and mustn't keep it.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		hash, name, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, assetRoot), "/")
		a, ok := assets()[name]
		if !ok || !strings.HasPrefix(r.URL.Path, assetRoot) {
			http.NotFound(w, r)
			return
		}
		if hash == a.hash {
			a.serve(w, r, "public, max-age=31536000, immutable")
		} else {
			a.serve(w, r, "no-store")
		}
	})
}

// EmbedScript serves embed.js under the address that merchants write into their pages; it may be cached for an hour.
func EmbedScript() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		assets()["embed.js"].serve(w, r, "public, max-age=3600")
	})
}

func (a asset) serve(w http.ResponseWriter, r *http.Request, caching string) {
	header := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		header.Set("Allow", "GET, HEAD")
		http.Error(w, http.StatusText(http.StatusMethodNotAllowed), http.StatusMethodNotAllowed)
		return
	}
	header.Set("Content-Type", a.contentType)
	header.Set("Cache-Control", caching)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Vary", "Accept-Encoding")
	body := a.plain
	if len(a.zip) > 0 && takesGzip(r) {
		header.Set("Content-Encoding", "gzip")
		body = a.zip
	}
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method == http.MethodGet {
		w.Write(body)
	}
}
