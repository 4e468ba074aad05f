package api

import (
	"testing"

	"github.com/galla-gateway/galla"
)

// FuzzCursor: a cursor names one place of one merchant's feed, and nothing else is one.
func FuzzCursor(f *testing.F) {
	f.Add("shop", "other", cursor("shop", 7), int64(7))
	f.Add("shop", "shop", "0-00000000", int64(0))
	f.Add("a", "a|1", "+7-"+cursor("a", 7)[2:], int64(1<<62))
	f.Add("", "", "-1-", int64(-1))
	f.Fuzz(func(t *testing.T, slug, another, text string, position int64) {
		if at, err := readCursor(slug, text); err == nil && text != galla.CursorStart && (at < 0 || cursor(slug, at) != text) {
			t.Fatalf("%q is read as %d", text, at)
		}
		if position < 0 {
			return
		}
		written := cursor(slug, position)
		if at, err := readCursor(slug, written); err != nil || at != position {
			t.Fatalf("%d is written as %q and read as %d, %v", position, written, at, err)
		}
		if cut := written[:len(written)-1]; cut != galla.CursorStart {
			if at, err := readCursor(slug, cut); err == nil {
				t.Fatalf("%q was cut and is read as %d", cut, at)
			}
		}
		_, _ = readCursor(another, written) // two slugs may share a check of 8 digits, so only that it ends
	})
}
