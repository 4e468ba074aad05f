package window

import (
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"

	"rsc.io/qr"

	"github.com/galla-gateway/galla/money"
)

func TestUPILink(t *testing.T) {
	for _, c := range []struct{ identifier, holder, amount, note, want string }{
		{"shop@okbank", "", "", "", "upi://pay?pa=shop@okbank&cu=INR"},
		{"shop@okbank", "Ramesh Kumar", "500.50", "", "upi://pay?pa=shop@okbank&pn=Ramesh%20Kumar&am=500.50&cu=INR"},
		{"shop@okbank", "A&B + Söhne=100%", "1", "order #1", "upi://pay?pa=shop@okbank&pn=A%26B%20%2B%20S%C3%B6hne%3D100%25&am=1&cu=INR&tn=order%20%231"},
		{"shop@okbank", "रमेश", "1", "", "upi://pay?pa=shop@okbank&pn=%E0%A4%B0%E0%A4%AE%E0%A5%87%E0%A4%B6&am=1&cu=INR"},
		{"6234234234", "Ramesh", "500", "", ""},
	} {
		got := UPILink(c.identifier, c.holder, c.amount, "INR", c.note)
		if got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
		if got == "" {
			continue
		}
		u, err := url.Parse(got)
		if err != nil || u.Query().Get("pa") != c.identifier || u.Query().Get("pn") != c.holder || u.Query().Get("tn") != c.note {
			t.Errorf("%q reads as %v (%v)", got, u.Query(), err)
		}
	}
	if AppLinks("") != nil {
		t.Error("app links without a UPI link")
	}
}

func TestFormatAmount(t *testing.T) {
	for _, c := range []struct{ lang, text, currency, want string }{
		{"en", "0.5", "INR", "₹0.50"},
		{"en", "5", "INR", "₹5"},
		{"en", "999", "INR", "₹999"},
		{"en", "1000", "INR", "₹1,000"},
		{"hi", "99999.99", "INR", "₹99,999.99"},
		{"en", "125000.50", "INR", "₹1,25,000.50"},
		{"en", "1234567", "INR", "₹12,34,567"},
		{"en", "999999999999.99", "INR", "₹9,99,99,99,99,999.99"},
		{"bn", "125000", "BDT", "৳1,25,000"},
		{"en", "125000", "PKR", "Rs\u00a01,25,000"},
		{"ur", "125000", "PKR", "\u2066Rs\u00a01,25,000\u2069"},
		{"en", "1234567.5", "USD", "USD\u00a01,234,567.50"},
		{"en", "1234567", "JPY", "JPY\u00a01,234,567"},
		{"en", "1234.567", "KWD", "KWD\u00a01,234.567"},
	} {
		m, err := money.Parse(c.text, money.Currency(c.currency))
		if err != nil {
			t.Fatal(err)
		}
		if got := FormatAmount(c.lang, m); got != c.want {
			t.Errorf("%s %s in %s: %q, want %q", c.text, c.currency, c.lang, got, c.want)
		}
	}
	if got := FormatAmount("en", money.Money{Minor: -12_345_678, Currency: money.INR}); got != "−₹1,23,456.78" {
		t.Error(got)
	}
}

// The drawing has a dark module exactly where the code has one, and an empty border of four around it.
func TestQRIsDrawnModuleForModule(t *testing.T) {
	text := UPILink("chaikitab.store@okhdfcbank", "Ramesh Kumar", "125000.50", "INR", "")
	svg, err := NewQR(text)
	if err != nil {
		t.Fatal(err)
	}
	decoder := xml.NewDecoder(strings.NewReader(string(svg)))
	var paths []string
	var box string
	for {
		token, err := decoder.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if start, ok := token.(xml.StartElement); ok {
			for _, a := range start.Attr {
				switch a.Name.Local {
				case "d":
					paths = append(paths, a.Value)
				case "viewBox":
					box = a.Value
				}
			}
		}
	}
	code, err := qr.Encode(text, qr.M)
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) != 2 || !strings.HasPrefix(box, "0 0 ") {
		t.Fatalf("%d paths, viewBox %q", len(paths), box)
	}
	drawn := modules(t, paths[1])
	for y := -quietZone; y < code.Size+quietZone; y++ {
		for x := -quietZone; x < code.Size+quietZone; x++ {
			if drawn[[2]int{x + quietZone, y + quietZone}] != code.Black(x, y) {
				t.Fatalf("module %d, %d is wrong", x, y)
			}
		}
	}
	if _, err := NewQR(strings.Repeat("x", 5000)); err == nil {
		t.Error("a text that fits no code was drawn")
	}
}

// modules reads the rows of a path: M<x> <y>h<length>v1h-<length>z.
func modules(t *testing.T, path string) map[[2]int]bool {
	t.Helper()
	found := make(map[[2]int]bool)
	for _, row := range strings.Split(strings.TrimSuffix(path, "z"), "z") {
		var x, y, length, back int
		if _, err := fmt.Sscanf(row, "M%d %dh%dv1h-%d", &x, &y, &length, &back); err != nil || length != back {
			t.Fatalf("row %q: %v", row, err)
		}
		for i := range length {
			found[[2]int{x + i, y}] = true
		}
	}
	return found
}
