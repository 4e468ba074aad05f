package method

import "slices"

// registry is every method, in the order in which they are shown. A new method is a new file and a line here.
var registry = []Method{
	phonePe,
	paytm,
	upi("upi_l", "UPI L", 3),
	upi("upi_ib", "UPI IB", 4),
	upi("upi_hb", "UPI HB", 5),
	upi("upi_in", "UPI IN", 6),
	upi("upi_w", "UPI W", 7),
	upi("upi_m", "UPI M", 8),
	bkash,
	nagad,
	rocket,
	easypaisa,
	jazzCash,
	impsIB,
}

var byName = func() map[string]Method {
	m := make(map[string]Method, len(registry))
	for _, method := range registry {
		m[method.Name] = method
	}
	return m
}()

// Lookup finds a method by its wallet_type. Names are exact.
func Lookup(name string) (Method, bool) {
	m, ok := byName[name]
	return m, ok
}

// All is every method by Order.
func All() []Method { return slices.Clone(registry) }
