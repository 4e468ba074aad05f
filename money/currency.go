package money

import "fmt"

// Currency is an ISO 4217 code in capitals, for example "INR". Values come from LookupCurrency or from a place that
// stored one.
type Currency string

// The currencies of the payment methods.
const (
	INR Currency = "INR"
	BDT Currency = "BDT"
	PKR Currency = "PKR"
)

// defaultExponent is the number of decimals of most currencies.
const defaultExponent = 2

// isoCodes lists the circulating currencies of ISO 4217, three letters each.
const isoCodes = "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BHD BIF BMD BND BOB BRL BSD BTN BWP BYN BZD " +
	"CAD CDF CHF CLP CNY COP CRC CUP CVE CZK DJF DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GNF GTQ " +
	"GYD HKD HNL HTG HUF IDR ILS INR IQD IRR ISK JMD JOD JPY KES KGS KHR KMF KPW KRW KWD KYD KZT LAK LBP LKR LRD " +
	"LSL LYD MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD NGN NIO NOK NPR NZD OMR PAB PEN PGK PHP " +
	"PKR PLN PYG QAR RON RSD RUB RWF SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC SYP SZL THB TJS TMT TND " +
	"TOP TRY TTD TWD TZS UAH UGX USD UYU UZS VED VES VND VUV WST XAF XCD XCG XOF XPF YER ZAR ZMW ZWG"

// knownCurrencies has every code of isoCodes.
var knownCurrencies = func() map[string]Currency {
	const width = 3
	known := make(map[string]Currency)
	for i := 0; i < len(isoCodes); i += width + 1 {
		code := isoCodes[i : i+width]
		known[code] = Currency(code)
	}
	return known
}()

// LookupCurrency returns the currency of an ISO 4217 code. Codes are exact: "inr" is unknown.
func LookupCurrency(code string) (Currency, error) {
	c, ok := knownCurrencies[code]
	if !ok {
		return "", fmt.Errorf("%w %q", ErrCurrency, clip(code))
	}
	return c, nil
}

// Exponent is the number of decimals of the currency: 2 for INR, 0 for JPY, 3 for KWD.
func (c Currency) Exponent() int {
	switch c {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF":
		return 0
	case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND":
		return 3
	default:
		return defaultExponent
	}
}

// known reports whether the code is one of ISO 4217.
func (c Currency) known() bool {
	_, ok := knownCurrencies[string(c)]
	return ok
}

// clip shortens text from outside for an error message.
func clip(text string) string {
	const limit = 12
	runes := 0
	for i := range text {
		if runes == limit {
			return text[:i] + "…"
		}
		runes++
	}
	return text
}
