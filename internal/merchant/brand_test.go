package merchant

import (
	"strings"
	"testing"
)

func TestCheckBrand(t *testing.T) {
	long := strings.Repeat("ग", MaxName+1)
	for name, test := range map[string]struct {
		brand Brand
		ok    bool
	}{
		"empty":             {Brand{}, true},
		"full":              {Brand{Name: "दुकान & Söhne <b>", Colour: "#5f259f", Theme: "dark", Contact: "help@shop.example, +91 80 1234"}, true},
		"name at the limit": {Brand{Name: long[:len(long)-len("ग")]}, true}, "long name": {Brand{Name: long}, false},
		"long contact": {Brand{Contact: strings.Repeat("x", MaxContact+1)}, false}, "line break": {Brand{Contact: "a\nb"}, false},
		"override": {Brand{Name: "a\u202eb"}, false}, "no UTF-8": {Brand{Name: "\xff"}, false}, "spaces": {Brand{Name: " a"}, false},
		"colour name": {Brand{Colour: "red"}, false}, "large letters": {Brand{Colour: "#5F259F"}, false}, "short": {Brand{Colour: "#fff"}, false},
		"style": {Brand{Colour: "#5f259f;x:y"}, false}, "colour and break": {Brand{Colour: "#5f259f\n"}, false},
		"light": {Brand{Theme: "light"}, true}, "auto": {Brand{Theme: "auto"}, false},
	} {
		if err := test.brand.Check(); (err == nil) != test.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckOrigin(t *testing.T) {
	for origin, want := range map[string]struct{ live, local bool }{
		"https://shop.example": {true, true}, "https://shop.example:8443": {true, true}, "https://10.0.0.1": {true, true}, "https://[2001:db8::1]": {true, true},
		"http://localhost:3000": {false, true}, "http://shop.localhost": {false, true}, "http://127.0.0.1:8080": {false, true}, "http://[::1]:8080": {false, true},
		"http://shop.example": {}, "http://localhost.example": {}, "https://shop.example/": {}, "https://shop.example/a": {}, "https://shop.example?a": {},
		"https://shop.example#a": {}, "https://user@shop.example": {}, "https://*.shop.example": {}, "*": {}, "null": {}, "": {}, "shop.example": {},
		"//shop.example": {}, "https:shop.example": {}, "https://": {}, "https://Shop.example": {}, "https://दुकान.example": {},
		"https://shop.example https://evil.example": {}, "https://shop.example;script-src *": {}, "https://shop.example\n": {}, "ftp://shop.example": {},
		"javascript://shop.example": {}, "https://shop.example:443": {}, "http://localhost:80": {}, "https://shop.example:": {}, "https://shop.example:0": {},
		"https://shop.example:123456": {}, "https://" + strings.Repeat("a", maxOrigin): {}, "https://-shop.example": {}, "https://shop.example,": {},
	} {
		if err := CheckOrigin(origin, false); (err == nil) != want.live {
			t.Errorf("live %q: %v", origin, err)
		}
		if err := CheckOrigin(origin, true); (err == nil) != want.local {
			t.Errorf("local %q: %v", origin, err)
		}
	}
}
