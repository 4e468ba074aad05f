package main

// numberField takes the transaction number, on the pay screen.
const numberField = "#key1"

// screen is one screen of the window, reached by its link. Each has an order of its own.
type screen struct {
	name   string
	order  string
	method string // wallet_type
	amount string // fixed_amount
	use    string // selector of what a payer uses or reads first: the screen isn't usable without it

	number string // that is claimed before the screen is measured
	paid   bool   // evidence of it comes first
}

// screens are those that a payer walks through.
var screens = []screen{
	{name: "methods", order: "order-1", use: `button[name="wallet_type"]`},
	{name: "amount", order: "order-2", method: "phone_pe", use: `input[name="amount"]:not([type="hidden"])`},
	{name: "pay", order: "order-3", method: "phone_pe", amount: "500", use: numberField},
	{name: "pay UPI, QR", order: "order-4", method: "upi_l", amount: "500", use: "#qr svg"},
	{name: "result waiting", order: "order-5", method: "phone_pe", amount: "500", use: waitingResult, number: "321302038122"},
	{name: "result ok", order: "order-6", method: "phone_pe", amount: "500", use: `[data-status="ok"]`, number: "321302038123", paid: true},
}

const waitingResult = `[data-status="possible_transaction_created"]`

// languages that the screens are measured in: Hindi's letters take three bytes each.
var languages = []string{"en", "hi"}
