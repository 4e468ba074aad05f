package window

import (
	"reflect"
	"testing"
)

// FuzzPage: no text in any field of any screen becomes more than text.
func FuzzPage(f *testing.F) {
	for _, payload := range []string{`<script>evil()</script>`, `" onmouseover=evil() `, "javascript:evil()", "//evil.example", `</style><img src=x>`, "upi://pay?pa=<b>", "mailto:a@b\"><svg>", "\x00\u2028"} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		for _, page := range screens() {
			stringFields(reflect.ValueOf(&page), "Page", func(_ string, field reflect.Value) { field.SetString(payload) })
			inspectPage(t, page, payload)
		}
	})
}
