package method

import "github.com/galla-gateway/galla/money"

// upi is one of the UPI methods. They differ only in name: each is a pool of wallets of its own.
func upi(name, title string, order int) Method {
	return Method{
		Name:       name,
		Title:      title,
		Currency:   money.INR,
		Rail:       RailIndia,
		Langs:      []string{"en", "hi"},
		Order:      order,
		number:     rrn,
		identifier: vpa,
	}
}
