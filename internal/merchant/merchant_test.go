package merchant

import (
	"strings"
	"testing"
)

func TestCheckSlug(t *testing.T) {
	for slug, want := range map[string]bool{
		"shop": true, "a": true, "7": true, "my-shop-2": true, strings.Repeat("a", 63): true, "a--b": true,
		"": false, "Shop": false, "-shop": false, "shop-": false, "sh_op": false, "sh.op": false, "shop\n": false,
		strings.Repeat("a", 64): false, "दुकान": false, "api": false, "plugin": false, "console": false, "apis": true,
	} {
		if err := CheckSlug(slug); (err == nil) != want {
			t.Errorf("%q: %v", slug, err)
		}
	}
}

func TestCheckPostbackURL(t *testing.T) {
	for text, want := range map[string]bool{
		"https://shop.example/postback": true, "http://127.0.0.1:8080/p?x=1": true, "https://[2001:db8::1]/": true,
		"": false, "shop.example/postback": false, "ftp://shop.example/": false, "https:///path": false, "https:": false,
		"https://user:secret@shop.example/": false, "https://shop.example/#part": false, "javascript:alert(1)": false,
		"https://shop.example/%zz": false, "https://shop.example\n.evil/": false,
	} {
		err := CheckPostbackURL(text)
		if (err == nil) != want {
			t.Errorf("%q: %v", text, err)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error tells the password: %v", err)
		}
	}
}
