package gateway

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/galla-gateway/galla/internal/merchant"
)

func (w *world) merchant(id merchant.ID) *Merchant {
	m, _ := w.g.Directory().Merchant(id)
	return m
}

func TestRedirectsAreNumberedForEver(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		add := func(slug, address string, want int) {
			w.t.Helper()
			if id, err := w.g.AddRedirect(ctx, slug, address, false); err != nil || id != want {
				w.t.Fatalf("%s: %d, %v, want %d", address, id, err, want)
			}
		}
		add("shop", "https://shop.example/ok", 1)
		add("shop", "https://shop.example/fail", 2)
		add("other", "https://other.example/ok", 1)
		w.must(w.g.RemoveRedirect(ctx, "shop", 2))
		add("shop", "https://shop.example/fail", 3)
		for id, want := range map[int]string{1: "https://shop.example/ok", 2: "", 3: "https://shop.example/fail", 0: "", -1: ""} {
			if got, ok := w.merchant(shop).Redirect(id); got != want || ok != (want != "") {
				t.Errorf("redirect %d is %q, %v", id, got, ok)
			}
		}
		_, err := w.g.AddRedirect(ctx, "shop", "https://shop.example/ok", false)
		w.wantRefusal(err, CodeTaken)
		_, err = w.g.AddRedirect(ctx, "nobody", "https://shop.example/new", false)
		w.wantRefusal(err, CodeNotFound)
		for _, address := range []string{"http://shop.example/", "javascript:alert(1)", "//evil.example", "http://localhost/", "https://shop.example/" + strings.Repeat("a", MaxRedirectURL)} {
			_, err = w.g.AddRedirect(ctx, "shop", address, false)
			w.wantRefusal(err, CodeInvalid)
		}
		if id, err := w.g.AddRedirect(ctx, "shop", "http://localhost:3000/done", true); err != nil || id != 4 {
			t.Errorf("local: %d, %v", id, err)
		}
		for _, id := range []int{2, 99} {
			w.wantRefusal(w.g.RemoveRedirect(ctx, "shop", id), CodeNotFound)
		}
		w.wantRefusal(w.g.RemoveRedirect(ctx, "other", 3), CodeNotFound)
	})
}

func TestOrigins(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		w.must(w.g.AddOrigin(ctx, "shop", "https://shop.example", false))
		w.must(w.g.AddOrigin(ctx, "shop", "http://localhost:3000", true))
		w.must(w.g.AddOrigin(ctx, "other", "https://shop.example", false))
		w.wantRefusal(w.g.AddOrigin(ctx, "shop", "https://shop.example", false), CodeTaken)
		w.wantRefusal(w.g.AddOrigin(ctx, "shop", "https://*.example", false), CodeInvalid)
		w.wantRefusal(w.g.AddOrigin(ctx, "shop", "http://localhost:3001", false), CodeInvalid)
		if got := w.merchant(shop).Origins(); !slices.Equal(got, []string{"http://localhost:3000", "https://shop.example"}) {
			t.Errorf("origins are %v", got)
		}
		w.must(w.g.RemoveOrigin(ctx, "shop", "https://shop.example"))
		w.wantRefusal(w.g.RemoveOrigin(ctx, "shop", "https://shop.example"), CodeNotFound)
		if got := w.merchant(other).Origins(); !slices.Equal(got, []string{"https://shop.example"}) {
			t.Errorf("the other's are %v", got)
		}
		for i := len(w.merchant(shop).Origins()); i < MaxOrigins; i++ {
			w.must(w.g.AddOrigin(ctx, "shop", fmt.Sprintf("https://shop%d.example", i), false))
		}
		w.wantRefusal(w.g.AddOrigin(ctx, "shop", "https://onemore.example", false), CodeConflict)
	})
}

func TestBrand(t *testing.T) {
	eachWorld(t, func(w *world) {
		ctx := context.Background()
		text := func(s string) *string { return &s }
		if got := w.merchant(shop).Brand(); got.Name != "shop" || got.Logo != nil {
			t.Errorf("without a brand: %+v", got)
		}
		svg := []byte(`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><g/></svg>`)
		dropped, err := w.g.SetBrand(ctx, "shop", BrandChange{Name: text("Shop & Co"), Logo: &svg, Colour: text("#5f259f"), Theme: text("dark"), Contact: text("help@shop.example")})
		if err != nil || !slices.Equal(dropped, []string{"script"}) {
			t.Fatal(dropped, err)
		}
		_, err = w.g.SetBrand(ctx, "shop", BrandChange{Contact: text("+91 80 1234")})
		w.must(err)
		got := w.merchant(shop).Brand()
		if got.Name != "Shop & Co" || string(got.Logo) != `<svg xmlns="http://www.w3.org/2000/svg"><g></g></svg>` || got.LogoType != "image/svg+xml" ||
			got.Colour != "#5f259f" || got.Theme != "dark" || got.Contact != "+91 80 1234" {
			t.Errorf("the brand is %+v", got)
		}
		var picture bytes.Buffer
		w.must(png.Encode(&picture, image.NewGray(image.Rect(0, 0, 4, 4))))
		data, none := picture.Bytes(), []byte{}
		_, err = w.g.SetBrand(ctx, "shop", BrandChange{Logo: &data, Name: text("")})
		w.must(err)
		if got := w.merchant(shop).Brand(); got.LogoType != "image/png" || got.Name != "shop" {
			t.Errorf("with a PNG: %+v", got)
		}
		bad := []byte("GIF89a")
		for _, change := range []BrandChange{{Logo: &bad}, {Colour: text("red")}, {Theme: text("pink")}, {Name: text("a\nb")}} {
			_, err = w.g.SetBrand(ctx, "shop", change)
			w.wantRefusal(err, CodeInvalid)
		}
		_, err = w.g.SetBrand(ctx, "shop", BrandChange{Logo: &none})
		w.must(err)
		if got := w.merchant(shop).Brand(); got.Logo != nil || got.LogoType != "" || got.Colour != "#5f259f" {
			t.Errorf("without its logo: %+v", got)
		}
		w.must(w.g.ClearBrand(ctx, "shop"))
		if got := w.merchant(shop).Brand(); got.Colour != "" {
			t.Errorf("cleared: %+v", got)
		}
		w.wantRefusal(w.g.ClearBrand(ctx, "nobody"), CodeNotFound)
	})
}
