package window

import (
	"math"
	"math/rand/v2"
	"strings"
	"testing"
)

// ratio is WCAG's contrast, computed as the standard writes it.
func ratio(a, b colour) float64 {
	luminance := func(c colour) float64 {
		linear := func(v uint8) float64 {
			s := float64(v) / 255
			if s <= 0.04045 {
				return s / 12.92
			}
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return 0.2126*linear(c.r) + 0.7152*linear(c.g) + 0.0722*linear(c.b)
	}
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func TestContrastAgreesWithTheStandard(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 100_000 {
		n := random.Uint64()
		a, b := colour{uint8(n), uint8(n >> 8), uint8(n >> 16)}, colour{uint8(n >> 24), uint8(n >> 32), uint8(n >> 40)}
		if r := ratio(a, b); math.Abs(r-4.5) > 0.001 && readable(a, b) != (r > 4.5) {
			t.Fatalf("%s on %s has %f, readable is %t", a, b, r, readable(a, b))
		}
	}
}

// Whatever colour a merchant chooses, text on it and text in it can be read.
func TestEveryBrandCanBeRead(t *testing.T) {
	const step = 15
	for r := 0; r < 256; r += step {
		for g := 0; g < 256; g += step {
			for b := 0; b < 256; b += step {
				c := colour{uint8(r), uint8(g), uint8(b)}
				for _, pair := range [][2]colour{
					{textOn(c), c}, {accentOn(c, lightPage, white), lightPage}, {accentOn(c, lightPage, white), white}, {accentOn(c, darkPage, darkPage), darkPage},
				} {
					if got := ratio(pair[0], pair[1]); got < 4.49 {
						t.Fatalf("brand %s: %s on %s has %f", c, pair[0], pair[1], got)
					}
				}
			}
		}
	}
}

func TestBrandStyle(t *testing.T) {
	for _, c := range []struct{ colour, want string }{
		{"#336699", "--b:#336699;--on:#ffffff;--a:#336699"},
		{"#FFEB3B", "--b:#ffeb3b;--on:#000000;--a:#"},
		{"", ""}, {"336699", ""}, {"#33669", ""}, {"#3366999", ""}, {"#33669g", ""}, {"#}*{;;", ""}, {"#+12345", ""}, {"#-12345", ""}, {"#1_2345", ""},
	} {
		got := brandStyle(c.colour)
		if c.want == "" && got != "" || !strings.Contains(got, c.want) {
			t.Errorf("%q: %q, want %q in it", c.colour, got, c.want)
		}
	}
}
