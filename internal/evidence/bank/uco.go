package bank

// UCO prints no reference in this text: it waits for a second source.
var uco = Bank{
	Name:    "UCO Bank",
	Headers: []string{"UCOBNK"},
	Zone:    India,
	Templates: []Template{
		{"uco_upi", "A/c {tail} Credited with {amount} on {date} by UCO-UPI. Avl Bal"},
	},
}
