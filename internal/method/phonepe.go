package method

import "github.com/galla-gateway/galla/money"

var phonePe = Method{
	Name:       "phone_pe",
	Title:      "PhonePe",
	Currency:   money.INR,
	Rail:       RailIndia,
	Langs:      []string{"en", "hi"},
	Order:      1,
	number:     rrn,
	identifier: indianMobile,
}
