package window

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"
)

// logoPolicy keeps an SVG that is opened by itself from doing anything, whatever is left in it.
const logoPolicy = "default-src 'none'; style-src 'unsafe-inline'; sandbox"

// logoCaching: the address has the content's hash, so a new logo has a new address.
const logoCaching = "public, max-age=86400, immutable"

// logo serves the merchant's logo.
func (x *Window) logo(w http.ResponseWriter, r *http.Request) {
	m, ok := x.merchantOf(r, x.Gateway.Directory())
	if !ok || len(m.Brand().Logo) == 0 {
		x.refuse(w, r, http.StatusNotFound)
		return
	}
	brand, header := m.Brand(), w.Header()
	header.Set("Content-Type", brand.LogoType)
	header.Set("Content-Security-Policy", logoPolicy)
	header.Set("Cache-Control", logoCaching)
	header.Set("ETag", `"`+logoTag(brand.Logo)+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(brand.Logo))
}

// logoTag names a logo's content.
func logoTag(logo []byte) string {
	const shown = 8 // bytes
	sum := sha256.Sum256(logo)
	return hex.EncodeToString(sum[:shown])
}
