package method

import "github.com/galla-gateway/galla/money"

var paytm = Method{
	Name:       "paytm",
	Title:      "Paytm",
	Currency:   money.INR,
	Rail:       RailIndia,
	Langs:      []string{"en", "hi"},
	Order:      2,
	number:     rrn,
	identifier: either{indianMobile, vpa},
}
