package method

import "github.com/galla-gateway/galla/money"

var (
	easypaisa = pakistani("easypaisa", "Easypaisa", RailEasypaisa, 12, number{min: 11, max: 11})
	jazzCash  = pakistani("jazzcash", "JazzCash", RailJazzCash, 13, number{min: 11, max: 12})
)

// pakistani is a wallet of Pakistan.
func pakistani(name, title string, rail Rail, order int, n number) Method {
	return Method{
		Name:       name,
		Title:      title,
		Currency:   money.PKR,
		Rail:       rail,
		Langs:      []string{"en", "ur"},
		Order:      order,
		number:     n,
		identifier: pakistaniMobile,
	}
}
