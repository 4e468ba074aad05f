package method

import "github.com/galla-gateway/galla/money"

var (
	bkash  = bangladeshi("bkash", "bKash", RailBkash, 9, bangladeshiMobile)
	nagad  = bangladeshi("nagad", "Nagad", RailNagad, 10, bangladeshiMobile)
	rocket = bangladeshi("rocket", "Rocket", RailRocket, 11, rocketAccount)
)

// bangladeshi is a wallet of Bangladesh. Its transaction numbers are 10 letters and digits today and were shorter, so
// 8 to 10 are read.
func bangladeshi(name, title string, rail Rail, order int, id identifier) Method {
	return Method{
		Name:         name,
		Title:        title,
		Currency:     money.BDT,
		Rail:         rail,
		Langs:        []string{"en", "bn"},
		Order:        order,
		AccountTypes: []string{"agent", "personal", "merchant"},
		number:       number{min: 8, max: 10, letters: true},
		identifier:   id,
	}
}
