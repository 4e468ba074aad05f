package method

import "github.com/galla-gateway/galla/money"

// impsIB pays out to bank accounts by IMPS. It has no wallets to pay to and takes no transaction numbers from payers;
// the rail is that of the bank's reference of a payout.
var impsIB = Method{
	Name:           "imps_ib",
	Title:          "IMPS",
	Currency:       money.INR,
	Rail:           RailIndia,
	Order:          14,
	WithdrawalOnly: true,
	number:         rrn,
	identifier:     noIdentifier{},
}
